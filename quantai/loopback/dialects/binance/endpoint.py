"""One request of a client, and what a row of the table of endpoints says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from quantai.loopback.dialects.binance.errors import REJECTED_KEY, ApiError
from quantai.loopback.dialects.binance.params import Params
from quantai.loopback.dialects.binance.wording import TimeOf, to_ms
from quantai.loopback.engine import Account
from quantai.loopback.server.keys import ApiKey


class Security(Enum):
    """What a request must prove."""

    NONE = auto()
    KEY = auto()
    """A known API key."""
    SIGNED = auto()
    """The key, a timestamp and a signature."""
    TRADE = auto()
    """As signed, by a key that may trade."""


@dataclass(slots=True)
class Call:
    """A request: its parameters, who sent it, and in what unit its times are answered."""

    params: Params
    account: Account | None = None
    key: ApiKey | None = None
    time: TimeOf = to_ms

    @property
    def owner(self) -> Account:
        """The account of the key."""
        if self.account is None:
            raise ApiError(*REJECTED_KEY)
        return self.account


Handler = Callable[[Call], Any]
WeightOf = Callable[[Params], int]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A row of the table. `orders` is how many the request counts as; `is_free` weighs nothing where it succeeds."""

    method: str
    path: str
    handler: Handler
    weight: int | WeightOf = 1
    security: Security = Security.NONE
    orders: int = 0
    is_free: bool = False

    @property
    def name(self) -> str:
        """As faults and counters call it."""
        return f"{self.method} {self.path}"

    def weigh(self, params: Params) -> int:
        """What this request costs."""
        return self.weight if isinstance(self.weight, int) else self.weight(params)


def by_limit(default: int, *rows: tuple[int, int]) -> WeightOf:
    """A weight that grows with `limit`: `rows` of the highest limit and the weight up to it."""

    def weigh(params: Params) -> int:
        limit = params.integer("limit", default) or default
        return next((weight for most, weight in rows if limit <= most), rows[-1][1])

    return weigh


def by_symbol(one: int, every: int) -> WeightOf:
    """A weight that depends on whether one symbol is asked for."""
    return lambda params: one if params.values.get("symbol") else every
