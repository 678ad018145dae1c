"""Builds where market events come from: a replay, venues, or another daemon by way of the bus."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from quantai.assembly.bus import build_bus
from quantai.assembly.feeds import build_feed
from quantai.assembly.graph import Markets
from quantai.assembly.listings import cache_folder, nanoseconds
from quantai.config import Config
from quantai.config.components import find_class
from quantai.config.schema import ClockKind, ComponentSection, Execution, FilesData, MarketEvents, SyntheticData
from quantai.core.clock import Clock, SimulatedClock, WallClock
from quantai.core.component import C, Registry
from quantai.core.errors import StartupError
from quantai.data.derive import DerivedStreams
from quantai.data.files import FilesSource
from quantai.data.market import MarketView
from quantai.data.plan import Has, StreamPlan, plan_streams
from quantai.data.source import MarketDataSource
from quantai.data.synthetic import MarketModel, SyntheticInstrument, SyntheticMarket
from quantai.events import BarEvent, MarketEvent, TickEvent
from quantai.events.bus import EventBus
from quantai.events.persistence.schema import type_name
from quantai.exchanges.base import ExchangeContext
from quantai.exchanges.registry import EXCHANGES, ExchangeRegistry
from quantai.exchanges.synthetic import SyntheticExchange
from quantai.instruments import Instrument, InstrumentCatalogue
from quantai.simulation.replay import Progress
from quantai.strategy import STRATEGIES
from quantai.strategy.runner import wanted_events


def build_markets(
    config: Config, catalogue: InstrumentCatalogue, on_progress: Progress | None, machine: Clock | None = None
) -> Markets:
    """Everything up to the bus. Raises `StartupError` or `StoreError` for data and venues that cannot be had."""
    instruments = used_instruments(config, catalogue)
    exchanges = _exchanges(config, instruments)
    source = _source(config, instruments)
    plans = _plans(config, catalogue, instruments, _has(config, source, exchanges))
    warnings = _missing_streams(config, catalogue, plans)
    clock = _clock(config, source, machine)
    bus = build_bus(config, clock)
    _bind(config, exchanges, instruments, clock, bus)
    derived = _derived(bus, clock, plans)
    feed = build_feed(config, source, exchanges, bus, clock, derived, instruments, on_progress)
    return Markets(instruments, clock, bus, MarketView(), exchanges, source, plans, derived, feed, warnings)


def instruments_of(config: Config, catalogue: InstrumentCatalogue, strategy: str) -> tuple[Instrument, ...]:
    """What a strategy may trade, in the order of its configuration."""
    sections = [config.instruments[name] for name in config.strategies[strategy].instruments]
    return tuple(catalogue.get(section.venue, section.symbol) for section in sections)


def enabled_strategies(config: Config) -> list[str]:
    """The names of the strategies whose orders this daemon asks for or executes; none where nothing executes."""
    if config.mode.execution is Execution.NONE:
        return []
    return [name for name, section in config.strategies.items() if section.enabled]


def running_strategies(config: Config) -> list[str]:
    """The names of the strategies that run in this daemon."""
    return [] if config.gateway.serve else enabled_strategies(config)


def used_instruments(config: Config, catalogue: InstrumentCatalogue) -> tuple[Instrument, ...]:
    """What strategies trade and what balances are valued with; everything configured where nobody trades."""
    if config.mode.execution is Execution.NONE:
        return tuple(catalogue)
    used = [instrument for name in enabled_strategies(config) for instrument in instruments_of(config, catalogue, name)]
    held = {code for held in config.portfolio.balances.values() for code in held} - {config.portfolio.base_currency}
    pairs = {
        pair
        for code in held
        for pair in ((code, config.portfolio.base_currency), (config.portfolio.base_currency, code))
    }
    venues = {instrument.venue for instrument in used}
    used += [
        i for i in catalogue if i.venue in venues and (i.parts.base, i.parts.quote) in pairs and _is_had(config, i)
    ]
    return tuple(dict.fromkeys(used))


def _is_had(config: Config, instrument: Instrument) -> bool:
    """Whether the data can have the instrument; a synthetic market has just the assets it is given."""
    return not isinstance(config.data, SyntheticData) or instrument.parts.base in config.data.assets


def component(registry: Registry[C], section: ComponentSection) -> C:
    """The object a section declares."""
    return find_class(registry, section.type, section.target)(**section.params())


def _exchanges(config: Config, instruments: tuple[Instrument, ...]) -> ExchangeRegistry:
    """The exchanges that name a connector; where events come from elsewhere none is needed."""
    if config.mode.market_events is not MarketEvents.VENUES:
        return ExchangeRegistry({})
    venues = dict.fromkeys(instrument.venue for instrument in instruments)
    return ExchangeRegistry({venue: component(EXCHANGES, config.exchanges[venue]) for venue in venues})


def _bind(
    config: Config, exchanges: ExchangeRegistry, instruments: tuple[Instrument, ...], clock: Clock, bus: EventBus
) -> None:
    for venue in exchanges:
        section = config.exchanges[venue]
        context = ExchangeContext(
            venue,
            [instrument for instrument in instruments if instrument.venue == venue],
            config.simulation.seed,
            section.api_key,
            section.api_secret,
            clock,
            bus.post,
            cache_folder(config),
            bus.is_wanted,
        )
        exchanges.get_exchange(venue).bind(context)


def _source(config: Config, instruments: tuple[Instrument, ...]) -> MarketDataSource | None:
    data = config.data
    if config.mode.market_events is not MarketEvents.REPLAY:
        return None
    if isinstance(data, FilesData):
        return FilesSource(data.path, data.start, data.end, {(i.venue, i.symbol) for i in instruments})
    prices = {code: asset.start_price for code, asset in data.assets.items()}
    return SyntheticMarket(
        instruments=[
            SyntheticInstrument(
                instrument=instrument,
                start_price=float(prices[instrument.parts.base] / prices.get(instrument.parts.quote, Decimal(1))),
                volatility=float(data.assets[instrument.parts.base].annual_volatility),
                trades_per_second=float(data.assets[instrument.parts.base].trades_per_second),
            )
            for instrument in instruments
        ],
        seed=config.simulation.seed,
        start_ns=nanoseconds(data.start),
        duration_ns=data.duration,
        model=MarketModel(
            gaps_per_day=float(data.gaps_per_day),
            jumps_per_day=float(data.jumps_per_day),
            basis_bps=float(data.basis_bps),
        ),
    )


def _has(config: Config, source: MarketDataSource | None, exchanges: ExchangeRegistry) -> Has:
    """What streams there are: those in the store, those a connector offers, or all that the synthetic market makes."""
    if isinstance(source, FilesSource):
        available = source.available()
        return lambda event, instrument: (type_name(event), instrument.venue, instrument.symbol) in available
    if config.mode.market_events is MarketEvents.BUS:
        return _is_on_the_bus(config)

    def offers(event: type[MarketEvent], instrument: Instrument) -> bool:
        exchange = SyntheticExchange if source else exchanges.get_exchange(instrument.venue)
        return type_name(event) in exchange.capabilities.channels

    return offers


def _is_on_the_bus(config: Config) -> Has:
    """What the daemon that streams a venue publishes: what its connector offers, with ticks where there are books, and
    without bars where there are trades to build them from. Without a connector's name, all but bars.
    """

    def offers(event: type[MarketEvent], instrument: Instrument) -> bool:
        section = config.exchanges[instrument.venue]
        if section.type is None and section.target is None:
            return event is not BarEvent
        channels = find_class(EXCHANGES, section.type, section.target).capabilities.channels
        if event is TickEvent:
            return bool(channels & {"tick", "book"})
        return type_name(event) in channels

    return offers


def _plans(
    config: Config, catalogue: InstrumentCatalogue, instruments: tuple[Instrument, ...], has: Has
) -> list[StreamPlan]:
    wanted: dict[Instrument, set[type[MarketEvent]]] = {instrument: set() for instrument in instruments}
    intervals: dict[Instrument, set[int]] = {instrument: set() for instrument in instruments}
    for name in running_strategies(config):
        section = config.strategies[name]
        for instrument in instruments_of(config, catalogue, name):
            wanted[instrument].update(_wanted(config, name))
            intervals[instrument].update([section.bar_interval] if section.bar_interval else [])
    return [plan_streams(instrument, has, wanted[instrument], intervals[instrument]) for instrument in instruments]


def _wanted(config: Config, strategy: str) -> list[type[MarketEvent]]:
    """What a strategy has handlers for, where it runs here."""
    section = config.strategies[strategy]
    is_here = strategy in running_strategies(config)
    return wanted_events(find_class(STRATEGIES, section.type, section.target)) if is_here else []


def _missing_streams(config: Config, catalogue: InstrumentCatalogue, plans: list[StreamPlan]) -> list[str]:
    """What strategies want and the data does not have. Raises `StartupError` where an instrument has nothing at all."""
    by_instrument = {plan.instrument: plan for plan in plans}
    warnings = []
    for name in enabled_strategies(config):
        wanted = _wanted(config, name)
        for instrument in instruments_of(config, catalogue, name):
            plan = by_instrument[instrument]
            missing = [type_name(event) for event in wanted if event in plan.missing]
            if not plan.fills or (wanted and len(missing) == len(wanted)):
                what = ", ".join(map(type_name, wanted)) or "prices"
                raise StartupError(
                    f"strategies.{name} wants {what} of {instrument}, and the data has none of it "
                    "(`quantai data ls` lists what a store holds)"
                )
            if missing:
                warnings.append(f"{name} gets no {', '.join(missing)} of {instrument}: the data has none")
    return warnings


def _clock(config: Config, source: MarketDataSource | None, machine: Clock | None) -> Clock:
    if config.mode.clock is ClockKind.WALL or source is None:
        return machine or WallClock()
    return SimulatedClock(source.range_ns()[0])


def _derived(bus: EventBus, clock: Clock, plans: Iterable[StreamPlan]) -> DerivedStreams:
    derived = DerivedStreams(bus, clock)
    for plan in plans:
        if plan.derive_ticks:
            derived.add_ticks(plan.instrument)
        for interval_ns in plan.derive_bars:
            derived.add_bars(plan.instrument, interval_ns)
    return derived
