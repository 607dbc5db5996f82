"""A function under AWS's own runtime client, with the limits a test asks for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from twin.lambda_runtime import Function
from twin.processes import StateFolder
from twin.telemetry import Telemetry
from twin.wiring import AsyncPolicy, FunctionSpec

FUNCTIONS = Path(__file__).parent / "functions"

StartFunction = Callable[..., Function]


@pytest.fixture
def state(tmp_path: Path) -> StateFolder:
    folder = StateFolder(tmp_path)
    folder.logs.mkdir()
    return folder


@pytest.fixture
def faults() -> list[tuple[str, str]]:
    """Failed invocations, as function and kind of error."""
    return []


@pytest.fixture
def telemetry(state: StateFolder, faults: list[tuple[str, str]]) -> Telemetry:
    return Telemetry(state.logs, lambda function, kind, _log: faults.append((function, kind)))


@pytest.fixture
async def start_function(state: StateFolder, telemetry: Telemetry) -> AsyncIterator[StartFunction]:
    started: list[Function] = []

    def start(
        *,
        timeout_seconds: float = 20.0,
        reserved: int | None = None,
        limit: int | None = None,
        handler: str | None = None,
    ) -> Function:
        spec = FunctionSpec(
            name="everything",
            path="Stack/Everything",
            arn="arn:aws:lambda:ap-south-1:000000000000:function:everything",
            handler=handler or "handler.lambda_handler",
            source=FUNCTIONS / "everything",
            layers=(),
            timeout_seconds=timeout_seconds,
            memory_mb=512,
            environment={"MARK": "from the template"},
            reserved_concurrency=reserved,
            on_async_failure=AsyncPolicy(),
        )
        function = Function(spec, {}, state, telemetry, concurrency=limit)
        started.append(function)
        return function

    yield start
    for function in started:
        await function.stop()
