"""Apps, their users and their tokens: who may call the API, and until when."""

import hashlib
import hmac
import secrets
import string
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from exchange_simulator.clock import NANOS, Clock, trading_day_end_ns
from exchange_simulator.engine.account import TradingAccount
from exchange_simulator.errors import input_error, token_error
from exchange_simulator.rate_limits import STANDARD_LIMITS, RateLimiter

_REQUEST_TOKEN_LIFE_NS = 180 * NANOS
_ALPHANUMERIC = string.ascii_letters + string.digits
_RECORDED_REQUESTS = 5000


@dataclass(slots=True)
class App:
    """A Kite Connect app and its one user. `allowed_addresses` None means that orders may come from anywhere."""

    api_key: str
    api_secret: str
    app_id: int
    trading: TradingAccount
    limiter: RateLimiter
    redirect_url: str | None = None
    postback_url: str | None = None
    allowed_addresses: frozenset[str] | None = None
    refresh_token: str = ""
    access_token: str | None = None
    expires_ns: int = 0
    login_ns: int = 0
    requests: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=_RECORDED_REQUESTS))

    @property
    def user_id(self) -> str:
        """The client id of the user."""
        return self.trading.user_id


class Accounts:
    """Every app, and the tokens that are alive."""

    def __init__(self, clock: Clock, limits: Mapping[str, tuple[tuple[int, int], ...]] = STANDARD_LIMITS) -> None:
        self._clock = clock
        self._limits = limits
        self._apps: dict[str, App] = {}
        self._request_tokens: dict[str, tuple[App, int]] = {}

    def __iter__(self) -> Iterator[App]:
        return iter(self._apps.values())

    def create(
        self,
        *,
        user_id: str | None = None,
        cash: int,
        api_key: str | None = None,
        api_secret: str | None = None,
        redirect_url: str | None = None,
        postback_url: str | None = None,
        allowed_addresses: frozenset[str] | None = None,
        platform: bool = False,
    ) -> App:
        """Open an account with an app; `platform` apps get refresh tokens."""
        name = user_id or f"SIM{len(self._apps) + 1:03d}"
        if self.by_user(name) is not None or api_key in self._apps:
            raise input_error("That user_id or api_key exists already.")
        app = App(
            api_key=api_key or _random_text(16).lower(),
            api_secret=api_secret or _random_text(32).lower(),
            app_id=1000 + len(self._apps),
            trading=TradingAccount(name, cash),
            limiter=RateLimiter(self._limits),
            redirect_url=redirect_url,
            postback_url=postback_url,
            allowed_addresses=allowed_addresses,
            refresh_token=_random_text(32) if platform else "",
        )
        self._apps[app.api_key] = app
        return app

    def by_user(self, user_id: str) -> App | None:
        """The app of a user."""
        return next((app for app in self._apps.values() if app.user_id == user_id), None)

    def by_key(self, api_key: str) -> App | None:
        """The app with that key."""
        return self._apps.get(api_key)

    def authenticate(self, api_key: str, access_token: str) -> App:
        """The app that a key and its living token belong to; raises KiteError otherwise."""
        app = self._apps.get(api_key)
        alive = app is not None and app.access_token is not None and self._clock.now_ns() < app.expires_ns
        if app is None or not alive or not hmac.compare_digest(app.access_token or "", access_token):
            raise token_error()
        return app

    def log_in(self, app: App) -> str:
        """Start a session, or go on with the living one: a second login of a day gets the same token."""
        now = self._clock.now_ns()
        if app.access_token is None or now >= app.expires_ns:
            app.access_token = _random_text(32)
            app.expires_ns = trading_day_end_ns(now)
        app.login_ns = now
        return app.access_token

    def log_out(self, app: App) -> None:
        """Kill the access token."""
        app.access_token = None

    def issue_request_token(self, app: App) -> str:
        """A token for one exchange, given to the app through the redirect after a login."""
        token = _random_text(32)
        self._request_tokens[token] = (app, self._clock.now_ns() + _REQUEST_TOKEN_LIFE_NS)
        return token

    def exchange(self, api_key: str, request_token: str, checksum: str) -> App:
        """Turn a request token into a session; the token is used up by any attempt."""
        app, expires = self._request_tokens.pop(request_token, (None, 0))
        if app is None or app.api_key != api_key or self._clock.now_ns() >= expires:
            raise token_error("Token is invalid or has expired.")
        _verify_checksum(app, request_token, checksum)
        self.log_in(app)
        return app

    def renew(self, api_key: str, refresh_token: str, checksum: str) -> App:
        """A new access token for a platform app's refresh token."""
        app = self._apps.get(api_key)
        if app is None or not app.refresh_token or not hmac.compare_digest(app.refresh_token, refresh_token):
            raise token_error("Token is invalid or has expired.")
        _verify_checksum(app, refresh_token, checksum)
        app.access_token = None
        self.log_in(app)
        return app


def _verify_checksum(app: App, token: str, checksum: str) -> None:
    expected = hashlib.sha256(f"{app.api_key}{token}{app.api_secret}".encode()).hexdigest()
    if not hmac.compare_digest(expected, checksum):
        raise token_error("Invalid checksum.")


def _random_text(length: int) -> str:
    return "".join(secrets.choice(_ALPHANUMERIC) for _ in range(length))
