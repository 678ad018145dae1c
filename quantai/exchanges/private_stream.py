"""An account's private stream: opened with a secret, kept up, and opened anew where the secret or the socket ends."""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping

from quantai.core.clock import NS_PER_SECOND, Clock, Timer
from quantai.core.errors import StartupError
from quantai.exchanges.core import VenueCore
from quantai.exchanges.errors import AuthenticationError
from quantai.exchanges.execution import ExecType, ExecutionReport, ReportSink
from quantai.exchanges.rate_limiter import RateRule
from quantai.exchanges.websocket.link import Link
from quantai.exchanges.websocket.opening import Send
from quantai.exchanges.websocket.settings import LinkSettings
from quantai.exchanges.wire import OddMessage, check_numbers

logger = logging.getLogger(__name__)

_START_NS = 30 * NS_PER_SECOND
_LOSS_EVERY_NS = 10 * NS_PER_SECOND
_MAX_FILLS = 20_000

StateSink = Callable[[bool, str], None]


class PrivateStream(ABC):
    """One private stream. `on_state(True, ..)` is called when it stands, anew too, so that what was missed is asked
    for; `on_state(False, ..)` when it fell, or can no longer be trusted.
    """

    def __init__(
        self,
        core: VenueCore,
        on_state: StateSink,
        *,
        connect_costs: Mapping[str, int] | None = None,
        messages: RateRule | None = None,
        settings: LinkSettings | None = None,
    ) -> None:
        """`connect_costs` is what a connection takes from the budgets of `core.limiter`, `messages` what one may
        send.
        """
        self._core = core
        self._tell_state = on_state
        self._opened = asyncio.Event()
        self._refused: AuthenticationError | None = None
        self._task: asyncio.Task[None] | None = None
        self.link = Link(
            f"{core.venue} private",
            self._secret_url,
            clock=core.clock,
            on_frame=self._on_frame,
            on_state=self._on_state,
            on_open=self._log_in,
            settings=settings,
            is_answer=self._is_answer,
            connects=core.limiter if connect_costs else None,
            connect_costs=connect_costs,
            messages=messages,
        )

    async def start(self) -> None:
        """Return when the stream stands. Raises `StartupError` where it does not in time, or never will."""
        self._task = asyncio.create_task(self.link.run())
        self._task.add_done_callback(self._on_over)
        timer = self._core.clock.call_later(_START_NS, lambda due_ns: self._opened.set())
        try:
            await self._opened.wait()
        finally:
            timer.cancel()
        if not self.link.is_up:
            await self.stop()
            why = str(self._refused) if self._refused is not None else f"not open in {_START_NS // NS_PER_SECOND} s"
            raise StartupError(f"the private stream of {self._core.venue} does not stand: {why}")

    async def stop(self) -> None:
        """Close it; returns when nothing more will come."""
        await self.link.stop()
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    @abstractmethod
    async def _url(self) -> str:
        """Where to connect; it may be secret."""

    @abstractmethod
    def _on_frame(self, frame: bytes, ts_ns: int) -> None:
        """Take what came; what cannot be read is raised, and goes to quarantine."""

    async def _subscribe(self, send: Send) -> None:
        """Ask for the events on a new connection, where connecting alone does not."""

    def _is_answer(self, frame: bytes) -> bool:
        return False

    async def _secret_url(self) -> str:
        try:
            return await self._url()
        except AuthenticationError as error:
            self._give_up(error)
            raise

    async def _log_in(self, send: Send) -> None:
        try:
            await self._subscribe(send)
        except AuthenticationError as error:
            self._give_up(error)
            raise

    def _give_up(self, error: AuthenticationError) -> None:
        """Whoever waits for the start need not wait for another answer; a stream that stood once is tried again."""
        self._refused = error
        self._opened.set()

    def _on_over(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            logger.error("the private stream of %s broke", self._core.venue, exc_info=task.exception())
            self._tell_state(False, "it broke")

    def _on_state(self, is_up: bool, reason: str) -> None:
        if is_up:
            self._opened.set()
        self._tell_state(is_up, reason)

    def _on_change(self, reason: str) -> None:
        """The account may be another one than the reports say: compare it."""
        if self.link.is_up:
            self._tell_state(True, reason)


class Losses:
    """Frames that nobody could read, so that nobody knows what they would have told. `on_change` is called at most
    every ten seconds, and always once more after the last of them: an answer from before it cannot have it.
    """

    def __init__(self, clock: Clock, on_change: Callable[[str], None]) -> None:
        self._clock = clock
        self._on_change = on_change
        self._next_ns = 0
        self._later: Timer | None = None

    def tell(self, what: str) -> None:
        """One more."""
        wait_ns = min(self._next_ns - self._clock.now_ns(), _LOSS_EVERY_NS)
        if self._later is not None:
            return
        if wait_ns <= 0:
            self._tell(what)
        else:
            self._later = self._clock.call_later(wait_ns, lambda due_ns: self._tell(what))

    def _tell(self, what: str) -> None:
        self._later = None
        self._next_ns = self._clock.now_ns() + _LOSS_EVERY_NS
        self._on_change(what)


class ReportStream(PrivateStream):
    """A private stream whose frames are reports: a venue writes `_url` and `reports`. A fill that comes again is
    dropped by its trade id.
    """

    def __init__(
        self,
        core: VenueCore,
        on_report: ReportSink,
        on_state: StateSink,
        *,
        connect_costs: Mapping[str, int] | None = None,
        messages: RateRule | None = None,
        settings: LinkSettings | None = None,
    ) -> None:
        super().__init__(core, on_state, connect_costs=connect_costs, messages=messages, settings=settings)
        self._on_report = on_report
        self._losses = Losses(core.clock, self._on_change)
        self._fills: OrderedDict[tuple[str, str, str], None] = OrderedDict()

    @abstractmethod
    def reports(self, frame: bytes) -> Iterable[ExecutionReport]:
        """What a frame tells of orders. Raises anything for one that cannot be read. Where it tells that money moved
        without an order, call `_on_change`.
        """

    def _on_frame(self, frame: bytes, ts_ns: int) -> None:
        try:
            reports = list(self.reports(frame))
            for report in reports:
                check_numbers(report.price, report.quantity, report.fee, report.filled_quantity or report.quantity)
                if report.exec_type is ExecType.TRADE and not report.trade_id:
                    raise OddMessage(f"a fill of order {report.venue_order_id} has no trade id to know it by")
        except Exception:
            self._losses.tell("a frame that cannot be read")
            raise
        try:
            for report in reports:
                if self._is_new(report):
                    self._on_report(report)
        except Exception:
            for report in reports:  # what comes again is told again: the books know each fill once
                self._fills.pop((report.symbol, report.venue_order_id, report.trade_id), None)
            self._losses.tell("a frame that could not be taken")
            raise

    def _is_new(self, report: ExecutionReport) -> bool:
        if report.exec_type is not ExecType.TRADE:
            return True
        key = report.symbol, report.venue_order_id, report.trade_id
        is_new = key not in self._fills
        self._fills[key] = None
        if len(self._fills) > _MAX_FILLS:
            self._fills.popitem(last=False)
        return is_new
