"""What an account has, and what its orders may cost: the part that spot and futures accounts share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal

from quantai.core.numbers import ZERO
from quantai.loopback.engine.orders import Fill, Order

_MOST_CLOSED = 20_000
_MONEY_STEP = Decimal("1e-8")


@dataclass(frozen=True, slots=True)
class FeeRates:
    """What an account pays, as fractions of what trades."""

    maker: Decimal = Decimal("0.001")
    taker: Decimal = Decimal("0.001")

    def of(self, is_maker: bool) -> Decimal:
        """The rate of a fill."""
        return self.maker if is_maker else self.taker


@dataclass(slots=True)
class Balance:
    """An amount of one asset: `free` to be used, `locked` by orders."""

    free: Decimal = ZERO
    locked: Decimal = ZERO

    @property
    def total(self) -> Decimal:
        """All of it."""
        return self.free + self.locked


class Account(ABC):
    """One account: its money and its orders. The newest of the closed orders are kept, and all their fills."""

    def __init__(self, name: str, fees: FeeRates) -> None:
        self.name = name
        self.fees = fees
        self.orders: dict[int, Order] = {}
        self.open_orders: dict[str, dict[int, Order]] = defaultdict(dict)
        self.fills: deque[tuple[Order, Fill]] = deque(maxlen=_MOST_CLOSED)
        self._open_ids: dict[tuple[str, str], Order] = {}
        self._last_ids: dict[tuple[str, str], Order] = {}
        self._closed: deque[Order] = deque()

    @abstractmethod
    def hold(self, order: Order, cost: Decimal) -> None:
        """Set aside what `order` may need; `cost` is what the rest of it would cost in quote currency.

        Raises `Refused` where it is not there.
        """

    @abstractmethod
    def release(self, order: Order) -> None:
        """Give back what is still set aside for `order`."""

    @abstractmethod
    def settle(self, order: Order, fill: Fill) -> Fill:
        """Book a fill, whose quantity `order` already counts; the fill with its fee and realized profit."""

    @abstractmethod
    def deposit(self, asset: str, amount: Decimal) -> None:
        """Add to the balance (or take away, where negative)."""

    @abstractmethod
    def assets_of(self, order: Order) -> Iterable[str]:
        """What an order of this account moves."""

    def reducible(self, order: Order) -> Decimal | None:
        """How much of `order` may trade without turning a position round; None without such a limit."""
        return None

    def open_with(self, symbol: str, client_id: str) -> Order | None:
        """The open order of a client id."""
        return self._open_ids.get((symbol, client_id))

    def last_with(self, symbol: str, client_id: str) -> Order | None:
        """The newest order of a client id, open or not."""
        return self._last_ids.get((symbol, client_id))

    def opened(self, order: Order) -> None:
        """Keep an order among the open ones."""
        key = (order.symbol, order.client_id)
        self.orders[order.id] = self._open_ids[key] = self._last_ids[key] = order
        self.open_orders[order.symbol][order.id] = order

    def rename(self, order: Order, client_id: str) -> None:
        """An open order goes on under another client id."""
        self._open_ids.pop((order.symbol, order.client_id), None)
        order.former_id, order.client_id = order.client_id, client_id
        self._open_ids[order.symbol, client_id] = self._last_ids[order.symbol, client_id] = order

    def closed(self, order: Order) -> None:
        """An order will trade no more: free what it held, forget the oldest of the closed."""
        self.release(order)
        if order.timer is not None:
            order.timer.cancel()
        key = (order.symbol, order.client_id)
        self.open_orders[order.symbol].pop(order.id, None)
        if self._open_ids.get(key) is order:
            del self._open_ids[key]
        self._closed.append(order)
        if len(self._closed) > _MOST_CLOSED:
            self._forget(self._closed.popleft())

    def _forget(self, order: Order) -> None:
        self.orders.pop(order.id, None)
        key = (order.symbol, order.client_id)
        if self._last_ids.get(key) is order:
            del self._last_ids[key]


def money(amount: Decimal) -> Decimal:
    """`amount` to the 8 decimals that balances have, rounded towards zero."""
    return amount.quantize(_MONEY_STEP, rounding=ROUND_DOWN)
