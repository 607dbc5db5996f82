"""Options of the command, and a clear word about wrong ones."""

from __future__ import annotations

import pytest

from twin.chaos.__main__ import MOST_STRATEGIES, _parser


def test_the_session_of_a_hundred_strategies_is_what_is_played() -> None:
    chosen = _parser().parse_args([])
    assert (chosen.strategies, chosen.rounds, chosen.no_faults) == (100, 1, False)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--seed", "x"], "'x' is no whole number"),
        (["--seed", "-1"], "-1 is not between 0 and"),
        (["--strategies", "0"], f"0 is not between 1 and {MOST_STRATEGIES}"),
        (["--strategies", str(MOST_STRATEGIES + 1)], f"is not between 1 and {MOST_STRATEGIES}"),
        (["--rounds", "1.5"], "'1.5' is no whole number"),
    ],
)
def test_a_bad_value_is_refused_by_name(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        _parser().parse_args(arguments)

    assert ended.value.code == 2
    assert said in capsys.readouterr().err
