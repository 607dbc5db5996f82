"""`make operator ASK='{"action": "status"}'`: the operator's function of the running product (docs/operations.md)."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from twin.by_hand import RUN, ask_function, not_asked, nothing_runs

REFUSED = 1


def main(arguments: list[str], run: Path = RUN) -> int:
    """The exit code: 0 done, 1 refused with the answer's `error`, 2 nobody was asked."""
    try:
        question = json.loads(arguments[0] if arguments else "")
    except ValueError as fault:
        return not_asked(f"""ASK is no JSON ({fault}); for example: make operator ASK='{{"action": "status"}}'""")
    try:
        answer = ask_function("operator", question, run)
    except FileNotFoundError:
        return nothing_runs()
    sys.stdout.write(f"{json.dumps(answer, indent=2)}\n")
    return REFUSED if "error" in answer else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
