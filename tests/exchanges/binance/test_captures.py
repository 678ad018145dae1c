"""Real frames of Binance, where there are some, and some like them: all are decoded, and as plain JSON reads them."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from quantai.data.order_book import OrderBook
from quantai.events import Event, FundingRateEvent, OrderBookDeltaEvent, OrderBookSnapshotEvent, TickEvent, TradeEvent
from quantai.exchanges.binance.decoder import rest_frame
from tests.exchanges.binance.frames import World, agg_trade, depth, quote, snapshot, trade

CAPTURES = Path(__file__).resolve().parents[4] / "shared" / "captures"
OWN, OWN_COINM = "own", "binance_coinm/own"
THERE = [OWN, OWN_COINM, *(str(path.relative_to(CAPTURES)) for path in sorted(CAPTURES.glob("binance*/ws_public/*")))]
_SECTIONS = {"binance_usdm": 1, "binance_coinm": 2}

_EXACT = 5_000
_KINDS = {"rest_snapshot": "depthSnapshot"}

Line = dict[str, Any]


def lines(name: str) -> Iterator[Line]:
    """What a capture has, in the order of time; snapshots that lie in another file among them."""
    if name in (OWN, OWN_COINM):
        yield from own_lines() if name == OWN else own_coinm_lines()
        return
    path = CAPTURES / name
    found = list(_read(path))
    snapshots = path.parents[1] / "rest" / "depth_snapshots_2021.jsonl.gz"
    if "cryptofeed_2021" in name:
        found = sorted([*found, *_read(snapshots)], key=lambda line: line["t"])
    yield from found


def _read(path: Path) -> Iterator[Line]:
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as file:
        yield from map(json.loads, file)


def own_lines() -> Iterator[Line]:
    """A few seconds of a market, with what a capture begins with: updates that are older than the snapshot."""
    frames = [
        depth(1, 4, [["99", "9"]]),
        depth(5, 8, [["99.5", "1"]], [["101", "0"]]),
        quote(8, "100", "100.5"),
        trade(1),
        snapshot(6, [["100", "1"], ["99", "2"]], [["100.5", "1"], ["101", "3"]]),
        depth(9, 12, [["100", "0"]], [["102", "7"]]),
        trade(2, "100.5", "0.25", is_maker=False),
        agg_trade(7),
        quote(12, "99.5", "100.5"),
    ]
    yield from _as_lines(frames)


def own_coinm_lines() -> Iterator[Line]:
    """The same of COIN-M, where a chain is told by the update before, and sizes are contracts."""
    frames = [
        depth(40, 44, [["99.5", "7"]], pu=39, T=1),
        depth(48, 52, [["100", "12"]], [["101", "0"]], pu=44, T=2),
        quote(52, "100", "100.5", e="bookTicker", ps="BTCUSD", T=2),
        snapshot(50, [["100", "11"], ["99", "250"]], [["100.5", "3"], ["101", "80"]], E=3, T=3, pair="BTCUSD"),
        depth(57, 60, [["100", "0"]], [["102", "7"]], pu=52, T=4),
        trade(1, "100.5", "4", X="MARKET"),
        quote(60, "99", "100.5", e="bookTicker", ps="BTCUSD", T=4),
    ]
    yield from _as_lines([frame.replace(b"btcusdt", b"btcusd_perp") for frame in frames])


def _as_lines(frames: list[bytes]) -> Iterator[Line]:
    for number, frame in enumerate(frames):
        yield {"t": 1_700_000_000_000_000_000 + number, "d": "in", "raw": frame.decode()}


def frame_of(line: Line) -> bytes | None:
    """The bytes that a decoder gets of a line, None for what is no frame."""
    if line["d"] == "http":
        symbol = line.get("url", "").partition("symbol=")[2].partition("&")[0] or "BTCUSDT"
        symbol = json.loads(line["raw"]).get("symbol", symbol)
        return rest_frame(symbol, "depthSnapshot", line["raw"].encode())
    return line["raw"].encode() if line["d"] == "in" else None


@lru_cache(maxsize=1)
def frames_of(name: str) -> list[tuple[bytes, int]]:
    """The frames of a capture, and when they came."""
    return [(frame, line["t"] or 1) for line in lines(name) if (frame := frame_of(line)) is not None]


class Reading:
    """The same lines read with nothing but `json` and `Decimal`."""

    def __init__(self, name: str) -> None:
        self.kinds: Counter[str] = Counter()
        self.unfinished_bars = 0
        self.trades: list[tuple[str, str, str, str, int]] = []
        self.quotes: list[tuple[str, str, str, str, str]] = []
        self.texts: dict[str, tuple[dict[str, str], dict[str, str]]] = {}
        """Bids and asks by symbol, sizes by price, removed ones with a size of 0."""
        self.bests: dict[str, list[tuple[int, str, str]]] = {}
        self._early: dict[str, list[Line]] = {}
        self.ids: dict[str, int] = {}
        """Up to which update a book is."""
        for frame, _ in frames_of(name):
            self._take(json.loads(frame))

    def _take(self, message: Line) -> None:
        kind, data = message["stream"].split("@")[1], message["data"]
        symbol = message["stream"].split("@")[0].upper()
        self.kinds[kind] += 1
        self.unfinished_bars += kind == "kline_1m" and not data["k"]["x"]
        if kind in ("trade", "aggTrade") and data.get("X", "MARKET") == "MARKET":
            side = "sell" if data["m"] else "buy"
            self.trades.append((symbol, side, data["p"], data["q"], data["T"] * 1_000_000))
        elif kind == "bookTicker":
            bid, bid_size, ask, ask_size = (data[key] for key in "bBaA")
            self.quotes.append((symbol, bid, bid_size, ask, ask_size))
            self.bests.setdefault(symbol, []).append((data["u"], bid, ask))
        elif kind == "depth":
            if symbol in self.texts:
                self._apply(symbol, data)
            else:
                self._early.setdefault(symbol, []).append(data)
        elif kind == "depthSnapshot":
            self.texts[symbol] = dict(data["bids"]), dict(data["asks"])
            self.ids[symbol] = data["lastUpdateId"]
            for early in self._early.get(symbol, []):
                self._apply(symbol, early)

    def _apply(self, symbol: str, data: Line) -> None:
        if data["u"] > self.ids[symbol]:
            self.ids[symbol] = data["u"]
            for side, key in zip(self.texts[symbol], ("b", "a"), strict=True):
                side.update(data[key])

    @property
    def books(self) -> dict[str, tuple[dict[Decimal, Decimal], dict[Decimal, Decimal]]]:
        """Bids and asks by symbol."""
        return {symbol: (_present(bids), _present(asks)) for symbol, (bids, asks) in self.texts.items()}


def _present(side: dict[str, str]) -> dict[Decimal, Decimal]:
    return {Decimal(price): Decimal(size) for price, size in side.items() if Decimal(size)}


def decoded(name: str) -> World:
    """Everything through the decoder. Raises for the first frame that cannot be understood."""
    section = _SECTIONS.get(name.partition("/")[0], 0)
    world = World(is_futures=bool(section), section=section, unified=str, book_depth=1_000)
    for frame, ts_ns in frames_of(name):
        world.decoder.decode(frame, ts_ns)
    return world


@pytest.fixture(scope="module", params=THERE)
def both(request: pytest.FixtureRequest) -> tuple[str, World, Reading]:
    name: str = request.param
    return name, decoded(name), Reading(name)


def of(world: World, cls: type[Event]) -> list[Any]:
    return [event for event in world.events if type(event) is cls]


def test_nothing_is_dropped(both: tuple[str, World, Reading]) -> None:
    _, world, reading = both
    counts = world.counts
    assert counts.unknown == reading.kinds["ticker"]  # statistics of 24 h are no event
    assert counts.duplicates == counts.restarts == counts.one_sided == 0
    deltas, books = of(world, OrderBookDeltaEvent), of(world, OrderBookSnapshotEvent)
    if reading.kinds["depthSnapshot"]:
        assert len(books) == world.books.counts.snapshots
    others = len(world.events) - len(deltas) - len(books)
    silent = ("ticker", "depth", "depthSnapshot")
    made = sum(count for kind, count in reading.kinds.items() if kind not in silent) - reading.unfinished_bars
    assert others - len(of(world, FundingRateEvent)) == made - counts.not_market


def test_trades_are_as_plain_json_reads_them(both: tuple[str, World, Reading]) -> None:
    _, world, reading = both
    trades = [
        (event.symbol, str(event.side), float(event.price), float(event.size), event.ts_event)
        for event in of(world, TradeEvent)
    ]
    assert trades == [(symbol, side, float(p), float(q), ts) for symbol, side, p, q, ts in reading.trades]


def test_floats_are_the_texts_of_the_wire(both: tuple[str, World, Reading]) -> None:
    _, world, reading = both
    ticks = [
        (event.symbol, event.bid_price, event.bid_size, event.ask_price, event.ask_size)
        for event in of(world, TickEvent)
    ]
    assert ticks == [(symbol, *map(float, numbers)) for symbol, *numbers in reading.quotes]
    exact = [(symbol, *map(Decimal, numbers)) for symbol, *numbers in reading.quotes[:_EXACT]]
    assert [(symbol, *(Decimal(repr(number)) for number in numbers)) for symbol, *numbers in ticks[:_EXACT]] == exact


def test_books_end_as_an_independent_build_and_as_the_last_quote(both: tuple[str, World, Reading]) -> None:
    _, world, reading = both
    for symbol, (bids, asks) in reading.books.items():
        ours = OrderBook()
        for event in world.events:
            if isinstance(event, OrderBookSnapshotEvent) and event.symbol == symbol:
                ours.apply_snapshot(event)
            elif isinstance(event, OrderBookDeltaEvent) and event.symbol == symbol:
                ours.apply_delta(event)
        if not world.books.counts.snapshots:
            assert world.books.counts.refused_snapshots
            continue
        assert ours.bids() == [(float(p), float(bids[p])) for p in sorted(bids, reverse=True)]
        assert ours.asks() == [(float(p), float(asks[p])) for p in sorted(asks)]
        best = ours.best()
        assert best is not None
        *_, (_, bid, ask) = (quote for quote in reading.bests[symbol] if quote[0] <= reading.ids[symbol])
        assert (best[0][0], best[1][0]) == (float(bid), float(ask))


def test_the_kept_book_is_the_best_part_of_the_whole(both: tuple[str, World, Reading]) -> None:
    _, world, reading = both
    for book in world.books:
        if not book.is_valid:
            continue
        bids, asks = reading.books[book.symbol]
        assert len(bids)
        assert len(asks)
        book.publish_book(1)
        event = world.events.pop()
        assert isinstance(event, OrderBookSnapshotEvent)
        for ours, theirs, is_bid in ((event.bids, bids, True), (event.asks, asks, False)):
            best = sorted(theirs, reverse=is_bid)[: len(ours)]
            assert list(ours) == [(float(p), float(theirs[p])) for p in best]


def test_no_book_breaks(both: tuple[str, World, Reading]) -> None:
    _, world, _ = both
    assert (world.books.counts.gaps, world.books.counts.crossed, world.told) == (0, 0, [])


def test_expected_values_agree(both: tuple[str, World, Reading]) -> None:
    """With `expected.json`, which others computed; of our own frames, with what was written into them."""
    name, world, reading = both
    trades = [_canonical(event) for event in of(world, TradeEvent)]
    if name in (OWN, OWN_COINM):
        first, count = {OWN: ("BTCUSDT|sell|100.5|2", 3), OWN_COINM: ("BTCUSD_PERP|sell|100.5|4", 1)}[name]
        assert trades[0] == f"{first}|1699999999999000000"
        assert len(trades) == count
        return
    expected = json.loads((CAPTURES / "expected.json").read_text())[name]
    counted = {_KINDS.get(kind, kind): count for kind, count in expected["counts"].items()}
    if "cryptofeed_2021" in name:  # whose snapshots lie in a file of their own
        counted["depthSnapshot"] = len(expected["checks"])
    assert counted == reading.kinds + Counter(trade_X_INSURANCE_FUND=world.counts.not_market)
    assert len(trades) == expected["trades"]
    assert trades[:200] == expected["first_trades"]
    digest = hashlib.sha256("\n".join(trades[:200]).encode()).hexdigest()
    assert digest == expected["first_trades_sha256"]
    assert Counter(line.partition("|")[0] for line in trades) == expected["trades_by_symbol"]
    for symbol, check in expected["checks"].items():
        *_, last = (event.sequence for event in of(world, OrderBookDeltaEvent) if event.symbol == symbol)
        assert last == reading.ids[symbol] == check["last_u"]
    for symbol, book in expected["books"].items():
        bids, asks = reading.books[symbol]
        assert [len(bids), len(asks)] == book["levels"]
        assert [float(p) for p in sorted(bids, reverse=True)[:5]] == [float(p) for p, _ in book["bids"]]
        assert [float(p) for p in sorted(asks)[:5]] == [float(p) for p, _ in book["asks"]]


def _canonical(event: TradeEvent) -> str:
    price, size = (format(Decimal(repr(x)).normalize(), "f") for x in (event.price, event.size))
    return f"{event.symbol}|{event.side}|{price}|{size}|{event.ts_event}"
