"""One run of the twin: start, session, welcome, and an end in good order whatever ends it."""

from __future__ import annotations

import argparse
import asyncio
import signal
from collections.abc import Callable, Iterator

from twin.api_client import ApiRefused
from twin.cloudformation import TemplateFault
from twin.console import Narrator
from twin.exchange import ExchangeRefused
from twin.processes import ChildFailed, TwinRunning
from twin.running import InvocationFailed, Options
from twin.runtime_api import InitFailed
from twin.servers import ServerFailed
from twin.session import SessionFailed, play_session
from twin.supervisor import run_twin
from twin.synthesis import SynthesisFailed
from twin.welcome import welcome

_FAULTS = (
    TwinRunning,
    TemplateFault,
    SynthesisFailed,
    ServerFailed,
    ChildFailed,
    ExchangeRefused,
    InitFailed,
    InvocationFailed,
    SessionFailed,
    ApiRefused,
)
_INTERRUPTED = 130


def run(arguments: argparse.Namespace, narrator: Narrator) -> int:
    """Run to the end; the process's exit code."""
    try:
        with asyncio.Runner() as runner:
            return runner.run(_run(arguments, narrator))
    except (asyncio.CancelledError, KeyboardInterrupt):
        narrator.say("stopped before the session was over")
        return _INTERRUPTED
    except BaseExceptionGroup as group:
        ours, others = group.split(_FAULTS)
        if ours is None or others is not None:
            raise
        for fault in _leaves(ours):
            narrator.say(str(fault), style="bold red")
    except _FAULTS as fault:
        narrator.say(str(fault), style="bold red")
    narrator.say(f"the logs of every part are in {arguments.state / 'logs'}")
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
    _at_interrupt(_only_once(main_task.cancel))
    is_good, trader = True, None
    async with run_twin(options, narrator) as twin:
        if not arguments.no_session:
            played = await play_session(
                twin, narrator, report_file=arguments.report, replay=arguments.replay, speed=arguments.speed
            )
            is_good, trader = played.is_good, played.trader
        await twin.settled
        if not arguments.once:
            await welcome(twin, narrator, trader)
            interrupted = asyncio.Event()
            _at_interrupt(interrupted.set)
            await interrupted.wait()
    narrator.say("stopped")
    return 0 if is_good else 1


def _at_interrupt(react: Callable[[], object]) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, react)


def _only_once(react: Callable[[], object]) -> Callable[[], None]:
    """A second Ctrl-C must not cut short the stopping that the first one began."""
    signals: list[None] = []

    def react_to_first() -> None:
        signals.append(None)
        if len(signals) == 1:
            react()

    return react_to_first
