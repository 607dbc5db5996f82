"""Routes of accounts: register, log in, look."""

from __future__ import annotations

from collections.abc import Callable

from aws_lambda_powertools.event_handler import Request
from aws_lambda_powertools.event_handler.api_gateway import Router

from algotrading.contracts.api_auth import AccountView, LoginAnswer, LoginRequest, RegisterAnswer, RegisterRequest
from algotrading.contracts.api_broker import BrokerSummary
from algotrading.domain.accounts import SealedBrokerAccount
from algotrading.domain.errors import AuthenticationFailed, EmailTaken, NotFound, RequestInvalid
from algotrading.entrypoints.api.answers import BEARER, answers
from algotrading.entrypoints.http import caller, new_router
from algotrading.services.accounts import Accounts

_TAGS = ["Account"]


class AuthRoutes:
    """`services` is called at each request; the first call may build them."""

    def __init__(self, services: Callable[[], Accounts]) -> None:
        self._services = services

    def router(self) -> Router:
        """These routes, for a door or for the document."""
        router = new_router()
        router.post(
            "/api/v1/auth/register",
            summary="Open an account",
            tags=_TAGS,
            status_code=201,
            responses=answers("The account is open", RequestInvalid, EmailTaken, status=201, is_open=True),
        )(self.register)
        router.post(
            "/api/v1/auth/login",
            summary="Log in",
            tags=_TAGS,
            responses=answers("Logged in", RequestInvalid, AuthenticationFailed, is_open=True),
        )(self.log_in)
        router.get(
            "/api/v1/account",
            summary="My account",
            tags=_TAGS,
            security=BEARER,
            responses=answers("The caller's account", NotFound),
        )(self.show_account)
        return router

    def register(self, body: RegisterRequest) -> RegisterAnswer:
        """Open an account and log it in."""
        user, token = self._services().register(body.email, body.password)
        return RegisterAnswer(user_id=user.user_id, token=token)

    def log_in(self, body: LoginRequest) -> LoginAnswer:
        """Exchange e-mail and password for a bearer token."""
        return LoginAnswer(token=self._services().log_in(body.email, body.password))

    def show_account(self, request: Request) -> AccountView:
        """The caller's account and how its broker connection stands."""
        accounts = self._services()
        user = accounts.get(caller(request))
        broker = _summarise(accounts.broker_of(user.user_id), accounts)
        return AccountView(user_id=user.user_id, email=user.email, created_at=user.created_at, broker=broker)


def _summarise(account: SealedBrokerAccount | None, accounts: Accounts) -> BrokerSummary:
    if account is None:
        return BrokerSummary(status="not_connected")
    return BrokerSummary(
        status=account.status_at(accounts.clock.now()).value,
        broker=account.broker,
        broker_user_id=account.broker_user_id,
        token_at=account.token_at,
        token_expires_at=account.token_expires_at,
    )
