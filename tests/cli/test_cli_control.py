"""The commands that look into a daemon and stop it, against a daemon's control in this process and against journals."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from quantai.cli import run
from quantai.cli.control import act, look
from quantai.cli.control.showing import order_table
from quantai.cli.control.story import facts, print_story
from quantai.core.enums import OrderState, OrderType, Side, TradingState
from quantai.exchanges.execution import ExecType
from quantai.oms.journal import JournalledEvent, MemoryJournal
from quantai.oms.models import OrderRequest
from quantai.ops.control.server import ControlServer
from quantai.ops.control.views import OrderView, ReconciliationView, Story, StoryEntry
from tests.oms.world import PERP, SPOT, START_NS
from tests.ops.control.world import Controlled

D = Decimal
ROUTE = {
    "router": "SmartRouter",
    "request": {"quantity": "1"},
    "decision": {
        "legs": [],
        "scores": [
            {"venue": "binance", "total": 1.25, "parts": {"fee": 1.0, "slip": 0.25}},
            {"venue": "okx", "parts": {}, "excluded": "the book is stale"},
        ],
        "reason": "binance is cheapest",
    },
}
RISK = {
    "value": [
        {"code": "MAX_POSITION", "name": "position", "what": "after", "value": "3", "limit": "5"},
        {"code": "PRICE_BAND", "name": "band", "what": "away", "value": "0.01", "limit": "0.05"},
    ]
}
FILL = {
    "type": "OrderFilledEvent", "client_order_id": "x", "trade_id": "T9", "side": "buy", "price": "100",
    "quantity": "1", "cumulative_quantity": "1", "leaves_quantity": "0", "fee": "0.1", "fee_currency": "USDT",
    "liquidity": "taker", "cause": "",
}  # fmt: skip
SUBMITTED = {"side": "buy", "quantity": "1", "order_type": "limit", "price": "100", "time_in_force": "GTC"}


class Storied(MemoryJournal):
    """A journal in which every order has the same story."""

    async def story(self, client_order_id: str) -> Sequence[JournalledEvent]:
        told: list[tuple[str, dict[str, Any]]] = [
            ("risk", RISK), ("route", ROUTE), ("order.submitted", SUBMITTED),
            ("order.accepted", {"venue_order_id": "9"}),
            ("report", {"exec_type": "NEW", "price": "0", "latency": 0.5, "is_maker": True, "empty": ""}),
            ("order.filled", FILL),
            ("order.pending_cancel", {"cause": "halt, by alice"}), ("order.denied", {"code": "C", "reason": "R"}),
        ]  # fmt: skip
        return [JournalledEvent(number, START_NS + number * 1_000, *each) for number, each in enumerate(told)]


def request(kind: OrderType, price: str | None, **fields: Any) -> OrderRequest:
    """A buy of `alpha`."""
    return OrderRequest("alpha", SPOT, Side.BUY, kind, D(1), None if price is None else D(price), **fields)


@dataclass
class Commands:
    """Runs commands of `quantai` while the daemon's loop goes on."""

    world: Controlled
    capsys: pytest.CaptureFixture[str]

    async def run(self, *arguments: str, status: int = 0) -> str:
        """What is printed; on standard error too where `status` is not 0."""
        assert await asyncio.to_thread(run, list(arguments)) == status
        printed = self.capsys.readouterr()
        return printed.out if status == 0 else printed.out + printed.err


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
async def commands(capsys: pytest.CaptureFixture[str]) -> AsyncIterator[Commands]:
    world = Controlled(Storied())
    server = ControlServer("state/control.sock", world.control)
    await server.start()
    yield Commands(world, capsys)
    await server.close()
    await world.flattener.stop()


async def test_orders_lists_what_is_open(commands: Commands) -> None:
    order = commands.world.accepted()
    closed = commands.world.traded(Side.BUY, "1")
    printed = await commands.run("orders")
    assert order.client_order_id in printed
    assert closed.client_order_id not in printed
    assert "1 open order, told by the daemon" in printed
    printed = await commands.run("orders", "--all", "mode=paper", "--limit", "1", "strategies=[]")
    assert "1 order (the newest; --limit shows up to 1000), told by the daemon" in printed


async def test_orders_for_programs_are_one_json_object(commands: Commands) -> None:
    order = commands.world.accepted()
    [told] = json.loads(await commands.run("orders", "--json", "--state", "new"))["orders"]
    assert told["client_order_id"] == order.client_order_id
    assert told["quantity"] == "1"
    assert json.loads(await commands.run("orders", "--json", "--state", "FILLED"))["orders"] == []


async def test_explain_tells_the_story_top_down(commands: Commands) -> None:
    order = commands.world.accepted()
    printed = await commands.run("explain", order.client_order_id)
    lines = printed.splitlines()
    assert lines[0].split() == [order.client_order_id, "NEW"]
    assert lines[1] == "buy 1 BTC/USDT at binance, limit 100 GTC"
    assert lines[2] == f"strategy alpha, binance calls it {order.venue_order_id}"
    whats = [line.split()[1] for line in lines if line.startswith("10:00:00")]
    assert whats == ["risk", "route", "submitted", "accepted", "report", "filled", "pending_cancel", "denied"]
    for expected in (
        "CHECK    WHAT  VALUE LIMIT", "position after     3     5", "band     away   0.01  0.05",
        "SmartRouter: binance is cheapest", "the book is stale",
        "buy 1 limit 100 GTC", "venue_order_id 9", "exec_type NEW, latency 0.5, is_maker yes",
        "1 at 100 as taker, fee 0.1 USDT, trade T9; 0 left", "cause halt, by alice", "C: R",
    ):  # fmt: skip
        assert expected in printed, expected


async def test_explain_shows_the_family_and_what_is_left_out(
    commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("quantai.ops.control.daemon._MAX_ENTRIES", 2)
    orders = commands.world.orders
    parent = orders.open_parent(request(OrderType.MARKET, None, reduce_only=True))
    family = {"parent_order_id": parent.client_order_id, "cause": "a tick"}
    child = orders.submit(request(OrderType.STOP_LIMIT, "100", trigger_price=D(105), **family))
    printed = await commands.run("explain", parent.client_order_id)
    assert "buy 1 BTC/USDT at binance, market GTC, reduce only, a parent" in printed
    assert "6 older entries are left out" in printed
    assert child.client_order_id in printed.partition("Children")[2]
    printed = await commands.run("explain", child.client_order_id)
    assert "stop_limit 100 from 105 GTC" in printed
    assert "never sent" in printed
    assert "because of a tick" in printed
    assert parent.client_order_id in printed.partition("Parent")[2]
    child.filled_quantity, child.filled_value, child.reason = D(1), D(100), "done"
    printed = await commands.run("explain", child.client_order_id)
    assert "filled 1 of 1 at 100 on average" in printed
    assert "reason: done" in printed


async def test_explain_says_where_there_is_no_story(commands: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Storied, "story", MemoryJournal.story)
    printed = await commands.run("explain", commands.world.accepted().client_order_id)
    assert "nothing is in the journal (store=memory), this is what the daemon remembers" in printed
    assert "TIME (UTC)" not in printed


async def test_explain_lists_orders_that_share_a_name(commands: Commands) -> None:
    first, second = commands.world.accepted(), commands.world.accepted()
    printed = await commands.run("explain", "v-", status=2)
    assert "v- may be any of these 2" in printed
    assert first.client_order_id in printed
    assert second.client_order_id in printed
    assert len(json.loads(await commands.run("explain", "v-", "--json"))["matches"]) == 2
    assert "no order zzz" in await commands.run("explain", "zzz", status=4)
    assert "which order?" in await commands.run("explain", status=2)
    assert "one order at a time, not a, b" in await commands.run("explain", "a", "b", status=2)


async def test_status_is_one_screen(commands: Commands) -> None:
    world = commands.world
    world.traded(Side.BUY, "2", "90")
    world.report(world.submit(), ExecType.UNKNOWN)
    world.reconciliation = ReconciliationView(
        proven_ns={"binance": START_NS, "okx": 0}, counts={"rounds": 1, "balance": 0}, mismatches=("told line",)
    )
    printed = await commands.run("status")
    for expected in (
        "ACTIVE", "paper (simulated execution)", "2026-01-01T10:00:00Z", "1 open; submitted 2", "store=memory",
        "binance 2026-01-01T10:00:00Z", "okx never", "rounds 1", "told line", "USDT", "BTC/USDT", "20",
    ):  # fmt: skip
        assert expected in printed, expected
    assert json.loads(await commands.run("status", "--json"))["open_orders"] == 1


async def test_halt_and_resume_say_what_holds_now(commands: Commands) -> None:
    order = commands.world.accepted()
    printed = await commands.run("halt", "alpha", "--reason", "fat finger", "mode=paper")
    assert "alpha is HALTED since" in printed
    assert "fat finger, by " in printed
    assert "being cancelled: 1 order; `quantai orders` shows what is left" in printed
    assert order.state is OrderState.PENDING_CANCEL
    assert "all is REDUCING since" in await commands.run("reduce")
    assert "alpha is HALTED" in await commands.run("resume")
    assert (await commands.run("resume", "alpha")).strip() == "ACTIVE"
    assert "did you mean 'alpha'" in await commands.run("halt", "alfa", status=4)


@pytest.mark.parametrize(("command", "done"), [("halt", "halted"), ("reduce", "restricted"), ("resume", "resumed")])
async def test_what_a_restart_would_forget_ends_with_status_1(commands: Commands, command: str, done: str) -> None:
    commands.world.settings.is_durable = False
    printed = await commands.run(command, status=1)
    assert f"{done}, but a restart would forget it: the journal (store=memory) cannot be written" in printed


async def test_cancel_names_what_it_cancels(commands: Commands) -> None:
    first, second = commands.world.accepted(), commands.world.accepted(instrument=PERP)
    assert f"{first.client_order_id} is being cancelled" in await commands.run("cancel", first.client_order_id)
    printed = await commands.run("cancel", "--all", "--symbol", PERP.symbol)
    assert f"{second.client_order_id} is being cancelled" in printed
    commands.world.confirm_cancels()
    assert "nothing is open" in await commands.run("cancel", "--all")
    assert "name one order, or say --all" in await commands.run("cancel", status=2)


async def test_flatten_closes_and_says_flat(commands: Commands) -> None:
    world = commands.world
    world.traded(Side.BUY, "2")
    flattening = asyncio.create_task(commands.run("flatten", "--yes", "--reason", "going home"))
    while not world.orders.open_orders():
        await asyncio.sleep(0.001)
    assert world.newest().cause.startswith("flatten: going home, by ")
    world.fill(world.newest(), "2")
    printed = await flattening
    assert printed.splitlines()[-1] == "flat"
    assert "BEFORE" in printed


async def test_flatten_ends_with_status_5_where_something_is_left(commands: Commands) -> None:
    world = commands.world
    world.traded(Side.BUY, "2")
    flattening = asyncio.create_task(commands.run("flatten", "--yes", status=5))
    while not world.orders.open_orders():
        await asyncio.sleep(0.001)
    world.report(world.newest(), ExecType.UNKNOWN)
    await asyncio.sleep(0)
    world.pass_time(60)
    printed = await flattening
    assert "These orders may still trade" in printed
    assert "nothing is sent a second time" in printed
    assert "NOT proven flat" in printed


async def test_flatten_asks_first(commands: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "say --yes to close all positions in BTC/USDT of alpha" in await commands.run(
        "flatten", "alpha", "--symbol", "BTC/USDT", status=2
    )

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stdin", Terminal("no\n"))
    assert "nothing was done" in await commands.run("flatten")
    assert commands.world.states.all() == {}
    monkeypatch.setattr("sys.stdin", Terminal("yes\n"))
    assert "flat" in await commands.run("flatten")
    assert commands.world.states.of("alpha")[0] is TradingState.HALTED


@pytest.mark.parametrize("command", ["halt", "resume", "reduce", "cancel --all", "flatten --yes"])
def test_without_a_daemon_nothing_is_done(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(command.split()) == 3
    assert "no daemon listens at state/control.sock: nothing was done" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["orders", "explain x", "status"])
def test_without_a_daemon_or_a_journal_nothing_can_be_told(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(command.split()) == 3
    assert "store=memory keeps no journal" in capsys.readouterr().err


def test_a_daemon_without_a_socket_cannot_be_asked(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["halt", "ops.control=null"]) == 3
    assert "ops.control is null" in capsys.readouterr().err


def test_mistakes_elsewhere_in_the_configuration_do_not_matter(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["halt", "bus.queue_limt=5", "exchanges.binance.api_key=${oc.env:NOT_SET}"]) == 3
    assert run(["halt", "ops.contrl=x"]) == 2
    assert "did you mean 'control'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["orders", "--limit", "0"], "must be 1 to 1000, not 0"),
        (["orders", "--state", "odd"], "no state odd"),
        (["halt", "--unknown"], "unrecognized arguments: --unknown"),
        (["data", "ls", "a", "b"], "unrecognized arguments: b"),
    ],
)
def test_wrong_arguments_end_with_status_2(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        run(arguments)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("width", [80, 100, 200])
def test_tables_fit_the_terminal_and_stay_a_line_an_order(width: int) -> None:
    world = Controlled()
    order = world.accepted(quantity="1234567.891", price="98765.43", instrument=PERP, strategy="alpha")
    views = [
        OrderView.of(order),
        OrderView.of(world.traded(Side.SELL, "0.001")),
        OrderView.of(world.submit(Side.BUY, "1", "99")),
    ]
    console = Console(width=width, file=io.StringIO(), color_system=None)
    console.print(order_table(views, width))
    assert isinstance(console.file, io.StringIO)
    lines = console.file.getvalue().splitlines()
    assert len(lines) == 1 + len(views)
    assert max(map(len, lines)) <= width


def test_what_a_note_holds_is_shown_whatever_it_is() -> None:
    console = Console(width=80, file=io.StringIO(), color_system=None)
    for value in (
        {"a": {"b": 1, "c": None}, "d": [1, 2.0000001], "e": False},
        ["x", "y"],
        "text",
        [{"k": "v"}],
        {},
        [],
    ):
        console.print(facts(value))
    assert isinstance(console.file, io.StringIO)
    printed = console.file.getvalue()
    for expected in ("a b 1, d 1, 2, e no", "x, y", "text", "K", "v"):
        assert expected in printed


def test_numbers_of_risk_are_never_cut_in_a_narrow_terminal() -> None:
    numbers = [
        {"code": "INVALID_PRICE", "name": "price_validity", "what": "distance from the market in ticks of the price",
         "value": "0.70123456789", "limit": "3249.5912345"},
        {"code": "X", "name": "a_name_that_is_much_too_long", "what": "notional", "value": 1299999.87, "limit": "n/a"},
        {"code": "X", "name": "x", "what": "y", "value": "NaN", "limit": "0"},
    ]  # fmt: skip
    entry = StoryEntry(ts_ns=START_NS, kind="risk", body={"value": numbers})
    view = OrderView.of(Controlled().accepted())
    console = Console(width=80, file=io.StringIO(), color_system=None)
    print_story(console, Story(source="here", order=view, entries=(entry,)))
    assert isinstance(console.file, io.StringIO)
    printed = console.file.getvalue()
    for expected in ("0.70123", "3249.59", "1300000", "n/a", "NaN", "price_validity", "a_name_that_is_mu…", "notional"):
        assert expected in printed
    assert max(map(len, printed.splitlines())) <= 80


def test_exit_statuses_are_told_in_the_help() -> None:
    assert "3 neither daemon nor journal" in look.STATUSES
    assert (act.NOT_KEPT, act.UNSAFE) == (1, 5)


def told(width: int, *entries: tuple[str, dict[str, Any]]) -> str:
    """An order's story in `width` columns."""
    console = Console(width=width, file=io.StringIO(), color_system=None)
    view = OrderView.of(Controlled().accepted())
    story = tuple(StoryEntry(ts_ns=START_NS, kind=kind, body=body) for kind, body in entries)
    print_story(console, Story(source="here", order=view, entries=story))
    assert isinstance(console.file, io.StringIO)
    printed = console.file.getvalue()
    assert max(map(len, printed.splitlines())) <= width
    return printed


def test_scores_of_a_route_are_never_cut_in_a_narrow_terminal() -> None:
    parts = {"price": 2.2123456, "slippage": 39.5432, "fee": 5.0, "queue": 0.0, "latency": 0.0512, "rate_limit": 0.1}
    scores = [
        {"venue": "synthetic", "total": 46.8123, "parts": parts},
        {"venue": "okx", "excluded": "nothing was seen of it yet"},
    ]
    printed = told(80, ("route", {"router": "R", "decision": {"reason": "cheapest", "scores": scores}}))
    words = " ".join(printed.split())
    for expected in ("R: cheapest", "synthetic 46.8123 price 2.21235, slippage 39.5432, fee 5,", "rate_limit 0.1"):
        assert expected in words
    assert "okx nothing was seen of it yet" in words
    assert "…" not in printed


def test_risk_names_each_check_once_and_times_in_seconds() -> None:
    numbers = [
        {"name": "price_validity", "what": "distance from the market", "value": "0.85", "limit": "3249.57"},
        {"name": "price_validity", "what": "age of the market in ns", "value": 143206387, "limit": 300000000000},
        {"name": "sufficient_capital", "what": "silence in ns", "value": None, "limit": 1},
    ]
    printed = told(80, ("risk", {"value": numbers}))
    assert printed.count("price_validity") == 1
    assert "age of the market" in printed
    assert " ns" not in printed
    for expected in ("0.14321 s", "300 s", "sufficient_capital", "silence"):
        assert expected in printed


def test_trades_and_parents_are_told_in_words() -> None:
    trade = {"exec_type": "TRADE", **FILL, "fee": "0.10", "price": "100.00"}
    del trade["leaves_quantity"]
    parent = {"state": "FILLED", "filled_quantity": "0.02000", "filled_value": "1", "reason": ""}
    printed = told(200, ("report", trade), ("order.parent", parent), ("order.parent", {**parent, "reason": "why"}))
    assert "TRADE 1 at 100 as taker, fee 0.1 USDT, trade T9\n" in "\n".join(map(str.rstrip, printed.splitlines()))
    assert "FILLED, 0.02 filled" in printed
    assert "FILLED, 0.02 filled: why" in printed


async def test_a_stop_shows_its_trigger_price_in_a_narrow_terminal(commands: Commands) -> None:
    order = commands.world.orders.submit(request(OrderType.STOP, None, trigger_price=D("58496.62")))
    console = Console(width=80, file=io.StringIO(), color_system=None)
    console.print(order_table([OrderView.of(order)], 80))
    assert isinstance(console.file, io.StringIO)
    assert "from 58496.62" in console.file.getvalue()
    assert "stop from 58496.62 GTC" in await commands.run("explain", order.client_order_id)


async def test_explain_shows_options_and_who_watches_the_trigger_price(commands: Commands) -> None:
    asked = request(OrderType.STOP, None, trigger_price=D(90), options=(("a", "1"), ("b", "2")), reduce_only=True)
    order = commands.world.orders.submit(asked)
    order.at_venue = True
    lines = (await commands.run("explain", order.client_order_id)).splitlines()
    assert lines[1:3] == ["buy 1 BTC/USDT at binance, stop from 90 GTC, at the venue, reduce only", "options: a 1, b 2"]
    body = SUBMITTED | {"order_type": "stop", "trigger_price": "90", "at_venue": True, "options": '{"a":"1"}'}
    assert 'buy 1 stop 100 from 90 at the venue GTC, options {"a":"1"}' in told(120, ("order.submitted", body))
