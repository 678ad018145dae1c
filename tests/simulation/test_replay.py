"""In which order a replay plays events and timers, as fast as possible on a simulated clock."""

from __future__ import annotations

import asyncio

import pytest

from quantai.core.errors import QuantAIError
from quantai.events import Event, MarketEvent, TimerEvent
from quantai.results.decisions import DecisionHash
from tests.oms.world import SPOT, START_NS, tick
from tests.simulation.replays import Player


async def test_events_come_in_order_at_their_own_time() -> None:
    player = Player(1, 5, 5, 9, 20)
    assert await player.play() == [1, 5, 5, 9, 20]
    assert player.replay.events == 5
    assert player.progress == [(0, 0, ""), (2, 5, ""), (4, 9, ""), (5, 20, "")]


async def test_timers_due_before_or_with_an_event_fire_before_it_in_order() -> None:
    player = Player(10, 20, 30)
    player.clock.call_at(START_NS + 20, player.mark)
    player.clock.call_at(START_NS + 15, player.mark)
    player.clock.call_at(START_NS + 20, player.arm)
    assert await player.play() == [10, "timer 15 at 15", "timer 20 at 20", "timer 20 at 20", 20, 30]


async def test_a_repeating_timer_fires_at_every_multiple_also_where_nothing_happens() -> None:
    player = Player(1, 35)
    player.clock.call_every(10, player.mark)
    assert await player.play() == [1, "timer 10 at 10", "timer 20 at 20", "timer 30 at 30", 35]


async def test_what_a_timer_publishes_is_handled_before_the_next_timer() -> None:
    player = Player(1, 30)
    order: list[str] = []

    async def slow(event: TimerEvent) -> None:
        await asyncio.sleep(0)
        order.append(f"handled {event.name}")

    def publish(due_ns: int) -> None:
        order.append(f"fired {due_ns - START_NS}")
        player.bus.post(TimerEvent("alpha", due_ns, due_ns, str(due_ns - START_NS)))

    await player.bus.subscribe("system.timer.*", slow)
    player.clock.call_at(START_NS + 10, publish)
    player.clock.call_at(START_NS + 20, publish)
    await player.play()
    assert order == ["fired 10", "handled 10", "fired 20", "handled 20"]


async def test_a_handler_that_suspends_holds_the_next_event_back() -> None:
    player = Player(1, 2, 3)
    order: list[str] = []

    async def slow(event: MarketEvent) -> None:
        order.append(f"begin {event.ts_init - START_NS}")
        await asyncio.sleep(0)
        order.append(f"end {event.ts_init - START_NS}")

    await player.bus.subscribe("market.*", slow)
    await player.play()
    assert order == ["begin 1", "end 1", "begin 2", "end 2", "begin 3", "end 3"]


async def test_stop_ends_it_before_the_next_event() -> None:
    player = Player(1, 2, 3, 4, 5)

    def stop(event: Event) -> None:
        player.replay.stop()

    await player.bus.subscribe("market.*", stop)
    assert await player.play() == [1]
    assert (player.source.taken, player.replay.events) == (1, 1)


async def test_only_what_somebody_subscribed_to_is_taken_from_the_source() -> None:
    player = Player(1, 2)
    await player.replay.run()
    assert player.replay.events == 0


async def test_data_that_goes_back_in_time_is_refused() -> None:
    with pytest.raises(QuantAIError, match="cannot go back"):
        await Player(5, 3).play()


async def test_settling_lets_time_pass_until_all_is_settled_and_no_further() -> None:
    player = Player(1)
    await player.play()
    for offset in (10, 20, 30):
        player.clock.call_at(START_NS + offset, player.mark)
    await player.replay.settle(lambda: "timer 20 at 20" in player.seen, limit_ns=1_000)
    assert player.seen == [1, "timer 10 at 10", "timer 20 at 20"]
    assert player.clock.now_ns() == START_NS + 20


async def test_settling_gives_up_at_its_limit_and_where_nothing_is_left_to_come() -> None:
    player = Player(1)
    await player.play()
    player.clock.call_every(10, player.mark)
    await player.replay.settle(lambda: False, limit_ns=25)
    assert player.seen == [1, "timer 10 at 10", "timer 20 at 20"]
    idle = Player(1)
    await idle.play()
    await idle.replay.settle(lambda: False, limit_ns=10**18)
    assert idle.clock.now_ns() == START_NS + 1


def test_a_decision_hash_depends_on_every_field_and_on_the_order() -> None:
    def digest(*prices: float) -> str:
        hashed = DecisionHash()
        for price in prices:
            hashed.update(tick(SPOT, price, 100))  # type: ignore[arg-type]
        return hashed.hexdigest()

    assert digest(1, 2) == digest(1, 2)
    assert len({digest(), digest(1, 2), digest(2, 1), digest(1)}) == 4
