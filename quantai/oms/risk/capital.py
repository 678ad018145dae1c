"""The standard check of capital."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, NamedTuple

from pydantic import Field

from quantai.core.enums import Side
from quantai.core.numbers import ZERO, plain
from quantai.core.params import Rate
from quantai.instruments import InstrumentType
from quantai.oms.models import Order
from quantai.oms.risk.base import Looser, RiskCheck
from quantai.oms.risk.exposure import Exposure, Total, quote
from quantai.oms.risk.standard import NO_PRICE
from quantai.oms.risk.view import RiskView
from quantai.oms.risk.working import Purse, is_paid_in_full, is_spot_sale, pays_in

_BUY, _SELL = Side.BUY, Side.SELL
_SPOT, _OPTION = InstrumentType.SPOT, InstrumentType.OPTION


class _Payment(NamedTuple):
    """What an order on one side of an instrument takes money from."""

    currency: str
    purse: Purse
    margin: Total
    is_spot_sale: bool
    is_in_full: bool


class SufficientCapital(RiskCheck):
    """The account can pay for the order besides those already open: cash for spot, margin for contracts.

    One currency of one venue must carry both: what spot orders would pay out of it, and what margined positions would
    need of it. Profit not yet taken is margin, but does not pay for spot; a loss not yet taken counts for both. What
    makes the account's position in a contract smaller passes; of spot nobody can sell what is not held.
    """

    code = "INSUFFICIENT_CAPITAL"
    looser = {"max_leverage": Looser.HIGHER, "fee_buffer": Looser.LOWER, "slippage_buffer": Looser.LOWER}

    max_leverage: Annotated[Decimal, Field(ge=1, le=125)] = Decimal(1)
    """How many times the account's equity margined positions may be worth."""
    fee_buffer: Rate = Decimal("0.001")
    """Kept for fees, as a fraction of notional."""
    slippage_buffer: Rate = Decimal("0.005")
    """Kept for a market order to trade worse than the quote, as a fraction of notional."""

    def __init__(self, **params: object) -> None:
        super().__init__(**params)
        self._payments: dict[tuple[Exposure, bool], _Payment] = {}
        self._with_fee = 1 + self.fee_buffer

    def evaluate(self, order: Order, view: RiskView) -> str | None:
        instrument, exposure, is_sale = order.instrument, view.exposure, order.side is _SELL
        if instrument.type is not _SPOT and view.account_after <= ZERO:
            return None
        if is_sale and instrument.type is _OPTION:
            return f"sells more {order.symbol} than is held: what a short option can lose is not known here"
        payment = self._payments.get((exposure, is_sale)) or self._plan(exposure, order.side, view)
        cash = self._cash(payment, order.price is None, view)
        margined = self._margined(payment, order.side, view)
        if cash is None or margined is None:
            return NO_PRICE
        profit = payment.margin.profit
        capital = view.account.balance(order.venue, payment.currency)
        capital += profit if instrument.is_margined or profit < ZERO else ZERO
        carried = (capital - cash) * self.max_leverage
        view.measure("margined positions", margined, carried)
        if carried < margined:
            return (
                f"open orders and this one need {plain(cash)} {payment.currency} and make margined positions of "
                f"{plain(margined)}, {order.venue} has {plain(capital)} at leverage {plain(self.max_leverage)}"
            )
        return None

    def _plan(self, exposure: Exposure, side: Side, view: RiskView) -> _Payment:
        """Worked out once for each instrument and side."""
        instrument = exposure.instrument
        currency = pays_in(instrument, side)
        return self._payments.setdefault(
            (exposure, side is _SELL),
            _Payment(
                currency,
                view.working.purses[instrument.venue, currency],
                view.working.account.total(instrument.venue, currency, is_margined=True),
                is_spot_sale(instrument, side),
                is_paid_in_full(instrument, side),
            ),
        )

    def _cash(self, payment: _Payment, is_at_market: bool, view: RiskView) -> Decimal | None:
        """What open orders and this one would pay in its currency; None where one has no price."""
        own = self._pays(payment, view.exposure, view.quantity, view.price, is_at_market)
        if own is None:
            return None
        purse, fee = payment.purse, self.fee_buffer
        total = own + purse.paid * self._with_fee + purse.fees_of * fee + purse.units
        for exposure in view.working.at_market:
            for side, quantity in ((_BUY, exposure.market_buys), (_SELL, exposure.market_sells)):
                other = self._payments.get((exposure, side is _SELL)) or self._plan(exposure, side, view)
                if quantity and other.purse is purse:
                    pays = self._pays(other, exposure, quantity, quote(exposure.seen, side), True)
                    if pays is None:
                        return None
                    total += pays
        return total

    def _pays(
        self, payment: _Payment, exposure: Exposure, quantity: Decimal, price: Decimal | None, is_at_market: bool
    ) -> Decimal | None:
        if price is None:
            return None
        if payment.is_spot_sale:
            return quantity
        rate = self._with_fee if payment.is_in_full else self.fee_buffer
        return exposure.worth(quantity, price) * (rate + self.slippage_buffer if is_at_market else rate)

    @staticmethod
    def _margined(payment: _Payment, side: Side, view: RiskView) -> Decimal | None:
        """The notional of all margined positions that could come about in the currency; None where one has no price."""
        view.exposures()
        margin, own = payment.margin, view.exposure
        if own.total is not margin:
            return None if margin.unpriced or margin.unvalued else margin.notional
        after = view.notional_after(side, own)
        if after is None or margin.unpriced - (own.notional is None) or margin.unvalued:
            return None
        return margin.notional - (own.notional or ZERO) + after
