"""What is told of frames that nobody could read."""

from __future__ import annotations

from quantai.core.clock import NS_PER_SECOND, SimulatedClock
from quantai.exchanges.private_stream import Losses

START_NS = 10**18


class World:
    def __init__(self) -> None:
        self.clock = SimulatedClock(START_NS)
        self.told: list[tuple[int, str]] = []
        self.losses = Losses(self.clock, self._on_change)

    def _on_change(self, what: str) -> None:
        self.told.append((self.clock.now_ns() - START_NS, what))

    def at(self, seconds: int) -> None:
        self.clock.advance_to(START_NS + seconds * NS_PER_SECOND)


def test_the_first_loss_is_told_at_once() -> None:
    world = World()
    world.losses.tell("a frame")
    world.at(100)
    assert world.told == [(0, "a frame")]


def test_what_is_lost_after_an_answer_was_asked_for_is_asked_for_again() -> None:
    world = World()
    world.losses.tell("first")
    world.at(4)
    for what in ("second", "third"):
        world.losses.tell(what)
    world.at(9)
    assert len(world.told) == 1
    world.at(100)
    assert world.told == [(0, "first"), (10 * NS_PER_SECOND, "second")]


def test_a_flood_is_told_every_ten_seconds() -> None:
    world = World()
    for second in range(31):
        world.at(second)
        world.losses.tell("a frame")
    world.at(100)
    assert [at_ns // NS_PER_SECOND for at_ns, _ in world.told] == [0, 10, 20, 30, 40]


def test_a_clock_that_is_set_back_delays_nothing_for_longer() -> None:
    world = World()
    world.losses.tell("first")
    world.clock.seek(START_NS - 3_600 * NS_PER_SECOND)
    world.losses.tell("second")
    world.clock.advance_to(START_NS - 3_590 * NS_PER_SECOND)
    assert [what for _, what in world.told] == ["first", "second"]
