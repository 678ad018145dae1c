"""A venue that outlives the daemons that trade there: JSON lines over TCP, in a thread of the test.

It fills market orders at once, lets limit orders rest, and knows an order by its client id for ever.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from decimal import Decimal
from typing import Any, Self

from quantai.core.enums import OrderState, OrderType, Side

PRICE = Decimal(100)
START = {"USDT": Decimal(100_000), "BTC": Decimal(0)}

Message = dict[str, Any]


class VenueServer:
    """Listens on `port` inside its context. `orders` by client id and `fills` are the truth; `duplicates` are client
    ids that came a second time.
    """

    def __init__(self) -> None:
        self.orders: dict[str, Message] = {}
        self.fills: list[Message] = []
        self.duplicates: list[str] = []
        self.balances = dict(START)
        self._writers: set[asyncio.StreamWriter] = set()
        self._ready = threading.Event()
        self.port = 0

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    def _run(self) -> None:
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        server = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        for writer in self._writers:
            writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while line := await reader.readline():
                self._take(json.loads(line), writer)
        except ConnectionError:
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    def _take(self, message: Message, writer: asyncio.StreamWriter) -> None:
        match message["do"]:
            case "submit":
                self._submit(message)
            case "cancel":
                self._cancel(message["id"])
            case question:
                self._write(writer, {"answer": message["number"], "body": self._answer(question, message)})

    def _answer(self, question: str, message: Message) -> Any:
        match question:
            case "find":
                return self.orders.get(message["id"])
            case "open":
                return [order for order in self.orders.values() if order["state"] == OrderState.NEW]
            case "fills":
                return [fill for fill in self.fills if fill["ts"] >= message["since"]]
        return {code: str(amount) for code, amount in self.balances.items()}

    def _submit(self, message: Message) -> None:
        name = message["id"]
        if name in self.orders:
            self.duplicates.append(name)
            return
        order = self.orders[name] = {**message, "venue_id": f"v{len(self.orders) + 1}", "ts": time.time_ns()}
        order |= {"state": OrderState.NEW, "filled": "0"}
        self._tell("NEW", order)
        if order["type"] == OrderType.MARKET:
            self._fill(order)

    def _fill(self, order: Message) -> None:
        quantity = Decimal(order["quantity"])
        sign = Side(order["side"]).sign
        fee = quantity * PRICE / 1000
        self.balances["BTC"] += sign * quantity
        self.balances["USDT"] -= sign * quantity * PRICE + fee
        order |= {"state": OrderState.FILLED, "filled": str(quantity)}
        fill = {
            "trade_id": f"t{len(self.fills) + 1}", "price": str(PRICE), "quantity": str(quantity), "fee": str(fee),
            "ts": time.time_ns(), "id": order["id"], "venue_id": order["venue_id"], "side": order["side"],
        }  # fmt: skip
        self.fills.append(fill)
        self._tell("TRADE", {**order, **fill})

    def _cancel(self, name: str) -> None:
        order = self.orders.get(name)
        if order is not None and order["state"] == OrderState.NEW:
            order["state"] = OrderState.CANCELED
            self._tell("CANCELED", order)

    def _tell(self, what: str, body: Message) -> None:
        for writer in self._writers:
            self._write(writer, {"report": what, "body": body})

    def _write(self, writer: asyncio.StreamWriter, message: Message) -> None:
        writer.write(json.dumps(message).encode() + b"\n")
