"""What a market demands of orders. The numbers are a market's own; the checks are those that venues share."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from quantai.core.numbers import ZERO, is_multiple
from quantai.instruments import Instrument
from quantai.loopback.engine.orders import Kind, OrderRequest
from quantai.loopback.engine.refusal import Reason, Refused


@dataclass(frozen=True, kw_only=True)
class MarketRules:
    """Grids and limits of one market, inclusive; prices in quote, quantities in base currency."""

    instrument: Instrument
    min_price: Decimal
    max_price: Decimal
    min_quantity: Decimal
    max_quantity: Decimal
    max_market_quantity: Decimal
    min_notional: Decimal
    max_notional: Decimal
    band_up: Decimal = Decimal("1.2")
    """A price may be this many times the reference price."""
    band_down: Decimal = Decimal("0.8")
    max_orders: int = 200
    max_stops: int = 10
    max_amends: int = 10
    liquidation_fee: Decimal = Decimal("0.0125")
    """Of what a liquidation trades: goes to the insurance fund, as far as there is something left."""

    @classmethod
    def of(cls, instrument: Instrument) -> MarketRules:
        """Limits in proportion to the grids, and the instrument's own where it has them."""
        max_quantity = instrument.max_quantity or instrument.lot_size * 900_000_000
        return cls(
            instrument=instrument,
            min_price=instrument.tick_size,
            max_price=instrument.tick_size * 100_000_000,
            min_quantity=max(instrument.min_quantity, instrument.lot_size),
            max_quantity=max_quantity,
            max_market_quantity=max_quantity / 100,
            min_notional=instrument.min_notional,
            max_notional=Decimal(9_000_000),
        )

    @property
    def symbol(self) -> str:
        """The ccxt-unified symbol."""
        return self.instrument.symbol

    def check_price(self, price: Decimal, reference: Decimal | None) -> None:
        """Raise `Refused` where an order may not have `price`; `reference` is what bands are measured from."""
        if not self.min_price <= price <= self.max_price:
            raise Refused(Reason.PRICE_LOW if price < self.min_price else Reason.PRICE_HIGH, f"{price}")
        if not is_multiple(price, self.instrument.tick_size):
            raise Refused(Reason.PRICE_STEP, f"{price}")
        if reference is not None and price > reference * self.band_up:
            raise Refused(Reason.PRICE_BAND_HIGH, f"{price}")
        if reference is not None and price < reference * self.band_down:
            raise Refused(Reason.PRICE_BAND_LOW, f"{price}")

    def check_quantity(self, quantity: Decimal, kind: Kind) -> None:
        """Raise `Refused` where an order may not have `quantity`."""
        if not self.min_quantity <= quantity <= self.max_quantity:
            is_low = quantity < self.min_quantity
            raise Refused(Reason.QUANTITY_LOW if is_low else Reason.QUANTITY_HIGH, f"{quantity}")
        if not is_multiple(quantity, self.instrument.lot_size):
            raise Refused(Reason.QUANTITY_STEP, f"{quantity}")
        if kind is Kind.MARKET and quantity > self.max_market_quantity:
            raise Refused(Reason.MARKET_QUANTITY, f"{quantity}")

    def check_notional(self, quantity: Decimal, price: Decimal) -> None:
        """Raise `Refused` where an order is worth too little or too much."""
        if not self.min_notional <= quantity * price <= self.max_notional:
            raise Refused(Reason.NOTIONAL, f"{quantity * price}")

    def check(self, request: OrderRequest, reference: Decimal | None) -> None:
        """Raise `Refused` where the market would not take `request`."""
        price = request.price if request.kind is Kind.LIMIT else reference
        if request.kind is Kind.LIMIT:
            self.check_price(request.price, reference)
        if request.trigger is not None and request.trigger.trail is None:
            self.check_price(request.trigger.price, None)
        if request.quote_quantity > ZERO:
            self.check_notional(request.quote_quantity, Decimal(1))
        elif not request.closes_position:
            self.check_quantity(request.quantity, request.kind)
            if price is not None and not request.is_reduce_only:
                self.check_notional(request.quantity, price)
        iceberg = request.iceberg
        if iceberg and not (iceberg <= request.quantity and is_multiple(iceberg, self.instrument.lot_size)):
            raise Refused(Reason.ICEBERG, f"{iceberg} of {request.quantity}")
