"""Order updates that the broker posts: hints to look at the book, and nothing else."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest

from algotrading.contracts.messages import OrderEvent
from algotrading.domain.accounts import BrokerCredentials
from algotrading.domain.cycle import Cycle, CycleState, IntentState
from algotrading.ports import Lane
from tests.fakes.cloud import MemoryVault
from tests.fakes.examples import make_intent
from tests.unit.api.world import Answer, ApiWorld

BOOK = 1 << 20


class Trader:
    """A connected trader, and the broker that posts to the trader's address."""

    def __init__(self, world: ApiWorld, email: str) -> None:
        self.world = world
        self.token = world.register(email)
        self.keys: BrokerCredentials = world.connect(self.token)

    @property
    def path(self) -> str:
        """Where the broker posts to, below the API's root."""
        url = self.world.call("GET", "/broker", token=self.token).body["postback_url"]
        return str(url.removeprefix("https://api.example.com/api/v1"))

    def bought(self, **plan: Any) -> Cycle:
        """Today's cycle of a running strategy that has bought."""
        strategy_id = self.world.create(self.token, **plan)
        self.world.start(self.token, strategy_id)
        cycle = self.world.hold(strategy_id, CycleState.LONG)
        intent = make_intent(cycle, state=IntentState.DONE, filled=cycle.plan.quantity)
        cycle = replace(cycle, intents=(intent,))
        self.world.database.cycles[cycle.strategy_id, cycle.trading_day] = cycle
        self.world.queue.sent.clear()
        return cycle

    def update(self, *, secret: str | None = None, **changes: Any) -> dict[str, Any]:
        """A postback as Kite makes it (kiteconnect-mocks, postback.json), signed."""
        body = {
            "order_id": "220303000308932",
            "order_timestamp": "2026-11-20 09:24:25",
            "user_id": "MEM001",
            "app_id": 1234,
            "status": "COMPLETE",
            "exchange": "NSE",
            "tradingsymbol": "TCS",
            "filled_quantity": 10,
            "unfilled_quantity": 0,
            "average_price": 3521.5,
            "meta": {"depth": {"of": ["anything"]}},
            "tag": None,
            **changes,
        }
        if not any(field in changes for field in ("user_id", "checksum")):
            body["user_id"] = self.broker_user
        signed = f"{body['order_id']}{body['order_timestamp']}{secret or self.keys.api_secret}"
        return {"checksum": hashlib.sha256(signed.encode()).hexdigest(), **body}

    @property
    def broker_user(self) -> str:
        """Who the trader is at the broker."""
        return str(self.world.call("GET", "/broker", token=self.token).body["broker_user_id"])

    def post(self, body: dict[str, Any], **how: Any) -> Answer:
        """The broker posts."""
        return self.world.call("POST", self.path, body, **how)


@pytest.fixture
def trader(world: ApiWorld) -> Trader:
    return Trader(world, "trader@example.com")


def looks(world: ApiWorld) -> list[tuple[UUID, str]]:
    """Which strategies an executor is asked to compare with the book, and why."""
    assert all((lane, c.event) == (Lane.PRIORITY, OrderEvent.RECONCILE) for lane, c in world.commands())
    return [(command.strategy_id, command.cause) for _, command in world.commands()]


# --- what is asked for ----------------------------------------------------------------------------


def test_an_update_of_our_order_asks_for_a_look_at_its_strategy(world: ApiWorld, trader: Trader) -> None:
    cycle, other = trader.bought(), trader.bought(symbol="INFY")

    answer = trader.post(trader.update(tag=cycle.intents[0].tag))

    assert (answer.status, answer.body) == (200, {"status": "received"})
    assert looks(world) == [(cycle.strategy_id, "postback")]
    assert cycle.strategy_id != other.strategy_id


def test_our_tag_may_stand_among_others(world: ApiWorld, trader: Trader) -> None:
    cycle = trader.bought()

    trader.post(trader.update(tag="mktp", tags=["mktp", cycle.intents[0].tag], tradingsymbol="NIFTY"))

    assert looks(world) == [(cycle.strategy_id, "postback")]


def test_an_order_of_the_traders_own_asks_for_a_look_at_what_holds_its_instrument(
    world: ApiWorld, trader: Trader
) -> None:
    cycle = trader.bought()
    trader.bought(symbol="INFY")

    trader.post(trader.update(tag="by hand"))

    assert looks(world) == [(cycle.strategy_id, "postback")]


def test_an_order_that_concerns_nothing_is_received_and_forgotten(world: ApiWorld, trader: Trader) -> None:
    trader.bought()

    answer = trader.post(trader.update(tradingsymbol="SBIN"))

    assert answer.status == 200
    assert looks(world) == []


def test_an_update_changes_nothing_whatever_it_says(world: ApiWorld, trader: Trader) -> None:
    # The checksum does not cover it
    cycle = trader.bought()
    before = {name: value for name, value in world.snapshot().items() if name != "commands"}

    trader.post(trader.update(tag=cycle.intents[0].tag, status="REJECTED", filled_quantity=999_999))

    assert {name: value for name, value in world.snapshot().items() if name != "commands"} == before
    assert world.database.cycles[cycle.strategy_id, cycle.trading_day] == cycle


def test_another_traders_strategies_are_none_of_its_business(world: ApiWorld, trader: Trader) -> None:
    mine, theirs = trader.bought(), Trader(world, "other@example.com").bought()

    trader.post(trader.update(tag=theirs.intents[0].tag))

    assert looks(world) == [(mine.strategy_id, "postback")]


def test_an_app_shared_in_a_family_says_nothing_of_the_others(world: ApiWorld, trader: Trader) -> None:
    trader.bought()

    answer = trader.post(trader.update(user_id="SPOUSE1"))

    assert answer.status == 200
    assert looks(world) == []


# --- how often ------------------------------------------------------------------------------------


def test_copies_of_one_update_ask_once(world: ApiWorld, trader: Trader) -> None:
    trader.bought()

    for _ in range(3):
        trader.post(trader.update())
        world.clock.sleep(20)

    assert len(looks(world)) == 1


def test_news_within_a_second_is_not_left_out(world: ApiWorld, trader: Trader) -> None:
    # given a partial fill and, a tenth of a second later, the rest
    trader.bought()
    trader.post(trader.update(status="UPDATE", filled_quantity=4))
    world.clock.sleep(0.1)
    last_news = world.clock.now()
    trader.post(trader.update(filled_quantity=10))

    # then the book is looked at once more, after the second is over
    (_, first), (_, second) = world.commands()
    assert second.timestamp - first.timestamp == 1000
    assert second.timestamp > last_news.timestamp() * 1000


def test_a_flood_asks_once_a_second(world: ApiWorld, trader: Trader) -> None:
    trader.bought()
    begun = world.clock.now()

    for number in range(300):
        trader.post(trader.update(order_id=f"2203030{number:05d}"))
        world.clock.sleep(0.02)

    seconds = (world.clock.now() - begun).total_seconds()
    assert 2 < len(looks(world)) <= seconds + 1


def test_an_old_update_that_is_posted_again_does_no_harm(world: ApiWorld, trader: Trader) -> None:
    cycle = trader.bought()
    old = trader.update(tag=cycle.intents[0].tag)
    trader.post(old)
    world.clock.sleep(3600)

    trader.post(old)

    assert looks(world) == [(cycle.strategy_id, "postback")] * 2


def test_without_the_runtime_store_the_sweep_is_left_to_look(world: ApiWorld, trader: Trader) -> None:
    trader.bought()
    path = trader.path
    world.runtime.is_down = True

    answer = world.call("POST", path, trader.update())

    assert (answer.status, looks(world)) == (200, [])
    assert world.meter.counts["RedisDown"] == 1


# --- who may ask ----------------------------------------------------------------------------------


def refusal_of(world: ApiWorld, path: str, body: dict[str, Any]) -> tuple[int, Any, float]:
    """The answer, and how long it took."""
    begun = world.clock.now()
    answer = world.call("POST", path, body)
    return answer.status, answer.body, (world.clock.now() - begun).total_seconds()


def test_an_unknown_address_and_a_wrong_checksum_look_the_same(
    world: ApiWorld, trader: Trader, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a vault that takes its time, which is asked only where there is such an address
    trader.bought()
    unseal = MemoryVault.unseal

    def slowly(*asked: Any) -> dict[str, str]:
        world.clock.sleep(0.1)
        return unseal(*asked)

    monkeypatch.setattr(MemoryVault, "unseal", slowly)

    unknown = refusal_of(world, f"/broker/postback/{uuid4()}", trader.update())
    forged = refusal_of(world, trader.path, trader.update(secret="a guess"))

    assert unknown == forged
    assert unknown[2] == pytest.approx(0.3)
    assert (unknown[0], unknown[1]["error"]) == (403, "ACCESS_DENIED")
    assert looks(world) == []
    assert world.meter.counts["PostbacksRefused"] == 2


@pytest.mark.parametrize("changed", [{"order_id": "1"}, {"order_timestamp": "2026-11-20 09:24:26"}])
def test_what_is_signed_cannot_be_changed(world: ApiWorld, trader: Trader, changed: dict[str, str]) -> None:
    trader.bought()

    answer = trader.post({**trader.update(), **changed})

    assert answer.status == 403
    assert looks(world) == []


def test_the_address_is_not_the_users_id(world: ApiWorld, trader: Trader) -> None:
    (user_id,) = world.database.users

    answer = world.call("POST", f"/broker/postback/{user_id}", trader.update())

    assert str(user_id) not in trader.path
    assert answer.status == 403


def test_a_removed_connection_takes_no_updates(world: ApiWorld, trader: Trader) -> None:
    path, update = trader.path, trader.update()
    world.call("DELETE", "/broker", token=trader.token)

    assert world.call("POST", path, update).status == 403


def test_the_address_outlives_new_keys(world: ApiWorld, trader: Trader) -> None:
    path = trader.path
    trader.keys = world.connect(trader.token)

    assert trader.path == path
    assert trader.post(trader.update()).status == 200


def test_nobody_else_is_shown_the_address(world: ApiWorld, trader: Trader) -> None:
    other = world.register("other@example.com")

    assert world.call("GET", "/broker", token=other).body["postback_url"] is None
    assert "postback" not in json.dumps(world.call("GET", "/account", token=trader.token).body)


# --- form -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "application/x-www-form-urlencoded", ""])
def test_the_broker_may_declare_its_body_as_it_likes(world: ApiWorld, trader: Trader, content_type: str) -> None:
    cycle = trader.bought()

    answer = trader.post(trader.update(), headers={"Content-Type": content_type})

    assert answer.status == 200
    assert looks(world) == [(cycle.strategy_id, "postback")]


def test_garbage_is_told_as_garbage_whether_or_not_the_address_exists(world: ApiWorld, trader: Trader) -> None:
    body = {**trader.update(), "checksum": "no checksum"}

    known, unknown = trader.post(body), world.call("POST", f"/broker/postback/{uuid4()}", body)

    assert (known.status, known.error, known.fields) == (400, "REQUEST_INVALID", ["checksum"])
    assert (unknown.status, unknown.body) == (known.status, known.body)


def test_an_update_larger_than_any_is_refused(world: ApiWorld, trader: Trader) -> None:
    answer = trader.post(trader.update(padding="x" * BOOK))

    assert (answer.status, answer.error) == (413, "PAYLOAD_TOO_LARGE")


@pytest.mark.parametrize("form", ["urn:uuid:{}", "{{{}}}", "hex"])
def test_an_address_has_one_form(world: ApiWorld, form: str) -> None:
    trader = Trader(world, "a@example.com")
    address = trader.path.rpartition("/")[2]
    other = address.replace("-", "") if form == "hex" else form.format(address)

    answer = world.call("POST", f"/broker/postback/{other}", trader.update())

    assert answer.status in {400, 404}
    assert trader.post(trader.update()).status == 200
