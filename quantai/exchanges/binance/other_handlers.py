"""Bars, mark prices and funding, liquidations, open interest, contract status: the streams with few frames."""

from __future__ import annotations

from collections.abc import Callable

from quantai.core.clock import NS_PER_MS, NS_PER_SECOND
from quantai.core.enums import InstrumentStatus, Side
from quantai.events import (
    BarEvent,
    FundingRateEvent,
    InstrumentStatusEvent,
    LiquidationEvent,
    MarketEvent,
    MarkPriceEvent,
    OpenInterestEvent,
)
from quantai.exchanges.binance.contract_status import STATUSES
from quantai.exchanges.binance.messages import ContractInfo, Kline, Liquidation, MarkPrice, OpenInterest
from quantai.exchanges.stream_handlers import Handler, Output, decoder_of
from quantai.exchanges.wire import OddMessage

_FUNDING_AT_LEAST_NS = 60 * NS_PER_SECOND
_SIDES = {"BUY": Side.BUY, "SELL": Side.SELL}

_decode_kline = decoder_of(Kline)
_decode_mark = decoder_of(MarkPrice)
_decode_liquidation = decoder_of(Liquidation)
_decode_contract = decoder_of(ContractInfo)
_decode_interest = decoder_of(OpenInterest)


class Bars(Handler):
    """Bars, once they are final; `ts_event` is the end."""

    __slots__ = ()

    def handle(self, frame: bytes, ts_ns: int) -> None:
        """A bar as it is now."""
        bar = _decode_kline(frame).data.bar
        if not bar.is_final:
            return
        if bar.start <= self._last_id:
            self._counts.duplicates += 1
            return
        end_ms = bar.end + 1
        if not bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high or end_ms <= bar.start:
            raise OddMessage(f"the bar of {self._symbol} at {bar.start} makes no sense")
        self._last_id = bar.start
        self._sink(
            BarEvent(
                self._venue, self._symbol, end_ms * NS_PER_MS, ts_ns, (end_ms - bar.start) * NS_PER_MS,
                bar.open, bar.high, bar.low, bar.close, bar.volume,
            )
        )  # fmt: skip


class MarkPrices(Handler):
    """Mark price and index at every message; the funding rate when it changes, and once a minute."""

    __slots__ = ("_funding", "_funding_ns", "_wants_funding", "_wants_mark")

    def __init__(self, output: Output, symbol: str, *, wants_mark: bool, wants_funding: bool) -> None:
        super().__init__(output, symbol)
        self._wants_mark, self._wants_funding = wants_mark, wants_funding
        self._funding: tuple[str, int] | None = None
        self._funding_ns = 0

    def handle(self, frame: bytes, ts_ns: int) -> None:
        """Both."""
        mark = _decode_mark(frame).data
        if mark.event_time <= self._last_id and self._is_duplicate(mark.event_time, ts_ns):
            return
        self._last_id, self._last_ns = mark.event_time, ts_ns
        ts_event = mark.event_time * NS_PER_MS
        if self._wants_mark:
            self._sink(MarkPriceEvent(self._venue, self._symbol, ts_event, ts_ns, mark.price, mark.index_price))
        if self._wants_funding and mark.rate and mark.next_funding:
            self._fund(mark.rate, mark.next_funding, ts_event, ts_ns)

    def _fund(self, text: str, next_ms: int, ts_event: int, ts_ns: int) -> None:
        if (text, next_ms) == self._funding and ts_ns - self._funding_ns < _FUNDING_AT_LEAST_NS:
            return
        rate = float(text)
        if not -1 <= rate <= 1:
            raise OddMessage(f"the funding rate of {self._symbol} is {text[:40]}")
        self._funding, self._funding_ns = (text, next_ms), ts_ns
        self._sink(FundingRateEvent(self._venue, self._symbol, ts_event, ts_ns, rate, next_ms * NS_PER_MS))


class Liquidations(Handler):
    """Liquidation orders: what was filled at its average price, or else what was ordered."""

    __slots__ = ()

    def handle(self, frame: bytes, ts_ns: int) -> None:
        """A liquidation order."""
        order = _decode_liquidation(frame).data.order
        side, price, size = _SIDES.get(order.side), order.average_price or order.price, order.filled or order.size
        if side is None or not price or not size:
            raise OddMessage(f"a liquidation of {self._symbol}: {order.side[:10]} {size} at {price}")
        self._sink(LiquidationEvent(self._venue, self._symbol, order.time * NS_PER_MS, ts_ns, price, size, side))


class OpenInterests(Handler):
    """Open interest, as it was asked for."""

    __slots__ = ()

    def handle(self, frame: bytes, ts_ns: int) -> None:
        """An answer."""
        answer = _decode_interest(frame).data
        ts_event = answer.time * NS_PER_MS or ts_ns
        self._sink(OpenInterestEvent(self._venue, self._symbol, ts_event, ts_ns, answer.open_interest))


class Contracts(Handler):
    """Status of every contract, of which those that `unified` knows and `wants` takes are given on when it changed.
    Both futures share the stream: those of another `section` are somebody else's.
    """

    __slots__ = ("_known", "_section", "_unified", "_wants")

    def __init__(
        self,
        output: Output,
        unified: Callable[[str], str | None],
        wants: Callable[[type[MarketEvent], str], bool],
        section: int,
    ) -> None:
        super().__init__(output, "")
        self._unified, self._wants, self._section = unified, wants, section
        self._known: dict[str, InstrumentStatus] = {}

    def handle(self, frame: bytes, ts_ns: int) -> None:
        """A contract."""
        contract = _decode_contract(frame).data
        symbol = self._unified(contract.symbol)
        is_ours = contract.section in (0, self._section)
        if symbol is None or not is_ours or not self._wants(InstrumentStatusEvent, symbol):
            return
        status = STATUSES.get(contract.status)
        if status is None:
            raise OddMessage(f"{symbol} has the unknown status {contract.status[:40]}")
        if self._known.get(symbol) is status:
            return
        self._known[symbol] = status
        self._sink(
            InstrumentStatusEvent(self._venue, symbol, contract.event_time * NS_PER_MS, ts_ns, status, contract.status)
        )
