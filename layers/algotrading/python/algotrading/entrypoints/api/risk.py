"""Routes of limits and the kill switch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from aws_lambda_powertools.event_handler import Request, Response
from aws_lambda_powertools.event_handler.api_gateway import Router

from algotrading.contracts.api_risk import (
    ExposureView,
    ForeignPositionView,
    KillAnswer,
    KillRequest,
    KillSwitchView,
    LockView,
    ReleaseAnswer,
    ReleaseRequest,
    ResultView,
    RiskEventView,
    RiskLimitsView,
    RiskProfileRequest,
    RiskProfileView,
    RiskUsageView,
)
from algotrading.domain.errors import AlgotradingError, Conflict, FreshCodeNeeded, PreconditionFailed, RequestInvalid
from algotrading.domain.flatness import FlatProof, NothingPlaced
from algotrading.domain.limits import Lock, RiskLimits
from algotrading.domain.risk import Result
from algotrading.entrypoints.api.answers import BEARER, answers
from algotrading.entrypoints.http import admitted, caller, new_router
from algotrading.entrypoints.http_versions import seen_tag, tagged
from algotrading.services.kill_switch import KillSwitch
from algotrading.services.risk_profile import Exposure, RiskProfiles, RiskReport

_NO_REASON: Final = KillRequest()
_NOTHING: Final = ReleaseRequest()
"""What a request without a body says."""


@dataclass(frozen=True, slots=True)
class RiskServices:
    """What these routes need."""

    profiles: RiskProfiles
    switch: KillSwitch


class RiskRoutes:
    """`services` is called at each request; the first call may build them."""

    def __init__(self, services: Callable[[], RiskServices]) -> None:
        self._services = services

    def router(self) -> Router:
        """These routes, for a door or for the document."""
        router = new_router()
        base = "/api/v1/risk"
        router.get(f"{base}/profile", **_route("My limits", "Limits, what is used of them, the kill switch"))(self.read)
        router.put(
            f"{base}/profile",
            **_route(
                "Set my limits",
                "The limits as they are now, and what is used",
                RequestInvalid,
                FreshCodeNeeded,
                PreconditionFailed,
            ),
        )(self.replace)
        router.post(
            f"{base}/kill",
            **_route("Kill switch: buy nothing, sell everything", "No entry leaves any more", RequestInvalid),
        )(self.kill)
        router.post(
            f"{base}/release", **_route("Release the kill switch", "The switch is off", RequestInvalid, Conflict)
        )(self.release)
        return router

    def read(self, request: Request) -> Response[RiskProfileView]:
        """The caller's limits and what is used of them right now. The ETag is of the limits alone."""
        return _tagged(self._services().profiles.read(caller(request)))

    def replace(self, request: Request, body: RiskProfileRequest) -> Response[RiskProfileView]:
        """Replace every limit at once. They hold from the next entry on; nothing is sold because of them, but for a
        loss limit that is reached and says so. Whoever has a second factor shows a fresh code of it before more may be
        risked than so far; less needs none, and a key of a program only ever lowers. With `If-Match`, only the limits
        that the caller has seen are replaced."""
        who, seen = admitted(request), seen_tag(request)
        may_loosen = who.key_id is None and not who.owes_code
        try:
            profiles = self._services().profiles
            report = profiles.replace(caller(request), body.to_limits(), may_loosen=may_loosen, seen=seen)
        except FreshCodeNeeded as error:
            if who.key_id is None:
                raise
            raise FreshCodeNeeded("no API key raises or drops limits: a person has to do it, logged in") from error
        return _tagged(report)

    def kill(self, request: Request, body: KillRequest = _NO_REASON) -> KillAnswer:
        """Stop every entry and sell what is held. Once this has answered, about 1.3 s after it was asked, no buy
        leaves any more until POST /risk/release. Asking again changes nothing, and asks for the sells again."""
        killed = self._services().switch.kill(caller(request), body.reason)
        return KillAnswer(lock=_lock(killed.lock), flattening=killed.flattening)

    def release(self, request: Request, body: ReleaseRequest = _NOTHING) -> ReleaseAnswer:  # noqa: ARG002 - read strictly all the same
        """Let running strategies buy again from their next buy time on; refused while anything is not settled."""
        return ReleaseAnswer(is_locked=self._services().switch.release(caller(request)))


def _route(summary: str, success: str, *errors: type[AlgotradingError]) -> dict[str, Any]:
    return {"summary": summary, "tags": ["Risk"], "security": BEARER, "responses": answers(success, *errors)}


def _tagged(report: RiskReport) -> Response[RiskProfileView]:
    return tagged(_view(report), report.standing.limits.tag)


def _view(report: RiskReport) -> RiskProfileView:
    standing, results = report.standing, report.results
    return RiskProfileView(
        limits=_limits(standing.limits),
        usage=RiskUsageView(
            today=_result(results.day),
            week=_result(results.week),
            deleted_net=report.deleted.realised - report.deleted.charges,
            estimated_symbols=list(results.estimated),
            exposure=[_exposure(one) for one in report.exposures],
            orders_in_last_minute=standing.usage.orders,
            open_strategies=report.open_strategies,
        ),
        kill_switch=_switch(report),
        events=[
            RiskEventView(
                at=one.at,
                kind=one.kind,
                text=one.text,
                used=one.used,
                limit=one.limit,
                strategy_id=one.strategy_id,
            )
            for one in report.events
        ],
        as_of=report.as_of,
    )


def _exposure(one: Exposure) -> ExposureView:
    return ExposureView(
        exchange=one.exchange,
        symbol=one.symbol,
        quantity=one.quantity,
        value=one.value,
        is_estimated=one.is_estimated,
        held=one.held.quantity,
        average_price=one.held.average_price,
        last_price=one.last.price if one.last else None,
        last_price_at=one.last.at if one.last else None,
        open_pnl=one.open,
        strategy_ids=list(one.strategy_ids),
    )


def _limits(limits: RiskLimits) -> RiskLimitsView:
    return RiskLimitsView(
        daily_loss_limit=limits.daily_loss,
        weekly_loss_limit=limits.weekly_loss,
        position_size_limit=limits.position_size,
        symbol_exposure_limit=limits.symbol_exposure,
        orders_per_minute=limits.orders_per_minute,
        open_strategies=limits.open_strategies,
        square_off_on_loss=limits.square_off,
    )


def _result(result: Result) -> ResultView:
    booked = result.booked
    return ResultView(realised=booked.realised, open=result.open, charges=booked.charges, net=result.net)


def _switch(report: RiskReport) -> KillSwitchView:
    locks, found = report.standing.locks, report.standing.flat
    flat = found if isinstance(found, FlatProof) else None
    foreign = () if flat is None else flat.foreign
    return KillSwitchView(
        is_locked=locks.since is not None,
        own=None if locks.user is None else _lock(locks.user),
        operator=None if locks.deployment is None else _lock(locks.deployment),
        open_positions=len(report.standing.usage.open_cycles),
        verified_flat_at=None if flat is None else flat.at,
        kill_to_flat_ms=None if flat is None else flat.milliseconds,
        nothing_placed_at=found.at if isinstance(found, NothingPlaced) else None,
        foreign_positions=[
            ForeignPositionView(exchange=one.exchange, symbol=one.symbol, product=one.product, quantity=one.quantity)
            for one in foreign
        ],
    )


def _lock(lock: Lock) -> LockView:
    return LockView(since=lock.since, by=lock.by, reason=lock.reason)
