"""`exchangeInfo` becomes instruments; a row that cannot be read spoils no other."""

from __future__ import annotations

import gzip
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from quantai.core.clock import SimulatedClock
from quantai.core.enums import InstrumentStatus
from quantai.exchanges.binance.listing import ExchangeInfo, adopt_rate_limits, read_listings
from quantai.exchanges.binance.product import COINM, SPOT, USDM, Product
from quantai.exchanges.listing import Listing
from quantai.exchanges.rate_limiter import Priority, RateLimiter
from tests.exchanges.binance.conftest import btc_coin_perpetual, btc_perpetual, btc_usdt, spot_filters

D = Decimal
CAPTURES = Path(__file__).parents[3] / "../shared/captures"


def info(*rows: Any, rate_limits: Any = ()) -> ExchangeInfo:
    text = msgspec.json.encode({"symbols": rows, "rateLimits": rate_limits, "timezone": "UTC"})
    return msgspec.json.decode(text, type=ExchangeInfo)


def only(row: dict[str, Any], product: Product = SPOT) -> Listing:
    listings, bad = read_listings(info(row), "binance", product)
    assert bad == []
    return listings[0]


def complaint(row: Any, product: Product = SPOT) -> str:
    good = {"spot": btc_usdt, "usdm": btc_perpetual, "coinm": btc_coin_perpetual}[product.name]()
    listings, bad = read_listings(info(row, good), "b", product)
    assert len(listings) == len(bad) == 1
    return bad[0]


def test_a_spot_symbol_has_the_grid_and_limits_of_its_filters() -> None:
    listing = only(btc_usdt())
    instrument = listing.instrument
    assert (instrument.symbol, listing.venue_symbol) == ("BTC/USDT", "BTCUSDT")
    assert (str(instrument.tick_size), str(instrument.lot_size)) == ("0.01", "0.00001")
    assert (instrument.min_quantity, instrument.max_quantity) == (D("0.00001"), D(9000))
    assert instrument.min_notional == 5
    assert instrument.expiry_ns is None
    assert (listing.status, listing.status_text) == (InstrumentStatus.TRADING, "TRADING")
    assert listing.order_types == ("LIMIT", "MARKET")
    assert (listing.market_lot_size, listing.market_max_quantity) == (None, D("120.5"))  # a step of 0 is none


def test_the_older_filter_of_spot_is_read_too() -> None:
    filters = spot_filters(NOTIONAL=None, MIN_NOTIONAL={"minNotional": "10.00000000", "applyToMarket": True})
    assert only(btc_usdt(filters=filters)).instrument.min_notional == 10


def test_a_perpetual_settles_in_its_margin_asset() -> None:
    listing = only(btc_perpetual(), USDM)
    assert listing.instrument.symbol == "BTC/USDT:USDT"
    assert str(listing.instrument.tick_size) == "0.1"
    assert listing.instrument.min_notional == 100
    assert listing.instrument.expiry_ns is None
    assert listing.contract_type == "PERPETUAL"


def test_a_delivered_contract_has_its_day_and_its_hour() -> None:
    row = btc_perpetual(symbol="BTCUSDT_260925", contractType="CURRENT_QUARTER", deliveryDate=1_790_323_200_000)
    listing = only(row, USDM)
    assert listing.instrument.symbol == "BTC/USDT:USDT-260925"
    assert listing.instrument.expiry_ns == 1_790_323_200_000_000_000


def test_a_contract_of_coinm_is_so_many_dollars_and_settles_in_the_coin() -> None:
    listing = only(btc_coin_perpetual(), COINM)
    instrument = listing.instrument
    assert (instrument.symbol, listing.venue_symbol) == ("BTC/USD:BTC", "BTCUSD_PERP")
    assert (instrument.multiplier, instrument.lot_size) == (D(100), D(1))
    assert instrument.inverse
    assert instrument.settlement_currency == "BTC"
    assert instrument.notional(D(5), D(50_000)) == D("0.01")
    assert (listing.status, listing.status_text) == (InstrumentStatus.TRADING, "TRADING")


def test_a_delivered_contract_of_coinm_has_its_day() -> None:
    row = btc_coin_perpetual(symbol="BTCUSD_260925", contractType="NEXT_QUARTER", deliveryDate=1_790_323_200_000)
    assert only(row, COINM).instrument.symbol == "BTC/USD:BTC-260925"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"contractSize": 0}, "multiplier of b:BTC/USD:BTC must be positive, not 0"),
        ({"contractSize": -100}, "must be positive, not -100"),
        ({"contractSize": "100"}, "Expected `int`"),
        ({"contractSize": 0.5}, "Expected `int`"),
        ({"contractStatus": ""}, "no status"),
        ({"contractStatus": None}, "Expected `str`"),
    ],
)
def test_a_contract_of_coinm_without_a_size_or_status_is_left_out(changes: dict[str, Any], why: str) -> None:
    assert why in complaint(btc_coin_perpetual(symbol="OTHER") | changes, COINM)


def test_a_perpetual_on_a_share_is_a_perpetual() -> None:
    row = btc_perpetual(symbol="TSLAUSDT", baseAsset="TSLA", contractType="TRADIFI_PERPETUAL")
    assert only(row, USDM).instrument.symbol == "TSLA/USDT:USDT"


@pytest.mark.parametrize("contract_type", ["PERPETUAL_DELIVERING", "PERPETUAL DELIVERING"])
def test_a_perpetual_that_is_being_closed_is_still_known(contract_type: str) -> None:
    row = btc_coin_perpetual(contractType=contract_type, contractStatus="DELIVERING")
    listing = only(row, COINM)
    assert (listing.instrument.symbol, listing.status) == ("BTC/USD:BTC", InstrumentStatus.CLOSED)


def test_a_symbol_that_is_not_ascii_is_kept() -> None:
    row = btc_usdt(symbol="币安人生USDT", baseAsset="币安人生")
    assert only(row).instrument.symbol == "币安人生/USDT"


@pytest.mark.parametrize(
    ("text", "status"),
    [("BREAK", InstrumentStatus.HALTED), ("CANCEL_ONLY", InstrumentStatus.HALTED),
     ("SETTLING", InstrumentStatus.CLOSED), ("PENDING_TRADING", InstrumentStatus.CLOSED),
     ("SOMETHING_NEW", InstrumentStatus.HALTED)],
)  # fmt: skip
def test_only_what_the_venue_calls_trading_trades(text: str, status: InstrumentStatus) -> None:
    assert only(btc_usdt(status=text)).status is status


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (5, "a symbol (Expected `object`"),
        (btc_usdt(filters=[]), "BTCUSDT (no LOT_SIZE)"),
        (btc_usdt(filters=spot_filters(PRICE_FILTER={"tickSize": "0.00000000"})), "tickSize is 0.00000000, so there"),
        (btc_usdt(filters=spot_filters(PRICE_FILTER={"tickSize": "NaN"})), "tickSize must be finite"),
        (btc_usdt(filters=spot_filters(LOT_SIZE={"stepSize": "-1", "minQty": "0", "maxQty": "1"})), "stepSize is -1"),
        (btc_usdt(filters=spot_filters(LOT_SIZE={"stepSize": "1", "minQty": "1e99"})), "minQty is larger"),
        (btc_usdt(filters=spot_filters(PRICE_FILTER={"tickSize": 1})), "Expected `str`"),
        (btc_usdt(baseAsset="A B"), "currency code"),
        (btc_usdt(baseAsset=None), "Expected `str`"),
    ],
)  # fmt: skip
def test_a_bad_row_is_left_out_and_told(row: Any, why: str) -> None:
    assert why in complaint(row)


@pytest.mark.parametrize("contract_type", ["", "EVERLASTING"])
def test_a_contract_of_no_known_type_is_left_out(contract_type: str) -> None:
    assert "neither perpetual nor delivered" in complaint(btc_perpetual(contractType=contract_type), USDM)


@pytest.mark.parametrize("delivery_ms", [-(10**17), 10**17])
def test_a_delivery_at_no_possible_time_is_left_out(delivery_ms: int) -> None:
    row = btc_perpetual(contractType="NEXT_QUARTER", deliveryDate=delivery_ms)
    assert complaint(row, USDM).startswith("BTCUSDT (")


@pytest.mark.parametrize("trading_first", [True, False])
def test_of_two_that_are_one_symbol_the_one_that_trades_is_taken(trading_first: bool) -> None:
    rows = [btc_usdt(), btc_usdt(symbol="OLDBTCUSDT", status="BREAK")]
    listings, bad = read_listings(info(*rows[:: 1 if trading_first else -1]), "binance", SPOT)
    assert [listing.venue_symbol for listing in listings] == ["BTCUSDT"]
    assert len(bad) == 1


def test_published_limits_are_the_limiters() -> None:
    limiter = RateLimiter(SimulatedClock(0), SPOT.rules, reserve=0)
    rows = [
        {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 1200},
        {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 100},
    ]
    adopt_rate_limits(info(rate_limits=rows), limiter, "binance")
    assert not limiter.try_acquire({"REQUEST_WEIGHT_1M": 1201}, Priority.QUERY)
    assert limiter.try_acquire({"REQUEST_WEIGHT_1M": 1200, "ORDERS_10S": 100}, Priority.QUERY)


@pytest.mark.parametrize(
    "row",
    [7, {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 0},
     {"rateLimitType": "MOONS", "interval": "MINUTE", "intervalNum": 1, "limit": 5}],
)  # fmt: skip
def test_a_limit_that_cannot_be_kept_is_told(row: Any, caplog: pytest.LogCaptureFixture) -> None:
    limiter = RateLimiter(SimulatedClock(0), USDM.rules)
    adopt_rate_limits(info(rate_limits=[row]), limiter, "binance_usdm")
    assert "binance_usdm publishes" in caplog.text
    assert limiter.try_acquire({"REQUEST_WEIGHT_1M": 2000}, Priority.QUERY)


@pytest.mark.parametrize(
    ("venue", "product", "count", "left_out"), [("binance", SPOT, 1695, 0), ("binance_usdm", USDM, 121, 1)]
)
def test_what_was_captured_in_2021_is_read(venue: str, product: Product, count: int, left_out: int) -> None:
    captured = CAPTURES / venue / "rest/exchangeInfo_2021.json.gz"
    if captured.exists():
        reply = msgspec.json.decode(gzip.decompress(captured.read_bytes()), type=ExchangeInfo)
        listings, bad = read_listings(reply, venue, product)
        assert (len(listings), len(bad)) == (count, left_out)
        raw = {row["symbol"]: row for row in map(msgspec.json.decode, reply.symbols)}
        for listing in listings:
            filters = {row["filterType"]: row for row in raw[listing.venue_symbol]["filters"]}
            assert listing.instrument.tick_size == D(filters["PRICE_FILTER"]["tickSize"])
            assert listing.instrument.lot_size == D(filters["LOT_SIZE"]["stepSize"])
