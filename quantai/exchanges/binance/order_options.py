"""What an order may say that only Binance knows: the names, and what may stand in each.

Source: Binance Spot API, «New order», «Pegged orders»; USD-M Futures, «New Order», «New Algo Order».
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from quantai.core.errors import NumberError, OrderError
from quantai.core.identifiers import nearest
from quantai.core.numbers import plain, to_decimal

Reader = Callable[[str], str]
"""The value as it is sent. Raises `ValueError` with what it should have been."""


def _number(text: str) -> str:
    try:
        number = to_decimal(text)
    except NumberError as error:
        raise ValueError(f"a number above 0 ({error})") from None
    if number <= 0:
        raise ValueError("a number above 0")
    return plain(number)


def _whole(text: str) -> str:
    if not re.fullmatch(r"[0-9]{1,18}", text):
        raise ValueError("a whole number")
    return text


def _flag(text: str) -> str:
    return _one_of("true", "false")(text.lower())


def _one_of(*valid: str) -> Reader:
    def read(text: str) -> str:
        if text not in valid:
            raise ValueError(f"one of {', '.join(valid)}")
        return text

    return read


_PREVENTION = ("NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH")
_MATCH = tuple(f"{side}{depth}" for side in ("OPPONENT", "QUEUE") for depth in ("", "_5", "_10", "_20"))

SPOT_OPTIONS: Mapping[str, Reader] = {
    "type": _one_of("STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT"),
    "quoteOrderQty": _number,
    "icebergQty": _number,
    "trailingDelta": _whole,
    "pegPriceType": _one_of("PRIMARY_PEG", "MARKET_PEG"),
    "pegOffsetType": _one_of("PRICE_LEVEL"),
    "pegOffsetValue": _whole,
    "selfTradePreventionMode": _one_of(*_PREVENTION, "DECREMENT"),
    "strategyId": _whole,
    "strategyType": _whole,
}

USDM_OPTIONS: Mapping[str, Reader] = {
    "type": _one_of("STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET"),
    "timeInForce": _one_of("RPI"),
    "goodTillDate": _whole,
    "positionSide": _one_of("BOTH", "LONG", "SHORT"),
    "workingType": _one_of("MARK_PRICE", "CONTRACT_PRICE"),
    "priceProtect": _flag,
    "closePosition": _flag,
    "callbackRate": _number,
    "activatePrice": _number,
    "priceMatch": _one_of(*_MATCH),
    "selfTradePreventionMode": _one_of(*_PREVENTION),
}


def read_options(options: tuple[tuple[str, str], ...], known: Mapping[str, Reader]) -> dict[str, str]:
    """By name, as they are sent. Raises `OrderError` for one that is unknown, said twice, or says what it cannot."""
    values: dict[str, str] = {}
    for name, text in options:
        reader = known.get(name)
        if reader is None:
            near = nearest(name, known)
            raise OrderError(f"no order option {name!r} is known here" + (f"; did you mean {near}?" if near else ""))
        if name in values:
            raise OrderError(f"the order option {name} is given twice")
        try:
            values[name] = reader(text)
        except ValueError as error:
            raise OrderError(f"the order option {name} must be {error}, not {text!r}") from None
    return values
