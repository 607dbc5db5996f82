"""An example of every error that the document names: what the door would answer, in the words of those who raise it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final, get_args

from algotrading.domain.accounts import LOCKED, NO_MATCH, NOT_SOLD, STILL_TRADING, still_trading
from algotrading.domain.allowances import Allowance, Spent
from algotrading.domain.api_keys import MOST_KEYS
from algotrading.domain.email_links import LINK_IS_OVER
from algotrading.domain.errors import (
    AccessDenied,
    AccountLocked,
    AlgotradingError,
    AuthenticationFailed,
    BrokerAccountDiffers,
    BrokerAccountInUse,
    BrokerAccountIsDefault,
    BrokerAccountsFull,
    BrokerAccountTaken,
    BrokerAuthFailed,
    BrokerUnavailable,
    CalendarMissing,
    Conflict,
    ContentTypeUnsupported,
    DatabaseUnavailable,
    EmailUnverified,
    ErrorCode,
    FieldProblem,
    FreshCodeNeeded,
    KeyAnswerNotKept,
    KeyInUse,
    KeyOutcomeUnknown,
    KeyReused,
    LinkInvalid,
    NotFound,
    PayloadTooLarge,
    PreconditionFailed,
    RateLimited,
    RedisDown,
    RequestInvalid,
    RiskLocked,
    SecondFactorNeeded,
    SecondFactorRequired,
    StrategyInvalid,
    StrategyOverlap,
    TokenExpired,
    TokenInvalid,
    TooManyTries,
)
from algotrading.domain.keyed_requests import BROKE_OFF, OF_ANOTHER_REQUEST
from algotrading.domain.limits import Breach, BreachKind
from algotrading.domain.nse_calendar import NSE_SESSIONS
from algotrading.domain.roles import MOST_VIEWERS
from algotrading.domain.seen import HAS_CHANGED
from algotrading.entrypoints.http_answers import JSON, error_response, failure_response
from algotrading.entrypoints.http_body import LARGEST_BODY
from algotrading.entrypoints.http_event import BAD_LOGIN, EXPIRED_LOGIN
from algotrading.entrypoints.http_page import FAILED_TITLE, html_page

HTML: Final = "text/html"
_REQUEST: Final = "6a1f3c52-8d0e-4b7a-9c11-5e2f7d90ab34"
"""What the logs call the request of an example."""
_RAISED: Final[tuple[AlgotradingError, ...]] = (
    RequestInvalid("the request is not valid: see strategy_id", (FieldProblem("strategy_id", "must be a UUID"),)),
    StrategyInvalid(
        "the strategy cannot trade as asked: see stop_loss",
        (FieldProblem("stop_loss", "must be a multiple of the tick size 0.05"),),
    ),
    LinkInvalid(LINK_IS_OVER),
    AuthenticationFailed(NO_MATCH),
    SecondFactorNeeded("the code of your authenticator app is needed, too"),
    TokenExpired(EXPIRED_LOGIN),
    TokenInvalid(BAD_LOGIN),
    AccessDenied("this account is not shared with you"),
    SecondFactorRequired("log in with your second factor first"),
    FreshCodeNeeded(),
    EmailUnverified(
        "confirm your e-mail first: a link was sent to it; you can ask for another (POST /auth/email/resend)"
    ),
    AccountLocked(LOCKED),
    NotFound("no such strategy"),
    Conflict("the strategy is being changed by somebody else: try again"),
    StrategyOverlap("strategy 0b0d6c1e-6f0a-4f0e-8c55-3a1f0f8f2d11 already trades NSE:TCS from 09:30:00 to 15:15:00"),
    BrokerAccountTaken(),
    BrokerAccountDiffers("AB1234"),
    BrokerAccountsFull(5),
    BrokerAccountInUse("strategies trade in this account (2)"),
    BrokerAccountIsDefault(),
    KeyInUse(1.0),
    KeyOutcomeUnknown(BROKE_OFF),
    KeyAnswerNotKept("GET /account/shared lists the account that you may read now"),
    KeyReused(OF_ANOTHER_REQUEST),
    RiskLocked(Breach(BreachKind.LOCKED, None, None, "the kill switch is on (its owner: enough for today)")),
    PreconditionFailed(HAS_CHANGED),
    PayloadTooLarge(f"the body is larger than {LARGEST_BODY} bytes"),
    ContentTypeUnsupported("the body must be application/json, not text/xml"),
    TooManyTries(4.0),
    RateLimited(Spent(Allowance("person", 600), 601, 41.0)),
    BrokerAuthFailed("no broker is connected: enter your keys first (POST /broker/connect)"),
    BrokerUnavailable("Kite's answer about the profile is in no known form (HTTP 502)"),
    RedisDown("today's prices cannot be read just now: try again in a minute"),
    CalendarMissing(f"the session table {NSE_SESSIONS.name} {NSE_SESSIONS.version} has no data for 2030"),
)


_RAISED_AT: Final[Mapping[str, tuple[AlgotradingError, ...]]] = MappingProxyType(
    {
        "/account": (NotFound("no such user"),),
        "/account/delete": (Conflict(STILL_TRADING),),
        "/account/keys": (
            NotFound("no such key"),
            Conflict(f"an account has {MOST_KEYS} keys at most: revoke one first"),
        ),
        "/account/shared": (
            NotFound("no such account is shared with you"),
            Conflict("you read this account already"),
        ),
        "/account/viewers": (
            NotFound("no such viewer"),
            Conflict(f"an account has {MOST_VIEWERS} viewers at most: remove one first"),
        ),
        "/admin": (NotFound("no such user"), Conflict("not to your own account: ask another administrator")),
        "/admin/release": (Conflict("positions or orders are not settled yet: release once they are"),),
        "/auth": (NotFound("no such user"),),
        "/auth/devices": (NotFound("no such device is logged in"),),
        "/auth/second-factor": (Conflict("a second factor is on: take it away first"),),
        "/auth/second-factor/confirm": (Conflict("there is no second factor to confirm"),),
        "/auth/second-factor/verify": (Conflict("no second factor is on: nothing asks you for a code"),),
        "/broker": (NotFound("no such broker account"), still_trading(NOT_SOLD)),
        "/broker/accounts": (Conflict("another broker account of yours has this name: choose another"),),
        "/broker/book": (NotFound("no book of 2026-03-02 is kept; a day's book is kept after the market has closed"),),
        "/broker/callback": (BrokerAuthFailed("the broker's login was not completed: start it again"),),
        "/notifications": (
            NotFound("no webhook is set up"),
            Conflict("a code was asked for a moment ago: wait a minute, then ask for another"),
        ),
        "/notifications/preferences": (NotFound("no such user"),),
        "/notifications/push": (NotFound("no such device is logged in"),),
        "/notifications/sms": (NotFound("no sms is set up"),),
        "/notifications/telegram": (NotFound("no telegram is set up"),),
        "/risk": (Conflict("positions or orders are not settled yet: release the kill switch once they are"),),
        "/strategy/square-off": (
            Conflict("there is nothing to sell: the strategy holds no position, and no buy is on its way"),
        ),
    }
)
"""By the beginning of a path, where the same code is told in other words; what is longer goes before."""


def _bodies() -> Iterator[tuple[ErrorCode, dict[str, Any]]]:
    for error in _RAISED:
        yield error.code, _body(error)
    # Told without the words of what happened, which are for the logs.
    yield AlgotradingError.code, json.loads(str(failure_response(_REQUEST).body))
    away = DatabaseUnavailable("the connection broke")
    yield away.code, json.loads(str(failure_response(_REQUEST, away).body))


def _body(error: AlgotradingError) -> dict[str, Any]:
    """As the door writes it."""
    body: dict[str, Any] = json.loads(str(error_response(error, _REQUEST).body))
    return body


_EXAMPLES: Final[Mapping[ErrorCode, dict[str, Any]]] = MappingProxyType(dict(_bodies()))
"""By code, the body. Not of codes that no route of the document answers with."""


def examples_of(path: str) -> Mapping[str, dict[str, Any]]:
    """By code, what is answered at this path (a template of the document)."""
    found = {str(code): body for code, body in _EXAMPLES.items()}
    for beginning in sorted(_RAISED_AT, key=len):
        if path.startswith(f"/api/v1{beginning}"):
            found.update({error.code: _body(error) for error in _RAISED_AT[beginning]})
    return found


_CODES: Final = frozenset[str](get_args(ErrorCode))


def codes_of(description: str) -> list[str]:
    """The codes that an answer's description names."""
    return [word for word in re.findall(r"[A-Z_]+", description) if word in _CODES]


def with_examples(document: dict[str, Any]) -> dict[str, Any]:
    """The document with an example for each code of each refusal, and of the pages that browsers are shown.

    Raises:
        KeyError: a route names a code that has no example.
    """
    for path, status, answer in answers_of(document):
        if status >= HTTPStatus.BAD_REQUEST:
            examples = examples_of(path)
            bodies = {code: examples[code] for code in codes_of(answer["description"])}
            content = answer["content"]
            content[JSON]["examples"] = {code: {"value": body} for code, body in bodies.items()}
            if HTML in content:
                content[HTML]["examples"] = {code: {"value": _page(status, body)} for code, body in bodies.items()}
    return document


def _page(status: int, body: Mapping[str, Any]) -> str:
    """As the door shows it to a browser."""
    return str(html_page(status, FAILED_TITLE, body["message"]).body)


def answers_of(document: dict[str, Any]) -> Iterator[tuple[str, int, dict[str, Any]]]:
    """Of every route its path, and each status with what is said of it."""
    for path, operations in document["paths"].items():
        for operation in operations.values():
            for status, answer in operation["responses"].items():
                yield path, int(status), answer
