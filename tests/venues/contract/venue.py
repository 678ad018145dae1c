"""What the contract suite must be told of a venue, so that every card can be run against it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from quantai.exchanges.base import Capabilities, Exchange
from quantai.exchanges.execution import ExecutionConnector
from quantai.loopback.server.faults import Fault

Options = tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class VenueUnderTest:
    """A connector and its loopback venue, in words that all venues share.

    Words of `requests` (what faults of requests match): `submit`, `cancel`, `amend`, `batch`, `cancel batch`,
    `countdown`, `book`, `bars`, `missed_trades`. `streams` are named by market event types; `{}` is the
    venue's symbol. `options` say what no other field of an order can, in the venue's own words: each takes the word's
    argument. `params` are parameters of the exchange that cards ask for: `quick refresh` (of what is listed, at once),
    `whole books at a pace` (two a second), `dead-man switch` (of nine seconds).
    """

    name: str
    """Of the dialect that the loopback venue speaks, and of the exchange type."""
    exchange: type[Exchange]
    symbols: tuple[str, str]
    """Two markets: cards trade the first; each has twenty levels a side, a unit apart, one of base currency each."""
    balances: Mapping[str, Decimal]
    """Of an account that can buy 1.4 of the first market."""
    venue_symbol: Callable[[str], str]
    """How the venue writes a symbol in the names of its streams."""
    requests: Mapping[str, str]
    streams: Mapping[str, str]
    private_fill: str
    """What faults of the private frame that tells a fill match."""
    private_order: str = "private:"
    """What faults of private frames that tell what became of an order match, and of no others."""
    no_private_stream: Fault
    """What keeps a private stream from standing."""
    budgets: tuple[str, str]
    """What the loopback venue calls request weight, and orders, in its `usage`: twice the same where orders have no
    limit of their own.
    """
    budget_clients: tuple[str, str] = ("127.0.0.1", "main")
    """Whom it counts each of them for: the address, the account."""
    options: Mapping[str, Callable[[str], Options]] = field(default_factory=dict)
    params: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    facts: frozenset[str] = frozenset()
    """`amend to any price and quantity`, `keys of private streams expire`, `tells before it disconnects`,
    `orders have a least value`.
    """
    beyond: Mapping[str, str] = field(default_factory=dict)
    """Declared options that no card can try, and why."""
    cancel_all: Callable[[ExecutionConnector, str], Any] | None = None

    @property
    def capabilities(self) -> Capabilities:
        """What the connector declares."""
        return self.exchange.capabilities

    def stream(self, kind: str, symbol: str) -> str:
        """The name of a stream."""
        return self.streams[kind].format(self.venue_symbol(symbol))

    def option_names(self, words: Sequence[str]) -> set[str]:
        """The names that options for `words` have."""
        return {name for word in words for name, _ in self.options[word]("1")}
