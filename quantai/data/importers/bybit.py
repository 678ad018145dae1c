"""Bybit public trade files (public.bybit.com): futures (`/trading`, seconds with a fraction), spot (`/spot`, ms).

`side` is the taker's. Old futures files run from the newest trade to the oldest; the stage puts them in order. Columns
added over the years (`RPI`) come last and do not matter.
"""

from __future__ import annotations

import re

from quantai.core.enums import Side
from quantai.data.importers.converter import SYMBOL, Format, RowConverter
from quantai.data.importers.files import FileHead
from quantai.data.importers.source import Category, Epoch, Number, SideOf, Source, Text
from quantai.events import TradeEvent

_SIDES = {"Buy": Side.BUY, "Sell": Side.SELL, "buy": Side.BUY, "sell": Side.SELL}
_FUTURES = ("timestamp", "symbol", "side", "size", "price", "tickDirection", "trdMatchID")
_SPOT = ("id", "timestamp", "price", "volume", "side")
_SPOT_NAME = re.compile(r"(?P<symbol>[A-Za-z0-9]+)[_-]\d{4}-\d{2}(-\d{2})?\.")


class BybitFutures(Format):
    """Trades of perpetuals and futures."""

    name = "bybit_futures_trades"
    summary = "public.bybit.com/trading: timestamp,symbol,side,size,price,tickDirection,trdMatchID,…"

    def fits(self, head: FileHead) -> bool:
        return tuple(head.fields()[: len(_FUTURES)]) == _FUTURES

    def converter(self, head: FileHead) -> RowConverter:
        del head
        sources: dict[str, Source] = {
            "ts_event": Epoch(0, "s"),
            SYMBOL: Category(1),
            "side": SideOf(2, _SIDES),
            "size": Number(3),
            "price": Number(4),
            "trade_id": Text(6),
        }
        return RowConverter(TradeEvent, sources, header_lines=1)


class BybitSpot(Format):
    """Trades of the spot market."""

    name = "bybit_spot_trades"
    summary = "public.bybit.com/spot: id,timestamp,price,volume,side"

    def fits(self, head: FileHead) -> bool:
        return tuple(head.fields()[: len(_SPOT)]) == _SPOT

    def converter(self, head: FileHead) -> RowConverter:
        del head
        sources: dict[str, Source] = {
            "trade_id": Text(0),
            "ts_event": Epoch(1, "ms"),
            "price": Number(2),
            "size": Number(3),
            "side": SideOf(4, _SIDES),
        }
        return RowConverter(TradeEvent, sources, header_lines=1)

    def venue_symbol(self, head: FileHead) -> str | None:
        name = _SPOT_NAME.match(head.name)
        return name["symbol"] if name else None


FORMATS = [BybitFutures(), BybitSpot()]
