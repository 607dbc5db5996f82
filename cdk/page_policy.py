"""What a page of the app may load and whom it may call: one policy for the content network and for the twin.

Knows nothing of CDK, so that any program may read it.
"""

from __future__ import annotations

import re
from typing import Final

from cdk.environments import REGION, Environment

_HEAD: Final = re.compile(rb"<head[^>]*>", re.IGNORECASE)
_ANY_API: Final = f"https://*.execute-api.{REGION}.amazonaws.com"


class NoPage(Exception):
    """What was built is no HTML page."""


def callable_apis(environment: Environment) -> str:
    """Whom the header of every page lets it call: the API by its own name, or any by a name that API Gateway makes up.
    That one is known only after the content network, whose address the API and the mails have to know; so the page
    itself says which (`narrow`)."""
    return _ANY_API if environment.api_domain is None else f"https://{environment.api_domain.name}"


def narrow(page: bytes, api_url: str) -> bytes:
    """`page`, which itself says that it calls the API at `api_url` alone. Whatever a header allows, a browser lets
    through what every policy does (Content Security Policy Level 3, section 8.1).

    Raises:
        NoPage: `page` has no head to say it in.
    """
    told = f"""<meta http-equiv="Content-Security-Policy" content="connect-src 'self' {api_url}">""".encode()
    # First of all: it holds for nothing that stands before it.
    said, times = _HEAD.subn(lambda head: head[0] + told, page, count=1)
    if not times:
        raise NoPage("index.html has no head")
    return said


def page_policy(api_url: str) -> str:
    """The Content-Security-Policy of every page; `api_url` without a path is the only other place it may call. Styles
    are written into the page by the component kit."""
    policy = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self' 'unsafe-inline'",
        "img-src": "'self' data:",
        "font-src": "'self'",
        "connect-src": f"'self' {api_url}".strip(),
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in policy.items())
