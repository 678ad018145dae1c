"""A connector that streams, and what it gave."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any, TypeVar

from quantai.core.enums import Side
from quantai.core.numbers import to_decimal
from quantai.data.order_book import OrderBook
from quantai.events import (
    Event,
    GapEvent,
    MarketEvent,
    OrderBookDeltaEvent,
    OrderBookSnapshotEvent,
    TradeEvent,
)
from quantai.exchanges.base import Exchange, MarketDataConnector
from tests.venues.contract.stage import Stage

E = TypeVar("E", bound=Event)
Levels = list[tuple[Decimal, Decimal]]


class Streaming:
    """One connector."""

    def __init__(self, stage: Stage, exchange: Exchange, connector: MarketDataConnector) -> None:
        self.stage = stage
        self.exchange = exchange
        self.connector = connector
        self.events: list[MarketEvent] = []
        self.begun = 0
        """How much had been told when it stood."""

    def of(self, kind: type[E], symbol: str = "") -> list[E]:
        """The events of a kind and a symbol."""
        symbol = symbol or self.stage.symbol
        return [each for each in self.events if isinstance(each, kind) and each.symbol == symbol]

    async def comes(self, kind: type[E], times: int = 1, symbol: str = "") -> E:
        """The event, when so many have come."""
        await self.stage.until(lambda: len(self.of(kind, symbol)) >= times, f"no {kind.__name__} came")
        return self.of(kind, symbol)[times - 1]

    def gaps(self, symbol: str = "") -> list[GapEvent]:
        """The rows of the gap ledger since it stood: what went before that is missing, too."""
        symbol = symbol or self.stage.symbol
        return [each for each in self.stage.told[self.begun :] if isinstance(each, GapEvent) and each.symbol == symbol]

    def told(self, kind: type[E]) -> list[E]:
        """What was told of connections."""
        return [each for each in self.stage.told if isinstance(each, kind)]

    def book(self, symbol: str = "") -> tuple[Levels, Levels]:
        """The book that a listener has built by now."""
        symbol, book = symbol or self.stage.symbol, OrderBook()
        for event in self.events:
            if event.symbol == symbol and isinstance(event, OrderBookSnapshotEvent):
                book.apply_snapshot(event)
            elif event.symbol == symbol and isinstance(event, OrderBookDeltaEvent):
                book.apply_delta(event)
        return _exact(book.bids()), _exact(book.asks())

    def true_book(self, symbol: str = "") -> tuple[Levels, Levels]:
        """The venue's."""
        book = self.stage.loopback.engine.markets[symbol or self.stage.symbol].book
        return book.quotes(Side.BUY), book.quotes(Side.SELL)

    async def books_agree(self, symbol: str = "") -> None:
        """The book is the venue's, now or soon."""
        await self.stage.until(lambda: self.book(symbol) == self.true_book(symbol), "the books are not the same")

    async def trades_agree(self, since_id: int = 0, symbol: str = "") -> None:
        """Every trade of the venue came, once."""
        await self.stage.until(lambda: len(self.of(TradeEvent, symbol)) >= len(self.true_trades(since_id, symbol)))
        came = sorted(self.of(TradeEvent, symbol), key=lambda each: int(each.trade_id))
        assert [_trade(each) for each in came] == self.true_trades(since_id, symbol)

    def true_trades(self, since_id: int = 0, symbol: str = "") -> list[tuple[str, Decimal, Decimal, Side]]:
        """The venue's, by the ids of the stream: those of aggregates where it has these only."""
        tape = self.stage.loopback.engine.markets[symbol or self.stage.symbol].tape
        is_aggregate = "aggTrade" in self.stage.venue.streams["trade"]
        source: Any = tape.aggregates if is_aggregate else tape.trades
        return [
            (str(each.id), each.price, each.quantity, Side.SELL if each.is_buyer_maker else Side.BUY)
            for each in source
            if each.id > since_id
        ]

    def last_id(self, symbol: str = "") -> int:
        """Of the venue's newest trade."""
        return int(self.true_trades(0, symbol)[-1][0])


def _exact(levels: list[tuple[float, float]]) -> Levels:
    return [(to_decimal(price), to_decimal(size)) for price, size in levels]


def _trade(event: TradeEvent) -> tuple[str, Decimal, Decimal, Side]:
    return event.trade_id, to_decimal(event.price), to_decimal(event.size), event.side


def topic(stage: Stage, kind: str, symbol: str = "") -> str:
    """`market.trade.<venue>.<symbol>`."""
    return f"market.{kind}.{stage.venue.name}.{symbol or stage.symbol}"


@asynccontextmanager
async def streaming(stage: Stage, *kinds: str, **params: Any) -> AsyncIterator[Streaming]:
    """A connector that streams these kinds of the first market (`kind:symbol` of another), until the block ends."""
    exchange = await stage.exchange(**params)
    made = Streaming(stage, exchange, exchange.get_market_data_connector())
    topics = [topic(stage, *kind.split(":", 1)) for kind in kinds]
    await stage.run(made.connector.start(topics, made.events.append))
    running = asyncio.ensure_future(made.connector.run())
    try:
        # Every stream is there once it was asked for and time has passed for the answers.
        await stage.pass_time(1.0, 0.04)
        made.begun = len(stage.told)
        yield made
        assert not running.done(), "the connector ended by itself"
    finally:
        running.cancel()
        await asyncio.wait({running})
        await stage.run(made.connector.stop())
