"""What a venue knows of an account, asked over HTTP."""

from __future__ import annotations

from decimal import Decimal
from typing import TypeVar

from quantai.core.errors import NumberError
from quantai.exchanges.core import VenueCore
from quantai.exchanges.errors import MalformedReply, OrderNotFound
from quantai.exchanges.execution import VenueAccount
from quantai.exchanges.http_request import HttpRequest
from quantai.exchanges.wire import check_numbers

T = TypeVar("T")


class HttpAccount(VenueAccount):
    """Subclass it with the venue's questions. Each raises `VenueError` where no answer came that can be trusted."""

    def __init__(self, core: VenueCore) -> None:
        self._core = core

    async def ask(self, request: HttpRequest, type_: type[T]) -> T:
        """The answer, as msgspec reads a `type_`."""
        return await self._core.http.call(request, type_)

    async def find(self, request: HttpRequest, type_: type[T]) -> T | None:
        """The same; None where the venue says that it knows no such order."""
        try:
            return await self.ask(request, type_)
        except OrderNotFound:
            return None

    def unified(self, venue_symbol: str) -> str:
        """The unified symbol; one that nobody here knows is left as it is."""
        return self._core.mapper.to_unified(venue_symbol) or venue_symbol


def checked(*numbers: Decimal) -> None:
    """Raises `MalformedReply` for numbers that nobody can count with."""
    try:
        check_numbers(*numbers)
    except NumberError as error:
        raise MalformedReply(str(error)) from None
