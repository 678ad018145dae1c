"""The past comes page by page, whole, in order, and with its holes told."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import pytest

from quantai.core.enums import Side
from quantai.core.errors import ConfigError, UnknownInstrument, VenueError
from quantai.events import BarEvent, TradeEvent
from quantai.exchanges.binance import BinanceCoinm, BinanceSpot, BinanceUsdm
from quantai.exchanges.errors import MalformedReply
from quantai.exchanges.history import BarPage, History, Hole, TradePage
from tests.exchanges.binance.conftest import NOW_NS, World, btc_coin_perpetual, btc_perpetual

MINUTE = 60_000_000_000
MS = 1_000_000
HOUR = 60 * MINUTE
START = NOW_NS - NOW_NS % HOUR - 10 * HOUR


def klines(missing: Callable[[int], bool] = lambda minute: False) -> Callable[[Mapping[str, str]], Any]:
    """A venue that has a bar for each minute since START but for those that are missing."""

    def answer(params: Mapping[str, str]) -> list[Any]:
        first, last = int(params["startTime"]), int(params["endTime"])
        rows = [
            [open_ms, "10.0", "12.5", "9.0", "11.0", "3.5", open_ms + 59_999, "38.5", 4, "1", "11", "0"]
            for open_ms in range(max(START // MS, -(-first // 60_000) * 60_000), last + 1, 60_000)
            if not missing((open_ms - START // MS) // 60_000)
        ]
        return rows[: int(params["limit"])]

    return answer


def agg_trades(count: int, every_ms: int, undone: tuple[int, ...] = (), lost: tuple[int, ...] = ()) -> Any:
    """A venue that had `count` trades since START."""
    rows: list[dict[str, Any]] = [
        {"a": i, "p": "100.5", "q": "0" if i in undone else "0.25", "f": i, "l": i, "T": START // MS + i * every_ms,
         "m": i % 2 == 0, "M": True}
        for i in range(count) if i not in lost
    ]  # fmt: skip

    def answer(params: Mapping[str, str]) -> list[Any]:
        limit = int(params["limit"])
        if "fromId" in params:
            return [row for row in rows if row["a"] >= int(params["fromId"])][:limit]
        if "startTime" in params:
            first, last = int(params["startTime"]), int(params["endTime"])
            return [row for row in rows if first <= row["T"] <= last][:limit]
        return rows[-limit:]

    return answer


async def history(world: World, *, is_futures: bool = False) -> History:
    if is_futures:
        world.venue.answers["exchangeInfo"] = {"symbols": [btc_perpetual()]}
    exchange = world.exchange(BinanceUsdm if is_futures else BinanceSpot)
    await exchange.start()
    return exchange.get_history()


async def bars(pages: AsyncIterator[BarPage]) -> tuple[list[BarEvent], list[Hole]]:
    events: list[BarEvent] = []
    holes: list[Hole] = []
    async for page in pages:
        events += page.events
        holes += page.holes
    return events, holes


async def trades(pages: AsyncIterator[TradePage]) -> tuple[list[TradeEvent], list[Hole]]:
    events: list[TradeEvent] = []
    holes: list[Hole] = []
    async for page in pages:
        events += page.events
        holes += page.holes
    return events, holes


async def test_bars_of_many_pages_are_one_row(world: World) -> None:
    world.venue.answers["klines"] = klines()
    past = await history(world)
    found, holes = await bars(past.download_bars("BTC/USDT", MINUTE, START, START + 7 * HOUR))
    assert holes == []
    assert [bar.ts_event for bar in found] == [START + i * MINUTE for i in range(1, 7 * 60 + 1)]
    assert found[0] == BarEvent(
        "binance", "BTC/USDT", START + MINUTE, START + MINUTE, MINUTE, 10.0, 12.5, 9.0, 11.0, 3.5
    )


async def test_bars_beyond_one_page_are_asked_for_again(world: World) -> None:
    world.venue.answers["klines"] = lambda params: klines()({**params, "limit": "100"})  # a page shorter than asked
    past = await history(world)
    found, holes = await bars(past.download_bars("BTC/USDT", MINUTE, START, START + 5 * HOUR))
    assert (len(found), holes, world.venue.times("klines")) == (300, [], 3)


def newest_klines(listed_ns: int) -> Callable[[Mapping[str, str]], Any]:
    """COIN-M: daily bars since a day, of a range the newest ones; a range of more than 200 days is refused."""
    day_ms = 86_400_000

    def answer(params: Mapping[str, str]) -> list[Any]:
        first, last = int(params["startTime"]), int(params["endTime"])
        assert last - first <= 200 * day_ms, "-4088: Maximum time interval is 200 days."
        opens = range(max(listed_ns // MS, -(-first // day_ms) * day_ms), last + 1, day_ms)
        rows = [[ms, "10.0", "12.5", "9.0", "11.0", "700", ms + day_ms - 1, "63.6", 4, "1", "0.1", "0"] for ms in opens]
        return rows[-int(params["limit"]) :]

    return answer


async def coinm_history(world: World) -> History:
    world.venue.answers["exchangeInfo"] = {"symbols": [btc_coin_perpetual()]}
    exchange = world.exchange(BinanceCoinm)
    await exchange.start()
    return exchange.get_history()


async def test_coinm_bars_are_asked_for_so_that_the_oldest_come_first(world: World) -> None:
    day = 24 * HOUR
    start = START - START % day - 1_000 * day
    world.venue.answers["klines"] = newest_klines(start + 450 * day)
    past = await coinm_history(world)
    found, holes = await bars(past.download_bars("BTC/USD:BTC", day, start, start + 900 * day))
    assert [bar.ts_event for bar in found] == [start + i * day for i in range(451, 901)]
    assert [(hole.start_ns, hole.end_ns) for hole in holes] == [(start, start + 450 * day)]
    assert (found[0].venue, found[0].volume) == ("binance_coinm", 700.0)  # contracts


async def test_coinm_bars_of_minutes_come_in_whole_pages(world: World) -> None:
    answer = klines()
    world.venue.answers["klines"] = lambda asked: answer({**asked, "limit": "99999"})[-int(asked["limit"]) :]
    past = await coinm_history(world)
    found, holes = await bars(past.download_bars("BTC/USD:BTC", MINUTE, START - 30 * HOUR, START + 9 * HOUR))
    assert [bar.ts_event for bar in found] == [START + i * MINUTE for i in range(1, 9 * 60 + 1)]
    assert len(holes) == 1


async def test_bars_outside_of_what_was_asked_for_are_not_taken(world: World) -> None:
    day = 24 * HOUR
    start = START - START % day - 600 * day
    answer = newest_klines(start + 300 * day)
    later = answer(
        {"startTime": str((start + 400 * day) // MS), "endTime": str((start + 405 * day) // MS), "limit": "5"}
    )
    world.venue.answers["klines"] = lambda asked: answer(asked) or later
    past = await coinm_history(world)
    found, holes = await bars(past.download_bars("BTC/USD:BTC", day, start, start + 500 * day))
    assert [bar.ts_event for bar in found] == [start + i * day for i in range(301, 501)]
    assert [(hole.start_ns, hole.end_ns) for hole in holes] == [(start, start + 300 * day)]


async def test_missing_bars_are_a_hole_also_before_the_first_and_after_the_last(world: World) -> None:
    world.venue.answers["klines"] = klines(lambda minute: minute < 30 or 60 <= minute < 90 or minute >= 200)
    past = await history(world)
    found, holes = await bars(past.download_bars("BTC/USDT", MINUTE, START - HOUR, START + 5 * HOUR))
    assert len(found) == 140
    assert [(hole.start_ns - START, hole.end_ns - START) for hole in holes] == [
        (-HOUR, 30 * MINUTE), (60 * MINUTE, 90 * MINUTE), (200 * MINUTE, 300 * MINUTE),
    ]  # fmt: skip
    assert str(holes[0]).startswith("no bars of BTC/USDT between 2026-")


async def test_a_bar_that_is_not_finished_is_left_out(world: World) -> None:
    world.venue.answers["klines"] = klines()
    past = await history(world)
    found, _ = await bars(past.download_bars("BTC/USDT", MINUTE, NOW_NS - HOUR, NOW_NS + HOUR))
    assert found[-1].ts_event <= NOW_NS + 250 * MS < found[-1].ts_event + MINUTE


@pytest.mark.parametrize(
    "row",
    [[1, "1", "0.5", "1", "1", "1", 2, 0, 0, 0, 0, 0], [1, "NaN", "1", "1", "1", "1", 2, 0, 0, 0, 0, 0],
     [1, "1", "1", "1", "1", "-1", 2, 0, 0, 0, 0, 0], [1, 1, "1", "1", "1", "1", 2, 0, 0, 0, 0, 0], [1], None],
)  # fmt: skip
async def test_a_bar_that_is_none_is_malformed(world: World, row: Any) -> None:
    world.venue.answers["klines"] = [row]
    past = await history(world)
    with pytest.raises(MalformedReply):
        await bars(past.download_bars("BTC/USDT", MINUTE, START, START + HOUR))


async def test_the_same_page_twice_is_malformed(world: World) -> None:
    page = klines()({"startTime": str(START // MS), "endTime": str((START + HOUR) // MS), "limit": "10"})
    world.venue.answers["klines"] = page
    past = await history(world)
    with pytest.raises(MalformedReply, match="twice or out of order|ends before it"):
        await bars(past.download_bars("BTC/USDT", MINUTE, START, START + HOUR))


async def test_an_interval_that_the_venue_has_not_is_refused(world: World) -> None:
    past = await history(world, is_futures=True)
    with pytest.raises(ConfigError, match="no bars of 1s; there are 1m, 3m"):
        await bars(past.download_bars("BTC/USDT:USDT", 1_000_000_000, START, NOW_NS))


async def test_trades_are_found_by_time_and_followed_by_number(world: World) -> None:
    world.venue.answers["aggTrades"] = agg_trades(5_000, 2_000)
    past = await history(world)
    found, holes = await trades(past.download_trades("BTC/USDT", START + HOUR, START + 2 * HOUR))
    assert holes == []
    assert [trade.trade_id for trade in found] == [str(i) for i in range(1_800, 3_600)]
    first = found[0]
    assert first == TradeEvent("binance", "BTC/USDT", START + HOUR, START + HOUR, 100.5, 0.25, Side.SELL, "1800")
    assert found[1].side is Side.BUY


async def test_quiet_hours_before_the_first_trade_are_passed(world: World) -> None:
    world.venue.answers["aggTrades"] = agg_trades(10, 1)
    past = await history(world)
    found, _ = await trades(past.download_trades("BTC/USDT", START - 3 * HOUR, START + HOUR))
    assert len(found) == 10


async def test_a_start_between_two_bars_is_no_hole(world: World) -> None:
    world.venue.answers["klines"] = klines()
    past = await history(world)
    found, holes = await bars(past.download_bars("BTC/USDT", MINUTE, START + 1, START + 3 * MINUTE))
    assert ([bar.ts_event for bar in found], holes) == ([START + 2 * MINUTE, START + 3 * MINUTE], [])


async def test_where_the_venue_has_no_bars_that_is_told(world: World) -> None:
    world.venue.answers["klines"] = []
    past = await history(world)
    found, holes = await bars(past.download_bars("BTC/USDT", MINUTE, START, START + HOUR))
    assert (found, holes) == ([], [Hole(START, START + HOUR, "no bars of BTC/USDT")])


async def test_a_download_goes_on_after_a_number(world: World) -> None:
    world.venue.answers["aggTrades"] = agg_trades(3_000, 1_000, lost=(1_801,))
    past = await history(world)
    found, holes = await trades(past.download_trades("BTC/USDT", START + 1_802_000 * MS, START + HOUR, after="1800"))
    assert [found[0].trade_id, found[-1].trade_id] == ["1802", "2999"]
    assert [hole.what for hole in holes] == ["1 trades are missing"]


async def test_where_nothing_traded_nothing_is_found(world: World) -> None:
    world.venue.answers["aggTrades"] = agg_trades(10, 1)
    past = await history(world)
    assert await trades(past.download_trades("BTC/USDT", START + HOUR, START + 4 * HOUR)) == ([], [])


async def test_missing_numbers_are_a_hole_and_trades_that_were_undone_are_none(world: World) -> None:
    world.venue.answers["aggTrades"] = agg_trades(3_000, 1_000, undone=(1_500,), lost=(1_000, 1_001, 2_000))
    past = await history(world)
    found, holes = await trades(past.download_trades("BTC/USDT", START, START + HOUR))
    assert len(found) == 2_996
    assert [hole.what for hole in holes] == ["2 trades are missing", "1 trades are missing"]
    assert (holes[0].start_ns, holes[0].end_ns) == (START + 999_000 * MS, START + 1_002_000 * MS)


@pytest.mark.parametrize("start", [0, 1, 777, 1_999])
async def test_old_futures_trades_are_found_by_number(world: World, start: int) -> None:
    world.venue.answers["aggTrades"] = agg_trades(2_000, 1_000)
    past = await history(world, is_futures=True)
    world.clock.set_time(NOW_NS + 72 * HOUR)
    start_ns = START + start * 1_000 * MS
    found, holes = await trades(past.download_trades("BTC/USDT:USDT", start_ns - 1, start_ns + HOUR))
    assert holes == []
    assert [trade.trade_id for trade in found] == [str(i) for i in range(start, 2_000)]
    assert all("startTime" not in params for name, params in world.venue.asked if name == "aggTrades")


async def test_old_futures_trades_after_the_last_or_before_the_first_are_none(world: World) -> None:
    world.venue.answers["aggTrades"] = agg_trades(2_000, 1_000)
    past = await history(world, is_futures=True)
    world.clock.set_time(NOW_NS + 72 * HOUR)
    for start_ns in (START + 2_000_000 * MS, START - HOUR):
        assert await trades(past.download_trades("BTC/USDT:USDT", start_ns, start_ns + HOUR)) == ([], [])


async def test_futures_trades_that_the_venue_keeps_no_longer_are_an_error(world: World) -> None:
    answer = agg_trades(2_000, 1_000)
    world.venue.answers["aggTrades"] = lambda asked: [] if int(asked.get("fromId", "1999")) < 1_500 else answer(asked)
    past = await history(world, is_futures=True)
    world.clock.set_time(NOW_NS + 72 * HOUR)
    with pytest.raises(VenueError, match="BTCUSDT has trade 999 no longer: begin the download later"):
        await trades(past.download_trades("BTC/USDT:USDT", START, START + HOUR))


async def test_coinm_trades_of_the_last_year_are_found_by_time(world: World) -> None:
    world.venue.answers["aggTrades"] = agg_trades(2_000, 1_000)
    past = await coinm_history(world)
    world.clock.set_time(NOW_NS + 300 * 24 * HOUR)
    found, holes = await trades(past.download_trades("BTC/USD:BTC", START + 5_000 * MS, START + HOUR))
    assert ([trade.trade_id for trade in found], holes) == ([str(i) for i in range(5, 2_000)], [])


async def test_trades_out_of_order_are_malformed(world: World) -> None:
    rows = agg_trades(10, 1)({"fromId": "0", "limit": "10"})
    world.venue.answers["aggTrades"] = [*rows, rows[3]]
    past = await history(world)
    with pytest.raises(MalformedReply, match="trade 3 of BTC/USDT comes after 9"):
        await trades(past.download_trades("BTC/USDT", START, START + HOUR))


async def test_a_symbol_that_is_not_listed_is_refused(world: World) -> None:
    past = await history(world)
    with pytest.raises(UnknownInstrument, match=r"binance lists no BTC/USD; did you mean BTC/USDT\?"):
        await trades(past.download_trades("BTC/USD", START, START + HOUR))
