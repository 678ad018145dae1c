"""`exchangeInfo` as listings and rate limits.

Source: Binance Spot API, «Exchange information», «Filters»; USD-M and COIN-M Futures, «Exchange Information». The grid
comes from the filters alone: the precisions beside them are not the grid.
"""

from __future__ import annotations

import logging
from decimal import Decimal

import msgspec

from quantai.core.clock import NS_PER_MS
from quantai.core.enums import InstrumentStatus
from quantai.core.errors import QuantAIError
from quantai.core.numbers import ZERO, plain, to_decimal
from quantai.exchanges.binance.contract_status import STATUSES
from quantai.exchanges.binance.core import BinanceCore
from quantai.exchanges.binance.product import Product
from quantai.exchanges.binance.symbols import contract_symbol, is_delivered, spot_symbol
from quantai.exchanges.errors import MalformedReply
from quantai.exchanges.http import HttpRequest
from quantai.exchanges.listing import Listing
from quantai.exchanges.rate_limiter import RateLimiter
from quantai.instruments import Instrument

logger = logging.getLogger(__name__)

_MAX_CAPACITY = 10**9
_EXAMPLES = 5


class _RateRow(msgspec.Struct, rename="camel"):
    rate_limit_type: str
    interval: str
    interval_num: int
    limit: int


class _Filter(msgspec.Struct, rename="camel"):
    """One of many kinds: fields that a kind lacks stay empty, those of no interest here are not read."""

    filter_type: str
    tick_size: str = ""
    step_size: str = ""
    min_qty: str = ""
    max_qty: str = ""
    min_notional: str = ""
    notional: str = ""


class _SymbolRow(msgspec.Struct, rename="camel"):
    symbol: str
    base_asset: str
    quote_asset: str
    filters: list[_Filter]
    status: str = ""
    contract_status: str = ""
    """What COIN-M has in place of `status`."""
    contract_size: int = 0
    """Dollars in a contract of COIN-M; others have none, a unit of theirs is one of the base asset."""
    order_types: list[str] = []
    margin_asset: str = ""
    contract_type: str = ""
    delivery_date: int = 0


class ExchangeInfo(msgspec.Struct, rename="camel"):
    """The reply, its rows not yet looked at: a bad one is to spoil no other."""

    symbols: list[msgspec.Raw]
    rate_limits: list[msgspec.Raw] = []


async def ask_listings(core: BinanceCore) -> list[Listing]:
    """What Binance lists now; its rate limits are the limiter's from then on. Raises `VenueError`."""
    product = core.product
    request = HttpRequest(
        method="GET",
        path=product.path("exchangeInfo"),
        costs=product.costs(product.weights.exchange_info),
        timeout_ns=30_000 * NS_PER_MS,
    )
    info = await core.http.call(request, ExchangeInfo)
    adopt_rate_limits(info, core.limiter, core.venue)
    listings, bad = read_listings(info, core.venue, product)
    if bad:
        logger.warning("%s lists %d symbols that are left out: %s", core.venue, len(bad), "; ".join(bad[:_EXAMPLES]))
    if not listings:
        raise MalformedReply(f"{request}: none of {len(info.symbols)} symbols can be read")
    return listings


def adopt_rate_limits(info: ExchangeInfo, limiter: RateLimiter, venue: str) -> None:
    """Give the limiter the capacities that are published; a limit that it does not know is told."""
    for raw in info.rate_limits:
        try:
            row = msgspec.json.decode(raw, type=_RateRow)
        except msgspec.MsgspecError as error:
            logger.warning("%s publishes a rate limit that cannot be read (%s)", venue, error)
            continue
        name = f"{row.rate_limit_type}_{row.interval_num}{row.interval[:1]}"
        if name in limiter and 1 <= row.limit <= _MAX_CAPACITY:
            limiter.set_capacity(name, row.limit)
        else:
            logger.warning("%s publishes the rate limit %s of %d, which is not kept here", venue, name, row.limit)


def read_listings(info: ExchangeInfo, venue: str, product: Product) -> tuple[list[Listing], list[str]]:
    """Every symbol that can be read, and a line for each that cannot. Of two that are one unified symbol the one that
    trades is taken.
    """
    found: dict[str, Listing] = {}
    bad: list[str] = []
    for raw in info.symbols:
        name = "a symbol"
        try:
            row = msgspec.json.decode(raw, type=_SymbolRow)
            name = row.symbol
            listing = _listing(row, venue, product)
        except (msgspec.MsgspecError, QuantAIError, ValueError, OverflowError, OSError) as error:
            bad.append(f"{name} ({error})")
            continue
        twin = found.get(listing.instrument.symbol)
        if twin is not None:
            bad.append(f"{name} and {twin.venue_symbol} are both {listing.instrument.symbol}")
        if twin is None or twin.status is not InstrumentStatus.TRADING:
            found[listing.instrument.symbol] = listing
    return list(found.values()), bad


def _listing(row: _SymbolRow, venue: str, product: Product) -> Listing:
    status = row.status or row.contract_status
    if not status:
        raise ValueError("no status")
    filters = {found.filter_type: found for found in row.filters}
    lot = _needed(filters, "LOT_SIZE")
    market = filters.get("MARKET_LOT_SIZE")
    return Listing(
        instrument=Instrument(
            venue=venue,
            symbol=_unified(row, is_futures=product.is_futures),
            tick_size=_step(_needed(filters, "PRICE_FILTER").tick_size, "tickSize"),
            lot_size=_step(lot.step_size, "stepSize"),
            min_quantity=to_decimal(lot.min_qty, "minQty"),
            max_quantity=_limit(lot.max_qty),
            min_notional=_min_notional(filters, is_futures=product.is_futures),
            multiplier=Decimal(row.contract_size) if product.is_inverse else Decimal(1),
            inverse=product.is_inverse,
            expiry_ns=row.delivery_date * NS_PER_MS if is_delivered(row.contract_type) else None,
        ),
        venue_symbol=row.symbol,
        status=STATUSES.get(status, InstrumentStatus.HALTED),
        status_text=status,
        contract_type=row.contract_type,
        order_types=tuple(row.order_types),
        market_lot_size=_limit(market.step_size) if market else None,
        market_max_quantity=_limit(market.max_qty) if market else None,
    )


def _unified(row: _SymbolRow, *, is_futures: bool) -> str:
    if not is_futures:
        return spot_symbol(row.base_asset, row.quote_asset)
    return contract_symbol(row.base_asset, row.quote_asset, row.margin_asset, row.contract_type, row.delivery_date)


def _needed(filters: dict[str, _Filter], name: str) -> _Filter:
    if name not in filters:
        raise ValueError(f"no {name}")
    return filters[name]


def _step(text: str, name: str) -> Decimal:
    step = to_decimal(text, name)
    if step <= 0:
        raise ValueError(f"{name} is {text}, so there is no grid")
    return Decimal(plain(step))  # without the zeros behind it, for the step gives prices their number of decimals


def _limit(text: str) -> Decimal | None:
    """None where the rule is off."""
    limit = to_decimal(text, "limit") if text else ZERO
    return limit if limit > 0 else None


def _min_notional(filters: dict[str, _Filter], *, is_futures: bool) -> Decimal:
    """Spot: NOTIONAL today, MIN_NOTIONAL before; USD-M: MIN_NOTIONAL, whose field has another name; COIN-M: none."""
    if is_futures:
        found = filters.get("MIN_NOTIONAL")
        text = found.notional if found else ""
    else:
        found = filters.get("NOTIONAL") or filters.get("MIN_NOTIONAL")
        text = found.min_notional if found else ""
    return to_decimal(text, "minNotional") if text else ZERO
