"""What the queries of the guide must give, calculated from the events in plain Python."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from statistics import fmean
from typing import Any

from quantai.events import (
    Event,
    FillEvent,
    GapEvent,
    MarketEvent,
    OrderBookSnapshotEvent,
    TickEvent,
    TradeEvent,
)
from quantai.events.persistence.schema import type_name
from tests.docs.session import NOON, SECOND_NS, SYMBOLS, Key, Session, day_of, floor, to_ns

Row = dict[str, Any]
Rows = list[Row]


def by_time(seconds: int) -> Callable[[MarketEvent], Key]:
    return lambda event: (event.venue, event.symbol, floor(event.ts_event, seconds))


def a_part(session: Session) -> Rows:
    wanted = [
        trade
        for trade in session.of(TradeEvent)
        if trade.symbol == "BTC/USDT" and day_of(trade.ts_init) == NOON.date() and trade.ts_init >= to_ns(NOON)
    ]
    wanted.sort(key=lambda trade: trade.ts_init)
    return [{name: getattr(trade, name) for name in ("ts_init", "price", "size", "side")} for trade in wanted]


def rows_by_stream(session: Session) -> Rows:
    def stream(event: Any) -> Key:
        place = (getattr(event, "venue", "") or "_", getattr(event, "symbol", "") or "_")
        return type_name(type(event)), *place, day_of(event.ts_init)

    names = ("type", "venue", "symbol", "date", "rows")
    return [
        dict(zip(names, (*key, len(events)), strict=True)) for key, events in session.grouped(stream, Event).items()
    ]


def trades_by_day(session: Session) -> Rows:
    rows = [row for row in rows_by_stream(session) if row.pop("type") == "trade"]
    assert len(rows) > len(SYMBOLS)
    return rows


def spreads(session: Session) -> Rows:
    stood: dict[TickEvent, int] = {}
    for ticks in session.grouped(lambda tick: (tick.venue, tick.symbol), TickEvent).values():
        stood |= {tick: min(later.ts_event - tick.ts_event, 60 * SECOND_NS) for tick, later in pairwise(ticks)}
    rows = []
    for (venue, symbol, hour), ticks in session.grouped(by_time(3_600), TickEvent).items():
        bps = {tick: tick.spread / tick.mid * 1e4 for tick in ticks}
        known = [tick for tick in ticks if tick in stood]
        of_time = sum(bps[tick] * stood[tick] for tick in known) / sum(stood[tick] for tick in known)
        means = {"of_quotes_bps": fmean(bps.values()), "of_time_bps": of_time}
        rows.append({"venue": venue, "symbol": symbol, "hour": hour, **means})
    return rows


def bars(session: Session) -> Rows:
    rows = []
    for (venue, symbol, start), trades in session.grouped(by_time(300), TradeEvent).items():
        prices = [trade.price for trade in trades]
        volume = sum(trade.size for trade in trades)
        vwap = sum(trade.price * trade.size for trade in trades) / volume
        ohlc = {"open": prices[0], "high": max(prices), "low": min(prices), "close": prices[-1]}
        rows.append({"venue": venue, "symbol": symbol, "start": start, **ohlc, "vwap": vwap, "volume": volume})
    return rows


def around_fills(session: Session) -> Rows:
    return [
        {
            "client_order_id": fill.client_order_id,
            "ts_event": fill.ts_event,
            "after_ms": (trade.ts_event - fill.ts_event) / 1e6,
            "price": trade.price,
            "size": trade.size,
            "side": trade.side,
        }
        for fill in session.fills()
        for trade in session.of(TradeEvent)
        if trade.symbol == fill.symbol and abs(trade.ts_event - fill.ts_event) <= SECOND_NS
    ]


def slippage(session: Session) -> Rows:
    names = ("strategy", "client_order_id", "ts_event", "side", "price", "quantity")
    rows = []
    for fill in session.fills():
        before = [t for t in session.of(TickEvent) if t.symbol == fill.symbol and t.ts_event < fill.ts_event]
        mid = max(before, key=lambda tick: tick.ts_event).mid
        bps = fill.side.sign * (float(fill.price) / mid - 1) * 1e4
        rows.append({name: getattr(fill, name) for name in names} | {"mid": mid, "slippage_bps": bps})
    return rows


def imbalances(session: Session) -> Rows:
    def imbalance(book: OrderBookSnapshotEvent) -> float:
        bids, asks = (sum(size for _, size in side[:5]) for side in (book.bids, book.asks))
        return (bids - asks) / (bids + asks)

    return [
        dict(zip(("venue", "symbol", "minute"), key, strict=True)) | {"imbalance": fmean(map(imbalance, books))}
        for key, books in session.grouped(by_time(60), OrderBookSnapshotEvent).items()
    ]


def gaps_by_day(session: Session) -> Rows:
    def key(gap: GapEvent) -> Key:
        return gap.venue or "_", gap.symbol or "_", day_of(gap.start_ns), gap.reason

    return [
        dict(zip(("venue", "symbol", "day", "reason"), names, strict=True))
        | {
            "gaps": len(gaps),
            "seconds": sum(gap.end_ns - gap.start_ns for gap in gaps) / 1e9,
            "lost": sum(gap.lost for gap in gaps),
        }
        for names, gaps in session.grouped(key, GapEvent).items()
    ]


def whole_trades(session: Session) -> Rows:
    def is_covered(trade: TradeEvent) -> bool:
        return any(
            gap.symbol == trade.symbol and gap.start_ns <= trade.ts_init <= gap.end_ns for gap in session.of(GapEvent)
        )

    groups = session.grouped(lambda trade: (trade.venue, trade.symbol), TradeEvent)
    return [
        {"venue": venue, "symbol": symbol, "trades": sum(not is_covered(trade) for trade in trades)}
        for (venue, symbol), trades in groups.items()
    ]


def turnover(session: Session) -> Rows:
    return [
        {
            "strategy": strategy,
            "fee_currency": currency,
            "fills": len(fills),
            "fees": sum(fill.fee for fill in fills),
            "turnover": sum(fill.price * fill.quantity for fill in fills),
        }
        for (strategy, currency), fills in session.grouped(lambda f: (f.strategy, f.fee_currency), FillEvent).items()
    ]


def causes(session: Session) -> Rows:
    ticks = {tick.reference: tick for tick in session.of(TickEvent)}
    return [
        {
            "client_order_id": fill.client_order_id,
            "ts_event": fill.ts_event,
            "bid_price": ticks[fill.cause].bid_price,
            "ask_price": ticks[fill.cause].ask_price,
            "price": fill.price,
            "after_ms": (fill.ts_event - ticks[fill.cause].ts_event) / 1e6,
        }
        for fill in session.fills()
    ]


def volume_of_a_day(session: Session) -> float:
    trades = [t for t in session.of(TradeEvent) if t.symbol == "BTC/USDT" and day_of(t.ts_init) == NOON.date()]
    return float(sum(trade.size for trade in trades))


EXPECTED: dict[str, list[Callable[[Session], Any]]] = {
    "Reading a part of it": [a_part, a_part, a_part, volume_of_a_day],
    "In object storage": [trades_by_day, trades_by_day, trades_by_day],
    "Rows by stream": [rows_by_stream],
    "Spread by hour": [spreads, spreads],
    "VWAP bars": [bars, bars, bars],
    "Trades around a fill": [around_fills],
    "Slippage against mid": [slippage, slippage, slippage],
    "Order book imbalance": [imbalances, imbalances],
    "Gaps by day": [gaps_by_day, whole_trades],
    "Fees and turnover": [turnover, turnover],
    "What a fill goes back to": [causes],
}
"""What the blocks below each heading of the guide give, in their order."""
