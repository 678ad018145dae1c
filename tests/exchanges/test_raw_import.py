from __future__ import annotations

import json
from pathlib import Path

import pytest

from quantai.cli import run
from quantai.config.schema.runtime import RecorderSection
from quantai.core.clock import NS_PER_SECOND, SimulatedClock
from quantai.core.enums import Side
from quantai.core.errors import ConfigError, StoreError
from quantai.events import Event, RawFrameEvent, TradeEvent
from quantai.events.bus.memory import MemoryEventBus
from quantai.events.persistence import EventReader, ParquetEventWriter
from quantai.exchanges.base import EventSink, Exchange, ExchangeContext
from quantai.exchanges.raw_import import import_raw
from quantai.exchanges.websocket.decoding import FrameDecoder
from quantai.exchanges.websocket.raw import RawTap

START_NS = 1_790_000_000 * NS_PER_SECOND


class Decoder(FrameDecoder):
    def __init__(self, venue: str, sink: EventSink) -> None:
        self._venue = venue
        self._sink = sink
        self._unknown = 0

    @property
    def unknown(self) -> int:
        return self._unknown

    def decode(self, frame: bytes, ts_init: int) -> None:
        found = json.loads(frame)
        if found["s"] == "GONE/USDT":
            self._unknown += 1
            return
        price = float(found["p"])
        self._sink(TradeEvent(self._venue, found["s"], ts_init, ts_init, price, 1.0, Side.BUY, found["t"]))


class Venue(Exchange):
    """Speaks JSON."""

    def frame_decoder(self, sink: EventSink) -> FrameDecoder:
        return Decoder(self._context.venue, sink)


def bound(clock: SimulatedClock) -> Venue:
    exchange = Venue()
    exchange.bind(ExchangeContext("loopback", clock=clock))
    return exchange


def frame(number: int, symbol: str = "BTC/USDT") -> str:
    return json.dumps({"s": symbol, "p": str(100 + number), "t": str(number)})


async def record(folder: Path, frames: list[str], patterns: list[str]) -> None:
    """As the daemon does: a tap publishes on the bus where a recorder wants it."""
    clock = SimulatedClock(START_NS)
    bus = MemoryEventBus(clock)
    async with ParquetEventWriter(folder, clock=clock) as writer:
        await bus.subscribe(patterns, writer.write_event, name="recorder")
        tap = RawTap("loopback", bus.post, bus.is_wanted)
        for number, text in enumerate(frames):
            if tap.is_wanted("public-1"):
                tap.record("public-1", text.encode(), START_NS + number * NS_PER_SECOND)
        await bus.join()


def trades(store: Path) -> list[Event]:
    return [event for batch in EventReader(store).read_batches(types=["trade"]) for event in batch]


async def test_recorded_frames_become_the_events_they_would_have_been(tmp_path: Path) -> None:
    frames = [frame(number, symbol) for number in range(50) for symbol in ("BTC/USDT", "ETH/USDT")]
    await record(tmp_path / "recorded", frames, ["market.*", "raw.*"])
    clock = SimulatedClock()
    report = import_raw(tmp_path / "recorded", tmp_path / "store", "loopback", bound(clock), clock)
    assert (report.rows_read, report.bad_rows, dict(report.rows_written)) == (100, 0, {"trade": 100})
    assert report.symbols == ("BTC/USDT", "ETH/USDT")
    expected: list[Event] = []
    decoder = Decoder("loopback", expected.append)
    for number, text in enumerate(frames):
        decoder.decode(text.encode(), START_NS + number * NS_PER_SECOND)
    assert trades(tmp_path / "store") == expected
    assert clock.now_ns() == START_NS + 99 * NS_PER_SECOND


async def test_nothing_raw_is_recorded_where_nobody_wants_it(tmp_path: Path) -> None:
    await record(tmp_path / "recorded", [frame(1)], ["market.*"])
    with pytest.raises(StoreError):
        import_raw(tmp_path / "recorded", tmp_path / "store", "loopback", bound(SimulatedClock()), SimulatedClock())


async def test_frames_that_the_decoder_refuses_are_told_and_the_others_imported(tmp_path: Path) -> None:
    await record(tmp_path / "recorded", [frame(0), "{", frame(2), "\x00"], ["raw.*"])
    clock = SimulatedClock()
    report = import_raw(tmp_path / "recorded", tmp_path / "store", "loopback", bound(clock), clock)
    assert (report.rows_read, report.bad_rows) == (4, 2)
    assert [bad.line for bad in report.bad_row_examples] == [2, 4]
    assert len(trades(tmp_path / "store")) == 2


async def test_frames_of_a_symbol_that_is_not_known_any_more_are_told(tmp_path: Path) -> None:
    await record(tmp_path / "recorded", [frame(0), frame(1, "GONE/USDT"), frame(2, "GONE/USDT")], ["raw.*"])
    clock = SimulatedClock()
    report = import_raw(tmp_path / "recorded", tmp_path / "store", "loopback", bound(clock), clock)
    assert dict(report.oddities) == {"frames of a stream or symbol that is not known, left out": 2}
    assert dict(report.rows_written) == {"trade": 1}


async def test_too_many_bad_frames_leave_nothing_behind(tmp_path: Path) -> None:
    await record(tmp_path / "recorded", [frame(0), "{", "{"], ["raw.*"])
    clock = SimulatedClock()
    with pytest.raises(StoreError, match="more than 1 bad rows"):
        import_raw(tmp_path / "recorded", tmp_path / "store", "loopback", bound(clock), clock, max_bad_frames=1)
    assert list((tmp_path / "store").rglob("*.parquet")) == []


async def test_what_is_there_is_not_imported_again_but_into_another_store_it_is(tmp_path: Path) -> None:
    await record(tmp_path / "recorded", [frame(0)], ["raw.*"])
    for _ in range(2):
        clock = SimulatedClock()
        if not (tmp_path / "store").exists():
            import_raw(tmp_path / "recorded", tmp_path / "store", "loopback", bound(clock), clock)
            continue
        with pytest.raises(StoreError, match="into another store"):
            import_raw(tmp_path / "recorded", tmp_path / "store", "loopback", bound(clock), clock)
        import_raw(tmp_path / "recorded", tmp_path / "another", "loopback", bound(clock), clock)
    assert trades(tmp_path / "store") == trades(tmp_path / "another")


def test_the_recorder_takes_raw_frames_where_it_is_told_to() -> None:
    assert RecorderSection().patterns == ["market.*"]
    assert RecorderSection(raw=True, topics=["market.trade.*"]).patterns == ["market.trade.*", "raw.*"]


async def test_a_frame_is_recorded_to_the_byte(tmp_path: Path) -> None:
    await record(tmp_path / "recorded", ['{"ü":"\\u0000 \\"", "p": 0.10}'], ["raw.*"])
    (event,) = [event for batch in EventReader(tmp_path / "recorded").read_batches() for event in batch]
    assert event == RawFrameEvent("loopback", "public-1", START_NS, START_NS, '{"ü":"\\u0000 \\"", "p": 0.10}')


def test_a_store_that_is_no_folder_is_refused(tmp_path: Path) -> None:
    clock = SimulatedClock()
    with pytest.raises(ConfigError, match="import into a local store"):
        import_raw(tmp_path, "s3://bucket", "loopback", bound(clock), clock)


class TestCommand:
    @pytest.fixture
    async def command(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """Without the venue, in a folder with a recording."""
        monkeypatch.chdir(tmp_path)
        await record(tmp_path / "recorded", [frame(0), frame(1)], ["raw.*"])
        (tmp_path / "own.yaml").write_text(
            "defaults: [config, _self_]\n"
            "exchanges:\n"
            f"  loopback: {{_target_: {__name__}.Venue, fees: {{maker: 0, taker: 0}}}}\n"
        )
        return ["data", "import", "--format", "raw", "recorded", "-cd", ".", "-cn", "own", "--venue"]

    def test_it_decodes_a_recording_into_a_store(
        self, command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert run([*command, "loopback", "--store", "new"]) == 0
        assert "recorded: raw, 2 rows read, 2 trade written" in capsys.readouterr().out
        assert len(trades(tmp_path / "new")) == 2

    @pytest.mark.parametrize(
        ("arguments", "told"),
        [
            (["loopbakc"], "did you mean loopback?"),
            (["loopback", "--symbol", "BTC/USDT"], "needs no symbols"),
        ],
    )
    def test_wrong_arguments_are_refused(
        self, command: list[str], arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert run([*command, *arguments]) == 2
        assert told in capsys.readouterr().err
