"""Tardis.dev CSV files: trades, liquidations, quotes, book_snapshot_N, incremental_book_L2 and derivative_ticker.

As its page «Data Types» says: times are microseconds UTC, `timestamp` the venue's (`ts_event`), `local_timestamp` when
the message arrived (`ts_init`). Files may hold several symbols.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import count

from quantai.core.enums import Side
from quantai.data.importers.converter import SYMBOL, Converter, Format, RowConverter
from quantai.data.importers.files import FileHead
from quantai.data.importers.source import Category, Epoch, Flag, Number, SideOf, Source, Text
from quantai.data.importers.tardis_book import BookSnapshots, IncrementalBook, level_names
from quantai.data.importers.tardis_ticker import DerivativeTicker
from quantai.events import LiquidationEvent, MarketEvent, TickEvent, TradeEvent

_COMMON = ("exchange", "symbol", "timestamp", "local_timestamp")
_SIDES = {"buy": Side.BUY, "sell": Side.SELL, "unknown": Side.UNKNOWN, "": Side.UNKNOWN}
_BOOK_SIDES = {"bid": Side.BUY, "ask": Side.SELL}
_TRADE_COLUMNS = ("id", "side", "price", "amount")


class TardisFormat(Format):
    """One data type, known by its header; trades and liquidations share one and are told apart by the file's name."""

    def __init__(
        self,
        data_type: str,
        needs: tuple[str, ...],
        make: Callable[[Mapping[str, int]], Converter],
        file_word: str = "",
    ) -> None:
        self.name = f"tardis_{data_type}"
        self.summary = f"Tardis CSV: {','.join((*_COMMON, *needs))}"
        self._needs = {*_COMMON, *needs}
        self._make = make
        self._file_word = file_word

    def fits(self, head: FileHead) -> bool:
        return self._needs.issubset(head.fields())

    def recognises(self, head: FileHead) -> bool:
        return self.fits(head) and ("liquidations" in head.name) == (self._file_word == "liquidations")

    def converter(self, head: FileHead) -> Converter:
        return self._make({name: column for column, name in enumerate(head.fields())})


def _common(at: Mapping[str, int]) -> dict[str, Source]:
    return {
        "ts_event": Epoch(at["timestamp"], "us"),
        "ts_init": Epoch(at["local_timestamp"], "us"),
        SYMBOL: Category(at["symbol"]),
    }


def _rows(cls: type[MarketEvent], fields: Callable[[Mapping[str, int]], dict[str, Source]]) -> Callable[..., Converter]:
    return lambda at: RowConverter(cls, _common(at) | fields(at), header_lines=1)


def _trade(at: Mapping[str, int]) -> dict[str, Source]:
    return _liquidation(at) | {"trade_id": Text(at["id"])}


def _liquidation(at: Mapping[str, int]) -> dict[str, Source]:
    return {"price": Number(at["price"]), "size": Number(at["amount"]), "side": SideOf(at["side"], _SIDES)}


def _quote(at: Mapping[str, int]) -> dict[str, Source]:
    return {
        "bid_price": Number(at["bid_price"]),
        "bid_size": Number(at["bid_amount"]),
        "ask_price": Number(at["ask_price"]),
        "ask_size": Number(at["ask_amount"]),
    }


def _ticker(at: Mapping[str, int]) -> Converter:
    return DerivativeTicker(
        _common(at)
        | {
            "rate": Number(at["funding_rate"]),
            "next_funding_ns": Epoch(at["funding_timestamp"], "us", empty_ns=0),
            "open_interest": Number(at["open_interest"]),
            "mark_price": Number(at["mark_price"]),
            "index_price": Number(at["index_price"]),
        }
    )


def _incremental(at: Mapping[str, int]) -> Converter:
    return IncrementalBook(
        _common(at)
        | {
            "is_snapshot": Flag(at["is_snapshot"]),
            "side": SideOf(at["side"], _BOOK_SIDES),
            "price": Number(at["price"]),
            "size": Number(at["amount"]),
        }
    )


def _snapshots(at: Mapping[str, int]) -> Converter:
    depth = next(level for level in count() if not at.keys() >= set(level_names(level)))
    levels = {name: Number(at[name]) for level in range(depth) for name in level_names(level)}
    return BookSnapshots(_common(at) | levels, depth)


FORMATS = [
    TardisFormat("trades", _TRADE_COLUMNS, _rows(TradeEvent, _trade)),
    TardisFormat("liquidations", _TRADE_COLUMNS, _rows(LiquidationEvent, _liquidation), file_word="liquidations"),
    TardisFormat("quotes", ("ask_amount", "ask_price", "bid_price", "bid_amount"), _rows(TickEvent, _quote)),
    TardisFormat("book_snapshot", level_names(0), _snapshots),
    TardisFormat("incremental_book_L2", ("is_snapshot", "side", "price", "amount"), _incremental),
    TardisFormat(
        "derivative_ticker",
        ("funding_timestamp", "funding_rate", "open_interest", "index_price", "mark_price"),
        _ticker,
    ),
]
