"""Redis dies, refuses, hangs and returns; the daemon goes on and says what was lost."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from pydantic import SecretStr

from quantai.core.errors import StartupError
from quantai.events import ConnectedEvent, DisconnectedEvent, ErrorEvent, Event
from tests.events.bus.conftest import make_redis_bus, numbers, trade, unique_name
from tests.events.bus.redis.conftest import OpenBus, gaps, until
from tests.redis_server import RedisServer

SECRET = "open sesame"


@pytest.fixture(scope="module")
def own_server() -> Iterator[RedisServer]:
    """A server to be ill-treated."""
    with RedisServer() as server:
        yield server


def kinds(events: list[Event]) -> list[type[Event]]:
    """Which connections and disconnections these were."""
    return [type(event) for event in events if isinstance(event, ConnectedEvent | DisconnectedEvent)]


async def test_redis_is_killed_and_returns_empty(own_server: RedisServer, open_bus: OpenBus) -> None:
    seen: list[Event] = []
    local: list[Event] = []
    live: list[Event] = []
    silent = {"url": own_server.url, "publish": ()}
    receiver = await open_bus({"market.*": seen.append}, **silent, group="recorder", resume=True)
    await open_bus({"market.*": live.append}, **silent)
    sender = await open_bus({"*": local.append}, url=own_server.url)
    await sender.publish(trade(1))
    await until(lambda: seen and live)
    own_server.kill()
    await until(lambda: DisconnectedEvent in kinds(local))
    assert not sender.is_connected
    for number in range(2, 10):
        assert sender.dispatch(trade(number)) is None  # the order path is untouched
    assert numbers(local) == list(range(1, 10))
    own_server.start()
    await until(lambda: len(seen) == len(live) == 9)
    assert numbers(seen) == numbers(live) == list(range(1, 10))
    await until(lambda: kinds(local) == [DisconnectedEvent, ConnectedEvent])
    assert sender.is_connected
    assert sender.counters.reconnects == 1
    assert sender.counters.dropped == receiver.counters.lost == 0


async def test_a_full_backlog_drops_the_oldest_and_says_so_everywhere(
    own_server: RedisServer, open_bus: OpenBus
) -> None:
    seen: list[Event] = []
    told: list[Event] = []
    local: list[Event] = []
    await open_bus({"market.*": seen.append, "system.gap.*": told.append}, url=own_server.url)
    sender = await open_bus(
        {"system.*": local.append}, url=own_server.url, max_backlog=5, batch_size=5, publish=("market.*",)
    )
    await sender.publish(trade(1))
    await until(lambda: seen and sender.backlog == 0)
    own_server.kill()
    await until(lambda: kinds(local))
    for number in range(2, 30):
        await sender.publish(trade(number, "A/B" if number < 10 else "C/D"))
    assert sender.backlog <= 5 + 16 * 5
    own_server.start()
    await until(lambda: gaps(told))
    lost = sender.counters.dropped
    arrived = numbers(seen)
    assert arrived == [1, *range(2 + lost, 30)] or sorted({*arrived, *range(30)}) == list(range(30))
    assert len(arrived) + lost == 29
    assert sum(gap.lost for gap in gaps(told)) == lost > 0
    assert gaps(told) == gaps(local)
    for gap in gaps(told):
        assert (gap.component, gap.venue) == ("redis bus", "binance")
        missing = [n for n in range(2, 30) if n not in arrived and (n < 10) == (gap.symbol == "A/B")]
        assert (gap.start_ns, gap.end_ns, gap.lost) == (missing[0], missing[-1], len(missing))


async def test_redis_that_returns_with_an_older_state_brings_nothing_old_back(
    own_server: RedisServer, open_bus: OpenBus, name: str
) -> None:
    seen: list[Event] = []
    before = await open_bus(url=own_server.url)  # ended before the receiver began: what it said is over
    await before.publish(trade(1))
    await before.close()
    receiver = await open_bus({"market.*": seen.append}, url=own_server.url)
    sender = await open_bus(url=own_server.url)
    await sender.publish(trade(2))
    await until(lambda: seen)
    with own_server.client() as client:
        saved: Any = client.dump(f"{name}:market")
        await sender.publish(trade(3))
        await until(lambda: len(seen) == 2)
        client.restore(f"{name}:market", 0, saved, replace=True)
        client.client_kill_filter(_type="normal")
    await until(lambda: receiver.counters.reconnects)
    await sender.publish(trade(4))
    await until(lambda: 4 in numbers(seen))
    assert numbers(seen) == [2, 3, 4]
    assert receiver.counters.lost == 0


@pytest.mark.parametrize(
    ("break_it", "mend_it", "reason"),
    [
        (("maxmemory", "1"), ("maxmemory", "0"), "used memory"),
        (("min-replicas-to-write", "3"), ("min-replicas-to-write", "0"), "NOREPLICAS"),
    ],
)
async def test_redis_refuses_for_a_while(
    own_server: RedisServer, open_bus: OpenBus, break_it: Any, mend_it: Any, reason: str
) -> None:
    seen: list[Event] = []
    local: list[Event] = []
    await open_bus({"market.*": seen.append}, url=own_server.url)
    sender = await open_bus({"system.*": local.append}, url=own_server.url)
    with own_server.client() as client:
        client.config_set(*break_it)
        await sender.publish(trade(1))
        await until(lambda: kinds(local))
        await sender.publish(trade(2))
        client.config_set(*mend_it)
    await until(lambda: len(seen) == 2)
    assert numbers(seen) == [1, 2]
    await until(lambda: kinds(local) == [DisconnectedEvent, ConnectedEvent])
    assert isinstance(local[0], DisconnectedEvent)
    assert reason in local[0].reason


async def test_redis_becomes_a_replica_for_a_while(own_server: RedisServer, open_bus: OpenBus) -> None:
    seen: list[Event] = []
    local: list[Event] = []
    await open_bus({"market.*": seen.append}, url=own_server.url)
    sender = await open_bus({"system.*": local.append}, url=own_server.url)
    with own_server.client() as client:
        client.replicaof("127.0.0.1", "1")
        await sender.publish(trade(1))
        await until(lambda: kinds(local))
        client.replicaof("NO", "ONE")
    await until(lambda: seen)
    assert isinstance(local[0], DisconnectedEvent)
    assert "read only replica" in local[0].reason


async def test_what_was_sent_twice_because_no_answer_came_is_delivered_once(
    own_server: RedisServer, open_bus: OpenBus
) -> None:
    seen: list[Event] = []
    receiver = await open_bus({"market.*": seen.append}, url=own_server.url)
    sender = await open_bus(url=own_server.url, timeout_ns=50_000_000)
    own_server.pause()
    await sender.publish(trade(1))
    await until(lambda: not sender.is_connected)
    own_server.go_on()
    await until(lambda: sender.backlog == 0)
    await sender.publish(trade(2))
    await until(lambda: len(seen) == 2)
    assert numbers(seen) == [1, 2]
    assert receiver.counters.duplicates >= 1
    assert receiver.counters.lost == 0


async def test_closing_while_redis_is_away_ends_and_tells_what_was_not_sent(
    own_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    bus = make_redis_bus(url=own_server.url, close_timeout_ns=50_000_000)
    await bus.start()
    own_server.kill()
    await bus.publish(trade(1))
    await bus.close()
    own_server.start()
    assert bus.counters.dropped >= 1
    assert "events were not sent" in caplog.text


async def test_closing_while_redis_hangs_ends_whatever_waits(own_server: RedisServer, open_bus: OpenBus) -> None:
    seen: list[Event] = []
    settings = {"url": own_server.url, "group": "g", "resume": True, "close_timeout_ns": 50_000_000}
    receiver = await open_bus({"*": seen.append}, **settings)
    sender = await open_bus(url=own_server.url)
    await sender.publish(trade(1))
    await until(lambda: seen)
    own_server.pause()
    await receiver.publish(trade(2))
    await receiver.close()
    own_server.go_on()
    assert receiver.counters.dropped == 1


async def test_an_event_that_cannot_be_bytes_is_told_and_holds_up_nobody(open_bus: OpenBus) -> None:
    seen: list[Event] = []
    local: list[Event] = []
    await open_bus({"market.*": seen.append})
    sender = await open_bus({"system.*": local.append})
    await sender.publish(trade(1))
    await sender.publish(msgspec.structs.replace(trade(2), trade_id="\ud800"))
    await sender.publish(trade(3))
    await until(lambda: len(seen) == 2)
    await until(lambda: gaps(local) and any(isinstance(event, ErrorEvent) for event in local))
    assert numbers(seen) == [1, 3]
    assert sender.counters.refused == 1


async def test_a_server_that_is_not_there_is_a_startup_error() -> None:
    bus = make_redis_bus(url="redis://127.0.0.1:1/0", password=SecretStr(SECRET))
    with pytest.raises(StartupError, match=r"cannot use Redis at redis://127\.0\.0\.1:1/0: .*Start Redis, or correct"):
        await bus.start()
    await bus.close()


async def test_a_key_of_somebody_else_is_a_startup_error(own_server: RedisServer) -> None:
    name = unique_name()
    with own_server.client() as client:
        client.set(f"{name}:market", "mine")
    bus = make_redis_bus(url=own_server.url, name=name, group="g", resume=True)
    with pytest.raises(StartupError, match=r"cannot use the streams .*Correct bus\.name"):
        await bus.start()
    await bus.close()


async def test_tls_and_password(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    seen: list[Event] = []
    with RedisServer(tls=True, password=SECRET) as server:
        good: dict[str, Any] = {
            "url": server.url,
            "name": "tls",
            "ca_file": server.ca_file,
            "password": SecretStr(SECRET),
        }
        receiver, sender = make_redis_bus(**good), make_redis_bus(**good)
        await receiver.subscribe("*", seen.append)
        for bus in (receiver, sender):
            await bus.start()
        await sender.publish(trade(1))
        await until(lambda: seen)
        with server.client() as client:
            names: Any = client.client_list()
            assert "quantai-tls-live" in {entry["name"] for entry in names}
        for bad in ({"password": None}, {"password": SecretStr(f"not {SECRET}")}, {"ca_file": None}):
            refused = make_redis_bus(**good | bad)
            with pytest.raises(StartupError) as caught:
                await refused.start()
            assert SECRET not in str(caught.value)
            await refused.close()
        assert SECRET not in repr(sender) + repr(vars(sender)["_settings"]) + caplog.text
        for bus in (receiver, sender):
            await bus.close()
