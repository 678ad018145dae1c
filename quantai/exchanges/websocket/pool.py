"""Many streams kept subscribed, over as many connections as the venue's limits ask for."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import count

from quantai.core.clock import Clock
from quantai.exchanges.quarantine import Quarantine
from quantai.exchanges.rate_limiter import RateLimiter
from quantai.exchanges.websocket.connection import FrameHandler
from quantai.exchanges.websocket.dialect import StreamDialect
from quantai.exchanges.websocket.raw import RawTap
from quantai.exchanges.websocket.settings import LinkSettings, PoolSettings
from quantai.exchanges.websocket.shard import OnConnection, OnStreams, Shard, Wiring
from quantai.exchanges.websocket.waiting import cancelled


class StreamPool:
    """Keeps a set of streams subscribed at one venue, whatever its connections do.

    `set_desired` says what is wanted; the pool makes it so and keeps it so: what is not acknowledged is asked for
    again, what is refused is told and asked for again after a time that grows, what falls silent is told, subscribed
    anew and, if that does not help, moved to a new connection.
    """

    def __init__(
        self,
        dialect: StreamDialect,
        *,
        venue: str,
        clock: Clock,
        on_frame: FrameHandler,
        on_streams: OnStreams,
        on_connection: OnConnection | None = None,
        link_settings: LinkSettings | None = None,
        settings: PoolSettings | None = None,
        connects: RateLimiter | None = None,
        connect_costs: Mapping[str, int] | None = None,
        quarantine: Quarantine | None = None,
        raw: RawTap | None = None,
    ) -> None:
        """`on_frame(frame, ts_ns)` gets every data frame, answers not.

        `on_streams(streams, is_up, reason, since_ns)`: down (False): nothing of `streams` after `since_ns` (the last
        frame of their connection, or of the stream where it alone fell silent) can be trusted to be whole; up (True):
        from now on they come, and what is missing began at `since_ns` (0 for streams that never came before). A stream
        that is no longer desired is not told of.

        `on_connection(name, is_up, reason)` tells of connections (`ConnectedEvent`, `DisconnectedEvent`).
        """
        self._dialect = dialect
        self._quarantine = quarantine or Quarantine(venue, clock)
        ids = count(1)
        self._wiring = Wiring(
            dialect=dialect,
            clock=clock,
            on_frame=on_frame,
            on_streams=on_streams,
            on_connection=on_connection,
            link_settings=link_settings,
            settings=settings or PoolSettings(),
            connects=connects,
            connect_costs=connect_costs,
            quarantine=self._quarantine,
            raw=raw,
            next_id=lambda: next(ids),
        )
        self._shards: list[Shard] = []
        self._names: Counter[str] = Counter()
        self._ending: list[Shard] = []
        self._past: Counter[str] = Counter()
        self._tasks: dict[asyncio.Task[None], Shard] = {}
        self._desired: frozenset[str] = frozenset()
        self._changed = asyncio.Event()
        self._is_stopping = False
        self._over: asyncio.Event | None = None

    @property
    def desired(self) -> frozenset[str]:
        """What is wanted."""
        return self._desired

    @property
    def streaming(self) -> frozenset[str]:
        """The streams that are acknowledged on a connection that stands."""
        return frozenset[str]().union(*(shard.streaming for shard in self._shards))

    @property
    def counts(self) -> dict[str, int]:
        """Of all links together, those that are no more included, and `refused`, `unanswered`, `silent`."""
        total = self._past.copy()
        for shard in [*self._shards, *self._ending]:
            total.update(shard.link.counts)
            total.update(shard.counts)
        return dict(total)

    def set_desired(self, streams: Iterable[str]) -> None:
        """Want exactly `streams` from now on. Returns at once; at any time, also before `run`.

        A stream stays on the connection it is on; a new one goes to the first of its route that has room.
        """
        self._desired = frozenset(streams)
        homeless: dict[str, list[str]] = {}
        housed = frozenset[str]().union(*(shard.streams for shard in self._shards))
        for stream in sorted(self._desired - housed):
            homeless.setdefault(self._dialect.route(stream), []).append(stream)
        for shard in self._shards:
            self._fill(shard, homeless.get(shard.route, []))
        for route, waiting in homeless.items():
            while waiting:
                self._names[route] += 1
                shard = Shard(f"{route or 'streams'}-{self._names[route]}", route, self._wiring)
                self._shards.append(shard)
                self._fill(shard, waiting)
        self._changed.set()

    def _fill(self, shard: Shard, waiting: list[str]) -> None:
        """Have on `shard` what is still desired of it, and as many of `waiting` as it has room for."""
        kept = shard.streams & self._desired
        room = max(0, self._dialect.limits.streams_per_link - len(kept))
        kept |= frozenset(waiting[:room])
        del waiting[:room]
        if kept != shard.streams:
            shard.want(kept)

    async def run(self) -> None:
        """Keep the streams until `stop`; once only."""
        self._over = asyncio.Event()
        try:
            while not self._is_stopping:
                self._changed.clear()
                await self._end_idle()
                self._start_new()
                changed = asyncio.create_task(self._changed.wait())
                await asyncio.wait({changed, *self._tasks}, return_when=asyncio.FIRST_COMPLETED)
                await cancelled(changed)
                for task in [task for task in self._tasks if task.done()]:
                    task.result()
                    del self._tasks[task]
            await asyncio.gather(*(shard.stop() for shard in self._shards))
        finally:
            await asyncio.gather(*map(cancelled, self._tasks))
            self._over.set()

    async def stop(self) -> None:
        """Close every connection; returns when nothing more will come. Nothing is told of the streams that end."""
        self._is_stopping = True
        self._changed.set()
        if self._over is not None:
            await self._over.wait()

    def restart(self, reason: str) -> None:
        """Replace every connection, the new ones first."""
        for shard in self._shards:
            shard.link.restart(reason)

    def _start_new(self) -> None:
        running = set(self._tasks.values())
        for shard in self._shards:
            if shard not in running:
                self._tasks[asyncio.create_task(shard.run(), name=f"streams-{shard.name}")] = shard

    async def _end_idle(self) -> None:
        """Close connections that nothing is wanted of any more."""
        self._ending = [shard for shard in self._shards if not shard.streams]
        for shard in self._ending:
            self._shards.remove(shard)
        await asyncio.gather(*(shard.stop() for shard in self._ending))
        for shard in self._ending:
            self._past.update(shard.link.counts)
            self._past.update(shard.counts)
        self._ending = []
