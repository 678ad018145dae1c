"""What YAML may say of a Binance exchange, in sections."""

from __future__ import annotations

from quantai.core.errors import StartupError
from quantai.core.params import Duration, PositiveDuration, Section
from quantai.exchanges.binance.streams import MarketDataSettings


class OwnHosts(Section):
    """Addresses of your own in place of Binance's, `quantai venue`'s for example."""

    rest: str | None = None
    """Of requests: `http://127.0.0.1:8080`."""
    public_ws: str | None = None
    """Of market data: `ws://127.0.0.1:8080`."""
    private_ws: str | None = None
    """Of user data; on spot the WebSocket API, path included."""
    ws_api: str | None = None
    """Of requests over a WebSocket, path included."""


class MarketDataSection(Section):
    """What is asked of its market data."""

    book_depth: int = 500
    """Levels of each side that a book is put together with; fewer cost less of the rate limit."""
    book_speed: str = "100ms"
    """Between two updates of a book: `100ms`; `1000ms` on spot, `250ms` and `500ms` on futures."""
    book_interval: Duration = 0
    """Between two whole books of a symbol; `0s`: only when it is put together."""
    partial_depth: int = 0
    """5, 10 or 20: books come whole, with so many levels, where no updates are wanted. 0: they are put together."""
    bar_intervals: list[str] = ["1m"]
    """The bars that are streamed."""
    open_interest_interval: PositiveDuration = 60_000_000_000
    """Between two questions for open interest, on futures."""

    def settings(self) -> MarketDataSettings:
        """Raises `ValueError` for what Binance does not have."""
        try:
            return MarketDataSettings(
                book_depth=self.book_depth,
                book_speed=self.book_speed,
                book_interval_ns=self.book_interval,
                partial_depth=self.partial_depth,
                bar_intervals=tuple(self.bar_intervals),
                open_interest_interval_ns=self.open_interest_interval,
            )
        except StartupError as error:
            raise ValueError(f"market_data: {error}") from None
