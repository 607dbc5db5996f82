"""`make tell WHAT=summary` or `WHAT=readiness`: the running product tells its traders now what it tells them at 16:00
and at 08:45 (docs/notifications.md)."""

from __future__ import annotations

import sys
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from twin.by_hand import RUN, ask_function, not_asked, nothing_runs

EVENTS: Final = MappingProxyType[str, dict[str, Any]]({"summary": {}, "readiness": {"tell": "readiness"}})
"""By what is to be told, what its schedule says to the function (cdk/stacks/messages.py)."""


def main(arguments: list[str], run: Path = RUN) -> int:
    """The exit code: 0 told, 2 nobody was asked."""
    what = arguments[0] if arguments else ""
    if what not in EVENTS:
        return not_asked("say what is to be told: make tell WHAT=summary (of the day) or WHAT=readiness (of 08:45)")
    try:
        told = ask_function("summary", EVENTS[what], run)["told"]
    except FileNotFoundError:
        return nothing_runs()
    sys.stdout.write(
        f"{told} told: at once in the inbox, within the minute in the mailbox. Nobody is told the same twice a day\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
