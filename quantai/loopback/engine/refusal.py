"""Why the engine says no, in no venue's words; each dialect has its own codes for these."""

from __future__ import annotations

from enum import StrEnum

from quantai.core.errors import QuantAIError


class Reason(StrEnum):
    """What is wrong with a command."""

    BAD_SYMBOL = "no such market"
    CLOSED = "the market is closed"
    PRICE_LOW = "the price is below the least"
    PRICE_HIGH = "the price is above the most"
    PRICE_STEP = "the price is off the tick grid"
    QUANTITY_LOW = "the quantity is below the least"
    QUANTITY_HIGH = "the quantity is above the most"
    QUANTITY_STEP = "the quantity is off the lot grid"
    MARKET_QUANTITY = "the quantity is too large for a market order"
    NOTIONAL = "the notional is out of range"
    PRICE_BAND_HIGH = "the price is too far above the market"
    PRICE_BAND_LOW = "the price is too far below the market"
    ICEBERG = "the displayed part is not right"
    TOO_MANY_ORDERS = "too many open orders"
    TOO_MANY_STOPS = "too many open conditional orders"
    TOO_MANY_AMENDS = "amended too often"
    INSUFFICIENT = "insufficient balance"
    DUPLICATE = "the client id is that of an open order"
    WOULD_TAKE = "a post-only order would take"
    WOULD_TRIGGER = "a stop would trigger at once"
    UNFILLABLE = "fill-or-kill cannot be filled"
    REDUCE_ONLY = "would not reduce a position"
    WRONG_POSITION_SIDE = "the position side does not match the account's mode"
    UNKNOWN_TO_CANCEL = "no such open order"
    UNKNOWN_TO_AMEND = "no such open order to amend"
    UNKNOWN = "no such order"
    NOTHING_CHANGES = "an amendment that changes nothing"
    AMEND_NOT_SMALLER = "a quantity can only be made smaller"
    BUSY = "rejected on command"


class Refused(QuantAIError):
    """A command that certainly had no effect."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else str(reason))
        self.reason = reason
        self.detail = detail
