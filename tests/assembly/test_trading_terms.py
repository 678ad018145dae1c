"""What a venue declares reaches the OMS, where orders are real."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from quantai.core.enums import OrderType, Side
from quantai.core.errors import OrderError
from quantai.exchanges.execution import ExecutionConnector
from quantai.exchanges.synthetic import SyntheticExchange
from quantai.oms.models import OrderRequest
from tests.assembly.world import graph_of
from tests.oms.world import D, SilentVenue


class Declaring(SyntheticExchange):
    """A venue that takes market and limit orders."""

    capabilities = replace(SyntheticExchange.capabilities, order_types=frozenset({OrderType.MARKET, OrderType.LIMIT}))

    def get_execution_connector(self) -> ExecutionConnector:
        return SilentVenue()


def test_a_real_venue_is_asked_for_nothing_that_it_does_not_declare_and_a_simulated_one_for_anything(
    tmp_path: Path,
) -> None:
    venue = (
        "exchanges=[]", "instruments=[]", "strategies=[]", "portfolio=none", "ops.control=null",
        "exchanges.loop={_target_: tests.assembly.test_trading_terms.Declaring, assets: {BTC: {start_price: 100}}}",
        "instruments.btc={venue: loop, symbol: BTC/USDT, tick_size: 0.01, lot_size: 0.001}",
        "strategies.buyer={_target_: tests.assembly.world.Timers, instruments: [btc]}",
        "portfolio.balances={loop: {USDT: 1000}}",
    )  # fmt: skip
    for mode, is_real in (("live_trading", True), ("paper", False)):
        graph = graph_of(tmp_path, f"mode={mode}", "store=sqlite", f"store.path={tmp_path}/{mode}.db", *venue)
        assert graph.trading is not None
        request = OrderRequest(
            "buyer", graph.markets.instruments[0], Side.BUY, OrderType.LIMIT, D(1), D(1), options=(("a", "1"),)
        )
        if is_real:
            with pytest.raises(OrderError, match="^loop has no order option 'a': it has none$"):
                graph.trading.orders.check(request)
        else:
            graph.trading.orders.check(request)
