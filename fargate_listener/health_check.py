"""The container's health check. It runs beside the watcher every few seconds, on the same small machine:
it loads next to nothing."""

from __future__ import annotations

import http.client
import os

DEFAULT_PORT = 8081
"""As in `algotrading.settings.ListenerSettings`, which takes twenty times as long to load as to ask."""
_PATIENCE_SECONDS = 2.0


def is_healthy() -> bool:
    """Whether the watcher of this machine says that a new one would see no more than it does."""
    port = int(os.environ.get("HEALTH_PORT", DEFAULT_PORT))
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE_SECONDS)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
