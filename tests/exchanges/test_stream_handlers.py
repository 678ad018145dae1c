"""Trades by their ids: each once, holes told and filled."""

from __future__ import annotations

import json
from typing import Any, cast

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantai.core.clock import NS_PER_SECOND
from quantai.events import MarketEvent
from quantai.exchanges.missed_trades import MissingTrades
from quantai.exchanges.stream_handlers import Handler, Output, TradeHandler
from quantai.exchanges.wire import Id, OddMessage


class Trade(msgspec.Struct):
    id: Id


class Trades(TradeHandler):
    message, past = Trade, list[Trade]

    def emit(self, trade: Trade, ts_ns: int) -> None:
        self._sink(cast(MarketEvent, trade.id))


class World:
    def __init__(self) -> None:
        self.given: list[Any] = []
        self.holes: list[MissingTrades] = []
        self.output = Output("pocket", self.given.append, on_missing=self.holes.append)
        self.trades = Trades(self.output, "BTC/USDT")

    def take(self, *ids: int, at_s: int = 0) -> None:
        for id_ in ids:
            self.trades.handle(_frame({"id": id_}), at_s * NS_PER_SECOND)

    def fetch(self, *ids: int) -> None:
        self.trades.handle_past(_frame([{"id": id_} for id_ in ids]), 0)

    def wanted(self) -> list[tuple[int, int]]:
        return [(hole.next_id, hole.end_id) for hole in self.holes]


def _frame(data: Any) -> bytes:
    return json.dumps({"stream": "trades:BTCUSDT", "data": data}).encode()


def test_a_trade_that_comes_twice_is_given_on_once() -> None:
    world = World()
    world.take(5, 6, 6, 5, 7)
    assert world.given == [5, 6, 7]
    assert world.output.counts.duplicates == 2
    assert world.holes == []


def test_a_hole_is_told_and_what_fills_it_given_on() -> None:
    world = World()
    world.take(5, 9)
    assert world.wanted() == [(6, 9)]
    assert world.output.counts.missing_trades == 3
    world.fetch(4, 5, 6, 7)
    assert world.wanted() == [(8, 9)]
    world.fetch(8, 9, 10)
    assert world.wanted() == [(9, 9)]
    assert world.given == [5, 9, 6, 7, 8]


def test_a_fetched_trade_that_cannot_be_given_on_fills_no_hole(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    world.take(5, 7)

    def refuse(trade: Trade, ts_ns: int) -> None:
        raise OddMessage("it has no price")

    monkeypatch.setattr(world.trades, "emit", refuse)
    with pytest.raises(OddMessage):
        world.fetch(6)
    assert world.wanted() == [(6, 7)]


def test_ids_of_a_hole_that_the_venue_does_not_have_are_nobodys() -> None:
    world = World()
    world.take(5, 9)
    world.fetch(7, 12)
    assert world.wanted() == [(9, 9)]
    assert world.given == [5, 9, 7]


def test_ids_that_begin_anew_are_taken_after_ten_seconds_and_told() -> None:
    world = World()
    world.take(1_000)
    world.take(5, at_s=10)
    world.take(5, at_s=11)
    world.take(6, at_s=11)
    assert world.given == [1_000, 5, 6]
    assert world.wanted() == [(0, 0)]
    assert world.output.counts.restarts == 1


def test_the_next_trade_tells_what_is_missing_once_there_was_one() -> None:
    world = World()
    assert not world.trades.knows_ids
    world.take(5)
    assert world.trades.knows_ids


@given(st.lists(st.integers(0, 30), max_size=30))
def test_whatever_comes_no_trade_is_given_on_twice_and_each_that_lacks_is_in_a_hole(ids: list[int]) -> None:
    world = World()
    world.take(*ids)
    assert len(world.given) == len(set(world.given))
    if ids:
        asked = {id_ for first, end in world.wanted() for id_ in range(first, end)}
        assert set(range(ids[0], max(ids) + 1)) == set(world.given) | asked


@pytest.mark.parametrize("frame", [b"", b"{}", b'{"data": {"id": -1}}', b'{"data": {"id": "x"}}', b'{"data": [1]}'])
def test_what_is_no_message_is_raised_and_changes_nothing(frame: bytes) -> None:
    world = World()
    with pytest.raises(msgspec.DecodeError):
        world.trades.handle(frame, 0)
    world.take(5)
    assert world.given == [5]


def test_a_handler_says_what_it_handles() -> None:
    class Nothing(Handler):
        pass

    with pytest.raises(TypeError, match="abstract method"):
        Nothing(World().output, "BTC/USDT")  # type: ignore[abstract]
