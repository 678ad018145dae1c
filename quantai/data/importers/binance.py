"""Binance public data (data.binance.vision): trades, aggTrades, klines and bookTicker, spot, USD-M and COIN-M.

Columns as its README and the files say. Spot files have no header, newer futures files have one. Times are
milliseconds, in spot files from 2025-01-01 on microseconds. `isBuyerMaker` true means that the taker sold.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from quantai.core.enums import Side
from quantai.data.importers.converter import Format, RowConverter
from quantai.data.importers.files import FileHead
from quantai.data.importers.source import MsOrUs, Number, SideOf, Source, Span, Text
from quantai.events import BarEvent, MarketEvent, TickEvent, TradeEvent

_TAKER_SIDE = {"true": Side.SELL, "True": Side.SELL, "TRUE": Side.SELL}
_TAKER_SIDE |= {"false": Side.BUY, "False": Side.BUY, "FALSE": Side.BUY}
_SHAPES = {"time": re.compile(r"\d{13}|\d{16}"), "bool": re.compile(r"true|false", re.IGNORECASE)}
_FILE_NAME = re.compile(r"(?P<symbol>[^-]+)-(?P<kind>[A-Za-z]+|\d+[A-Za-z]+)-\d{4}-\d{2}(-\d{2})?\.")
_INTERVAL = re.compile(r"\d+(s|m|h|d|w|mo)")


@dataclass(frozen=True, slots=True)
class _Layout:
    """One kind of file: its widths, how columns look, what a header begins with (None is any), where fields are."""

    summary: str
    cls: type[MarketEvent]
    file_kind: re.Pattern[str]
    widths: tuple[int, ...]
    shape: Mapping[int, str]
    header: tuple[str | None, ...]
    sources: Mapping[str, Source]


_OPEN_TIME, _CLOSE_TIME = MsOrUs(0), MsOrUs(6, after=True)

_LAYOUTS = {
    "binance_trades": _Layout(
        summary="Binance dump, single trades (SYMBOL-trades-DATE)",
        cls=TradeEvent,
        file_kind=re.compile("trades"),
        widths=(6, 7),
        shape={4: "time", 5: "bool"},
        header=("id", "price", "qty", None, "time", "is_buyer_maker"),
        sources={
            "ts_event": MsOrUs(4),
            "price": Number(1),
            "size": Number(2),
            "side": SideOf(5, _TAKER_SIDE),
            "trade_id": Text(0),
        },
    ),
    "binance_aggtrades": _Layout(
        summary="Binance dump, trades of one order at one price together (SYMBOL-aggTrades-DATE)",
        cls=TradeEvent,
        file_kind=re.compile("aggTrades"),
        widths=(7, 8),
        shape={5: "time", 6: "bool"},
        header=("agg_trade_id", "price", "quantity", None, None, "transact_time", "is_buyer_maker"),
        sources={
            "ts_event": MsOrUs(5),
            "price": Number(1),
            "size": Number(2),
            "side": SideOf(6, _TAKER_SIDE),
            "trade_id": Text(0),
        },
    ),
    "binance_klines": _Layout(
        summary="Binance dump, bars (SYMBOL-1m-DATE)",
        cls=BarEvent,
        file_kind=_INTERVAL,
        widths=(12,),
        shape={0: "time", 6: "time"},
        header=("open_time", "open", "high", "low", "close", "volume", "close_time"),
        sources={
            "ts_event": _CLOSE_TIME,
            "interval_ns": Span(_OPEN_TIME, _CLOSE_TIME),
            "open": Number(1),
            "high": Number(2),
            "low": Number(3),
            "close": Number(4),
            "volume": Number(5),
        },
    ),
    "binance_bookticker": _Layout(
        summary="Binance dump, best bid and ask (SYMBOL-bookTicker-DATE)",
        cls=TickEvent,
        file_kind=re.compile("bookTicker"),
        widths=(7,),
        shape={5: "time", 6: "time"},
        header=("update_id", "best_bid_price", "best_bid_qty", "best_ask_price", "best_ask_qty", "transaction_time"),
        sources={
            "ts_event": MsOrUs(5),
            "ts_init": MsOrUs(6),
            "bid_price": Number(1),
            "bid_size": Number(2),
            "ask_price": Number(3),
            "ask_size": Number(4),
        },
    ),
}


class BinanceFormat(Format):
    """One kind of Binance dump."""

    def __init__(self, name: str, layout: _Layout) -> None:
        self.name = name
        self.summary = layout.summary
        self._layout = layout

    def fits(self, head: FileHead) -> bool:
        fields = head.fields()
        if len(fields) not in self._layout.widths:
            return False
        if self._has_header(head):
            return True
        return all(_SHAPES[shape].fullmatch(fields[column]) for column, shape in self._layout.shape.items())

    def recognises(self, head: FileHead) -> bool:
        name = _FILE_NAME.match(head.name)
        named = name is not None and self._layout.file_kind.fullmatch(name["kind"]) is not None
        return self.fits(head) and (named or self._has_header(head))

    def converter(self, head: FileHead) -> RowConverter:
        return RowConverter(self._layout.cls, self._layout.sources, header_lines=int(self._has_header(head)))

    def venue_symbol(self, head: FileHead) -> str | None:
        name = _FILE_NAME.match(head.name)
        return name["symbol"] if name else None

    def _has_header(self, head: FileHead) -> bool:
        names = self._layout.header
        return all(name in (None, field) for name, field in zip(names, head.fields(), strict=False))


FORMATS = [BinanceFormat(name, layout) for name, layout in _LAYOUTS.items()]
