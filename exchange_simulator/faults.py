"""Faults that a test or a drill asks for; each copies something that happened to users of the real broker."""

import itertools
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

CATALOGUE: Mapping[str, str] = MappingProxyType(
    {
        "accept_then_timeout": "place: no answer for hold_ms (30000); the order appears after appear_after_ms (8000)",
        "accept_then_503": "place: HTTP 503; the order appears after appear_after_ms (0)",
        "400_timed_out_but_placed": "place: HTTP 400 'Order request timed out'; appears after appear_after_ms (8000)",
        "limbo": "place: the order stays in PUT ORDER REQ RECEIVED for ms (83000)",
        "partial_fill": "place: at most `quantity` trades; the rest follows after rest_ms (null: never)",
        "reject": "place: the order becomes REJECTED with `message`",
        "refuse": "any: answered with `status` (400), `error_type` (InputException), `message`; nothing is done",
        "reset_before_accept": "any: the connection is reset before the request is handled",
        "html_502": "any: an HTML page with HTTP 502; with accept true the request is carried out first",
        "burst_429": "any: HTTP 429, nothing is done",
        "data_null": "any: success with data null; with accept true (default) the request is carried out first",
        "slow": "any: the answer comes after ms (1000)",
        "token_death": "any: the access token dies, HTTP 403",
        "late_fill_after_cancel": "cancel: acknowledged, yet the order is COMPLETE after ms (500)",
        "book_lag": "GET /orders and history show the state of ms (2000) ago",
        "ws_lag": "socket: order frames and ticks are ms (2000) late",
        "duplicate_updates": "updates: each is delivered twice (channel: ws, postback or both)",
        "missing_updates": "updates: not delivered (channel)",
        "reordered_updates": "updates: delivered after ms (300), so behind later ones (channel)",
        "ws_mute": "socket: stays open, nothing is sent any more, no heartbeat, no FIN, for ms (0: for ever)",
        "ws_close_1006": "socket: every socket of the user is dropped without a close frame",
        "403_on_reconnect": "socket: the upgrade is refused with HTTP 403",
    }
)


@dataclass(slots=True)
class Fault:
    """An armed fault. `remaining` None means unlimited; `user_id` None means every account."""

    fault_id: int
    name: str
    user_id: str | None = None
    remaining: int | None = 1
    probability: float = 1.0
    route: str | None = None
    params: dict[str, Any] = field(default_factory=dict)
    struck: int = 0

    def number(self, name: str, default: float) -> float:
        """A numeric parameter."""
        value = self.params.get(name)
        return default if value is None else float(value)

    def seconds(self, name: str, default_ms: float) -> float:
        """A duration parameter, given in milliseconds."""
        return self.number(name, default_ms) / 1000


class FaultPlan:
    """The armed faults, struck one by one in the order in which they were armed."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._ids = itertools.count(1)
        self._armed: list[Fault] = []

    def arm(
        self,
        name: str,
        *,
        user_id: str | None = None,
        count: int | None = 1,
        probability: float = 1.0,
        route: str | None = None,
        params: dict[str, Any] | None = None,
    ) -> Fault:
        """Arm a fault; `route` limits it to one operation such as "place" or "GET /orders". Raises ValueError."""
        if name not in CATALOGUE:
            raise ValueError(f"unknown fault {name!r}; known: {', '.join(CATALOGUE)}")
        fault = Fault(next(self._ids), name, user_id, count, probability, route, params or {})
        self._armed.append(fault)
        return fault

    def strike(self, user_id: str | None, *names: str, route: str | None = None) -> Fault | None:
        """The first armed fault of one of these names for the user, used up by one; None when none is due."""
        for fault in self._armed:
            if fault.name not in names or fault.user_id not in (None, user_id):
                continue
            if fault.route is not None and route is not None and fault.route != route:
                continue
            if fault.probability < 1.0 and self._rng.random() >= fault.probability:
                continue
            self._use(fault)
            return fault
        return None

    def clear(self, user_id: str | None = None) -> int:
        """Disarm the faults of one user, or all of them; returns how many."""
        kept = [fault for fault in self._armed if user_id is not None and fault.user_id != user_id]
        removed = len(self._armed) - len(kept)
        self._armed = kept
        return removed

    def armed(self) -> list[Fault]:
        """The faults still waiting."""
        return list(self._armed)

    def _use(self, fault: Fault) -> None:
        fault.struck += 1
        if fault.remaining is not None:
            fault.remaining -= 1
            if fault.remaining <= 0:
                self._armed.remove(fault)
