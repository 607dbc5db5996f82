"""Reads the evidence: ledger and audit trail from PostgreSQL, the rest from the exchange and from the logs."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import class_row, dict_row

from algotrading.domain.metrics import TROUBLES
from twin.chaos.cast import Player
from twin.chaos.evidence import ENDED, Alarm, ExchangeOrder, Intent, StrategyRecord, Trade
from twin.processes import REPOSITORY, StateFolder, base_environment
from twin.synthesis import LIBRARY


class LedgerRows:
    """Reads as the user that sees every row, past every line that the chaos breaks."""

    def __init__(self, connection: psycopg.AsyncConnection[Any]) -> None:
        self._connection = connection

    async def intents(self) -> list[Intent]:
        """Every order written down, with when PostgreSQL committed the decision to send it."""
        async with self._connection.cursor(row_factory=class_row(Intent)) as cursor:
            await cursor.execute(_INTENTS)
            return await cursor.fetchall()

    async def states(self) -> Mapping[str, str]:
        """Each order's state now, by tag."""
        async with self._connection.cursor() as cursor:
            await cursor.execute("select tag, state from order_intents")
            return dict(await cursor.fetchall())

    async def standing(self) -> Sequence[Mapping[str, Any]]:
        """Each strategy with its cycle, as far as there is one."""
        async with self._connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(_STANDING)
            return await cursor.fetchall()

    async def notices_waiting(self) -> int:
        """How many notices have not been delivered."""
        async with self._connection.cursor() as cursor:
            await cursor.execute("select count(*) from outbox where delivered_at is null")
            row = await cursor.fetchone()
            return int(row[0]) if row else 0


_INTENTS = """
    with sent as (
        select effect ->> 'tag' as tag, min(pg_xact_commit_timestamp(a.xmin)) as at
        from audit_log a, jsonb_array_elements(a.record::jsonb #> '{data,effects}') effect
        where a.kind = 'decision' and effect ->> 'type' = 'SendOrder'
        group by 1
    )
    select i.strategy_id, i.leg, i.attempt, i.tag, i.side, i.quantity, i.filled, i.average_price, i.state,
           i.broker_order_id, i.broker_status, i.message, i.created_at, i.due_at, i.sent_at, sent.at as committed_at
    from order_intents i left join sent using (tag)
    order by i.created_at
"""
_STANDING = """
    select s.strategy_id, s.status, s.stop_reason, s.updated_at, c.state, c.claim, c.wanted, c.note
    from strategies s left join cycles c using (strategy_id)
    where s.deleted_at is null
"""


def strategy_records(
    players: Mapping[UUID, Player], accounts: Sequence[str], standing: Sequence[Mapping[str, Any]]
) -> dict[UUID, StrategyRecord]:
    """What was planned beside what became of it, for every strategy that was started."""
    rows = {row["strategy_id"]: row for row in standing}
    return {
        strategy_id: StrategyRecord(
            strategy_id=strategy_id,
            name=player.name,
            role=player.part.role,
            account=accounts[player.trader],
            symbol=player.part.market.symbol,
            quantity=player.part.quantity,
            buy_at=player.part.buy_at,
            sell_at=player.part.sell_at,
            stop_loss=player.part.stop_loss,
            status=rows[strategy_id]["status"],
            state=rows[strategy_id]["state"],
            claim=rows[strategy_id]["claim"],
            wanted=rows[strategy_id]["wanted"],
            note=rows[strategy_id]["note"] or rows[strategy_id]["stop_reason"],
            is_due=rows[strategy_id]["updated_at"] <= player.part.buy_at or rows[strategy_id]["state"] is not None,
        )
        for strategy_id, player in players.items()
    }


def exchange_order(row: Mapping[str, Any]) -> ExchangeOrder:
    """One row of the control plane."""
    ends = [state["at_ns"] for state in row["states"] if state["status"] in ENDED]
    return ExchangeOrder(
        order_id=row["order_id"],
        tag=row["tag"],
        account=row["user_id"],
        symbol=row["tradingsymbol"],
        side=row["transaction_type"],
        quantity=row["quantity"],
        filled=row["filled_quantity"],
        average_price=Decimal(str(row["average_price"])),
        status=row["status"],
        received_ns=row["received_ns"],
        ended_ns=min(ends) if row["status"] in ENDED and ends else None,
        trades=[Trade(fill["at_ns"], fill["quantity"]) for fill in row["fills"]],
    )


async def verify_audit(state: StateFolder) -> str | None:
    """What the product's own verification says against the audit chains of this run; None when every one holds."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "algotrading.bootstrap.verify_audit",
        "--environment",
        str(state.path / "system.env"),
        cwd=REPOSITORY,
        env={**base_environment(), "PYTHONPATH": str(LIBRARY)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    return None if process.returncode == 0 else said.decode(errors="replace").strip()


def read_alarms(logs: Path) -> list[Alarm]:
    """Everything in the logs that would wake somebody: troubles among the metrics, and alarms of single strategies."""
    found = [alarm for log in sorted(logs.glob("*.log")) for alarm in _alarms_of(log)]
    return sorted(found, key=lambda alarm: alarm.at)


def _alarms_of(log: Path) -> Iterator[Alarm]:
    for document in read_documents(log):
        if "_aws" in document:
            at = datetime.fromtimestamp(document["_aws"]["Timestamp"] / 1000, UTC)
            for name in TROUBLES.keys() & document.keys():
                if document[name]:
                    yield Alarm(at, name, log.stem)
        elif "alarm" in document and "strategy_id" in document:
            yield Alarm(
                moment_of(document), document["alarm"], log.stem, UUID(document["strategy_id"]), document["message"]
            )


def read_documents(log: Path) -> Iterator[dict[str, Any]]:
    """The lines of a log that are JSON objects; a process that was killed may have left half a one."""
    for line in log.read_text(errors="replace").splitlines():
        if line.startswith("{"):
            try:
                document = json.loads(line)
            except json.JSONDecodeError:
                continue
            if isinstance(document, dict):
                yield document


def moment_of(document: Mapping[str, Any]) -> datetime:
    """When a line of the structured log was written."""
    return datetime.strptime(document["timestamp"], "%Y-%m-%d %H:%M:%S,%f%z")
