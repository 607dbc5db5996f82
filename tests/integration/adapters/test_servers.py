"""The embedded servers: what a crash leaves behind does not keep the next start from working."""

from __future__ import annotations

import os
import signal
from contextlib import ExitStack
from pathlib import Path
from typing import Any, cast

import psutil
import psycopg
import pytest
from redis import Redis

from twin.servers import SUPERUSER, ServerAddress, start_postgres, start_valkey

PASSWORD = "superuser"


def ask(server: ServerAddress, question: str) -> object:
    with psycopg.connect(
        host=server.host, port=server.port, user=SUPERUSER, password=PASSWORD, dbname="postgres", autocommit=True
    ) as connection:
        answer = connection.execute(question)
        return answer.fetchone() if answer.description else None


def has_ended(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_data_stay_when_a_server_is_stopped_and_started_again(tmp_path: Path) -> None:
    with start_postgres(tmp_path, password=PASSWORD) as first:
        ask(first, "create table kept (id integer)")

    with start_postgres(tmp_path, password=PASSWORD) as second:
        assert ask(second, "select count(*) from kept") == (0,)
    assert has_ended(first.pid)
    assert has_ended(second.pid)


def test_servers_listen_on_loopback_only_and_ask_for_the_password(tmp_path: Path) -> None:
    with start_postgres(tmp_path / "pg", password=PASSWORD) as postgres, start_valkey(tmp_path / "vk") as valkey:
        servers = (postgres.pid, valkey.pid)
        sockets = [c for c in psutil.net_connections("inet") if c.pid in servers and c.status == psutil.CONN_LISTEN]
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(host=postgres.host, port=postgres.port, user=SUPERUSER, password="wrong", dbname="postgres")

    assert {cast(Any, socket.laddr).ip for socket in sockets} == {"127.0.0.1"}
    assert len(sockets) == 2


def test_a_killed_postgres_starts_again_with_its_data(tmp_path: Path) -> None:
    # given a server that was killed, so that its own lock file is left
    with start_postgres(tmp_path, password=PASSWORD) as killed:
        ask(killed, "create table kept (id integer)")
        os.kill(killed.pid, signal.SIGKILL)

    with start_postgres(tmp_path, password=PASSWORD) as again:
        assert ask(again, "select count(*) from kept") == (0,)


def test_a_server_that_a_crashed_owner_left_running_is_replaced(tmp_path: Path) -> None:
    # given servers whose owner is not there any more to stop them
    with ExitStack() as owners:
        old_postgres = owners.enter_context(start_postgres(tmp_path / "pg", password=PASSWORD))
        old_valkey = owners.enter_context(start_valkey(tmp_path / "vk"))

        # when the next owner starts on the same folders
        postgres = owners.enter_context(start_postgres(tmp_path / "pg", password=PASSWORD))
        valkey = owners.enter_context(start_valkey(tmp_path / "vk"))

        # then the old ones are gone and the new ones answer
        assert has_ended(old_postgres.pid)
        assert has_ended(old_valkey.pid)
        assert ask(postgres, "select 1") == (1,)
        with Redis(host=valkey.host, port=valkey.port) as client:
            assert client.ping()


@pytest.mark.parametrize("pid", [os.getpid(), 2**22 + 1], ids=["somebody else's", "nobody's"])
def test_a_stale_pid_is_not_taken_for_the_server(tmp_path: Path, pid: int) -> None:
    # given the pid file of a crash, whose number now belongs to another process or to none
    (tmp_path / "server.pid").write_text(str(pid))

    with start_valkey(tmp_path) as valkey, Redis(host=valkey.host, port=valkey.port) as client:
        assert client.ping()


def test_half_a_cluster_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "cluster").mkdir()
    (tmp_path / "cluster" / "half").write_text("made")

    with start_postgres(tmp_path, password=PASSWORD) as server:
        assert ask(server, "select 1") == (1,)
