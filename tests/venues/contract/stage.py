"""A loopback venue and a connector to it in one loop, in simulated time: sockets are real, waiting is not.

Time passes while something is waited for, a little with each turn of the loop that serves both sides; so nothing
depends on how fast the machine is.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any, TypeVar

from pydantic import SecretStr

from quantai.core.clock import NS_PER_MS, NS_PER_SECOND, SimulatedClock
from quantai.core.enums import Side
from quantai.events import Event
from quantai.exchanges.base import Exchange, ExchangeContext
from quantai.instruments import Instrument
from quantai.loopback.dialects import DIALECTS
from quantai.loopback.engine import Account, Market
from quantai.loopback.server.faults import Fault, FaultKind
from quantai.loopback.server.keys import ApiKey
from quantai.loopback.server.venue import LoopbackVenue, VenueSettings
from tests.venues.contract.venue import VenueUnderTest
from tests.venues.running import quiet_market

T = TypeVar("T")

KEY, SECRET = "contract-key-0123456789abcdef", "contract-secret-0123456789abcdef"
WRONG_SECRET = "another-secret-0123456789abcdef"
MINUTE_NS = 1_780_000_020 * NS_PER_SECOND
"""The beginning of the minute in which cards begin."""
START_NS = MINUTE_NS + 5 * NS_PER_SECOND
"""Away from the ends of windows of rate limits, near which nobody knows which window a count speaks of."""
_PRICES = (Decimal(65_000), Decimal(3_200))
_TURNS = 10
"""Of the loop, before time passes: what was sent arrives, and is answered, within a few of them."""
_STEP_NS = 10 * NS_PER_MS
_DEADLINE_S = 30


class Stage:
    """What a card holds. `exchange` is started; its connectors are made by whoever needs them."""

    def __init__(self, venue: VenueUnderTest) -> None:
        self.venue = venue
        self.clock = SimulatedClock(START_NS)
        self.told: list[Event] = []
        self.logged: list[str] = []
        prices = dict(zip(venue.symbols, _PRICES, strict=True))
        keys, balances = [ApiKey(KEY, SECRET)], dict(venue.balances)
        settings = VenueSettings(prices=prices, keys=keys, balances=balances, seed=7, source_of=quiet_market)
        self.loopback = LoopbackVenue(DIALECTS[venue.name](), settings, self.clock)
        self.exchanges: list[Exchange] = []

    @property
    def symbol(self) -> str:
        """The market that cards trade."""
        return self.venue.symbols[0]

    @property
    def instruments(self) -> dict[str, Instrument]:
        """By symbol, as the venue has them."""
        return {instrument.symbol: instrument for instrument in self.loopback.prices}

    @property
    def instrument(self) -> Instrument:
        """That of `symbol`."""
        return self.instruments[self.symbol]

    @property
    def account(self) -> Account:
        """What the venue knows of the account."""
        return self.loopback.engine.accounts["main"]

    @property
    def market(self) -> Market:
        """What the venue knows of `symbol`."""
        return self.loopback.engine.markets[self.symbol]

    def make_exchange(self, *, secret: str = SECRET, start_at: str = "", **params: Any) -> Exchange:
        """An exchange that talks to the loopback venue (or to the address `start_at`); not started."""
        hosts = self.loopback.dialect.hosts(start_at or self.loopback.address)
        exchange = self.venue.exchange(hosts=hosts, **params)
        exchange.bind(
            ExchangeContext(
                venue=self.venue.name, instruments=list(self.instruments.values()), api_key=SecretStr(KEY),
                api_secret=SecretStr(secret), clock=self.clock, publish=self.told.append,
            )
        )  # fmt: skip
        self.exchanges.append(exchange)
        return exchange

    async def exchange(self, **params: Any) -> Exchange:
        """A started one."""
        exchange = self.make_exchange(**params)
        await self.run(exchange.start())
        return exchange

    async def until(
        self, is_true: Callable[[], object], what: str = "it did not become so", step_ns: int = _STEP_NS
    ) -> None:
        """Let time pass until something is so."""
        deadline = time.monotonic() + _DEADLINE_S
        while not is_true():
            assert time.monotonic() < deadline, what
            await self._turn(step_ns)

    async def run(self, work: Awaitable[T], step_s: float = 0.01) -> T:
        """The result of `work`, while time passes."""
        task = asyncio.ensure_future(work)
        try:
            await self.until(task.done, "it did not end", int(step_s * NS_PER_SECOND))
        finally:
            task.cancel()
            await asyncio.wait({task})
        return task.result()

    async def pass_time(self, seconds: float, step_s: float = 0.1) -> None:
        """Let so much time pass, and both sides do in it what they do."""
        until_ns = self.clock.now_ns() + int(seconds * NS_PER_SECOND)
        while self.clock.now_ns() < until_ns:
            await self._turn(min(int(step_s * NS_PER_SECOND), until_ns - self.clock.now_ns()))

    async def _turn(self, step_ns: int) -> None:
        for _ in range(_TURNS):
            await asyncio.sleep(0)
        self.clock.advance_to(self.clock.now_ns() + step_ns)

    def break_(self, kind: FaultKind, match: str = "", **more: Any) -> None:
        """Have something go wrong."""
        self.loopback.faults.inject(Fault(kind, match=match, **more))

    def take(self, side: Side, price: Decimal, quantity: Decimal, symbol: str = "") -> None:
        """Somebody else takes what is there, up to `price`."""
        engine = self.loopback.engine
        market = engine.markets[symbol or self.symbol]
        engine.take(market, side, price, quantity)
        engine.settle_quote(market)

    def quote(self, side: Side, price: Decimal, quantity: Decimal, symbol: str = "") -> None:
        """Somebody else quotes."""
        engine = self.loopback.engine
        market = engine.markets[symbol or self.symbol]
        engine.rest(market, side, price, quantity)
        engine.settle_quote(market)

    def best(self, side: Side, symbol: str = "") -> Decimal:
        """The best price of a side."""
        best = self.loopback.engine.markets[symbol or self.symbol].book.best(side)
        assert best is not None
        return best[0]


@asynccontextmanager
async def stage(venue: VenueUnderTest) -> AsyncIterator[Stage]:
    """A venue that runs, until the block ends. Then nothing that the card began may be left, and nothing logged may
    have a secret in it.
    """
    made = Stage(venue)
    log = _Log(made.logged)
    tasks_before = asyncio.all_tasks()
    logging.getLogger("quantai").addHandler(log)
    await made.loopback.start()
    try:
        yield made
    finally:
        for exchange in made.exchanges:
            await made.run(exchange.stop())
        await made.loopback.stop()
        logging.getLogger("quantai").removeHandler(log)
    await made.until(lambda: not (asyncio.all_tasks() - tasks_before), "tasks are left")
    assert not any(secret in line for line in made.logged for secret in (KEY, SECRET, WRONG_SECRET, "signature="))


class _Log(logging.Handler):
    def __init__(self, lines: list[str]) -> None:
        super().__init__()
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(record.getMessage())
