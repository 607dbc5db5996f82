"""How far from its instant a due order leaves when 50 strategies are due in the same second.

The whole path: started through the API, queued, received by 50 executor processes under AWS's runtime
client, released to the simulated exchange. The error is the ledger's `sent_at`, the instant before the
first byte leaves, less the plan's buy time; the exchange's own receipt includes its queue, since one
process takes all 50. Fifty processes share this machine's cores, where Lambda gives each its own: the
peers are held to the same.
"""

from __future__ import annotations

import asyncio
import json
import math
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from benchmarks.figures import Figure, Target, Values, spread
from benchmarks.peer_release import MANNERS
from benchmarks.stage import SYMBOLS, TRADERS, Stage, StageFailed
from twin.processes import REPOSITORY, base_environment

TARGET = Target("p99", 5.0)
_PEER_LEAD_SECONDS = 8
_PEER_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Errors:
    """Milliseconds after the due instant."""

    sent: Values
    received: Values


async def measure(stage: Stage, *, count: int) -> list[Figure]:
    """Release errors of the product and of two ways to do without it."""
    await stage.enter(count)
    ours = await _our_errors(stage)
    peers = {}
    for manner, description in MANNERS.items():
        stage.progress(f"beside: {description}")
        peers[description] = await _peer_errors(stage, manner, count)
    return [
        Figure(
            benchmark="release",
            name=f"order leaves after its instant, {count} due at once",
            unit="ms",
            values=ours.sent,
            count=count,
            target=TARGET,
            peers={name: errors.sent for name, errors in peers.items()},
        ),
        Figure(
            benchmark="release",
            name="exchange has it after the instant",
            unit="ms",
            values=ours.received,
            count=count,
            peers={name: errors.received for name, errors in peers.items()},
        ),
    ]


async def _our_errors(stage: Stage) -> Errors:
    intents = await stage.intents("entry")
    # Not the ledger's own `due_at`: an intent written too late is due when it is written.
    due_of = {holding.strategy_id: holding.due for holding in stage.holdings}
    orders = await stage.exchange_orders([intent.tag for intent in intents])
    sent, received = [], []
    for intent in intents:
        if intent.sent_at is None or intent.tag not in orders:
            raise StageFailed(f"the order {intent.tag} ({intent.state}) did not reach the exchange")
        due = due_of[intent.strategy_id]
        sent.append((intent.sent_at - due).total_seconds() * 1000)
        received.append(orders[intent.tag]["received_ns"] / 1e6 - _milliseconds(due))
    return Errors(spread(sent), spread(received))


async def _peer_errors(stage: Stage, manner: str, count: int) -> Errors:
    accounts = [await stage.open_account(f"{manner.upper()}{number:02d}") for number in range(TRADERS)]
    due = math.ceil(time.time()) + _PEER_LEAD_SECONDS
    task = {
        "url": stage.twin.exchange_address.url,
        "accounts": [(account["api_key"], account["access_token"]) for account in accounts],
        "symbols": SYMBOLS,
        "count": count,
        "due": due,
    }
    sent = await run_peer("benchmarks.peer_release", [manner], task)
    orders = await stage.exchange_orders([f"peer{manner}{number}" for number in range(count)])
    if len(orders) != count:
        raise StageFailed(f"{count - len(orders)} orders of the peer did not reach the exchange")
    return Errors(spread(sent), spread([order["received_ns"] / 1e6 - due * 1e3 for order in orders.values()]))


async def run_peer(module: str, arguments: Sequence[str], task: object) -> list[float]:
    """Run a peer as a process of its own: its task as JSON in, its figures as JSON out."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        *arguments,
        cwd=REPOSITORY,
        env=base_environment(),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(json.dumps(task).encode()), _PEER_SECONDS)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        raise StageFailed(f"{module} ended with status {process.returncode}")
    figures: list[float] = json.loads(output)
    return figures


def _milliseconds(instant: datetime) -> float:
    return instant.timestamp() * 1000
