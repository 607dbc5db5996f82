"""Would the watcher see a stop? Asked by ECS, answered over HTTP on the loopback interface."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from fargate_listener.changes import ChangeStream
from fargate_listener.feeds import Feeds
from fargate_listener.hit_sender import HitSender
from fargate_listener.liveness import Liveness
from fargate_listener.rest_cover import RestCover
from fargate_listener.stop_guard import StopGuard

logger = logging.getLogger(__name__)

_REQUEST_SECONDS = 2.0
_NO_FEED = "no price feed"


UNCHECKED_SECONDS = 30.0
"""Where changes may have been missed, memory is believed for so long after the last full check began: twice the time
from one to the next."""


@dataclass(slots=True)
class Loaded:
    """What is known of the stores: set by the full checks and by whoever follows the changes."""

    monotonic: Callable[[], float] = time.monotonic
    stops_loaded: bool = False
    unguarded_instruments: list[str] = field(default_factory=list)
    """Instruments that are held and are not in the broker's dump: nobody can see their stops."""
    unknown_instruments: list[str] = field(default_factory=list)
    """Those that should be watched, of which nothing is held."""
    check_failed: bool = False
    """Whether PostgreSQL did not answer the last full check."""
    _checked_at: float = float("-inf")
    _missed_at: float | None = None

    def may_have_missed(self) -> None:
        """Changes do not arrive, or did not for a while."""
        self._missed_at = self.monotonic()

    def checked(self, begun: float) -> None:
        """A full check that began then has made memory true."""
        self.stops_loaded, self.check_failed = True, False
        self._checked_at = begun
        if self._missed_at is not None and self._missed_at <= begun:
            self._missed_at = None

    @property
    def is_current(self) -> bool:
        """Whether the stops in memory are those of the stores, as far as can be known: loaded, and either no change can
        have been missed since the last full check, or that was a moment ago."""
        is_complete = self._missed_at is None or self.monotonic() - self._checked_at <= UNCHECKED_SECONDS
        return self.stops_loaded and is_complete


@dataclass(frozen=True, slots=True)
class Health:
    """The verdict and everything it rests on."""

    feeds: Feeds
    guard: StopGuard
    sender: HitSender
    loaded: Loaded
    changes: ChangeStream
    liveness: Liveness
    cover: RestCover

    def reasons(self) -> list[str]:
        """Everything that stands between a falling price and the queue; empty when nothing does.

        An unreachable store is not among them: the stops in memory are still guarded, and a task
        restarted for it would have none. Nor is what the broker's quotes make good: see `notes`.
        """
        return list(self._found())

    def faults(self) -> list[str]:
        """Those of the reasons that a new task might mend. A login that nobody has made is none: a task that is
        replaced for it is replaced again and again, and a first deployment, before anybody can log in, never ends.
        Nor is one instrument that cannot be seen (delisted, renamed, suspended) while others can: every watcher finds
        the same, and replacing all of them again and again would take the eyes off every other stop. Nor is a queue
        that is away, for which there are alarms: a new task would be as far from it, and blind while it starts."""
        return [reason for reason, is_fault in self._found().items() if is_fault]

    def _found(self) -> dict[str, bool]:
        """The reasons, each with whether a new task might mend it."""
        found = {}
        blind = self._blind()
        if not self.feeds.is_live and (blind or not self.guard.armed):
            found[f"{_NO_FEED}: {self.feeds.trouble}"] = not self.feeds.is_logged_out
        if not self.loaded.stops_loaded:
            found["the stops are not loaded yet"] = True
        if self.loaded.unguarded_instruments:
            found[f"no instrument token for {', '.join(self.loaded.unguarded_instruments[:10])}"] = False
        if blind and self.feeds.is_live:
            sees_others = len(blind) < len(self.liveness.armed_tokens)
            found[f"the prices of {len(blind)} instruments with an armed stop are not seen"] = not sees_others
        if self.sender.trouble is not None:
            # The queue would be as far away from another task, which would have to see everything anew.
            found[f"hits do not reach the queue: {self.sender.trouble}"] = self.sender.ended > 0
        if self.sender.refused:
            # While it takes others': it would refuse them of another task as well.
            found[f"the queue refuses {self.sender.refused} hits"] = False
        return found

    def is_alarming(self) -> bool:
        """Whether somebody should come: something would not be seen, or the market is about to open. That nobody is
        logged in over night and at weekends is as it should be."""
        reasons = self.reasons()
        is_quiet = not self.guard.armed and self.liveness.is_market_closed()
        return bool(reasons[1:] if is_quiet and self._waits_for_login(reasons) else reasons)

    def _waits_for_login(self, reasons: Sequence[str]) -> bool:
        """Whether the first of the reasons is that no feed account has a login."""
        return bool(reasons) and reasons[0].startswith(_NO_FEED) and self.feeds.is_logged_out

    def notes(self) -> list[str]:
        """What is wrong and does not keep a stop from being seen: another feed or the broker's quotes stand in."""
        notes = [
            f"{feed.name}: {feed.fault or feed.trouble or 'silent'}" for feed in self.feeds.all if not feed.is_live
        ]
        counts = {
            "instruments are read from the broker's quotes": len(self.cover.covered()),
            "instruments have not ticked for long": len(self.liveness.stale),
            "instruments have two prices": len(self.cover.crossing.crossed),
            "instruments have no room on a feed": len(self.feeds.left_out),
            "instruments have no known circuit limits: any price of theirs is believed": len(self.cover.unlimited()),
        }
        if self.loaded.unknown_instruments:
            names = ", ".join(self.loaded.unknown_instruments[:10])
            notes.append(f"no instrument token for {names}, of which nothing is held")
        if self.changes.is_away:
            notes.append("Redis is away: changes of stops arrive by comparing with PostgreSQL alone")
        if self.loaded.check_failed:
            notes.append("the stops could not be compared with PostgreSQL; going on with those in memory")
        if self.loaded.stops_loaded and not self.loaded.is_current:
            notes.append("changes may have been missed, and the stops could not be compared with PostgreSQL since")
        return notes + [f"{count} {what}" for what, count in counts.items() if count]

    def sees(self) -> bool:
        """Whether a price that came now would be compared with every stop: shown by a socket or by the broker's
        quotes, and the stops in memory are those of the stores."""
        is_looking = self.feeds.is_live or self.guard.armed > 0
        return self.loaded.is_current and is_looking and not self._blind()

    def _blind(self) -> list[int]:
        """Armed instruments that nothing shows."""
        covered = self.cover.covered()
        return [token for token in self.liveness.unshown() if token not in covered]

    def document(self) -> dict[str, object]:
        """The answer's body."""
        reasons, faults = self.reasons(), self.faults()
        return {
            "status": "unhealthy" if faults else "waiting" if reasons else "healthy",
            "reasons": reasons,
            "notes": self.notes(),
            "armed_stops": self.guard.armed,
            "subscribed_instruments": len(self.feeds.subscribed),
            "undelivered_hits": self.sender.undelivered,
        }

    def stops(self) -> dict[str, object]:
        """Which strategies are guarded now, and what keeps their stops from being seen."""
        return {"guarded": sorted(map(str, self.guard.armed_strategies)), "reasons": self.reasons()}


class HealthServer:
    """GET /health: with the reasons, 503 when a new task might mend them, else 200. GET /stops: who is guarded, for
    whoever looks into the task."""

    def __init__(
        self,
        document: Callable[[], dict[str, object]],
        port: int,
        *,
        stops: Callable[[], dict[str, object]] = dict,
    ) -> None:
        self._document = document
        self._stops = stops
        self._asked_port = port
        self._server: asyncio.Server | None = None

    @property
    def port(self) -> int:
        """The port in use (any free one was taken when 0 was asked for)."""
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", self._asked_port)

    async def stop(self) -> None:
        """Listen no longer."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_REQUEST_SECONDS):
                request = await reader.readuntil(b"\r\n\r\n")
                writer.write(self._response(request))
                await writer.drain()
        except (TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            logger.info("a health request was not completed: %s", type(error).__name__)
        finally:
            writer.close()

    def _response(self, request: bytes) -> bytes:
        method, _, rest = request.partition(b" ")
        path = rest.split(b" ", 1)[0].split(b"?", 1)[0]
        if path not in {b"/health", b"/stops"}:
            return _http("404 Not Found", {"error": "NOT_FOUND"})
        if method != b"GET":
            return _http("405 Method Not Allowed", {"error": "METHOD_NOT_ALLOWED"})
        if path == b"/stops":
            return _http("200 OK", self._stops())
        document = self._document()
        return _http("503 Service Unavailable" if document["status"] == "unhealthy" else "200 OK", document)


def _http(status: str, document: dict[str, object]) -> bytes:
    body = json.dumps(document).encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close"
    return head.encode() + b"\r\n\r\n" + body
