"""Sentences around other people's words: a broker's message may end with a full stop, or with none."""

from __future__ import annotations

from typing import Final

_ENDS: Final = (".", "!", "?", "…")


def sentence(words: str) -> str:
    """`words` as a whole sentence: with a full stop, unless a mark is there already that ends one."""
    bare = words.rstrip()
    return bare if bare.endswith(_ENDS) else f"{bare}."
