"""Routes of accounts: register, log in and out, look."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from aws_lambda_powertools.event_handler import Request
from aws_lambda_powertools.event_handler.api_gateway import Router

from algotrading.contracts.api_auth import (
    AccountView,
    CodeRequest,
    CodeShownAnswer,
    DevicesView,
    DeviceView,
    EnrolmentAnswer,
    EnrolRequest,
    LoggedOutAnswer,
    LoginAnswer,
    LoginRequest,
    RecoveryCodesAnswer,
    RefreshRequest,
    SecondFactorAnswer,
)
from algotrading.contracts.api_broker import AccountBrokerSummary, BrokerSummary
from algotrading.domain.accounts import SealedBrokerAccount
from algotrading.domain.errors import (
    AccountLocked,
    AuthenticationFailed,
    Conflict,
    NotFound,
    RequestInvalid,
    SecondFactorNeeded,
    TokenExpired,
    TokenInvalid,
    TooManyTries,
)
from algotrading.domain.logins import Device
from algotrading.entrypoints.api.answers import BEARER, answers
from algotrading.entrypoints.http import address, admitted, caller, new_router
from algotrading.services.accounts import Accounts, Pass

_TAGS = ["Account"]


class AuthRoutes:
    """`services` is called at each request; the first call may build them."""

    def __init__(self, services: Callable[[], Accounts]) -> None:
        self._services = services

    def router(self) -> Router:
        """These routes, for a door or for the document."""
        router = new_router()
        router.post(
            "/api/v1/auth/login",
            summary="Log in",
            tags=_TAGS,
            responses=answers(
                "Logged in",
                RequestInvalid,
                AuthenticationFailed,
                SecondFactorNeeded,
                AccountLocked,
                TooManyTries,
                is_open=True,
            ),
        )(self.log_in)
        self._add_login_routes(router)
        self._add_second_factor_routes(router)
        router.get(
            "/api/v1/account",
            summary="My account",
            tags=_TAGS,
            security=BEARER,
            responses=answers("The caller's account", NotFound),
        )(self.show_account)
        return router

    def _add_login_routes(self, router: Router) -> None:
        router.post(
            "/api/v1/auth/refresh",
            summary="Stay logged in",
            tags=_TAGS,
            responses=answers("New tokens", RequestInvalid, TokenExpired, TokenInvalid, is_open=True),
        )(self.refresh)
        router.post(
            "/api/v1/auth/logout",
            summary="Log out here",
            tags=_TAGS,
            responses=answers("Logged out", RequestInvalid, TokenInvalid, is_open=True),
        )(self.log_out)
        router.get(
            "/api/v1/auth/devices",
            summary="Where I am logged in",
            tags=_TAGS,
            security=BEARER,
            responses=answers("Every device"),
        )(self.show_devices)
        router.delete(
            "/api/v1/auth/devices",
            summary="Log out everywhere",
            tags=_TAGS,
            security=BEARER,
            responses=answers("Every login has ended"),
        )(self.end_all_devices)
        router.delete(
            "/api/v1/auth/devices/<id>",
            summary="Log out a device",
            tags=_TAGS,
            security=BEARER,
            responses=answers("Its login has ended", NotFound),
        )(self.end_device)

    def _add_second_factor_routes(self, router: Router) -> None:
        path = "/api/v1/auth/second-factor"
        router.get(
            path,
            summary="My second factor",
            tags=_TAGS,
            security=BEARER,
            responses=answers("Whether it is on"),
        )(self.show_second_factor)
        router.post(
            path,
            summary="Set a second factor up",
            status_code=201,
            tags=_TAGS,
            security=BEARER,
            responses=answers(
                "What the authenticator app is given",
                RequestInvalid,
                AuthenticationFailed,
                NotFound,
                Conflict,
                TooManyTries,
                status=201,
            ),
        )(self.begin_second_factor)
        router.post(
            f"{path}/confirm",
            summary="Switch the second factor on",
            tags=_TAGS,
            security=BEARER,
            responses=answers("It is on", RequestInvalid, AuthenticationFailed, Conflict, TooManyTries),
        )(self.confirm_second_factor)
        router.post(
            f"{path}/remove",
            summary="Switch the second factor off",
            tags=_TAGS,
            security=BEARER,
            responses=answers("It is off", RequestInvalid, AuthenticationFailed, TooManyTries),
        )(self.remove_second_factor)
        router.post(
            f"{path}/verify",
            summary="Show my second factor again",
            tags=_TAGS,
            security=BEARER,
            responses=answers(
                "What asked for a fresh code is done now", RequestInvalid, AuthenticationFailed, Conflict, TooManyTries
            ),
        )(self.verify_second_factor)

    def show_second_factor(self, request: Request) -> SecondFactorAnswer:
        """Whether logins need a code besides the password, and how many recovery codes are left."""
        left = self._services().second_factors.recovery_left(caller(request))
        return SecondFactorAnswer(is_on=left is not None, recovery_codes_left=left)

    def begin_second_factor(self, request: Request, body: EnrolRequest) -> EnrolmentAnswer:
        """A secret for the authenticator app, upon the password: a stolen token alone locks nobody out. It counts once
        it is confirmed; one that never was is forgotten."""
        enrolment = self._services().begin_second_factor(caller(request), body.password, address(request))
        return EnrolmentAnswer(secret=enrolment.secret, uri=enrolment.uri)

    def confirm_second_factor(self, request: Request, body: CodeRequest) -> RecoveryCodesAnswer:
        """The app's code shows that it has the secret; from now on every login needs one."""
        codes = self._services().confirm_second_factor(caller(request), admitted(request).device_id, body.code)
        return RecoveryCodesAnswer(recovery_codes=list(codes))

    def remove_second_factor(self, request: Request, body: CodeRequest) -> SecondFactorAnswer:
        """With a code of the app, or a recovery code: from now on the password is enough. Every other login ends, so
        that a phone that was lost is out at once."""
        self._services().remove_second_factor(caller(request), admitted(request).device_id, body.code)
        return SecondFactorAnswer(is_on=False, recovery_codes_left=None)

    def verify_second_factor(self, request: Request, body: CodeRequest) -> CodeShownAnswer:
        """A code of the app, or a recovery code, after FRESH_CODE_NEEDED. For five minutes this login, and no other,
        may connect a broker account, raise limits, change the password and release the kill
        switch."""
        until = self._services().show_code(caller(request), admitted(request).device_id, body.code)
        return CodeShownAnswer(fresh_until=until)

    def log_in(self, request: Request, body: LoginRequest) -> LoginAnswer:
        """Exchange e-mail and password for a bearer token, and a refresh token that brings the next ones. The owner is
        told of a login on a device that does not say, by `known_device`, that it was seen before."""
        device = Device(body.device, body.known_device)
        return _login(self._services().log_in(body.email, body.password, device, address(request), body.code))

    def refresh(self, body: RefreshRequest) -> LoginAnswer:
        """Exchange a refresh token for new tokens. It is good for one exchange; one that comes again within ten seconds
        brings the same refresh token once more, and one that comes later was copied by somebody, and ends its login."""
        return _login(self._services().refresh(body.refresh_token))

    def log_out(self, body: RefreshRequest) -> LoggedOutAnswer:
        """End the login that this refresh token belongs to, and its bearer tokens with it; also one that has ended
        already."""
        self._services().log_out(body.refresh_token)
        return LoggedOutAnswer(ended=1)

    def show_devices(self, request: Request) -> DevicesView:
        """Every login that goes on, the latest used first."""
        return DevicesView(
            devices=[
                DeviceView(
                    device_id=each.device_id,
                    name=each.name,
                    created_at=each.created_at,
                    used_at=each.used_at,
                    expires_at=each.expires_at,
                )
                for each in self._services().devices(caller(request))
            ]
        )

    def end_all_devices(self, request: Request) -> LoggedOutAnswer:
        """End every login, this one too, and their bearer tokens with them."""
        return LoggedOutAnswer(ended=self._services().end_all_devices(caller(request)))

    def end_device(self, request: Request, id: UUID) -> LoggedOutAnswer:
        """End the login of one device."""
        self._services().end_device(caller(request), id)
        return LoggedOutAnswer(ended=1)

    def show_account(self, request: Request) -> AccountView:
        """The caller's account and how its broker connections stand."""
        accounts = self._services()
        user = accounts.get(caller(request))
        now = accounts.clock.now()
        brokers = [(named, _summarise(found, now)) for named, found in accounts.brokers_of(user.user_id)]
        return AccountView(
            user_id=user.user_id,
            email=user.email,
            email_verified=user.is_email_verified,
            created_at=user.created_at,
            broker=next(summary for named, summary in brokers if named.is_default),
            brokers=[
                AccountBrokerSummary(
                    account_id=named.account_id, name=named.name, is_default=named.is_default, **summary.model_dump()
                )
                for named, summary in brokers
            ],
        )


def _login(its_pass: Pass) -> LoginAnswer:
    return LoginAnswer(
        token=its_pass.access,
        expires_in=int(its_pass.lasts.total_seconds()),
        refresh_token=its_pass.refresh,
        device_id=its_pass.login.device_id,
        password_is_common=its_pass.is_password_easy,
    )


def _summarise(account: SealedBrokerAccount | None, now: datetime) -> BrokerSummary:
    if account is None:
        return BrokerSummary(status="not_connected")
    return BrokerSummary(
        status=account.status_at(now).value,
        broker=account.broker,
        broker_user_id=account.broker_user_id,
        token_at=account.token_at,
        token_expires_at=account.token_expires_at,
        token_refused_at=account.refused_at,
    )
