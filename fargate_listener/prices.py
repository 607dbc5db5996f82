"""Latest prices: kept by the tick path, published by everybody else's clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


class PriceBook:
    """Last price per token in wire units, and which of them are news.

    The tick path does one dictionary update per frame; merging happens when the news is taken.
    """

    def __init__(self) -> None:
        self._news: dict[int, int] = {}
        self._known: dict[int, int] = {}

    def record(self, tokens: Sequence[int], prices: Sequence[int]) -> None:
        """Remember the ticks of one frame; the last one of a token wins."""
        self._news.update(zip(tokens, prices, strict=True))

    def latest(self, token: int) -> int | None:
        """The last price since the feed was (re)connected."""
        price = self._news.get(token)
        return self._known.get(token) if price is None else price

    def take_news(self) -> Mapping[int, int]:
        """Prices recorded since the last call."""
        news, self._news = self._news, {}
        self._known.update(news)
        return news

    def forget(self, tokens: Sequence[int] | None = None) -> None:
        """Prices of `tokens` (all, after a disconnection) no longer say where the market stands."""
        if tokens is None:
            self._news, self._known = {}, {}
            return
        for token in tokens:
            self._news.pop(token, None)
            self._known.pop(token, None)
