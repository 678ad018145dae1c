"""What an order may say that only its venue knows: pairs of a name and a text, sorted by name."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from quantai.core.errors import OrderError
from quantai.core.numbers import Number, plain, to_decimal

Options = tuple[tuple[str, str], ...]

_MOST = 32
_MOST_CHARACTERS = 100

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(dict[str, str]).decode


def make_options(given: Mapping[str, Number]) -> Options:
    """`given` as it is kept and sent: numbers exact, `True` as `true`. Raises `OrderError` and `NumberError` for what
    is neither a number nor a short plain text, and for more than there can be.
    """
    if not given:
        return ()
    if len(given) > _MOST:
        raise OrderError(f"an order has at most {_MOST} options, not {len(given)}")
    return tuple(sorted((_checked(name, "name"), _checked(_text(name, value), name)) for name, value in given.items()))


def options_text(options: Options) -> str:
    """The JSON object of `options`; empty where there are none."""
    return _encode(dict(options)).decode() if options else ""


def read_options(text: str) -> Options:
    """The options of such a text. Raises `OrderError` for what is none."""
    if not text:
        return ()
    try:
        return make_options(_decode(text))
    except msgspec.MsgspecError as error:
        raise OrderError(f"order options are a JSON object of texts: {error}") from None


def _text(name: str, value: Number) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else plain(to_decimal(value, f"order option {name}"))


def _checked(text: str, what: str) -> str:
    """One that every database, bus and log takes as it is."""
    if isinstance(text, str) and text.isascii() and text.isprintable() and 0 < len(text) <= _MOST_CHARACTERS:
        return text
    raise OrderError(f"an order option has a plain text of 1 to {_MOST_CHARACTERS} characters as its {what}: {text!r}")
