"""The lines between the product's parts and what they depend on, as whoever starts a twin may lay them."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from twin.aws import Endpoint


class Side(StrEnum):
    """Who connects."""

    FUNCTIONS = "functions"
    WATCHER = "watcher"


class Part(StrEnum):
    """What is connected to."""

    DATABASE = "PostgreSQL"
    CACHE = "Redis"
    CLOUD = "AWS"
    EXCHANGE = "exchange"


class Lines(Protocol):
    """Lays a line from one side to one part."""

    async def lay(self, side: Side, part: Part, endpoint: Endpoint, /) -> Endpoint:
        """Where `side` is to connect in order to reach `endpoint`."""
        ...


class DirectLines:
    """Nothing in between."""

    async def lay(self, _side: Side, _part: Part, endpoint: Endpoint, /) -> Endpoint:
        """`endpoint` itself."""
        return endpoint
