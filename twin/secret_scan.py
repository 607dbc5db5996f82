"""Looks for secrets in logs: the very ones that somebody handed out, and whatever has the shape of one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from algotrading.domain.api_keys import PATTERN

_SHAPES = {
    "JSON web token": re.compile(r"\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{16,}"),
    "API key": re.compile(PATTERN),
    # Of a login to stay logged in, and of a link in a mail.
    "refresh or link token": re.compile(r"\b[0-9a-f]{32}\.[A-Za-z0-9_-]{43}(?![A-Za-z0-9_-])"),
    "webhook secret": re.compile(r"\bwhsec_[A-Za-z0-9+/]{8,}"),
    "second factor": re.compile(r"(?i)\botpauth://"),
    "password hash": re.compile(r"\$argon2id?\$v=|SCRAM-SHA-256\$\d"),
    "private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    # Kite Connect documentation, "Signing requests": `Authorization: token api_key:access_token`.
    "authorization header": re.compile(r"(?i)authorization\W{1,6}(?:bearer|basic|token)\s+(?!\*)[\w.:=/+-]{8,}"),
    "named secret": re.compile(
        r"""(?i)["']?\b(?:password|passwd|api_secret|secret_key|access_token|request_token|client_secret)\b["']?"""
        r"""\s*[=:]\s*["']?(?!\*|none\b|null\b|hidden\b)[\w+/.~-]{8,}"""
    ),
    "connection string": re.compile(r"(?i)\b(?:postgres(?:ql)?|rediss?)://[^\s:/@]*:[^\s@/]+@"),
}


def find_secrets(logs: Path, secrets: Mapping[str, str]) -> list[str]:
    """What was found in the files of `logs`: its name and its place, never the secret itself. `secrets` are values that
    must not be there, by what they are."""
    return [found for log in sorted(logs.rglob("*")) if log.is_file() for found in _in_file(log, secrets)]


def _in_file(log: Path, secrets: Mapping[str, str]) -> Iterator[str]:
    with log.open(encoding="utf-8", errors="replace") as lines:
        for number, line in enumerate(lines, 1):
            for name in secrets_in(line, secrets):
                yield f"{name} in {log.name}, line {number}"


def secrets_in(text: str, secrets: Mapping[str, str]) -> list[str]:
    """The names of the secrets and shapes that are in `text`."""
    known = [name for name, value in secrets.items() if value and value in text]
    return known + [name for name, shape in _SHAPES.items() if shape.search(text)]
