from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from quantai.events import Event, GapEvent
from quantai.events.bus.redis.counters import RedisCounters
from quantai.events.bus.redis.outbox import Losses, Outbox
from quantai.events.codec import decode
from tests.events.bus.conftest import numbers, trade


@given(
    steps=st.lists(st.sampled_from(["put", "put", "put", "pack", "sent"]), max_size=60),
    limit=st.integers(1, 6),
    size=st.integers(1, 4),
    entries=st.integers(1, 3),
)
def test_what_is_put_is_sent_in_order_or_counted_as_dropped(
    steps: list[str], limit: int, size: int, entries: int
) -> None:
    counters = RedisCounters()
    outbox = Outbox("key", "origin", limit, counters)
    arrived: list[Event] = []
    put = next_sequence = 0
    for step in [*steps, *["pack", "sent"] * len(steps)]:
        if step == "put":
            outbox.put(trade(put))
            put += 1
        elif step == "pack":
            before = list(outbox.on_its_way)
            packed = outbox.pack(size, entries)
            assert packed[: len(before)] == before  # what was tried already stays as it was
            assert len(packed) <= entries
            assert all(1 <= entry.events <= size for entry in packed)
        else:
            for entry in outbox.on_its_way:
                assert entry.sequence == next_sequence  # no holes, whatever was dropped
                next_sequence += entry.events
                arrived += decode(entry.payload)
            outbox.sent()
        assert len(outbox) <= limit + size * entries
    assert len(outbox) == 0
    assert numbers(arrived) == sorted(set(numbers(arrived)))
    assert counters.published == len(arrived)
    assert counters.dropped + counters.published == put
    assert sum(gap.lost for gap in outbox.losses.take("x", 1, "y")) == counters.dropped


def test_losses_are_spans_of_each_instrument_and_told_once() -> None:
    losses = Losses()
    assert not losses
    for event in (trade(5), trade(3), trade(9, "A/B"), GapEvent("x", 1, 1, "v", "s", 1, 2)):
        losses.add(event)
    assert losses
    assert losses.take("me", 7, "why") == [
        GapEvent("me", 7, 7, "binance", "BTC/USDT", 3, 5, 2, "why"),
        GapEvent("me", 7, 7, "binance", "A/B", 9, 9, 1, "why"),
    ]
    assert losses.take("me", 8, "why") == []
