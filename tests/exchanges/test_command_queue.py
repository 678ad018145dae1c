"""Commands of one order one after the other, those of others beside them, and no more than may be."""

from __future__ import annotations

import asyncio

import pytest

from quantai.core.errors import OrderError
from quantai.exchanges import command_queue
from quantai.exchanges.command_queue import CommandQueue, Work


class Log:
    """What began and ended, in order; everything waits for its gate."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.gates: dict[str, asyncio.Event] = {}

    def work(self, name: str) -> Work:
        self.gates[name] = asyncio.Event()

        async def run() -> None:
            self.lines.append(f"{name} began")
            await self.gates[name].wait()
            self.lines.append(f"{name} ended")

        return run


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_each_orders_commands_keep_their_order() -> None:
    queue, log = CommandQueue(), Log()
    queue.put(["a"], log.work("new a"))
    queue.put(["a"], log.work("cancel a"))
    queue.put(["b"], log.work("new b"))
    await settle()
    assert log.lines == ["new a began", "new b began"]
    log.gates["new a"].set()
    await settle()
    assert log.lines[2:] == ["new a ended", "cancel a began"]
    for gate in log.gates.values():
        gate.set()
    await queue.close()
    assert not queue.is_busy("a")


async def test_a_batch_waits_for_each_of_its_orders() -> None:
    queue, log = CommandQueue(), Log()
    queue.put(["a"], log.work("a"))
    queue.put(["b"], log.work("b"))
    queue.put(["a", "b"], log.work("both"))
    log.gates["a"].set()
    await settle()
    assert "both began" not in log.lines
    log.gates["b"].set()
    await settle()
    assert log.lines[-1] == "both began"
    log.gates["both"].set()
    await queue.close()


async def test_a_command_that_breaks_holds_up_nothing(caplog: pytest.LogCaptureFixture) -> None:
    queue, log = CommandQueue(), Log()

    async def broken() -> None:
        raise ZeroDivisionError

    queue.put(["a"], broken)
    queue.put(["a"], log.work("next"))
    await settle()
    assert log.lines == ["next began"]
    assert "a command broke" in caplog.text
    log.gates["next"].set()
    await queue.close()


async def test_cancels_have_room_where_nothing_else_has() -> None:
    queue, log = CommandQueue(max_commands=1), Log()
    queue.put(["a"], log.work("a"))
    with pytest.raises(OrderError, match="1 commands are on their way"):
        queue.put(["b"], log.work("b"))
    queue.put(["a"], log.work("cancel"), is_cancel=True)
    with pytest.raises(OrderError):
        queue.put(["c"], log.work("c"), is_cancel=True)
    for gate in log.gates.values():
        gate.set()
    await queue.close()
    assert len(queue) == 0


async def test_what_is_not_answered_is_let_go_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command_queue, "_STOP_S", 0.01)
    queue, log = CommandQueue(), Log()
    queue.put(["a"], log.work("a"))
    await queue.close()
    assert log.lines == ["a began"]
    assert len(queue) == 0


async def test_what_comes_once_it_is_closing_is_certainly_not_done() -> None:
    queue, log = CommandQueue(), Log()
    queue.put(["a"], log.work("a"))
    closing = asyncio.create_task(queue.close())
    await settle()
    with pytest.raises(OrderError, match="being stopped"):
        queue.put(["a"], log.work("b"), is_cancel=True)
    log.gates["a"].set()
    await closing
    assert log.lines == ["a began", "a ended"]
