"""No name is counted that nobody has thought about: it means trouble and wakes somebody, or it only informs."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from algotrading.domain.metrics import HEARTBEAT, INFORMATIVE, TROUBLES

ROOT = Path(__file__).parents[2]
SOURCES = sorted(
    path
    for folder in ("layers/algotrading/python", "lambdas", "fargate_listener")
    for path in (ROOT / folder).rglob("*.py")
)
_METER = {"count", "milliseconds", "distribution"}


class UnreadableName(Exception):
    """A metric whose name cannot be read from the source could not be looked for in the table."""


@dataclass(frozen=True, slots=True)
class Module:
    """One source file, and the tables of names at its top."""

    tree: ast.Module

    def names(self) -> Iterator[str]:
        """Every name that is counted here, or that an alarm is raised by."""
        for node in ast.walk(self.tree):
            match node:
                case ast.Call(ast.Attribute(of, method), [name, *_]) if method in _METER and _is_meter(of):
                    yield from self._read(name)
                case ast.Call(ast.Name("RaiseAlarm"), [name, *_]):
                    yield from self._read(name)
                case ast.Call(ast.Name("RaiseAlarm"), [], keywords):
                    yield from (name for each in keywords if each.arg == "metric" for name in self._read(each.value))

    def _read(self, node: ast.expr) -> list[str]:
        match node:
            case ast.Constant(str(name)):
                return [name]
            case ast.IfExp(_, this, that):
                return [*self._read(this), *self._read(that)]
            case ast.Subscript(ast.Name(table)):
                return list(self._tables()[table].values())
            case ast.Attribute(_, "metric") | ast.Name("metric"):
                return []  # of a RaiseAlarm, which is read where it is made
        raise UnreadableName(ast.unparse(node))

    def _tables(self) -> dict[str, dict[str, str]]:
        return {
            target.id: ast.literal_eval(each.value)
            for each in self.tree.body
            if isinstance(each, ast.Assign) and isinstance(each.value, ast.Dict)
            for target in each.targets
            if isinstance(target, ast.Name)
        }


def _is_meter(node: ast.expr) -> bool:
    """`meter`, `self._meter`, `self.desk.meter`."""
    name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
    return name.lstrip("_") == "meter"


def _names_in(source: str) -> list[str]:
    return list(Module(ast.parse(source)).names())


def _counted() -> set[str]:
    return {name for path in SOURCES for name in _names_in(path.read_text(encoding="utf-8"))}


def test_every_counted_name_means_trouble_or_informs() -> None:
    assert _counted() - set(TROUBLES) - INFORMATIVE == set()


def test_nobody_waits_for_an_alarm_that_nothing_raises() -> None:
    assert (set(TROUBLES) | INFORMATIVE) - _counted() == set()


def test_no_name_does_both() -> None:
    assert set(TROUBLES) & INFORMATIVE == set()


def test_every_trouble_says_what_it_means_and_fits_into_an_alarm() -> None:
    assert all(20 <= len(text) <= 1024 and text.isascii() and text.endswith(".") for text in TROUBLES.values())


def test_names_are_read_in_all_the_ways_they_are_written() -> None:
    assert _names_in('self.desk.meter.count("A")') == ["A"]
    assert _names_in('meter.milliseconds("B", 1.0)') == ["B"]
    assert _names_in('self._meter.count("C" if down else "D")') == ["C", "D"]
    assert _names_in('NAMES = {"ticks": "E"}\nself._meter.count(NAMES[field])') == ["E"]
    assert _names_in('RaiseAlarm("F", text)') == ["F"]
    assert _names_in('RaiseAlarm(metric="G", text=text)') == ["G"]
    assert _names_in('(8, 9).count(8), rows.count("H")') == []


def test_a_name_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(UnreadableName, match="prefix"):
        _names_in("meter.count(prefix + name)")


def test_the_watchers_heartbeat_is_counted() -> None:
    assert HEARTBEAT in _counted()
