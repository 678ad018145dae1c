"""A hash of everything that was decided, so that two runs can be compared at a glance."""

from __future__ import annotations

import hashlib

import msgspec

from quantai.events import OrderEvent

_CHUNK_BYTES = 16_384


class DecisionHash:
    """Hashes order events as they are published: the same recording, configuration and seed give the same digits."""

    def __init__(self) -> None:
        self._hash = hashlib.blake2b(digest_size=16)
        self._encode_into = msgspec.msgpack.Encoder().encode_into
        self._pending = bytearray()

    def update(self, event: OrderEvent) -> None:
        """Take one order event, with all its fields, into the hash."""
        self._encode_into(event, self._pending, -1)
        if len(self._pending) > _CHUNK_BYTES:
            self._absorb()

    def hexdigest(self) -> str:
        """32 hexadecimal digits of all events so far."""
        self._absorb()
        return self._hash.hexdigest()

    def _absorb(self) -> None:
        self._hash.update(self._pending)
        self._pending.clear()
