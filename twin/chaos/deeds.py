"""What the monkey can do. Times are seconds since the chaos began."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from twin.chaos.proxy import Break
from twin.lines import Part, Side

FEED = -1
"""In place of a trader's number: the account that feeds the prices."""


@dataclass(frozen=True, slots=True)
class Deed:
    """Something done at a moment."""

    at: float

    @property
    def kind(self) -> str:
        """As reports count it."""
        return type(self).__name__


@dataclass(frozen=True, slots=True)
class KillFunction(Deed):
    """SIGKILL for the process that works on the function's next event, so long after it began."""

    function: str
    after_seconds: float

    @property
    def kind(self) -> str:
        return f"kill {self.function}"


@dataclass(frozen=True, slots=True)
class KillWorker(Deed):
    """SIGKILL for whatever executor works on this strategy at that moment."""

    player: int

    @property
    def kind(self) -> str:
        return "kill executor"


@dataclass(frozen=True, slots=True)
class PauseWorker(Deed):
    """SIGSTOP for whatever executors work on this strategy at that moment, and SIGCONT later: others may have taken
    the work over meanwhile."""

    player: int
    seconds: float

    @property
    def kind(self) -> str:
        return "pause executor"


@dataclass(frozen=True, slots=True)
class KillWatcher(Deed):
    """SIGKILL of one; it is replaced as ECS would. With two they take turns, and one is away at a time."""

    @property
    def kind(self) -> str:
        return "kill watcher"


@dataclass(frozen=True, slots=True)
class KillCache(Deed):
    """SIGKILL for Redis, which comes back empty."""

    down_seconds: float

    @property
    def kind(self) -> str:
        return "kill Redis"


@dataclass(frozen=True, slots=True)
class Pause(Deed):
    """SIGSTOP, and SIGCONT when the time is over."""

    who: str
    """PostgreSQL, Redis or watcher."""
    seconds: float

    @property
    def kind(self) -> str:
        return f"pause {self.who}"


@dataclass(frozen=True, slots=True)
class EndSessions(Deed):
    """pg_terminate_backend for a share of the product's connections."""

    share: float

    @property
    def kind(self) -> str:
        return "end PostgreSQL sessions"


@dataclass(frozen=True, slots=True)
class BreakLine(Deed):
    """A fault of the network between two parts."""

    side: Side
    part: Part
    fault: Break
    seconds: float
    delay_seconds: float = 0.0

    @property
    def kind(self) -> str:
        return f"line {self.side} - {self.part}: {self.fault}"


@dataclass(frozen=True, slots=True)
class BreakBroker(Deed):
    """A fault of the exchange's catalogue, armed for one account."""

    name: str
    trader: int
    count: int
    route: str | None
    params: Mapping[str, object]

    @property
    def kind(self) -> str:
        return f"exchange {self.name}"


@dataclass(frozen=True, slots=True)
class KillToken(Deed):
    """The broker login of an account dies; its owner logs in again so much later."""

    trader: int
    login_after: float

    @property
    def kind(self) -> str:
        return "token death"


@dataclass(frozen=True, slots=True)
class Redeliver(Deed):
    """The next so many messages that were handled are delivered a second time, as SQS may."""

    count: int

    @property
    def kind(self) -> str:
        return "redelivery"
