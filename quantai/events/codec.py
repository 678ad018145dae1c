"""Events as bytes, msgpack or JSON, for wires between processes; what is decoded is checked as it would be at any door.

What is encoded carries `VERSION`. It grows when a reader of before would misread or refuse what is written now, so that
such a reader says that it is too old and not that the data is broken.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import cache, reduce
from operator import or_
from typing import Any, get_args, get_type_hints

import msgspec
from pydantic import TypeAdapter, ValidationError

from quantai.core.errors import QuantAIError
from quantai.events.base import Event

VERSION = 1


class CodecError(QuantAIError, ValueError):
    """Bytes that are no events of this version, or an event that cannot be bytes."""


class _MsgpackEnvelope(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    version: int
    events: msgspec.Raw


class _JsonEnvelope(msgspec.Struct, forbid_unknown_fields=True):
    version: int
    events: msgspec.Raw


class _Decoders:
    """Decoders of one format for some event classes."""

    def __init__(self, make: Callable[[Any], Any], envelope: type[Any], classes: tuple[type[Event], ...]) -> None:
        self.classes = classes
        any_event: Any = reduce(or_, {cls.tag(): cls for cls in reversed(classes)}.values())
        self.envelope: Callable[[Any], Any] = make(envelope).decode
        self.events: Callable[[Any], list[Event]] = make(list[any_event]).decode
        self.event: Callable[[Any], Event] = make(any_event).decode
        self.pieces: Callable[[Any], list[msgspec.Raw]] = make(list[msgspec.Raw]).decode


class _Format:
    """One way of writing events."""

    def __init__(self, name: str, encoder: Any, decoder: Callable[[Any], Any], envelope: type[Any]) -> None:
        self._name = name
        self._encode: Callable[[Any], bytes] = encoder.encode
        self._decoder = decoder
        self._envelope = envelope
        self._known: _Decoders | None = None

    def encode(self, events: Sequence[Event]) -> bytes:
        try:
            return self._encode(self._envelope(VERSION, msgspec.Raw(self._encode(events))))
        except (TypeError, ValueError, ArithmeticError, msgspec.MsgspecError) as error:
            raise CodecError(f"events cannot be written as {self._name}: {error}") from error

    def decode(self, data: bytes) -> list[Event]:
        try:
            return self._all(data, self._decoders())
        except CodecError:
            if not self._has_new_classes():
                raise
        return self._all(data, self._decoders())

    def decode_each(self, data: bytes) -> list[Event | CodecError]:
        self._has_new_classes()
        decoders = self._decoders()
        found: list[Event | CodecError] = []
        for piece in self._read(decoders.pieces, self._opened(data, decoders)):
            try:
                event = self._read(decoders.event, piece)
                self._check([event])
                found.append(event)
            except CodecError as error:
                found.append(error)
        return found

    def _all(self, data: bytes, decoders: _Decoders) -> list[Event]:
        events: list[Event] = self._read(decoders.events, self._opened(data, decoders))
        self._check(events)
        return events

    def _opened(self, data: bytes, decoders: _Decoders) -> msgspec.Raw:
        envelope = self._read(decoders.envelope, data)
        if envelope.version > VERSION:
            raise CodecError(
                f"the events were written in version {envelope.version} of their form, this program knows {VERSION} "
                "and older: upgrade QuantAI here"
            )
        if envelope.version < 1:
            raise CodecError(f"no version {envelope.version} of the events' form was ever written")
        events: msgspec.Raw = envelope.events
        return events

    def _read(self, decode: Callable[[Any], Any], data: Any) -> Any:
        try:
            return decode(data)
        except (msgspec.MsgspecError, ValueError, TypeError, RecursionError) as error:
            raise CodecError(f"no events in {self._name}: {error}") from error

    def _check(self, events: Sequence[Event]) -> None:
        """msgspec checked all but the decimals. Events that have any are few."""
        if _with_decimals(self.classes).isdisjoint(map(type, events)):
            return
        for event in events:
            if _has_decimals(type(event)):
                try:
                    _adapter(type(event)).validate_python(msgspec.structs.asdict(event))
                except ValidationError as error:
                    first = error.errors()[0]
                    where = ".".join(map(str, first["loc"]))
                    raise CodecError(f"{event.tag()}.{where} is wrong: {first['msg']}") from error

    @property
    def classes(self) -> tuple[type[Event], ...]:
        return self._decoders().classes

    def _decoders(self) -> _Decoders:
        if self._known is None:
            self._known = _Decoders(self._decoder, self._envelope, tuple(Event.concrete()))
        return self._known

    def _has_new_classes(self) -> bool:
        """Whether event classes were declared since; then they count from now on."""
        if self._known is not None and self._known.classes == tuple(Event.concrete()):
            return False
        self._known = None
        return True


@cache
def _adapter(cls: type[Event]) -> TypeAdapter[Event]:
    return TypeAdapter(cls)


@cache
def _has_decimals(cls: type[Event]) -> bool:
    return any(Decimal in (hint, *get_args(hint)) for hint in get_type_hints(cls).values())


@cache
def _with_decimals(classes: tuple[type[Event], ...]) -> frozenset[type[Event]]:
    return frozenset(filter(_has_decimals, classes))


_MSGPACK = _Format("msgpack", msgspec.msgpack.Encoder(), msgspec.msgpack.Decoder, _MsgpackEnvelope)
_JSON = _Format("JSON", msgspec.json.Encoder(), msgspec.json.Decoder, _JsonEnvelope)


def warm_up() -> None:
    """Build what decoding needs, which takes some 50 ms, so that the first events need not wait for it."""
    decode(encode([]))
    for cls in _with_decimals(_MSGPACK.classes):
        _adapter(cls)


def encode(events: Sequence[Event]) -> bytes:
    """`events` in msgpack. Raises `CodecError` for what has no place there, such as a number beyond 64 bits."""
    return _MSGPACK.encode(events)


def decode(data: bytes) -> list[Event]:
    """The events that `encode` wrote, every field checked. Raises `CodecError` for anything else."""
    return _MSGPACK.decode(data)


def decode_each(data: bytes) -> list[Event | CodecError]:
    """As `decode`, but one bad event does not spoil the others: its error stands in its place."""
    return _MSGPACK.decode_each(data)


def encode_json(events: Sequence[Event]) -> bytes:
    """`events` in JSON: `{"version": 1, "events": [{"type": "TradeEvent", ...}]}`. Raises as `encode` does."""
    return _JSON.encode(events)


def decode_json(data: bytes) -> list[Event]:
    """The events that `encode_json` wrote, every field checked. Raises `CodecError` for anything else."""
    return _JSON.decode(data)
