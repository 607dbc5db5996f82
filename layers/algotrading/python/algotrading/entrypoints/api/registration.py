"""Routes of a new account: asking for it, opening it."""

from __future__ import annotations

from collections.abc import Callable

from aws_lambda_powertools.event_handler import Request
from aws_lambda_powertools.event_handler.api_gateway import Router

from algotrading.contracts.api_auth import (
    ConfirmRegistrationRequest,
    MailAskedAnswer,
    RegisterRequest,
    RegistrationConfirmedAnswer,
)
from algotrading.domain.errors import AuthenticationFailed, LinkInvalid, RequestInvalid, TooManyTries
from algotrading.entrypoints.api.answers import answers
from algotrading.entrypoints.http import address, new_router
from algotrading.services.registrar import Registrar

_TAGS = ["Account"]


class RegistrationRoutes:
    """`services` is called at each request; the first call may build them."""

    def __init__(self, services: Callable[[], Registrar]) -> None:
        self._services = services

    def router(self) -> Router:
        """These routes, for a door or for the document."""
        router = new_router()
        router.post(
            "/api/v1/auth/register",
            summary="Ask for an account",
            tags=_TAGS,
            status_code=202,
            responses=answers(
                "A mail is on its way to the address", RequestInvalid, TooManyTries, status=202, is_open=True
            ),
        )(self.register)
        router.post(
            "/api/v1/auth/register/confirm",
            summary="Open the account",
            tags=_TAGS,
            responses=answers(
                "The account is open", RequestInvalid, LinkInvalid, AuthenticationFailed, TooManyTries, is_open=True
            ),
        )(self.confirm)
        return router

    def register(self, request: Request, body: RegisterRequest) -> MailAskedAnswer:
        """A mail is on its way to this e-mail, with a link by which the account is opened within a day; where it has an
        account, the mail says so, and nothing of that is changed. The answer is the same in any case, and comes as
        fast. Ask again for another mail: each has a link of its own, and goes with the password of its own asking."""
        self._services().ask(body.email, body.password, address(request))
        return MailAskedAnswer()

    def confirm(self, request: Request, body: ConfirmRegistrationRequest) -> RegistrationConfirmedAnswer:
        """Open the account by the link of the mail and the password that was chosen with it, then log in. The link
        alone opens nothing: somebody else may have asked for the account."""
        user = self._services().confirm(body.token, body.password, address(request))
        return RegistrationConfirmedAnswer(user_id=user.user_id, email=user.email)
