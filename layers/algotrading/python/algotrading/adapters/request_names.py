"""What the request is called that is being answered: the door says it, and what leaves for a queue or for the audit
trail bears it.

It is a variable of the context and no parameter: no service decides anything by it, and none has to hand it on. Without
a request, as in workers and in the watcher, there is no name.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace

from pydantic import TypeAdapter, ValidationError

from algotrading.contracts.messages import OrderCommand, RequestName
from algotrading.domain.audit import AuditEntry

_FIT: TypeAdapter[str] = TypeAdapter(RequestName)


@dataclass(frozen=True, slots=True)
class _Names:
    own: str | None = None
    clients: str | None = None


_NONE = _Names()
_current: ContextVar[_Names] = ContextVar("request_names", default=_NONE)


@contextmanager
def answering(request_id: str, client_request_id: str | None = None) -> Iterator[None]:
    """While the block runs the request of this name is answered. `client_request_id`: what its client calls it."""
    token = _current.set(_Names(_fit(request_id), _fit(client_request_id)))
    try:
        yield
    finally:
        _current.reset(token)


def named_command(command: OrderCommand) -> OrderCommand:
    """The command with the names of the request that causes it, as it is where none does."""
    names = _current.get()
    if names == _NONE:
        return command
    return command.model_copy(update={"request_id": names.own, "client_request_id": names.clients})


def named_entry(entry: AuditEntry) -> AuditEntry:
    """The same for what goes on record."""
    own = _current.get().own
    return entry if own is None else replace(entry, request_id=own)


def _fit(name: str | None) -> str | None:
    """None for what a reader of commands would refuse: no stop is lost for the sake of a name."""
    try:
        return None if name is None else _FIT.validate_python(name)
    except ValidationError:
        return None
