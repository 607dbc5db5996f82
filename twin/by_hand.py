"""A function of the running product, asked from another terminal as `aws lambda invoke` asks it of a deployment."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from twin.environment_file import read_environment

ROOT = Path(__file__).resolve().parent.parent
RUN = ROOT / "build" / "twin"
"""The folder of a run."""
NOT_ASKED = 2
"""The exit code where nobody was asked."""


def environment_name(function: str) -> str:
    """The file, in the folder of a run, with the variables that the function has."""
    return f"{function}.env"


def ask_function(function: str, question: Any, run: Path) -> Mapping[str, Any]:
    """What the very handler answers, in this process: it reads its settings as it is imported.

    Raises:
        FileNotFoundError: nothing runs here.
    """
    os.environ.update(read_environment(run / environment_name(function)))
    spec = importlib.util.spec_from_file_location(f"{function}_handler", ROOT / "lambdas" / function / "handler.py")
    assert spec is not None
    assert spec.loader is not None
    handler = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(handler)
    answer: Mapping[str, Any] = handler.lambda_handler(question, None)
    return answer


def not_asked(why: str) -> int:
    """Say why nobody was asked."""
    sys.stderr.write(f"{why}\n")
    return NOT_ASKED


def nothing_runs() -> int:
    """Say that there is nobody to ask."""
    return not_asked("nothing runs here: start it with make run, and ask from another terminal")
