"""Bodies of /auth and /account."""

from __future__ import annotations

from typing import Annotated, Final, Literal
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from algotrading.contracts.api_broker import AccountBrokerSummary, BrokerSummary
from algotrading.contracts.api_common import Answer, Identifier, Instant, RequestBody, Storable
from algotrading.domain.passwords import normal_form

SHORTEST_PASSWORD: Final = 12
"""Of new ones (OWASP ASVS 4.0.3, 2.1.1). Older ones, of eight characters and more, go on."""
_LONGEST_PASSWORD = 128
_MOST_TYPED = 4 * _LONGEST_PASSWORD
"""Of a password whose accents are characters of their own."""
"""Hashing a megabyte would be a way to keep the function busy."""


def _look_like_email(value: str) -> str:
    local, at, domain = value.rpartition("@")
    plain = value.isascii() and value.isprintable() and " " not in value
    if not (at and local and plain and "@" not in local and "." in domain.strip(".")):
        raise PydanticCustomError("email", "must be an e-mail address")
    return value


Email = Annotated[str, StringConstraints(min_length=3, max_length=254), AfterValidator(_look_like_email)]


DeviceName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80), Storable]
_DEVICE = Field(default="unnamed device", description="What the list of devices calls this one", examples=["My phone"])


SecondFactorCode = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=20), Storable]


def _in_normal_form(given: object) -> object:
    """Before the length is looked at: what is hashed is what is counted and looked up in the lists. What is far too
    long is left as it is, and refused: the work grows with the square of the accents in a row."""
    return normal_form(given) if isinstance(given, str) and len(given) <= _MOST_TYPED else given


ShownPassword = Annotated[
    str, StringConstraints(max_length=_LONGEST_PASSWORD), BeforeValidator(_in_normal_form), Storable
]
"""One that is checked against what is stored."""
NewPassword = Annotated[
    str,
    StringConstraints(min_length=SHORTEST_PASSWORD, max_length=_LONGEST_PASSWORD),
    BeforeValidator(_in_normal_form),
    Storable,
    Field(
        description="Twelve to 128 characters of any kind; not the e-mail, nor what is guessed early",
        examples=["a long passphrase"],
    ),
]


class RegisterRequest(RequestBody):
    """Ask for an account."""

    email: Email = Field(examples=["user@gmail.com"])
    password: NewPassword


class LoginAnswer(Answer):
    """A login on this device. It lasts for thirty days, as long as it is refreshed."""

    token: str = Field(description="Bearer token of requests")
    expires_in: int = Field(description="Seconds for which the bearer token is good")
    refresh_token: str = Field(description="For POST /auth/refresh, once; keep it as safe as a password")
    device_id: UUID = Field(description="What GET /auth/devices calls this login")
    password_is_common: bool = Field(
        default=False,
        description="Whether everybody tries the password first that was logged in with: change it, by /auth/password",
    )


class LoginRequest(RequestBody):
    """Log in."""

    email: Annotated[str, StringConstraints(max_length=254), Storable] = Field(examples=["user@gmail.com"])
    password: ShownPassword = Field(examples=["a long passphrase"])
    device: DeviceName = _DEVICE
    code: SecondFactorCode | None = Field(
        default=None, description="Of the authenticator app, or a recovery code; after SECOND_FACTOR_NEEDED"
    )
    known_device: Identifier | None = Field(
        default=None,
        description="The device_id of an earlier login on this device: without it the owner is told of a new device,"
        " and waits while others guess at the password",
    )


class RefreshRequest(RequestBody):
    """Whoever holds it is logged in."""

    refresh_token: Annotated[str, StringConstraints(max_length=200), Storable] = Field(
        examples=["7f1f3c1e7b8a4a529c3b0a1b2c3d4e5f.d2hhdCBnb29kIHdvdWxkIGEgcmVhbCBvbmUgYmUgaGVyZT8"]
    )


class LoggedOutAnswer(Answer):
    """Of how many devices a login has ended."""

    ended: int


class CodeRequest(RequestBody):
    """Shows the second factor."""

    code: SecondFactorCode = Field(description="Of the authenticator app, or a recovery code", examples=["492039"])


class EnrolRequest(RequestBody):
    """Set a second factor up, by the password."""

    password: Annotated[ShownPassword, StringConstraints(min_length=1)] = Field(
        description="The account's", examples=["a long passphrase"]
    )


class EnrolmentAnswer(Answer):
    """What the authenticator app is given; shown once. It counts once it is confirmed."""

    secret: str = Field(description="Base32, for typing")
    uri: str = Field(description="otpauth:// URI, for a QR code")


class RecoveryCodesAnswer(Answer):
    """The second factor is on. Each code is good once, for a phone that is lost; they are shown once."""

    recovery_codes: list[str]


class SecondFactorAnswer(Answer):
    """Whether logins of the caller need a code."""

    is_on: bool
    recovery_codes_left: int | None = Field(description="How many recovery codes are not used up; null where it is off")


class CodeShownAnswer(Answer):
    """The second factor was shown on this login."""

    fresh_until: Instant = Field(description="Until then nothing asks for another code")


class DeviceView(Answer):
    """One login."""

    device_id: UUID
    name: str
    created_at: Instant
    used_at: Instant = Field(description="When it was last begun or refreshed")
    expires_at: Instant


class DevicesView(Answer):
    """Where the caller is logged in, the latest used first."""

    devices: list[DeviceView]


class AccountView(Answer):
    """The caller's own account."""

    user_id: UUID
    email: str
    email_verified: bool = Field(description="Whether the owner has confirmed the e-mail, by the link sent to it")
    created_at: Instant
    broker: BrokerSummary = Field(description="Of the default broker account")
    brokers: list[AccountBrokerSummary] = Field(description="Of each of the caller's broker accounts, the oldest first")


class ForgotPasswordRequest(RequestBody):
    """Ask for a link by which a new password is chosen."""

    email: Email = Field(examples=["user@gmail.com"])
    known_device: Identifier | None = Field(
        default=None,
        description="The device_id of an earlier login on this device: without it the owner waits while others ask",
    )


class MailAskedAnswer(Answer):
    """Said in every case alike: whether there is anybody to send a mail to is not told."""

    status: Literal["asked"] = "asked"


LinkToken = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), Storable]
_LINK_TOKEN = Field(
    description="What follows the # of the link, or the code of the mail",
    examples=["7f1f3c1e7b8a4a529c3b0a1b2c3d4e5f.d2hhdCBnb29kIHdvdWxkIGEgcmVhbCBvbmUgYmUgaGVyZT8"],
)


class ConfirmRegistrationRequest(RequestBody):
    """Opens the account that was asked for: the link of the mail, and the password that was chosen."""

    token: LinkToken = _LINK_TOKEN
    password: ShownPassword = Field(description="The one of POST /auth/register", examples=["a long passphrase"])


class RegistrationConfirmedAnswer(Answer):
    """The account is open, and nobody is logged in."""

    status: Literal["confirmed"] = "confirmed"
    user_id: UUID
    email: str = Field(description="For POST /auth/login, with the same password")


class ResetPasswordRequest(RequestBody):
    """A new password, by the link of a mail."""

    token: LinkToken = _LINK_TOKEN
    password: NewPassword
    revoke_access: bool = Field(
        default=False,
        description="Revoke every API key and remove every viewer, too: for whoever may have had the password",
    )


class PasswordResetAnswer(Answer):
    """The password is changed, and nobody is logged in."""

    status: Literal["changed"] = "changed"


class ChangePasswordRequest(RequestBody):
    """Another password, by the old one."""

    old_password: Annotated[ShownPassword, StringConstraints(min_length=1)] = Field(examples=["a long passphrase"])
    new_password: NewPassword = Field(examples=["an even longer passphrase"])


class PasswordChangedAnswer(Answer):
    """The password is changed."""

    status: Literal["changed"] = "changed"
    ended: int = Field(description="Of how many other devices the login has ended")


class VerifyEmailRequest(RequestBody):
    """Shows that mail to the account's address arrives with its owner, who knows its password."""

    token: LinkToken = _LINK_TOKEN
    password: ShownPassword = Field(description="The account's", examples=["a long passphrase"])


class EmailVerifiedAnswer(Answer):
    """The address is its owner's."""

    status: Literal["verified"] = "verified"


class ResendRequest(RequestBody):
    """Nothing needs to be said: `{}` or no body."""


class ResendAnswer(Answer):
    """`asked`: a mail is on its way. `verified`: there is nothing to verify any more."""

    status: Literal["asked", "verified"]
