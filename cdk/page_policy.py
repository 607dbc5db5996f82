"""What a page of the app may load and whom it may call: one policy for the content network and for the twin.

Knows nothing of CDK, so that any program may read it.
"""

from __future__ import annotations


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
