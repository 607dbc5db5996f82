"""Routes of a user's broker accounts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from aws_lambda_powertools.event_handler import Request, Response
from aws_lambda_powertools.event_handler.api_gateway import Router

from algotrading.contracts.api_broker_accounts import (
    BrokerAccountList,
    BrokerAccountRemoved,
    BrokerAccountView,
    ChangeAccountRequest,
    OpenAccountRequest,
)
from algotrading.domain.errors import (
    AlgotradingError,
    BrokerAccountInUse,
    BrokerAccountIsDefault,
    BrokerAccountsFull,
    Conflict,
    EmailUnverified,
    FieldProblem,
    NotFound,
    PreconditionFailed,
    RequestInvalid,
    SecondFactorRequired,
)
from algotrading.entrypoints.api.answers import BEARER, answers
from algotrading.entrypoints.api.broker_views import connection_view
from algotrading.entrypoints.http import caller, new_router
from algotrading.entrypoints.http_versions import quoted, seen_tag, tagged
from algotrading.services.broker_account_keeper import AccountInView, BrokerAccountKeeper


class BrokerAccountRoutes:
    """`services` is called at each request; the first call may build them."""

    def __init__(self, services: Callable[[], BrokerAccountKeeper]) -> None:
        self._services = services

    def router(self) -> Router:
        """These routes, for a door or for the document."""
        router, path = new_router(), "/api/v1/broker/accounts"
        router.get(path, **_route("My broker accounts", "Every account, oldest first"))(self.show)
        router.post(
            path,
            status_code=201,
            **_route(
                "Open one more broker account",
                "The account, in which no broker is connected yet",
                RequestInvalid,
                EmailUnverified,
                SecondFactorRequired,
                BrokerAccountsFull,
                Conflict,
                status=201,
            ),
        )(self.open)
        router.put(
            f"{path}/<id>",
            **_route(
                "Name a broker account, or choose it",
                "The account",
                RequestInvalid,
                NotFound,
                Conflict,
                PreconditionFailed,
            ),
        )(self.change)
        router.delete(
            f"{path}/<id>",
            **_route(
                "Remove a broker account",
                "It is there no more, and its keys are forgotten",
                NotFound,
                BrokerAccountIsDefault,
                BrokerAccountInUse,
                PreconditionFailed,
            ),
        )(self.remove)
        return router

    def show(self, request: Request) -> BrokerAccountList:
        """The caller's broker accounts. Everybody has a first one, which is the default until another is."""
        found = self._services().of_user(caller(request))
        return BrokerAccountList(accounts=[_view(each, request) for each in found])

    def open(self, request: Request, body: OpenAccountRequest) -> BrokerAccountView:
        """Open one more account, five at the most; POST /broker/connect connects a broker in it by its account_id."""
        return _view(self._services().open(caller(request), body.name), request)

    def change(self, request: Request, id: UUID, body: ChangeAccountRequest) -> Response[BrokerAccountView]:
        """Give an account another name, make it the default, or both. No strategy moves by that. With `If-Match`, only
        an account whose `etag` is still that one is changed."""
        if body.name is None and body.is_default is None:
            problem = FieldProblem("name", "must be given, unless is_default is")
            raise RequestInvalid("nothing is to change: see name", (problem,))
        make_default, seen = body.is_default is True, seen_tag(request)
        changed = self._services().change(caller(request), id, name=body.name, make_default=make_default, seen=seen)
        return tagged(_view(changed, request), changed.account.tag)

    def remove(self, request: Request, id: UUID) -> BrokerAccountRemoved:
        """Remove an account in which nothing is left to trade, and forget its keys. Its orders and its kept books stay
        on record. With `If-Match`, only an account whose `etag` is still that one is removed."""
        self._services().remove(caller(request), id, seen=seen_tag(request))
        return BrokerAccountRemoved(account_id=id)


def _route(summary: str, success: str, *errors: type[AlgotradingError], status: int = 200) -> dict[str, Any]:
    responses = answers(success, *errors, status=status)
    return {"summary": summary, "tags": ["Broker"], "security": BEARER, "responses": responses}


def _view(one: AccountInView, request: Request) -> BrokerAccountView:
    account = one.account
    return BrokerAccountView(
        account_id=account.account_id,
        name=account.name,
        is_default=account.is_default,
        etag=quoted(account.tag),
        strategies=one.strategies,
        created_at=account.created_at,
        connection=None if one.connection is None else connection_view(one.connection, request),
    )
