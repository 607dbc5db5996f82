"""Market data: quotes, instruments, candles and trigger ranges."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from aiohttp import web

from exchange_simulator.clock import IST
from exchange_simulator.engine.candles import INTERVAL_MINUTES, MAX_SPAN_DAYS
from exchange_simulator.engine.market import Market
from exchange_simulator.errors import input_error
from exchange_simulator.money import rupees
from exchange_simulator.routes.endpoint import SIMULATOR, Call, Endpoint
from exchange_simulator.wire.market_rows import instruments_csv, ltp_row, ohlc_row, quote_row

_QUOTE_BATCH = 500
_LTP_BATCH = 1000
_COVER_RANGE_PERCENT = 10


async def quote(call: Call) -> dict[str, Any]:
    """Full quotes with depth."""
    return _quotes(call, _QUOTE_BATCH, quote_row)


async def ohlc(call: Call) -> dict[str, Any]:
    """Last price and the day's prices."""
    return _quotes(call, _LTP_BATCH, ohlc_row)


async def ltp(call: Call) -> dict[str, Any]:
    """Last prices."""
    return _quotes(call, _LTP_BATCH, ltp_row)


async def historical(call: Call) -> dict[str, Any]:
    """Candles of one instrument."""
    token = call.path("token")
    instrument = call.sim.venue.instruments.by_token(int(token)) if token.isdigit() else None
    interval = call.path("interval")
    if instrument is None or interval not in INTERVAL_MINUTES:
        raise input_error("Invalid `instrument_token` or `interval`.")
    since, until = _moment(call.form.get("from")), _moment(call.form.get("to"))
    if since > until:
        raise input_error("`from` should not be after `to`.")
    if (until - since).days > MAX_SPAN_DAYS[interval]:
        raise input_error(f"interval exceeds max limit: {MAX_SPAN_DAYS[interval]} days")
    market = call.sim.venue.market(instrument)
    with_interest = call.form.get("oi") == "1"
    rows = []
    for candle in call.sim.venue.candles.candles(market, since, until, interval):
        start = datetime.fromtimestamp(candle.start, IST).strftime("%Y-%m-%dT%H:%M:%S%z")
        prices = [rupees(value) for value in (candle.open, candle.high, candle.low, candle.close)]
        rows.append([start, *prices, candle.volume, *([market.open_interest] if with_interest else [])])
    return {"candles": rows}


async def trigger_range(call: Call) -> dict[str, Any]:
    """Where the trigger of a cover order may lie."""
    rows = {}
    for key in call.request.query.getall("i", []):
        instrument = call.sim.venue.instruments.find(key)
        if instrument is not None:
            last = call.sim.venue.look(instrument).last
            width = last * _COVER_RANGE_PERCENT // 100
            rows[key] = {
                "instrument_token": instrument.token,
                "lower": rupees(last - width),
                "upper": rupees(last + width),
                "percentage": _COVER_RANGE_PERCENT,
            }
    return rows


async def instruments(request: web.Request) -> web.Response:
    """The instrument dump, whole or of one exchange. As at the broker, no token is needed."""
    venue = request.app[SIMULATOR].venue
    exchange = request.match_info.get("exchange")
    lines = [line for line in venue.instruments if exchange in (None, line.exchange)]
    text = instruments_csv(lines, lambda line: venue.market(line).last)
    response = web.Response(text=text, content_type="text/csv")
    response.enable_compression()
    return response


def _quotes(call: Call, most: int, row: Callable[[Market], dict[str, Any]]) -> dict[str, Any]:
    keys = call.request.query.getall("i", [])
    if len(keys) > most:
        raise input_error(f"Too many tokens requested. Max permitted is {most}.")
    found = {key: call.sim.venue.instruments.find(key) for key in keys if ":" in key}
    return {key: row(call.sim.venue.look(line)) for key, line in found.items() if line is not None}


def _moment(text: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        raise input_error("Invalid `from` or `to`. Use yyyy-mm-dd hh:mm:ss.") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=IST)


ENDPOINTS = (
    Endpoint("GET", "/quote", "quote", quote, "quote"),
    Endpoint("GET", "/quote/ohlc", "ohlc", ohlc, "quote"),
    Endpoint("GET", "/quote/ltp", "ltp", ltp, "quote"),
    Endpoint("GET", "/instruments/historical/{token}/{interval}", "historical", historical, "historical"),
    Endpoint("GET", "/instruments/trigger_range/{side}", "trigger_range", trigger_range),
)
