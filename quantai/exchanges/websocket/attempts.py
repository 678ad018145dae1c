"""When the next attempt to connect may be made."""

from __future__ import annotations

from random import Random

from quantai.core.clock import Clock
from quantai.exchanges.backoff import Backoff, Breaker
from quantai.exchanges.websocket.settings import LinkSettings
from quantai.exchanges.websocket.waiting import pause


class Attempts:
    """Backoff and circuit breaker of one link. The first attempt waits for nothing."""

    def __init__(self, settings: LinkSettings, clock: Clock, random: Random) -> None:
        self._clock = clock
        self._healthy_ns = settings.healthy_ns
        self._backoff = Backoff(settings.first_delay_ns, settings.max_delay_ns, random)
        self._breaker = Breaker(settings.breaker_failures, settings.breaker_window_ns, settings.breaker_pause_ns)
        self._delay_ns = 0

    async def wait(self) -> None:
        """Return when an attempt may be made."""
        delay_ns, self._delay_ns = self._delay_ns, 0
        if delay_ns:
            await pause(self._clock, delay_ns)

    def failed(self) -> bool:
        """An attempt failed, or a connection fell. True where that opened the breaker."""
        opened = self._breaker.failed(self._clock.now_ns())
        self._delay_ns = self._breaker.delay_ns(self._backoff.next_ns())
        return opened

    def lived(self, opened_ns: int) -> bool:
        """A connection, open since `opened_ns`, is over or to be replaced; a healthy one makes all failures forgotten.

        Returns whether it was healthy.
        """
        is_healthy = self._clock.now_ns() - opened_ns >= self._healthy_ns
        if is_healthy:
            self._backoff.reset()
            self._breaker.succeeded()
        return is_healthy

    def planned(self, opened_ns: int) -> None:
        """A connection, open since `opened_ns`, is to be replaced: at once, unless it is so young that replacing it
        could become a habit.
        """
        self._delay_ns = 0 if self.lived(opened_ns) else self._backoff.next_ns()
