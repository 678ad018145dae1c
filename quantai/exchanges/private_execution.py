"""Order entry with a private stream beside it: what all such connectors share, whatever way their commands go."""

from __future__ import annotations

from collections.abc import Sequence

from quantai.core.errors import StartupError
from quantai.events import ConnectedEvent, DisconnectedEvent
from quantai.exchanges.command_queue import CommandQueue
from quantai.exchanges.core import VenueCore
from quantai.exchanges.execution import ConnectionSink, ExecutionConnector, ReportSink, VenueHealth
from quantai.exchanges.order_outcomes import OrderOutcomes
from quantai.exchanges.private_stream import PrivateStream


class PrivateExecution(ExecutionConnector):
    """Subclass it with commands; `stream` is set by the subclass, told to report to `outcomes.tell` and `on_state`."""

    stream: PrivateStream

    def __init__(self, core: VenueCore, order_rules: Sequence[str] = ()) -> None:
        """`order_rules` are the budgets of `core.limiter` that orders take from. Raises `StartupError` without keys."""
        if core.api_key is None or core.signer is None:
            raise StartupError(
                f"{core.venue} cannot trade without keys: set exchanges.{core.venue}.api_key and api_secret"
            )
        self._core = core
        self._order_rules = tuple(order_rules)
        self._connection_sink: ConnectionSink = lambda is_up: None
        self._is_up = False
        self._queue = CommandQueue()
        self.outcomes = OrderOutcomes(core.venue, core.venue_clock.now_ns)

    async def start(self) -> None:
        """Return when the private stream stands. Raises `StartupError`."""
        await self.stream.start()

    async def stop(self) -> None:
        """Wait some seconds for answers that are due, then disconnect."""
        await self._queue.close()
        await self.stream.stop()

    def on_report(self, sink: ReportSink) -> None:
        self.outcomes.sink = sink

    def on_connection(self, sink: ConnectionSink) -> None:
        self._connection_sink = sink

    def health(self) -> VenueHealth:
        http = self._core.http
        is_up = self._is_up and not http.is_broken
        return VenueHealth(is_up, http.latency_ns, self._core.limiter.headroom(*self._order_rules))

    def on_state(self, is_up: bool, reason: str) -> None:
        """Of the private stream: it stands (anew), or fell."""
        if is_up is not self._is_up:
            self._is_up = is_up
            now_ns, component = self._core.clock.now_ns(), f"{self._core.venue} orders"
            self._core.publish(
                ConnectedEvent(component, now_ns, now_ns)
                if is_up
                else DisconnectedEvent(component, now_ns, now_ns, reason)
            )
        self._connection_sink(is_up)
