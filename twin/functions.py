"""The functions of the product together: found by name or ARN, kept tidy, and stopped as one."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from twin.lambda_runtime import IDLE_SECONDS, Function


class Lambda:
    """Every function of the product."""

    def __init__(self, functions: Mapping[str, Function]) -> None:
        self._functions = functions

    def __getitem__(self, name: str) -> Function:
        return self._functions[name]

    @property
    def by_arn(self) -> Mapping[str, Function]:
        """The functions by their ARN."""
        return {function.spec.arn: function for function in self._functions.values()}

    async def keep_house(self) -> None:
        """Retire idle environments, for ever."""
        while True:
            await asyncio.sleep(IDLE_SECONDS / 4)
            await asyncio.gather(*(function.retire_idle() for function in self._functions.values()))

    async def stop(self) -> None:
        """End every environment of every function."""
        await asyncio.gather(*(function.stop() for function in self._functions.values()))
