"""Variables of one part of a running twin, left in its folder for whoever starts the same part by hand."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path


def write_environment(path: Path, variables: Mapping[str, str]) -> None:
    """One `NAME=value` a line, for the eyes of the owner alone. Raises ValueError for a value of several lines."""
    if torn := [name for name, value in variables.items() if "\n" in value]:
        raise ValueError(f"{', '.join(torn)}: a value of several lines cannot be left in {path.name}")
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as target:
        target.writelines(f"{name}={value}\n" for name, value in variables.items())


def read_environment(path: Path) -> dict[str, str]:
    """What was written. Raises FileNotFoundError where nothing runs."""
    return dict(line.split("=", 1) for line in path.read_text(encoding="utf-8").splitlines())
