"""Starting in order, stopping in reverse, with deadlines."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest

from quantai.core.clock import NS_PER_MS, NS_PER_SECOND
from quantai.core.errors import OrderError, StartupError
from quantai.ops.stages import Stage, Stages, Step


@dataclass
class World:
    """Writes down what happened."""

    happened: list[str] = field(default_factory=list)

    def stage(self, name: str, *, start: Step | None = None, stop: Step | None = None) -> Stage:
        async def started() -> None:
            self.happened.append(f"start {name}")
            if start is not None:
                await start()

        async def stopped() -> None:
            self.happened.append(f"stop {name}")
            if stop is not None:
                await stop()

        return Stage(name, started, stopped)


def stages(*parts: Stage, limit_ns: int = 60 * NS_PER_SECOND) -> Stages:
    return Stages(list(parts), start_timeout_ns=limit_ns, stop_timeout_ns=limit_ns)


async def fail() -> None:
    raise ValueError("no disk")


async def refuse() -> None:
    raise OrderError("not on this account")


async def hang() -> None:
    await asyncio.Event().wait()


async def time_out_by_itself() -> None:
    raise TimeoutError("the venue did not answer")


@pytest.fixture
def world() -> World:
    return World()


async def test_stages_stop_the_other_way_round(world: World) -> None:
    all_stages = stages(world.stage("bus"), world.stage("strategy"), world.stage("market"))
    await all_stages.start()
    await all_stages.stop()
    assert world.happened == [
        "start bus", "start strategy", "start market", "stop market", "stop strategy", "stop bus",
    ]  # fmt: skip
    assert all_stages.failures == []


@pytest.mark.parametrize(
    ("step", "told"),
    [
        (fail, "middle did not start: ValueError: no disk"),
        (refuse, "middle did not start: not on this account"),
        (time_out_by_itself, "middle did not start: TimeoutError: the venue did not answer"),
    ],
)
async def test_a_failing_start_stops_what_was_started_and_the_half_started_one(
    world: World, step: Step, told: str
) -> None:
    all_stages = stages(world.stage("first"), world.stage("middle", start=step), world.stage("last"))
    with pytest.raises(StartupError) as caught:
        await all_stages.start()
    assert str(caught.value) == told
    assert caught.value.exit_status == 3
    await all_stages.stop()
    assert world.happened == ["start first", "start middle", "stop middle", "stop first"]


async def test_a_start_that_takes_too_long_fails_with_the_key_to_change(world: World) -> None:
    all_stages = stages(world.stage("venue", start=hang), limit_ns=NS_PER_MS)
    with pytest.raises(StartupError, match=r"^venue did not start within 0.001 s \(ops.start_timeout\)$"):
        await all_stages.start()


@pytest.mark.parametrize(
    ("step", "told"),
    [
        (fail, "middle did not stop cleanly: ValueError: no disk"),
        (refuse, "middle did not stop cleanly: not on this account"),
        (hang, "middle did not stop within 0.001 s (ops.stop_timeout)"),
    ],
)
async def test_a_failing_stop_is_told_and_the_next_one_stopped(world: World, step: Step, told: str) -> None:
    parts = [world.stage("first"), world.stage("middle", stop=step), world.stage("last")]
    all_stages = Stages(parts, start_timeout_ns=60 * NS_PER_SECOND, stop_timeout_ns=NS_PER_MS)
    await all_stages.start()
    await all_stages.stop()
    assert world.happened[3:] == ["stop last", "stop middle", "stop first"]
    assert all_stages.failures == [told]


async def test_stopping_twice_stops_once(world: World) -> None:
    all_stages = stages(world.stage("bus"))
    await all_stages.start()
    await all_stages.stop()
    await all_stages.stop()
    assert world.happened == ["start bus", "stop bus"]


async def test_a_start_can_be_cancelled_from_outside(world: World) -> None:
    all_stages = stages(world.stage("bus"), world.stage("venue", start=hang))
    starting = asyncio.create_task(all_stages.start())
    while len(world.happened) < 2:
        await asyncio.sleep(0)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    await all_stages.stop()
    assert world.happened[2:] == ["stop venue", "stop bus"]
