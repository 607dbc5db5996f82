"""The simulated exchange's process, and its control plane as a client."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from twin.aws import Endpoint
from twin.processes import REPOSITORY, Child, StateFolder, base_environment

_READY_SECONDS = 30.0
_PRIORITY = 10
"""As `nice` counts: 0 is the product's, 19 the lowest."""


@dataclass(frozen=True, slots=True)
class ExchangeAddress:
    """Where the exchange serves REST and its socket."""

    url: str
    socket_url: str
    opened_at: datetime

    @property
    def endpoint(self) -> Endpoint:
        """The one port that it listens on."""
        parts = urlsplit(self.url)
        assert parts.hostname is not None
        assert parts.port is not None
        return Endpoint(parts.hostname, parts.port)

    def settings(self, reached_at: Endpoint) -> dict[str, str]:
        """The product's settings for this broker, which it reaches at an endpoint; people log in past that."""
        place = f"{reached_at.host}:{reached_at.port}"
        return {
            "KITE_API_URL": f"http://{place}",
            "KITE_LOGIN_URL": f"{self.url}/connect/login",
            "KITE_SOCKET_URL": f"ws://{place}",
        }


async def start_exchange(state: StateFolder, *, replay: Path | None, speed: float) -> tuple[Child, ExchangeAddress]:
    """Start the exchange on a free port; it says which when it is ready.

    Raises:
        ChildFailed: it did not start.
    """
    arguments = ["--port", "0", "--ready-json"]
    if replay is not None:
        arguments += ["--replay", str(replay), "--speed", str(speed)]
    log = state.logs / "exchange.log"
    with log.open("ab") as errors:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "exchange_simulator",
            *arguments,
            cwd=REPOSITORY,
            env=base_environment(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            start_new_session=True,
        )
    state.note(process.pid, "exchange")
    # In life it has a machine of its own: here it gives way to the product when both want a core.
    os.setpriority(os.PRIO_PROCESS, process.pid, _PRIORITY)
    child = Child("exchange", process, log)
    assert process.stdout is not None
    try:
        line = await asyncio.wait_for(process.stdout.readline(), _READY_SECONDS)
        ready = json.loads(line)
    except (TimeoutError, json.JSONDecodeError):
        await child.stop()
        raise child.fault() from None
    except asyncio.CancelledError:
        await child.stop()
        raise
    return child, ExchangeAddress(ready["url"], ready["ws_url"], datetime.now(UTC))


@dataclass(frozen=True, slots=True)
class BrokerAccount:
    """An account at the simulated broker."""

    user_id: str
    api_key: str
    api_secret: str
    access_token: str


@dataclass(frozen=True, slots=True)
class SentTick:
    """A tick as it was handed to the sockets; `emitted_ns` since the epoch."""

    emitted_ns: int
    price: Decimal

    @property
    def emitted_at(self) -> datetime:
        """To the microsecond."""
        return datetime.fromtimestamp(self.emitted_ns / 1e9, UTC)


class ExchangeControl:
    """The control plane."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = url
        self.opened: list[BrokerAccount] = []
        """Every account that was opened here."""

    async def session_table(self) -> str:
        """When the exchange trades, as the product's SESSION_TABLE."""
        return json.dumps(await self._call("GET", "/sim/session-table"))

    async def open_account(self, user_id: str, *, funds: int, redirect_url: str) -> BrokerAccount:
        """A trader's account with an app whose login returns to `redirect_url`."""
        made = await self._call("POST", "/sim/accounts", user_id=user_id, funds=funds, redirect_url=redirect_url)
        account = BrokerAccount(made["user_id"], made["api_key"], made["api_secret"], made["access_token"])
        self.opened.append(account)
        return account

    async def post_updates_to(self, user_id: str, postback_url: str) -> None:
        """Enter an address into the account's app: its order updates are posted there from now on."""
        await self._call("PATCH", f"/sim/accounts/{user_id}", postback_url=postback_url)

    async def last_tick(self, symbol: str) -> Mapping[str, Any]:
        """The last tick of an instrument, `NSE:INFY` or just `INFY`."""
        tick: dict[str, Any] = await self._call("GET", f"/sim/ticks/{symbol}")
        return tick

    async def set_price(self, symbol: str, price: float) -> Mapping[str, Any]:
        """Move the price and hold it there; the answer tells when the tick went out."""
        tick: dict[str, Any] = await self._call("POST", f"/sim/prices/{symbol}", price=price, pin=True)
        return tick

    async def lead_price(self, symbol: str, price: float, over_ms: int) -> None:
        """Move the price along a straight line that takes `over_ms` milliseconds."""
        await self._call("POST", f"/sim/prices/{symbol}", price=price, over_ms=over_ms)

    async def release_price(self, symbol: str) -> None:
        """Let a held price walk again."""
        await self._call("POST", f"/sim/prices/{symbol}", release=True)

    async def first_tick_at_or_below(self, symbol: str, price: Decimal, since: datetime) -> SentTick | None:
        """The first tick since an instant that was at or below a price, None when there was none."""
        sent = await self.ticks_since(symbol, since)
        return next((tick for tick in sent if tick.price <= price), None)

    async def ticks_since(self, symbol: str, since: datetime) -> Sequence[SentTick]:
        """The ticks from an instant on, as many as the exchange remembers."""
        since_ns = int(since.timestamp() * 1_000_000) * 1000
        ticks = (await self._call("GET", f"/sim/ticks/{symbol}?since_ns={since_ns}"))["sent"]
        return [SentTick(tick["emitted_ns"], Decimal(str(tick["last_price"]))) for tick in ticks]

    async def orders(self, user_id: str | None = None) -> Sequence[Mapping[str, Any]]:
        """Every order of an account, or of all, with the exchange's own times."""
        of_whom = "" if user_id is None else f"?user_id={user_id}"
        rows: list[dict[str, Any]] = await self._call("GET", f"/sim/orders{of_whom}")
        return rows

    async def kill_token(self, user_id: str) -> None:
        """End the account's login."""
        await self._call("DELETE", f"/sim/accounts/{user_id}/token")

    async def arm_fault(
        self, name: str, *, user_id: str, count: int, route: str | None, params: Mapping[str, object]
    ) -> int:
        """Have a fault of the catalogue strike an account `count` times; the fault's id."""
        body = {"name": name, "user_id": user_id, "count": count, "params": dict(params)}
        armed = await self._call("POST", "/sim/faults", **body, **({} if route is None else {"route": route}))
        return int(armed["fault_id"])

    async def faults_left(self) -> Mapping[int, int]:
        """How often each armed fault can still strike, by its id; those used up are not there."""
        armed = (await self._call("GET", "/sim/faults"))["armed"]
        return {int(fault["fault_id"]): int(fault["remaining"]) for fault in armed}

    async def clear_faults(self) -> None:
        """Disarm everything."""
        await self._call("DELETE", "/sim/faults")

    async def has_socket(self, user_id: str) -> bool:
        """Whether an account has an open socket."""
        return await self.sockets(user_id) > 0

    async def sockets(self, user_id: str) -> int:
        """How many sockets an account has open."""
        return sum(row["user_id"] == user_id for row in await self._call("GET", "/sim/sockets"))

    async def _call(self, method: str, path: str, **body: Any) -> Any:
        async with self._session.request(method, self._url + path, json=body or None) as response:
            answer = await response.json()
            if response.status >= 400:
                raise ExchangeRefused(f"{method} {path}: {answer.get('message')}")
            return answer


class ExchangeRefused(Exception):
    """The control plane does not do that."""
