"""What a notice states: the numbers and the order that its sentence speaks of.

The sentences are the product's own words. `test_statements.py` makes each of them as the product does, so that a
changed wording fails there, and not as a notice that nobody checks any more.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from algotrading.domain.effects import Tell
from algotrading.domain.notices import NoticeKind

_ORDER = r"(?P<order>buy|sell|stop order)"
_QUANTITY = r"(?P<quantity>\d+)"
_SENTENCES = {
    NoticeKind.BUY_ACCEPTED: (rf": the broker accepted the (?P<order>buy) of {_QUANTITY};",),
    NoticeKind.SELL_ACCEPTED: (rf": the broker accepted the (?P<order>sell) of {_QUANTITY}[; ]",),
    NoticeKind.PARTLY_BOUGHT: (rf": (?P<verb>bought) {_QUANTITY} of (?P<asked>\d+) so far",),
    NoticeKind.BOUGHT: (
        rf": (?P<verb>bought) {_QUANTITY} of (?P<asked>\d+)(?: at [^;]+)?; the rest was not filled\.$",
        rf": (?P<verb>bought) {_QUANTITY}(?: at \S+ on average)?\.$",
        rf": (?P<verb>bought) {_QUANTITY} of (?P<asked>\d+)(?: at \S+ on average)?\.$",
    ),
    NoticeKind.PARTLY_SOLD: (rf": (?P<verb>sold) {_QUANTITY} of (?P<asked>\d+) so far",),
    NoticeKind.SOLD_SO_FAR: (rf": (?P<verb>sold) {_QUANTITY}[ ,;]",),
    NoticeKind.SOLD: (rf": (?P<verb>sold) {_QUANTITY}[ .]",),
    NoticeKind.ORDER_UNKNOWN: (
        rf": it is not known yet whether the {_ORDER} of {_QUANTITY} was placed",
        rf": the broker took the {_ORDER} of {_QUANTITY}, and its order book does not show it",
    ),
    NoticeKind.ORDER_NOT_PLACED: (rf": the broker's order book proves that the {_ORDER} was never placed\.$",),
    NoticeKind.EXIT_UNFILLED: (rf": {_QUANTITY} could not be sold yet:",),
    NoticeKind.CLOSED_OUTSIDE: (rf": {_QUANTITY} were no longer held: sold",),
    NoticeKind.LATE_ORDER: (
        rf": an order that surfaced late has (?P<verb>bought) {_QUANTITY} after all: it is being sold\.$",
        rf": {_QUANTITY} more were bought than planned, by an order that surfaced late: they are being sold\.$",
    ),
    NoticeKind.OVERSOLD: (
        rf": {_QUANTITY} more were sold than were bought: buy (?P=quantity) back\.$",
        rf": the broker shows {_QUANTITY} more sold than bought:",
    ),
}
"""Of each kind every sentence that the product has for it."""


@dataclass(frozen=True, slots=True)
class Statement:
    """What one notice says has happened."""

    sentence: int
    """Which of its kind's sentences it is."""
    quantity: int = 0
    """Zero where it states none."""
    asked: int | None = None
    """What the order was over, where it says so."""
    order: str = ""
    """Whether it speaks of a buy, a sell or a stop order."""
    verb: str = ""


def statement_of(tell: Tell) -> Statement | None:
    """What a notice states; None for kinds that state nothing about an order.

    Raises:
        ValueError: it is of a kind that does, and none of its sentences.
    """
    sentences = _SENTENCES.get(tell.kind)
    if sentences is None:
        return None
    for number, sentence in enumerate(sentences):
        found = re.search(sentence, tell.text)
        if found is not None:
            said = found.groupdict()
            asked = said.get("asked")
            quantity = int(said.get("quantity") or 0)
            order, verb = said.get("order") or "", said.get("verb") or ""
            return Statement(number, quantity, None if asked is None else int(asked), order, verb)
    raise ValueError(f"a notice of the kind {tell.kind} says what is known of none: {tell.text}")
