"""AWS Lambda on this machine: pools of processes that run AWS's own runtime client over the very handlers.

As in Lambda an execution environment serves one invocation at a time, is kept for the next one, is
replaced when it crashes, and is killed when it outlives the function's time-out. Importing the handler
is given more time than Lambda's ten seconds, since a start of the twin imports a dozen at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import sys
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from twin.processes import StateFolder, base_environment
from twin.runtime_api import InitFailed, Invocation, RuntimeApi
from twin.telemetry import Telemetry
from twin.wiring import FunctionSpec

INIT_SECONDS = 60.0
IDLE_SECONDS = 300.0
UNRESERVED_CONCURRENCY = 10
"""Stands in for the account's unreserved pool: what one machine can bear. More callers than that wait."""
_LINE_LIMIT = 1024 * 1024


class Throttled(Exception):
    """The function's reserved concurrency is used up."""


@dataclass(frozen=True, slots=True)
class InvocationResult:
    """How an invocation ended. With `is_error` the payload is Lambda's error document."""

    payload: bytes
    is_error: bool
    milliseconds: float

    @property
    def error_kind(self) -> str:
        """Type of the error that `payload` describes."""
        return str(json.loads(self.payload).get("errorType"))

    @property
    def error_message(self) -> str | None:
        """The error's text, None when the function returned."""
        return str(json.loads(self.payload).get("errorMessage")) if self.is_error else None


class ExecutionEnvironment:
    """One process, with the Runtime API it talks to."""

    def __init__(self, spec: FunctionSpec, api: RuntimeApi, process: asyncio.subprocess.Process) -> None:
        self._spec = spec
        self._api = api
        self._process = process
        self._exited = asyncio.create_task(process.wait())
        self.idle_since = time.monotonic()
        self.payload = b""
        """The event it works on, or did last."""

    @property
    def is_alive(self) -> bool:
        """Whether it can take another event."""
        return self._process.returncode is None

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    async def wait_ready(self) -> None:
        """Wait until the handler is loaded. Raises InitFailed."""
        await self._first_of(self._api.ready, INIT_SECONDS)
        if self._api.ready.done():
            self._api.ready.result()
        elif self._exited.done():
            raise InitFailed(
                f"Runtime exited with status {self._process.returncode} while loading {self._spec.handler}"
            )
        else:
            raise InitFailed(f"{self._spec.handler} did not load within {INIT_SECONDS:.0f} s")

    async def invoke(self, payload: bytes) -> InvocationResult:
        """Run one event to its end, the process's end or the time-out, whichever comes first."""
        started = time.monotonic()
        self.payload = payload
        invocation = Invocation(
            request_id=str(uuid.uuid4()),
            function_arn=self._spec.arn,
            payload=payload,
            deadline_ms=int((time.time() + self._spec.timeout_seconds) * 1000),
            trace_id=f"Root=1-{int(time.time()):08x}-{secrets.token_hex(12)};Parent={secrets.token_hex(8)};Sampled=0",
        )
        answer = self._api.hand_over(invocation)
        try:
            await self._first_of(answer, self._spec.timeout_seconds)
        except asyncio.CancelledError:
            # Nobody waits for the answer any more, and the next event must not meet the work on this one.
            await self.kill()
            raise
        milliseconds = (time.monotonic() - started) * 1000
        self.idle_since = time.monotonic()
        if answer.done():
            return InvocationResult(answer.result().payload, answer.result().is_error, milliseconds)
        self._api.forget(invocation.request_id)
        if self._exited.done():
            kind, text = "Runtime.ExitError", f"Runtime exited with status {self._process.returncode}"
        else:
            kind, text = "Sandbox.Timedout", f"Task timed out after {self._spec.timeout_seconds:.2f} seconds"
            await self.kill()
        fault = _error_document(kind, f"RequestId: {invocation.request_id} Error: {text}")
        return InvocationResult(fault, is_error=True, milliseconds=milliseconds)

    async def kill(self) -> None:
        """End the process at once, as Lambda does, and what served it."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._exited
        await self._api.stop()

    async def _first_of(self, future: asyncio.Future[Any], seconds: float) -> None:
        """Wait for `future`, the process's end or `seconds`."""
        waited: set[asyncio.Future[Any]] = {future, self._exited}
        await asyncio.wait(waited, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)


class Function:
    """One function's pool of environments. It grows on demand up to the concurrency and idles out."""

    def __init__(
        self,
        spec: FunctionSpec,
        environment: Mapping[str, str],
        state: StateFolder,
        telemetry: Telemetry,
        *,
        concurrency: int | None = None,
    ) -> None:
        """`concurrency` limits further what the templates reserve."""
        self.spec = spec
        self._environment = environment
        self._state = state
        self._telemetry = telemetry
        reserved = UNRESERVED_CONCURRENCY if spec.reserved_concurrency is None else spec.reserved_concurrency
        self.concurrency = reserved if concurrency is None else min(reserved, concurrency)
        """How many events it works on at once."""
        self._slots = asyncio.Semaphore(self.concurrency)
        self._idle: list[ExecutionEnvironment] = []
        self._busy: set[ExecutionEnvironment] = set()
        self._all: set[ExecutionEnvironment] = set()
        self._readers: set[asyncio.Task[None]] = set()
        self._started = 0
        self._is_open = True
        self.on_work: Callable[[ExecutionEnvironment], None] = lambda _: None
        """Told of every environment that begins to work on an event."""

    async def invoke(self, payload: bytes) -> InvocationResult:
        """Run one event.

        Raises:
            Throttled: the reserved concurrency is in use.
        """
        if self.spec.reserved_concurrency is not None and self._slots.locked():
            raise Throttled(f"{self.spec.name}: all {self.spec.reserved_concurrency} environments are busy")
        async with self._slots:
            try:
                environment = await self._take()
            except InitFailed as error:
                self._report("Runtime.InitError", str(error))
                return InvocationResult(
                    _error_document("Runtime.InitError", str(error)), is_error=True, milliseconds=0.0
                )
            self._busy.add(environment)
            self.on_work(environment)
            try:
                result = await environment.invoke(payload)
                if result.is_error:
                    self._report(result.error_kind, result.error_message)
                return result
            finally:
                self._busy.discard(environment)
                await self._keep(environment)

    async def warm(self, count: int, at_once: asyncio.Semaphore | None = None) -> None:
        """Have `count` environments loaded and waiting, as provisioned concurrency does; `at_once` limits how many
        load at the same time. Raises InitFailed."""

        async def start_one() -> ExecutionEnvironment:
            async with at_once or contextlib.nullcontext():
                return await self._start("provisioned-concurrency")

        missing = count - len(self._idle) - len(self._busy)
        starts = await asyncio.gather(*(start_one() for _ in range(missing)), return_exceptions=True)
        self._idle.extend(start for start in starts if isinstance(start, ExecutionEnvironment))
        for start in starts:
            if isinstance(start, BaseException):
                raise start

    async def kill_busy(self, matches: Callable[[bytes], bool] = lambda _: True) -> int:
        """Kill every environment that is working on an event that `matches`; how many there were."""
        victims = [environment for environment in self._busy if matches(environment.payload)]
        await asyncio.gather(*(environment.kill() for environment in victims))
        return len(victims)

    def pids_at_work(self, matches: Callable[[bytes], bool]) -> list[int]:
        """The processes that are working on an event that `matches`."""
        return [environment.pid for environment in self._busy if matches(environment.payload)]

    async def retire_idle(self) -> None:
        """End all but one of the environments that have had nothing to do for long."""
        limit = time.monotonic() - IDLE_SECONDS
        old = [environment for environment in self._idle[1:] if environment.idle_since < limit]
        self._idle = [environment for environment in self._idle if environment not in old]
        await asyncio.gather(*(self._end(environment) for environment in old))

    async def stop(self) -> None:
        """End every environment, also those that are still loading."""
        self._is_open = False
        self._idle.clear()
        await asyncio.gather(*(environment.kill() for environment in tuple(self._all)))
        await asyncio.gather(*self._readers)

    async def _take(self) -> ExecutionEnvironment:
        while self._idle:
            environment = self._idle.pop()
            if environment.is_alive:
                return environment
            await self._end(environment)
        return await self._start()

    async def _keep(self, environment: ExecutionEnvironment) -> None:
        if environment.is_alive:
            self._idle.append(environment)
        else:
            await self._end(environment)

    async def _end(self, environment: ExecutionEnvironment) -> None:
        self._all.discard(environment)
        await environment.kill()

    async def _start(self, initialization: str = "on-demand") -> ExecutionEnvironment:
        if not self._is_open:
            raise InitFailed(f"{self.spec.name} is being stopped")
        api = RuntimeApi()
        address = await api.start()
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "awslambdaric",
            self.spec.handler,
            cwd=self.spec.source,
            env=self._variables(address, initialization),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            limit=_LINE_LIMIT,
            start_new_session=True,
        )
        self._state.note(process.pid, self.spec.name)
        reader = asyncio.create_task(self._follow(process))
        self._readers.add(reader)
        reader.add_done_callback(self._readers.discard)
        environment = ExecutionEnvironment(self.spec, api, process)
        self._all.add(environment)
        try:
            await environment.wait_ready()
        except BaseException:
            await self._end(environment)
            raise
        return environment

    async def _follow(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        while line := await process.stdout.readline():
            self._telemetry.record(self.spec.name, line)

    def _report(self, kind: str, message: str | None) -> None:
        if self._is_open:
            self._telemetry.record_fault(self.spec.name, kind, message or "")

    def _variables(self, runtime_api: str, initialization: str) -> dict[str, str]:
        self._started += 1
        spec = self.spec
        return {
            **base_environment(),
            **self._environment,
            **spec.environment,
            "AWS_EXECUTION_ENV": f"AWS_Lambda_python{sys.version_info.major}.{sys.version_info.minor}",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(spec.memory_mb),
            "AWS_LAMBDA_FUNCTION_NAME": spec.arn.rsplit(":", 1)[-1],
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_INITIALIZATION_TYPE": initialization,
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{spec.name}",
            "AWS_LAMBDA_LOG_STREAM_NAME": f"{spec.name}-{self._started}",
            "AWS_LAMBDA_RUNTIME_API": runtime_api,
            "LAMBDA_TASK_ROOT": str(spec.source),
            "PYTHONPATH": ":".join(str(layer) for layer in spec.layers),
            "_HANDLER": spec.handler,
        }


def _error_document(kind: str, message: str) -> bytes:
    return json.dumps({"errorType": kind, "errorMessage": message}).encode()
