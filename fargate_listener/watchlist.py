"""What the watcher knows about every strategy, from the change stream and from PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from algotrading.contracts.messages import StopChange
from fargate_listener.stop_guard import StopGuard


@dataclass(slots=True)
class _AtRisk:
    """On one instrument: armed stops, and what would be sold at them."""

    stops: int = 0
    rupees: int = 0


class Watchlist:
    """Applies changes to the guard and says which instruments to subscribe to.

    Every change gets a serial number, so that a full check, which reads for a while, can tell what
    became newer than its reading and leave that alone.
    """

    def __init__(self, guard: StopGuard, monotonic: Callable[[], float]) -> None:
        self._guard = guard
        self._monotonic = monotonic
        self._changes: dict[UUID, StopChange] = {}
        self._strategies_on: dict[int, set[UUID]] = {}
        self._left_names: dict[int, tuple[str, str]] = {}
        self._at_risk: dict[int, _AtRisk] = {}
        self._serial = 0
        self._serial_of: dict[UUID, int] = {}
        self.on_subscriptions_changed: Callable[[], None] = lambda: None

    @property
    def serial(self) -> int:
        """Grows with every change applied."""
        return self._serial

    @property
    def tokens(self) -> list[int]:
        """Instruments to be subscribed to: those with an armed stop first, by what is at risk there."""
        return self.by_risk(self._strategies_on)

    @property
    def armed_tokens(self) -> frozenset[int]:
        """Instruments with an armed stop."""
        return frozenset(self._at_risk)

    def by_risk(self, tokens: Iterable[int]) -> list[int]:
        """`tokens` in the order in which their prices matter."""
        nothing = _AtRisk(rupees=-1)
        return sorted(tokens, key=lambda token: -self._at_risk.get(token, nothing).rupees)

    def quote_key(self, token: int) -> str | None:
        """What a watched instrument is called where the broker is asked for its quote."""
        strategies = self._strategies_on.get(token)
        if not strategies:
            return None
        change = self._changes[next(iter(strategies))]
        return f"{change.exchange}:{change.symbol}"

    def name_of(self, token: int) -> tuple[str, str] | None:
        """Exchange and symbol of an instrument that is watched, or was until names were last forgotten."""
        strategies = self._strategies_on.get(token)
        if not strategies:
            return self._left_names.get(token)
        change = self._changes[next(iter(strategies))]
        return change.exchange, change.symbol

    def forget_names(self) -> None:
        """Forget the names of instruments that nobody watches any more."""
        self._left_names.clear()

    @property
    def armed_users(self) -> set[UUID]:
        """Traders with an armed stop: they have something at stake."""
        return {change.user_id for change in self._changes.values() if change.armed}

    def watches(self, token: int) -> bool:
        """Whether some strategy needs the ticks of this instrument."""
        return token in self._strategies_on

    def symbol_of(self, token: int) -> str | None:
        """The symbol under which the prices of a watched instrument are published."""
        strategies = self._strategies_on.get(token)
        return self._changes[next(iter(strategies))].symbol if strategies else None

    def apply(self, change: StopChange) -> None:
        """From now on this is true of the strategy."""
        self._serial += 1
        self._serial_of[change.strategy_id] = self._serial
        before = self._changes.get(change.strategy_id)
        if change.watched:
            self._changes[change.strategy_id] = change
        else:
            self._changes.pop(change.strategy_id, None)
        # Subscribed before armed: the guard may only rely on instruments that are being watched.
        subscriptions_changed = self._move(before, change)
        self._weigh(before, -1)
        self._weigh(change if change.watched else None, 1)
        if change.watched and change.armed:
            self._guard.arm(change, self._monotonic())
        else:
            self._guard.disarm(change.strategy_id)
        if subscriptions_changed:
            self.on_subscriptions_changed()

    def repair(self, truth: Mapping[UUID, StopChange], *, as_of: int, unknown: Collection[UUID] = ()) -> int:
        """Make memory equal to `truth`, which was read when `serial` stood at `as_of`; strategies that
        changed since then, or of which the truth is `unknown`, are left alone. Returns how many differed."""
        gone = [
            change.model_copy(update={"watched": False, "armed": False})
            for strategy_id, change in self._changes.items()
            if strategy_id not in truth and strategy_id not in unknown
        ]
        wrong = [change for change in truth.values() if _differ(self._changes.get(change.strategy_id), change)]
        stale = [change for change in (*gone, *wrong) if self._serial_of.get(change.strategy_id, 0) <= as_of]
        for change in stale:
            self.apply(change)
        self._forget_serials(as_of, keep=self._changes)
        return len(stale)

    def _forget_serials(self, as_of: int, keep: Iterable[UUID]) -> None:
        """Serials are needed for what is watched, and for what left after the truth was read."""
        known = set(keep)
        self._serial_of = {key: serial for key, serial in self._serial_of.items() if key in known or serial > as_of}

    def _weigh(self, change: StopChange | None, sign: int) -> None:
        """Add what a strategy has at risk to its instrument, or take it away."""
        if change is None or not change.armed:
            return
        weight = self._at_risk.setdefault(change.instrument_token, _AtRisk())
        weight.stops += sign
        weight.rupees += sign * int(change.quantity * change.stop_loss)
        if not weight.stops:
            del self._at_risk[change.instrument_token]

    def _move(self, before: StopChange | None, change: StopChange) -> bool:
        """Keep the users of each instrument up to date; True when one was gained or lost."""
        old = None if before is None else before.instrument_token
        new = change.instrument_token if change.watched else None
        if old == new:
            return False
        gained = new is not None and new not in self._strategies_on
        if new is not None:
            if gained:
                self._guard.watch(new)
            self._strategies_on.setdefault(new, set()).add(change.strategy_id)
        lost = False
        if old is not None:
            self._strategies_on[old].discard(change.strategy_id)
            lost = not self._strategies_on[old]
            if lost:
                if before is not None:
                    self._left_names[old] = before.exchange, before.symbol
                del self._strategies_on[old]
                self._guard.unwatch(old)
        return gained or lost


def _differ(known: StopChange | None, true: StopChange) -> bool:
    """Whether it matters: an unarmed strategy only needs its instrument watched, whatever its stop and day."""
    if known is None or known.armed or true.armed:
        return known != true
    return (known.instrument_token, known.symbol) != (true.instrument_token, true.symbol)
