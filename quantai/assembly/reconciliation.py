"""Builds what compares the books with the venues."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from quantai.config.schema.reconciliation import ReconciliationSection
from quantai.core.clock import Clock
from quantai.data.market import MarketView
from quantai.events import Event
from quantai.exchanges.execution import ExecutionConnector, VenueAccount
from quantai.instruments import InstrumentCatalogue
from quantai.oms.journal import Journal
from quantai.oms.order_manager import OrderManager
from quantai.oms.reconciliation import Reconciler, Settings
from quantai.oms.reconciliation.account import Account, Books
from quantai.oms.reconciliation.agreement import Agreement
from quantai.oms.reconciliation.asking import VenueQueries
from quantai.oms.reconciliation.corrector import Corrector
from quantai.oms.reconciliation.fills import Fills
from quantai.oms.reconciliation.known import KnownOrders
from quantai.oms.reconciliation.mismatches import Mismatches
from quantai.oms.reconciliation.open_orders import OpenOrders
from quantai.oms.reconciliation.resolver import Resolver
from quantai.oms.reconciliation.rounds import VenueRounds


def build_reconciler(
    section: ReconciliationSection,
    *,
    orders: OrderManager,
    books: Books,
    journal: Journal,
    executors: Mapping[str, ExecutionConnector],
    catalogue: InstrumentCatalogue,
    market: MarketView,
    clock: Clock,
    post: Callable[[Event], None],
    seed: int = 0,
) -> Reconciler:
    """Compares every venue that can be asked, and takes over the order manager's unmatched reports.

    `restore` it with the journal's settings, then `start` it when the connectors are; before any strategy may trade.
    """
    settings = _settings(section, seed)
    mismatches = Mismatches(clock, post, settings.report_lines)

    def rounds_of(venue: str, executor: ExecutionConnector, account: VenueAccount) -> VenueRounds:
        queries = VenueQueries(venue, account, clock, settings)
        known = KnownOrders(venue, orders, journal, catalogue, mismatches)
        fills = Fills(queries, known, orders, journal, clock, mismatches, market.price, settings.overlap_ns)
        corrector = Corrector(venue, orders, mismatches)
        resolver = Resolver(queries, fills, orders, clock, corrector, settings, executor.cancel)
        agreement = Agreement(fills, orders, clock, settings)
        holdings = Account(queries, known, agreement, books, orders, journal, catalogue, mismatches, settings)
        open_orders = OpenOrders(queries, known, orders, resolver)
        return VenueRounds(queries, known, fills, open_orders, resolver, holdings, clock, settings)

    rounds = {
        venue: rounds_of(venue, executor, executor.account)
        for venue, executor in executors.items()
        if section.enabled and executor.account is not None
    }
    reconciler = Reconciler(rounds, clock, mismatches, settings, otherwise=orders.inbox.on_unmatched)
    reconciler.listen(executors)
    orders.inbox.on_unmatched = reconciler.take_unmatched
    return reconciler


def _settings(section: ReconciliationSection, seed: int) -> Settings:
    return Settings(
        answer_timeout_ns=section.answer_timeout,
        settle_ns=section.settle,
        query_timeout_ns=section.query_timeout,
        backoff_ns=section.backoff,
        max_backoff_ns=section.max_backoff,
        start_timeout_ns=section.start_timeout,
        overlap_ns=section.overlap,
        max_queries=section.max_queries,
        fill_tries=section.fill_tries,
        account_tries=section.account_tries,
        report_lines=section.report_lines,
        dust=section.dust,
        may_start_unproven=section.may_start_unproven,
        seed=seed,
    )
