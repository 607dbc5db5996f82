"""Routes of reading each other's accounts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from aws_lambda_powertools.event_handler import Request
from aws_lambda_powertools.event_handler.api_gateway import Router

from algotrading.contracts.api_viewers import (
    AcceptInvitationRequest,
    InvitationAnswer,
    InviteViewerRequest,
    SharedAccountLeftAnswer,
    SharedAccountsView,
    SharedAccountView,
    ViewerRemovedAnswer,
    ViewersView,
    ViewerView,
)
from algotrading.domain.errors import AlgotradingError, Conflict, LinkInvalid, NotFound, RequestInvalid, TooManyTries
from algotrading.domain.roles import ViewerGrant
from algotrading.entrypoints.api.answers import BEARER, answers
from algotrading.entrypoints.http import address, caller, new_router
from algotrading.services.viewers import Viewers


class ViewerRoutes:
    """`services` is called at each request; the first call may build them."""

    def __init__(self, services: Callable[[], Viewers]) -> None:
        self._services = services

    def router(self) -> Router:
        """These routes, for a door or for the document."""
        router, base = new_router(), "/api/v1/account"
        router.get(f"{base}/viewers", **_route("Who reads my account", "Every viewer"))(self.show_viewers)
        router.post(
            f"{base}/viewers",
            status_code=201,
            **_route("Invite a viewer", "The invitation", RequestInvalid, NotFound, Conflict, status=201),
        )(self.invite)
        router.delete(f"{base}/viewers/<id>", **_route("Remove a viewer", "They read nothing any more", NotFound))(
            self.revoke
        )
        router.get(f"{base}/shared", **_route("Accounts that I may read", "Every account"))(self.show_shared)
        router.post(
            f"{base}/shared/accept",
            **_route(
                "Accept an invitation",
                "The account can be read",
                RequestInvalid,
                LinkInvalid,
                NotFound,
                Conflict,
                TooManyTries,
            ),
        )(self.accept)
        router.delete(f"{base}/shared/<id>", **_route("Stop reading an account", "It is not read any more", NotFound))(
            self.leave
        )
        return router

    def show_viewers(self, request: Request) -> ViewersView:
        """Who was invited to read the caller's account, and who accepted."""
        return ViewersView(viewers=[_viewer(each) for each in self._services().of_account(caller(request))])

    def invite(self, request: Request, body: InviteViewerRequest) -> InvitationAnswer:
        """Invite somebody to read this account: strategies, orders, limits, notices; nothing can be changed, and no
        secret is seen. The invitation is good once, for seven days. Each look that the viewer takes is written down in
        the account's audit trail."""
        grant, token = self._services().invite(caller(request), body.name)
        return InvitationAnswer(grant_id=grant.grant_id, invitation=token, expires_at=grant.expires_at)

    def revoke(self, request: Request, id: UUID) -> ViewerRemovedAnswer:
        """Take an invitation back, accepted or not. It holds from the viewer's next request on."""
        self._services().revoke(caller(request), id)
        return ViewerRemovedAnswer(grant_id=id)

    def show_shared(self, request: Request) -> SharedAccountsView:
        """The accounts that the caller may read: name one in the header `X-Account`."""
        found = self._services().shared_with(caller(request))
        return SharedAccountsView(accounts=[_shared(each) for each in found])

    def accept(self, request: Request, body: AcceptInvitationRequest) -> SharedAccountView:
        """Accept an invitation. The account's owner sees the caller's e-mail from then on."""
        return _shared(self._services().accept(caller(request), body.invitation, address(request)))

    def leave(self, request: Request, id: UUID) -> SharedAccountLeftAnswer:
        """Stop reading an account, by its `account_id`."""
        self._services().leave(caller(request), id)
        return SharedAccountLeftAnswer(account_id=id)


def _route(summary: str, success: str, *errors: type[AlgotradingError], status: int = 200) -> dict[str, Any]:
    responses = answers(success, *errors, status=status)
    return {"summary": summary, "tags": ["Viewers"], "security": BEARER, "responses": responses}


def _viewer(grant: ViewerGrant) -> ViewerView:
    return ViewerView(
        grant_id=grant.grant_id,
        name=grant.name,
        created_at=grant.created_at,
        expires_at=grant.expires_at if grant.accepted_at is None else None,
        viewer_email=grant.viewer_email,
        accepted_at=grant.accepted_at,
    )


def _shared(grant: ViewerGrant) -> SharedAccountView:
    assert grant.accepted_at is not None
    return SharedAccountView(account_id=grant.user_id, owner_email=grant.owner_email, accepted_at=grant.accepted_at)
