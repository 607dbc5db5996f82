"""Whether anything is still under way: the session is judged when nothing is."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from twin.chaos.cast import Player
from twin.chaos.evidence import Intent

_OPEN = frozenset({"pending", "accepted", "unknown"})
_OVER = frozenset({"flat", "failed"})
_NOT_BEGUN = frozenset({None, "idle"})


def unrest(
    players: Mapping[UUID, Player], standing: Collection[Mapping[str, Any]], intents: Sequence[Intent]
) -> list[str]:
    """What is not at rest, in words: cycles that are not over, entries nobody has decided on, and orders whose
    end the ledger does not know."""
    found: list[str] = []
    for row in standing:
        player = players.get(row["strategy_id"])
        if player is None:
            continue
        has_ended = row["state"] in _OVER or (row["state"] in _NOT_BEGUN and row["status"] != "running")
        is_due = row["updated_at"] <= player.part.buy_at
        if not has_ended and (is_due or row["state"] is not None):
            found.append(f"{player.name} ({row['strategy_id']}) is {row['status']}, its cycle {row['state']}")
    for intent in intents:
        if intent.state in _OPEN and intent.strategy_id in players:
            name = players[intent.strategy_id].name
            found.append(f"{name}: {intent.leg} {intent.attempt}, tag {intent.tag}, is {intent.state}")
    return found
