"""Routes of the account as a whole: take everything along, delete it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from aws_lambda_powertools.event_handler import Request
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Query

from algotrading.contracts.api_account import AccountDeletedAnswer, DeleteAccountRequest, ExportView
from algotrading.contracts.api_common import Storable
from algotrading.domain.errors import (
    AuthenticationFailed,
    Conflict,
    NotFound,
    RequestInvalid,
    SecondFactorNeeded,
    TooManyTries,
)
from algotrading.entrypoints.api.answers import BEARER, answers
from algotrading.entrypoints.http import address, caller, new_router
from algotrading.services.account_data import AccountData

_TAGS = ["Account"]


class AccountDataRoutes:
    """`services` is called at each request; the first call may build them."""

    def __init__(self, services: Callable[[], AccountData]) -> None:
        self._services = services

    def router(self) -> Router:
        """These routes, for a door or for the document."""
        router = new_router()
        router.get(
            "/api/v1/account/export",
            summary="Everything that is kept of me",
            tags=_TAGS,
            security=BEARER,
            responses=answers("A page of it", RequestInvalid, NotFound),
        )(self.export)
        router.post(
            "/api/v1/account/delete",
            summary="Delete my account",
            tags=_TAGS,
            security=BEARER,
            responses=answers(
                "It is deleted",
                RequestInvalid,
                AuthenticationFailed,
                SecondFactorNeeded,
                NotFound,
                Conflict,
                TooManyTries,
            ),
        )(self.delete)
        return router

    def export(
        self, request: Request, cursor: Annotated[str | None, Query(max_length=60), Storable] = None
    ) -> ExportView:
        """Everything that is kept of the caller, section by section, without secrets: three megabytes, then go on with
        `next_cursor`. Pages are read one after the other: what is written meanwhile may be in them or not."""
        sections, following = self._services().export(caller(request), cursor)
        return ExportView(sections={name: list(rows) for name, rows in sections.items()}, next_cursor=following)

    def delete(self, request: Request, body: DeleteAccountRequest) -> AccountDeletedAnswer:
        """Forget who the caller is: e-mail, password, second factor, broker connection, channels, devices. Strategies
        must be stopped and settled. Orders, trades and the audit trail stay, as the law asks, under an identifier that
        names nobody. It cannot be undone."""
        self._services().delete(caller(request), body.password, body.code, address(request))
        return AccountDeletedAnswer()
