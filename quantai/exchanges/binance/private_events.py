"""Takes what comes over Binance's private streams, and tells of it in FIX's words: each event once."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator

import msgspec

from quantai.core.clock import Clock
from quantai.core.enums import Side
from quantai.core.errors import NumberError
from quantai.exchanges.binance.private_messages import (
    EventKind,
    SpotOrder,
    SpotOrderList,
    UsdmAccountEvent,
    UsdmAlgoEvent,
    UsdmOrder,
    UsdmOrderEvent,
    UsdmTriggerRejectEvent,
)
from quantai.exchanges.binance.reports import (
    algo_reports,
    own_id,
    spot_list_reports,
    spot_reports,
    trigger_reject_reports,
    usdm_reports,
)
from quantai.exchanges.execution import ExecType, ExecutionReport, ReportSink
from quantai.exchanges.mapper import InstrumentMapper
from quantai.exchanges.private_stream import Losses

logger = logging.getLogger(__name__)

_MAX_SEEN = 20_000
_TRADING = ("ORDER", "")

_decode_kind = msgspec.json.Decoder(EventKind).decode
_decode_spot_order = msgspec.json.Decoder(SpotOrder).decode
_decode_spot_list = msgspec.json.Decoder(SpotOrderList).decode
_decode_usdm_order = msgspec.json.Decoder(UsdmOrderEvent).decode
_decode_usdm_algo = msgspec.json.Decoder(UsdmAlgoEvent).decode
_decode_usdm_account = msgspec.json.Decoder(UsdmAccountEvent).decode
_decode_usdm_reject = msgspec.json.Decoder(UsdmTriggerRejectEvent).decode


class PrivateEvents:
    """Events of one account. Those of both products have names of their own, so one table does for both.

    `on_change` is called where the account may not be what the reports say: an event could not be read (at most every
    ten seconds), or money moved without an order. `on_stream` is called with the kind of an event that is about the
    stream itself.
    """

    def __init__(
        self,
        mapper: InstrumentMapper,
        clock: Clock,
        on_report: ReportSink,
        on_change: Callable[[str], None],
        on_stream: Callable[[str], None],
    ) -> None:
        self.counts = dict.fromkeys(("events", "reports", "doubles", "lite", "passed_over", "lost"), 0)
        self._mapper = mapper
        self._clock = clock
        self._on_report = on_report
        self._on_change = on_change
        self._on_stream = on_stream
        self._seen: OrderedDict[Hashable, None] = OrderedDict()
        self._losses = Losses(clock, on_change)
        self._takers: dict[str, Callable[[bytes | msgspec.Raw], None]] = {
            "executionReport": self._take_spot_order,
            "listStatus": self._take_spot_list,
            "ORDER_TRADE_UPDATE": self._take_usdm_order,
            "ALGO_UPDATE": self._take_usdm_algo,
            "CONDITIONAL_ORDER_TRIGGER_REJECT": self._take_usdm_reject,
            "ACCOUNT_UPDATE": self._take_usdm_account,
            # The same fill comes in ORDER_TRADE_UPDATE, with its fee: booking this one would lose that.
            "TRADE_LITE": lambda event: self._count("lite"),
            "balanceUpdate": lambda event: on_change("a deposit, a withdrawal or a transfer"),
            "externalLockUpdate": lambda event: on_change("balances were locked or freed elsewhere"),
            "MARGIN_CALL": lambda event: logger.error("Binance tells a margin call: positions may be liquidated"),
            "eventStreamTerminated": lambda event: on_stream("eventStreamTerminated"),
            "listenKeyExpired": lambda event: on_stream("listenKeyExpired"),
            "serverShutdown": lambda event: on_stream("serverShutdown"),
        }

    def take(self, event: bytes | msgspec.Raw) -> None:
        """Tell what an event means. Raises `msgspec.DecodeError` or `NumberError` for one that cannot be read, and what
        who is told raises, having seen to it that what it was to tell is asked for.
        """
        self.counts["events"] += 1
        try:
            taker = self._takers.get(_decode_kind(event).kind)
            if taker is None:
                self._count("passed_over")
            else:
                taker(event)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            self.lose("an event that cannot be read")
            raise
        except Exception:
            self.lose("an event that could not be taken")
            raise

    def lose(self, what: str) -> None:
        """Something came that cannot be read: nobody knows what it would have told."""
        self._count("lost")
        self._losses.tell(what)

    def _count(self, name: str) -> None:
        self.counts[name] += 1

    def _is_new(self, *key: Hashable) -> bool:
        """Whether the event did not come before, over another connection."""
        if key in self._seen:
            self._count("doubles")
            return False
        self._seen[key] = None
        if len(self._seen) > _MAX_SEEN:
            self._seen.popitem(last=False)
        return True

    def _symbol(self, venue_symbol: str) -> str:
        """Unified; one that nobody here knows is left as it is, and told of by whoever does not know it."""
        return self._mapper.to_unified(venue_symbol) or venue_symbol

    def _take_spot_order(self, event: bytes | msgspec.Raw) -> None:
        order = _decode_spot_order(event)
        id_ = order.execution_id or (order.exec_type, order.status, order.filled, order.trade_id, order.ts_ms)
        if self._is_new(order.symbol, order.order_id, id_):
            self._tell(spot_reports(order, self._symbol(order.symbol)), order)

    def _take_spot_list(self, event: bytes | msgspec.Raw) -> None:
        lists = _decode_spot_list(event)
        symbol = self._symbol(lists.orders[0].symbol) if lists.orders else ""
        for report in spot_list_reports(lists, symbol):
            self._report(report)

    def _take_usdm_order(self, event: bytes | msgspec.Raw) -> None:
        order = _decode_usdm_order(event).order
        id_ = (order.exec_type, order.status, order.filled, order.trade_id, order.ts_ms, order.quantity, order.price)
        if self._is_new(order.symbol, order.order_id, id_):
            if order.exec_type == "NEW" and not own_id(order.client_order_id):
                logger.error("Binance itself closes a position in %s: %s", order.symbol, order.client_order_id)
            self._tell(usdm_reports(order, self._symbol(order.symbol)), order)

    def _take_usdm_algo(self, event: bytes | msgspec.Raw) -> None:
        algo = _decode_usdm_algo(event)
        if self._is_new("algo", algo.order.algo_id, algo.order.status, algo.order.order_id):
            for report in algo_reports(algo, self._symbol(algo.order.symbol)):
                self._report(report)

    def _take_usdm_reject(self, event: bytes | msgspec.Raw) -> None:
        reject = _decode_usdm_reject(event)
        for report in trigger_reject_reports(reject, self._symbol(reject.order.symbol)):
            self._report(report)

    def _take_usdm_account(self, event: bytes | msgspec.Raw) -> None:
        reason = _decode_usdm_account(event).change.reason
        if reason not in _TRADING:
            self._on_change(f"balances changed: {reason}")

    def _tell(self, reports: Iterator[ExecutionReport], order: SpotOrder | UsdmOrder) -> None:
        try:
            for report in reports:
                self._report(report)
        except NumberError as error:
            self._doubt(order, str(error))
            raise

    def _doubt(self, order: SpotOrder | UsdmOrder, reason: str) -> None:
        """What the event says of the order cannot be; that something happened to it is certain."""
        report = ExecutionReport(
            exec_type=ExecType.UNKNOWN, client_order_id=own_id(order.client_order_id), ts_event=self._clock.now_ns(),
            venue_order_id=str(order.order_id), symbol=self._symbol(order.symbol), side=Side.UNKNOWN, reason=reason,
        )  # fmt: skip
        self._report(report)

    def _report(self, report: ExecutionReport) -> None:
        self._count("reports")
        self._on_report(report)
