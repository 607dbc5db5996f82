"""The route of a new password by the old one."""

from __future__ import annotations

from collections.abc import Callable

from aws_lambda_powertools.event_handler import Request
from aws_lambda_powertools.event_handler.api_gateway import Router

from algotrading.contracts.api_auth import ChangePasswordRequest, PasswordChangedAnswer
from algotrading.domain.errors import AuthenticationFailed, NotFound, RequestInvalid, TooManyTries
from algotrading.entrypoints.api.answers import BEARER, answers
from algotrading.entrypoints.http import address, admitted, caller, new_router
from algotrading.services.password_change import PasswordChange


class PasswordRoutes:
    """`services` is called at each request; the first call may build them."""

    def __init__(self, services: Callable[[], PasswordChange]) -> None:
        self._services = services

    def router(self) -> Router:
        """This route, for a door or for the document."""
        router = new_router()
        router.post(
            "/api/v1/auth/password",
            summary="Change my password",
            tags=["Account"],
            security=BEARER,
            responses=answers("The password is changed", RequestInvalid, AuthenticationFailed, NotFound, TooManyTries),
        )(self.change)
        return router

    def change(self, request: Request, body: ChangePasswordRequest) -> PasswordChangedAnswer:
        """Choose another password by the old one, with a fresh code where a second factor is on. Every other login
        ends, and links for a new password that were mailed before are void; this login, API keys and viewers go on.
        The owner is told by e-mail."""
        device_id = admitted(request).device_id
        ended = self._services().change(
            caller(request), device_id, body.old_password, body.new_password, address(request)
        )
        return PasswordChangedAnswer(ended=ended)
