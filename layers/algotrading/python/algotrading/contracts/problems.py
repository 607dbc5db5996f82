"""What a validation library found wrong, in words a person can act on."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from algotrading.domain.errors import FieldProblem

_WORDS = {
    "missing": "is required",
    "extra_forbidden": "is not a known field",
    "string_type": "must be text",
    "string_unicode": "must be valid Unicode text",
    "string_too_short": "is too short: at least {min_length} characters",
    "string_too_long": "is too long: at most {max_length} characters",
    "string_pattern_mismatch": "contains characters that are not allowed",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_parsing_size": "is too large a number",
    "greater_than": "must be greater than {gt}",
    "greater_than_equal": "must be {ge} or more",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be {le} or less",
    "decimal_max_places": "must have at most {decimal_places} decimal places",
    "decimal_max_digits": "must have at most {max_digits} digits",
    "finite_number": "must be a finite number",
    "literal_error": "must be {expected}",
    "enum": "must be {expected}",
    "model_type": "must be a JSON object",
    "model_attributes_type": "must be a JSON object",
    "dict_type": "must be a JSON object",
    "list_type": "must be a list",
    "too_long": "has too many entries: at most {max_length}",
    "too_short": "has too few entries: at least {min_length}",
}
"""With what pydantic names in an error's context: the limit, never what was sent."""
_ONE = re.compile(r"(\b1 (?:character|decimal place|digit))s\b")
"""What is said of one only."""
_MOST = 20
"""Problems that are listed; a body of a thousand unknown fields needs no thousand answers."""
_LONGEST_NAME = 60


def field_problems(errors: Iterable[Mapping[str, Any]]) -> tuple[FieldProblem, ...]:
    """Each of pydantic's `errors` as a field and its problem. What was sent is never repeated."""
    problems = (FieldProblem(_field(error["loc"]), _problem(error)) for error in errors)
    return tuple(dict.fromkeys(problems))[:_MOST]


def _field(location: Sequence[Any]) -> str:
    """`location` begins with the part of the request, when the router has made it."""
    names = location[1:] if len(location) > 1 and location[0] in {"body", "query", "path"} else location
    return ".".join(str(name) for name in names)[:_LONGEST_NAME] or "body"


def _problem(error: Mapping[str, Any]) -> str:
    words = _WORDS.get(error["type"])
    if words is None:
        return _sentence(str(error["msg"]))
    return _ONE.sub(r"\1", words.format_map(error.get("ctx", {})))


def _sentence(message: str) -> str:
    text = message.removeprefix("Input ").removeprefix("Value error, ")
    return text[:1].lower() + text[1:]
