"""`python -m exchange_simulator` serves, tells how to reach it, and stops when asked."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kiteconnect import KiteConnect

from tests.contract.exchange_simulator.desk import control, until

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts the simulator on a free port."""
    started: list[subprocess.Popen[str]] = []

    def run(*flags: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "exchange_simulator", "--port", "0", *flags]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        return started[-1]

    yield run
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_ready_made_account_works_and_a_signal_stops_cleanly(start: Start, stop: signal.Signals) -> None:
    # given a simulator that has said that it is ready
    process = start("--ready-json", "--funds", "5000")
    assert process.stdout is not None
    ready = json.loads(process.stdout.readline())
    # when its own account is used
    kite = KiteConnect(ready["api_key"], ready["access_token"], root=ready["url"])
    assert kite.margins("equity")["net"] == 5000
    kite.reqsession.close()
    # then a signal ends it without a word of complaint
    process.send_signal(stop)
    _, complaints = process.communicate(timeout=10)
    assert (process.returncode, complaints) == (0, "")


def test_replayed_file_decides_the_prices(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "prices.csv"
    path.write_text(
        "timestamp,symbol,open,high,low,close,volume\n2026-01-05 09:15:00,INFY,1600.00,1604.00,1598.00,1602.50,12\n"
    )
    process = start("--ready-json", "--replay", str(path), "--speed", "600")
    assert process.stdout is not None
    url = json.loads(process.stdout.readline())["url"]
    seen = until(lambda: (tick := control(url, "GET", "/ticks/INFY"))["last_price"] == 1602.5 and tick)
    assert seen["ticks"] == 10


def test_human_reader_sees_urls_and_credentials(start: Start) -> None:
    process = start()
    assert process.stdout is not None
    shown = [process.stdout.readline().split()[0] for _ in range(9)]
    assert shown == [
        "Simulated",
        "url",
        "ws_url",
        "login_url",
        "user_id",
        "api_key",
        "api_secret",
        "access_token",
        "funds",
    ]


def test_unreadable_replay_file_is_an_error(start: Start, tmp_path: Path) -> None:
    process = start("--replay", str(tmp_path / "missing.csv"))
    _, complaint = process.communicate(timeout=10)
    assert process.returncode == 1
    assert "cannot replay" in complaint
