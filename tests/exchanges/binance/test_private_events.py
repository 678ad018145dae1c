"""Each private event once, whatever comes between."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantai.core.clock import NS_PER_SECOND, SimulatedClock
from quantai.core.errors import NumberError
from quantai.exchanges.binance.private_events import PrivateEvents
from quantai.exchanges.binance.private_messages import NO_EVENT, SpotFrame
from quantai.exchanges.execution import ExecType, ExecutionReport
from quantai.exchanges.mapper import InstrumentMapper
from tests.exchanges.binance.test_reports import FILL, SPOT, TS_MS, USDM

CAPTURES = Path(__file__).parents[4] / "shared/captures"


class Listener:
    """What private events told."""

    def __init__(self) -> None:
        self.clock = SimulatedClock(10**18)
        self.reports: list[ExecutionReport] = []
        self.changes: list[str] = []
        self.stream: list[str] = []
        mapper = InstrumentMapper("binance", [("BTC/USDT", "BTCUSDT")])
        self.events = PrivateEvents(mapper, self.clock, self.reports.append, self.changes.append, self.stream.append)

    def take(self, *events: Any) -> list[ExecType]:
        for event in events:
            self.events.take(json.dumps(event).encode())
        return [report.exec_type for report in self.reports]


def usdm(**fields: Any) -> dict[str, Any]:
    return {"e": "ORDER_TRADE_UPDATE", "T": TS_MS, "E": TS_MS, "o": USDM | fields}


def test_an_event_that_comes_over_two_connections_is_told_once() -> None:
    told = Listener()
    fill = SPOT | FILL | {"I": 6}
    assert told.take(SPOT, fill, SPOT, fill) == [ExecType.NEW, ExecType.TRADE]
    assert told.events.counts["doubles"] == 2
    assert told.take(usdm(), usdm(**FILL), usdm(), usdm(**FILL))[2:] == [ExecType.NEW, ExecType.TRADE]


def test_two_fills_of_an_order_are_two() -> None:
    told = Listener()
    second = FILL | {"t": 901, "z": "1", "X": "FILLED"}
    assert told.take(SPOT | FILL | {"I": 6}, SPOT | second | {"I": 7}) == [ExecType.TRADE, ExecType.TRADE]
    assert told.take(usdm(**FILL), usdm(**second))[2:] == [ExecType.TRADE, ExecType.TRADE]


def test_two_changes_of_an_order_are_two() -> None:
    told = Listener()
    first, second = usdm(x="AMENDMENT", q="2"), usdm(x="AMENDMENT", q="3")
    assert told.take(first, second) == [ExecType.REPLACED, ExecType.REPLACED]


def test_an_order_that_the_venue_makes_is_told_to_people_once(caplog: pytest.LogCaptureFixture) -> None:
    told = Listener()
    told.take(usdm(c="autoclose-1", i=77), usdm(c="autoclose-1", i=77, **FILL), usdm(c="mine", i=78))
    [record] = caplog.records
    assert (record.levelname, record.message) == (
        "ERROR", "Binance itself closes a position in BTCUSDT: autoclose-1",
    )  # fmt: skip


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("quantai.exchanges.binance.private_events._MAX_SEEN", 3)
    told = Listener()
    told.take(*(SPOT | {"i": number} for number in range(10)))
    assert len(told.events._seen) == 3


def test_the_fast_fill_is_left_to_the_one_that_has_its_fee() -> None:
    told = Listener()
    lite = {"e": "TRADE_LITE", "E": TS_MS, "T": TS_MS, "s": "BTCUSDT", "q": "1", "p": "0", "m": False, "c": "own1",
            "S": "SELL", "L": "100.25", "l": "0.4", "t": 900, "i": 77}  # fmt: skip
    assert told.take(lite, usdm(**FILL)) == [ExecType.TRADE]
    assert told.reports[0].fee > 0
    assert told.events.counts["lite"] == 1


@pytest.mark.parametrize(
    "event",
    [
        {"e": "balanceUpdate", "E": TS_MS, "a": "BTC", "d": "100", "T": TS_MS},
        {"e": "externalLockUpdate", "E": TS_MS, "a": "BTC", "d": "1", "T": TS_MS},
        {"e": "ACCOUNT_UPDATE", "E": TS_MS, "T": TS_MS, "a": {"m": "FUNDING_FEE", "B": [], "P": []}},
    ],
)
def test_money_that_moves_without_an_order_makes_the_account_be_compared(event: Any) -> None:
    told = Listener()
    assert told.take(event) == []
    assert len(told.changes) == 1


def test_money_that_moves_with_an_order_is_told_by_its_fill() -> None:
    told = Listener()
    told.take(
        {"e": "ACCOUNT_UPDATE", "E": TS_MS, "T": TS_MS, "a": {"m": "ORDER", "B": [], "P": []}},
        {"e": "outboundAccountPosition", "E": TS_MS, "u": TS_MS, "B": []},
    )
    assert told.changes == []


@pytest.mark.parametrize("kind", ["eventStreamTerminated", "listenKeyExpired", "serverShutdown"])
def test_what_is_about_the_stream_is_handed_on(kind: str) -> None:
    told = Listener()
    told.take({"e": kind, "E": TS_MS})
    assert told.stream == [kind]


def test_an_event_of_a_new_kind_is_passed_over() -> None:
    told = Listener()
    assert told.take({"e": "NOVELTY", "E": TS_MS}, {}) == []
    assert told.events.counts["passed_over"] == 2


def test_an_order_of_which_an_impossible_thing_is_said_is_asked_for() -> None:
    told = Listener()
    with pytest.raises(NumberError):
        told.take(SPOT | FILL | {"l": "NaN"})
    [report] = told.reports
    assert (report.exec_type, report.client_order_id, report.venue_order_id) == (ExecType.UNKNOWN, "own1", "77")


@pytest.mark.parametrize(
    "frame",
    [
        b"garbage", b"", b"[]", b'{"e":7}', b'{"e":"executionReport"}', b"\xff\xfe", b"[" * 100_000,
        json.dumps(SPOT | {"S": "HOLD"}).encode(), json.dumps(SPOT | {"i": "x"}).encode(),
        json.dumps(SPOT)[:-9].encode(), json.dumps({"e": "ORDER_TRADE_UPDATE", "o": []}).encode(),
    ],
)  # fmt: skip
def test_what_cannot_be_read_makes_the_account_be_compared(frame: bytes) -> None:
    told = Listener()
    with pytest.raises((msgspec.DecodeError, UnicodeDecodeError, RecursionError)):
        told.events.take(frame)
    assert told.reports == []
    assert len(told.changes) == 1
    assert told.take(SPOT) == [ExecType.NEW]  # the stream goes on


def test_a_fill_that_nobody_could_take_makes_the_account_be_compared() -> None:
    told = Listener()

    def refuse(report: ExecutionReport) -> None:
        raise RuntimeError("the books are closed")

    told.events._on_report = refuse
    with pytest.raises(RuntimeError, match="closed"):
        told.take(usdm())
    assert told.changes == ["an event that could not be taken"]
    assert told.events.counts["lost"] == 1


def test_a_flood_of_garbage_is_told_of_every_ten_seconds() -> None:
    told = Listener()
    for _ in range(100):
        with pytest.raises(msgspec.DecodeError):
            told.events.take(b"garbage")
    assert (len(told.changes), told.events.counts["lost"]) == (1, 100)
    told.clock.advance_to(10**18 + 10 * NS_PER_SECOND)
    with pytest.raises(msgspec.DecodeError):
        told.events.take(b"garbage")
    assert len(told.changes) == 2


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_nothing_but_what_is_said_is_raised(frame: bytes) -> None:
    told = Listener()
    try:
        told.events.take(frame)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, NumberError):
        return
    assert told.reports == []


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(SPOT)), st.none() | st.integers() | st.text(max_size=5), max_size=3))
def test_an_event_with_other_values_is_told_or_refused(fields: dict[str, Any]) -> None:
    told = Listener()
    try:
        told.take(SPOT | {"x": "TRADE", "l": "1", "L": "1", "t": 3} | fields | {"e": "executionReport"})
    except (msgspec.DecodeError, NumberError):
        assert told.reports or told.changes


def captured() -> list[dict[str, Any]]:
    """Every event in the captures' private streams."""
    events = []
    for path in sorted(CAPTURES.glob("binance*/ws_private/nautilus/*.json")):
        frame = json.loads(path.read_text())
        events.append(frame.get("event", frame))
    return events


def test_captured_private_events_are_all_understood() -> None:
    told = Listener()
    for event in captured():
        before = len(told.reports)
        told.take(event)
        is_order = event["e"] in ("executionReport", "ORDER_TRADE_UPDATE", "ALGO_UPDATE")
        assert len(told.reports) - before == is_order, event
    assert told.events.counts["lost"] == 0
    assert ExecType.UNKNOWN not in [each.exec_type for each in told.reports]


def test_captured_answers_of_the_websocket_api_are_read() -> None:
    for path in sorted(CAPTURES.glob("binance*/ws_private/jkorf/*.json")):
        for text in json.loads(path.read_text())["push"]:
            frame = msgspec.json.decode(text, type=SpotFrame)
            assert frame.event == NO_EVENT
            assert frame.status == 200, path.name
