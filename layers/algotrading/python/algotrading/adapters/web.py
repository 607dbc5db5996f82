"""One HTTP request, with the standard library."""

from __future__ import annotations

import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException
from pathlib import Path
from tempfile import TemporaryDirectory

_SECONDS = 8.0
_MOST_BYTES = 65_536


def ask(
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes | None,
    *,
    context: ssl.SSLContext | None = None,
) -> tuple[int, bytes]:
    """Status and body of the answer, whatever they are; 0 and why where none came. Never raises for what the
    network does. `url` is http or https, as settings have it; `context` says how https is spoken where it is not as
    usual."""
    request = urllib.request.Request(url, data=body, headers=dict(headers), method=method)  # noqa: S310 - see settings
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS, context=context) as answer:  # noqa: S310 - see settings
            return answer.status, answer.read(_MOST_BYTES)
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, _rest_of(refused)
    except (OSError, HTTPException) as failure:
        return 0, str(failure).encode()


def showing_certificate(certificate: str, key: str) -> ssl.SSLContext:
    """TLS as usual, and `certificate` (PEM, with those that vouch for it) for whoever asks for one.

    Raises:
        ssl.SSLError: they are no certificate and its key.
    """
    context = ssl.create_default_context()
    with TemporaryDirectory() as folder:  # only its owner looks into it; the ssl module reads files alone
        chain, private = Path(folder, "certificate.pem"), Path(folder, "key.pem")
        chain.write_text(certificate, encoding="ascii")
        private.write_text(key, encoding="ascii")
        context.load_cert_chain(chain, private)
    return context


def _rest_of(refused: urllib.error.HTTPError) -> bytes:
    try:
        return refused.read(_MOST_BYTES)
    except (OSError, HTTPException) as failure:
        return str(failure).encode()
