"""Reading slices ahead in a thread."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Iterator

import pytest

from quantai.core.errors import StoreError
from quantai.events import MarketEvent
from quantai.simulation.read_ahead import ReadAhead, Slice
from tests.simulation.replays import ListSource

EVENTS = ListSource(1, 2, 3).events


class Slices:
    """Single events; `threads` has who read each. After the last it fails, if it is to."""

    def __init__(self, *, fails: bool = False) -> None:
        self.threads: list[int] = []
        self._fails = fails

    def __iter__(self) -> Iterator[Slice]:
        for event in EVENTS:
            self.threads.append(threading.get_ident())
            yield [event]
        if self._fails:
            raise StoreError("the disk is gone")


async def rest_of(reader: ReadAhead, *, ahead: bool) -> list[MarketEvent]:
    events: list[MarketEvent] = []
    while (found := await reader.next(ahead=ahead)) is not None:
        events += found
    return events


@pytest.mark.parametrize("ahead", [False, True])
async def test_all_slices_come_in_order_and_then_none_any_more(ahead: bool) -> None:
    slices = Slices()
    reader = ReadAhead(iter(slices))
    assert await rest_of(reader, ahead=ahead) == EVENTS
    assert await reader.next(ahead=ahead) is None
    assert all((ident != threading.get_ident()) is ahead for ident in slices.threads)


async def test_it_may_change_while_a_slice_is_being_read() -> None:
    reader = ReadAhead(iter(Slices()))
    first = await reader.next(ahead=True)
    assert first == EVENTS[:1]
    assert await rest_of(reader, ahead=False) == EVENTS[1:]


async def test_the_first_slice_can_be_read_in_the_thread() -> None:
    slices = Slices()
    reader = ReadAhead(iter(slices))
    reader.begin()
    assert await rest_of(reader, ahead=False) == EVENTS
    assert slices.threads[0] != slices.threads[1] == threading.get_ident()


@pytest.mark.parametrize("ahead", [False, True])
async def test_an_error_of_reading_comes_after_what_was_read(ahead: bool) -> None:
    reader = ReadAhead(iter(Slices(fails=True)))
    for event in EVENTS:
        assert await reader.next(ahead=ahead) == [event]
    with pytest.raises(StoreError, match="the disk is gone"):
        await reader.next(ahead=ahead)


@pytest.mark.parametrize("is_done", [False, True])
async def test_closing_gives_up_what_is_being_read_and_its_error(is_done: bool) -> None:
    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: complaints.append(context))
    slices = Slices(fails=True)
    reader = ReadAhead(iter(slices))
    for _ in EVENTS:
        await reader.next(ahead=True)
    while is_done and reader._next is not None and not reader._next.done():
        await asyncio.sleep(0)
    reader.close()
    reader.close()
    gc.collect()
    assert complaints == []
