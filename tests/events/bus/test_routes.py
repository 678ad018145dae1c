from __future__ import annotations

from quantai.events import Event, TimerEvent
from quantai.events.bus import Subscription
from quantai.events.bus.routes import RouteTable, Step
from tests.events.bus.conftest import trade


def subscription(pattern: str) -> Subscription:
    return Subscription(pattern, lambda event: None, pattern)


def patterns(step: Step | None) -> list[str]:
    return [*step.subscription.patterns, *patterns(step.next)] if step is not None else []


def remembered(table: RouteTable) -> int:
    return sum(len(symbols) for venues in table.by_instrument.values() for symbols in venues.values())


def test_what_was_found_is_remembered_where_a_bus_may_look_itself() -> None:
    table = RouteTable()
    table.add(subscription("market.*"))
    found = table.find(trade(1))
    assert patterns(found) == ["market.*"]
    assert table.find(trade(2)) is found
    assert table.by_instrument[type(trade())]["binance"]["BTC/USDT"] is found


def test_events_without_venue_and_symbol_are_remembered_too() -> None:
    table = RouteTable()
    table.add(subscription("system.timer.a"))
    events: list[Event] = [TimerEvent("a", 1, 1, "x"), TimerEvent("a", 2, 2, "y"), TimerEvent("b", 1, 1, "x")]
    found = [table.find(event) for event in events]
    assert [patterns(step) for step in found] == [["system.timer.a"], ["system.timer.a"], []]
    assert found[0] is found[1]


def test_a_change_of_subscriptions_forgets() -> None:
    table = RouteTable()
    first, second = subscription("*"), subscription("market.*")
    table.add(first)
    assert patterns(table.find(trade())) == ["*"]
    table.add(second)
    assert patterns(table.find(trade())) == ["*", "market.*"]
    table.remove(first)
    table.remove(first)
    assert patterns(table.find(trade())) == ["market.*"]


def test_more_topics_than_may_be_remembered_are_forgotten_not_kept() -> None:
    table = RouteTable(max_topics=3)
    table.add(subscription("*"))
    for number in range(100):
        assert patterns(table.find(trade(symbol=f"S{number}/USDT"))) == ["*"]
        assert remembered(table) <= 3
