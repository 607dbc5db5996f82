"""JSON rows of positions, holdings and funds (Kite Connect documentation, portfolio and user)."""

from typing import Any

from exchange_simulator.engine.account import TradingAccount
from exchange_simulator.engine.market import Market
from exchange_simulator.engine.portfolio import Holding, Position
from exchange_simulator.money import rupees


def net_position_row(position: Position, market: Market) -> dict[str, Any]:
    """A position with what was carried into the day."""
    carried = position.overnight_quantity
    buys, sells = max(carried, 0), max(-carried, 0)
    return _position_row(
        position,
        market,
        quantity=position.quantity,
        overnight=carried,
        buy=(position.day_buy_quantity + buys, position.day_buy_value + buys * position.overnight_price),
        sell=(position.day_sell_quantity + sells, position.day_sell_value + sells * position.overnight_price),
    )


def day_position_row(position: Position, market: Market) -> dict[str, Any]:
    """Today's trading alone."""
    return _position_row(
        position,
        market,
        quantity=position.day_buy_quantity - position.day_sell_quantity,
        overnight=0,
        buy=(position.day_buy_quantity, position.day_buy_value),
        sell=(position.day_sell_quantity, position.day_sell_value),
    )


def holding_row(holding: Holding, market: Market) -> dict[str, Any]:
    """Shares in the demat account."""
    last, close = market.last, market.day.close
    return {
        "tradingsymbol": holding.instrument.symbol,
        "exchange": holding.instrument.exchange,
        "instrument_token": holding.instrument.token,
        "isin": holding.instrument.isin,
        "product": "CNC",
        "price": 0,
        "quantity": holding.quantity - holding.used_quantity,
        "used_quantity": holding.used_quantity,
        "t1_quantity": holding.t1_quantity,
        "realised_quantity": holding.quantity,
        "authorised_quantity": holding.authorised_quantity,
        "authorised_date": None,
        "opening_quantity": holding.quantity + holding.t1_quantity,
        "short_quantity": 0,
        "collateral_quantity": 0,
        "collateral_type": "",
        "discrepancy": False,
        "average_price": rupees(holding.average),
        "last_price": rupees(last),
        "close_price": rupees(close),
        "pnl": rupees((last - holding.average) * (holding.quantity + holding.t1_quantity)),
        "day_change": rupees(last - close),
        "day_change_percentage": round((last - close) * 100 / close, 4),
        "mtf": {"quantity": 0, "used_quantity": 0, "average_price": 0, "value": 0, "initial_margin": 0},
    }


def funds_row(account: TradingAccount) -> dict[str, Any]:
    """The equity segment: what there is and what is used."""
    used = account.usage()
    net = rupees(used.available(account.cash))
    cash = rupees(account.cash)
    margin = used.positions
    blocked = margin.total + used.orders
    return {
        "enabled": True,
        "net": net,
        "available": {
            "adhoc_margin": 0,
            "cash": cash,
            "opening_balance": cash,
            "live_balance": net,
            "collateral": 0,
            "intraday_payin": 0,
        },
        "utilised": {
            "debits": rupees(blocked - used.realised),
            "exposure": rupees(margin.exposure),
            "m2m_realised": rupees(used.realised),
            "m2m_unrealised": 0,
            "option_premium": rupees(margin.option_premium),
            "payout": 0,
            "span": rupees(margin.span),
            "holding_sales": rupees(used.sale_credit),
            "turnover": 0,
            "liquid_collateral": 0,
            "stock_collateral": 0,
            "delivery": rupees(margin.var),
        },
    }


def _position_row(
    position: Position,
    market: Market,
    *,
    quantity: int,
    overnight: int,
    buy: tuple[int, int],
    sell: tuple[int, int],
) -> dict[str, Any]:
    last = market.last
    pnl = sell[1] - buy[1] + quantity * last
    return {
        "tradingsymbol": position.instrument.symbol,
        "exchange": position.instrument.exchange,
        "instrument_token": position.instrument.token,
        "product": position.product,
        "quantity": quantity,
        "overnight_quantity": overnight,
        "multiplier": 1,
        "average_price": rupees(position.average),
        "close_price": rupees(market.day.close) if overnight else 0,
        "last_price": rupees(last),
        "value": rupees(sell[1] - buy[1]),
        "pnl": rupees(pnl),
        "m2m": rupees(pnl),
        "unrealised": rupees(pnl - position.realised),
        "realised": rupees(position.realised),
        **_leg("buy", *buy),
        "buy_m2m": rupees(buy[1]),
        **_leg("sell", *sell),
        "sell_m2m": rupees(sell[1]),
        **_leg("day_buy", position.day_buy_quantity, position.day_buy_value),
        **_leg("day_sell", position.day_sell_quantity, position.day_sell_value),
    }


def _leg(name: str, quantity: int, value: int) -> dict[str, Any]:
    average = rupees(value / quantity) if quantity else 0
    return {f"{name}_quantity": quantity, f"{name}_price": average, f"{name}_value": rupees(value)}
