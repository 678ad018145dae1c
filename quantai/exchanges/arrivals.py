"""Which orders are known to have arrived at the venue, and by which of its ids."""

from __future__ import annotations

from collections import OrderedDict

from msgspec.structs import replace

from quantai.exchanges.execution import ExecType, ExecutionReport

_PROVES_NOTHING = frozenset({ExecType.UNKNOWN, ExecType.REJECTED, ExecType.CANCEL_REJECTED, ExecType.REPLACE_REJECTED})

_TELLS_ID = frozenset({ExecType.NEW, ExecType.REPLACED})
"""What the OMS takes the venue's id from."""


class Arrivals:
    """Remembers the newest `max_orders`, by client order id.

    An acceptance is told twice, in the answer and on the stream; a conditional order gets another id when it is
    triggered. So the second acceptance is dropped, or is a change of the venue's id.
    """

    def __init__(self, max_orders: int = 50_000) -> None:
        self._ids: OrderedDict[str, str] = OrderedDict()
        self._max_orders = max_orders

    def __contains__(self, client_order_id: object) -> bool:
        return client_order_id in self._ids

    def digest(self, report: ExecutionReport) -> ExecutionReport | None:
        """What is left to be told of `report`; None where nothing is."""
        known = self._ids.get(report.client_order_id, "")
        if report.client_order_id and report.exec_type not in _PROVES_NOTHING:
            told = report.venue_order_id if report.exec_type in _TELLS_ID else ""
            self._note(report.client_order_id, told or known)
        if not known:
            return report
        is_same = report.venue_order_id in ("", known)
        if report.exec_type is ExecType.NEW:
            return None if is_same else replace(report, exec_type=ExecType.REPLACED, filled_quantity=None)
        is_renaming = report.exec_type is ExecType.REPLACED and report.order_quantity is None is report.order_price
        return None if is_renaming and is_same else report

    def _note(self, client_order_id: str, venue_order_id: str) -> None:
        self._ids[client_order_id] = venue_order_id
        self._ids.move_to_end(client_order_id)
        if len(self._ids) > self._max_orders:
            self._ids.popitem(last=False)
