"""Opens Kite sessions: with stored credentials, or through the browser login."""

from __future__ import annotations

import re
import ssl
from collections.abc import Sequence
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from algotrading.brokers.kite.connection import ConnectFailed, Endpoint, ReplyLost, WireRequest
from algotrading.brokers.kite.instruments import parse_instruments
from algotrading.brokers.kite.line import Limits, Line
from algotrading.brokers.kite.transcript import Transcript
from algotrading.domain.accounts import BrokerCredentials, BrokerName
from algotrading.domain.errors import BrokerAuthFailed, BrokerUnavailable
from algotrading.domain.instruments import Instrument
from algotrading.ports import BrokerSession, Clock

if TYPE_CHECKING:
    from algotrading.brokers.kite.broker import KiteBroker

_SECRET = re.compile(r"[!-9;-~]{1,256}")
"""Printable, without space or colon: anything else would break out of the Authorization header."""


class KiteBrokers:
    """Implements `ports.Brokers` for Kite alone. The addresses are those of `KiteSettings`."""

    def __init__(
        self,
        *,
        api_url: str,
        login_url: str,
        clock: Clock,
        limits: Limits | None = None,
        tls_context: ssl.SSLContext | None = None,
        address_url: str = "https://checkip.amazonaws.com",
    ) -> None:
        """`address_url` answers a request with the address that it came from, as text."""
        self._endpoint = Endpoint.parse(api_url)
        self._address_endpoint = Endpoint.parse(address_url)
        self._login_url = login_url
        self._clock = clock
        self._limits = limits or Limits()
        self._tls_context = tls_context

    def connect(self, credentials: BrokerCredentials, proxies: Sequence[str] = ()) -> KiteBroker:
        """A session with these credentials; nothing is sent yet. Only orders leave through `proxies`: Kite looks at
        where they come from, and at nothing else (Zerodha support, "static IP").

        Raises:
            BrokerAuthFailed: there is no access token, or a credential can be none of Kite's.
        """
        from algotrading.brokers.kite.broker import KiteBroker
        from algotrading.brokers.kite.official import RequestWriter

        api_key = _checked(credentials.api_key)
        access_token = _checked(credentials.access_token)
        limits = self._limits
        return KiteBroker(
            writer=RequestWriter(self._endpoint, api_key=api_key, access_token=access_token),
            reads=self._line(limits.read_seconds, limits.read_bytes, kept=True),
            orders=self._line(limits.order_seconds, limits.order_bytes, kept=False, proxies=proxies),
            transcript=Transcript([api_key, access_token, credentials.api_secret]),
            clock=self._clock,
        )

    def login_url(self, broker: BrokerName, api_key: str, state: str) -> str:
        """The official login page. Kite hands `redirect_params` back to the redirect address of the
        app, beside the request token (Kite Connect documentation, user)."""
        _require_kite(broker)
        from algotrading.brokers.kite.official import RequestWriter

        # The official client pastes the key into the address as it is.
        key = quote(_checked(api_key), safe="")
        page = RequestWriter(self._endpoint, api_key=key).login_url(self._login_url)
        return f"{page}&redirect_params={quote(urlencode({'state': state}), safe='')}"

    def exchange(self, credentials: BrokerCredentials, request_token: str) -> BrokerSession:
        """Turn a one-time request token into an access token.

        Raises:
            BrokerAuthFailed: the token is used up, too old or another app's.
            BrokerUnavailable: Kite did not answer.
        """
        _require_kite(credentials.broker)
        from algotrading.brokers.kite.broker import fetch
        from algotrading.brokers.kite.official import RequestWriter
        from algotrading.brokers.kite.reads import session_of
        from algotrading.brokers.kite.rows import fields_in, required_of

        api_key, secret, token = map(_checked, (credentials.api_key, credentials.api_secret, request_token))
        request = RequestWriter(self._endpoint, api_key=api_key).write(
            lambda kite: kite.generate_session(token, api_secret=secret)
        )
        line = self._line(self._limits.read_seconds, self._limits.read_bytes, kept=False)
        reply = fetch(line, request, Transcript([api_key, secret, token]), "the login")
        session = fields_in(session_of(reply), "session")
        return BrokerSession(_checked(required_of(session, "access_token")), required_of(session, "user_id"))

    def instruments(self) -> Sequence[Instrument]:
        """Today's dump. Kite serves it without credentials.

        Raises:
            BrokerUnavailable: there is no dump to be had.
        """
        from algotrading.brokers.kite.broker import fetch
        from algotrading.brokers.kite.official import RequestWriter

        request = RequestWriter(self._endpoint, api_key="").write(lambda kite: kite.instruments())
        line = self._line(self._limits.dump_seconds, self._limits.dump_bytes, kept=False)
        reply = fetch(line, request, Transcript([]), "instruments")
        if reply.status != 200 or "csv" not in reply.headers.get("content-type", ""):
            raise BrokerUnavailable(f"Kite gives no instrument dump (HTTP {reply.status})")
        return parse_instruments(reply.body)

    def outward_address(self, proxies: Sequence[str]) -> str:
        """Asked of a server outside, over the same way that orders take.

        Raises:
            BrokerUnavailable: it did not answer with an address.
        """
        endpoint, limits = self._address_endpoint, self._limits
        request = WireRequest.build(endpoint, method="GET", target="/", headers={}, body=b"", form={})
        line = Line(
            endpoint,
            limits,
            seconds=limits.read_seconds,
            max_bytes=limits.order_bytes,
            kept=False,
            tls_context=self._tls_context,
            proxies=_endpoints(proxies),
        )
        try:
            reply = line.send(request)
            return str(ip_address(reply.body.decode("ascii").strip()))
        except (ConnectFailed, ReplyLost, ValueError) as error:
            raise BrokerUnavailable(f"the address that orders leave from is not known: {error}") from error

    def _line(self, seconds: float, max_bytes: int, *, kept: bool, proxies: Sequence[str] = ()) -> Line:
        return Line(
            self._endpoint,
            self._limits,
            seconds=seconds,
            max_bytes=max_bytes,
            kept=kept,
            tls_context=self._tls_context,
            proxies=_endpoints(proxies),
        )


def _endpoints(proxies: Sequence[str]) -> tuple[Endpoint, ...]:
    return tuple(Endpoint.parse(f"http://{proxy}") for proxy in proxies)


def _checked(secret: str | None) -> str:
    if secret is None:
        raise BrokerAuthFailed("log in to Kite first: there is no access token")
    if not _SECRET.fullmatch(secret):
        raise BrokerAuthFailed("this can be no credential of Kite's: it holds characters that none has")
    return secret


def _require_kite(broker: BrokerName) -> None:
    if broker is not BrokerName.KITE:
        raise ValueError(f"{broker} is not Kite")
