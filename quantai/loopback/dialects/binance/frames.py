"""Frames of the public streams. Source: Binance Spot API, «WebSocket streams»; USD-M Futures, «WebSocket market
streams».
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from quantai.core.numbers import ZERO
from quantai.loopback.dialects.binance.depth import Write
from quantai.loopback.dialects.binance.wording import TimeOf
from quantai.loopback.engine import Aggregate, Bar, Liquidation, Market, Trade

PERPETUAL_END_MS = 4_133_404_800_000
ONBOARDED_MS = 1_569_398_400_000
_DAY_BARS_NS = 86_400 * 10**9
_MINUTE_NS = 60 * 10**9


def trade(time: TimeOf, now_ns: int, symbol: str, made: Trade, write: Write, *, is_futures: bool) -> dict[str, Any]:
    """`<symbol>@trade`."""
    frame = {"e": "trade", "E": time(now_ns), "s": symbol, "t": made.id, "p": write(made.price)}
    frame |= {"q": write(made.quantity), "T": time(made.ts_ns), "m": made.is_buyer_maker}
    return frame | ({"X": "MARKET"} if is_futures else {"M": True})


def aggregate(
    time: TimeOf, now_ns: int, symbol: str, made: Aggregate, write: Write, *, is_futures: bool
) -> dict[str, Any]:
    """`<symbol>@aggTrade`."""
    frame = {"e": "aggTrade", "E": time(now_ns), "s": symbol, "a": made.id, "p": write(made.price)}
    frame |= {"q": write(made.quantity), "f": made.first_id, "l": made.last_id, "T": time(made.ts_ns)}
    frame["m"] = made.is_buyer_maker
    return frame | ({"nq": write(made.quantity), "st": 1} if is_futures else {"M": True})


def book_ticker(
    time: TimeOf, now_ns: int, symbol: str, market: Market, write: Write, *, is_futures: bool
) -> dict[str, Any]:
    """`<symbol>@bookTicker`: on spot without type and time."""
    bid, ask = market.quote
    (bid_price, bid_size), (ask_price, ask_size) = bid or (ZERO, ZERO), ask or (ZERO, ZERO)
    frame: dict[str, Any] = {"u": market.book.update_id, "s": symbol, "b": write(bid_price), "B": write(bid_size)}
    frame |= {"a": write(ask_price), "A": write(ask_size)}
    if is_futures:
        frame = {"e": "bookTicker"} | frame | {"T": time(now_ns), "E": time(now_ns), "ps": symbol, "st": 1}
    return frame


def kline(
    time: TimeOf, now_ns: int, symbol: str, interval: str, bar: Bar, write: Write, *, is_over: bool
) -> dict[str, Any]:
    """`<symbol>@kline_<interval>`."""
    body = {"t": time(bar.start_ns), "T": time(bar.end_ns - 1_000_000), "s": symbol, "i": interval}
    body |= {"f": bar.first_id, "L": bar.last_id, "o": write(bar.open), "c": write(bar.close), "h": write(bar.high)}
    body |= {"l": write(bar.low), "v": write(bar.volume), "n": bar.count, "x": is_over}
    body |= {"q": write(bar.quote_volume), "V": write(bar.taker_volume), "Q": write(bar.taker_quote_volume), "B": "0"}
    return {"e": "kline", "E": time(now_ns), "s": symbol, "k": body}


def mark_price(time: TimeOf, now_ns: int, symbol: str, market: Market, write: Write) -> dict[str, Any]:
    """`<symbol>@markPrice`."""
    mark = market.mark or ZERO
    frame = {"e": "markPriceUpdate", "E": time(now_ns), "s": symbol, "p": write(mark), "ap": write(mark)}
    frame |= {"P": write(mark), "i": write(market.index or mark), "r": write(market.funding_rate)}
    return frame | {"T": time(market.next_funding_ns), "st": 1}


def force_order(time: TimeOf, now_ns: int, symbol: str, made: Liquidation, write: Write) -> dict[str, Any]:
    """`<symbol>@forceOrder`."""
    body = {"s": symbol, "S": made.side.value.upper(), "o": "LIMIT", "f": "IOC", "q": write(made.quantity)}
    body |= {"p": write(made.price), "ap": write(made.average_price), "X": "FILLED", "l": write(made.last_quantity)}
    return {
        "e": "forceOrder",
        "E": time(now_ns),
        "o": body | {"z": write(made.quantity), "T": time(made.ts_ns)},
        "st": 1,
    }


def contract_info(time: TimeOf, now_ns: int, symbol: str, market: Market) -> dict[str, Any]:
    """`!contractInfo`, of a contract whose status changed: brackets are there only where they changed."""
    times = {"dt": PERPETUAL_END_MS, "ot": ONBOARDED_MS}
    frame = {"e": "contractInfo", "E": time(now_ns), "s": symbol, "ps": symbol, "ct": "PERPETUAL", **times}
    return frame | {"cs": contract_status(market), "st": 1}


def contract_status(market: Market) -> str:
    """The status of a contract, here and in `exchangeInfo`."""
    return "TRADING" if market.is_open else "TRADING_HALT"


def day(market: Market, now_ns: int) -> Bar | None:
    """The last 24 hours as one bar."""
    bars = market.tape.bars(_MINUTE_NS, now_ns - _DAY_BARS_NS, now_ns)
    if not bars:
        return None
    whole = Bar(bars[0].start_ns, _DAY_BARS_NS, bars[0].open, bars[0].high, bars[0].low, bars[0].close)
    for bar in bars:
        whole.add(bar)
    return whole


def ticker(time: TimeOf, now_ns: int, symbol: str, market: Market, bar: Bar, write: Write) -> dict[str, Any]:
    """`<symbol>@ticker`, rolling 24 hours."""
    bid, ask = market.quote
    change = bar.close - bar.open
    last = market.tape.trades[-1].quantity if market.tape.trades else ZERO
    frame = {"e": "24hrTicker", "E": time(now_ns), "s": symbol, "p": write(change), "P": percent(change, bar.open)}
    frame |= {"w": write(average(bar)), "x": write(bar.open), "c": write(bar.close), "Q": write(last)}
    frame |= {"b": write(bid[0] if bid else ZERO), "B": write(bid[1] if bid else ZERO)}
    frame |= {"a": write(ask[0] if ask else ZERO), "A": write(ask[1] if ask else ZERO)}
    frame |= {"o": write(bar.open), "h": write(bar.high), "l": write(bar.low), "v": write(bar.volume)}
    frame |= {"q": write(bar.quote_volume), "O": time(bar.start_ns), "C": time(now_ns)}
    return frame | {"F": bar.first_id, "L": bar.last_id, "n": bar.count}


def mini_ticker(time: TimeOf, now_ns: int, symbol: str, bar: Bar, write: Write) -> dict[str, Any]:
    """`<symbol>@miniTicker`."""
    frame = {"e": "24hrMiniTicker", "E": time(now_ns), "s": symbol, "c": write(bar.close), "o": write(bar.open)}
    return frame | {"h": write(bar.high), "l": write(bar.low), "v": write(bar.volume), "q": write(bar.quote_volume)}


def average(bar: Bar) -> Decimal:
    """The average price of a bar."""
    return (bar.quote_volume / bar.volume).quantize(Decimal("1e-8")) if bar.volume else bar.close


def percent(change: Decimal, start: Decimal) -> str:
    """A change in percent, as Binance writes it."""
    return f"{change / start * 100:.3f}" if start else "0.000"
