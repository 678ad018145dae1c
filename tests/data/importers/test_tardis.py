from __future__ import annotations

import pytest

from quantai.core.enums import Side
from quantai.events import (
    FundingRateEvent,
    LiquidationEvent,
    MarkPriceEvent,
    OpenInterestEvent,
    OrderBookDeltaEvent,
    OrderBookSnapshotEvent,
    TickEvent,
    TradeEvent,
)
from tests.data.importers.fixture_types import Events, Run, RunOne, Write

HEADER = "exchange,symbol,timestamp,local_timestamp"
TRADES = f"{HEADER},id,side,price,amount"
BOOK = f"{HEADER},is_snapshot,side,price,amount"
TICKER = (
    f"{HEADER},funding_timestamp,funding_rate,predicted_funding_rate,open_interest,last_price,index_price,mark_price"
)
T = 1_583_020_803_000_000
NS = T * 1_000


def row(*rest: object, at: int = 0, symbol: str = "XBTUSD") -> str:
    return ",".join(map(str, ("bitmex", symbol, T + at, T + at + 7, *rest)))


def test_trade_has_the_venues_time_and_the_time_of_arrival(write: Write, run_one: RunOne, events: Events) -> None:
    report = run_one(
        write("trades.csv.gz", TRADES, row("a-b", "sell", 8531.5, 2152), row("", "unknown", 8531, 1, at=1))
    )
    assert report.format == "tardis_trades"
    assert events() == [
        TradeEvent("binance", "BTC/USDT", NS, NS + 7_000, 8531.5, 2152.0, Side.SELL, "a-b"),
        TradeEvent("binance", "BTC/USDT", NS + 1_000, NS + 8_000, 8531.0, 1.0, Side.UNKNOWN, ""),
    ]


def test_liquidations_are_told_from_trades_by_the_file_name(write: Write, run_one: RunOne, events: Events) -> None:
    report = run_one(write("bitmex_liquidations_2020-03-01_XBTUSD.csv", TRADES, row("x", "buy", 8531.5, 3)))
    assert report.format == "tardis_liquidations"
    assert events() == [LiquidationEvent("binance", "BTC/USDT", NS, NS + 7_000, 8531.5, 3.0, Side.BUY)]


def test_quote_columns_are_found_by_name(write: Write, run_one: RunOne, events: Events) -> None:
    run_one(write("q.csv", f"{HEADER},ask_amount,ask_price,bid_price,bid_amount", row(86, 6423, 6422.9, 112)))
    assert events() == [TickEvent("binance", "BTC/USDT", NS, NS + 7_000, 6422.9, 112.0, 6423.0, 86.0)]


def test_several_symbols_need_a_map_and_the_error_names_them(write: Write, run: Run) -> None:
    path = write(
        "t.csv",
        TRADES,
        row("1", "buy", 1, 1),
        row("2", "buy", 1, 1, symbol="ETHUSD"),
        row("3", "buy", 1, 1, symbol="LTC"),
    )
    (report,) = run(path, symbols={"XBTUSD": "BTC/USD:BTC"}).files
    assert report.status == "failed"
    assert "no unified symbol is given for ETHUSD, LTC" in report.error


def test_rows_of_several_symbols_go_to_their_streams(write: Write, run_one: RunOne, events: Events) -> None:
    path = write("t.csv", TRADES, row("1", "buy", 1, 1), row("2", "buy", 2, 1, symbol="ETHUSD"), row("3", "buy", 3, 1))
    run_one(path, symbols={"XBTUSD": "BTC/USD:BTC", "ETHUSD": "ETH/USD:ETH"})
    assert [(event.symbol, event.trade_id) for event in events()] == [
        ("BTC/USD:BTC", "1"), ("BTC/USD:BTC", "3"), ("ETH/USD:ETH", "2"),
    ]  # fmt: skip


def test_snapshot_levels_that_are_empty_are_left_out(write: Write, run_one: RunOne, events: Events) -> None:
    levels = ",".join(f"asks[{i}].price,asks[{i}].amount,bids[{i}].price,bids[{i}].amount" for i in range(3))
    path = write(
        "s.csv",
        f"{HEADER},{levels}",
        row(11, 1, 10, 2, 12, 3, 9, 4, "", "", 8, 5),
        row("", "", "", "", *[""] * 8, at=1),
    )
    report = run_one(path)
    assert report.format == "tardis_book_snapshot"
    assert events() == [
        OrderBookSnapshotEvent(
            "binance", "BTC/USDT", NS, NS + 7_000, ((10.0, 2.0), (9.0, 4.0), (8.0, 5.0)), ((11.0, 1.0), (12.0, 3.0))
        ),
        OrderBookSnapshotEvent("binance", "BTC/USDT", NS + 1_000, NS + 8_000, (), ()),
    ]


@pytest.mark.parametrize(
    ("cells", "why"),
    [
        ((11, 1, 10, 0, 12, 3, 9, 4), "bids has a price or amount that is not above 0"),
        ((11, 1, 10, "", 12, 3, 9, 4), "bids has a price or amount that is not above 0"),
        ((11, 1, "", "", 12, 3, 9, 4), "bids has a gap between its levels"),
        ((11, 1, 9, 1, 12, 3, 10, 4), "bids is not sorted from the best price"),
        ((12, 1, 9, 1, 11, 3, 8, 4), "asks is not sorted from the best price"),
    ],
)
def test_impossible_snapshot_is_a_bad_row(
    write: Write, run_one: RunOne, events: Events, cells: tuple[object, ...], why: str
) -> None:
    levels = ",".join(f"asks[{i}].price,asks[{i}].amount,bids[{i}].price,bids[{i}].amount" for i in range(2))
    report = run_one(write("s.csv", f"{HEADER},{levels}", row(11, 1, 10, 2, 12, 3, 9, 4), row(*cells, at=1)))
    assert [(bad.line, bad.why) for bad in report.bad_row_examples] == [(3, why)]
    assert len(events()) == 1


def test_rows_of_one_message_are_one_event(write: Write, run_one: RunOne, events: Events) -> None:
    path = write(
        "b.csv", BOOK,
        row("true", "ask", 12, 1), row("true", "ask", 11, 2), row("true", "bid", 9, 3), row("true", "bid", 10, 4),
        row("false", "ask", 12, 0, at=5), row("false", "bid", 10, 1, at=5), row("false", "ask", 11, 7, at=5),
        row("false", "bid", 8, 1, at=6),
    )  # fmt: skip
    assert run_one(path).rows_written == {"book": 1, "book_delta": 2}
    assert events() == [
        OrderBookSnapshotEvent(
            "binance", "BTC/USDT", NS, NS + 7_000, ((10.0, 4.0), (9.0, 3.0)), ((11.0, 2.0), (12.0, 1.0))
        ),
        OrderBookDeltaEvent("binance", "BTC/USDT", NS + 5_000, NS + 12_000, ((10.0, 1.0),), ((12.0, 0.0), (11.0, 7.0))),
        OrderBookDeltaEvent("binance", "BTC/USDT", NS + 6_000, NS + 13_000, ((8.0, 1.0),), ()),
    ]


def test_updates_before_the_first_snapshot_are_left_out_and_counted(
    write: Write, run_one: RunOne, events: Events
) -> None:
    path = write(
        "b.csv", BOOK, row("false", "bid", 8, 1), row("true", "bid", 9, 3, at=1), row("true", "ask", 10, 0, at=1)
    )
    report = run_one(path)
    assert report.oddities == {
        "update before the first snapshot, left out": 1,
        "empty level in a snapshot, left out": 1,
    }
    assert events() == [OrderBookSnapshotEvent("binance", "BTC/USDT", NS + 1_000, NS + 8_000, ((9.0, 3.0),), ())]


@pytest.mark.parametrize("rows_in_block", [1, 2, 3, 7])
def test_message_over_a_block_boundary_stays_whole(
    write: Write, run_one: RunOne, events: Events, monkeypatch: pytest.MonkeyPatch, rows_in_block: int
) -> None:
    rows = [row("true", "bid", 100 - level, 1) for level in range(10)]
    rows += [row("false", "bid", 100 - level, message, at=message) for message in (1, 2) for level in range(5)]
    monkeypatch.setattr("quantai.data.importers.file_import.BLOCK_BYTES", rows_in_block * 96)
    run_one(write("b.csv", BOOK, *rows))
    assert [len(event.bids) for event in events()] == [10, 5, 5]


def test_message_without_end_is_refused(write: Write, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("quantai.data.importers.tardis_book.MAX_MESSAGE_ROWS", 3)
    (report,) = run(write("b.csv", BOOK, *[row("true", "bid", 9, 1)] * 5)).files
    assert report.error.endswith("more than 3 rows have one local_timestamp")


def test_ticker_makes_events_of_what_changed(
    write: Write, run_one: RunOne, events: Events, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("quantai.data.importers.file_import.BLOCK_BYTES", 256)
    path = write(
        "d.csv", TICKER,
        row("", "", "", 100, 9, "", 10), row("", "", "", 100, 9.1, "", 10, at=1),
        row(T + 60, -0.0001, "", 100, 9, "", 10.5, at=2), row(T + 60, -0.0001, "", 101, 9, 10.4, 10.5, at=3),
    )  # fmt: skip
    run_one(path)
    at = [(NS + step * 1_000, NS + step * 1_000 + 7_000) for step in range(4)]
    assert [event for event in events() if isinstance(event, FundingRateEvent)] == [
        FundingRateEvent("binance", "BTC/USDT", *at[2], -0.0001, NS + 60_000)
    ]
    assert [event for event in events() if isinstance(event, MarkPriceEvent)] == [
        MarkPriceEvent("binance", "BTC/USDT", *at[0], 10.0, None),
        MarkPriceEvent("binance", "BTC/USDT", *at[2], 10.5, None),
        MarkPriceEvent("binance", "BTC/USDT", *at[3], 10.5, 10.4),
    ]
    assert [event for event in events() if isinstance(event, OpenInterestEvent)] == [
        OpenInterestEvent("binance", "BTC/USDT", *at[0], 100.0),
        OpenInterestEvent("binance", "BTC/USDT", *at[3], 101.0),
    ]
