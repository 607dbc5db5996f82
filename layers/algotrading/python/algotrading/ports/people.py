"""Users of this product, their broker connections, and what their secrets are kept with."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from algotrading.domain.accounts import (
    Login,
    SealedBrokerAccount,
    User,
)
from algotrading.domain.egress import EgressRoute
from algotrading.domain.email_links import LinkPurpose
from algotrading.domain.logins import Bearer, DeviceLogin
from algotrading.domain.registrations import Registration
from algotrading.domain.second_factor import SecondFactor
from algotrading.domain.throttle import Suspect


class Users(Protocol):
    """Accounts of this product."""

    def add(self, user: User, password_hash: str) -> None:
        """Open the account; that its e-mail is verified goes on record in the same transaction, where it is. Raises
        Conflict when the e-mail (compared without case) has an account."""
        ...

    def find_login(self, email: str) -> Login | None:
        """What to check a password against; None for an unknown e-mail."""
        ...

    def get(self, user_id: UUID) -> User:
        """Raises NotFound."""
        ...


class Registrations(Protocol):
    """Accounts that were asked for. Of their links only hashes are stored."""

    def add(self, asked: Registration) -> None:
        """Beside others of the same e-mail. Nothing is looked at, so that it takes the same time for every e-mail."""
        ...

    def email_of(self, user_id: UUID, now: datetime) -> str | None:
        """Who asked for it; None: it was opened or forgotten, or is over."""
        ...

    def add_link(self, user_id: UUID, token_hash: bytes) -> None:
        """A link by which it is opened, beside those that were sent before."""
        ...

    def by_link(self, user_id: UUID, token_hash: bytes, now: datetime) -> Registration | None:
        """The registration, if this is a link of its own and it is not over."""
        ...

    def forget(self, user_id: UUID) -> None:
        """It was opened, or never will be; no error when it is gone."""
        ...

    def forget_old(self, now: datetime) -> None:
        """Forget all that are over, of every e-mail."""
        ...


class Logins(Protocol):
    """Logins on devices. Of refresh tokens only hashes are stored. Beginning and ending leave an audit record in the
    same transaction; ending one ends its pushes."""

    def begin(self, login: DeviceLogin, token_hash: bytes, password_hash: str, *, known_as: UUID | None = None) -> None:
        """A new login, and the token that refreshes it first. `password_hash` is what the password was checked against:
        that takes a tenth of a second, in which it may have been changed, and the account closed or locked. The user is
        told of a new device, unless it is the account's first login, or `known_as` is an earlier one of the user's that
        ended in one of the ways of KEEPS_DEVICE_KNOWN, or goes on.

        Raises:
            AuthenticationFailed: it is not the user's any more, or the user is gone.
            AccountLocked: nobody gets in any more.
        """
        ...

    def is_known(self, email: str, device_id: UUID) -> bool:
        """Whether this is an earlier login of the account with this e-mail, of a device that is known by it (see
        `begin`). Whoever names a login that is none learns nothing of the e-mail, nor by the time taken."""
        ...

    def show_code(self, user_id: UUID, device_id: UUID, now: datetime) -> None:
        """A code of the second factor was shown on this login. Raises NotFound when it is not the user's, or over."""
        ...

    def refresh(self, user_id: UUID, token_hash: bytes, successor: bytes, now: datetime) -> DeviceLogin:
        """Use a token (see `judge_refresh`) and store the one that follows it. A successor that is there already stays
        as it is: one that was used was used, however often the token before it is repeated.

        Raises:
            TokenExpired: the login is over.
            TokenInvalid: the user has no such token; or it was used before, and then its login has ended now.
        """
        ...

    def end_by_token(self, user_id: UUID, token_hash: bytes, now: datetime) -> None:
        """Log out whoever holds this token; no error when it belongs to no login."""
        ...

    def alive(self, user_id: UUID, now: datetime) -> Sequence[DeviceLogin]:
        """The user's logins that go on, the latest used first."""
        ...

    def end(self, user_id: UUID, device_id: UUID, now: datetime) -> None:
        """End one from elsewhere. Raises NotFound when it is not the user's, or not alive."""
        ...

    def end_all(self, user_id: UUID, now: datetime) -> int:
        """End every login of the user; how many there were."""
        ...

    def change_password(
        self, user_id: UUID, device_id: UUID | None, password_hash: str, new_hash: str, now: datetime
    ) -> int:
        """Store another password instead of the one that was checked (see `begin`), end every login but that device's,
        use up links for a new password, and tell the user what goes on; how many logins have ended. On record.

        Raises:
            AuthenticationFailed: `password_hash` is not the user's any more, or the user is gone.
            AccountLocked: nobody gets in any more.
        """
        ...


class SecondFactors(Protocol):
    """Second factors of logins. On, off and each recovery code used leave an audit record in the same transaction."""

    def find(self, user_id: UUID) -> SecondFactor | None:
        """The user's, confirmed or not."""
        ...

    def begin(self, factor: SecondFactor) -> None:
        """Store one that waits for its confirmation, instead of another that does. Raises Conflict when one is on."""
        ...

    def confirm(self, factor: SecondFactor, step: int, recovery: Collection[bytes], now: datetime) -> None:
        """Switch on the one that was found, and no other. Raises Conflict when it does not wait for that (any more)."""
        ...

    def use_step(self, user_id: UUID, step: int) -> bool:
        """Whether this step, and a later one, was never used before; it is now."""
        ...

    def note_reuse(self, user_id: UUID, now: datetime) -> None:
        """Right digits came that were used before: on record each time, and told to the user once a day."""
        ...

    def recovery_left(self, user_id: UUID) -> int:
        """How many of the user's recovery codes are not used up."""
        ...

    def use_recovery(self, user_id: UUID, code_hash: bytes, now: datetime) -> bool:
        """Whether the user had this recovery code; it is gone now."""
        ...

    def remove(self, user_id: UUID, now: datetime, *, but: UUID | None = None) -> None:
        """Switch it off, forget it with its recovery codes, and end every login `but` one: a phone that was lost with
        the second factor on it is not to go on. Roles of the staff go with it, on record: whoever begins another one
        with a stolen token is not to hold them by that. Raises TokenInvalid: the account is gone."""
        ...


class EmailLinks(Protocol):
    """Links of e-mails, of which only hashes are stored. What is done by one leaves an audit record in the same
    transaction, in which the link and all others of its user and purpose are used up."""

    def add(
        self, user_id: UUID, purpose: LinkPurpose, token_hash: bytes, *, now: datetime, expires_at: datetime
    ) -> None:
        """A new link, beside those that are still good."""
        ...

    def is_good(self, user_id: UUID, purpose: LinkPurpose, token_hash: bytes, now: datetime) -> bool:
        """Whether it is the user's, for this purpose, and neither used nor over."""
        ...

    def reset_password(
        self, user_id: UUID, token_hash: bytes, password_hash: str, now: datetime, *, revoke_access: bool = False
    ) -> None:
        """Store another password, end every login, and tell the user what goes on; the e-mail is verified by it, too.
        With `revoke_access`, and where the e-mail was not verified before, every API key and every viewer ends with it;
        where it was not verified, every channel of notices, too. Second factors are left alone. Raises LinkInvalid."""
        ...

    def verify_email(self, user_id: UUID, token_hash: bytes, now: datetime) -> None:
        """The e-mail is its owner's. Raises LinkInvalid."""
        ...


class AccountRecords(Protocol):
    """Everything that is kept of one user."""

    def sections(self) -> Sequence[str]:
        """What there is, in a fixed order."""
        ...

    def read(self, user_id: UUID, section: str, *, offset: int, limit: int) -> Sequence[str]:
        """Rows of a section as JSON objects, in a fixed order; no secret is among them, and no hash of one."""
        ...

    def refuse_trading(self, user_id: UUID, now: datetime) -> None:
        """Raises Conflict while strategies run or are not settled, as `close` does."""
        ...

    def close(self, user_id: UUID, now: datetime) -> None:
        """Forget who the user is, and end every login; what was traded stays, and so does the audit trail, in which it
        is written. Raises NotFound; Conflict while strategies run or are not settled."""
        ...


class BrokerAccounts(Protocol):
    """Broker connections, secrets sealed. Every change leaves an audit record in the same transaction. Where no
    `account_id` is given, the user's default account is meant: whoever has one account never names any."""

    def save(self, account: SealedBrokerAccount, *, over: SealedBrokerAccount | None = None) -> None:
        """Add or replace the account's connection. Raises BrokerAccountTaken where another account of ours, of
        whichever user, places orders there: each would take the other's orders for its own, and both may sell the
        same shares; TokenInvalid where the user is gone, NotFound where the user has no such account, and
        AccountLocked where nobody gets in any more. `over` is the connection that was read before the broker was asked:
        TokenInvalid, too, where it is not there any more, or was stored anew since."""
        ...

    def find(self, user_id: UUID, account_id: UUID | None = None) -> SealedBrokerAccount | None:
        """The account's connection, if any."""
        ...

    def mark_refused(self, user_id: UUID, account_id: UUID, *, token_at: datetime, now: datetime) -> None:
        """The broker has refused the access token of `token_at`. Nothing changes where there is another one by now, or
        where this is known: `refused_at` says since when. Another token takes the mark away. The user is told, once of
        each token, where a strategy of the account runs or something of it is not settled."""
        ...

    def mark_taken(self, user_id: UUID, account_id: UUID, *, token_at: datetime, now: datetime) -> None:
        """The broker has taken the access token of `token_at` after it had refused it. Nothing changes where there is
        another one by now, or where no refusal of it is known."""
        ...

    def last_connected(self, user_id: UUID, account_id: UUID) -> str | None:
        """The broker's user id that the account was connected to last, as the audit trail has it: known still when the
        connection is not there any more, or does not say. None: there never was one."""
        ...

    def is_trading(self, user_id: UUID, account_id: UUID, now: datetime) -> bool:
        """Whether something is at stake in the account: a strategy runs in it; or something is not settled, be it of a
        strategy that was deleted or moved since; or an order of today was proven absent, which is looked for until the
        day ends, and should it surface, what it bought is sold in this account or not at all."""
        ...

    def remove(self, user_id: UUID, account_id: UUID | None = None, *, now: datetime) -> None:
        """Forget the account's connection; no error when there is none. Raises Conflict while strategies trade through
        it, which is looked at in the same transaction; TokenInvalid where the user is gone."""
        ...

    def find_by_email(self, email: str) -> SealedBrokerAccount | None:
        """System: the connection of the first account of the user who feeds prices."""
        ...

    def with_login(self, user_ids: Collection[UUID]) -> Sequence[tuple[UUID, UUID]]:
        """System: user and account of those connections of these users that hold an access token, dead or alive."""
        ...

    def postback_id(self, user_id: UUID, account_id: UUID | None = None) -> UUID | None:
        """Where the broker may post order updates of this account: random, made when the connection is saved
        first, kept until it is removed. None without a connection."""
        ...

    def find_by_postback(self, postback_id: UUID) -> SealedBrokerAccount | None:
        """The connection whose address this is, whoever's it is: the broker comes without a token of ours."""
        ...

    def claim_egress(self, user_id: UUID) -> EgressRoute | None:
        """The addresses that the user's orders leave from, for good: those held already, else those of the user's
        family, else a free pair. None: there is none left."""
        ...

    def free_egress(self, user_id: UUID, *, by: str, now: datetime) -> EgressRoute:
        """Take the user's addresses away, for whoever claims next, and write down who did; as the system.

        Raises:
            NotFound: the user holds none.
            Conflict: a broker is connected.
        """
        ...


class Vault(Protocol):
    """Envelope encryption under a KMS key, bound to one user."""

    def seal(self, user_id: UUID, secrets: Mapping[str, str]) -> dict[str, str]:
        """Encrypt each value under one fresh data key; names become part of what is authenticated."""
        ...

    def unseal(self, user_id: UUID, sealed: Mapping[str, str]) -> dict[str, str]:
        """Decrypt. Raises AccessDenied for another user's, renamed or altered envelopes."""
        ...


class Passwords(Protocol):
    """Password hashing."""

    def hash(self, password: str) -> str:
        """A salted hash for storing."""
        ...

    def matches(self, password: str, password_hash: str | None) -> bool:
        """Whether they belong together; takes as long, and says no, when there is no hash."""
        ...

    def derive(self, secret: str, salt: bytes) -> bytes:
        """32 bytes that the same secret and salt always bring, as slowly as a password's hash."""
        ...


class Throttle(Protocol):
    """Slows guessing down. Never keeps anybody out for a fault of its own."""

    def try_now(self, suspects: Sequence[Suspect]) -> float:
        """0 when a try may be made, which is counted then; else the seconds until one may."""
        ...

    def waits(self, suspects: Sequence[Suspect]) -> float:
        """The seconds until a try may be made, 0 when one may now. Nothing is counted by asking."""
        ...

    def succeeded(self, suspects: Sequence[Suspect]) -> None:
        """The try was good: forget what is cleared by it, and take it back from the others."""
        ...


class Tokens(Protocol):
    """Our own signed bearer tokens. A token made for one `audience` is worth nothing for another. And which refresh
    token follows which."""

    def issue(
        self,
        user_id: UUID,
        *,
        audience: str,
        lifetime: timedelta,
        second_factor: bool = False,
        device_id: UUID | None = None,
        account_id: UUID | None = None,
    ) -> str:
        """A token that says who the user is, of which login it is, whether that showed a second factor, and for which
        broker account it is."""
        ...

    def read(self, token: str, *, audience: str) -> Bearer:
        """What a good token says. Raises TokenExpired or TokenInvalid."""
        ...

    def verify(self, token: str, *, audience: str) -> UUID:
        """Whose token it is. Raises TokenExpired or TokenInvalid."""
        ...

    def successor(self, of: str) -> str:
        """The random part of the refresh token that follows the one with this random part: 256 bits, URL-safe base64,
        the same each time."""
        ...
