"""With two watchers: what they guard together, and that they are not both killed at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast
from uuid import UUID

from twin.chaos.evidence import Sight
from twin.chaos.observer import seen_by_any
from twin.watcher import Watchers

ONE, OTHER = UUID(int=1), UUID(int=2)


def test_what_one_guards_is_guarded_though_the_other_does_not_answer() -> None:
    assert seen_by_any(7, [Sight(7, None), Sight(7, frozenset({ONE}))]) == Sight(7, frozenset({ONE}))


def test_a_watcher_that_would_not_see_guards_nothing_while_another_sees() -> None:
    blind, seeing = Sight(7, frozenset({ONE, OTHER}), ("no price feed",)), Sight(7, frozenset({ONE}))

    assert seen_by_any(7, [blind, seeing]) == Sight(7, frozenset({ONE}))


def test_when_none_sees_their_troubles_are_told() -> None:
    blind = Sight(7, frozenset({ONE}), ("no price feed",))

    assert seen_by_any(7, [blind, Sight(7, None)]) == blind
    assert seen_by_any(7, [Sight(7, None), Sight(7, None)]).guarded is None


@dataclass
class Process:
    """A watcher's process, as far as it can be killed."""

    is_running: bool = True
    kills: list[int] = field(default_factory=list)

    def kill(self) -> bool:
        self.kills.append(1)
        self.is_running = False
        return True


def test_they_are_killed_in_turn_and_one_at_a_time() -> None:
    one, other = Process(), Process()
    watchers = Watchers(cast("Any", [one, other]))

    assert watchers.kill_one()
    assert not watchers.kill_one()  # the first is still being replaced
    one.is_running = True
    assert watchers.kill_one()

    assert (len(one.kills), len(other.kills)) == (1, 1)


def test_a_single_one_is_killed_every_time() -> None:
    one = Process()
    watchers = Watchers(cast("Any", [one]))

    assert watchers.kill_one()
    one.is_running = True
    assert watchers.kill_one()
