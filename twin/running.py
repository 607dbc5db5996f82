"""A running product, as those who use it see it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from twin.exchange import ExchangeAddress, ExchangeControl
from twin.functions import Lambda
from twin.scheduler import Scheduler
from twin.telemetry import Telemetry
from twin.watcher import Watcher
from twin.wiring import Wiring


@dataclass(frozen=True, slots=True)
class Options:
    """How to start a twin. `templates` None: the twin keeps its own up to date."""

    state: Path
    templates: Path | None = None
    port: int = 0
    replay: Path | None = None
    speed: float = 1.0


@dataclass(frozen=True, slots=True)
class Twin:
    """A running product."""

    api_url: str
    exchange_address: ExchangeAddress
    exchange: ExchangeControl
    http: aiohttp.ClientSession
    functions: Lambda
    scheduler: Scheduler
    telemetry: Telemetry
    watcher: Watcher
    wiring: Wiring
    database: str
    """Connection string of the user that sees every row."""
    entrance: asyncio.Task[None]
    """Done when the functions by which people register and connect are warm."""
    settled: asyncio.Task[None]
    """Done when the instruments are loaded and the functions warm; until then the API answers, but slowly."""


class InvocationFailed(Exception):
    """A function that the start depends on failed; the message is its error."""
