"""Every fault a caller can be told about, each with a closed code.

    AlgotradingError
    ├── RequestInvalid            400  REQUEST_INVALID
    │   ├── StrategyInvalid       400  STRATEGY_INVALID
    │   └── LinkInvalid           400  LINK_INVALID   (of an e-mail: used, over, or not ours)
    ├── AuthenticationFailed      401  CREDENTIALS_INVALID
    │   ├── SecondFactorNeeded    401  SECOND_FACTOR_NEEDED
    │   ├── TokenExpired          401  TOKEN_EXPIRED
    │   └── TokenInvalid          401  TOKEN_INVALID
    ├── AccessDenied              403  ACCESS_DENIED
    │   ├── SecondFactorRequired  403  SECOND_FACTOR_REQUIRED   (a broker account asks for a login with one)
    │   ├── FreshCodeNeeded       403  FRESH_CODE_NEEDED   (and what lets more be risked for a code of minutes ago)
    │   ├── EmailUnverified       403  EMAIL_UNVERIFIED   (and for an e-mail that its owner has confirmed)
    │   └── AccountLocked         403  ACCOUNT_LOCKED   (by an administrator)
    ├── NotFound                  404  NOT_FOUND
    ├── Conflict                  409  CONFLICT
    │   ├── StrategyOverlap       409  STRATEGY_OVERLAP
    │   ├── BrokerAccountTaken    409  BROKER_ACCOUNT_TAKEN
    │   ├── BrokerAccountDiffers  409  BROKER_ACCOUNT_DIFFERS   (strategies trade in another one, or no code was shown)
    │   ├── BrokerAccountsFull    409  BROKER_ACCOUNTS_FULL   (a user has as many as there may be)
    │   ├── BrokerAccountInUse    409  BROKER_ACCOUNT_IN_USE   (strategies or orders of it keep it)
    │   ├── BrokerAccountIsDefault 409  BROKER_ACCOUNT_IS_DEFAULT   (the one that is meant where none is named)
    │   ├── KeyInUse              409  IDEMPOTENCY_KEY_IN_USE   (the first request is under way)
    │   ├── KeyOutcomeUnknown     409  IDEMPOTENCY_OUTCOME_UNKNOWN   (the first request broke off)
    │   ├── KeyAnswerNotKept      409  IDEMPOTENCY_ANSWER_NOT_KEPT   (the first request was done; its answer is gone)
    │   └── RiskRefused           409  RISK_LIMIT   (an entry over a limit; never leaves the executor)
    │       └── RiskLocked        409  RISK_LOCKED  (a kill switch is on)
    ├── PreconditionFailed        412  PRECONDITION_FAILED   (If-Match names another state)
    ├── PayloadTooLarge           413  PAYLOAD_TOO_LARGE
    ├── ContentTypeUnsupported    415  CONTENT_TYPE_UNSUPPORTED   (a body that is declared to be no JSON)
    ├── KeyReused                 422  IDEMPOTENCY_KEY_REUSED   (the key stands for another request)
    ├── TooManyTries              429  TOO_MANY_TRIES   (guessing is slowed down)
    ├── RateLimited               429  RATE_LIMITED   (a caller's requests of this minute are used up)
    ├── BrokerFault               (what a broker or the way to it did)
    │   ├── BrokerAuthFailed      400  BROKER_AUTH_FAILED
    │   │   └── BrokerTokenRefused   (the broker's word that the access token is good no more)
    │   ├── BrokerUnavailable     503  BROKER_UNAVAILABLE
    │   │   └── BrokerBusy        (not asked: the account's requests are used up for the moment)
    │   └── OrderFailed           502  ORDER_FAILED
    ├── DatabaseUnavailable       503  DATABASE_UNAVAILABLE
    ├── RedisDown                 503  REDIS_DOWN
    ├── CalendarMissing           503  CALENDAR_MISSING   (a year without session data: fail closed)
    ├── LockBusy                  (another worker holds the strategy; never leaves the executor)
    └── Fenced                    (another worker took the cycle over; never leaves the executor)

The specification names BROKER_AUTH_FAILED, ORDER_FAILED, REDIS_DOWN, STRATEGY_INVALID and
TOKEN_EXPIRED; the others cover what HTTP clients need besides.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

if TYPE_CHECKING:
    from algotrading.domain.allowances import Spent
    from algotrading.domain.limits import Breach

ErrorCode = Literal[
    "REQUEST_INVALID",
    "STRATEGY_INVALID",
    "LINK_INVALID",
    "CREDENTIALS_INVALID",
    "SECOND_FACTOR_NEEDED",
    "TOKEN_EXPIRED",
    "TOKEN_INVALID",
    "ACCESS_DENIED",
    "SECOND_FACTOR_REQUIRED",
    "FRESH_CODE_NEEDED",
    "EMAIL_UNVERIFIED",
    "ACCOUNT_LOCKED",
    "NOT_FOUND",
    "METHOD_NOT_ALLOWED",
    "CONFLICT",
    "STRATEGY_OVERLAP",
    "BROKER_ACCOUNT_TAKEN",
    "BROKER_ACCOUNT_DIFFERS",
    "BROKER_ACCOUNTS_FULL",
    "BROKER_ACCOUNT_IN_USE",
    "BROKER_ACCOUNT_IS_DEFAULT",
    "IDEMPOTENCY_KEY_IN_USE",
    "IDEMPOTENCY_OUTCOME_UNKNOWN",
    "IDEMPOTENCY_ANSWER_NOT_KEPT",
    "IDEMPOTENCY_KEY_REUSED",
    "RISK_LIMIT",
    "RISK_LOCKED",
    "PRECONDITION_FAILED",
    "PAYLOAD_TOO_LARGE",
    "CONTENT_TYPE_UNSUPPORTED",
    "TOO_MANY_TRIES",
    "RATE_LIMITED",
    "BROKER_AUTH_FAILED",
    "BROKER_UNAVAILABLE",
    "ORDER_FAILED",
    "DATABASE_UNAVAILABLE",
    "REDIS_DOWN",
    "CALENDAR_MISSING",
    "INTERNAL",
]


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """One thing wrong with one field of a request, in words a person can act on."""

    field: str
    problem: str


class AlgotradingError(Exception):
    """Root of the tree. `code` is stable for programs, `message` is for people."""

    code: ClassVar[ErrorCode] = "INTERNAL"
    status: ClassVar[int] = 500

    def __init__(self, message: str, details: tuple[FieldProblem, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.details = details


class RequestInvalid(AlgotradingError):
    """The request itself cannot be understood."""

    code: ClassVar[ErrorCode] = "REQUEST_INVALID"
    status: ClassVar[int] = 400


class StrategyInvalid(RequestInvalid):
    """A strategy breaks a trading rule; `details` names each field."""

    code: ClassVar[ErrorCode] = "STRATEGY_INVALID"


class LinkInvalid(RequestInvalid):
    """The link of an e-mail is not good any more, or never was; nothing tells which."""

    code: ClassVar[ErrorCode] = "LINK_INVALID"


class AuthenticationFailed(AlgotradingError):
    """E-mail and password do not match (said the same way for an unknown e-mail)."""

    code: ClassVar[ErrorCode] = "CREDENTIALS_INVALID"
    status: ClassVar[int] = 401


class SecondFactorNeeded(AuthenticationFailed):
    """The password is right, and the second factor has to be shown, too."""

    code: ClassVar[ErrorCode] = "SECOND_FACTOR_NEEDED"


class TokenExpired(AuthenticationFailed):
    """The bearer token was ours and is over."""

    code: ClassVar[ErrorCode] = "TOKEN_EXPIRED"


class TokenInvalid(AuthenticationFailed):
    """The bearer token is missing, forged or garbled."""

    code: ClassVar[ErrorCode] = "TOKEN_INVALID"


class TooManyTries(AlgotradingError):
    """Too many tries at what is guarded by a secret; nothing was looked at."""

    code: ClassVar[ErrorCode] = "TOO_MANY_TRIES"
    status: ClassVar[int] = 429

    def __init__(self, seconds: float) -> None:
        self.retry_after = max(1, math.ceil(seconds))
        """Whole seconds until another try is looked at."""
        super().__init__(f"too many tries: wait {self.retry_after} s")


class RateLimited(AlgotradingError):
    """The caller's requests of this minute are used up; nothing was looked at."""

    code: ClassVar[ErrorCode] = "RATE_LIMITED"
    status: ClassVar[int] = 429

    def __init__(self, spent: Spent) -> None:
        self.spent = spent
        self.retry_after = spent.seconds
        """Whole seconds until requests are answered again."""
        super().__init__(f"{spent.allowance.requests} requests a minute are answered: wait {spent.seconds} s")


class AccessDenied(AlgotradingError):
    """Known, but not allowed."""

    code: ClassVar[ErrorCode] = "ACCESS_DENIED"
    status: ClassVar[int] = 403


class SecondFactorRequired(AccessDenied):
    """Only a login with a second factor may do this, and the caller's was one without."""

    code: ClassVar[ErrorCode] = "SECOND_FACTOR_REQUIRED"


class FreshCodeNeeded(AccessDenied):
    """The caller's second factor is to be shown again before this is done, minutes ago at most."""

    code: ClassVar[ErrorCode] = "FRESH_CODE_NEEDED"

    def __init__(
        self, how: str = "show a code of your authenticator app first (POST /auth/second-factor/verify), and ask again"
    ) -> None:
        super().__init__(how)


class EmailUnverified(AccessDenied):
    """Only an account whose e-mail was confirmed may do this."""

    code: ClassVar[ErrorCode] = "EMAIL_UNVERIFIED"


class AccountLocked(AccessDenied):
    """An administrator has locked the account: nobody gets in to it, by whatever they hold."""

    code: ClassVar[ErrorCode] = "ACCOUNT_LOCKED"


class NotFound(AlgotradingError):
    """No such thing for this user; also the answer for another user's things."""

    code: ClassVar[ErrorCode] = "NOT_FOUND"
    status: ClassVar[int] = 404


class Conflict(AlgotradingError):
    """The thing exists in a state that does not allow this."""

    code: ClassVar[ErrorCode] = "CONFLICT"
    status: ClassVar[int] = 409


class StrategyOverlap(Conflict):
    """Another running strategy of this user already trades the symbol."""

    code: ClassVar[ErrorCode] = "STRATEGY_OVERLAP"


class BrokerAccountTaken(Conflict):
    """The broker account is connected in another account here. The words say not whose it is: they are the same for
    another account of the caller's and for somebody else's."""

    code: ClassVar[ErrorCode] = "BROKER_ACCOUNT_TAKEN"

    def __init__(self) -> None:
        super().__init__(
            "this broker account is connected here already: look at your other broker accounts, and disconnect it first"
        )


class BrokerAccountDiffers(Conflict):
    """Strategies trade in another broker account, and what they hold could not be sold through this one; or this one
    was brought by a login that has not shown a fresh code, to where another was connected."""

    code: ClassVar[ErrorCode] = "BROKER_ACCOUNT_DIFFERS"

    def __init__(self, held_in: str, *, owes_code: bool = False) -> None:
        super().__init__(
            f"this is another broker account than {held_in}, which was connected here: to trade another one, connect"
            " it anew with a code of your authenticator, and log in at the broker within five minutes of that"
            if owes_code
            else f"strategies are trading in broker account {held_in}, and this is another: connect that one, or stop"
            " them and wait until nothing is held"
        )


class BrokerAccountsFull(Conflict):
    """The user has as many broker accounts as one may have, or has opened as many in all as one may."""

    code: ClassVar[ErrorCode] = "BROKER_ACCOUNTS_FULL"

    def __init__(self, most: int, *, in_all: bool = False) -> None:
        super().__init__(
            f"a user opens {most} broker accounts in all, with those that were removed: use one that there is, or ask"
            " support"
            if in_all
            else f"a user has {most} broker accounts at most: remove one first"
        )


class BrokerAccountInUse(Conflict):
    """Strategies trade in this broker account, an order of it is not settled, or it had one today."""

    code: ClassVar[ErrorCode] = "BROKER_ACCOUNT_IN_USE"

    def __init__(self, why: str) -> None:
        super().__init__(f"{why}: delete or move its strategies, wait until nothing is held, and try again then")

    @classmethod
    def today(cls) -> BrokerAccountInUse:
        """It had an order today: its book is compared until the day ends."""
        return cls(
            "orders of today went through this account, and its book is looked at until the day ends, at midnight IST"
        )


class BrokerAccountIsDefault(Conflict):
    """The default account is the one that is meant where none is named: there always is one."""

    code: ClassVar[ErrorCode] = "BROKER_ACCOUNT_IS_DEFAULT"

    def __init__(self) -> None:
        super().__init__("the default account cannot be removed: make another one the default first")


class KeyInUse(Conflict):
    """The first request with this idempotency key is under way."""

    code: ClassVar[ErrorCode] = "IDEMPOTENCY_KEY_IN_USE"

    def __init__(self, seconds: float) -> None:
        self.retry_after = max(1, math.ceil(seconds))
        """Whole seconds until asking again is worth it."""
        super().__init__(f"the first request with this Idempotency-Key is under way: ask again in {self.retry_after} s")


class KeyOutcomeUnknown(Conflict):
    """The first request with this idempotency key broke off: it may have been done or not."""

    code: ClassVar[ErrorCode] = "IDEMPOTENCY_OUTCOME_UNKNOWN"


class KeyAnswerNotKept(Conflict):
    """The first request with this idempotency key was carried out, and what it showed is not stored."""

    code: ClassVar[ErrorCode] = "IDEMPOTENCY_ANSWER_NOT_KEPT"

    def __init__(self, way_on: str) -> None:
        super().__init__(f"this was done under the same Idempotency-Key, and its answer was not kept: {way_on}")


class KeyReused(AlgotradingError):
    """The idempotency key stands for another request; nothing was done."""

    code: ClassVar[ErrorCode] = "IDEMPOTENCY_KEY_REUSED"
    status: ClassVar[int] = 422


class RiskRefused(Conflict):
    """A limit of the user forbids this; nothing was stored."""

    code: ClassVar[ErrorCode] = "RISK_LIMIT"

    def __init__(self, breach: Breach) -> None:
        super().__init__(f"not allowed by your risk profile: {breach.text}")
        self.breach = breach


class RiskLocked(RiskRefused):
    """A kill switch is on: the user's own or the operator's."""

    code: ClassVar[ErrorCode] = "RISK_LOCKED"


class PreconditionFailed(AlgotradingError):
    """The thing is not any more as the caller last saw it; nothing was changed."""

    code: ClassVar[ErrorCode] = "PRECONDITION_FAILED"
    status: ClassVar[int] = 412


class PayloadTooLarge(AlgotradingError):
    """The body is larger than any honest request."""

    code: ClassVar[ErrorCode] = "PAYLOAD_TOO_LARGE"
    status: ClassVar[int] = 413


class ContentTypeUnsupported(AlgotradingError):
    """The body is declared to be something else than JSON."""

    code: ClassVar[ErrorCode] = "CONTENT_TYPE_UNSUPPORTED"
    status: ClassVar[int] = 415


class BrokerFault(AlgotradingError):
    """A broker, or the way to it, failed a read or a login. Orders never raise this: their
    answers are values (`domain.orders.Answer`)."""

    code: ClassVar[ErrorCode] = "BROKER_UNAVAILABLE"
    status: ClassVar[int] = 503


class BrokerAuthFailed(BrokerFault):
    """The broker refuses these credentials; the user must log in to the broker again."""

    code: ClassVar[ErrorCode] = "BROKER_AUTH_FAILED"
    status: ClassVar[int] = 400


class BrokerTokenRefused(BrokerAuthFailed):
    """The broker says that the access token it was asked with is not good, or is good no more."""


class BrokerUnavailable(BrokerFault):
    """The broker did not answer, or not in its own protocol."""


class BrokerBusy(BrokerUnavailable):
    """Nothing was sent: the broker takes no more requests of this account for the moment."""


class OrderFailed(BrokerFault):
    """The broker proved that it refuses to carry out an order command."""

    code: ClassVar[ErrorCode] = "ORDER_FAILED"
    status: ClassVar[int] = 502


class DatabaseUnavailable(AlgotradingError):
    """The database could not carry a transaction through. Nothing of it was stored, unless the connection broke while
    committing: read before trying again."""

    code: ClassVar[ErrorCode] = "DATABASE_UNAVAILABLE"
    status: ClassVar[int] = 503


class RedisDown(AlgotradingError):
    """The runtime store cannot be reached: entries stop, exits go on without it."""

    code: ClassVar[ErrorCode] = "REDIS_DOWN"
    status: ClassVar[int] = 503


class CalendarMissing(AlgotradingError):
    """There is no session data for the asked day; trading fails closed."""

    code: ClassVar[ErrorCode] = "CALENDAR_MISSING"
    status: ClassVar[int] = 503


class LockBusy(AlgotradingError):
    """Another worker holds this strategy's lock right now."""


class Fenced(AlgotradingError):
    """Another worker took this cycle over: everything this worker still holds is void."""
