"""A loopback venue: a dialect over an engine over a market, served on a port of this machine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from aiohttp import web

from quantai.core.clock import NS_PER_MS, NS_PER_SECOND, Clock, Timer, WallClock
from quantai.core.errors import ConfigError, QuantAIError, StartupError
from quantai.data.source import MarketDataSource
from quantai.instruments import Instrument
from quantai.loopback.clock import ScaledClock
from quantai.loopback.engine import Engine, MarketRules
from quantai.loopback.feed import MarketFeed, synthetic_source
from quantai.loopback.server.control import attach_control
from quantai.loopback.server.dialect import Dialect
from quantai.loopback.server.faults import Fault, FaultBoard, FaultKind
from quantai.loopback.server.keys import ApiKey
from quantai.loopback.server.usage import Usage

_LIQUIDATES_EVERY = 50
"""Of the takers of a synthetic market one in so many is liquidated."""

SourceOf = Callable[[Mapping[Instrument, Decimal], int], MarketDataSource]


@dataclass(kw_only=True)
class VenueSettings:
    """What a loopback venue is made of.

    `prices` are the markets, by ccxt-unified symbol, and where they start. `source_of` makes the market from
    instruments and a start (nanoseconds UTC); without it, it is synthetic, from `seed`. `history_ns` is how long
    trades are known before it starts. `checks_time`: whether requests with wrong timestamps are refused.
    """

    prices: Mapping[str, Decimal]
    keys: Sequence[ApiKey] = (ApiKey("loopback-key", "loopback-secret"),)
    balances: Mapping[str, Decimal] = field(default_factory=lambda: {"USDT": Decimal(100_000)})
    seed: int = 0
    history_ns: int = 0
    source_of: SourceOf | None = None
    enforces_limits: bool = True
    checks_time: bool = True
    max_age_ns: int = 86_400 * NS_PER_SECOND
    notice_s: float = 600.0
    """Between the notice of the end of an old connection, where the venue gives one, and the end; half its life at
    most.
    """
    has_control: bool = True
    """Whether faults can be asked for over HTTP."""

    def notice_ns(self, opened_ns: int) -> int:
        """When a connection is told that it ends."""
        return opened_ns + self.max_age_ns - min(int(self.notice_s * NS_PER_SECOND), self.max_age_ns // 2)


class LoopbackVenue:
    """Start it on a port, stop it; meanwhile `engine` is the truth, and `faults` breaks what is asked for.

    Raises `ConfigError` for markets that make no sense. `clock` is the wall's where none is given.
    """

    def __init__(self, dialect: Dialect, settings: VenueSettings, clock: Clock | None = None) -> None:
        self.dialect = dialect
        self.settings = settings
        self.clock = clock or WallClock()
        self.counts: Counter[str] = Counter()
        self.faults = FaultBoard(self._apply)
        self.usage = Usage(self.clock, dialect.usage_rules, settings.enforces_limits)
        self.keys = {key.key: key for key in settings.keys}
        self.skew_ns = 0
        self.is_down = False
        if not settings.prices:
            raise ConfigError("a loopback venue needs at least one symbol")
        self.prices = {dialect.instrument(symbol): price for symbol, price in settings.prices.items()}
        rules = [MarketRules.of(instrument) for instrument in self.prices]
        self.engine = Engine(self.clock, rules, dialect.bind(self))
        for name in dict.fromkeys(key.account for key in settings.keys):
            self.engine.accounts[name] = dialect.make_account(name, settings.balances)
        self.feed = self._feed()
        self.port = 0
        self._runner: web.AppRunner | None = None
        self._maintenance: Timer | None = None

    @property
    def address(self) -> str:
        """Host and port, once started."""
        return f"127.0.0.1:{self.port}"

    def now_ns(self) -> int:
        """The time by the venue's clock, wrong by what a fault made it."""
        return self.clock.now_ns() + self.skew_ns

    def now_ms(self) -> int:
        """The same in milliseconds."""
        return self.now_ns() // NS_PER_MS

    async def start(self, port: int = 0) -> None:
        """Serve on `port` of 127.0.0.1 (0: a free one).

        Raises `StartupError` where it cannot be had, `ConfigError` where the market is over.
        """
        app = web.Application()
        self.dialect.attach(app)
        if self.settings.has_control:
            attach_control(app, self)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        try:
            self.feed.start()
            self.dialect.start()
            await web.TCPSite(self._runner, "127.0.0.1", port).start()
        except OSError as error:
            await self.stop()
            raise StartupError(f"the loopback venue cannot have port {port}: {error.strerror or error}") from None
        except QuantAIError:
            await self.stop()
            raise
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Cut everything and give the port back."""
        self.feed.stop()
        self.dialect.stop()
        if self._maintenance is not None:
            self._maintenance.cancel()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def clear_faults(self) -> None:
        """Everything works again."""
        self.faults.clear()
        self.is_down, self.skew_ns, self.engine.refuses_next = False, 0, 0

    def _feed(self) -> MarketFeed:
        start_ns, history_ns = self.clock.now_ns(), self.settings.history_ns
        if self.settings.source_of is not None:
            source = self.settings.source_of(self.prices, start_ns)
            shift_ns = start_ns - source.range_ns()[0] - history_ns
            return MarketFeed(
                self.engine, self.clock, source, begin_ns=start_ns, shift_ns=shift_ns, history_ns=history_ns
            )
        source = synthetic_source(self.prices, self.settings.seed, start_ns - history_ns)
        return MarketFeed(
            self.engine,
            self.clock,
            source,
            begin_ns=start_ns,
            history_ns=history_ns,
            liquidates_every=_LIQUIDATES_EVERY,
        )

    def _apply(self, fault: Fault) -> None:
        match fault.kind:
            case FaultKind.CUT:
                self.dialect.cut(fault.match)
            case FaultKind.CLOCK_SKEW:
                self.skew_ns = int(fault.seconds * NS_PER_SECOND)
            case FaultKind.EXPIRE_KEYS:
                self.dialect.expire_keys()
            case FaultKind.DAILY_DISCONNECT:
                self.dialect.disconnect_all(fault.seconds)
            case FaultKind.REJECT_ORDERS:
                self.engine.refuses_next += fault.count
            case FaultKind.MAINTENANCE:
                self.is_down = True
                if fault.seconds:
                    delay_ns = int(fault.seconds * NS_PER_SECOND)
                    self._maintenance = self.clock.call_later(delay_ns, lambda _due: self._reopen())

    def _reopen(self) -> None:
        self.is_down = False


def scaled_clock(speed: float) -> Clock:
    """The wall's clock, or a faster one."""
    return WallClock() if speed == 1 else ScaledClock(speed)
