"""The small page that a browser shows when the broker's login has ended."""

from __future__ import annotations

from html import escape

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
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}
"""The address of this page holds a one-time token: nothing may be loaded, and nobody told of it."""


def login_page(status: int, title: str, text: str) -> Response[str]:
    """A page with this title and text, both escaped."""
    return Response(
        status_code=status,
        content_type="text/html; charset=utf-8",
        headers=dict(_HEADERS),
        body=_PAGE.format(title=escape(title), text=escape(text)),
    )
