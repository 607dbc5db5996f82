"""Routes of the broker connection, and the page on which the broker's login ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from aws_lambda_powertools.event_handler import Request, Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Query

from algotrading.contracts.api_broker import (
    BookAnswer,
    BrokerView,
    CallbackAnswer,
    ConnectAnswer,
    ConnectRequest,
    LoginUrlAnswer,
)
from algotrading.contracts.api_timeline import Day
from algotrading.domain.accounts import BrokerCredentials, BrokerName, ConnectionStatus
from algotrading.domain.errors import (
    AccountLocked,
    BrokerAccountDiffers,
    BrokerAccountTaken,
    BrokerAuthFailed,
    BrokerUnavailable,
    Conflict,
    EmailUnverified,
    NotFound,
    RequestInvalid,
    SecondFactorRequired,
    TokenExpired,
    TokenInvalid,
)
from algotrading.entrypoints.api.answers import BEARER, answers
from algotrading.entrypoints.api.broker_book import book_answer
from algotrading.entrypoints.api.broker_views import connection_view
from algotrading.entrypoints.http import admitted, caller, new_router
from algotrading.entrypoints.http_answers import JSON
from algotrading.entrypoints.http_page import asks_for_page, html_page
from algotrading.services.broker_account_keeper import BrokerAccountKeeper
from algotrading.services.broker_books import BrokerBooks
from algotrading.services.broker_connection import BrokerConnections

_TAGS = ["Broker"]
_LONGEST = 4096
Parameter = Annotated[str | None, Query(max_length=_LONGEST)]
AccountId = Annotated[
    UUID | None,
    Query(description="Which of your broker accounts (GET /broker/accounts); without it the default one"),
]


@dataclass(frozen=True, slots=True)
class BrokerServices:
    """What these routes need."""

    connections: BrokerConnections
    books: BrokerBooks
    keeper: BrokerAccountKeeper


class BrokerRoutes:
    """`services` is called at each request; the first call may build them."""

    def __init__(self, services: Callable[[], BrokerServices]) -> None:
        self._services = services

    def router(self) -> Router:
        """These routes, for a door or for the document."""
        router = new_router()
        router.post(
            "/api/v1/broker/connect",
            summary="Connect a broker",
            tags=_TAGS,
            security=BEARER,
            responses=answers(
                "Connected, or where to log in",
                RequestInvalid,
                EmailUnverified,
                SecondFactorRequired,
                NotFound,
                BrokerAuthFailed,
                BrokerAccountTaken,
                BrokerAccountDiffers,
                Conflict,
                BrokerUnavailable,
            ),
        )(self.connect)
        router.get(
            "/api/v1/broker",
            summary="My broker connection",
            tags=_TAGS,
            security=BEARER,
            responses=answers("The connection, without its secrets", RequestInvalid, NotFound),
        )(self.show)
        router.delete(
            "/api/v1/broker",
            summary="Forget my broker connection",
            tags=_TAGS,
            security=BEARER,
            responses=answers("There is no connection any more", RequestInvalid, NotFound, Conflict),
        )(self.disconnect)
        router.get(
            "/api/v1/broker/login",
            summary="Where to log in to the broker",
            tags=_TAGS,
            security=BEARER,
            responses=answers(
                "The broker's login page",
                RequestInvalid,
                EmailUnverified,
                SecondFactorRequired,
                NotFound,
                BrokerAuthFailed,
            ),
        )(self.show_login_url)
        router.get(
            "/api/v1/broker/callback",
            summary="Where the broker's login ends",
            tags=_TAGS,
            responses=_callback_answers(),
        )(self.complete_login)
        router.get(
            "/api/v1/broker/book",
            summary="My account's book of a day",
            tags=_TAGS,
            security=BEARER,
            responses=answers("Every order, trade and position, whoever placed them", RequestInvalid, NotFound),
        )(self.show_book)
        return router

    def connect(self, request: Request, body: ConnectRequest) -> ConnectAnswer:
        """Store broker keys: validated, with an access token; else with the URL of the broker's login."""
        credentials = BrokerCredentials(BrokerName.KITE, body.api_key, body.api_secret, body.access_token)
        made = self._services().connections.connect(
            caller(request), credentials, admitted(request).device_id, body.account_id
        )
        is_valid = made.login_url is None
        status = ConnectionStatus.CONNECTED if is_valid else ConnectionStatus.LOGIN_REQUIRED
        return ConnectAnswer(
            account_id=made.account_id,
            status=status,
            broker_valid=is_valid,
            login_url=made.login_url,
            addresses=made.addresses,
        )

    def show(self, request: Request, account_id: AccountId = None) -> BrokerView:
        """The caller's broker connection."""
        connections = self._services().connections
        account = connections.account_of(caller(request), account_id)
        connection = connections.describe(account)
        if connection is None:
            return BrokerView(account_id=account.account_id, status="not_connected")
        return connection_view(connection, request)

    def show_book(
        self, request: Request, day: Annotated[Day | None, Query()] = None, account_id: AccountId = None
    ) -> BookAnswer:
        """The account's whole book as it was kept after the market had closed on `day` (today unless given)."""
        return book_answer(self._services().books.read(caller(request), day, account_id))

    def disconnect(self, request: Request, account_id: AccountId = None) -> BrokerView:
        """Forget the caller's broker keys."""
        connections = self._services().connections
        account = connections.account_of(caller(request), account_id)
        connections.disconnect(account)
        return BrokerView(account_id=account.account_id, status="not_connected")

    def show_login_url(self, request: Request, account_id: AccountId = None) -> LoginUrlAnswer:
        """The URL of the broker's login for the caller, good for a quarter of an hour and for this account alone."""
        login_url = self._services().connections.login_url(caller(request), admitted(request).device_id, account_id)
        return LoginUrlAnswer(login_url=login_url)

    def complete_login(
        self, request: Request, request_token: Parameter = None, state: Parameter = None, status: Parameter = None
    ) -> Response[str]:
        """Turn the broker's one-time request token into a connection. Answers a page; JSON when asked for."""
        if status not in {None, "success"} or not request_token or not state:
            raise BrokerAuthFailed("the broker's login was not completed: start it again")
        connection = self._services().connections.complete_login(state, request_token)
        if JSON in request.headers.get("accept", "") and not asks_for_page(request.headers):
            answer = CallbackAnswer(
                account_id=connection.account_id,
                status=connection.status,
                broker_valid=True,
                broker_user_id=connection.broker_user_id,
            )
            return Response(status_code=200, content_type=JSON, body=answer.model_dump_json())
        who = f"Your broker account {connection.broker_user_id} is connected until 06:00 IST."
        return html_page(200, "Connected", f"{who} You can close this page.")


def _callback_answers() -> dict[int, Any]:
    failures = answers(
        "",
        RequestInvalid,
        TokenExpired,
        TokenInvalid,
        AccountLocked,
        NotFound,
        BrokerAuthFailed,
        BrokerAccountTaken,
        BrokerAccountDiffers,
        BrokerUnavailable,
        is_open=True,
    )
    for answer in failures.values():
        answer.setdefault("content", {})["text/html"] = {"schema": {"type": "string"}}
    success = {
        "description": "The broker is connected",
        "content": {"text/html": {"schema": {"type": "string"}}, JSON: {"model": CallbackAnswer}},
    }
    return {**failures, 200: success}
