"""The door for errands: one that fails comes again by itself, and holds nobody up."""

from __future__ import annotations

from algotrading.entrypoints.errands import serve_each


def records(*bodies: str) -> dict[str, list[dict[str, str]]]:
    return {"Records": [{"messageId": f"id of {body}", "body": body} for body in bodies]}


def test_what_fails_is_named_and_the_others_are_done() -> None:
    done: list[str] = []

    def handle(body: str) -> None:
        if body == "bad":
            raise RuntimeError("not now")
        done.append(body)

    answer = serve_each(records("one", "bad", "two"), handle)

    assert answer == {"batchItemFailures": [{"itemIdentifier": "id of bad"}]}
    assert done == ["one", "two"]
