"""Who trades what in a session of chaos, and when what happens to it: all of it drawn from a seed."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_DOWN, Decimal

from twin.script import HIT, Market, Part, Role

PER_TRADER = 20
"""Strategies of one trader, each in a symbol of its own: the product refuses two that overlap."""
FEWEST_TRADERS = 5
FUNDS = 2_000_000
"""Each trader's cash, rupees: enough for everything that is not meant to be refused."""
BUY_SPREAD_SECONDS = 60
_BURSTS = 3
"""Seconds at which many strategies buy at once."""
_IN_BURST = 0.4
_LATE_STARTERS = 0.15
_ROLES = {
    Role.ON_TIME: 0.28,
    Role.STOPPED_OUT: 0.21,
    Role.STOPPED_AT_BROKER: 0.21,
    Role.CALLED_OFF: 0.24,
    Role.REFUSED: 0.06,
}
_STOPS_TO_BE_HIT = (Decimal("0.990"), Decimal("0.985"), Decimal("0.980"))
_STOP_NOT_HIT = Decimal("0.92")
FALL_TO = Decimal("0.97")
"""What a falling price falls to, as a share of where it began: below every stop that is to be hit."""
_FAR = timedelta(minutes=20)
"""A sell time that the session does not live to see, and whose alarm does not ring in it."""


@dataclass(frozen=True, slots=True)
class Player:
    """One strategy of the session."""

    number: int
    trader: int
    part: Part
    starts_at: datetime | None
    """When its owner creates and starts it; None: before the chaos."""
    called_off_at: datetime | None
    """When its owner stops it."""

    @property
    def name(self) -> str:
        """As reports call it."""
        return f"#{self.number} {self.part.market.symbol} of trader {self.trader}"


@dataclass(frozen=True, slots=True)
class Fall:
    """A price that falls below the stops."""

    at: datetime
    symbol: str
    price: Decimal
    over_ms: int
    """How long the way down takes, milliseconds; 0: one step."""


@dataclass(frozen=True, slots=True)
class Script:
    """The session."""

    begins_at: datetime
    """The first instant at which anything can be bought."""
    players: Sequence[Player]
    falls: Sequence[Fall]

    @property
    def traders(self) -> int:
        """How many there are."""
        return max(player.trader for player in self.players) + 1

    @property
    def last_event_at(self) -> datetime:
        """The last instant at which something is due."""
        sales = (p.part.sell_at for p in self.players if p.part.role is Role.ON_TIME)
        calls = (p.called_off_at for p in self.players if p.called_off_at is not None)
        buys = (p.part.buy_at for p in self.players)
        return max(*sales, *calls, *buys, *(fall.at for fall in self.falls), self.begins_at)


def traders_needed(strategies: int) -> int:
    """How many traders share that many strategies."""
    return max(min(FEWEST_TRADERS, strategies), -(-strategies // PER_TRADER))


def write_script(seed: int, begins_at: datetime, markets: Sequence[Market], strategies: int) -> Script:
    """The session of a seed. `begins_at` is a whole second."""
    chance = random.Random(f"script {seed}")  # noqa: S311  the same seed must give the same session
    traders = traders_needed(strategies)
    if strategies > traders * len(markets):
        raise ValueError(f"{strategies} strategies of {traders} traders need more than {len(markets)} symbols")
    bursts = sorted(chance.sample(range(5, BUY_SPREAD_SECONDS), _BURSTS))
    players = [
        _player(
            number,
            number % traders,
            markets[number // traders],
            begins_at=begins_at,
            second=_second(bursts, chance),
            chance=chance,
        )
        for number in range(strategies)
    ]
    return Script(begins_at, players, _falls(players, begins_at, chance))


def _second(bursts: Sequence[int], chance: random.Random) -> int:
    """When to buy, in seconds after the first possible one."""
    return chance.choice(bursts) if chance.random() < _IN_BURST else chance.randrange(BUY_SPREAD_SECONDS + 1)


def _player(
    number: int, trader: int, market: Market, *, begins_at: datetime, second: int, chance: random.Random
) -> Player:
    role = chance.choices(list(_ROLES), weights=list(_ROLES.values()))[0]
    buy_at = begins_at + timedelta(seconds=second)
    sell_at = buy_at + (timedelta(seconds=chance.randint(15, 40)) if role is Role.ON_TIME else _FAR)
    share = chance.choice(_STOPS_TO_BE_HIT) if role in HIT else _STOP_NOT_HIT
    lead = chance.uniform(8, 20)
    is_late = chance.random() < _LATE_STARTERS and second > lead
    part = Part(
        role=role,
        market=market,
        quantity=int(Decimal(FUNDS) * 12 / market.price) if role is Role.REFUSED else chance.randint(2, 15),
        buy_at=buy_at,
        sell_at=sell_at,
        stop_loss=on_tick(market, share),
    )
    return Player(
        number=number,
        trader=trader,
        part=part,
        starts_at=buy_at - timedelta(seconds=lead) if is_late else None,
        called_off_at=buy_at + timedelta(seconds=_patience(chance)) if role is Role.CALLED_OFF else None,
    )


def _patience(chance: random.Random) -> float:
    """Seconds from the buy to the owner's stop; a few of them change their mind just before."""
    return chance.uniform(-1.5, 0.3) if chance.random() < 0.2 else chance.uniform(0.3, 25)


def _falls(players: Sequence[Player], begins_at: datetime, chance: random.Random) -> list[Fall]:
    """One fall for every symbol in which somebody is to be stopped out."""
    markets = {p.part.market.symbol: p.part.market for p in players if p.part.role in HIT}
    return [
        Fall(
            at=begins_at + timedelta(seconds=chance.uniform(30, BUY_SPREAD_SECONDS + 25)),
            symbol=symbol,
            price=on_tick(market, FALL_TO),
            over_ms=chance.choice((0, 0, 2000, 5000)),
        )
        for symbol, market in sorted(markets.items())
    ]


def on_tick(market: Market, share: Decimal) -> Decimal:
    """A price at that share of the market's, on its grid."""
    return (market.price * share / market.tick_size).to_integral_value(ROUND_DOWN) * market.tick_size
