"""The small page that a person sees where a browser comes by itself: the end of the broker's login."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Final

from aws_lambda_powertools.event_handler import Response

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font: 1.1rem/1.5 system-ui, sans-serif; max-width: 32rem; margin: 20vh auto 0; padding: 0 1.5rem; }}
</style>
</head>
<body>
<h1>{title}</h1>
<p>{text}</p>
</body>
</html>
"""
FAILED_TITLE: Final = "This did not work"
"""Of a page that tells an error."""
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}
"""The address of this page holds a one-time token: nothing may be loaded, and nobody told of it."""


def asks_for_page(headers: Mapping[str, str]) -> bool:
    """Whether the Accept header, as a browser's does, names HTML. Header names in whatever case."""
    return any(name.lower() == "accept" and "text/html" in value.lower() for name, value in headers.items())


def html_page(status: int, title: str, text: str) -> Response[str]:
    """A page with this title and text, both escaped."""
    return Response(
        status_code=status,
        content_type="text/html; charset=utf-8",
        headers=dict(_HEADERS),
        body=_PAGE.format(title=escape(title), text=escape(text)),
    )
