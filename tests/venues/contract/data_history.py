"""Data cards: what happened before, and the rate limits on the way."""

from __future__ import annotations

import asyncio
from decimal import Decimal

from quantai.core.clock import NS_PER_SECOND
from quantai.core.enums import Side
from quantai.core.numbers import to_decimal
from quantai.events import BarEvent, TradeEvent
from quantai.exchanges.history import BarPage, History, TradePage
from quantai.loopback.engine import Trade
from quantai.loopback.engine.tape import Tape
from quantai.loopback.server.faults import FaultKind
from tests.venues.contract.cards import card, channel, history
from tests.venues.contract.stage import MINUTE_NS, Stage

_BAR_NS = 60 * NS_PER_SECOND
_BACK = 2_600


def _remember(stage: Stage, apart_ns: int = NS_PER_SECOND) -> int:
    """Have the venue know trades of before, more than one page of them; when they began."""
    tape = stage.market.tape = Tape()
    first_ns = MINUTE_NS - _BACK * apart_ns
    for number in range(_BACK):
        price = Decimal(65_000 + number % 7)
        tape.add([Trade(tape.next_id(), price, Decimal("0.01"), bool(number % 2), first_ns + number * apart_ns)])
    return first_ns


async def _trades(source: History, stage: Stage, start_ns: int, after: str = "") -> list[TradePage]:
    pages = source.download_trades(stage.symbol, start_ns, MINUTE_NS, after)
    return [page async for page in pages]


async def _bars(source: History, stage: Stage, start_ns: int, end_ns: int) -> list[BarPage]:
    return [page async for page in source.download_bars(stage.symbol, _BAR_NS, start_ns, end_ns)]


def _truth(stage: Stage, start_ns: int) -> list[tuple[str, Decimal, Decimal, Side, int]]:
    return [
        (str(each.id), each.price, each.quantity, Side.SELL if each.is_buyer_maker else Side.BUY, each.ts_ns)
        for each in stage.market.tape.aggregates
        if start_ns <= each.ts_ns < MINUTE_NS
    ]


def _came(events: list[TradeEvent]) -> list[tuple[str, Decimal, Decimal, Side, int]]:
    return [(each.trade_id, to_decimal(each.price), to_decimal(each.size), each.side, each.ts_event) for each in events]


@card("D40", "Old trades come page by page, each once", history("trade"))
async def old_trades_come(stage: Stage) -> None:
    exchange, start_ns = await stage.exchange(), _remember(stage)
    pages = await stage.run(_trades(exchange.get_history(), stage, start_ns + 50 * NS_PER_SECOND))
    assert len(pages) > 1
    came = _came([event for page in pages for event in page.events])
    assert came == _truth(stage, start_ns + 50 * NS_PER_SECOND)
    assert not [hole for page in pages for hole in page.holes]


@card("D41", "A download goes on where another one ended, without a trade twice or missing", history("trade"))
async def a_download_goes_on(stage: Stage) -> None:
    exchange, start_ns = await stage.exchange(), _remember(stage)
    first, *_ = await stage.run(_trades(exchange.get_history(), stage, start_ns))
    rest = await stage.run(_trades(exchange.get_history(), stage, first.done_ns, first.last_id))
    came = _came([event for page in (first, *rest) for event in page.events])
    assert came == _truth(stage, start_ns)


@card("D42", "Trades that the venue lacks are a hole in the download", history("trade"))
async def missing_trades_are_a_hole(stage: Stage) -> None:
    exchange, start_ns = await stage.exchange(), _remember(stage)
    del stage.market.tape.aggregates[1_200]
    pages = await stage.run(_trades(exchange.get_history(), stage, start_ns))
    [hole] = [hole for page in pages for hole in page.holes]
    assert hole.start_ns <= start_ns + 1_200 * NS_PER_SECOND <= hole.end_ns


@card("D43", "Old bars come page by page, and none that is not finished", history("bar"))
async def old_bars_come(stage: Stage) -> None:
    exchange, start_ns = await stage.exchange(), _remember(stage, _BAR_NS)
    await stage.pass_time(30, 1)
    stage.take(Side.BUY, stage.best(Side.SELL), Decimal(1))  # in a bar that is open
    pages = await stage.run(_bars(exchange.get_history(), stage, start_ns, stage.clock.now_ns() + _BAR_NS))
    bars = [event for page in pages for event in page.events]
    assert len(pages) > 1
    assert [bar.ts_event for bar in bars] == [start_ns + (number + 1) * _BAR_NS for number in range(_BACK)]
    assert all(bar.open == bar.close == 65_000 + number % 7 for number, bar in enumerate(bars))


@card("D44", "The connector itself gives bars of before, to begin with", history("bar"), channel("bar"))
async def the_connector_gives_bars(stage: Stage) -> None:
    exchange = await stage.exchange()
    _remember(stage, _BAR_NS)
    connector = exchange.get_market_data_connector()
    asked = connector.get_historical(stage.symbol, _BAR_NS, MINUTE_NS - 10 * _BAR_NS, MINUTE_NS)
    bars: list[BarEvent] = await stage.run(asked)
    assert [bar.ts_event for bar in bars] == [MINUTE_NS - number * _BAR_NS for number in range(9, -1, -1)]


@card("D45", "An answer that fails is asked for again", history("bar"))
async def failed_answers_are_asked_again(stage: Stage) -> None:
    exchange, start_ns = await stage.exchange(), _remember(stage, _BAR_NS)
    for kind in (FaultKind.ERROR_BEFORE, FaultKind.HANG_UP_AFTER, FaultKind.TRUNCATE):
        stage.break_(kind, stage.venue.requests["bars"])
    pages = await stage.run(_bars(exchange.get_history(), stage, start_ns, MINUTE_NS))
    assert sum(len(page.events) for page in pages) == _BACK


@card("D46", "Rate limits are never exceeded, those that others of this address use up included", history("trade"))
async def limits_are_kept(stage: Stage) -> None:
    weight = stage.venue.budgets[0]
    client = stage.venue.budget_clients[0]
    [(rule, _)] = stage.loopback.usage.used(weight, client)
    stage.loopback.usage.add(weight, client, int(rule.limit * 0.92))
    exchange, start_ns = await stage.exchange(), _remember(stage)
    downloads = (_trades(exchange.get_history(), stage, start_ns) for _ in range(12))
    results = await stage.run(asyncio.gather(*downloads), 0.1)
    truth = _truth(stage, start_ns)
    assert all(_came([event for page in pages for event in page.events]) == truth for pages in results)
    assert not stage.loopback.counts["status_429"] + stage.loopback.counts["status_418"]
    assert stage.clock.now_ns() > MINUTE_NS + _BAR_NS  # it had to wait


@card("D47", "After «too many requests» nothing is asked before the venue's time is over", history("bar"))
async def retry_after_is_obeyed(stage: Stage) -> None:
    exchange, start_ns = await stage.exchange(), _remember(stage, _BAR_NS)
    stage.break_(FaultKind.RATE_LIMIT, stage.venue.requests["bars"], seconds=5.0)
    told_ns = stage.clock.now_ns()
    work = asyncio.ensure_future(_bars(exchange.get_history(), stage, start_ns, MINUTE_NS))
    await stage.until(lambda: stage.loopback.counts["status_429"])
    asked = stage.loopback.counts[stage.venue.requests["bars"]]
    await stage.pass_time(4, 0.02)
    assert stage.loopback.counts[stage.venue.requests["bars"]] == asked
    pages = await stage.run(work)
    assert sum(len(page.events) for page in pages) == _BACK
    assert stage.clock.now_ns() - told_ns >= 5 * NS_PER_SECOND
