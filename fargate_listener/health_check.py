"""`python -m fargate_listener --health`, the container's health check. It runs beside the watcher every few seconds, on
the same small machine: it loads next to nothing."""

from __future__ import annotations

import http.client
import json
import os
import sys
from typing import Any

DEFAULT_PORT = 8081
"""As in `algotrading.settings.ListenerSettings`, which takes twenty times as long to load as to ask."""
_HIGHEST_PORT = 65_535
_PATIENCE_SECONDS = 2.0


def run_health_check() -> int:
    """Print one line. 0: the watcher of this machine says that a new one would see no more than it does; 1: it says
    otherwise, or nothing; 2: HEALTH_PORT is no port."""
    given = os.environ.get("HEALTH_PORT", str(DEFAULT_PORT))
    port = int(given) if given.isdecimal() else 0
    if not 1 <= port <= _HIGHEST_PORT:
        sys.stderr.write(f"HEALTH_PORT is {given!r}: it must be a number from 1 to {_HIGHEST_PORT}\n")
        return 2
    is_healthy, words = _ask(port)
    sys.stdout.write(f"{words}\n")
    return 0 if is_healthy else 1


def _ask(port: int) -> tuple[bool, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE_SECONDS)
    try:
        connection.request("GET", "/health")
        answer = connection.getresponse()
        return answer.status == http.HTTPStatus.OK, _words(json.loads(answer.read()))
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError) as error:
        return False, f"no watcher answers on port {port} of this machine: {type(error).__name__}"
    finally:
        connection.close()


def _words(document: dict[str, Any]) -> str:
    """What the watcher says of itself, with its reasons where it has any."""
    return ": ".join([str(document["status"]), *(["; ".join(document["reasons"])] if document["reasons"] else [])])
