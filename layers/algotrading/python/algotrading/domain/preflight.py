"""Whether a strategy can trade on its next day: check by check, each with what to do about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from algotrading.domain.accounts import ConnectionStatus, SealedBrokerAccount, token_expiry
from algotrading.domain.freeze import freeze_of
from algotrading.domain.instruments import Instrument
from algotrading.domain.limits import BreachKind, Locks, RiskLimits
from algotrading.domain.named_accounts import NamedAccount
from algotrading.domain.risk import EntryOrder, Usage, check_entry
from algotrading.domain.sessions import IST
from algotrading.domain.sight import LONGEST_UNREPORTED, Sight
from algotrading.domain.strategy import Plan, Strategy, plain_number

_RAISE = "raise the limit (PUT /risk/profile)"
_LIMIT_REMEDIES = {
    BreachKind.POSITION_SIZE: f"lower the quantity (PUT /strategy/{{id}}), or {_RAISE}",
    BreachKind.SYMBOL_EXPOSURE: f"lower the quantity (PUT /strategy/{{id}}), or {_RAISE}",
    BreachKind.OPEN_STRATEGIES: f"wait until another position is sold, or {_RAISE}",
}


class CheckName(StrEnum):
    """What is looked at. Answered: add, never rename."""

    RUNNING = "running"
    BROKER_LOGIN = "broker_login"
    """The access token is alive now."""
    LOGIN_LASTS = "login_lasts"
    """It lives until the strategy's next sell time."""
    ADDRESSES = "addresses"
    """Orders have addresses to leave from."""
    KILL_SWITCH = "kill_switch"
    PLAN = "plan"
    """The instrument is listed, the plan fits it and the session, and the last price is above the stop-loss."""
    FEED = "feed"
    """A watcher has reported within the last seconds that it sees."""
    LIMITS = "limits"
    """The buy fits under its owner's risk limits."""
    QUANTITY = "quantity"
    """The exchange takes as much in one order."""
    FUNDS = "funds"
    """The broker account has the margin for the buy. Only the last look before the buy asks for it."""


@dataclass(frozen=True, slots=True)
class Check:
    """One check. `remedy` is what the owner does about a red one; None where it is green."""

    name: CheckName
    is_green: bool
    text: str
    remedy: str | None = None
    due_from: datetime | None = None
    """Of a red one that nobody can mend yet and nobody has to: when its remedy begins to help."""


_OF_ACCOUNT = frozenset({CheckName.BROKER_LOGIN, CheckName.LOGIN_LASTS, CheckName.ADDRESSES, CheckName.FUNDS})
"""What is looked at in the account that the strategy trades in."""


def of_account(check: Check, account: NamedAccount | None) -> Check:
    """The check, with the account that it speaks of by its name, once; None: its owner has one."""
    if account is None or check.name not in _OF_ACCOUNT:
        return check
    return replace(check, text=f"account {account.name}: {check.text}")


def check_running(strategy: Strategy) -> Check:
    """Only a running strategy buys."""
    if strategy.is_running:
        return Check(CheckName.RUNNING, True, "the strategy runs")
    return Check(CheckName.RUNNING, False, "the strategy does not run", "start it: POST /strategy/start")


def in_query(account_id: UUID | None) -> str:
    """What a path takes for the account to be meant; None, where its owner has no other: nothing. Without it the
    default is meant, whose login page is another account's."""
    return "" if account_id is None else f"?account_id={account_id}"


def check_login(account: SealedBrokerAccount | None, now: datetime, named: UUID | None = None) -> Check:
    """Orders leave through a live login only. `named`: the account, where its owner has several; of the others here,
    too."""
    if account is None:
        remedy = f"enter your keys (POST /broker/connect{'' if named is None else f' with account_id {named}'})"
        return Check(CheckName.BROKER_LOGIN, False, "no broker is connected", remedy)
    if not account.is_connected(now):
        return Check(CheckName.BROKER_LOGIN, False, "the broker login is over", _log_in(named))
    if account.refused_at is not None:
        return login_refused(named)
    return Check(CheckName.BROKER_LOGIN, True, f"logged in until {_ist(account.token_expires_at)}")


def check_login_lasts(
    account: SealedBrokerAccount | None, now: datetime, last_needed: datetime | None, named: UUID | None = None
) -> Check:
    """Whether today's login is still alive when the strategy sells. `last_needed` None: nobody knows when that is. Once
    the day's buy is over that is the next day's sale, for which a login of that day is needed: it is said which."""
    is_good = account is not None and account.status_at(now) is ConnectionStatus.CONNECTED
    expires = account.token_expires_at if account is not None and is_good else None
    if last_needed is None or expires is None:
        text = "there is no login to last" if expires is None else "it is not known when the strategy sells next"
        return Check(
            CheckName.LOGIN_LASTS, False, text, _log_in(named) if expires is None else "see the check of the plan"
        )
    if expires <= last_needed:
        text = f"for the sale of {_ist(last_needed)}: the broker login ends at {_ist(expires)}, before it"
        opens = token_expiry(last_needed) - timedelta(days=1)
        remedy = f"on {opens.astimezone(IST):%A %d %B}, after 06:00 IST, {_log_in(named)}"
        return Check(CheckName.LOGIN_LASTS, False, text, remedy, opens)
    return Check(CheckName.LOGIN_LASTS, True, f"the login outlasts the sale at {_ist(last_needed)}")


def check_addresses(account: SealedBrokerAccount | None, *, is_bound: bool, named: UUID | None = None) -> Check:
    """Whether there are addresses that the broker can know the account's orders by, where it asks for that."""
    if not is_bound:
        return Check(CheckName.ADDRESSES, True, "this broker takes orders from anywhere")
    if account is None or account.egress is None:
        remedy = (
            f"{_log_in(named)} again, then register your addresses (GET /broker{in_query(named)}); without any, ask the"
            " operator for a pair"
        )
        return Check(CheckName.ADDRESSES, False, "no addresses are set aside for your orders", remedy)
    known = " and ".join(account.egress.addresses)
    return Check(CheckName.ADDRESSES, True, f"orders leave from {known}, which your broker must know")


def check_locks(locks: Locks) -> Check:
    """Nothing is bought while a kill switch is on."""
    breach = locks.breach()
    if breach is None:
        return Check(CheckName.KILL_SWITCH, True, "no kill switch is on")
    own = locks.user is not None
    remedy = "release it (POST /risk/release)" if own else "wait until the operator releases it"
    return Check(CheckName.KILL_SWITCH, False, breach.text, remedy)


def check_plan(problems: Sequence[str]) -> Check:
    """`problems` of the plan with its instrument and its session, in words."""
    if not problems:
        return Check(CheckName.PLAN, True, "the plan can trade")
    return Check(CheckName.PLAN, False, "; ".join(problems), "change the plan: PUT /strategy/{id}")


def below_stop(plan: Plan, last: Decimal | None) -> str | None:
    """What a last price, rupees, that is not above the stop-loss means for the buy (`domain.decide`), in words; None
    where it is above, or not known."""
    if last is None or last > plan.stop_loss:
        return None
    return (
        f"the last price {plain_number(last)} is not above the stop-loss {plain_number(plan.stop_loss)}: unless it is"
        " by the buy time, nothing is bought"
    )


def check_feed(sight: Sight | None, now: datetime) -> Check:
    """An entry is not made blind."""
    if sight is not None and now - sight.at <= LONGEST_UNREPORTED:
        return Check(CheckName.FEED, True, "the watcher sees prices")
    remedy = "nothing: it is being repaired; entries wait until it sees"
    return Check(CheckName.FEED, False, "the watcher sees no prices", remedy)


def check_limits(limits: RiskLimits, usage: Usage, order: EntryOrder, marks: Mapping[str, Decimal]) -> Check:
    """Whether the buy would fit under its owner's limits, rupees, as things stand: `check_entry` decides when it is
    due. Orders of the last minute do not count, for that minute is over by then. Without a price of the symbol its
    value is not known, and then it is not held against a limit; the entry itself asks the broker for one."""
    known = limits if order.price is not None else replace(limits, position_size=None, symbol_exposure=None)
    breach = check_entry(known, Locks(), replace(usage, orders=0), order, marks)
    if breach is None and known != limits:
        text = f"no limit stands in the way, but no price of {order.symbol} is known yet to hold against those of value"
        return Check(CheckName.LIMITS, True, text)
    if breach is None:
        return Check(CheckName.LIMITS, True, "no limit of yours stands in the way")
    remedy = _LIMIT_REMEDIES.get(breach.kind, _RAISE)
    return Check(CheckName.LIMITS, False, breach.text, remedy)


def check_quantity(quantity: int, instrument: Instrument | None, day: date) -> Check:
    """Whether the exchange takes `quantity` in one order on `day`, as far as that is known (`domain.freeze`)."""
    freeze = None if instrument is None else freeze_of(instrument, day)
    if freeze is None:
        return Check(CheckName.QUANTITY, True, "no largest quantity of an order is known for this instrument")
    known = f"{freeze.quantity} in one order (since {freeze.since:%d %B %Y})"
    if quantity <= freeze.quantity:
        return Check(CheckName.QUANTITY, True, f"the exchange takes {known}")
    text = f"the exchange takes {known}, and the plan buys {quantity}"
    return Check(CheckName.QUANTITY, False, text, "lower the quantity (PUT /strategy/{id}); divide it among strategies")


def check_funds(needed: Decimal, available: Decimal) -> Check:
    """Whether the margin that the broker would block for the buy is there, rupees. Of this buy alone: what others of
    the same minute will have taken by then is not known."""
    text = f"the buy needs a margin of {needed:,.2f} rupees, and {available:,.2f} are available at the broker"
    if needed <= available:
        return Check(CheckName.FUNDS, True, text)
    return Check(CheckName.FUNDS, False, text, "add funds at your broker, or lower the quantity (PUT /strategy/{id})")


def login_refused(named: UUID | None = None) -> Check:
    """The login that we hold to be alive is not: Kite ends one with a logout, or with a login at another place."""
    return Check(CheckName.BROKER_LOGIN, False, "the broker does not take the login any more", _log_in(named))


def _log_in(named: UUID | None) -> str:
    return f"log in at the broker (GET /broker/login{in_query(named)})"


def _ist(at: datetime | None) -> str:
    assert at is not None
    return f"{at.astimezone(IST):%A %d %B %H:%M} IST"
