"""Which messages of a batch stay in the queue after an invocation."""

from __future__ import annotations

import json
from typing import Any

import pytest

from twin.event_sources import failed_items
from twin.lambda_runtime import InvocationResult

BATCH = ("a", "b")


@pytest.mark.parametrize(
    ("answer", "failed"),
    [
        pytest.param(None, set(), id="no answer is success"),
        pytest.param({"batchItemFailures": []}, set(), id="no failures"),
        pytest.param({"batchItemFailures": [{"itemIdentifier": "b"}]}, {"b"}, id="one failure"),
        pytest.param({"batchItemFailures": [{"itemIdentifier": ""}]}, {"a", "b"}, id="an empty identifier"),
        pytest.param({"batchItemFailures": [{"id": "b"}]}, {"a", "b"}, id="a wrong key"),
        pytest.param({"batchItemFailures": [{"itemIdentifier": "z"}]}, {"a", "b"}, id="a stranger"),
        pytest.param({"batchItemFailures": "b"}, {"a", "b"}, id="no list"),
    ],
)
def test_reported_failures_stay(answer: Any, failed: set[str]) -> None:
    result = InvocationResult(json.dumps(answer).encode(), is_error=False, milliseconds=1.0)

    assert failed_items(result, BATCH, reports=True) == failed


def test_an_error_keeps_everything() -> None:
    result = InvocationResult(b'{"errorMessage": "x"}', is_error=True, milliseconds=1.0)

    assert failed_items(result, BATCH, reports=True) == set(BATCH)


def test_without_reporting_an_answer_is_success_whatever_it_says() -> None:
    result = InvocationResult(b'{"batchItemFailures": [{"itemIdentifier": "a"}]}', is_error=False, milliseconds=1.0)

    assert failed_items(result, BATCH, reports=False) == frozenset()
