from __future__ import annotations

from pathlib import Path

import pytest

from quantai.core.enums import Side
from quantai.core.errors import ConfigError
from quantai.data.imports import CsvMapping
from quantai.events import BarEvent, FundingRateEvent, TickEvent, TradeEvent
from tests.data.importers.fixture_types import Events, LoadMapping, Run, RunOne, Write

TRADE = """
type: trade
columns: {ts_event: time, price: px, size: qty, side: taker, trade_id: id}
time: {unit: ms}
side: {buy: [b, "0"], sell: [s], unknown: [ANY]}
"""
BAR = """
type: bar
columns: {ts_event: t, open: o, high: h, low: l, close: c, volume: v}
time: {unit: iso}
bar: {interval: 5m, time_is: TIME_IS}
"""
BAR_HEADER = "t,o,h,l,c,v"


@pytest.fixture
def mapping(tmp_path: Path) -> LoadMapping:
    def load(text: str) -> CsvMapping:
        path = tmp_path / "map.yaml"
        path.write_text(text)
        return CsvMapping.load(path)

    return load


def test_columns_are_found_by_name_in_any_order(
    write: Write, run_one: RunOne, events: Events, mapping: LoadMapping
) -> None:
    path = write("t.csv", "id,qty,px,time,taker", "7,2,1.5,1000000000001,b", "8,2,1.5,1000000000002,ANY")
    run_one(path, mapping=mapping(TRADE))
    first = 1000000000001 * 1_000_000
    assert events()[0] == TradeEvent("binance", "BTC/USDT", first, first, 1.5, 2.0, Side.BUY, "7")
    assert events()[1].side is Side.UNKNOWN


def test_columns_are_found_by_number_in_a_file_without_header(
    write: Write, run_one: RunOne, events: Events, mapping: LoadMapping
) -> None:
    text = 'type: trade\nhas_header: false\ndelimiter: ";"\ncolumns: {ts_event: 0, price: 2, size: 1}\ntime: {unit: s}'
    run_one(write("t.csv", "1605499846;3;15993.5"), mapping=mapping(text))
    ts = 1605499846_000_000_000
    assert events() == [TradeEvent("binance", "BTC/USDT", ts, ts, 15993.5, 3.0, Side.UNKNOWN, "")]


def test_one_column_can_hold_two_values(write: Write, run_one: RunOne, events: Events, mapping: LoadMapping) -> None:
    text = """
type: tick
columns:
  ts_event: time
  bid_price: {column: bid, split: _, part: 0}
  bid_size: {column: bid, split: _, part: 1}
  ask_price: {column: ask, split: _, part: 0}
  ask_size: {column: ask, split: _, part: 1}
time: {unit: s}
"""
    path = write(
        "t.csv", "time,bid,ask", "1625184000.5,2106.98_0.010133,2107.25_0.29", "1625184001,2106.98,2107.25_0.29"
    )
    report = run_one(path, mapping=mapping(text))
    ts = 1625184000_500_000_000
    assert events() == [TickEvent("binance", "BTC/USDT", ts, ts, 2106.98, 0.010133, 2107.25, 0.29)]
    assert [str(bad) for bad in report.bad_row_examples] == [
        f"{path}:3: bid_size cannot be read: it has no part 1 when split at '_'"
    ]


@pytest.mark.parametrize(("time_is", "end"), [("open", 1704150360), ("close", 1704150060)])
def test_bar_time_is_that_of_its_open_or_close(
    write: Write, run_one: RunOne, events: Events, mapping: LoadMapping, time_is: str, end: int
) -> None:
    run_one(
        write("b.csv", BAR_HEADER, "2024-01-01 23:01:00,1,3,0.5,2,10"), mapping=mapping(BAR.replace("TIME_IS", time_is))
    )
    ts = end * 1_000_000_000
    assert events() == [BarEvent("binance", "BTC/USDT", ts, ts, 300_000_000_000, 1.0, 3.0, 0.5, 2.0, 10.0)]


@pytest.mark.parametrize(
    ("text", "zone", "expected"),
    [
        ("2024-01-01T23:01:00.123456789", "UTC", 1704150060_123_456_789),
        ("2024-01-01 23:01:00.5+01:00", "UTC", 1704146460_500_000_000),
        ("2024-01-01T23:01:00Z", "America/Chicago", 1704150060_000_000_000),
        ("2024-01-01 17:01:00", "America/Chicago", 1704150060_000_000_000),
    ],
)
def test_iso_time_is_exact_and_local_only_without_a_zone(
    write: Write, run_one: RunOne, events: Events, mapping: LoadMapping, text: str, zone: str, expected: int
) -> None:
    mapped = BAR.replace("TIME_IS", "close").replace("unit: iso", f"unit: iso, timezone: {zone}")
    run_one(write("b.csv", BAR_HEADER, f"{text},1,3,0.5,2,10"), mapping=mapping(mapped))
    assert [event.ts_event for event in events()] == [expected]


def test_hour_that_happens_twice_is_a_bad_row(write: Write, run_one: RunOne, mapping: LoadMapping) -> None:
    mapped = BAR.replace("TIME_IS", "close").replace("unit: iso", "unit: iso, timezone: America/Chicago")
    times = ("2024-11-03 00:30:00", "2024-11-03 01:30:00", "2024-11-03 02:30:00", "2024-03-10 02:30:00")
    report = run_one(write("b.csv", BAR_HEADER, *(f"{time},1,3,0.5,2,10" for time in times)), mapping=mapping(mapped))
    assert [bad.line for bad in report.bad_row_examples] == [3, 5]
    assert "happens twice in America/Chicago" in report.bad_row_examples[0].why


@pytest.mark.parametrize(
    ("unit", "text"),
    [
        ("s", "1625184005.549000001"),
        ("ms", "1625184005549.000001"),
        ("us", "1625184005549000.001"),
        ("ns", "1625184005549000001"),
    ],
)
def test_number_times_are_exact_in_every_unit(
    write: Write, run_one: RunOne, events: Events, mapping: LoadMapping, unit: str, text: str
) -> None:
    mapped = mapping(f"type: funding_rate\ncolumns: {{ts_event: t, rate: r}}\ntime: {{unit: {unit}}}")
    run_one(write("f.csv", "t,r", f"{text},-0.0001"), mapping=mapped)
    assert events() == [FundingRateEvent("binance", "BTC/USDT", 1625184005549000001, 1625184005549000001, -0.0001, 0)]


def test_time_finer_than_a_nanosecond_is_a_bad_row(write: Write, run_one: RunOne, mapping: LoadMapping) -> None:
    path = write("t.csv", "id,qty,px,time,taker", "7,2,1,1000000000001.0000001,b", "8,2,1,1000000000002,b")
    (bad,) = run_one(path, mapping=mapping(TRADE)).bad_row_examples
    assert bad.why == "ts_event cannot be read: finer than a nanosecond"


def test_symbol_can_be_a_column(write: Write, run_one: RunOne, events: Events, mapping: LoadMapping) -> None:
    path = write("t.csv", "id,qty,px,time,taker,name", "7,2,1,1000000000001,b,XBT", "8,2,1,1000000000002,s,XET")
    mapped = mapping(TRADE.replace("price: px", "price: px, symbol: name"))
    report = run_one(path, mapping=mapped, symbols={"XBT": "BTC/USD", "XET": "ETH/USD"})
    assert report.symbols == ("BTC/USD", "ETH/USD")
    assert {event.trade_id: event.symbol for event in events()} == {"7": "BTC/USD", "8": "ETH/USD"}


def test_negative_prices_are_for_those_who_ask(
    write: Write, run_one: RunOne, run: Run, events: Events, mapping: LoadMapping
) -> None:
    path = write("t.csv", "id,qty,px,time,taker", "7,2,-37.63,1000000000001,b", "8,2,0.5,1000000000002,b")
    report = run_one(path, mapping=mapping(TRADE))
    assert [bad.why for bad in report.bad_row_examples] == ["price is -37.63, not above 0"]
    other = run_one(path, mapping=mapping(TRADE + "allow_negative_price: true"), symbol="CL/USD")
    assert (other.bad_rows, {event.price for event in events()}) == (0, {-37.63, 0.5})


def test_unknown_side_is_a_bad_row_that_says_what_is_known(write: Write, run_one: RunOne, mapping: LoadMapping) -> None:
    path = write("t.csv", "id,qty,px,time,taker", "7,2,1,1000000000001,b", "8,2,1,1000000000002,x")
    (bad,) = run_one(path, mapping=mapping(TRADE)).bad_row_examples
    assert (bad.line, bad.why) == (3, "side cannot be read: 'x' is none of 'b', '0', 's', 'ANY'")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("type: trade", "type: trades"), "type: Input should be 'trade', 'tick'"),
        (("columns:", "colums:"), "colums: there is no such key, did you mean columns?"),
        (("unit: ms", "units: ms"), "time.units: there is no such key, did you mean unit?"),
        (("unit: ms", "unit: ms, timezone: UTC+1"), "time.timezone: no time zone 'UTC+1'"),
        (("unit: ms", "unit: ms, timezone: Asia/Tokyo"), "a timezone goes with unit iso only"),
        (("price: px", "prize: px"), "columns.prize: a trade has no such field, did you mean price?"),
        (("price: px, ", ""), "columns: a trade needs price"),
        (("price: px", "price: -1"), "columns.price: Input should be greater than or equal to 0"),
        (("price: px", "price: [px]"), "columns.price: a column is its name, its number from 0, or {column"),
        (("price: px", "price: {column: px, split: _}"), "columns.price.part: Field required"),
        (('[b, "0"]', "[b, 0]"), "side.buy.1: Input should be a valid string"),
        (("sell: [s]", "sell: [b]"), "side: 'b' is named for two sides"),
        (("side: {buy", "side_: {buy"), "side_: there is no such key, did you mean side?"),
        (
            ("time: {unit: ms}", "time: {unit: ms}\nbar: {interval: 1m, time_is: open}"),
            "type bar and the key bar belong",
        ),
        (("type: trade", "type: trade\nhas_header: false"), "columns.ts_event: without a header columns are numbers"),
        (("type: trade", "type: trade\ndelimiter: ',,'"), "delimiter: String should have at most 1 character"),
        (("type: trade", "type: ["), "cannot be read as YAML"),
    ],
)
def test_each_mistake_in_a_mapping_is_told_in_one_line(
    mapping: LoadMapping, tmp_path: Path, change: tuple[str, str], told: str
) -> None:
    with pytest.raises(ConfigError) as error:
        mapping(TRADE.replace(*change))
    lines = [line for line in str(error.value).splitlines() if told in line]
    assert len(lines) == 1, str(error.value)
    assert lines[0].startswith(f"{tmp_path / 'map.yaml'}: ")


@pytest.mark.parametrize("interval", ["0m", "1", "m", "1w", "-1m", "1.5m"])
def test_interval_must_be_a_whole_number_of_a_unit(mapping: LoadMapping, interval: str) -> None:
    with pytest.raises(ConfigError, match=r"bar\.interval: .* is no interval such as 30s, 1m, 4h or 1d"):
        mapping(BAR.replace("5m", f'"{interval}"').replace("TIME_IS", "open"))


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ("id,qty,price,time,taker", "has no one column 'px' for price"),
        ("id,px,px,qty,time,taker", "has no one column 'px'"),
    ],
)
def test_column_must_be_in_the_header_once(
    write: Write, run: Run, mapping: LoadMapping, header: str, told: str
) -> None:
    with pytest.raises(ConfigError, match=told):
        run(write("t.csv", header, "1,2,3,4,5"), mapping=mapping(TRADE))


def test_mapping_and_another_format_exclude_each_other(write: Write, run: Run, mapping: LoadMapping) -> None:
    with pytest.raises(ConfigError, match="format 'binance' and a column mapping exclude each other"):
        run(write("t.csv", "id,qty,px,time,taker", "1,2,3,4,b"), mapping=mapping(TRADE), format="binance")


def test_column_number_must_be_in_the_file(write: Write, run: Run, mapping: LoadMapping) -> None:
    text = "type: trade\nhas_header: false\ncolumns: {ts_event: 0, price: 1, size: 2}\ntime: {unit: s}"
    with pytest.raises(ConfigError, match="no one column 2 for size: its first line has 2 columns, from 0"):
        run(write("t.csv", "1605499846,2"), mapping=mapping(text))
