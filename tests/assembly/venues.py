"""A venue that lists instruments, for tests of what the configuration leaves to it."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import ClassVar

from quantai.core.enums import InstrumentStatus
from quantai.core.errors import StartupError
from quantai.exchanges.base import Capabilities
from quantai.exchanges.listing import Listing
from quantai.exchanges.synthetic import SyntheticExchange
from quantai.instruments import Instrument

D = Decimal


class ListingExchange(SyntheticExchange):
    """Streams as the synthetic venue does, and lists BTC/USDT and a halted ETH/USDT; remembers what became of it."""

    capabilities = Capabilities(channels=SyntheticExchange.capabilities.channels, lists_instruments=True)
    told: ClassVar[list[str]] = []

    is_down: bool = False
    """Cannot be asked."""

    async def list_instruments(self) -> Mapping[str, Listing]:
        if self.is_down:
            raise StartupError("it cannot be asked")
        self.told.append("listed")
        return {
            symbol: Listing(
                instrument=Instrument(
                    venue=self._context.venue, symbol=symbol, tick_size=D("0.5"), lot_size=D("0.01"),
                    min_quantity=D("0.02"), max_quantity=D(100), min_notional=D(7),
                ),
                venue_symbol=symbol.replace("/", ""),
                status=status,
                status_text=status.upper(),
            )
            for symbol, status in (("BTC/USDT", InstrumentStatus.TRADING), ("ETH/USDT", InstrumentStatus.HALTED))
        }  # fmt: skip

    async def start(self) -> None:
        self.told.append("started")

    async def stop(self) -> None:
        self.told.append("stopped")
