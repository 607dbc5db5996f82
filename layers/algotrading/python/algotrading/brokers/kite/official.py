"""The official client up to the moment of sending. Importing this module loads it (about 200 ms).

`kiteconnect` imports its ticker, and with it Twisted and a process-wide reactor, although REST needs
none of it. A stand-in takes the ticker's place during the import and leaves no trace: a later
`from kiteconnect import KiteTicker` gets the real one.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, NoReturn
from urllib.parse import parse_qsl

from algotrading.brokers.kite.connection import Endpoint, WireRequest

_TICKER = "kiteconnect.ticker"


def _load_without_ticker() -> ModuleType:
    if "kiteconnect" in sys.modules:
        return importlib.import_module("kiteconnect.connect")
    stand_in = ModuleType(_TICKER)
    stand_in.__dict__["KiteTicker"] = None
    sys.modules[_TICKER] = stand_in
    try:
        module = importlib.import_module("kiteconnect.connect")
    finally:
        if sys.modules.get(_TICKER) is stand_in:
            del sys.modules[_TICKER]
    package = sys.modules["kiteconnect"]
    package.__dict__.pop("KiteTicker", None)
    package.__dict__["__getattr__"] = _load_ticker_at_first_use
    return module


def _load_ticker_at_first_use(name: str) -> Any:
    """`__getattr__` of the package `kiteconnect` (PEP 562)."""
    if name == "KiteTicker":
        return importlib.import_module(_TICKER).KiteTicker
    raise AttributeError(f"module 'kiteconnect' has no attribute {name!r}")


KiteConnect: Any = _load_without_ticker().KiteConnect


class _Written(Exception):  # not an error: carries the request out of the client's call
    def __init__(self, request: WireRequest) -> None:
        super().__init__(request.target)
        self.request = request


class _WritingSession:
    """Stands where the client keeps its `requests.Session`: hands over what would be sent."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        data: Mapping[str, Any] | None = None,
        json: object = None,
        params: Mapping[str, Any] | None = None,
        **_transport: object,  # verify, time-out, redirects, proxies: the connection's own business
    ) -> NoReturn:
        import requests  # loaded by the client already

        prepared = requests.Request(method, url, headers=headers, data=data, json=json, params=params).prepare()
        body = prepared.body or b""
        payload = body if isinstance(body, bytes) else str(body).encode()
        raise _Written(
            WireRequest.build(
                self._endpoint,
                method=method,
                target=prepared.path_url,
                headers=prepared.headers,
                body=payload,
                form=dict(parse_qsl(payload.decode())) if data else {},
            )
        )


class RequestWriter:
    """Lets the official client write requests for one trader's session."""

    def __init__(self, endpoint: Endpoint, *, api_key: str, access_token: str | None = None) -> None:
        self._client = KiteConnect(api_key=api_key, access_token=access_token, root=endpoint.root)
        self._client.reqsession = _WritingSession(endpoint)

    def write(self, call: Callable[[Any], object]) -> WireRequest:
        """The request that `call`, given the official client, would send."""
        try:
            call(self._client)
        except _Written as written:
            return written.request
        raise TypeError("the call sends no request")

    def login_url(self, login_url: str) -> str:
        """The official login address with this session's key, at `login_url`."""
        self._client._default_login_uri = login_url
        return str(self._client.login_url())
