"""What the watcher knows about every strategy, from the change stream and from PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Final, TypeVar
from uuid import UUID

from algotrading.contracts.messages import StopChange
from fargate_listener.stop_guard import StopGuard

_T = TypeVar("_T")

COMPARED_AT_ONCE: Final = 400
LOADED_AT_ONCE: Final = 400
"""Of the first check, before which nothing is guarded: its end is what matters, and 6 ms more for a tick do not."""
REPAIRED_AT_ONCE: Final = 20
"""Strategies of one portion of a full check, about 0.3 ms either way: ticks wait for no longer."""


@dataclass(slots=True)
class _Known:
    """What was applied last of a strategy that is watched."""

    change: StopChange
    serial: int


@dataclass(slots=True)
class _Instrument:
    """What hangs on one instrument's prices."""

    exchange: str
    symbol: str
    strategies: int = 0
    stops: int = 0
    """Those of them that are armed."""
    rupees: int = 0
    """What would be sold at those."""


class Watchlist:
    """Applies changes to the guard and says which instruments to subscribe to.

    Every change gets a serial number, so that a full check, which reads for a while, can tell what
    became newer than its reading and leave that alone.
    """

    def __init__(self, guard: StopGuard, monotonic: Callable[[], float]) -> None:
        self._guard = guard
        self._monotonic = monotonic
        self._known: dict[UUID, _Known] = {}
        self._left: dict[UUID, int] = {}
        """Serials of strategies that are watched no longer, as long as a full check may still tell of them."""
        self._instruments: dict[int, _Instrument] = {}
        self._armed_tokens: set[int] = set()
        self._ranks: dict[int, int] | None = None
        """Of the armed instruments, in order of risk; None after a change of what is at risk."""
        self._armed_users: dict[UUID, int] = {}
        self._left_names: dict[int, tuple[str, str]] = {}
        self._serial = 0
        self.on_subscriptions_changed: Callable[[], None] = lambda: None
        self.on_named: Callable[[int, str | None], None] = _nobody_hears
        """Hears the symbol of every instrument that is gained or renamed, and None for one that is lost."""

    @property
    def serial(self) -> int:
        """Grows with every change applied."""
        return self._serial

    @property
    def tokens(self) -> list[int]:
        """Instruments to be subscribed to: those with an armed stop first, by what is at risk there."""
        return self.by_risk(self._instruments)

    @property
    def armed_tokens(self) -> frozenset[int]:
        """Instruments with an armed stop."""
        return frozenset(self._armed_tokens)

    def by_risk(self, tokens: Iterable[int]) -> list[int]:
        """`tokens` in the order in which their prices matter."""
        ranks, chosen = self._ranked(), dict.fromkeys(tokens)
        armed = [token for token in chosen if token in ranks]
        others = [token for token in chosen if token not in ranks] if len(armed) < len(chosen) else []
        # All of them are asked for again and again, while ticks wait.
        return [*(ranks if len(armed) == len(ranks) else sorted(armed, key=ranks.__getitem__)), *others]

    def _ranked(self) -> dict[int, int]:
        if self._ranks is None:
            by_risk = sorted(self._armed_tokens, key=lambda token: -self._instruments[token].rupees)
            self._ranks = {token: rank for rank, token in enumerate(by_risk)}
        return self._ranks

    def quote_key(self, token: int) -> str | None:
        """What a watched instrument is called where the broker is asked for its quote."""
        instrument = self._instruments.get(token)
        return None if instrument is None else f"{instrument.exchange}:{instrument.symbol}"

    def name_of(self, token: int) -> tuple[str, str] | None:
        """Exchange and symbol of an instrument that is watched, or was until names were last forgotten."""
        instrument = self._instruments.get(token)
        return self._left_names.get(token) if instrument is None else (instrument.exchange, instrument.symbol)

    def forget_names(self) -> None:
        """Forget the names of instruments that nobody watches any more."""
        self._left_names.clear()

    @property
    def armed_users(self) -> set[UUID]:
        """Traders with an armed stop: they have something at stake."""
        return set(self._armed_users)

    def watches(self, token: int) -> bool:
        """Whether some strategy needs the ticks of this instrument."""
        return token in self._instruments

    def symbol_of(self, token: int) -> str | None:
        """The symbol under which the prices of a watched instrument are published."""
        instrument = self._instruments.get(token)
        return None if instrument is None else instrument.symbol

    def apply(self, change: StopChange) -> None:
        """From now on this is true of the strategy."""
        self._serial += 1
        strategy_id, known = change.strategy_id, self._known.get(change.strategy_id)
        before = None if known is None else known.change
        if not change.watched:
            self._known.pop(strategy_id, None)
            self._left[strategy_id] = self._serial
        elif known is None:
            self._known[strategy_id] = _Known(change, self._serial)
        else:
            known.change, known.serial = change, self._serial
        # Subscribed before armed: the guard may only rely on instruments that are being watched.
        subscriptions_changed = self._move(before, change)
        if change.watched and change.armed:
            self._guard.arm(change, self._monotonic())
        else:
            self._guard.disarm(strategy_id)
        if subscriptions_changed:
            self.on_subscriptions_changed()

    def repair(self, truth: Mapping[UUID, StopChange], *, as_of: int, unknown: Collection[UUID] = ()) -> Iterator[int]:
        """Make memory equal to `truth`, which was read when `serial` stood at `as_of`; strategies that
        changed since then, or of which the truth is `unknown`, are left alone, unless their token has become another
        instrument's.

        In portions: after each one it yields how many have differed so far, and whoever runs it lets others run.
        What is applied meanwhile is newer than `truth`, and stays.
        """
        repaired, at_once = 0, REPAIRED_AT_ONCE if self._known else LOADED_AT_ONCE
        for portion in _portions(list(self._known)):
            for strategy_id in portion:
                known = self._known.get(strategy_id)
                if known is not None and known.serial <= as_of and not (strategy_id in truth or strategy_id in unknown):
                    self.apply(known.change.model_copy(update={"watched": False, "armed": False}))
                    repaired += 1
            yield repaired
        for changes in _portions(truth.values()):
            wrong = [change for change in changes if self._is_wrong(change, as_of)]
            for begin in range(0, len(wrong), at_once):
                for change in wrong[begin : begin + at_once]:
                    # Looked at again where others ran since.
                    if not begin or self._is_wrong(change, as_of):
                        self.apply(change)
                        repaired += 1
                yield repaired
            yield repaired
        for strategy_id in unknown:
            known = self._known.get(strategy_id)
            if known is not None and known.serial <= as_of and self._is_misnamed(known.change):
                self.apply(known.change.model_copy(update={"watched": False, "armed": False}))
                repaired += 1
        yield repaired
        self._left = {strategy_id: serial for strategy_id, serial in self._left.items() if serial > as_of}

    def _is_misnamed(self, change: StopChange) -> bool:
        """Whether its token is another instrument's by now: tokens are used again, and prices of the one must not be
        taken for those of the other."""
        instrument = self._instruments[change.instrument_token]
        return (instrument.exchange, instrument.symbol) != (change.exchange, change.symbol)

    def _is_wrong(self, true: StopChange, as_of: int) -> bool:
        known = self._known.get(true.strategy_id)
        if known is None:
            return not self._left or self._left.get(true.strategy_id, 0) <= as_of
        return known.serial <= as_of and _differ(known.change, true)

    def _move(self, before: StopChange | None, change: StopChange) -> bool:
        """Keep what hangs on each instrument up to date; True when one was gained or lost."""
        old = None if before is None else before.instrument_token
        new = change.instrument_token if change.watched else None
        gained = new is not None and new not in self._instruments
        if new is not None:
            if gained:
                self._guard.watch(new)
                self._instruments[new] = _Instrument(change.exchange, "")
            instrument = self._instruments[new]
            if (instrument.exchange, instrument.symbol) != (change.exchange, change.symbol):
                instrument.exchange, instrument.symbol = change.exchange, change.symbol
                self.on_named(new, change.symbol)
            self._weigh(instrument, change, 1)
        lost = False
        if before is not None and old is not None:
            instrument = self._instruments[old]
            self._weigh(instrument, before, -1)
            lost = not instrument.strategies
            if lost:
                self._left_names[old] = instrument.exchange, instrument.symbol
                del self._instruments[old]
                self._guard.unwatch(old)
                self.on_named(old, None)
        return gained or lost

    def _weigh(self, instrument: _Instrument, change: StopChange, sign: int) -> None:
        """Add a strategy and what it has at risk, or take it away."""
        instrument.strategies += sign
        if not change.armed:
            return
        self._ranks = None
        instrument.stops += sign
        instrument.rupees += sign * int(change.quantity * change.stop_loss)
        of_user = self._armed_users.get(change.user_id, 0) + sign
        if of_user:
            self._armed_users[change.user_id] = of_user
        else:
            del self._armed_users[change.user_id]
        if instrument.stops:
            self._armed_tokens.add(change.instrument_token)
        else:
            self._armed_tokens.discard(change.instrument_token)


def _nobody_hears(_token: int, _symbol: str | None) -> None:
    """Where prices are not published."""


def _portions(whole: Iterable[_T]) -> Iterator[list[_T]]:
    """Never an empty one."""
    left = iter(whole)
    while portion := list(islice(left, COMPARED_AT_ONCE)):
        yield portion


def _differ(known: StopChange, true: StopChange) -> bool:
    """Whether it matters: an unarmed strategy only needs its instrument watched, whatever its stop and day."""
    if known.armed or true.armed:
        # The fields alone: pydantic's own comparison looks at more, and takes several times as long.
        return known.__dict__ != true.__dict__
    return (known.instrument_token, known.symbol) != (true.instrument_token, true.symbol)
