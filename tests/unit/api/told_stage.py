"""Where the document's day is told: an API, the workers that trade behind it, and who asks."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

from algotrading.contracts.api_routes import API_ROUTES
from algotrading.contracts.errands import read_delivery_errand
from algotrading.contracts.messages import OrderEvent
from algotrading.domain.sessions import instant_of
from algotrading.entrypoints.api.strategy import StrategyServices
from algotrading.ports import Lane
from algotrading.services.alarms import make_command
from algotrading.services.way_out import WayOut
from tests.fakes.accounts import MemoryBrokerAccounts
from tests.fakes.broker import MemoryBrokers
from tests.fakes.cloud import MemoryNotifier, MemoryVault
from tests.fakes.examples import make_instrument
from tests.fakes.instruments import MemoryInstruments
from tests.fakes.named_accounts import MemoryNamedAccounts
from tests.fakes.risks import MemoryRisks
from tests.fakes.snapshots import MemorySnapshots
from tests.fakes.strategies import MemoryStrategies
from tests.fakes.trading_world import TradingWorld, WatchedRuntime
from tests.unit.api.test_second_factor import shown, wait_a_step
from tests.unit.api.world import TODAY, Answer, ApiWorld

STRATEGY = UUID("2b4da940-2718-49a2-938e-725a74e55a3e")
OWN = "the trader's own token"


class _ToldWorld(ApiWorld):
    """The same strategy on each telling: when its orders are prepared, and how what happens at one moment is sorted,
    hangs on its identifier."""

    def _strategies(self) -> StrategyServices:
        services = super()._strategies()
        return replace(services, manager=replace(services.manager, new_id=lambda: STRATEGY))


class Workers(TradingWorld):
    """The services that trade, on the stores of an API, for the traders that are there."""

    def __init__(self, api: ApiWorld) -> None:
        self.clock, self.database, self.meter, self.ledger = api.clock, api.database, api.meter, api.ledger
        self.exchange, self.queue, self.is_bound = api.exchange, api.queue, api.is_bound
        self.runtime = api.runtime = WatchedRuntime(api.clock)
        self.vault, self.notifier = MemoryVault(), MemoryNotifier()
        self.strategies, self.instruments = MemoryStrategies(api.database), MemoryInstruments(api.database)
        self.accounts, self.named = MemoryBrokerAccounts(api.database), MemoryNamedAccounts(api.database)
        self.risks, self.snapshots = MemoryRisks(api.database), MemorySnapshots(api.database)
        self.way_out = WayOut(MemoryBrokers(api.exchange), api.clock, api.meter, api.is_bound)

    def work(self) -> None:
        """Carry out what the queues hold."""
        for lane in Lane:
            while (message := self.queue.receive(lane)) is not None:
                self.executor.handle(message.command)
                self.queue.delete(lane, message)


class Stage:
    """`told`: for each route that was shown, by content type, its answer of success."""

    def __init__(self) -> None:
        self.world = _ToldWorld()
        self.world.database.instruments["NSE", "TCS"] = make_instrument(name="TATA CONSULTANCY SERV LT")
        self.workers = Workers(self.world)
        self.told: dict[str, dict[str, Any]] = {}
        self.token = self.secret = self.strategy_id = ""

    def show(self, method: str, path: str, body: Any = None, *, token: str | None = OWN, **more: Any) -> Any:
        """Ask as the trader, or with `token` (None: with none), and keep the answer as the example of its route; the
        answer's body. Time passes, so that nothing happens at the same moment."""
        self.world.clock.sleep(1)
        answer = self.world.call(method, path, body, token=self.token if token == OWN else token, **more)
        assert 200 <= answer.status < 300, (method, path, answer.status, answer.body)
        full = f"/api/v1{path}"
        routes = [one for one in API_ROUTES if one.method == method and one.matches(full)]
        (route,) = [one for one in routes if one.path == full] or routes
        kind = answer.headers["Content-Type"].partition(";")[0]
        assert kind not in self.told.setdefault(route.key, {}), f"{route.key} was shown before"
        self.told[route.key][kind] = answer.body
        return answer.body

    def ask(self, method: str, path: str, body: Any = None, *, token: str | None = OWN) -> Any:
        """Ask without keeping the answer."""
        self.world.clock.sleep(1)
        answer: Answer = self.world.call(method, path, body, token=self.token if token == OWN else token)
        assert 200 <= answer.status < 300, (method, path, answer.status, answer.body)
        return answer.body

    def code(self) -> str:
        """What the trader's phone shows next."""
        wait_a_step(self.world)
        return shown(self.world, self.secret)

    def at(self, ist: str) -> datetime:
        """Move on to a time of today."""
        self.world.at(ist)
        return self.world.clock.now()

    # --- what happens meanwhile ---------------------------------------------------------------------

    def deliver(self) -> None:
        while self.world.notice_errands.asked:
            errand = self.world.notice_errands.asked.pop(0)
            self.world.notice_delivery().run(read_delivery_errand(errand.model_dump_json()))

    def tick(self, at: time, price: str) -> None:
        self.world.exchange.set_price("TCS", Decimal(price))
        self.world.runtime.put_price("TCS", Decimal(price), instant_of(TODAY, at))

    def command(self, event: OrderEvent, due: time | None = None) -> None:
        command = make_command(
            strategy_id=UUID(self.strategy_id),
            user_id=self.world.user_of(self.token),
            event=event,
            trading_day=TODAY,
            now=self.world.clock.now(),
            cause="schedule",
            due=None if due is None else instant_of(TODAY, due),
        )
        self.workers.executor.handle(command)
