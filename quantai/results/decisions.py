"""A hash of everything that was decided, so that two runs can be compared at a glance."""

from __future__ import annotations

import hashlib

import msgspec

from quantai.events import OrderEvent


class DecisionHash:
    """Hashes order events as they are published: the same recording, configuration and seed give the same digits."""

    def __init__(self) -> None:
        self._hash = hashlib.blake2b(digest_size=16)
        self._encode = msgspec.msgpack.Encoder().encode

    def update(self, event: OrderEvent) -> None:
        """Take one order event, with all its fields, into the hash."""
        self._hash.update(self._encode(event))

    def hexdigest(self) -> str:
        """32 hexadecimal digits of all events so far."""
        return self._hash.hexdigest()
