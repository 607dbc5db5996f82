"""`make tell`: what is said where nobody can be asked. What answers is the handler, tested as such."""

from __future__ import annotations

from pathlib import Path

import pytest

from twin import tell_traders
from twin.by_hand import NOT_ASKED


@pytest.mark.parametrize("said", [[], [""], ["everything"]])
def test_what_is_not_told_is_shown_how(said: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert tell_traders.main(said, tmp_path) == NOT_ASKED
    assert "make tell WHAT=summary" in capsys.readouterr().err


@pytest.mark.parametrize("what", ["summary", "readiness"])
def test_where_nothing_runs_it_is_said_how_to_start(
    what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tell_traders.main([what], tmp_path) == NOT_ASKED
    assert "make run" in capsys.readouterr().err
