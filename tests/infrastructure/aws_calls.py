"""Which AWS actions the code asks for, read from its source: the classes that hold a client, and who builds them."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path

from cdk.paths import LAMBDAS, LIBRARY_LAYER, ROOT

_LIBRARY = LIBRARY_LAYER / "python" / "algotrading"
LISTENER = ROOT / "fargate_listener"
_NO_CALLS = {"exceptions", "get_paginator"}
_ACTIONS = {
    # Calls that are allowed under the name of another (Service Authorization Reference).
    "sqs:SendMessageBatch": ("sqs:SendMessage",),
    "s3:ListObjectsV2": ("s3:ListBucket",),
    "sesv2:SendEmail": ("ses:SendEmail",),
    # A schedule is created with a role for the service to act in.
    "scheduler:CreateSchedule": ("scheduler:CreateSchedule", "iam:PassRole"),
    "scheduler:UpdateSchedule": ("scheduler:UpdateSchedule", "iam:PassRole"),
}


@cache
def calling_classes() -> Mapping[str, frozenset[str]]:
    """The actions of every class that calls AWS, by the class's name."""
    sources = [*sorted((_LIBRARY / "adapters").rglob("*.py")), *sorted(LISTENER.glob("*.py"))]
    return {
        each.name: actions
        for tree in map(_parsed, sources)
        for service in _services(tree)
        for each in tree.body
        if isinstance(each, ast.ClassDef) and (actions := frozenset(_actions(each, service)))
    } | dict(signed for tree in map(_parsed, sources) for signed in _makes_tokens(tree))


def _makes_tokens(tree: ast.Module) -> Iterator[tuple[str, frozenset[str]]]:
    """Classes that sign tokens by themselves: for a service, with nobody asked (`SigV4QueryAuth(_, "rds-db", ...)`)."""
    for each in tree.body:
        for call in ast.walk(each):
            match each, call:
                case (
                    ast.ClassDef(name=name),
                    ast.Call(ast.Name("SigV4QueryAuth"), [_, ast.Constant(str(service)), *_]),
                ):
                    yield name, frozenset({f"{service}:connect"})


def modules_with_clients() -> set[str]:
    """Every file below the functions, the library and the watcher that names a client of AWS."""
    folders = (_LIBRARY, LAMBDAS, LISTENER)
    return {
        str(path.relative_to(ROOT if ROOT / "layers" not in path.parents else _LIBRARY))
        for folder in folders
        for path in folder.rglob("*.py")
        if any(name.split(".")[0].startswith(("boto3", "mypy_boto3_")) for name in _imported(_parsed(path)))
    }


def actions_of_function(name: str) -> frozenset[str]:
    """What `lambdas/<name>` may ask AWS for, by everything its builder builds."""
    handler = _parsed(LAMBDAS / name / "handler.py")
    builders = [each.id for each in ast.walk(handler) if isinstance(each, ast.Name) and each.id.startswith("build_")]
    return _actions_of(_names_within(builders, _builders()))


def actions_of_listener() -> frozenset[str]:
    """What the watcher may ask AWS for."""
    return _actions_of(_names(_parsed(LISTENER / "connections.py")))


def _actions_of(names: Iterable[str]) -> frozenset[str]:
    known = calling_classes()
    return frozenset(action for name in names for action in known.get(name, ()))


def _names_within(names: Iterable[str], functions: Mapping[str, ast.FunctionDef]) -> set[str]:
    """`names` and every name in the functions among them, and so on."""
    seen: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += _names(functions[name]) if name in functions else ()
    return seen


@cache
def _builders() -> dict[str, ast.FunctionDef]:
    trees = map(_parsed, sorted((_LIBRARY / "bootstrap").glob("*.py")))
    return {each.name: each for tree in trees for each in tree.body if isinstance(each, ast.FunctionDef)}


def _names(tree: ast.AST) -> set[str]:
    nodes = list(ast.walk(tree))
    return {each.id for each in nodes if isinstance(each, ast.Name)} | {
        each.attr for each in nodes if isinstance(each, ast.Attribute)
    }


def _actions(tree: ast.AST, service: str) -> Iterator[str]:
    for call in _client_calls(tree):
        action = f"{service}:{''.join(word.capitalize() for word in call.split('_'))}"
        yield from _ACTIONS.get(action, (action,))


def _client_calls(tree: ast.AST) -> Iterator[str]:
    """`self._client.publish(...)`, `self._make_client().publish(...)`, `get_paginator("publish")`."""
    for each in ast.walk(tree):
        match each:
            case ast.Attribute(ast.Attribute(ast.Name("self"), "_client"), call) if call not in _NO_CALLS:
                yield call
            case ast.Attribute(ast.Call(ast.Attribute(_, "_make_client")), call) if call not in _NO_CALLS:
                yield call
            case ast.Call(ast.Attribute(_, "get_paginator"), [ast.Constant(str(call))]):
                yield call


def _services(tree: ast.Module) -> set[str]:
    """`sqs` of `from mypy_boto3_sqs import SQSClient`."""
    modules = {name.split(".")[0] for name in _imported(tree)}
    return {name.removeprefix("mypy_boto3_") for name in modules if name.startswith("mypy_boto3_")}


def _imported(tree: ast.Module) -> Iterator[str]:
    for each in ast.walk(tree):
        match each:
            case ast.Import(names):
                yield from (name.name for name in names)
            case ast.ImportFrom(str(module)):
                yield module


@cache
def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))
