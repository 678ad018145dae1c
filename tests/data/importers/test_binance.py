from __future__ import annotations

import pytest

from quantai.core.enums import Side
from quantai.core.errors import ConfigError
from quantai.events import BarEvent, TickEvent, TradeEvent
from tests.data.importers.fixture_types import Events, Run, RunOne, Write

NS_PER_MS = 1_000_000
SPOT_TRADES = (
    "51175358,17.80180000,5.69000000,101.29224200,1583709433583,True,True",
    "51175359,17.80200000,0.10000000,1.78020000,1583709433584,False,True",
)
FUTURES_TRADES = (
    "id,price,qty,quote_qty,time,is_buyer_maker",
    "28457,4.00000100,12.00000000,48.00,1499865549590,true",
    "28458,4.1,1,4.1,1499865549591,false",
)
SPOT_AGG = ("0,0.20000000,50.00000000,0,3,1608872400000,False,True",)
FUTURES_AGG = (
    "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker",
    "26129,0.01633102,4.70443515,27781,27781,1498793709153,true",
)
KLINE = "1601510340000,4.1507,4.1587,4.1506,4.1554,539.23,1601510399999,2240.39,13,401.82,1669.98,0"
KLINE_HEADER = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore"
)
BOOK_TICKER_HEADER = "update_id,best_bid_price,best_bid_qty,best_ask_price,best_ask_qty,transaction_time,event_time"


def test_buyer_is_maker_means_that_the_taker_sold(write: Write, run_one: RunOne, events: Events) -> None:
    run_one(write("BNBUSDT-trades-2020-03.csv", *SPOT_TRADES))
    first = 1583709433583 * NS_PER_MS
    assert events() == [
        TradeEvent("binance", "BTC/USDT", first, first, 17.8018, 5.69, Side.SELL, "51175358"),
        TradeEvent("binance", "BTC/USDT", first + NS_PER_MS, first + NS_PER_MS, 17.802, 0.1, Side.BUY, "51175359"),
    ]


@pytest.mark.parametrize(
    ("name", "lines", "format", "rows"),
    [
        ("BNBUSDT-trades-2020-03.zip", SPOT_TRADES, "binance_trades", 2),
        ("ETHUSDT-trades-2020-03-01.csv.gz", FUTURES_TRADES, "binance_trades", 2),
        ("renamed.csv", FUTURES_TRADES, "binance_trades", 2),
        ("BNBUSDT-aggTrades-2020-12.zip", SPOT_AGG, "binance_aggtrades", 1),
        ("BTCUSD_PERP-aggTrades-2020-12-25.csv", FUTURES_AGG, "binance_aggtrades", 1),
        ("BNBUSDT-1m-2020-10.zip", (KLINE,), "binance_klines", 1),
        ("BNBUSDT-1m-2023-10.csv", (KLINE_HEADER, KLINE), "binance_klines", 1),
        (
            "BTCUSDT-bookTicker-2023-08-06.csv",
            (BOOK_TICKER_HEADER, "1,100.0,5.0,100.5,3.0,1700000000000,1700000000001"),
            "binance_bookticker",
            1,
        ),
    ],
)
def test_dump_is_recognised_with_and_without_header(
    write: Write, run_one: RunOne, name: str, lines: tuple[str, ...], format: str, rows: int
) -> None:
    report = run_one(write(name, *lines))
    assert (report.format, report.rows_read, report.bad_rows) == (format, rows, 0)
    assert sum(report.rows_written.values()) == rows


@pytest.mark.parametrize(
    ("lines", "format"),
    [(SPOT_TRADES, "binance_trades"), (SPOT_AGG, "binance_aggtrades"), ((KLINE,), "binance_klines")],
)
def test_renamed_file_without_header_needs_the_family_only(
    write: Write, run_one: RunOne, run: Run, lines: tuple[str, ...], format: str
) -> None:
    path = write("data.csv", *lines)
    with pytest.raises(ConfigError, match=r"data\.csv has no format that was expected"):
        run(path)
    assert run_one(path, format="binance").format == format


def test_milliseconds_and_microseconds_are_told_apart_row_by_row(write: Write, run_one: RunOne, events: Events) -> None:
    path = write("BNBUSDT-trades-2025-01.csv", "1,2,3,6,1735689599999,True,True", "2,2,3,6,1735689600000123,True,True")
    run_one(path)
    assert [event.ts_event for event in events()] == [1735689599999000000, 1735689600000123000]


@pytest.mark.parametrize(
    ("open_time", "close_time", "end"),
    [
        (1601510340000, 1601510399999, 1601510400_000_000_000),
        (1735689600000000, 1735689659999999, 1735689660_000_000_000),
    ],
)
def test_bar_is_stamped_with_its_end(
    write: Write, run_one: RunOne, events: Events, open_time: int, close_time: int, end: int
) -> None:
    run_one(write("BNBUSDT-1m-2025-01.csv", f"{open_time},4.1,4.3,4.0,4.2,10,{close_time},1,2,3,4,0"))
    assert events() == [BarEvent("binance", "BTC/USDT", end, end, 60_000_000_000, 4.1, 4.3, 4.0, 4.2, 10.0)]


def test_book_ticker_has_both_times_and_crossed_rows_are_kept_and_counted(
    write: Write, run_one: RunOne, events: Events
) -> None:
    rows = ("1,100.5,5,100.0,3,1700000000000,1700000000007", "2,100,5,100.5,0,1700000000001,1700000000008")
    report = run_one(write("BTCUSDT-bookTicker-2023-11-14.csv", BOOK_TICKER_HEADER, *rows))
    ts_event, ts_init = 1700000000000 * NS_PER_MS, 1700000000007 * NS_PER_MS
    assert events()[0] == TickEvent("binance", "BTC/USDT", ts_event, ts_init, 100.5, 5.0, 100.0, 3.0)
    assert len(events()) == 2
    assert report.oddities == {"bid above ask": 1}


def test_files_of_two_markets_cannot_share_one_symbol(write: Write, run: Run) -> None:
    paths = [write(f"{name}-trades-2020-03.csv", *SPOT_TRADES) for name in ("BNBUSDT", "BTCUSDT")]
    with pytest.raises(
        ConfigError, match=r"no unified symbol is given for BTCUSDT \(BTC/USDT stands for BNBUSDT already\)"
    ):
        run(*paths)


def test_symbols_by_venue_name_are_taken_from_the_file_name(write: Write, run: Run, events: Events) -> None:
    lines = [(SPOT_TRADES[0],), (SPOT_TRADES[1],)]
    names = {"BNBUSDT": "BNB/USDT", "BTCUSDT": "BTC/USDT"}
    paths = [write(f"{name}-trades-2020-03.csv", *rows) for name, rows in zip(names, lines, strict=True)]
    run(*paths, symbols=names)
    assert [event.symbol for event in events()] == ["BNB/USDT", "BTC/USDT"]
