"""No order on a market that is silent, or of which something is missing."""

from __future__ import annotations

import pytest

from quantai.events import ConnectedEvent, DisconnectedEvent, Event, GapEvent, StaleEvent
from quantai.oms.risk import freshness
from tests.oms.risk.desk import SELL, Desk, check
from tests.oms.world import BTC, PERP, SPOT, START_NS

SECOND = 1_000_000_000
NOW = (START_NS, START_NS)


def gap(venue: str = "binance", symbol: str = "BTC/USDT", component: str = "binance", reason: str = "") -> GapEvent:
    return GapEvent(component, *NOW, venue, symbol, START_NS - 1, START_NS, 3, reason)


def test_a_market_may_be_silent_for_so_long_and_no_longer() -> None:
    desk = Desk(check("stale_market", max_silence="2s"))
    desk.wait(2 * SECOND)
    assert desk.no(desk.order()) == ""
    desk.wait(1)
    assert desk.no(desk.order()) == "STALE_MARKET: nothing was seen for 2000000001ns, the limit is 2s"
    desk.quote(SPOT, 100, 100)
    assert desk.no(desk.order()) == ""


def test_without_a_limit_silence_is_none() -> None:
    desk = Desk(check("stale_market"))
    desk.wait(10**6 * SECOND)
    assert desk.no(desk.order()) == ""


def test_a_market_never_seen_is_silent() -> None:
    desk = Desk(check("stale_market", max_silence="1h"), price=0)
    assert desk.no(desk.order()).startswith("STALE_MARKET: nothing was seen")


@pytest.mark.parametrize(
    ("event", "blocked", "why"),
    [
        (gap(reason="resync"), {SPOT}, "events are missing (resync)"),
        (gap(symbol=""), {SPOT}, "events are missing (a gap)"),
        (gap(venue="okx", symbol=""), {BTC, PERP}, "events are missing (a gap)"),
        (gap(venue="", symbol="", component="redis bus"), {SPOT, BTC, PERP}, "events are missing (a gap)"),
        (StaleEvent("feeds", *NOW, "okx", "BTC/USDT", 5), {BTC}, "the stream is stale"),
        (DisconnectedEvent("okx", *NOW), {BTC, PERP}, "okx was disconnected"),
    ],
)
def test_what_is_missing_blocks_until_something_is_seen_again(event: Event, blocked: set[object], why: str) -> None:
    desk = Desk(check("stale_market"))
    desk.hear(event)
    for instrument in (SPOT, BTC, PERP):
        expected = f"STALE_MARKET: {why}, and nothing was seen since" if instrument in blocked else ""
        assert desk.no(desk.order(instrument=instrument)) == expected
    desk.wait(1)
    for instrument in (SPOT, BTC, PERP):
        desk.quote(instrument, 100, 100)
        assert desk.no(desk.order(instrument=instrument)) == ""


def test_what_was_seen_of_another_instrument_does_not_heal_this_one() -> None:
    desk = Desk(check("stale_market"))
    desk.hear(DisconnectedEvent("okx", *NOW))
    desk.wait(1)
    desk.quote(BTC, 100, 100)
    assert desk.no(desk.order(instrument=BTC)) == ""
    assert desk.no(desk.order(instrument=PERP)) != ""


@pytest.mark.parametrize("event", [gap(component="recorder"), ConnectedEvent("okx", *NOW)])
def test_what_only_the_recorder_lost_blocks_nothing(event: Event) -> None:
    desk = Desk(check("stale_market"))
    for each in desk.engine.checks:
        each.on_event(event, desk.view)
    assert desk.no(desk.order()) == ""


def test_who_only_reduces_may_get_out_of_a_stale_market() -> None:
    desk = Desk(check("stale_market", max_silence="1s"))
    desk.books.hold("alpha", SPOT, "2")
    desk.hear(gap())
    desk.wait(5 * SECOND)
    assert desk.no(desk.order(SELL, "2")) == ""
    assert desk.no(desk.order(SELL, "3")) != ""


def test_more_marks_than_there_are_markets_mark_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(freshness, "_MAX_MARKS", 2)
    desk = Desk(check("stale_market"))
    for symbol in ("A/B", "C/D"):
        desk.hear(gap(symbol=symbol))
    assert desk.no(desk.order()) == ""
    desk.hear(gap(symbol="E/F"))
    assert desk.no(desk.order(instrument=PERP)) != ""
    desk.wait(1)
    desk.quote(PERP, 100, 100)
    assert desk.no(desk.order(instrument=PERP)) == ""


def test_the_silence_is_told() -> None:
    desk = Desk(check("stale_market", max_silence="2s"))
    desk.wait(7)
    (number,) = desk.engine.check(desk.order()).numbers
    assert (number.what, number.value, number.limit) == ("silence in ns", 7, 2 * SECOND)
