"""ports.Instruments on PostgreSQL."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from operator import attrgetter

from algotrading.adapters.postgres.database import Database
from algotrading.domain.instruments import Instrument

_COLUMNS = (
    "exchange, tradingsymbol, instrument_token, name, segment, instrument_type, tick_size, lot_size, has_derivatives"
)
_values_of = attrgetter(*_COLUMNS.split(", "))
# The exact symbol, then symbols that start with the text, then names, then anything that contains it;
# among equals cash equity first, then the shorter symbol.
_BEST_FIRST = """
    order by case
            when tradingsymbol = %(text)s then 0
            when tradingsymbol like %(prefix)s then 1
            when upper(name) like %(prefix)s then 2
            else 3
        end,
        instrument_type <> 'EQ', length(tradingsymbol), tradingsymbol, exchange
    limit %(limit)s
"""
_STARTING = f"""
    select {_COLUMNS} from instruments
    where tradingsymbol like %(prefix)s or upper(name) like %(prefix)s {_BEST_FIRST}
"""  # noqa: S608 - constants only
_CONTAINING = f"""
    select {_COLUMNS} from instruments
    where tradingsymbol like %(anywhere)s or upper(name) like %(anywhere)s {_BEST_FIRST}
"""  # noqa: S608 - constants only
_REPLACE_SECONDS = 120.0
"""A full dump of all exchanges has more than 100,000 lines."""


class PostgresInstruments:
    """The broker's daily instrument dump."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, exchange: str, symbol: str) -> Instrument | None:
        """See ports.Instruments."""
        with self._database.system() as session:
            row = session.execute(
                f"select {_COLUMNS} from instruments where exchange = %s and tradingsymbol = %s",  # noqa: S608 - constants
                (exchange, symbol),
            ).fetchone()
        return Instrument(**row) if row else None

    def tokens_of(self, names: Collection[tuple[str, str]]) -> Mapping[tuple[str, str], int]:
        """See ports.Instruments."""
        if not names:
            return {}
        exchanges, symbols = (list(each) for each in zip(*names, strict=True))
        with self._database.system() as session:
            rows = session.execute(
                """
                select exchange, tradingsymbol, instrument_token from instruments
                join unnest(%s::text[], %s::text[]) as wanted (exchange, tradingsymbol) using (exchange, tradingsymbol)
                """,
                (exchanges, symbols),
            ).fetchall()
        return {(row["exchange"], row["tradingsymbol"]): row["instrument_token"] for row in rows}

    def search(self, text: str, limit: int) -> Sequence[Instrument]:
        """See ports.Instruments."""
        wanted = text.strip().upper()
        pattern = wanted.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        parameters = {"text": wanted, "prefix": f"{pattern}%", "anywhere": f"%{pattern}%", "limit": limit}
        with self._database.system() as session:
            rows = session.execute(_STARTING, parameters).fetchall()
            if len(rows) < limit:
                # Only now a search that no index serves.
                rows = session.execute(_CONTAINING, parameters).fetchall()
        return [Instrument(**row) for row in rows]

    def replace_all(self, instruments: Sequence[Instrument]) -> None:
        """See ports.Instruments."""
        with self._database.system(statement_seconds=_REPLACE_SECONDS) as session:
            # Readers keep seeing yesterday's dump; a second loader waits its turn.
            session.execute("lock table instruments in share row exclusive mode")
            session.execute("delete from instruments")
            with session.cursor() as cursor, cursor.copy(f"copy instruments ({_COLUMNS}) from stdin") as copy:
                for instrument in instruments:
                    copy.write_row(_values_of(instrument))
