"""The quick question before anything is built: is there such an environment?"""

from __future__ import annotations

import pytest

from cdk.environments import ENVIRONMENTS
from cdk.synth import main


@pytest.mark.parametrize("stage", sorted(ENVIRONMENTS))
def test_an_environment_of_the_table_passes_without_a_word(stage: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check-env", "--env", stage]) == 0

    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("arguments", [["--check-env"], []])
def test_an_unknown_environment_is_answered_with_one_line(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*arguments, "--env", "qa"]) == 2

    assert capsys.readouterr() == ("", "no environment 'qa': choose one of dev, staging, prod\n")
