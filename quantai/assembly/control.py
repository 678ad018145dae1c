"""Builds the control socket."""

from __future__ import annotations

from dataclasses import dataclass

from quantai.assembly.graph import Markets, Trading
from quantai.config import Config
from quantai.config.schema import MarketEvents
from quantai.config.schema.store import PostgresqlStoreSection, SqliteStoreSection
from quantai.core.clock import iso_utc
from quantai.oms.reconciliation import Reconciler, ReportLine
from quantai.ops.control.daemon import DaemonControl, Facts
from quantai.ops.control.finding import OrderFinder
from quantai.ops.control.flatten import Flattener
from quantai.ops.control.server import ControlServer
from quantai.ops.control.views import ReconciliationView

_SHOWN = 100


@dataclass
class Control:
    """The socket, and what it may have begun."""

    server: ControlServer
    flattener: Flattener

    async def start(self) -> None:
        """Listen. Raises `StartupError` where another daemon does."""
        await self.server.start()

    async def stop(self) -> None:
        """Hang up, and leave off flattening."""
        await self.server.close()
        await self.flattener.stop()


def build_control(config: Config, markets: Markets, trading: Trading) -> Control | None:
    """What answers at `ops.control`; None where that is null, and in a replay, which is over before anybody asks.

    Starts when the journal, the venues and the books are there, and before any strategy.
    """
    if config.ops.control is None or config.mode.market_events is MarketEvents.REPLAY:
        return None
    orders = trading.orders
    venues = sorted({instrument.venue for instrument in markets.instruments})
    flattener = Flattener(orders=orders, holdings=trading.portfolio, bus=markets.bus, clock=markets.clock)
    control = DaemonControl(
        facts=Facts(
            mode=config.mode.name,
            execution=config.mode.execution,
            strategies=frozenset(config.strategies),
            journal=_journal_name(config),
        ),
        orders=orders,
        finder=OrderFinder(orders.cache, trading.journal, venues),
        portfolio=trading.portfolio,
        market=markets.view,
        journal=trading.journal,
        states=trading.risk.states,
        flattener=flattener,
        clock=markets.clock,
        reconciliation=lambda: _reconciliation(trading.reconciler),
    )
    return Control(ControlServer(config.ops.control, control), flattener)


def _journal_name(config: Config) -> str:
    match config.store:
        case SqliteStoreSection(path=path):
            return path
        case PostgresqlStoreSection(url=url):
            return url
    return "store=memory"


def _reconciliation(reconciler: Reconciler) -> ReconciliationView:
    return ReconciliationView(
        proven_ns=dict(reconciler.proven_ns),
        counts=dict(reconciler.counts),
        mismatches=tuple(map(_line, reconciler.report()[-_SHOWN:])),
    )


def _line(line: ReportLine) -> str:
    when = iso_utc(line.ts_ns)[:19]
    return f"{when}Z {line.venue} {line.kind} {line.subject}: here {line.ours}, there {line.theirs}; {line.action}"
