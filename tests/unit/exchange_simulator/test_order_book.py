"""The order book keeps price priority, then time priority, and never breaks a limit."""

from hypothesis import given
from hypothesis import strategies as st

from exchange_simulator.engine.matching import BookOrder, Depth, Fill, Level, OrderBook, Side


def order(name: str, side: Side, price: int, quantity: int, sequence: int = 0, owner: str | None = None) -> BookOrder:
    return BookOrder(name, owner or name, side, price, quantity, sequence)


def test_market_sweep_takes_the_best_levels_first() -> None:
    # given a house that offers 10 at 101 and 10 at 102
    book = OrderBook()
    book.refresh_house(Depth(sell=[Level(101, 10), Level(102, 10)]))
    # when a buyer wants 15 up to 105
    fills = book.submit(order("A", "BUY", 105, 15))
    # then the cheaper level goes first and nothing is paid beyond the offers
    assert fills == [Fill("A", 101, 10), Fill("A", 102, 5)]


def test_what_is_left_of_an_order_rests_at_its_limit() -> None:
    book = OrderBook()
    book.refresh_house(Depth(sell=[Level(101, 10)]))
    book.submit(order("A", "BUY", 101, 25))
    assert [(level.price, level.quantity) for level in book.depth().buy] == [(101, 15)]


def test_earlier_order_at_the_same_price_trades_first() -> None:
    # given two sellers at 100, the second one earlier in time by sequence
    book = OrderBook()
    book.submit(order("late", "SELL", 100, 10, sequence=2))
    book.submit(order("early", "SELL", 100, 10, sequence=1))
    # when ten are bought
    fills = book.submit(order("buyer", "BUY", 100, 10, sequence=3))
    # then the earlier seller sells
    assert fills == [Fill("buyer", 100, 10, "early"), Fill("early", 100, 10, "buyer", prints=False)]


def test_better_price_goes_before_earlier_time() -> None:
    book = OrderBook()
    book.submit(order("early", "SELL", 101, 10, sequence=1))
    book.submit(order("cheaper", "SELL", 100, 10, sequence=2))
    fills = book.submit(order("buyer", "BUY", 101, 10, sequence=3))
    assert fills[0] == Fill("buyer", 100, 10, "cheaper")


def test_user_goes_before_the_house_at_an_equal_price() -> None:
    book = OrderBook()
    book.refresh_house(Depth(sell=[Level(100, 50)]))
    book.submit(order("seller", "SELL", 100, 10, sequence=1))
    fills = book.submit(order("buyer", "BUY", 100, 10, sequence=2))
    assert fills[0].counterparty == "seller"


def test_user_never_trades_with_themself() -> None:
    book = OrderBook()
    book.submit(order("ask", "SELL", 100, 10, sequence=1, owner="same"))
    assert book.submit(order("bid", "BUY", 100, 10, sequence=2, owner="same")) == []


def test_resting_order_is_hit_at_its_own_price_when_the_market_moves_through_it() -> None:
    # given a bid of 20 at 100
    book = OrderBook()
    book.submit(order("A", "BUY", 100, 20))
    # when the house comes down to offer 15 at 98
    fills = book.refresh_house(Depth(sell=[Level(98, 15)]))
    # then the bid, which was first, sets the price and only what is offered trades
    assert fills == [Fill("A", 100, 15)]


def test_allowance_limits_what_may_trade() -> None:
    book = OrderBook()
    book.refresh_house(Depth(sell=[Level(100, 50)]))
    limited = order("A", "BUY", 100, 30)
    limited.allowance = 5
    assert book.submit(limited) == [Fill("A", 100, 5)]


incoming = st.lists(
    st.tuples(
        st.sampled_from(["u1", "u2", "u3"]),
        st.sampled_from(["BUY", "SELL"]),
        st.integers(95, 105),
        st.integers(1, 50),
    ),
    max_size=30,
)
house = st.lists(st.tuples(st.integers(1, 5), st.integers(0, 40)), max_size=5)


def play(orders: list[tuple[str, Side, int, int]], levels: list[tuple[int, int]]) -> tuple[list[Fill], OrderBook]:
    """Submit orders one by one with a house around 100, then move the house through the book."""
    book = OrderBook()
    book.refresh_house(
        Depth(buy=[Level(100 - step, size) for step, size in levels], sell=[Level(100 + s, size) for s, size in levels])
    )
    fills = []
    for number, (owner, side, price, quantity) in enumerate(orders):
        fills += book.submit(BookOrder(str(number), owner, side, price, quantity, number))
    fills += book.refresh_house(Depth(sell=[Level(97, size) for _, size in levels]))
    return fills, book


@given(incoming, house)
def test_no_quantity_appears_or_vanishes(
    orders: list[tuple[str, Side, int, int]], levels: list[tuple[int, int]]
) -> None:
    fills, book = play(orders, levels)
    for number, (_, _, _, quantity) in enumerate(orders):
        filled = sum(fill.quantity for fill in fills if fill.order_id == str(number))
        resting = book.resting(str(number))
        assert filled + (resting.quantity if resting else 0) == quantity


@given(incoming, house)
def test_no_fill_breaks_a_limit(orders: list[tuple[str, Side, int, int]], levels: list[tuple[int, int]]) -> None:
    fills, _ = play(orders, levels)
    for fill in fills:
        _, side, price, _ = orders[int(fill.order_id)]
        assert (fill.price - price) * (1 if side == "BUY" else -1) <= 0


@given(incoming, house)
def test_house_never_trades_more_than_it_quotes(
    orders: list[tuple[str, Side, int, int]], levels: list[tuple[int, int]]
) -> None:
    fills, _ = play(orders, levels)
    against_house = sum(fill.quantity for fill in fills if fill.counterparty is None)
    assert against_house <= 3 * sum(size for _, size in levels)


@given(incoming)
def test_users_trades_come_in_equal_pairs(orders: list[tuple[str, Side, int, int]]) -> None:
    fills, _ = play(orders, [])
    takers = [fill for fill in fills if fill.prints]
    makers = [fill for fill in fills if not fill.prints]
    assert [(f.order_id, f.counterparty, f.price, f.quantity) for f in takers] == [
        (f.counterparty, f.order_id, f.price, f.quantity) for f in makers
    ]


@given(st.lists(st.integers(1, 20), min_size=2, max_size=8), st.integers(1, 100))
def test_sellers_at_one_price_are_served_in_order_of_arrival(sizes: list[int], wanted: int) -> None:
    # given sellers who queue at 100
    book = OrderBook()
    for place, size in enumerate(sizes):
        book.submit(order(f"s{place}", "SELL", 100, size, sequence=place))
    # when somebody buys
    fills = [fill for fill in book.submit(order("buyer", "BUY", 100, wanted, sequence=99)) if not fill.prints]
    # then every seller but the last one served is served in full
    assert [fill.order_id for fill in fills] == [f"s{place}" for place in range(len(fills))]
    assert [fill.quantity for fill in fills[:-1]] == sizes[: len(fills) - 1]
