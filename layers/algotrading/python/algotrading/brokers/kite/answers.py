"""What an answer to an order command proves: accepted, refused, or nothing.

Read from the wire, type first and text second. Facts it rests on: a time-out has come back as a 400
with the order in the book seconds later, and so has a 503; a 429 never reaches the order system
(Kite Connect documentation, exceptions; Kite developer forum). When in doubt it is unknown: the book
then tells, which costs time, while a wrong "refused" costs a second order.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from http import HTTPStatus

from algotrading.brokers.kite.connection import Reply, WireRequest
from algotrading.brokers.kite.envelope import Envelope, read_envelope
from algotrading.brokers.kite.transcript import Transcript
from algotrading.domain.orders import Accepted, Answer, Refused, Unknown

RATE_LIMITED = "RATE_LIMITED"
NOT_SENT = "NOT_SENT"


@dataclass(frozen=True, slots=True)
class _Refusal:
    kind: str
    retryable: bool
    is_auth: bool = False


_REFUSALS = {
    "InputException": _Refusal("INPUT", retryable=False),
    "PermissionException": _Refusal("PERMISSION", retryable=False),
    "TokenException": _Refusal("TOKEN", retryable=False, is_auth=True),
    "TwoFAException": _Refusal("TWO_FA", retryable=False),
    "UserException": _Refusal("USER", retryable=False),
    "MarginException": _Refusal("MARGIN", retryable=True),
    "HoldingException": _Refusal("HOLDING", retryable=True),
    "OrderException": _Refusal("ORDER", retryable=True),
}
_REFUSING_STATUSES = {HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN}
_MAYBE_PLACED = re.compile(r"timed?[\s_-]*out|before placing again", re.IGNORECASE)
_ORDER_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


def classify(request: WireRequest, reply: Reply, transcript: Transcript) -> Answer:
    """What `reply` proves about the order command in `request`."""
    raw = transcript.of_reply(request, reply)
    envelope = read_envelope(reply)
    if envelope is not None and _contradicts_itself(reply, envelope):
        return Unknown(f"HTTP {reply.status} with a contradictory answer", raw)
    if reply.status == HTTPStatus.TOO_MANY_REQUESTS:
        text = (envelope and envelope.message) or "Too many requests"
        return Refused(RATE_LIMITED, transcript.clean(text), retryable=True, raw=raw, throttled=True)
    if envelope is None:
        content_type = reply.headers.get("content-type", "no content type")
        return Unknown(transcript.clean(f"HTTP {reply.status} in no known form ({content_type[:80]})"), raw)
    if order_id := _accepted_order_id(reply, envelope):
        return Accepted(order_id, raw)
    text = transcript.clean(envelope.message or "")
    if refusal := _proven_refusal(reply, envelope):
        return Refused(refusal.kind, text, retryable=refusal.retryable, raw=raw, is_auth=refusal.is_auth)
    return Unknown(transcript.clean(f"HTTP {reply.status} {envelope.error_type or envelope.status}: {text}"), raw)


def _accepted_order_id(reply: Reply, envelope: Envelope) -> str | None:
    """The order id of a well-formed success. Ids are opaque texts of up to 19 digits today."""
    if not 200 <= reply.status < 300 or not envelope.is_success:
        return None
    return _order_id(envelope)


def _order_id(envelope: Envelope) -> str | None:
    order_id = envelope.data.get("order_id") if isinstance(envelope.data, dict) else None
    if isinstance(order_id, int) and not isinstance(order_id, bool):
        order_id = str(order_id)
    if isinstance(order_id, str) and _ORDER_ID.fullmatch(order_id):
        return order_id
    return None


def _proven_refusal(reply: Reply, envelope: Envelope) -> _Refusal | None:
    if reply.status not in _REFUSING_STATUSES or not envelope.is_error:
        return None
    return _REFUSALS.get(envelope.error_type or "")


def _contradicts_itself(reply: Reply, envelope: Envelope) -> bool:
    """Whether a failure speaks of an order that may exist after all."""
    if 200 <= reply.status < 300:
        return False
    is_maybe_placed = envelope.message is not None and _MAYBE_PLACED.search(envelope.message) is not None
    return is_maybe_placed or envelope.status == "success" or _order_id(envelope) is not None
