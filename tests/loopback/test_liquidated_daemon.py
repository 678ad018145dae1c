"""A whole daemon whose account the venue liquidates: its books become the venue's, and somebody is told."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from quantai.assembly import Graph, assemble
from quantai.assembly.listings import take_listings
from quantai.config import load_config
from quantai.core.enums import OrderState
from quantai.daemon import DONE, serve
from quantai.events import MismatchEvent, TickEvent
from quantai.loopback.engine import FuturesAccount
from quantai.loopback.server.venue import LoopbackVenue
from quantai.oms.models import EXTERNAL
from quantai.strategy import BaseStrategy
from tests.venues.running import KEY, SECRET, running_venue

VENUE, SYMBOL = "binance_usdm", "BTC/USDT:USDT"
_DEADLINE_S = 60
_KEYS = "api_key: ${oc.env:LIQUIDATED_KEY}, api_secret: ${oc.env:LIQUIDATED_SECRET}"


class Holder(BaseStrategy):
    """Buys once and keeps it, with an order that rests far below."""

    has_bought = False

    def on_tick(self, tick: TickEvent) -> None:
        if not self.has_bought:
            self.has_bought = True
            self.buy(tick.symbol, 0.2)
            self.buy(tick.symbol, 0.01, round(tick.bid_price * 0.97, 1))


def _overrides(venue: LoopbackVenue) -> list[str]:
    hosts = ", ".join(f'{part}: "{url}"' for part, url in venue.dialect.hosts(venue.address).items())
    return [
        "mode=live_trading", "schedule=none", "store=sqlite", "portfolio=none", "exchanges=[]", "instruments=[]",
        "strategies=[]", f"+portfolio.balances.{VENUE}={{USDT: 7000}}",
        f"exchanges.{VENUE}={{type: {VENUE}, {_KEYS}, hosts: {{{hosts}}}}}",
        f'instruments.perp={{venue: {VENUE}, symbol: "{SYMBOL}"}}',
        "strategies.mine={_target_: tests.loopback.test_liquidated_daemon.Holder, instruments: [perp]}",
    ]  # fmt: skip


async def _until(is_true: Callable[[], object], running: asyncio.Task[object]) -> None:
    deadline = time.monotonic() + _DEADLINE_S
    while not is_true():
        assert not running.done(), running.result()
        assert time.monotonic() < deadline, "it did not become so"
        await asyncio.sleep(0.01)


def _position(graph: Graph) -> Decimal:
    assert graph.trading is not None
    return sum((quantity for _, quantity in graph.trading.portfolio.net_positions()), Decimal(0))


def _cash(graph: Graph) -> Decimal:
    assert graph.trading is not None
    [balance] = [each for each in graph.trading.portfolio.account().balances if each.venue == VENUE]
    return balance.amount


async def test_its_position_is_closed_and_its_cash_is_the_venues(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LIQUIDATED_KEY", KEY)
    monkeypatch.setenv("LIQUIDATED_SECRET", SECRET)
    async with running_venue(VENUE, source_of=None, balances={"USDT": Decimal(7_000)}) as venue:
        account, market = venue.engine.accounts["main"], venue.engine.markets[SYMBOL]
        assert isinstance(account, FuturesAccount)
        config = load_config(_overrides(venue)).config
        graph = assemble(config, tmp_path, listed=await take_listings(config))
        assert graph.trading is not None
        orders, told = graph.trading.orders, list[MismatchEvent]()
        await graph.markets.bus.subscribe(
            "*", lambda event: told.append(event) if isinstance(event, MismatchEvent) else None
        )
        running = asyncio.ensure_future(serve(graph))
        try:
            await _until(lambda: _position(graph) == Decimal("0.2") and orders.open_orders(), running)
            venue.engine.set_mark(market, Decimal(29_000), None)
            assert not account.held("USDT")
            await _until(lambda: not _position(graph) and _cash(graph) == account.wallet["USDT"], running)
            await _until(lambda: not orders.open_orders(), running)
            [forced] = [order for order in graph.trading.cache.closed_orders() if order.strategy == EXTERNAL]
            assert (forced.state, forced.filled_quantity) == (OrderState.FILLED, Decimal("0.2"))
            assert "external_order" in {event.kind for event in told}
        finally:
            graph.markets.feed.stop()
            outcome = await running
        assert outcome.status == DONE
