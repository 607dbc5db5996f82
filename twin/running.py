"""A running product, as those who use it see it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from twin.app_server import AppServer
from twin.aws import AwsAccess
from twin.event_sources import SqsClient
from twin.exchange import ExchangeAddress, ExchangeControl
from twin.functions import Lambda
from twin.lines import DirectLines, Lines
from twin.mailbox import Mailbox
from twin.processes import StateFolder
from twin.scheduler import Scheduler
from twin.servers import ServerAddress
from twin.telemetry import Telemetry
from twin.watcher import Watchers
from twin.wiring import Wiring


@dataclass(frozen=True, slots=True)
class Deviations:
    """In what a twin differs from the templates, and from one that only wants to start soon."""

    lines: Lines = field(default_factory=DirectLines)
    settings: Mapping[str, str] = field(default_factory=dict)
    """Values for variables that the templates set."""
    concurrency: Mapping[str, int] = field(default_factory=dict)
    """How many events a function works on at once, where this machine bears less than the templates say."""
    warm: Mapping[str, int] = field(default_factory=dict)
    """How many environments of a function are loaded ahead, where that differs from the twin's own number."""
    watcher_restart_seconds: float = 1.0
    """Until a watcher that ended is replaced. ECS takes tens of seconds; who waits for a terminal has less patience."""
    postgres_settings: Mapping[str, str] = field(default_factory=dict)
    make_poller: Callable[[aiohttp.ClientSession, AwsAccess], SqsClient] = SqsClient
    """Makes what polls the queues."""


@dataclass(frozen=True, slots=True)
class Options:
    """How to start a twin. `templates` None: the twin keeps its own up to date."""

    state: Path
    templates: Path | None = None
    port: int = 0
    app: Path | None = None
    """Folder of the built web app; None: no app is served."""
    app_port: int = 0
    replay: Path | None = None
    speed: float = 1.0
    watchers: int = 1
    """How many watch, each seeing everything. The broker allows a feed account three sockets."""
    deviations: Deviations = field(default_factory=Deviations)


@dataclass(frozen=True, slots=True)
class Servers:
    """The processes behind the parts, for whoever means them ill."""

    postgres: ServerAddress
    valkey: ServerAddress
    administrator: str
    """Connection string of PostgreSQL's superuser, past every line."""


@dataclass(frozen=True, slots=True)
class Twin:
    """A running product."""

    api_url: str
    app: AppServer
    app_url: str | None
    """Where the web app is served; None while it is not built."""
    mailbox: Mailbox
    """What the product sent to people."""
    exchange_address: ExchangeAddress
    exchange: ExchangeControl
    http: aiohttp.ClientSession
    functions: Lambda
    scheduler: Scheduler
    telemetry: Telemetry
    watchers: Watchers
    wiring: Wiring
    database: str
    """Connection string of the user that sees every row."""
    servers: Servers
    state: StateFolder
    entrance: asyncio.Task[None]
    """Done when the functions by which people register and connect are warm."""
    settled: asyncio.Task[None]
    """Done when the instruments are loaded and the functions warm; until then the API answers, but slowly."""


class InvocationFailed(Exception):
    """A function that the start depends on failed; the message is its error."""
