"""Every message that lies in a captured file of Binance: what was asked, if anything, and what came.

What other clients sent is passed over: nobody here reads it.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from quantai.exchanges.binance.product import COINM, SPOT, USDM, Product

CAPTURES = Path(__file__).resolve().parents[4] / "shared" / "captures"
PRODUCTS = {"binance": SPOT, "binance_usdm": USDM, "binance_coinm": COINM}
FRAME, PRIVATE, SOCKET = "frame", "private", "socket"
"""What no REST request answers: public streams, private streams, what a socket is told of its own requests."""

_V2_AND_V3 = {
    "/fapi/v2/balance": "balance", "/fapi/v3/balance": "balance",
    "/fapi/v2/positionRisk": "positionRisk", "/fapi/v3/positionRisk": "positionRisk",
}  # fmt: skip
_NAUTILUS = {
    "account_info_v2": "GET /fapi/v2/account", "account_response": "GET account",
    "account_trades_response": "GET myTrades", "avg_price_response": "GET avgPrice", "balance": "GET balance",
    "book_ticker_response": "GET ticker/bookTicker", "cancel_order_response": "DELETE order",
    "depth_response": "GET depth", "exchange_info_response": "GET exchangeInfo",
    "new_order_full_response": "POST order", "open_orders_response": "GET openOrders", "order_response": "GET order",
    "ping_response": "GET ping", "position_risk": "GET positionRisk", "server_time_response": "GET time",
    "ticker_24hr_response": "GET ticker/24hr", "ticker_price_response": "GET ticker/price",
    "trades_response": "GET trades",
}  # fmt: skip
"""What these files are the answer to; they do not say it."""


@dataclass(frozen=True, slots=True)
class Message:
    """`what` is a request, `GET depth`, or one of those above."""

    product: Product
    what: str
    text: str


def name_of(path: Path) -> str:
    """As `expected.json` calls a file."""
    return path.relative_to(CAPTURES).as_posix()


def messages(path: Path) -> list[Message]:
    """What lies in a file. Raises `LookupError` for one that nobody knows how to take apart."""
    folder, _, name = name_of(path).partition("/")
    raw = path.read_bytes()
    text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode()
    for pattern, split in _SPLITS.items():
        if re.fullmatch(pattern, name):
            return list(split(PRODUCTS[folder], path.name.partition(".")[0], text))
    raise LookupError(f"{path} is taken apart by nothing")


def _snapshots(product: Product, name: str, text: str) -> Iterator[Message]:
    yield from (Message(product, "GET depth", json.loads(line)["raw"]) for line in text.splitlines())


def _exchange_info(product: Product, name: str, text: str) -> Iterator[Message]:
    yield Message(product, "GET exchangeInfo", text)


def _answers(product: Product, name: str, text: str) -> Iterator[Message]:
    """Those that were recorded: of some requests only that they were made is known."""
    for path, methods in json.loads(text)["routes"].items():
        for method, answers in methods.items():
            yield from (_answer(method, path, json.dumps(each["data"])) for each in answers if each["data"] is not None)


def _one_answer(product: Product, name: str, text: str) -> Iterator[Message]:
    found = json.loads(text)
    yield _answer(found["method"], found["path"], found["response"])


def _answer(method: str, path: str, text: str) -> Message:
    product = next((each for each in PRODUCTS.values() if path.startswith(f"{each.prefix}/")), SPOT)
    return Message(product, f"{method} {_V2_AND_V3.get(path, path.removeprefix(f'{product.prefix}/'))}", text)


def _named_answer(product: Product, name: str, text: str) -> Iterator[Message]:
    yield Message(product, _NAUTILUS[name], text)


def _event(product: Product, name: str, text: str) -> Iterator[Message]:
    yield Message(product, FRAME, text)


def _private_event(product: Product, name: str, text: str) -> Iterator[Message]:
    event = json.loads(text)
    yield Message(product, PRIVATE, json.dumps(event.get("event", event)))


def _conversation(product: Product, name: str, text: str) -> Iterator[Message]:
    """Some are numbered, where two go on at once, and ids are `|1|` in all of them."""
    found = json.loads(text)
    for told in found["reply"] + found["push"]:
        for each in re.split(r"\n(?==\d )", told):
            body = re.sub(r"\|(\d|id)\|", "1", re.sub(r"^=?\d (?=\{)", "", each))
            yield Message(product, FRAME if '"stream"' in body else SOCKET, body)


def _frames(product: Product, name: str, text: str) -> Iterator[Message]:
    """One a line; private ones came over a stream with the name of their listen key then."""
    for line in text.splitlines():
        frame = json.loads(line)
        if "@" in frame["stream"]:
            yield Message(product, FRAME, line)
        else:
            yield Message(product, PRIVATE, json.dumps(frame["data"]))


_SPLITS: dict[str, Callable[[Product, str, str], Iterator[Message]]] = {
    r"rest/depth_snapshots_\d+\.jsonl\.gz": _snapshots,
    r"rest/exchangeInfo_\d+\.json\.gz": _exchange_info,
    r"rest/gct_http_mock\.json\.gz": _answers,
    r"rest/jkorf/\w+\.json": _one_answer,
    r"rest/nautilus/\w+\.json": _named_answer,
    r"ws_private/jkorf/\w+\.json": _conversation,
    r"ws_private/nautilus/\w+\.json": _private_event,
    r"ws_public_docs/gct_wsHandleData\.json": _frames,
    r"ws_public_docs/jkorf/\w+\.json": _conversation,
    r"ws_public_docs/nautilus/\w+\.json": _event,
}
