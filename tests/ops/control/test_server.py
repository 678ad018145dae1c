"""The socket, from both ends."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from quantai.core.enums import OrderState, TradingState
from quantai.core.errors import StartupError
from quantai.ops.control import client
from quantai.ops.control.client import NoDaemon, Refused, ask
from quantai.ops.control.requests import (
    MAX_REQUEST_BYTES,
    CancelAllRequest,
    CancelRequest,
    ExplainRequest,
    FlattenRequest,
    OrdersRequest,
    Problem,
    StatusRequest,
    TradingStateRequest,
)
from quantai.ops.control.server import ControlServer
from quantai.ops.control.views import Canceling, FlattenReport, Listing, StateChange, Status, Story
from tests.ops.control.world import Controlled


@pytest.fixture
def world() -> Controlled:
    return Controlled()


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "control.sock")


@pytest.fixture
async def server(world: Controlled, path: str) -> AsyncIterator[ControlServer]:
    server = ControlServer(path, world.control, max_clients=2, patience_s=30)
    await server.start()
    yield server
    await server.close()


async def said(path: str, *lines: bytes) -> list[dict[str, object]]:
    """What comes back for raw lines on one connection."""
    reader, writer = await asyncio.open_unix_connection(path)
    try:
        answers = []
        for line in lines:
            writer.write(line)
            answers.append(json.loads(await reader.readline()))
        return answers
    finally:
        writer.close()
        await writer.wait_closed()


async def test_everything_that_can_be_asked_is_answered(world: Controlled, path: str, server: ControlServer) -> None:
    order = world.accepted()
    name = order.client_order_id
    listing = await asyncio.to_thread(ask, path, OrdersRequest(), Listing)
    assert [each.client_order_id for each in listing.orders] == [name]
    story = await asyncio.to_thread(ask, path, ExplainRequest(order_id=name), Story)
    assert story.order is not None
    assert (await asyncio.to_thread(ask, path, StatusRequest(), Status)).open_orders == 1
    assert (await asyncio.to_thread(ask, path, CancelRequest(order_id=name), Canceling)).orders == (name,)
    assert order.state is OrderState.PENDING_CANCEL
    assert (await asyncio.to_thread(ask, path, CancelAllRequest(), Canceling)).orders == (name,)
    halt = TradingStateRequest(state=TradingState.HALTED, reason="drill")
    change = await asyncio.to_thread(ask, path, halt, StateChange)
    assert change.states[0].state is TradingState.HALTED
    world.confirm_cancels()
    assert (await asyncio.to_thread(ask, path, FlattenRequest(), FlattenReport)).is_flat
    assert server.counts["requests"] == 7
    assert server.counts["failed"] == server.counts["refused"] == server.counts["malformed"] == 0


async def test_who_asked_is_kept_with_what_was_done(
    world: Controlled, path: str, server: ControlServer, caplog: pytest.LogCaptureFixture
) -> None:
    await asyncio.to_thread(ask, path, TradingStateRequest(state=TradingState.REDUCING, reason="drill"), StateChange)
    reason = world.states.all()[None].reason
    assert reason.startswith("drill, by ")
    assert f"(uid {os.getuid()}, pid {os.getpid()})" in reason
    assert f"(uid {os.getuid()}, pid {os.getpid()}) asks: TradingStateRequest" in caplog.text


async def test_a_user_without_a_name_is_told_by_number(
    world: Controlled, path: str, server: ControlServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody(uid: int) -> None:
        raise KeyError(uid)

    monkeypatch.setattr("pwd.getpwuid", nobody)
    await asyncio.to_thread(ask, path, TradingStateRequest(state=TradingState.REDUCING), StateChange)
    assert world.states.all()[None].reason.startswith(f"by a user without a name (uid {os.getuid()}, ")


async def test_one_connection_may_ask_again_and_again_also_after_nonsense(path: str, server: ControlServer) -> None:
    status = b'{"version": 1, "ask": "status"}\n'
    answers = await said(path, status, b"nonsense\n", status, b'{"version": 7}\n', b"\n")
    assert ["answer" in each for each in answers] == [True, False, True, False, False]
    assert [each.get("problem") for each in answers] == [None, "malformed", None, "malformed", "malformed"]
    assert server.counts["malformed"] == 3


async def test_a_line_without_an_end_is_cut_off_at_the_limit(path: str, server: ControlServer) -> None:
    [answer] = await said(path, b"x" * (MAX_REQUEST_BYTES + 1))
    assert answer["problem"] == "malformed"
    assert f"at most {MAX_REQUEST_BYTES} bytes" in str(answer["error"])


async def test_a_line_of_the_greatest_length_is_read(path: str, server: ControlServer) -> None:
    line = b'{"version": 1, "ask": "status"}'
    [answer] = await said(path, line + b" " * (MAX_REQUEST_BYTES - len(line) - 1) + b"\n")
    assert "answer" in answer


async def test_what_the_daemon_will_not_do_is_an_answer(path: str, server: ControlServer) -> None:
    with pytest.raises(Refused, match="no strategy 'gamma' runs here") as error:
        await asyncio.to_thread(ask, path, FlattenRequest(strategy="gamma"), FlattenReport)
    assert error.value.problem is Problem.REFUSED
    assert error.value.exit_status == 4
    assert server.counts["refused"] == 1


async def test_a_failure_is_logged_and_no_more_than_its_kind_is_told(
    world: Controlled,
    path: str,
    server: ControlServer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail() -> Status:
        raise ValueError("password=s3cr3t")

    monkeypatch.setattr(world.control, "status", fail)
    with pytest.raises(Refused, match=r"failed at it \(ValueError\); its log says more") as error:
        await asyncio.to_thread(ask, path, StatusRequest(), Status)
    assert error.value.problem is Problem.FAILED
    assert "s3cr3t" not in str(error.value)
    assert "s3cr3t" in caplog.text
    assert server.counts["failed"] == 1


async def test_more_clients_than_there_is_room_for_are_turned_away(path: str, server: ControlServer) -> None:
    status = b'{"version": 1, "ask": "status"}\n'
    connections = [await asyncio.open_unix_connection(path) for _ in range(2)]
    for reader, writer in connections:
        writer.write(status)
        await reader.readline()
    [answer] = await said(path, b"")
    assert answer["problem"] == "busy"
    assert server.counts["turned_away"] == 1
    for _, writer in connections:
        writer.close()
        await writer.wait_closed()


async def test_a_silent_client_is_hung_up_on(world: Controlled, path: str) -> None:
    server = ControlServer(path, world.control, patience_s=0.01)
    await server.start()
    reader, writer = await asyncio.open_unix_connection(path)
    assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()
    await server.close()


async def test_a_client_that_goes_away_in_the_middle_hurts_nobody(path: str, server: ControlServer) -> None:
    _, writer = await asyncio.open_unix_connection(path)
    writer.write(b'{"version": 1, "ask": "sta')
    writer.close()
    await writer.wait_closed()
    assert (await asyncio.to_thread(ask, path, StatusRequest(), Status)).open_orders == 0


async def test_closing_hangs_up_on_everybody_and_leaves_no_socket(world: Controlled, path: str) -> None:
    server = ControlServer(path, world.control)
    await server.start()
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(b'{"version": 1, "ask": "status"}\n')
    await reader.readline()
    await server.close()
    assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()
    assert not Path(path).exists()
    await server.close()


async def test_a_second_daemon_at_the_same_place_does_not_start(
    world: Controlled, path: str, server: ControlServer
) -> None:
    second = ControlServer(path, world.control)
    with pytest.raises(StartupError, match="another daemon listens"):
        await second.start()
    await second.close()
    assert (await asyncio.to_thread(ask, path, StatusRequest(), Status)).open_orders == 0


def test_where_nobody_listens_there_is_no_daemon(path: str) -> None:
    with pytest.raises(NoDaemon, match="no daemon listens at") as error:
        ask(path, StatusRequest(), Status)
    assert error.value.exit_status == 3


def test_a_path_that_is_too_long_is_told(path: str) -> None:
    with pytest.raises(StartupError, match="107 is the limit"):
        ask("x" * 200, StatusRequest(), Status)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"", "hung up"),
        (b"nonsense\n", "does not answer as a daemon of this version"),
        (b'{"version": 2, "answer": {}}\n', "speaks version 2 of the protocol, not 1"),
        (b'{"version": 1, "answer": {"orders": 5}}\n', "does not answer as a daemon of this version"),
        (b"x" * 2_000, "more than 1000 bytes"),
    ],
)
async def test_what_listens_there_and_is_no_daemon_is_told_apart(
    path: str, monkeypatch: pytest.MonkeyPatch, answer: bytes, message: str
) -> None:
    monkeypatch.setattr(client, "MAX_ANSWER_BYTES", 1_000)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(answer)
        writer.close()

    listener = await asyncio.start_unix_server(serve, path)
    with pytest.raises(StartupError, match=message):
        await asyncio.to_thread(ask, path, CancelAllRequest(), Canceling)
    listener.close()
    await listener.wait_closed()


async def test_a_daemon_that_does_not_answer_is_not_waited_for_forever(path: str) -> None:
    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    listener = await asyncio.start_unix_server(say_nothing, path)
    with pytest.raises(StartupError, match="did not answer within 0.05 s"):
        await asyncio.to_thread(ask, path, StatusRequest(), Status, 0.05)
    listener.close()
    await listener.wait_closed()
