"""Private streams of USD-M: a key in the URL that ends unless it is kept alive. Source: USD-M Futures, «User Data
Streams».
"""

from __future__ import annotations

import random
import string
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from quantai.core.clock import NS_PER_SECOND, Timer
from quantai.loopback.dialects.binance.endpoint import Call
from quantai.loopback.dialects.binance.errors import NO_LISTEN_KEY, ApiError
from quantai.loopback.dialects.binance.hub import encode
from quantai.loopback.dialects.binance.stream_client import StreamClient
from quantai.loopback.engine import Account

if TYPE_CHECKING:
    from quantai.loopback.dialects.binance.dialect import BinanceDialect

_LIFE_NS = 3_600 * NS_PER_SECOND
_LETTERS = string.ascii_letters + string.digits


class _Key:
    def __init__(self, text: str, account: Account) -> None:
        self.text = text
        self.account = account
        self.clients: dict[StreamClient, frozenset[str]] = {}
        self.timer: Timer | None = None


class ListenKeys:
    """One key for each account at a time. Sockets of a key that ended stay open, and silent, as Binance's do."""

    def __init__(self, dialect: BinanceDialect) -> None:
        self._dialect = dialect
        self._keys: dict[str, _Key] = {}
        self._random = random.Random(dialect.venue.settings.seed)

    def create(self, call: Call) -> Any:
        key = self._of(call.owner)
        if key is None:
            text = "".join(self._random.choices(_LETTERS, k=64))
            key = self._keys[text] = _Key(text, call.owner)
        self._prolong(key)
        return {"listenKey": key.text}

    def keep(self, call: Call) -> Any:
        key = self._of(call.owner)
        if key is None:
            raise ApiError(*NO_LISTEN_KEY)
        self._prolong(key)
        return {"listenKey": key.text}

    def close(self, call: Call) -> Any:
        key = self._of(call.owner)
        if key is not None:
            self._forget(key)
        return {}

    def join(self, text: str, events: str, client: StreamClient) -> Callable[[], None]:
        """A client of a key; what to do when it goes. A key that does not exist says nothing."""
        key = self._keys.get(text)
        if key is None:
            return _nothing
        self._dialect.venue.counts["private_streams"] += 1
        key.clients[client] = frozenset(events.split("/")) if events else frozenset()

        def leave() -> None:
            key.clients.pop(client, None)

        return leave

    def publish(self, account: Account, event: dict[str, Any]) -> None:
        """Send an event to the streams of `account`."""
        key = self._of(account)
        for client, wanted in list(key.clients.items()) if key is not None else ():
            if key is not None and (not wanted or event["e"] in wanted):
                client.socket.send(f"private:{event['e']}", encode(key.text, event, is_combined=client.is_combined))

    def expire_all(self) -> None:
        """End every key now, with the event that says so."""
        for key in list(self._keys.values()):
            self._expire(key)

    def cut(self) -> None:
        """Cut the sockets of all keys."""
        for key in self._keys.values():
            for client in list(key.clients):
                client.socket.abort()

    def stop(self) -> None:
        """Forget every key."""
        for key in list(self._keys.values()):
            self._forget(key)

    def _of(self, account: Account) -> _Key | None:
        return next((key for key in self._keys.values() if key.account is account), None)

    def _prolong(self, key: _Key) -> None:
        if key.timer is not None:
            key.timer.cancel()
        key.timer = self._dialect.venue.clock.call_later(_LIFE_NS, lambda _due: self._expire(key))

    def _expire(self, key: _Key) -> None:
        self.publish(key.account, {"e": "listenKeyExpired", "E": self._dialect.venue.now_ms(), "listenKey": key.text})
        self._forget(key)

    def _forget(self, key: _Key) -> None:
        if key.timer is not None:
            key.timer.cancel()
        self._keys.pop(key.text, None)


def _nothing() -> None:
    """Nothing was joined."""
