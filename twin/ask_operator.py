"""`make operator ASK='{"action": "status"}'`: the operator's function of the running product, asked as `aws lambda
invoke` asks it of a deployment (docs/operations.md)."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from twin.environment_file import read_environment

OPERATOR_ENVIRONMENT = "operator.env"
"""In the folder of a run: the variables that its operator's function has."""
REFUSED = 1
NOT_ASKED = 2
_ROOT = Path(__file__).resolve().parent.parent
_HANDLER = _ROOT / "lambdas" / "operator" / "handler.py"


def main(arguments: list[str], run: Path = _ROOT / "build" / "twin") -> int:
    """The exit code: 0 done, 1 refused with the answer's `error`, 2 nobody was asked."""
    try:
        question = json.loads(arguments[0] if arguments else "")
    except ValueError as fault:
        return _not_asked(f"""ASK is no JSON ({fault}); for example: make operator ASK='{{"action": "status"}}'""")
    try:
        variables = read_environment(run / OPERATOR_ENVIRONMENT)
    except FileNotFoundError:
        return _not_asked("nothing runs here: start it with make run, and ask from another terminal")
    answer = _ask(question, variables)
    sys.stdout.write(f"{json.dumps(answer, indent=2)}\n")
    return REFUSED if "error" in answer else 0


def _ask(question: Any, variables: Mapping[str, str]) -> Mapping[str, Any]:
    """By the very handler, in this process: it reads its settings as it is imported."""
    os.environ.update(variables)
    spec = importlib.util.spec_from_file_location("operator_handler", _HANDLER)
    assert spec is not None
    assert spec.loader is not None
    handler = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(handler)
    answer: Mapping[str, Any] = handler.lambda_handler(question, None)
    return answer


def _not_asked(why: str) -> int:
    sys.stderr.write(f"{why}\n")
    return NOT_ASKED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
