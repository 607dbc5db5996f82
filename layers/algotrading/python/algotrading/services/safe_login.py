"""Whether a login is safe enough to reach a broker account with."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from algotrading.domain.errors import EmailUnverified, SecondFactorRequired
from algotrading.ports import SecondFactors, Users


@dataclass(frozen=True, slots=True)
class SafeLogins:
    """Looks at what guards a user's login."""

    users: Users
    second_factors: SecondFactors
    needs_second_factor: bool
    """Whether only a login with a second factor may reach a broker account: where it is real money."""
    needs_verified_email: bool
    """Whether only an account whose e-mail its owner has confirmed may, too."""

    def require(self, user_id: UUID) -> None:
        """Raise unless the user's login is safe enough.

        Raises:
            EmailUnverified: the user has not confirmed the e-mail.
            SecondFactorRequired: the user's login has none.
        """
        if self.needs_verified_email and not self.users.get(user_id).is_email_verified:
            raise EmailUnverified(
                "confirm your e-mail first: a link was sent to it; you can ask for another (POST /auth/email/resend)"
            )
        if not self.needs_second_factor:
            return
        factor = self.second_factors.find(user_id)
        if factor is None or not factor.is_on:
            raise SecondFactorRequired(
                "switch the second factor of your login on first: a broker account is reached with it"
            )
