"""What tests need to open a Kite session."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from algotrading.brokers.kite import KiteBrokers
from algotrading.brokers.kite.broker import KiteBroker
from algotrading.brokers.kite.line import Limits
from algotrading.domain.accounts import BrokerCredentials, BrokerName
from algotrading.domain.instruments import Product
from algotrading.domain.orders import OrderTicket, OrderType, Side

API_KEY = "k1teapikey000001"
API_SECRET = "apisecret0000000000000000000001"
ACCESS_TOKEN = "accesstoken000000000000000000001"
LOGIN_URL = "https://kite.example/connect/login"

CREDENTIALS = BrokerCredentials(BrokerName.KITE, API_KEY, API_SECRET, ACCESS_TOKEN)
QUICK = Limits(connect_seconds=0.5, read_seconds=0.6, order_seconds=0.6, dump_seconds=2.0)


@dataclass
class FixedClock:
    """Stands still until told otherwise."""

    instant: datetime

    def now(self) -> datetime:
        return self.instant

    def sleep(self, seconds: float) -> None:
        raise AssertionError("a broker session does not sleep")

    def sleep_until(self, instant: datetime) -> None:
        raise AssertionError("a broker session does not sleep")


def kite_at(
    url: str,
    *,
    clock: FixedClock | None = None,
    limits: Limits = QUICK,
    tls_context: ssl.SSLContext | None = None,
    address_url: str = "https://address.invalid",
) -> KiteBrokers:
    return KiteBrokers(
        api_url=url,
        login_url=LOGIN_URL,
        clock=clock or FixedClock(datetime(2026, 11, 20, 4, 0, tzinfo=UTC)),
        limits=limits,
        tls_context=tls_context,
        address_url=address_url,
    )


def connect(brokers: KiteBrokers) -> KiteBroker:
    return brokers.connect(CREDENTIALS)


def market_order(side: Side = Side.BUY, tag: str = "0a1B2c3D4e5F6g7H8i") -> OrderTicket:
    return OrderTicket("NSE", "M&M", side, 10, Product.MIS, tag)


def stop_order() -> OrderTicket:
    return OrderTicket(
        "NFO",
        "NIFTY26NOVFUT",
        Side.SELL,
        65,
        Product.NRML,
        "stop00000000000001",
        OrderType.SL,
        price=Decimal("24000").normalize(),
        trigger_price=Decimal("24010.05"),
    )
