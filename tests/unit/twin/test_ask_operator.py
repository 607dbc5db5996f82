"""`make operator`: what is said where nobody can be asked. What answers is the operator's handler, tested as such."""

from __future__ import annotations

from pathlib import Path

import pytest

from twin import ask_operator
from twin.by_hand import NOT_ASKED


@pytest.mark.parametrize("said", [[], [""], ["status"], ["{'action': 'status'}"]])
def test_what_is_no_json_is_shown_how(said: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask_operator.main(said, tmp_path) == NOT_ASKED
    assert """make operator ASK='{"action": "status"}'""" in capsys.readouterr().err


def test_where_nothing_runs_it_is_said_how_to_start(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask_operator.main(['{"action": "status"}'], tmp_path) == NOT_ASKED
    assert "make run" in capsys.readouterr().err
