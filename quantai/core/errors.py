"""The error tree: everything QuantAI raises on purpose descends from `QuantAIError`.

    QuantAIError                     exit status 4
    ├── ConfigError                  2  the configuration or the arguments are wrong
    ├── StartupError                 3  a venue, store, port or file could not be had
    │   └── StoreError               3  a recording or import cannot be read or written
    ├── NumberError                  4  not a finite number, or not on the instrument's grid
    ├── SymbolError                  4  not a ccxt-unified symbol
    ├── UnknownInstrument            4  nobody configured that venue and symbol
    ├── OrderError                   4  an order request that makes no sense before risk sees it
    ├── CodecError                   4  bytes that are no events, or events that cannot be bytes
    ├── VenueError                   4  a venue did not answer a question, or not so that it can be trusted
    └── BusError                     4
        ├── BusClosed                4  publish or subscribe after the bus stopped
        └── BusOverflow              4  a handler published more than the bus may hold

Each message names what, where and what to do. Exit statuses are the contract of `quantai-daemon`.
"""

from __future__ import annotations


class QuantAIError(Exception):
    """Base of every deliberate error; `exit_status` is what the process ends with when nobody handles it."""

    exit_status = 4


class ConfigError(QuantAIError):
    """The configuration or the arguments are wrong; nothing was started."""

    exit_status = 2


class StartupError(QuantAIError):
    """Something the daemon needs (venue, store, port, file) could not be had."""

    exit_status = 3


class StoreError(StartupError):
    """A recording or an import cannot be read or written."""


class NumberError(QuantAIError, ValueError):
    """A value is not a finite number, or lies off the grid or outside the range it must be in."""


class SymbolError(QuantAIError, ValueError):
    """A text is not a ccxt-unified symbol."""


class UnknownInstrument(QuantAIError, LookupError):
    """No instrument is configured for a venue and symbol."""


class OrderError(QuantAIError):
    """An order request that makes no sense before any risk check: unknown instrument, no side, no price."""


class VenueError(QuantAIError):
    """A venue did not answer a question, or not so that the answer can be trusted: nothing is proven."""


class BusError(QuantAIError):
    """The event bus could not do what it was asked."""


class BusClosed(BusError):
    """The bus was stopped; it takes no more events or subscriptions."""


class BusOverflow(BusError):
    """A handler published more events than the bus may hold: very likely a loop of events feeding itself."""
