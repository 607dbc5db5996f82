"""Bodies of /broker."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

from algotrading.contracts.api_common import Answer, Identifier, Instant, Price, RequestBody
from algotrading.domain.accounts import BrokerName, ConnectionStatus
from algotrading.domain.orders import Side

_ISSUED = re.compile(r"[A-Za-z0-9._~-]+")


def _looks_issued(value: str) -> str:
    if not _ISSUED.fullmatch(value):
        raise PydanticCustomError("secret", "must be as the broker shows it: letters, digits and . _ ~ - only")
    return value


Addresses = Annotated[
    tuple[str, ...],
    Field(
        description="Register these with your broker before the first order: it takes orders from nowhere else. Empty "
        "where the broker does not ask for that",
        json_schema_extra={"examples": [["13.200.1.10", "13.200.2.20"]]},
    ),
]

Secret = Annotated[
    str,
    StringConstraints(min_length=1, max_length=200),
    AfterValidator(_looks_issued),
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 200, "pattern": f"^{_ISSUED.pattern}$"}),
]
"""Goes into an HTTP header and into the address of the broker's login page: characters that mean
nothing in either."""


class ConnectRequest(RequestBody):
    """Broker keys. Without an access token the answer is the URL of the broker's login."""

    api_key: Secret
    api_secret: Secret
    access_token: Secret | None = Field(default=None, description="Leave out to log in through the broker's page")
    account_id: Identifier | None = Field(
        default=None, description="Which of your broker accounts (GET /broker/accounts); without it the default one"
    )


class ConnectAnswer(Answer):
    """Whether the broker knows these credentials."""

    account_id: UUID
    status: ConnectionStatus
    broker_valid: bool
    login_url: str | None = Field(default=None, description="Where to log in, while status is login_required")
    addresses: Addresses = ()


class LoginUrlAnswer(Answer):
    """Where the trader logs in to the broker."""

    login_url: str


class BrokerSummary(Answer):
    """How the caller's broker connection stands."""

    status: Literal["not_connected", "login_required", "connected"]
    broker: BrokerName | None = None
    broker_user_id: str | None = None
    token_at: Instant | None = Field(default=None, description="When the access token was validated last")
    token_expires_at: Instant | None = Field(default=None, description="06:00 Asia/Kolkata of the next day")
    token_refused_at: Instant | None = Field(
        default=None,
        description="Since when the broker refuses the access token, which ends early by a logout there or a login at "
        "another place: status is login_required then. As the broker answered last to somebody who traded",
    )


class AccountBrokerSummary(BrokerSummary):
    """How the connection of one of the caller's broker accounts stands."""

    account_id: UUID
    name: str
    is_default: bool


class BrokerView(BrokerSummary):
    """A broker connection, without its secrets."""

    account_id: UUID = Field(description="The account of yours that it is in")
    api_key: str | None = Field(default=None, description="Masked: the last four characters")
    addresses: Addresses = ()
    postback_url: str | None = Field(
        default=None,
        description="Enter it as the postback URL of your broker app, and order updates arrive at once. Keep it to "
        "yourself; it stays the same until you disconnect",
    )


class CallbackAnswer(Answer):
    """The outcome of a broker login, for callers that ask for JSON."""

    account_id: UUID = Field(description="The account of ours that the login was for")
    status: ConnectionStatus
    broker_valid: bool
    broker_user_id: str | None


class PostbackAnswer(Answer):
    """Says nothing about anybody."""

    status: Literal["received"] = "received"


class BookOrder(Answer):
    """One order of the account on that day."""

    order_id: str
    exchange: str
    symbol: str
    side: Side
    product: str
    quantity: int
    filled_quantity: int
    average_price: Price
    status: str = Field(description="As the broker wrote it")
    message: str | None
    ours: bool = Field(description="Whether a strategy placed it; other orders are shown and never touched")


class BookTrade(Answer):
    """One execution."""

    trade_id: str
    order_id: str
    exchange: str
    quantity: int
    price: Price
    filled_at: Instant | None


class BookPosition(Answer):
    """Net quantity of one instrument and product when the book was kept; 0 when closed, negative when short."""

    exchange: str
    symbol: str
    product: str
    quantity: int
    average_price: Price
    last_price: Price


class BookAnswer(Answer):
    """The account's whole book as it was kept after a trading day: the broker's own is gone the next morning."""

    day: date
    taken_at: Instant
    orders: list[BookOrder]
    trades: list[BookTrade]
    positions: list[BookPosition]
