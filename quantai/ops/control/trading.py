"""What the control socket asks of the daemon that trades."""

from __future__ import annotations

from typing import Protocol

import msgspec

from quantai.core.enums import TradingState
from quantai.ops.control.requests import (
    AnyRequest,
    CancelAllRequest,
    CancelRequest,
    ExplainRequest,
    FlattenRequest,
    OrdersRequest,
    StatusRequest,
    TradingStateRequest,
)
from quantai.ops.control.views import Canceling, FlattenReport, Listing, StateChange, Status, Story


class TradingControl(Protocol):
    """A daemon that can be looked into and stopped. Each raises `QuantAIError` for what it will not do.

    `who` is who asks; it is kept with what was done.
    """

    async def orders(self, wanted: OrdersRequest) -> Listing:
        """The orders that are wanted."""
        ...

    async def explain(self, order_id: str) -> Story:
        """An order's story; only the matches where the id is not that of one order."""
        ...

    def status(self) -> Status:
        """How the daemon is."""
        ...

    async def set_state(self, state: TradingState, strategy: str | None, reason: str, who: str) -> StateChange:
        """Halt, restrict or resume; returns when that is durable, or may not be."""
        ...

    async def flatten(self, strategy: str | None, symbol: str | None, reason: str, who: str) -> FlattenReport:
        """Halt, cancel and close; returns when that is done or stuck."""
        ...

    async def cancel(self, order_id: str, who: str) -> Canceling:
        """Cancel one order."""
        ...

    def cancel_all(self, strategy: str | None, symbol: str | None, who: str) -> Canceling:
        """Cancel open orders."""
        ...


async def carry_out(control: TradingControl, request: AnyRequest, who: str) -> msgspec.Struct:
    """Do what `request` asks; the answer. Raises what `control` raises."""
    match request:
        case OrdersRequest():
            return await control.orders(request)
        case ExplainRequest(order_id=order_id):
            return await control.explain(order_id)
        case StatusRequest():
            return control.status()
        case TradingStateRequest(state=state, strategy=strategy, reason=reason):
            return await control.set_state(state, strategy, reason, who)
        case FlattenRequest(strategy=strategy, symbol=symbol, reason=reason):
            return await control.flatten(strategy, symbol, reason, who)
        case CancelRequest(order_id=order_id):
            return await control.cancel(order_id, who)
        case CancelAllRequest(strategy=strategy, symbol=symbol):
            return control.cancel_all(strategy, symbol, who)
