"""A simulated exchange in a thread of its own, for synchronous programs and tests."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, TypeVar

from exchange_simulator.server import ExchangeServer
from exchange_simulator.simulator import Options

_START_TIMEOUT_S = 10.0
_T = TypeVar("_T")


class ThreadedExchange:
    """Runs an ExchangeServer beside the caller; use it as a context manager.

    The simulator may be touched only from its own loop: use `run`.
    """

    def __init__(self, options: Options | None = None, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self.server = ExchangeServer(options, host=host, port=port)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="exchange-simulator", daemon=True)

    def __enter__(self) -> "ThreadedExchange":
        self._thread.start()
        self._wait_for(self.server.start())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._wait_for(self.server.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def url(self) -> str:
        """Root for REST clients."""
        return self.server.url

    @property
    def ws_url(self) -> str:
        """Root for ticker clients."""
        return self.server.ws_url

    def run(self, action: Callable[[ExchangeServer], _T]) -> _T:
        """Call a function with the server on the server's own loop and return its result."""

        async def call() -> _T:
            return action(self.server)

        return self._wait_for(call())

    def _wait_for(self, work: Coroutine[Any, Any, _T]) -> _T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_START_TIMEOUT_S)
