"""Keeps what numba compiles, and finds it again where nothing can be written.

numba takes a cache only from a folder that it can write to (numba 0.68, `core/caching.py`, `ensure_cache_path`). The
container's files are read-only: what was compiled when its image was built would lie there, and every start would
compile again. So where a folder cannot be written to, it is read all the same.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

from numba import njit
from numba.core import caching

logger = logging.getLogger(__name__)

_Function = TypeVar("_Function", bound=Callable[..., Any])
_COMPILED: Final[list[Any]] = []


class _AsItIs:
    """A folder is good to read when it is there."""

    def ensure_cache_path(self) -> None:
        """numba: raises OSError where the folder is not to be used."""
        os.stat(self.get_cache_path())  # type: ignore[attr-defined]


class ReadOnlyFolder(_AsItIs, caching.UserProvidedCacheLocator):
    """NUMBA_CACHE_DIR, made when the image was built."""


class ReadOnlyPycache(_AsItIs, caching.InTreeCacheLocator):
    """The `__pycache__` beside the source."""


def _can_write() -> bool:
    place = os.environ.get("NUMBA_CACHE_DIR") or Path(__file__).parent
    return os.access(place, os.W_OK)


def kept(signature: Any, **options: Any) -> Callable[[_Function], _Function]:
    """`numba.njit` for one signature, compiled now or taken from what an earlier start has kept."""

    def decorate(function: _Function) -> _Function:
        compiled: _Function = _compile(function, signature, options)
        _COMPILED.append(compiled)
        return compiled

    return decorate


def _compile(function: Callable[..., Any], signature: Any, options: dict[str, Any]) -> Any:
    try:
        return njit(signature, cache=True, **options)(function)
    except (OSError, RuntimeError) as error:
        # Nothing was found, and what was compiled cannot be kept (OSError); or there is no folder (RuntimeError).
        logger.warning("%s is compiled at every start: %s", function.__name__, type(error).__name__)
        return njit(signature, **options)(function)


def compiled_anew() -> list[str]:
    """Names of what this process has had to compile; empty when all of it was found."""
    return [each.__name__ for each in _COMPILED if not each.stats.cache_hits]


if not _can_write():
    caching.CacheImpl._locator_classes = [ReadOnlyFolder, ReadOnlyPycache, *caching.CacheImpl._locator_classes]
