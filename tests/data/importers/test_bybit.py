from __future__ import annotations

from quantai.core.enums import Side
from quantai.events import TradeEvent
from tests.data.importers.fixture_types import Events, RunOne, Write

FUTURES = "timestamp,symbol,side,size,price,tickDirection,trdMatchID,grossValue,homeNotional,foreignNotional"


def future(time: str, trade_id: str, side: str = "Buy") -> str:
    return f"{time},BTCUSDT,{side},0.003,93530.00,PlusTick,{trade_id},28059000000,0.003,280.59"


def test_seconds_with_a_fraction_are_exact(write: Write, run_one: RunOne, events: Events) -> None:
    times = ["1735689600.0974", "1735689600.1446789", "1735689600.123456789", "1735689601"]
    report = run_one(write("BTCUSDT2025-01-01.csv.gz", FUTURES, *(future(time, time) for time in times)))
    assert report.format == "bybit_futures_trades"
    assert {event.trade_id: event.ts_event for event in events()} == {
        "1735689600.0974": 1735689600_097_400_000,
        "1735689600.1446789": 1735689600_144_678_900,
        "1735689600.123456789": 1735689600_123_456_789,
        "1735689601": 1735689601_000_000_000,
    }


def test_descending_file_comes_out_ascending(write: Write, run_one: RunOne, events: Events) -> None:
    lines = [future(f"{1735689600 + second}.5", str(second)) for second in reversed(range(50))]
    run_one(write("BTCUSDT2025-01-01.csv.gz", FUTURES, *lines))
    assert [int(event.trade_id) for event in events()] == list(range(50))


def test_columns_added_later_do_not_matter(write: Write, run_one: RunOne, events: Events) -> None:
    run_one(write("BTCUSDT2026-01-01.csv", f"{FUTURES},RPI", future("1735689600.5", "a", "Sell") + ",0"))
    ts = 1735689600_500_000_000
    assert events() == [TradeEvent("binance", "BTC/USDT", ts, ts, 93530.0, 0.003, Side.SELL, "a")]


def test_spot_file_is_in_milliseconds(write: Write, run_one: RunOne, events: Events) -> None:
    path = write(
        "BTCUSDT_2025-05-19.csv.gz", "id,timestamp,price,volume,side,rpi", "1,1747612800074,106453.8,0.003718,sell,0"
    )
    assert run_one(path, symbols={"BTCUSDT": "BTC/USDT"}).format == "bybit_spot_trades"
    ts = 1747612800_074_000_000
    assert events() == [TradeEvent("binance", "BTC/USDT", ts, ts, 106453.8, 0.003718, Side.SELL, "1")]
