"""What a simulated venue knows of the run before: the positions that it left, and to give no id again."""

from __future__ import annotations

import pytest

from quantai.core.enums import Side
from quantai.exchanges.execution import ExecType
from quantai.instruments import Instrument
from tests.oms.world import D
from tests.simulation.venue import COIN, Venue

BUY, SELL = Side.BUY, Side.SELL


@pytest.mark.parametrize(("quantity", "answer"), [("2", "NEW"), ("2.1", "REJECTED")])
def test_a_position_of_an_earlier_run_can_be_reduced(quantity: str, answer: str) -> None:
    venue = Venue()
    elsewhere = Instrument(venue="elsewhere", symbol=COIN.symbol, tick_size=D(1), lot_size=D(1))
    unknown = Instrument(venue=COIN.venue, symbol="ETH/USDT", tick_size=D(1), lot_size=D(1))
    venue.exchange.restore([(COIN, D(2)), (elsewhere, D(9)), (unknown, D(9))])
    venue.tick(99, 100)
    assert venue.kinds(venue.place(SELL, quantity, reduce_only=True))[0] == answer


@pytest.mark.parametrize(("run", "prefix"), [("", "okx"), ("t0001", "okx-t0001")])
def test_ids_of_orders_and_trades_carry_the_run(run: str, prefix: str) -> None:
    venue = Venue(run=run)
    venue.tick(99, 100)
    for _ in range(2):
        venue.place(BUY, "1")
    trades = [report for report in venue.reports if report.exec_type is ExecType.TRADE]
    assert [report.trade_id for report in trades] == [f"{prefix}-1", f"{prefix}-2"]
    assert [report.venue_order_id for report in trades] == [f"{prefix}-1", f"{prefix}-2"]
