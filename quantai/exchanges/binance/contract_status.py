"""What Binance calls the state of an instrument, on spot (`status`) and on USD-M (`contractStatus`, `cs`)."""

from __future__ import annotations

from quantai.core.enums import InstrumentStatus

STATUSES = {
    "TRADING": InstrumentStatus.TRADING,
    "HALT": InstrumentStatus.HALTED,
    "BREAK": InstrumentStatus.HALTED,
    "CANCEL_ONLY": InstrumentStatus.HALTED,
    "PENDING_TRADING": InstrumentStatus.CLOSED,
    "PRE_DELIVERING": InstrumentStatus.CLOSED,
    "DELIVERING": InstrumentStatus.CLOSED,
    "DELIVERED": InstrumentStatus.DELISTED,
    "PRE_SETTLE": InstrumentStatus.CLOSED,
    "SETTLING": InstrumentStatus.CLOSED,
    "CLOSE": InstrumentStatus.CLOSED,
}
