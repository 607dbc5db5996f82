"""The state of a thing as HTTP tells it: a strong ETag in answers, If-Match in commands (RFC 9110, sections 8.8.3
and 13.1.1)."""

from __future__ import annotations

import re
from typing import TypeVar

from aws_lambda_powertools.event_handler import Request, Response
from pydantic import BaseModel

from algotrading.domain.errors import RequestInvalid
from algotrading.entrypoints.http_answers import JSON

_Body = TypeVar("_Body", bound=BaseModel)
_NO_STATE = -1
_VERSION = re.compile(r"v(\d{1,9})")
_TAG = re.compile(r'"([\x21\x23-\x7e]+)"')
_TAGS = re.compile(r'\s*(?:W/)?"[\x21\x23-\x7e]*"(?:\s*,\s*(?:W/)?"[\x21\x23-\x7e]*")*\s*')


def tagged(body: _Body, tag: str) -> Response[_Body]:
    """An answer with the ETag of the state that it shows."""
    return Response(status_code=200, content_type=JSON, body=body, headers={"ETag": quoted(tag)})


def quoted(tag: str) -> str:
    """A tag as ETag and If-Match have it."""
    return f'"{tag}"'


def seen_tag(request: Request) -> str | None:
    """The tag of the state that the caller has seen and wants to replace; None where any will do. A weak tag, or
    several, are answered with one that nothing ever has.

    Raises:
        RequestInvalid: If-Match holds no entity tag.
    """
    wanted = request.headers.get("if-match")
    if wanted is None or wanted.strip() == "*":
        return None
    if not _TAGS.fullmatch(wanted):
        raise RequestInvalid("If-Match must be an ETag as it was answered, or *")
    found = _TAG.fullmatch(wanted.strip())
    return "" if found is None else found[1]


def version_tag(version: int) -> str:
    """The tag of a thing whose states are counted."""
    return f"v{version}"


def seen_version(request: Request) -> int | None:
    """The version that the caller has seen and wants to replace; None where any will do. A tag that is none of ours
    names a version that nothing ever has.

    Raises:
        RequestInvalid: If-Match holds no entity tag.
    """
    tag = seen_tag(request)
    if tag is None:
        return None
    found = _VERSION.fullmatch(tag)
    return _NO_STATE if found is None else int(found[1])
