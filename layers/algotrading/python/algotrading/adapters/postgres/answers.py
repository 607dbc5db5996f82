"""A connection to PostgreSQL that does not wait for ever for an answer. Imports psycopg: load it with the first use."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from psycopg import Connection
from psycopg.rows import Row

if TYPE_CHECKING:
    from psycopg.abc import PQGen

_Result = TypeVar("_Result")
_LOOK_SECONDS = 0.1
"""psycopg's own."""


class AnsweringConnection(Connection[Row]):
    """Everything that psycopg asks the server goes through `wait`, which has a time-out of its own (psycopg 3.3,
    `Connection.wait`) and is given none by those who call it."""

    answer_seconds: float | None = None

    def wait(self, gen: PQGen[_Result], interval: float = _LOOK_SECONDS, timeout: float | None = None) -> _Result:
        """Raises an OperationalError when the answer is not complete in time. The connection still owes it then, and is
        of no more use: psycopg refuses the ROLLBACK that follows at once."""
        return super().wait(gen, interval, self.answer_seconds if timeout is None else timeout)
