"""Routes of strategies and instruments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from aws_lambda_powertools.event_handler import Request, Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Query

from algotrading.contracts.api_candles import CandlesView
from algotrading.contracts.api_common import Storable
from algotrading.contracts.api_preflight import PreflightView
from algotrading.contracts.api_strategy import (
    InstrumentList,
    OrderList,
    PlanRequest,
    StrategyCreated,
    StrategyDeleted,
    StrategyDetails,
    StrategyList,
    StrategyReference,
    StrategySquaredOff,
    StrategyStanding,
    StrategyStarted,
    StrategyState,
    StrategyUpdated,
)
from algotrading.contracts.api_timeline import Day, TimelineView
from algotrading.entrypoints.api import strategy_answers as describe
from algotrading.entrypoints.api import strategy_views as views
from algotrading.entrypoints.http import caller, new_router
from algotrading.entrypoints.http_versions import seen_version, tagged, version_tag
from algotrading.services.check_plan import PlanDraft
from algotrading.services.day_chart import DayChartReader
from algotrading.services.manage_strategy import StrategyManager
from algotrading.services.preflight import PreflightReader
from algotrading.services.strategy_status import StrategyReader
from algotrading.services.timeline import TimelineReader

_MOST_INSTRUMENTS = 20
_LARGEST_PAGE = 200


@dataclass(frozen=True, slots=True)
class StrategyServices:
    """What these routes need."""

    manager: StrategyManager
    reader: StrategyReader
    timeline: TimelineReader
    preflight: PreflightReader
    day_chart: DayChartReader


class StrategyRoutes:
    """`services` is called at each request; the first call may build them. Path parameters have the
    names that the paths give them."""

    def __init__(self, services: Callable[[], StrategyServices]) -> None:
        self._services = services

    def router(self) -> Router:
        """These routes, for a door or for the document."""
        router = new_router()
        base = "/api/v1/strategy"
        router.post(f"{base}/create", status_code=201, **describe.CREATE)(self.create)
        router.post(f"{base}/start", **describe.START)(self.start)
        router.post(f"{base}/stop", **describe.STOP)(self.stop)
        router.post(f"{base}/square-off", **describe.SQUARE_OFF)(self.square_off)
        router.get(f"{base}/status/<id>", **describe.STATUS)(self.show_standing)
        router.get(base, **describe.LIST)(self.list_all)
        router.get(f"{base}/<id>", **describe.READ)(self.read)
        router.put(f"{base}/<id>", **describe.UPDATE)(self.update)
        router.delete(f"{base}/<id>", **describe.DELETE)(self.delete)
        router.get(f"{base}/<id>/orders", **describe.ORDERS)(self.list_orders)
        router.get(f"{base}/<id>/preflight", **describe.PREFLIGHT)(self.show_preflight)
        router.get(f"{base}/<id>/timeline", **describe.TIMELINE)(self.show_timeline)
        router.get(f"{base}/<id>/candles", **describe.CANDLES)(self.show_candles)
        router.get("/api/v1/instruments", **describe.INSTRUMENTS)(self.find_instruments)
        return router

    def create(self, request: Request, body: PlanRequest) -> StrategyCreated:
        """Store a strategy. It trades once it is started."""
        return views.created(self._services().manager.create(caller(request), _draft(body)))

    def start(self, request: Request, body: StrategyReference) -> StrategyStarted:
        """Let a strategy trade from its next buy time on."""
        return views.started(self._services().manager.start(caller(request), body.strategy_id))

    def stop(self, request: Request, body: StrategyReference) -> StrategyState:
        """Let a strategy trade no more; what it holds is sold at once."""
        strategy = self._services().manager.stop(caller(request), body.strategy_id)
        return StrategyState(strategy_id=strategy.strategy_id, status=strategy.status)

    def square_off(self, request: Request, body: StrategyReference) -> StrategySquaredOff:
        """Sell what a strategy holds now. It goes on running and buys again on the next trading day."""
        strategy = self._services().manager.square_off(caller(request), body.strategy_id)
        return StrategySquaredOff(strategy_id=strategy.strategy_id, status=strategy.status)

    def show_standing(self, request: Request, id: UUID) -> StrategyStanding:
        """Where a strategy stands now."""
        return views.standing(self._services().reader.standing(caller(request), id))

    def list_all(
        self,
        request: Request,
        limit: Annotated[int | None, Query(ge=1, le=_LARGEST_PAGE)] = None,
        cursor: Annotated[UUID | None, Query()] = None,
    ) -> StrategyList:
        """The caller's strategies, oldest first: all of them, or `limit` after the one that `cursor` names. A cursor is
        the `next_cursor` of the page before; it is good for as long as its strategy is there."""
        strategies, following = self._services().reader.page(caller(request), limit=limit, after=cursor)
        return StrategyList(strategies=[views.details(*strategy) for strategy in strategies], next_cursor=following)

    def read(self, request: Request, id: UUID) -> Response[StrategyDetails]:
        """One strategy, with the time at which it will really sell. Its ETag changes with every command and plan."""
        strategy, effective = self._services().reader.read(caller(request), id)
        return tagged(views.details(strategy, effective), version_tag(strategy.version))

    def update(self, request: Request, id: UUID, body: PlanRequest) -> Response[StrategyUpdated]:
        """Replace a strategy's plan, with effect at once. In the last three minutes before an order, its time
        cannot be moved to an earlier one. With `If-Match`, only the state that the caller has seen is replaced."""
        user_id, version = caller(request), seen_version(request)
        after = self._services().manager.update(user_id, id, _draft(body), seen_version=version)
        return tagged(views.updated(after), version_tag(after.strategy.version))

    def delete(self, request: Request, id: UUID) -> StrategyDeleted:
        """Delete a strategy that does not run. Its orders stay on record: /strategy/{id}/orders still shows them.
        With `If-Match`, only the state that the caller has seen is deleted."""
        self._services().manager.delete(caller(request), id, seen_version=seen_version(request))
        return StrategyDeleted(strategy_id=id)

    def list_orders(self, request: Request, id: UUID) -> OrderList:
        """Every exchange of words with the broker, and every execution, also of a deleted strategy."""
        return views.orders(self._services().reader.orders(caller(request), id))

    def show_preflight(self, request: Request, id: UUID) -> PreflightView:
        """Login, its end, kill switches, plan, feed: whether the strategy can make its next buy, and what to do if it
        cannot. The broker is not asked: funds and its own limits are not looked at."""
        return views.preflight(self._services().preflight.look(caller(request), id))

    def show_timeline(self, request: Request, id: UUID, day: Annotated[Day | None, Query()] = None) -> TimelineView:
        """Every command, message, decision and word with the broker of one day, in plain words and to the
        millisecond; and, where nothing was bought, why. The day is an Asia/Kolkata date, YYYY-MM-DD."""
        return views.timeline(self._services().timeline.read(caller(request), id, day))

    def show_candles(self, request: Request, id: UUID) -> CandlesView:
        """Minute candles of the strategy's instrument, as the watcher saw it, and what the day's orders bought and
        sold. They are of today in India, up to the last whole minute, and not kept longer than that day."""
        return views.candles(self._services().day_chart.read(caller(request), id))

    def find_instruments(
        self, request: Request, query: Annotated[str, Query(min_length=1, max_length=60), Storable]
    ) -> InstrumentList:
        """Instruments whose symbol or name contains the text, best first, each with the latest price that a watcher
        saw of it. Brokers are not asked: what has not been watched has no price here."""
        caller(request)
        found = self._services().reader.find_instruments(query, _MOST_INSTRUMENTS)
        return InstrumentList(instruments=[views.instrument(*one) for one in found])


def _draft(body: PlanRequest) -> PlanDraft:
    return PlanDraft(body.to_plan(), body.problems, body.account_id)
