"""What spot and futures share: markets by Binance's symbols, the servers, the life of connections."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import web

from quantai.core.clock import NS_PER_SECOND
from quantai.loopback.dialects.binance.endpoint import Call, Endpoint
from quantai.loopback.dialects.binance.errors import BAD_SYMBOL, ApiError, Refusals
from quantai.loopback.dialects.binance.params import missing
from quantai.loopback.dialects.binance.rest import RestServer
from quantai.loopback.dialects.binance.sockets import StreamServer
from quantai.loopback.dialects.binance.stream_client import StreamClient
from quantai.loopback.dialects.binance.streams import PublicStreams
from quantai.loopback.dialects.binance.ws_api import WsApiServer
from quantai.loopback.engine import Engine, Listener, Market
from quantai.loopback.server.dialect import Dialect
from quantai.loopback.server.serving import SocketRules

if TYPE_CHECKING:
    from quantai.loopback.server.venue import LoopbackVenue


@dataclass(frozen=True, kw_only=True)
class StreamFacts(SocketRules):
    """How one product keeps sockets."""

    streams_per_socket: int
    routes: tuple[str, ...]
    """First parts of stream paths; streams of another class are silent there."""
    ws_api_path: str
    connect_weight: int


class BinanceDialect(Dialect):
    """The base of both products. `venue` is set by `bind`."""

    facts: StreamFacts
    refusals: Refusals
    venue: LoopbackVenue
    rest: RestServer
    streams: PublicStreams
    sockets: StreamServer
    ws_api: WsApiServer

    def bind(self, venue: LoopbackVenue) -> Listener:
        self.venue = venue
        self._symbols = {self.venue_symbol(instrument.symbol): instrument.symbol for instrument in venue.prices}
        self.streams = PublicStreams(self)
        self.sockets = StreamServer(self)
        self.rest = RestServer(venue, self.endpoints(), self.refusals)
        self.ws_api = WsApiServer(self)
        return self.make_listener()

    @abstractmethod
    def endpoints(self) -> list[Endpoint]:
        """The table of requests."""

    @abstractmethod
    def make_listener(self) -> Listener:
        """Who makes events of what happens."""

    @property
    @abstractmethod
    def ws_methods(self) -> dict[str, tuple[str, str]]:
        """Requests of the WebSocket API: the endpoint behind each."""

    def join_private(self, request: web.Request, client: StreamClient) -> Callable[[], None] | None:
        """A client of a private stream that is named in the URL came; what to do when it goes."""
        return None

    @property
    def is_futures(self) -> bool:
        """Whether this is USD-M."""
        return False

    @property
    def engine(self) -> Engine:
        """The engine."""
        return self.venue.engine

    def venue_symbol(self, symbol: str) -> str:
        """`BTC/USDT:USDT` -> `BTCUSDT`."""
        return symbol.partition(":")[0].replace("/", "")

    def find_market(self, venue_symbol: str) -> Market | None:
        """The market of Binance's symbol."""
        symbol = self._symbols.get(venue_symbol)
        return None if symbol is None else self.engine.markets[symbol]

    def market_of(self, venue_symbol: str) -> Market:
        """The market of Binance's symbol. Raises `ApiError`."""
        market = self.find_market(venue_symbol)
        if market is None:
            raise ApiError(*BAD_SYMBOL)
        return market

    def market(self, call: Call) -> Market:
        """The market that a request names, which it must."""
        text = call.params.values.get("symbol")
        if not text:
            raise missing("symbol")
        return self.market_of(text)

    def markets(self) -> list[tuple[str, Market]]:
        """All of them, with Binance's symbols."""
        return [(venue_symbol, self.engine.markets[symbol]) for venue_symbol, symbol in self._symbols.items()]

    def attach(self, app: web.Application) -> None:
        self.rest.attach(app)
        self.sockets.attach(app)
        self.ws_api.attach(app)

    def start(self) -> None:
        self.streams.start()

    def stop(self) -> None:
        self.streams.stop()
        self.sockets.stop()
        self.ws_api.stop()

    def cut(self, match: str) -> None:
        self.sockets.cut(match)
        self.ws_api.cut(match)

    def disconnect_all(self, notice_s: float) -> None:
        due_ns = self.venue.clock.now_ns() + int(notice_s * NS_PER_SECOND)
        self.sockets.disconnect_all(due_ns)
        self.ws_api.disconnect_all(due_ns)

    def expire_keys(self) -> None:
        """Spot has no keys that expire: its private streams end with their socket."""
