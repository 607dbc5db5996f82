"""Functions run under AWS's own runtime client and end as they would in Lambda."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from twin.lambda_runtime import Throttled

if TYPE_CHECKING:
    from tests.integration.twin.conftest import StartFunction
    from twin.lambda_runtime import Function
    from twin.processes import StateFolder
    from twin.telemetry import Telemetry


async def invoke(function: Function, **event: Any) -> dict[str, Any]:
    result = await function.invoke(json.dumps(event).encode())
    document: dict[str, Any] = json.loads(result.payload)
    assert result.is_error == ("errorType" in document)
    return document


async def test_a_function_answers_with_the_context_and_environment_lambda_gives_it(
    start_function: StartFunction,
) -> None:
    function = start_function(timeout_seconds=20)

    answer = await invoke(function, greeting="नमस्ते")

    assert answer["echo"] == {"greeting": "नमस्ते"}
    assert answer["variable"] == "from the template"
    assert answer["memory"] == "512"
    assert 0 < answer["remaining_ms"] <= 20_000
    assert answer["request_id"]


async def test_an_environment_is_used_again(start_function: StartFunction) -> None:
    function = start_function()

    first = await invoke(function)
    second = await invoke(function)

    assert first["pid"] == second["pid"]


async def test_a_raised_error_is_reported_and_the_environment_lives_on(start_function: StartFunction) -> None:
    function = start_function()
    before = await invoke(function)

    failed = await invoke(function, **{"raise": "no such symbol"})
    after = await invoke(function)

    assert (failed["errorType"], failed["errorMessage"]) == ("ValueError", "no such symbol")
    assert after["pid"] == before["pid"]


async def test_a_function_that_outlives_its_time_out_is_killed_and_replaced(start_function: StartFunction) -> None:
    function = start_function(timeout_seconds=1.0)
    before = await invoke(function)

    late = await invoke(function, sleep=30)
    after = await invoke(function)

    assert late["errorMessage"].endswith("Task timed out after 1.00 seconds")
    assert not psutil.pid_exists(before["pid"])
    assert after["pid"] != before["pid"]


async def test_a_crash_is_an_error_and_the_next_event_meets_a_fresh_environment(start_function: StartFunction) -> None:
    function = start_function()
    before = await invoke(function)

    crashed = await invoke(function, exit=3)
    after = await invoke(function)

    assert crashed["errorType"] == "Runtime.ExitError"
    assert crashed["errorMessage"].endswith("Runtime exited with status 3")
    assert after["pid"] != before["pid"]


async def test_a_handler_that_cannot_be_loaded_fails_every_event(start_function: StartFunction) -> None:
    function = start_function(handler="handler.no_such_name")

    answer = await invoke(function)

    assert answer["errorType"] == "Runtime.InitError"
    assert "no_such_name" in answer["errorMessage"]


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        ({"raise": "no such symbol"}, "ValueError"),
        ({"exit": 3}, "Runtime.ExitError"),
        ({"sleep": 30}, "Sandbox.Timedout"),
    ],
)
async def test_whoever_watches_the_product_hears_of_every_failure(
    start_function: StartFunction,
    state: StateFolder,
    faults: list[tuple[str, str]],
    event: dict[str, Any],
    kind: str,
) -> None:
    function = start_function(timeout_seconds=2.0)

    await invoke(function, **event)

    assert faults == [("everything", kind)]
    assert kind in (state.logs / "everything.log").read_text()


async def test_a_function_that_cannot_be_loaded_is_heard_of(
    start_function: StartFunction, faults: list[tuple[str, str]]
) -> None:
    await invoke(start_function(handler="handler.no_such_name"))

    assert faults == [("everything", "Runtime.InitError")]


async def test_environments_that_load_one_at_a_time_are_all_warm(start_function: StartFunction) -> None:
    function = start_function()

    await function.warm(2, asyncio.Semaphore(1))

    answers = await asyncio.gather(invoke(function, sleep=0.2), invoke(function, sleep=0.2))
    assert len({answer["pid"] for answer in answers}) == 2


async def test_events_at_the_same_time_run_in_processes_of_their_own(start_function: StartFunction) -> None:
    function = start_function()

    answers = await asyncio.gather(*(invoke(function, sleep=0.5) for _ in range(3)))

    assert len({answer["pid"] for answer in answers}) == 3


async def test_no_more_than_the_reserved_concurrency_runs(start_function: StartFunction) -> None:
    function = start_function(reserved=1)
    await function.warm(1)
    running = asyncio.create_task(invoke(function, sleep=0.5))
    await asyncio.sleep(0)

    with pytest.raises(Throttled):
        await invoke(function)

    assert "pid" in await running


async def test_a_killed_environment_fails_its_event(start_function: StartFunction) -> None:
    function = start_function()
    await function.warm(1)
    running = asyncio.create_task(invoke(function, sleep=30))
    await asyncio.sleep(0.1)

    killed = await function.kill_busy()

    assert killed == 1
    assert (await running)["errorType"] == "Runtime.ExitError"


async def test_whoever_works_on_one_thing_is_found_and_killed_and_nobody_else(start_function: StartFunction) -> None:
    function = start_function()
    await function.warm(2)
    begun: list[int] = []
    function.on_work = lambda environment: begun.append(environment.pid)
    doomed = asyncio.create_task(invoke(function, sleep=30, say="this"))
    spared = asyncio.create_task(invoke(function, sleep=0.5, say="that"))
    await asyncio.sleep(0.1)

    assert len(begun) == 2
    assert function.pids_at_work(lambda payload: b"that" in payload) == [begun[1]]
    assert await function.kill_busy(lambda payload: b"this" in payload) == 1

    assert (await doomed)["errorType"] == "Runtime.ExitError"
    assert (await spared)["pid"] == begun[1]


@pytest.mark.parametrize(("limit", "at_once"), [(None, 5), (2, 2), (9, 5)])
async def test_a_limit_of_the_machine_only_lowers_what_the_templates_reserve(
    start_function: StartFunction, limit: int | None, at_once: int
) -> None:
    assert start_function(reserved=5, limit=limit).concurrency == at_once


async def test_output_reaches_the_log_and_its_metrics_the_counters(
    start_function: StartFunction, state: StateFolder, telemetry: Telemetry
) -> None:
    metric = {
        "_aws": {"CloudWatchMetrics": [{"Namespace": "n", "Metrics": [{"Name": "OrdersSent"}]}]},
        "OrdersSent": [2.0, 1.0],
    }
    function = start_function()

    await invoke(function, say=json.dumps(metric))
    await function.stop()

    assert telemetry.totals() == {"OrdersSent": 3.0}
    assert "OrdersSent" in (state.logs / "everything.log").read_text()
