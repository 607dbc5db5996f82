"""Environment variables of an entry point, filled by walking its settings class."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic_core import PydanticUndefined

from algotrading.settings import Settings


class VariableMissing(Exception):
    """A settings class asks for a value that no stack provides."""


def variables_for(settings: type[Settings], values: Mapping[str, str]) -> dict[str, str]:
    """Every variable that `settings` reads: from `values`, else the class's own default.

    Raises:
        VariableMissing: a required field has no value.
    """
    return {name: _value(settings, name, values) for name in settings.environment_names()}


def _value(settings: type[Settings], name: str, values: Mapping[str, str]) -> str:
    if name in values:
        return values[name]
    default = settings.model_fields[name.lower()].default
    if default is PydanticUndefined:
        raise VariableMissing(f"{settings.__name__} needs {name}, and nothing provides it")
    if isinstance(default, tuple):
        return ",".join(map(str, default))
    return str(default).lower() if isinstance(default, bool) else str(default)
