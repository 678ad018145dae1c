"""Where events come from and what is traded: `mode`, `data`, `exchanges`, `instruments`."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Discriminator, Field, SecretStr, Tag

from quantai.config.schema.component import ComponentSection
from quantai.core.errors import SymbolError
from quantai.core.params import Name, NonNegative, Positive, PositiveDuration, Rate, Section
from quantai.instruments import InstrumentType, Symbol


class MarketEvents(StrEnum):
    """Where market events come from."""

    REPLAY = "replay"
    VENUES = "venues"
    BUS = "bus"


class Execution(StrEnum):
    """Who executes orders."""

    SIMULATED = "simulated"
    VENUES = "venues"
    BUS = "bus"
    NONE = "none"


class ClockKind(StrEnum):
    """Which clock tells the time."""

    SIMULATED = "simulated"
    WALL = "wall"


class ModeSection(Section):
    """The three things in which modes differ. Choose one with `mode=simulation`, `mode=paper`..."""

    name: Name
    """What the mode is called in logs and summaries."""
    market_events: MarketEvents
    """`replay` plays `data`, `venues` streams from the exchanges, `bus` takes what another daemon streams."""
    execution: Execution
    """`simulated` fills against the market seen, `venues` sends real orders, `bus` asks another daemon to, `none` runs
    no strategies."""
    clock: ClockKind
    """`simulated` follows the replay, `wall` is the machine's: a replay on it is restamped as it is published."""


def _unified_symbol(text: str) -> str:
    try:
        Symbol.parse(text)
    except SymbolError as error:
        raise ValueError(str(error)) from None
    return text


def _utc(value: Any) -> Any:
    if isinstance(value, datetime) and value.tzinfo is None:
        raise ValueError("a time needs a zone, such as 2026-01-01T00:00:00Z")
    return value


UnifiedSymbol = Annotated[str, AfterValidator(_unified_symbol)]
UtcTime = Annotated[datetime, AfterValidator(_utc)]


class SyntheticAsset(Section):
    """What is special about one base asset of the synthetic market."""

    start_price: Positive
    """Price at the start, in quote currency."""
    annual_volatility: Annotated[Decimal, Field(gt=0, le=10)] = Decimal("0.6")
    """Standard deviation of yearly log returns: 0.6 is 60 %."""
    trades_per_second: Annotated[Decimal, Field(gt=0, le=10_000)] = Decimal(8)
    """Mean arrival rate of trades on each instrument of the asset."""


class SyntheticData(Section):
    """A seeded market simulator: nothing to download. The seed is `simulation.seed`."""

    type: Literal["synthetic"]
    start: UtcTime
    """When the simulated market opens."""
    duration: PositiveDuration
    """How long it trades."""
    assets: dict[str, SyntheticAsset]
    """By base currency; every instrument in use needs its base here."""
    gaps_per_day: Annotated[Decimal, Field(ge=0, le=10_000)] = Decimal(4)
    """How often the feed of an instrument goes silent, on average."""
    jumps_per_day: Annotated[Decimal, Field(ge=0, le=1_000)] = Decimal(3)
    """How often the price of an asset jumps, on average."""
    basis_bps: Annotated[Decimal, Field(ge=0, le=500)] = Decimal("1.5")
    """How far a venue's price wanders from the others' (standard deviation)."""


class FilesData(Section):
    """Recordings and imports in a store."""

    type: Literal["files"]
    path: Annotated[str, Field(min_length=1)]
    """The root of the store: what `quantai data import` or the recorder wrote."""
    start: UtcTime | None = None
    """Leave out what comes before."""
    end: UtcTime | None = None
    """Leave out what comes at or after."""


def _data_type(value: Any) -> Any:
    return value.get("type") if isinstance(value, dict) else getattr(value, "type", None)


DataSection = Annotated[
    Annotated[SyntheticData, Tag("synthetic")] | Annotated[FilesData, Tag("files")], Discriminator(_data_type)
]


class Fees(Section):
    """What the venue charges, as a fraction of notional; negative is a rebate. Used where execution is simulated."""

    maker: Rate = Decimal("0.001")
    """For orders that added liquidity."""
    taker: Rate = Decimal("0.001")
    """For orders that took it."""


class ExchangeSection(ComponentSection):
    """A venue by its name. `type` or `_target_` names its connector, which has parameters of its own."""

    fees: Fees = Fees()
    """The account's fee tier."""
    api_key: SecretStr | None = None
    """A reference such as `${oc.env:BINANCE_API_KEY}` or `${credential:binance_api_key}`, never the key itself."""
    api_secret: SecretStr | None = None
    """A reference, never the secret itself."""


class InstrumentSection(Section):
    """An instrument by a name of your choice: where it trades, its grid and its limits.

    What is left out is taken from the venue, where its connector lists instruments; what is given holds.
    """

    venue: Name
    """The exchange, by its name in `exchanges`."""
    symbol: UnifiedSymbol
    """ccxt-unified: `BTC/USDT`, `BTC/USDT:USDT`, `BTC/USDT:USDT-261225`, `BTC/USDT:USDT-261225-100000-C`."""
    type: InstrumentType | None = None
    """May be given to be checked against the symbol, which says it too."""
    tick_size: Positive | None = None
    """The price grid, in quote currency; null where the venue lists it."""
    lot_size: Positive | None = None
    """The quantity grid, in base currency or contracts; null where the venue lists it."""
    min_quantity: NonNegative = Decimal(0)
    """The least an order may be for."""
    max_quantity: Positive | None = None
    """The most an order may be for."""
    min_notional: NonNegative = Decimal(0)
    """The least an order may be worth, in settlement currency."""
    multiplier: Positive = Decimal(1)
    """Base units in a contract (quote units where `inverse`)."""
    inverse: bool = False
    """Whether profit is paid in base currency."""
    expiry: UtcTime | None = None
    """When it stops trading; as the venue lists it, or the symbol's day at 00:00 UTC, where not given."""

    @property
    def given(self) -> set[str]:
        """The keys that are set."""
        return {key for key in self.model_fields_set if getattr(self, key) is not None}

    @property
    def has_grid(self) -> bool:
        """Whether ticks and lots need not be asked for."""
        return {"tick_size", "lot_size"} <= self.given
