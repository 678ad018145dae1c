"""What a venue's protocol must offer to be a loopback venue: everything else is shared."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING

from aiohttp import web

from quantai.instruments import Instrument
from quantai.loopback.engine import Account, Listener
from quantai.loopback.server.usage import UsageRule

if TYPE_CHECKING:
    from quantai.loopback.server.venue import LoopbackVenue


class Dialect(ABC):
    """One venue's protocol. `listener` makes the venue's events of what happens in the engine."""

    name: str
    """What `quantai venue` calls it, and the type of the exchange that talks to it."""
    usage_rules: tuple[UsageRule, ...]
    """The published limits."""

    @abstractmethod
    def bind(self, venue: LoopbackVenue) -> Listener:
        """Called once, before anything else; who listens to the engine."""

    @abstractmethod
    def attach(self, app: web.Application) -> None:
        """Add the routes."""

    @abstractmethod
    def instrument(self, symbol: str) -> Instrument:
        """The instrument that users mean by `symbol`. Raises `ConfigError` where this venue cannot have it."""

    @abstractmethod
    def make_account(self, name: str, balances: Mapping[str, Decimal]) -> Account:
        """An account of this venue's kind."""

    @abstractmethod
    def start(self) -> None:
        """Begin what happens by itself: timers of streams."""

    @abstractmethod
    def stop(self) -> None:
        """End it, and cut every connection."""

    @abstractmethod
    def cut(self, match: str) -> None:
        """Cut the connections that have a stream with `match` in its name."""

    @abstractmethod
    def disconnect_all(self, notice_s: float) -> None:
        """The daily disconnect: the venue's notice, if it has one, and `notice_s` later the end of every socket."""

    @abstractmethod
    def expire_keys(self) -> None:
        """End the keys of private streams."""

    @abstractmethod
    def hosts(self, address: str) -> dict[str, str]:
        """What `hosts` of the exchange must be so that it finds the venue at `address` (`127.0.0.1:8080`)."""
