"""The price table: prices.toml, read and checked."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

TABLE: Final = Path(__file__).with_name("prices.toml")


class PriceMissing(LookupError):
    """The estimate needs a price that the table does not have; the message names it and says where to add it."""


class PricesInvalid(ValueError):
    """The table cannot be understood; the message says where."""


class Price(BaseModel):
    """One price, US dollars for one `unit`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    usd: float = Field(gt=0)
    unit: str = Field(min_length=1)
    source: str = Field(min_length=1)
    verified: bool
    """Whether the service's own price page was read; what was not is to be verified before anyone counts on it."""

    @model_validator(mode="after")
    def _verified_somewhere(self) -> Self:
        if self.verified and not self.source.startswith("https://"):
            raise ValueError("a verified price names the page that it was read on")
        return self


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid")

    date: date
    region: str
    price: dict[str, Price]


@dataclass(frozen=True, slots=True)
class PriceTable:
    """Prices by name, and the day from which they are."""

    date: date
    region: str
    prices: dict[str, Price]

    def __getitem__(self, name: str) -> Price:
        """Raises PriceMissing."""
        try:
            return self.prices[name]
        except KeyError:
            raise PriceMissing(f"no price {name!r}: look it up and add [price.{_key(name)}] to {TABLE.name}") from None


def load_prices(table: Path = TABLE) -> PriceTable:
    """Raises PricesInvalid."""
    try:
        document = _Document.model_validate(tomllib.loads(table.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, ValidationError) as fault:
        raise PricesInvalid(f"{table.name} cannot be understood: {fault}") from fault
    return PriceTable(document.date, document.region, document.price)


def _key(name: str) -> str:
    return f'"{name}"' if "." in name else name
