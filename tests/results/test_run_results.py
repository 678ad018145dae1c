"""What a run leaves behind adds up: the summary, recounted from the tables by hand."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import pyarrow.parquet as pq
import pytest

from quantai.core.enums import Side
from quantai.core.params import Positive
from quantai.events import FillEvent, PortfolioValueEvent, TickEvent, TimerEvent
from quantai.oms.risk import RISK_CHECKS
from quantai.results.curve import BoundedCurve
from quantai.results.drawdown import Drawdown
from quantai.results.recorder import RunRecorder
from quantai.results.summary import money, read_status, trading_summary, write_summary
from quantai.strategy import BaseStrategy
from tests.assembly.world import BRIEF, PAPER, graph_of
from tests.oms.world import BTC, PERP, SPOT, START_NS, D, request
from tests.strategy.stage import Stage


class Busy(BaseStrategy):
    """Buys and sells by the second, markets and limits."""

    size: Positive = D("0.5")

    def on_start(self) -> None:
        self.random = Random(3)
        self.every("1s")

    def on_tick(self, tick: TickEvent) -> None: ...

    def on_timer(self, timer: TimerEvent) -> None:
        self.cancel_all()
        for instrument in self.instruments:
            act = self.random.choice([self.buy, self.sell])
            tick = self.tick(instrument.symbol, instrument.venue)
            if tick is not None:
                act(instrument.symbol, self.size, self.random.choice([None, tick.mid]), venue=instrument.venue)

    def on_fill(self, fill: FillEvent) -> None: ...


class Run:
    """A played run and what it left."""

    def __init__(self, folder: Path, recorder: RunRecorder, stage: Stage) -> None:
        errors = {"alpha": stage.runner.errors}
        self.summary = trading_summary(recorder, stage.portfolio, errors, (START_NS, stage.clock.now_ns()))
        self.stage = stage
        self.orders, self.fills, self.equity, self.prices = (
            rows(folder / f"{name}.parquet") for name in ("orders", "fills", "equity", "prices")
        )


def rows(path: Path) -> list[dict[str, Any]]:
    """A table's rows; decimals without the zeros of their column, so that they can be multiplied exactly."""
    return [
        {name: value.normalize() if isinstance(value, Decimal) else value for name, value in row.items()}
        for row in pq.read_table(path).to_pylist()
    ]


@pytest.fixture
async def run(tmp_path: Path) -> Run:
    stage = Stage(Busy(), (SPOT, PERP), taker_fee="0.001")
    recorder = RunRecorder(
        tmp_path, strategies=["alpha"], instruments=(SPOT, PERP), market=stage.market, portfolio=stage.portfolio
    )
    await recorder.start(stage.bus)
    await stage.start()
    random = Random(5)
    price = 100.0
    for _ in range(60):
        price = round(price * (1 + random.gauss(0, 0.002)), 1)
        for instrument in (SPOT, PERP, BTC):
            await stage.tick(price, round(price + 0.1, 1), instrument)
        await stage.show(wait_ns=940_000_000)
        stage.portfolio.publish_value()
    await stage.runner.stop()
    await stage.show(wait_ns=10**9)
    stage.portfolio.publish_value()
    for order in [*stage.orders.cache.closed_orders(), *stage.orders.open_orders()]:
        recorder.add_order(order)
    recorder.close()
    return Run(tmp_path, recorder, stage)


def total(table: Sequence[dict[str, Any]], name: str) -> Decimal:
    return sum((row[name] for row in table), D(0))


async def test_orders_and_fills_are_counted(run: Run) -> None:
    summary = run.summary
    assert summary["orders"] == len(run.orders) > 50
    assert summary["fills"] == len(run.fills) > 50
    assert summary["denied"] == summary["errors"] == 0
    for instrument in (SPOT, PERP):
        own = [fill for fill in run.fills if (fill["venue"], fill["symbol"]) == (instrument.venue, instrument.symbol)]
        assert summary["instruments"][str(instrument)]["fills"] == len(own)


async def test_fees_and_profit_follow_from_the_fills(run: Run) -> None:
    fees = total(run.fills, "fee")
    assert D(run.summary["fees"]) == fees > 0
    made = D(0)
    for instrument in (SPOT, PERP):
        own = [fill for fill in run.fills if fill["symbol"] == instrument.symbol]
        held = sum((f["quantity"] if f["side"] == "buy" else -f["quantity"] for f in own), D(0))
        paid = sum((f["price"] * (f["quantity"] if f["side"] == "buy" else -f["quantity"]) for f in own), D(0))
        price = run.stage.market.price(instrument.venue, instrument.symbol)
        assert price is not None
        made += (held * price - paid) * instrument.multiplier
        assert own[-1]["position"] == held == D(run.summary["instruments"][str(instrument)]["position"])
    assert D(run.summary["pnl"]) == made - fees
    assert D(run.summary["ending_equity"]) == D(run.summary["starting_equity"]) + made - fees
    strategy = run.summary["strategies"]["alpha"]
    assert D(strategy["pnl"]) == D(run.summary["pnl"])
    assert D(strategy["realized_pnl"]) == total(run.fills, "realized_pnl")
    turnover = sum(
        (f["price"] * f["quantity"] * (PERP if f["symbol"] == PERP.symbol else SPOT).multiplier for f in run.fills),
        D(0),
    )
    assert D(strategy["traded_notional"]) == turnover


async def test_what_orders_say_they_traded_is_what_the_fills_say(run: Run) -> None:
    for order in run.orders:
        own = [fill for fill in run.fills if fill["client_order_id"] == order["client_order_id"]]
        assert order["filled_quantity"] == total(own, "quantity")
        assert order["state"] == ("FILLED" if order["filled_quantity"] == order["quantity"] else "CANCELED")
    assert {order["state"] for order in run.orders} == {"FILLED", "CANCELED"}


async def test_the_equity_curve_ends_where_the_summary_does_and_holds_its_drawdown(run: Run) -> None:
    curve = [row for row in run.equity if row["strategy"] == ""]
    assert len(curve) == 61
    assert curve[-1]["equity"] == D(run.summary["ending_equity"])
    peak = worst = D(0)
    for row in curve:
        peak = max(peak, row["equity"])
        worst = max(worst, (peak - row["equity"]) / peak)
    assert D(run.summary["max_drawdown"]) == worst.quantize(D("1e-12")) > 0
    own = [row for row in run.equity if row["strategy"] == "alpha"]
    assert [row["pnl"] for row in own] == [row["pnl"] for row in curve]
    assert {row["symbol"] for row in run.prices} == {SPOT.symbol, PERP.symbol}


async def test_a_repeated_run_decides_the_same(tmp_path: Path) -> None:
    hashes = []
    for _ in range(2):
        stage = Stage(Busy(), (SPOT,))
        recorder = RunRecorder(
            tmp_path, strategies=["alpha"], instruments=(SPOT,), market=stage.market, portfolio=stage.portfolio
        )
        await recorder.start(stage.bus)
        await stage.start()
        for second in range(5):
            await stage.tick(100 + second, 101 + second)
            await stage.show(wait_ns=10**9)
        hashes.append((recorder.decisions.hexdigest(), len(stage.events)))
    assert hashes[0] == hashes[1]
    assert hashes[0][1] > 10


async def test_denied_orders_are_counted_and_unpriced_moments_are_left_out(tmp_path: Path) -> None:
    stage = Stage(Busy(), (SPOT,), checks=[RISK_CHECKS.find("max_open_orders")(total=1)])
    recorder = RunRecorder(
        tmp_path, strategies=["alpha"], instruments=(SPOT,), market=stage.market, portfolio=stage.portfolio
    )
    await recorder.start(stage.bus)
    await stage.start()
    stage.orders.submit(request(Side.BUY, "1", "50", SPOT, "alpha"))
    stage.orders.submit(request(Side.BUY, "1", "50", SPOT, "alpha"))
    summary = trading_summary(recorder, stage.portfolio, {"alpha": 2}, (START_NS, START_NS))
    assert [summary[name] for name in ("orders", "denied", "errors")] == [1, 1, 2]
    now = stage.clock.now_ns()
    unpriced = PortfolioValueEvent(now, now, "USDT", D(1), D(0), D(0), 1)
    await stage.bus.publish(unpriced)
    assert recorder.first_valued_ns is None


async def test_there_is_no_curve_before_the_worth_at_the_start_is_known(tmp_path: Path) -> None:
    stage = Stage(Busy(), (SPOT,))
    recorder = RunRecorder(
        tmp_path, strategies=["alpha"], instruments=(SPOT,), market=stage.market, portfolio=stage.portfolio
    )
    await recorder.start(stage.bus)
    stage.portfolio.starting_equity = None
    await stage.bus.publish(PortfolioValueEvent(START_NS, START_NS, "USDT", D(9), D(0), D(0), 0))
    assert recorder.first_valued_ns is None
    recorder.close()
    assert rows(tmp_path / "equity.parquet") == []
    summary = trading_summary(recorder, stage.portfolio, {}, (START_NS, START_NS))
    assert [summary[name] for name in ("starting_equity", "pnl", "max_drawdown")] == [None] * 3
    assert summary["strategies"]["alpha"]["max_drawdown"] is None


# The parts


@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 1000])
def test_a_curve_keeps_its_ends_and_so_many_points_evenly(count: int) -> None:
    curve = BoundedCurve(limit=10)
    for n in range(count):
        curve.add((n,))
    kept = [point[0] for point in curve.points()]
    assert len(kept) <= 11
    assert kept[:1] == list(range(min(count, 1)))
    assert kept[-1:] == list(range(count))[-1:]
    steps = {after - before for before, after in pairwise(kept[:-1])}
    assert len(steps) <= 1
    assert len(kept) == len(set(kept)) >= min(count, 5)


def test_drawdown_is_the_largest_fall_from_a_peak() -> None:
    drawdown = Drawdown()
    for equity in (100, 80, 120, 90, 119, 60, 130):
        drawdown.update(D(equity))
    assert drawdown.maximum == D("0.5")
    drawdown.update(D(-13))
    assert drawdown.maximum == D("1.1")


def test_drawdown_needs_a_peak_above_zero() -> None:
    drawdown = Drawdown()
    for equity in (0, -5, -10):
        drawdown.update(D(equity))
    assert drawdown.maximum is None
    drawdown.update(D(1))
    assert drawdown.maximum == 0


def test_money_is_plain_text_to_twelve_decimals() -> None:
    assert money(D("1E+3")) == "1000"
    assert money(D("-0.1234567890126")) == "-0.123456789013"
    assert money(D("-0.0000000000001")) == "0"
    assert money(D("12345678901234567.5")) == "12345678901234567.5"
    assert money(None) is None


def test_a_summary_is_written_whole_and_tells_the_status(tmp_path: Path) -> None:
    path = write_summary(tmp_path, {"exit_status": 4, "side": Side.BUY})
    assert json.loads(path.read_text(encoding="utf-8")) == {"exit_status": 4, "side": "buy"}
    assert read_status(tmp_path) == 4
    assert [each.name for each in tmp_path.iterdir()] == ["summary.json"]


@pytest.mark.parametrize(("choices", "waits"), [((BRIEF,), True), (PAPER, False)])
def test_only_simulated_time_waits_for_the_disk_that_tables_are_on(
    tmp_path: Path, choices: tuple[str, ...], waits: bool
) -> None:
    trading = graph_of(tmp_path, *choices).trading
    assert trading is not None
    assert [trading.recorder._orders._waits, trading.recorder._fills._waits] == [waits, waits]
