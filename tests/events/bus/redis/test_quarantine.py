"""What cannot be read is counted, set aside and skipped."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from redis import Redis

from quantai.events import ErrorEvent, Event
from quantai.events.bus.redis.streams import Entry, parse_entry
from quantai.events.codec import CodecError, encode
from tests.events.bus.conftest import numbers, trade
from tests.events.bus.redis.conftest import OpenBus, gaps, pending, until

GOOD: dict[Any, Any] = Entry("elsewhere", 0, 2, encode([trade(1), trade(2)])).fields()


@pytest.mark.parametrize(
    ("changes", "reason", "events"),
    [
        ({"payload": b"\xc1garbage"}, "no events in msgpack", 2),
        ({"payload": b""}, "no events in msgpack", 2),
        ({"payload": msgspec.msgpack.encode([9, []])}, "upgrade QuantAI", 2),
        ({"payload": encode([trade(1)])}, "has 1 events and says that it has 2", 2),
        ({"count": 0}, "count 0", 1),
        ({"count": 10**15}, "count 1000000000000000", 1),
        ({"count": "two"}, "wrong field", 1),
        ({"sequence": -1}, "sequence -1", 1),
        ({"origin": ""}, "origin ''", 1),
        ({"origin": b"\xff"}, "wrong field", 1),
        ({"version": 2}, "entry has version 2, this program knows 1: upgrade", 1),
        ({"payload": None}, "no field 'payload'", 1),
        ({"version": None, "origin": None, "sequence": None, "count": None, "payload": None, "x": "y"}, "no field", 1),
    ],
)
@pytest.mark.parametrize("group", ["", "recorder"])
async def test_an_entry_that_is_not_ours_is_set_aside(
    open_bus: OpenBus, client: Redis, name: str, changes: dict[str, Any], reason: str, events: int, group: str
) -> None:
    seen: list[Event] = []
    errors: list[Event] = []
    handlers = {"market.*": seen.append, "system.error.*": errors.append}
    receiver = await open_bus(handlers, group=group, resume=bool(group))
    bad = {field: value for field, value in (GOOD | changes).items() if value is not None}
    bad_id: Any = client.xadd(f"{name}:market", bad)
    sender = await open_bus()
    await sender.publish(trade(3))
    await until(lambda: seen)
    assert numbers(seen) == [3]
    assert (receiver.counters.entries_quarantined, receiver.counters.quarantined) == (1, events)
    kept: Any = client.xrange(f"{name}:quarantine")
    ((_, record),) = kept
    assert (record[b"stream"], record[b"id"]) == (f"{name}:market".encode(), bad_id)
    assert reason in record[b"reason"].decode()
    for field, value in bad.items():
        assert record[b"field:" + field.encode()] == (value if isinstance(value, bytes) else str(value).encode())
    (error,) = errors
    assert isinstance(error, ErrorEvent)
    assert error.component == "redis bus"
    assert f"{name}:quarantine" in error.message
    if group:
        await until(lambda: pending(client, name) == 0)


async def test_one_bad_event_does_not_spoil_its_entry(open_bus: OpenBus, client: Redis, name: str) -> None:
    seen: list[Event] = []
    told: list[Event] = []
    receiver = await open_bus({"market.*": seen.append, "system.gap.*": told.append})
    strange = {"type": "StrangeEvent", "x": 1}
    events = [msgspec.to_builtins(trade(1)), strange, msgspec.to_builtins(trade(3))]
    client.xadd(f"{name}:market", Entry("elsewhere", 0, 3, msgspec.msgpack.encode([1, events])).fields())
    client.xadd(f"{name}:market", Entry("elsewhere", 3, 1, encode([trade(4)])).fields())
    await until(lambda: len(seen) == 3)
    assert numbers(seen) == [1, 3, 4]
    assert (receiver.counters.entries_quarantined, receiver.counters.quarantined) == (1, 1)
    assert gaps(told) == []


async def test_many_bad_entries_raise_one_alarm(open_bus: OpenBus, client: Redis, name: str) -> None:
    errors: list[Event] = []
    receiver = await open_bus({"*": errors.append})
    for _ in range(50):
        client.xadd(f"{name}:events", {"spam": "yes"})
    await until(lambda: receiver.counters.entries_quarantined == 50)
    assert len(errors) == 1
    assert client.xlen(f"{name}:quarantine") == 50


@settings(max_examples=30)
@given(
    fields=st.dictionaries(
        st.sampled_from([b"version", b"origin", b"sequence", b"count", b"payload", b"x"]),
        st.one_of(st.binary(max_size=12), st.integers(-5, 5).map(lambda number: str(number).encode())),
    )
)
def test_fields_are_an_entry_or_an_error(fields: dict[bytes, bytes]) -> None:
    try:
        entry = parse_entry(fields)
    except CodecError:
        return
    assert {str(key).encode(): value for key, value in entry.fields().items()}.keys() <= fields.keys()
