"""An owner lets somebody else read the account; either of the two ends it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID, uuid4

from algotrading.domain.errors import Conflict, TooManyTries
from algotrading.domain.roles import INVITATION_LASTS, ViewerGrant
from algotrading.domain.throttle import suspects_of_link
from algotrading.ports import Clock, Throttle, Users, ViewerGrants
from algotrading.services.link_tokens import new_link_token, read_link_token


@dataclass(frozen=True, slots=True)
class Viewers:
    """An invitation is a token that its owner hands on by whatever way they trust: nobody is mailed, so that nothing is
    told about who has an account."""

    users: Users
    grants: ViewerGrants
    throttle: Throttle
    clock: Clock
    new_id: Callable[[], UUID] = uuid4

    def invite(self, user_id: UUID, name: str) -> tuple[ViewerGrant, str]:
        """An invitation, and the token that accepts it once, within `INVITATION_LASTS`; nobody can show it again.

        Raises:
            Conflict: the account has as many viewers as it may.
        """
        owner, now = self.users.get(user_id), self.clock.now()
        token, token_hash = new_link_token(user_id)
        grant = ViewerGrant(self.new_id(), user_id, name, owner.email, now, now + INVITATION_LASTS)
        self.grants.invite(grant, token_hash)
        return grant, token

    def of_account(self, user_id: UUID) -> Sequence[ViewerGrant]:
        """Who was invited, and who reads."""
        return self.grants.of_account(user_id, self.clock.now())

    def revoke(self, user_id: UUID, grant_id: UUID) -> None:
        """Nothing can be read by it from now on. Raises NotFound."""
        self.grants.revoke(user_id, grant_id, self.clock.now())

    def accept(self, viewer_id: UUID, token: str, address: str) -> ViewerGrant:
        """Read the account from now on.

        Raises:
            LinkInvalid: the invitation is not good, or not any more.
            Conflict: it is the viewer's own account, or one that they read already.
            TooManyTries: too many tokens that were none, from this address.
        """
        suspects = suspects_of_link(address)
        seconds = self.throttle.try_now(suspects)
        if seconds > 0:
            raise TooManyTries(seconds)
        account, token_hash = read_link_token(token)
        if account == viewer_id:
            raise Conflict("this is an invitation to your own account: hand it on to somebody else")
        grant = self.grants.accept(account, token_hash, self.users.get(viewer_id), self.clock.now())
        self.throttle.succeeded(suspects)
        return grant

    def shared_with(self, viewer_id: UUID) -> Sequence[ViewerGrant]:
        """The accounts that the user reads."""
        return self.grants.shared_with(viewer_id)

    def leave(self, viewer_id: UUID, account: UUID) -> None:
        """Stop reading an account. Raises NotFound."""
        self.grants.leave(account, viewer_id, self.clock.now())
