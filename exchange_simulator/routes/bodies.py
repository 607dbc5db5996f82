"""Reading request bodies; anything unreadable is refused, whatever encoding it claims."""

import json
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from exchange_simulator.errors import input_error


async def read_form(request: web.Request) -> Mapping[str, Any]:
    """The form fields of a body; raises KiteError."""
    try:
        return await request.post()
    except (ValueError, LookupError):
        raise input_error("Invalid form body.") from None


async def read_json(request: web.Request) -> Any:
    """The JSON value of a body; raises KiteError."""
    try:
        return json.loads(await request.read())
    except ValueError:
        raise input_error("Invalid JSON body.") from None


async def read_order_list(request: web.Request) -> list[dict[str, Any]]:
    """A body that has to be a JSON array of objects; raises KiteError."""
    body = await read_json(request)
    if not isinstance(body, list) or not all(isinstance(item, dict) for item in body):
        raise input_error("The body should be a JSON array of orders.")
    return body
