"""The instruments listed out of the box: large NSE shares, two indices, and derivatives on some of them.

Tokens and ISINs are the public ones of the real contracts; prices are round figures near those of late 2026.
Lot and freeze figures follow the exchange's contract specifications of 2026 and are for simulation only.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from itertools import product
from typing import NamedTuple

from exchange_simulator.engine.instruments import Instrument
from exchange_simulator.money import paise, round_to_tick

# exchange token, symbol, name, previous close in rupees, tick in paise, ISIN
_SHARES = (
    (2885, "RELIANCE", "RELIANCE INDUSTRIES", "1480.00", 10, "INE002A01018"),
    (11536, "TCS", "TATA CONSULTANCY SERV LT", "3120.00", 10, "INE467B01029"),
    (1594, "INFY", "INFOSYS", "1545.00", 10, "INE009A01021"),
    (3045, "SBIN", "STATE BANK OF INDIA", "905.00", 5, "INE062A01020"),
    (1333, "HDFCBANK", "HDFC BANK", "985.00", 5, "INE040A01034"),
    (4963, "ICICIBANK", "ICICI BANK", "1390.00", 10, "INE090A01021"),
    (1660, "ITC", "ITC", "412.00", 5, "INE154A01025"),
    (5900, "AXISBANK", "AXIS BANK", "1235.00", 10, "INE238A01034"),
    (1922, "KOTAKBANK", "KOTAK MAHINDRA BANK", "2110.00", 10, "INE237A01028"),
    (11483, "LT", "LARSEN & TOUBRO", "3890.00", 10, "INE018A01030"),
    (10999, "MARUTI", "MARUTI SUZUKI INDIA", "15850.00", 100, "INE585B01010"),
    (3351, "SUNPHARMA", "SUN PHARMACEUTICAL IND", "1720.00", 10, "INE044A01036"),
    (3499, "TATASTEEL", "TATA STEEL", "176.00", 1, "INE081A01020"),
    (3787, "WIPRO", "WIPRO", "246.00", 1, "INE075A01022"),
    (1394, "HINDUNILVR", "HINDUSTAN UNILEVER", "2415.00", 10, "INE030A01027"),
    (10604, "BHARTIARTL", "BHARTI AIRTEL", "2060.00", 10, "INE397D01024"),
    (14366, "IDEA", "VODAFONE IDEA", "9.80", 1, "INE669E01016"),
    (11915, "YESBANK", "YES BANK", "22.40", 1, "INE528G01035"),
    (3456, "TATAMOTORS", "TATA MOTORS", "410.00", 5, "INE155A01022"),
    (1330, "HDFC", "HOUSING DEVELOPMENT FINANCE", "2725.00", 10, "INE001A01036"),
)

# BSE scrip code, NSE symbol
_BSE_CODES = ((500325, "RELIANCE"), (500209, "INFY"), (500112, "SBIN"))

# exchange token, symbol, previous close in rupees
_INDICES = ((1001, "NIFTY 50", "26050.00"), (1016, "NIFTY BANK", "58900.00"))


class _Underlying(NamedTuple):
    name: str
    close: str
    lot: int
    freeze: int
    strike_step: int
    """In rupees."""


_UNDERLYINGS = (
    _Underlying("NIFTY", "26050.00", 65, 1800, 50),
    _Underlying("BANKNIFTY", "58900.00", 30, 900, 100),
    _Underlying("RELIANCE", "1480.00", 500, 40_000, 20),
    _Underlying("TCS", "3120.00", 175, 10_000, 20),
    _Underlying("INFY", "1545.00", 400, 30_000, 20),
    _Underlying("SBIN", "905.00", 750, 50_000, 10),
    _Underlying("HDFCBANK", "985.00", 550, 40_000, 10),
    _Underlying("ICICIBANK", "1390.00", 700, 40_000, 10),
)


def standard_universe(today: date) -> Iterator[Instrument]:
    """Every default instrument, with derivatives of the monthly contract current on `today`."""
    yield from _shares()
    for token, symbol, close in _INDICES:
        yield Instrument(token, symbol, symbol, "NSE", "INDICES", "EQ", 5, 1, paise(close), 0)
    expiry = monthly_expiry(today)
    next_token = 40_000
    for underlying in _UNDERLYINGS:
        contracts = list(_contracts(next_token, underlying, expiry))
        next_token += len(contracts)
        yield from contracts


def monthly_expiry(today: date) -> date:
    """The last Tuesday of the month (NSE monthly expiry since September 2025), next month's once it has passed."""
    for month_ahead in (0, 1):
        month = today.month - 1 + month_ahead
        first_of_next = date(today.year + (month + 1) // 12, (month + 1) % 12 + 1, 1)
        last_day = first_of_next - timedelta(days=1)
        expiry = last_day - timedelta(days=(last_day.weekday() - 1) % 7)
        if expiry >= today:
            break
    return expiry


def _shares() -> Iterator[Instrument]:
    by_symbol = {}
    for token, symbol, name, close, tick, isin in _SHARES:
        share = Instrument(token, symbol, name, "NSE", "NSE", "EQ", tick, 1, paise(close), 100_000, isin=isin)
        by_symbol[symbol] = share
        yield share
    for code, symbol in _BSE_CODES:
        share = by_symbol[symbol]
        yield Instrument(
            code, symbol, share.name, "BSE", "BSE", "EQ", share.tick, 1, share.reference, share.freeze, isin=share.isin
        )


def _contracts(first_token: int, underlying: _Underlying, expiry: date) -> Iterator[Instrument]:
    spot, step = paise(underlying.close), underlying.strike_step * 100
    month = f"{underlying.name}{expiry.strftime('%y%b').upper()}"

    def contract(token: int, symbol: str, kind: str, price: int, strike: int = 0) -> Instrument:
        return Instrument(
            exchange_token=token,
            symbol=symbol,
            name=underlying.name,
            exchange="NFO",
            segment="NFO-OPT" if strike else "NFO-FUT",
            kind=kind,
            tick=5 if strike else 10,
            lot=underlying.lot,
            reference=price,
            freeze=underlying.freeze,
            band_percent=60 if strike else 10,
            expiry=expiry,
            strike=strike,
        )

    yield contract(first_token, f"{month}FUT", "FUT", round_to_tick(spot * 1.004, 10))
    at_the_money = round(spot / step) * step
    strikes = range(at_the_money - 2 * step, at_the_money + 3 * step, step)
    for offset, (strike, kind) in enumerate(product(strikes, ("CE", "PE")), start=1):
        intrinsic = max(spot - strike if kind == "CE" else strike - spot, 0)
        price = round_to_tick(intrinsic + spot * 0.012, 5)
        yield contract(first_token + offset, f"{month}{strike // 100}{kind}", kind, price, strike)
