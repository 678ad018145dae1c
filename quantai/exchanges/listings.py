"""Keeps what a venue lists up to date: asked at start and on schedule, cached, with changes told."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from quantai.core.clock import NS_PER_SECOND, Clock
from quantai.core.errors import StartupError, UnknownInstrument, VenueError
from quantai.core.identifiers import nearest
from quantai.events import Event
from quantai.exchanges.listing import Listing, ListingCache, age_text, changes, delisted
from quantai.exchanges.mapper import InstrumentMapper

logger = logging.getLogger(__name__)

Ask = Callable[[], Awaitable[Sequence[Listing]]]


class Listings:
    """All that a venue lists, by unified symbol. The mapper knows the same, always.

    What is listed no more, or in a way that cannot be read any more, stays known as delisted: orders and positions may
    be left in it, and must still be told, cancelled and closed.
    """

    def __init__(
        self,
        venue: str,
        ask: Ask,
        clock: Clock,
        mapper: InstrumentMapper,
        publish: Callable[[Event], None],
        cache: ListingCache | None = None,
        refresh_ns: int = 3_600 * NS_PER_SECOND,
        load_timeout_s: float = 10,
    ) -> None:
        """`ask` gives what the venue lists now, or raises `VenueError`. At start it has `load_timeout_s`, then what is
        known from before is taken, where something is.
        """
        self._venue = venue
        self._ask = ask
        self._clock = clock
        self._mapper = mapper
        self._publish = publish
        self._cache = cache
        self._refresh_ns = refresh_ns
        self._load_timeout_s = load_timeout_s
        self._by_symbol: dict[str, Listing] = {}
        self._keeping: asyncio.Task[None] | None = None
        self.taken_ns = 0
        """When the venue said so; 0 before it did."""
        self.failures = 0
        """Times that it did not answer."""

    async def load(self) -> None:
        """Ask the venue; where it does not answer, take what the cache has. Raises `StartupError` where it has
        nothing.
        """
        cached = None if self._cache is None else await asyncio.to_thread(self._cache.read)
        try:
            async with asyncio.timeout(None if cached is None else self._load_timeout_s):
                await self.refresh()
        except (VenueError, TimeoutError) as error:
            if cached is None:
                raise StartupError(
                    f"{self._venue} cannot be asked what it lists ({_why(error)}), and nothing is known from before"
                ) from error
            if cached.taken_ns > self.taken_ns:
                self._know(cached.listings, cached.taken_ns)
            age = age_text(cached.taken_ns, self._clock.now_ns())
            logger.warning("%s cannot be asked what it lists (%s): as it was %s", self._venue, _why(error), age)

    async def start(self) -> None:
        """Load, and ask again on schedule."""
        await self.load()
        self._keeping = asyncio.create_task(self._keep())

    async def stop(self) -> None:
        """Ask no more."""
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)
            self._keeping = None

    async def refresh(self) -> None:
        """Ask the venue, and tell what has changed since it was last known. Raises `VenueError`."""
        try:
            listings = await self._ask()
        except VenueError:
            self.failures += 1
            raise
        before, now_ns = dict(self._by_symbol), self._clock.now_ns()
        self._know(listings, now_ns)
        if before:
            for event in changes(before, self._by_symbol, now_ns):
                self._publish(event)
        if self._cache is not None:
            try:
                await asyncio.to_thread(self._cache.write, listings, now_ns)
            except OSError as error:
                logger.warning("what %s lists cannot be kept in %s: %s", self._venue, self._cache.path, error)

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(self._refresh_ns / NS_PER_SECOND)
            try:
                await self.refresh()
            except Exception as error:  # whatever it is: what is known stays, and is asked for again
                logger.warning("%s cannot be asked what it lists: %s", self._venue, error)

    def _know(self, listings: Sequence[Listing], taken_ns: int) -> None:
        listed = {listing.instrument.symbol: listing for listing in listings}
        before = {symbol: delisted(listing) for symbol, listing in self._by_symbol.items()}
        self._by_symbol = before | listed  # in this order: of two with one venue symbol the mapper takes the later
        self._mapper.replace((symbol, listing.venue_symbol) for symbol, listing in self._by_symbol.items())
        self.taken_ns = taken_ns

    def get(self, symbol: str) -> Listing:
        """What the venue lists as `symbol`. Raises `UnknownInstrument`, naming the nearest."""
        listing = self._by_symbol.get(symbol)
        if listing is None:
            near = nearest(symbol, self._by_symbol)
            raise UnknownInstrument(f"{self._venue} lists no {symbol}" + (f"; did you mean {near}?" if near else ""))
        return listing

    @property
    def by_symbol(self) -> dict[str, Listing]:
        """A copy."""
        return dict(self._by_symbol)


def _why(error: Exception) -> str:
    return str(error) or "no answer in time"
