"""An example for every answer of success: what the doors answered on one told day of one trader.

The tests tell that day anew, and compare: `make openapi` keeps what was answered in `answer_examples.json`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

FILE: Final = Path(__file__).with_suffix(".json")
"""By route ("GET /api/v1/account"), then by content type."""


def with_answer_examples(document: dict[str, Any]) -> dict[str, Any]:
    """The document with these examples: what is not in the file is shown without one."""
    kept: dict[str, dict[str, Any]] = json.loads(FILE.read_text(encoding="utf-8"))
    for key, content in contents_of_success(document):
        for kind, example in kept.get(key, {}).items():
            content[kind]["example"] = example
    return document


def contents_of_success(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The route's key and the content, by type, of each answer of success that has a body."""
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            for status, answer in operation["responses"].items():
                if status.startswith("2") and "content" in answer:
                    yield f"{method.upper()} {path}", answer["content"]
