"""An exchange with requests over HTTP: what it lists, its clock, and the life of what its connectors share."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

from quantai.core.errors import StartupError, UnknownInstrument, VenueError
from quantai.core.params import PositiveDuration
from quantai.exchanges.base import Exchange, ExchangeContext
from quantai.exchanges.core import VenueCore
from quantai.exchanges.http_settings import RequestsSection
from quantai.exchanges.listing import Listing, ListingCache
from quantai.exchanges.listings import Listings
from quantai.exchanges.quarantine import Quarantine
from quantai.exchanges.websocket.raw import RawTap

logger = logging.getLogger(__name__)


class HttpExchange(Exchange, ABC):
    """Subclass it with a venue's own: its core, where it is spoken to, what time it is there, what it lists."""

    refresh: PositiveDuration = 3_600_000_000_000
    """How often the venue is asked what it lists."""
    requests: RequestsSection = RequestsSection()
    """When it is taken for down."""

    @abstractmethod
    def make_core(self, context: ExchangeContext) -> VenueCore:
        """What the connectors share (see `VenueCore.of`). Raises `StartupError` for a secret that is no key."""

    @abstractmethod
    async def ask_listings(self) -> Sequence[Listing]:
        """What the venue lists now. Raises `VenueError`."""

    def bind(self, context: ExchangeContext) -> None:
        """Build what is shared; nothing connects before `start`."""
        super().bind(context)
        self._core = self.make_core(context)
        self._core.http.settings = self.requests.settings()
        cache = None
        if context.cache_folder is not None:
            cache = ListingCache(context.cache_folder, context.venue, self._core.source)
        self.listings = Listings(
            context.venue, self.ask_listings, context.clock, self._core.mapper, context.publish, cache, self.refresh
        )

    async def start(self) -> None:
        """Take what the venue lists, and its time. Raises `StartupError` where it lists none of what is configured, or
        cannot be asked and never was.
        """
        await self._core.http.start()
        await self.listings.start()
        for instrument in self._context.instruments:
            self._find(instrument.symbol)
        try:
            await self._core.venue_clock.start()
        except VenueError as error:
            logger.warning("the time at %s is not known, ours is taken: %s", self._context.venue, error)

    def _find(self, symbol: str) -> Listing:
        try:
            return self.listings.get(symbol)
        except UnknownInstrument as error:
            raise StartupError(f"{error} (see `instruments` in the configuration)") from None

    async def stop(self) -> None:
        """Close the connection for requests."""
        await self.listings.stop()
        await self._core.venue_clock.stop()
        await self._core.http.close()

    async def list_instruments(self) -> Mapping[str, Listing]:
        """What the venue lists now, or did when it was last asked."""
        await self._core.http.start()
        try:
            await self.listings.load()
        finally:
            await self._core.http.close()
        return self.listings.by_symbol

    def raw_tap(self) -> RawTap:
        """Where frames go as they came."""
        return RawTap(self._context.venue, self._context.publish, self._context.is_wanted)

    def quarantine(self) -> Quarantine:
        """Where frames go that cannot be understood."""
        context, folder = self._context, self._context.cache_folder
        file = None if folder is None else folder / f"{context.venue}_quarantine.jsonl"
        return Quarantine(context.venue, context.clock, file)
