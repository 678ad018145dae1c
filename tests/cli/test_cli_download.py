"""`quantai data download` against a small venue on loopback: into the store by the door of imports, whole, once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from quantai.cli import run
from quantai.events.persistence import EventReader
from quantai.events.persistence.times import to_ns
from tests.exchanges.binance.conftest import SmallBinance

MS = 1_000_000
START_MS = to_ns("2020-01-01") // MS


class Venue(SmallBinance):
    """Trades once a minute from 2020-01-01T00:00 to 24:00, on a loop of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.url = ""
        self.lost: set[int] = set()
        self.breaks_at = 10**9
        self.answers |= {"klines": self._klines, "aggTrades": self._trades}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)

    def _klines(self, params: Mapping[str, str]) -> list[Any]:
        first, last = int(params["startTime"]), int(params["endTime"])
        minutes = [i for i in range(1440) if first <= START_MS + i * 60_000 <= last and i not in self.lost]
        return [
            [START_MS + i * 60_000, "1", "2", "0.5", "1.5", "7", START_MS + i * 60_000 + 59_999, "9", 1, "1", "1", "0"]
            for i in minutes[: int(params["limit"])]
        ]

    def _trades(self, params: Mapping[str, str]) -> Any:
        rows: list[dict[str, Any]] = [
            {"a": i, "p": "10", "q": "1", "f": i, "l": i, "T": START_MS + i * 60_000, "m": True}
            for i in range(1440) if i not in self.lost
        ]  # fmt: skip
        if "startTime" in params:
            rows = [row for row in rows if int(params["startTime"]) <= row["T"] <= int(params["endTime"])]
        rows = [row for row in rows if row["a"] >= int(params.get("fromId", 0))]
        if rows and rows[0]["a"] >= self.breaks_at:
            self.status = 400
            return {"code": -1121, "msg": "Invalid symbol."}
        return rows[: min(100, int(params["limit"]))]

    def start(self) -> str:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self.server.start_server(shutdown_timeout=0.1), self._loop).result()
        return str(self.server.make_url("")).rstrip("/")

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self.server.close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@pytest.fixture
def venue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Venue]:
    monkeypatch.chdir(tmp_path)
    made = Venue()
    made.url = made.start()
    yield made
    made.stop()


def download(venue: Venue, *arguments: str) -> int:
    rest = f"hosts.rest={venue.url}"
    return run(["data", "download", "binance", "BTC/USDT", *arguments, "--set", rest])


def stored() -> list[Any]:
    async def read() -> list[Any]:
        return [event async for event in EventReader("store").read_range()]

    return asyncio.run(read())


TRADES = ("--type", "trade", "--start", "2020-01-01", "--end", "2020-01-02")
BARS = ("--type", "bar", "--interval", "1m", "--start", "2020-01-01", "--end", "2020-01-02")


@pytest.mark.parametrize(("arguments", "path"), [(TRADES, "aggTrades"), (BARS, "klines")])
def test_what_is_downloaded_is_in_the_store_once(
    venue: Venue, arguments: tuple[str, ...], path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert download(venue, *arguments) == 0
    assert "1,440 " in capsys.readouterr().out
    events = stored()
    assert len(events) == 1440
    assert {(event.venue, event.symbol) for event in events} == {("binance", "BTC/USDT")}
    asked = venue.times(path)
    assert download(venue, *arguments) == 0
    assert "downloaded before, nothing to do" in capsys.readouterr().out
    assert (venue.times(path), stored()) == (asked, events)
    assert run(["data", "verify"]) == 0


def test_a_longer_range_asks_for_what_is_not_there(venue: Venue, capsys: pytest.CaptureFixture[str]) -> None:
    assert download(venue, "--type", "trade", "--start", "2020-01-01T03:00", "--end", "2020-01-01T04:30") == 0
    assert download(venue, *TRADES) == 0
    assert [event.trade_id for event in stored()] == [str(i) for i in range(1440)]


def test_a_download_that_broke_off_goes_on_where_it_was(venue: Venue, capsys: pytest.CaptureFixture[str]) -> None:
    venue.breaks_at = 900
    assert download(venue, *TRADES) == 3
    assert "what came before is kept, the same command goes on there" in capsys.readouterr().err
    assert [event.trade_id for event in stored()] == [str(i) for i in range(720)]  # two whole chunks of six hours
    venue.breaks_at, venue.status = 10**9, 200
    assert download(venue, *TRADES) == 0
    assert [event.trade_id for event in stored()] == [str(i) for i in range(1440)]


@pytest.mark.parametrize(
    ("arguments", "what"),
    [(TRADES, "2 trades are missing between 2020-01-01T12:00"), (BARS, "no bars of BTC/USDT between 2020-01-01T11:59")],
)
def test_a_hole_is_told(
    venue: Venue, arguments: tuple[str, ...], what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    venue.lost = {719, 720}  # on both sides of a chunk's end
    assert download(venue, *arguments) == 3
    out = capsys.readouterr().out
    assert f"the venue has a hole: {what}" in out
    assert out.count("hole") == 1
    assert len(stored()) == 1438


def test_bars_before_a_market_began_are_one_hole(venue: Venue, capsys: pytest.CaptureFixture[str]) -> None:
    assert download(venue, *BARS[:4], "--start", "2019-06-01", "--end", "2020-01-02") == 3
    out = capsys.readouterr().out
    assert "no bars of BTC/USDT between 2019-06-01T00:00:00 and 2020-01-01T00:00:00" in out
    assert out.count("hole") == 1


def test_events_may_be_of_another_name(venue: Venue) -> None:
    assert download(venue, *BARS, "--as", "my_binance") == 0
    assert {event.venue for event in stored()} == {"my_binance"}


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("binanse", "BTC/USDT", *TRADES), 2, "did you mean 'binance'"),
        (("synthetic", "BTC/USDT", *TRADES), 2, "synthetic has no trades to download; there is nothing"),
        (("binance", "BTC/USDT", *BARS[:2], *BARS[4:]), 2, "--interval is needed for bars"),
        (("binance", "BTC/USDT", *TRADES, "--interval", "1m"), 2, "for bars, and for nothing else"),
        (("binance", "BTC/USDT", *BARS[:3], "1", *BARS[4:]), 2, "--interval 1: a duration is"),
        (("binance", "BTC/USDT", "--type", "trade", "--start", "2020-01-02", "--end", "2020-01-01"), 2, "before --end"),
        (("binance", "BTC/USDT", *TRADES, "--store", "s3://bucket"), 2, "cannot be downloaded into"),
        (("binance", "BTC/USDT", *TRADES, "--set", "environment=mars"), 2, "--set environment: "),
        (("binance", "BTC/USDT", *TRADES, "--set", "environment"), 2, "must be KEY=VALUE"),
        (("binance", "BTC/USDT", *TRADES, "--set", "environment=["), 2, "is no YAML value"),
        (("binance", "BTC/USDT", *TRADES, "--set", "hosts=1", "--set", "hosts.rest=2"), 2, "is no YAML value"),
        (("binance", "BTC/USDT", *TRADES, "--set", "a=1", "--set", "a.b.c=2"), 2, "is no YAML value"),
        (("binance", "BTC/USDT", *TRADES, "--as", "A"), 2, "--as 'A' must be"),
    ],
)  # fmt: skip
def test_wrong_arguments_are_refused(
    arguments: tuple[str, ...], status: int, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert run(["data", "download", *arguments]) == status
    assert said in capsys.readouterr().err.replace("\n", " ")
    assert not (tmp_path / "store").exists()


def test_a_symbol_or_an_interval_that_the_venue_has_not_is_a_wrong_argument(
    venue: Venue, capsys: pytest.CaptureFixture[str]
) -> None:
    rest = f"hosts.rest={venue.url}"
    assert run(["data", "download", "binance", "BTC/USD", *TRADES, "--set", rest]) == 2
    assert "binance lists no BTC/USD; did you mean BTC/USDT?" in capsys.readouterr().err
    assert download(venue, "--type", "bar", "--interval", "7m", *BARS[4:]) == 2


def test_a_venue_that_cannot_be_reached_is_no_mistake_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    rest = "hosts.rest=http://127.0.0.1:1"
    assert run(["data", "download", "binance", "BTC/USDT", *TRADES, "--set", rest]) == 3
    assert "binance cannot be asked what it lists" in capsys.readouterr().err
