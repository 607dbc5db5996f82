"""What a migration has to work out of older rows, and SQL would only repeat the domain for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from algotrading.adapters.postgres.risk_check import read_json, read_risk_cycle
from algotrading.domain.risk import booked_of

if TYPE_CHECKING:
    from psycopg import Connection

_AT_ONCE = 1000


def book_results(connection: Connection[Any]) -> None:
    """Keep with each cycle of before 0003 what it has brought and cost, as `PostgresLedger.save` does since: loss
    limits and results are sums of that."""
    with connection.cursor(name="cycles") as cycles, connection.cursor() as cursor:
        cycles.execute(
            "select risk_cycle(c)::text from cycles c where exists (select from order_intents i"
            " where i.strategy_id = c.strategy_id and i.trading_day = c.trading_day and i.filled > 0)"
        )
        while rows := cycles.fetchmany(_AT_ONCE):
            found = [read_risk_cycle(read_json(text)) for (text,) in rows]
            cursor.executemany(
                "update cycles set realised = %s, charges = %s where strategy_id = %s and trading_day = %s",
                [
                    (booked.realised, booked.charges, cycle.strategy_id, cycle.trading_day)
                    for cycle, booked in ((cycle, booked_of(cycle)) for cycle in found)
                ],
            )


AFTER: Final[Mapping[str, Callable[[Connection[Any]], None]]] = MappingProxyType({"0003_risk.sql": book_results})
"""What belongs to a migration's transaction after its text, by its name."""
