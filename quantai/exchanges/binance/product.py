"""What differs between Binance's spot, USD-M and COIN-M futures, as facts.

Source: Binance Spot, USD-M Futures and COIN-M Futures API, «Rate limits», «General info», the weight of each endpoint.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, replace

from quantai.core.clock import NS_PER_SECOND
from quantai.exchanges.binance.hosts import COINM_HOSTS, SPOT_HOSTS, USDM_HOSTS, Environment, Hosts
from quantai.exchanges.rate_limiter import RateRule

WEIGHT = "REQUEST_WEIGHT_1M"
RAW_REQUESTS = "RAW_REQUESTS_5M"
ORDERS_10S = "ORDERS_10S"
ORDERS_1M = "ORDERS_1M"
ORDERS_1D = "ORDERS_1D"
CONNECTS = "CONNECTS_5M"
"""WebSocket connections, per IP."""

_MINUTE_NS = 60 * NS_PER_SECOND
_DAY_NS = 86_400 * NS_PER_SECOND


@dataclass(frozen=True, slots=True)
class Steps:
    """A weight that grows with `limit`: the first row whose limit is not below the asked one holds."""

    rows: tuple[tuple[int, int], ...]
    """Highest limit, weight; in rising order."""

    def weight(self, limit: int) -> int:
        """What a request for `limit` rows costs; above the highest limit, as the highest."""
        index = bisect_left(self.rows, (limit, 0))
        return self.rows[min(index, len(self.rows) - 1)][1]

    @property
    def highest(self) -> int:
        """The most rows that can be asked for at once."""
        return self.rows[-1][0]


@dataclass(frozen=True, slots=True)
class Weights:
    """What requests cost of `WEIGHT`."""

    exchange_info: int
    time: int
    depth: Steps
    klines: Steps
    agg_trades: int
    historical_trades: int
    open_interest: int
    order: int
    """Placing, cancelling and amending one."""
    query_order: int
    open_orders: int
    """Of one symbol."""
    all_open_orders: int
    """Of all symbols at once."""
    fills: int
    account: int


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """What one WebSocket connection may do. Times in nanoseconds."""

    messages_per_second: int
    """From us: subscribe requests, pings and pongs together."""
    streams_per_socket: int
    ping_interval_ns: int
    """How often the server pings."""
    pong_deadline_ns: int
    max_age_ns: int
    """After this the venue cuts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """One of the three: paths, weights, limits."""

    name: str
    """`spot`, `usdm` or `coinm`."""
    prefix: str
    """Of REST paths: `/api/v3`, `/fapi/v1`, `/dapi/v1`."""
    hosts: Mapping[Environment, Hosts]
    weights: Weights
    rules: tuple[RateRule, ...]
    """Until `exchangeInfo` says how much it is today."""
    streams: StreamLimits
    ws_connect_weight: int
    """What connecting to the WebSocket API costs of `WEIGHT`."""
    agg_trades_limit: int = 1000
    agg_trades_window_ns: int
    """`aggTrades` with a start and an end takes at most so much time between them."""
    agg_trades_reach_ns: int | None
    """How far back `aggTrades` can be asked by time; None: to the beginning."""
    klines_window_ns: int | None = None
    """`klines` gives the newest rows of its range, which may be no longer than this; None: the oldest, of any range."""
    section: int = 0
    """How streams of all contracts mark those of this product, in `st`."""
    is_routed: bool = False
    """Whether streams are at `/public` and `/market`, each on connections of its own."""
    is_inverse: bool = False
    """Whether a contract is so many dollars and settles in the base asset, with quantities in contracts."""

    @property
    def is_futures(self) -> bool:
        """Whether it has contracts: USD-M and COIN-M."""
        return self.name != "spot"

    def path(self, name: str) -> str:
        """`depth` -> `/api/v3/depth`."""
        return f"{self.prefix}/{name}"

    def costs(self, weight: int, orders: int = 0) -> dict[str, int]:
        """What a REST request of `weight` that places `orders` takes from the budgets."""
        costs = {name: orders for name in self.order_rules if orders}
        if weight:
            costs[WEIGHT] = weight
        if not self.is_futures:
            costs[RAW_REQUESTS] = 1
        return costs

    @property
    def order_rules(self) -> tuple[str, ...]:
        """The budgets that a new order takes from."""
        return (ORDERS_10S, ORDERS_1M) if self.is_futures else (ORDERS_10S, ORDERS_1D)


SPOT = Product(
    name="spot",
    prefix="/api/v3",
    hosts=SPOT_HOSTS,
    weights=Weights(
        exchange_info=20,
        time=1,
        depth=Steps(((100, 5), (500, 25), (1000, 50), (5000, 250))),
        klines=Steps(((1000, 2),)),
        agg_trades=4,
        historical_trades=25,
        open_interest=0,
        order=1,
        query_order=4,
        open_orders=6,
        all_open_orders=80,
        fills=20,
        account=20,
    ),
    rules=(
        RateRule(WEIGHT, 6_000, _MINUTE_NS),
        RateRule(RAW_REQUESTS, 300_000, 5 * _MINUTE_NS),
        RateRule(ORDERS_10S, 50, 10 * NS_PER_SECOND),
        RateRule(ORDERS_1D, 160_000, _DAY_NS),
        RateRule(CONNECTS, 300, 5 * _MINUTE_NS, is_window=False),
    ),
    streams=StreamLimits(
        messages_per_second=5,
        streams_per_socket=1024,
        ping_interval_ns=20 * NS_PER_SECOND,
        pong_deadline_ns=60 * NS_PER_SECOND,
        max_age_ns=_DAY_NS,
    ),
    ws_connect_weight=2,
    agg_trades_window_ns=3600 * NS_PER_SECOND,
    agg_trades_reach_ns=None,
)

USDM = Product(
    name="usdm",
    prefix="/fapi/v1",
    hosts=USDM_HOSTS,
    weights=Weights(
        exchange_info=1,
        time=1,
        depth=Steps(((50, 2), (100, 5), (500, 10), (1000, 20))),
        klines=Steps(((99, 1), (499, 2), (1000, 5), (1500, 10))),
        agg_trades=20,
        historical_trades=200,
        open_interest=1,
        order=1,
        query_order=1,
        open_orders=1,
        all_open_orders=40,
        fills=5,
        account=5,
    ),
    rules=(
        RateRule(WEIGHT, 2_400, _MINUTE_NS),
        RateRule(ORDERS_10S, 300, 10 * NS_PER_SECOND),
        RateRule(ORDERS_1M, 1_200, _MINUTE_NS),
        RateRule(CONNECTS, 300, 5 * _MINUTE_NS, is_window=False),
    ),
    streams=StreamLimits(
        messages_per_second=10,
        streams_per_socket=1024,
        ping_interval_ns=180 * NS_PER_SECOND,
        pong_deadline_ns=600 * NS_PER_SECOND,
        max_age_ns=_DAY_NS,
    ),
    ws_connect_weight=5,
    agg_trades_window_ns=3600 * NS_PER_SECOND,
    agg_trades_reach_ns=48 * 3600 * NS_PER_SECOND,
    section=1,
    is_routed=True,
)

COINM = replace(
    USDM,
    name="coinm",
    prefix="/dapi/v1",
    hosts=COINM_HOSTS,
    weights=replace(USDM.weights, historical_trades=20),
    agg_trades_reach_ns=365 * _DAY_NS,
    klines_window_ns=200 * _DAY_NS,
    section=2,
    is_routed=False,
    is_inverse=True,
)
"""Since 2026-06-30 one address has one budget for both futures; each learns from the answers what the other used."""
