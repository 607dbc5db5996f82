"""What would only show at the first invocation, checked before anything is invoked."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from algotrading.settings import ListenerSettings, Settings, SettingsInvalid
from cdk.functions import FUNCTIONS
from twin.cloudformation import TemplateFault
from twin.wiring import FunctionSpec, Wiring


def check_wiring(wiring: Wiring) -> None:
    """Raises TemplateFault with every handler that does not exist and every setting that is missing or wrong."""
    faults = [fault for spec in wiring.functions.values() for fault in _function_faults(spec)]
    faults += _settings_faults("the watcher", ListenerSettings, dict(wiring.watcher_environment))
    unserved = sorted(set(FUNCTIONS) - set(wiring.functions))
    faults += [f"the templates have no function {name}" for name in unserved]
    if faults:
        raise TemplateFault("the product is not wired as it must be:\n  " + "\n  ".join(faults))


def _function_faults(spec: FunctionSpec) -> Iterator[str]:
    module, _, function = spec.handler.rpartition(".")
    file = spec.source / f"{module}.py"
    if not file.is_file():
        yield f"{spec.path}: the handler {spec.handler} has no file {file}"
    elif function not in _functions_of(file.read_text()):
        yield f"{spec.path}: {file} has no function {function}"
    if spec.name in FUNCTIONS:
        yield from _settings_faults(spec.path, FUNCTIONS[spec.name].settings, dict(spec.environment))
    else:
        yield f"{spec.path}: there is no function {spec.name} in the table of functions"


def _settings_faults(path: str, settings: type[Settings], environment: dict[str, str]) -> list[str]:
    try:
        settings.load(environment)
    except SettingsInvalid as error:
        return [f"{path}: {error}"]
    return []


def _functions_of(source: str) -> set[str]:
    return {node.name for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)} | {
        target.id
        for node in ast.parse(source).body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
