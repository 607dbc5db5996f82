"""Reads the body of an HTTP request, and nothing but a small JSON object."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from algotrading.domain.errors import ContentTypeUnsupported, PayloadTooLarge, RequestInvalid

LARGEST_BODY = 32 * 1024
"""Bytes; the largest honest request has a few hundred."""
_DEEPEST = 8
_DECLARED = "content-type"


def admit_body(event: Mapping[str, Any], *, any_type: bool = False) -> dict[str, Any]:
    """The event with its body as plain text: never large, never base64, declared as JSON (which with
    `any_type` it need not have been before).

    API Gateway encodes bodies whose content type it does not know, so whether one arrives in base64
    depends on a header of the client.

    Raises:
        PayloadTooLarge: more than `LARGEST_BODY` bytes.
        ContentTypeUnsupported: the body is declared to be something else than JSON, or not declared to be anything.
        RequestInvalid: the body is not text.
    """
    body = event.get("body")
    if not body:
        # What is not there is of no kind, whatever the client calls it.
        headers = {name: value for name, value in (event.get("headers") or {}).items() if name.lower() != _DECLARED}
        return {**event, "headers": headers, "body": None, "isBase64Encoded": False}
    if not isinstance(body, str):
        raise RequestInvalid("the body must be JSON text")
    is_encoded = bool(event.get("isBase64Encoded"))
    if len(body) > LARGEST_BODY * (2 if is_encoded else 1):
        raise PayloadTooLarge(f"the body is larger than {LARGEST_BODY} bytes")
    content = _decode_base64(body) if is_encoded else body.encode("utf-8", "surrogatepass")
    if len(content) > LARGEST_BODY:
        raise PayloadTooLarge(f"the body is larger than {LARGEST_BODY} bytes")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise RequestInvalid("the body must be UTF-8 text") from error
    headers = _declare_json(event.get("headers") or {}, any_type=any_type)
    return {**event, "headers": headers, "body": text, "isBase64Encoded": False}


def read_json(text: str) -> dict[str, Any]:
    """The JSON object in `text`: fractions as Decimal, digit by digit; no name twice.

    Raises:
        RequestInvalid: it is anything else.
    """
    try:
        # NaN and Infinity are not JSON; as numbers they are refused by the field they are in.
        value = json.loads(text, parse_float=Decimal, parse_constant=Decimal, object_pairs_hook=_read_object)
    except (ValueError, RecursionError, ArithmeticError) as error:
        raise RequestInvalid("the body is not valid JSON") from error
    if not isinstance(value, dict):
        raise RequestInvalid("the body must be a JSON object")
    if _is_deeper_than(value, _DEEPEST):
        raise RequestInvalid("the body is nested too deeply")
    return value


def _decode_base64(body: str) -> bytes:
    try:
        return base64.b64decode(body, validate=True)
    except ValueError as error:
        raise RequestInvalid("the body is not valid base64") from error


def _declare_json(headers: Mapping[str, str], *, any_type: bool) -> dict[str, str]:
    lowered = {name.lower(): value for name, value in headers.items()}
    media_type = lowered.get(_DECLARED, "").partition(";")[0].strip().lower()
    if media_type != "application/json" and not any_type:
        raise ContentTypeUnsupported(f"the body must be application/json, not {media_type[:60] or 'undeclared'}")
    return {**lowered, _DECLARED: "application/json"}


def _read_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise RequestInvalid("the body names a field twice")
    if any("\ud800" <= character <= "\udfff" for name in found for character in name):
        raise RequestInvalid("the body names a field in characters that are no text")
    return found


def _is_deeper_than(value: Any, depth: int) -> bool:
    """Level by level: the parser may accept nesting deeper than functions may call themselves."""
    level = [value]
    for _ in range(depth):
        level = [inner for outer in level for inner in _inside(outer)]
    return any(isinstance(innermost, dict | list) for innermost in level)


def _inside(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()
