"""What Binance calls the state of an instrument: `status`, of COIN-M `contractStatus`, in streams `cs`.

Source: Binance Spot API, «Enums»; USD-M and COIN-M Futures, «Common definition».
"""

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
    "TRADING_HALT": InstrumentStatus.HALTED,
    "TRADING_CANCEL_ONLY": InstrumentStatus.HALTED,
}
