"""What work signals end, and what handlers are there afterwards."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator

import pytest

from quantai.ops.signals import StopSignals


@pytest.fixture(autouse=True)
def untouched() -> Iterator[None]:
    """Whatever a test does, pytest has its own handlers afterwards."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


async def forever() -> None:
    await asyncio.Event().wait()


# The loop polls its wake-up socket, reads the signal's number from it, and calls the handler: a turn each.
_TURNS_TO_TAKE_A_SIGNAL = 3


async def at_once() -> None:
    return


async def fail() -> None:
    raise RuntimeError("boom")


def send_soon(*numbers: signal.Signals) -> None:
    """Send signals to this process, each when the loop has taken the one before."""

    async def send() -> None:
        for number in numbers:
            os.kill(os.getpid(), number)
            for _ in range(_TURNS_TO_TAKE_A_SIGNAL):
                await asyncio.sleep(0)

    asyncio.get_running_loop().create_task(send())


async def test_work_that_ends_was_done() -> None:
    with StopSignals(lambda: None) as signals:
        assert await signals.before_stop(at_once())
        assert await signals.before_stop_now(at_once())
        assert await signals.before_stop_now(at_once(), 0.0)


async def test_what_work_raises_is_raised() -> None:
    with StopSignals(lambda: None) as signals:
        for begin in (signals.before_stop, signals.before_stop_now):
            with pytest.raises(RuntimeError, match="boom"):
                await begin(fail())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_the_first_signal_ends_what_may_not_outlast_it(number: signal.Signals) -> None:
    stops: list[str] = []
    with StopSignals(lambda: stops.append("stop")) as signals:
        send_soon(number)
        assert not await signals.before_stop(forever())
        assert stops == ["stop"]
        assert not signals.stop_now.is_set()


async def test_the_second_signal_ends_the_rest() -> None:
    stops: list[str] = []
    with StopSignals(lambda: stops.append("stop")) as signals:
        send_soon(signal.SIGINT, signal.SIGTERM)
        assert not await signals.before_stop_now(forever())
        assert stops == ["stop"]


async def test_patience_ends_some_time_after_the_first_signal() -> None:
    with StopSignals(lambda: None) as signals:
        send_soon(signal.SIGTERM)
        assert not await signals.before_stop_now(forever(), 0.001)
        assert not signals.stop_now.is_set()


async def test_work_that_does_not_let_itself_be_cancelled_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("quantai.ops.signals._PATIENCE_S", 0.001)
    freed = asyncio.Event()

    async def stubborn() -> None:
        while not freed.is_set():
            try:
                await freed.wait()
            except asyncio.CancelledError:
                continue

    with StopSignals(lambda: None) as signals:
        send_soon(signal.SIGTERM)
        assert not await signals.before_stop(stubborn())
    freed.set()


async def test_afterwards_handlers_are_those_from_before() -> None:
    def mine(*_: object) -> None: ...

    signal.signal(signal.SIGTERM, mine)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with StopSignals(lambda: None):
        assert signal.getsignal(signal.SIGTERM) is not mine
    assert signal.getsignal(signal.SIGTERM) is mine
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


async def test_after_the_second_signal_the_next_one_kills() -> None:
    with StopSignals(lambda: None) as signals:
        send_soon(signal.SIGTERM, signal.SIGTERM)
        await signals.before_stop_now(forever())
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    assert signal.getsignal(signal.SIGINT) is signal.SIG_DFL
