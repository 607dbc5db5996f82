"""`python -m twin` runs the whole product and plays a trading session; `--help` lists the options."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console

from twin.api_client import ApiRefused
from twin.cloudformation import TemplateFault
from twin.console import Narrator
from twin.processes import REPOSITORY, ChildFailed, TwinRunning
from twin.running import InvocationFailed, Options
from twin.runtime_api import InitFailed
from twin.servers import ServerFailed
from twin.session import SessionFailed, play_session
from twin.supervisor import run_twin
from twin.synthesis import SynthesisFailed

_FAULTS = (
    TwinRunning,
    TemplateFault,
    SynthesisFailed,
    ServerFailed,
    ChildFailed,
    InitFailed,
    InvocationFailed,
    SessionFailed,
    ApiRefused,
)

PLAIN_WIDTH = 140


def main() -> int:
    """The exit code: 0 when the session went as its script says and ledger and exchange agree."""
    arguments = _parser().parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    # A pipe has no width of its own: tables then take what they need.
    narrator = Narrator(Console(width=None if sys.stdout.isatty() else PLAIN_WIDTH))
    try:
        with asyncio.Runner() as runner:
            return runner.run(_run(arguments, narrator))
    except asyncio.CancelledError:
        narrator.say("stopped before the session was over")
        return 130
    except BaseExceptionGroup as group:
        ours, others = group.split(_FAULTS)
        if ours is None or others is not None:
            raise
        for fault in _leaves(ours):
            narrator.say(str(fault), style="bold red")
    except _FAULTS as fault:
        narrator.say(str(fault), style="bold red")
    return 1


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for fault in group.exceptions:
        if isinstance(fault, BaseExceptionGroup):
            yield from _leaves(fault)
        else:
            yield fault


async def _run(arguments: argparse.Namespace, narrator: Narrator) -> int:
    options = Options(
        state=arguments.state,
        templates=arguments.templates,
        port=arguments.port,
        replay=arguments.replay,
        speed=arguments.speed,
    )
    main_task = asyncio.current_task()
    assert main_task is not None
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, main_task.cancel)
    async with run_twin(options, narrator) as twin:
        agreed = True
        if not arguments.no_session:
            agreed = await play_session(
                twin, narrator, report_file=arguments.report, replay=arguments.replay, speed=arguments.speed
            )
        await twin.settled
        if not arguments.once:
            _announce(twin.api_url, twin.exchange_address.url, narrator)
            await _until_interrupted(loop)
    narrator.say("stopped")
    return 0 if agreed else 1


async def _until_interrupted(loop: asyncio.AbstractEventLoop) -> None:
    interrupted = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupted.set)
    await interrupted.wait()


def _announce(api_url: str, exchange_url: str, narrator: Narrator) -> None:
    narrator.say(f"API {api_url}/api/v1   docs {api_url}/docs   exchange {exchange_url}   (Ctrl-C stops everything)")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m twin", description=__doc__)
    parser.add_argument("--once", action="store_true", help="stop after the session")
    parser.add_argument("--no-session", action="store_true", help="only start the product")
    parser.add_argument("--replay", type=_existing_file, help="CSV of minute candles, plain or .gz, as prices")
    parser.add_argument("--speed", type=float, default=60.0, help="how many times faster than life to replay")
    parser.add_argument("--port", type=int, default=0, help="port of the API on loopback (default: a free one)")
    parser.add_argument("--state", type=Path, default=REPOSITORY / "build" / "twin", help="folder for logs and data")
    parser.add_argument(
        "--report", type=Path, default=REPOSITORY / "build" / "session.json", help="where the session is recorded"
    )
    parser.add_argument("--templates", type=Path, help="use these synthesised templates as they are")
    return parser


def _existing_file(text: str) -> Path:
    path = Path(text)
    if not path.is_file():
        raise argparse.ArgumentTypeError(f"{text} does not exist")
    return path.resolve()


if __name__ == "__main__":
    sys.exit(main())
