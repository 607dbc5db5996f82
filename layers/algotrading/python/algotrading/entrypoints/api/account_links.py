"""Routes of links in e-mails: a new password, a verified address."""

from __future__ import annotations

from collections.abc import Callable

from aws_lambda_powertools.event_handler import Request
from aws_lambda_powertools.event_handler.api_gateway import Router

from algotrading.contracts.api_auth import (
    EmailVerifiedAnswer,
    ForgotPasswordRequest,
    MailAskedAnswer,
    PasswordResetAnswer,
    ResendAnswer,
    ResendRequest,
    ResetPasswordRequest,
    VerifyEmailRequest,
)
from algotrading.domain.errors import AuthenticationFailed, LinkInvalid, NotFound, RequestInvalid, TooManyTries
from algotrading.entrypoints.api.answers import BEARER, answers
from algotrading.entrypoints.http import address, caller, new_router
from algotrading.services.account_links import AccountLinks

_TAGS = ["Account"]
_NOTHING = ResendRequest()


class AccountLinkRoutes:
    """`services` is called at each request; the first call may build them."""

    def __init__(self, services: Callable[[], AccountLinks]) -> None:
        self._services = services

    def router(self) -> Router:
        """These routes, for a door or for the document."""
        router = new_router()
        router.post(
            "/api/v1/auth/password/forgot",
            summary="Ask for a new password",
            tags=_TAGS,
            status_code=202,
            responses=answers(
                "If the e-mail has an account, a mail is on its way",
                RequestInvalid,
                TooManyTries,
                status=202,
                is_open=True,
            ),
        )(self.forget)
        router.post(
            "/api/v1/auth/password/reset",
            summary="Choose a new password",
            tags=_TAGS,
            responses=answers("The password is changed", RequestInvalid, LinkInvalid, TooManyTries, is_open=True),
        )(self.reset)
        router.post(
            "/api/v1/auth/email/verify",
            summary="Confirm my e-mail",
            tags=_TAGS,
            responses=answers(
                "The e-mail is confirmed", RequestInvalid, LinkInvalid, AuthenticationFailed, TooManyTries, is_open=True
            ),
        )(self.verify)
        router.post(
            "/api/v1/auth/email/resend",
            summary="Send the link to confirm my e-mail again",
            tags=_TAGS,
            status_code=202,
            security=BEARER,
            responses=answers("A mail is on its way", RequestInvalid, NotFound, TooManyTries, status=202),
        )(self.resend)
        return router

    def forget(self, request: Request, body: ForgotPasswordRequest) -> MailAskedAnswer:
        """If this e-mail has an account, a mail with a link is on its way to it; the link works once, for thirty
        minutes. The answer is the same in any case, and comes as fast."""
        self._services().forget(body.email, address(request), body.known_device)
        return MailAskedAnswer()

    def reset(self, request: Request, body: ResetPasswordRequest) -> PasswordResetAnswer:
        """Choose a new password by the link of the mail. It uses up the link, and others that were sent; ends every
        login; and leaves the second factor as it is: log in with the new password, and the code if there is one.
        Bearer tokens end with their logins. API keys and viewers go on unless `revoke_access` is true; the notice of
        the change says how many there are."""
        self._services().reset(body.token, body.password, address(request), revoke_access=body.revoke_access)
        return PasswordResetAnswer()

    def verify(self, request: Request, body: VerifyEmailRequest) -> EmailVerifiedAnswer:
        """Confirm the account's e-mail by the link that was sent to it, within a day, and the account's password: the
        link alone confirms nothing, somebody else may have opened the account. A broker account is connected only
        after that, where it is real money."""
        self._services().verify(body.token, body.password, address(request))
        return EmailVerifiedAnswer()

    def resend(
        self,
        request: Request,
        body: ResendRequest = _NOTHING,  # noqa: ARG002 - read strictly all the same
    ) -> ResendAnswer:
        """Send the link that confirms the account's e-mail once more."""
        return ResendAnswer(status="asked" if self._services().ask_to_verify(caller(request)) else "verified")
