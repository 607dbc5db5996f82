"""Sliced, iceberg and cover orders, and good-till-triggered ones."""

from exchange_simulator.engine.gtt import GttLeg, GttTerms
from exchange_simulator.engine.matching import Side
from exchange_simulator.money import paise
from tests.unit.exchange_simulator.floor import LAKH, Floor


def children_of(answer: dict[str, object]) -> list[dict[str, object]]:
    children = answer["children"]
    assert isinstance(children, list)
    return children


def leg(side: Side, price: str) -> GttLeg:
    return GttLeg(side=side, quantity=10, order_type="LIMIT", product="MIS", price=paise(price))


def test_autoslice_divides_an_order_at_the_freeze_quantity(floor: Floor) -> None:
    account = floor.account(cash=100_000 * LAKH)
    answer = floor.send(account, quantity=250_000, order_type="LIMIT", price="1500.00", autoslice=True)
    slices = [account.orders[str(child["order_id"])] for child in children_of(answer)]
    assert [order.quantity for order in slices] == [100_000, 100_000, 50_000]
    assert slices[0].system_tags == ("autoslice", f"autoslice:{answer['order_id']}")
    assert answer["order_id"] not in account.orders


def test_autoslice_may_succeed_in_part(floor: Floor) -> None:
    # given money for one slice only
    account = floor.account(cash=20_000_000_00 * 2)
    # when two slices are wanted at a margin of three crore each
    answer = floor.send(account, quantity=200_000, order_type="LIMIT", price="1500.00", autoslice=True)
    # then one is placed and the other tells why not
    placed, refused = children_of(answer)
    assert set(placed) == {"order_id"}
    error = refused["error"]
    assert isinstance(error, dict)
    assert (error["code"], error["error_type"]) == (400, "MarginException")


def test_iceberg_shows_one_leg_after_the_other(floor: Floor) -> None:
    account = floor.account()
    first = floor.order(
        account,
        variety="iceberg",
        quantity=25,
        iceberg_legs=3,
        iceberg_quantity=10,
        order_type="LIMIT",
        price="1500.00",
    )
    assert first.meta["iceberg"] == {
        "leg": 1,
        "legs": 3,
        "leg_quantity": 10,
        "total_quantity": 25,
        "remaining_quantity": 15,
    }
    for price in ("1499.00", "1499.00", "1499.00"):
        floor.price("1510.00")
        floor.price(price)
        floor.time.advance(0.01)
    assert [(order.quantity, order.status) for order in account.orders.values()] == [
        (10, "COMPLETE"),
        (10, "COMPLETE"),
        (5, "COMPLETE"),
    ]


def test_cover_order_gets_its_stop_when_it_is_filled(floor: Floor) -> None:
    account = floor.account()
    entry = floor.order(account, variety="co", trigger_price="1530.00")
    floor.time.advance(0.01)
    _, exit_leg = account.orders.values()
    assert (exit_leg.parent_order_id, exit_leg.variety) == (entry.order_id, "co")
    assert (exit_leg.status, exit_leg.side, exit_leg.quantity) == ("TRIGGER PENDING", "SELL", 10)
    floor.price("1529.00")
    assert exit_leg.status == "COMPLETE"


def test_leaving_a_cover_order_sells_at_the_market(floor: Floor) -> None:
    account = floor.account()
    floor.order(account, variety="co", trigger_price="1530.00")
    floor.time.advance(0.01)
    _, exit_leg = account.orders.values()
    floor.venue.manager.cancel(account, exit_leg)
    assert exit_leg.status == "COMPLETE"
    assert account.portfolio.net_quantity(exit_leg.instrument, "MIS") == 0


def test_gtt_sends_its_order_once_when_the_price_gets_there(floor: Floor) -> None:
    account = floor.account()
    infy = floor.market().instrument
    terms = GttTerms("single", [paise("1500.00")], paise("1545.00"), [leg("BUY", "1502.00")])
    gtt = floor.venue.gtts.place(account, infy, terms)
    floor.price("1500.10")
    assert gtt.status == "active"
    floor.price("1499.50")
    floor.price("1499.00")
    floor.time.advance(0.01)
    assert gtt.status == "triggered"
    assert [order.status for order in account.orders.values()] == ["COMPLETE"]
    assert gtt.terms.legs[0].result == {
        "status": "success",
        "order_id": next(iter(account.orders)),
        "rejection_reason": "",
    }


def test_two_leg_gtt_sends_the_leg_whose_side_is_reached(floor: Floor) -> None:
    account = floor.account()
    infy = floor.market().instrument
    legs = [leg("SELL", "1500.00"), leg("SELL", "1600.00")]
    gtt = floor.venue.gtts.place(
        account, infy, GttTerms("two-leg", [paise("1510.00"), paise("1590.00")], paise("1545.00"), legs)
    )
    floor.price("1595.00")
    floor.time.advance(0.01)
    assert [order.price for order in account.orders.values()] == [paise("1600.00")]
    floor.price("1505.00")
    floor.time.advance(0.01)
    assert (gtt.status, len(account.orders)) == ("triggered", 1)


def test_deleted_gtt_never_fires(floor: Floor) -> None:
    account = floor.account()
    terms = GttTerms("single", [paise("1500.00")], paise("1545.00"), [leg("BUY", "1502.00")])
    gtt = floor.venue.gtts.place(account, floor.market().instrument, terms)
    floor.venue.gtts.delete(account, gtt.trigger_id)
    floor.price("1499.00")
    floor.time.advance(0.01)
    assert account.orders == {}
