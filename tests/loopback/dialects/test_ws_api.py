"""Spot's WebSocket API: signatures, sessions, private events."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from quantai.loopback.server.keys import ApiKey
from quantai.loopback.server.venue import LoopbackVenue
from tests.venues.running import KEY, SECRET, Client, running_venue

_ORDER = {
    "symbol": "BTCUSDT",
    "side": "BUY",
    "type": "LIMIT",
    "timeInForce": "GTC",
    "quantity": "0.01",
    "price": "64000",
}


def _signed(venue: LoopbackVenue, **params: Any) -> dict[str, Any]:
    params |= {"apiKey": KEY, "timestamp": venue.now_ms()}
    text = "&".join(f"{name}={value}" for name, value in sorted(params.items()))
    return params | {"signature": hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).hexdigest()}


async def _ask(socket: Any, method: str, params: dict[str, Any]) -> Any:
    await socket.send_json({"id": method, "method": method, "params": params})
    while (reply := await socket.receive_json()).get("id") != method:
        pass
    return reply


async def test_private_events_come_to_who_subscribed() -> None:
    async with running_venue() as venue, Client(venue) as client, client.socket("/ws-api/v3") as socket:
        reply = await _ask(socket, "userDataStream.subscribe.signature", _signed(venue))
        assert (reply["status"], reply["result"]) == (200, {"subscriptionId": 0})
        again = await _ask(socket, "userDataStream.subscribe.signature", _signed(venue))
        assert again["error"]["code"] == -2035
        await client.ask("POST", "/api/v3/order", signed=True, **_ORDER, newClientOrderId="a")
        report, account = await socket.receive_json(), await socket.receive_json()
        assert (report["subscriptionId"], report["event"]["x"], report["event"]["c"]) == (0, "NEW", "a")
        locked = {row["a"]: row["l"] for row in account["event"]["B"]}
        assert locked["USDT"] == "640.00000000"
        await client.control("POST", "deposit", {"asset": "USDT", "amount": "5"})
        assert (await socket.receive_json())["event"]["d"] == "5.00000000"


async def test_orders_are_placed_over_the_socket() -> None:
    async with running_venue() as venue, Client(venue) as client, client.socket("/ws-api/v3") as socket:
        placed = await _ask(socket, "order.place", _signed(venue, **_ORDER))
        assert placed["result"]["status"] == "NEW"
        assert {limit["rateLimitType"] for limit in placed["rateLimits"]} == {"REQUEST_WEIGHT", "ORDERS"}
        gone = await _ask(socket, "order.cancel", _signed(venue, symbol="BTCUSDT", orderId=placed["result"]["orderId"]))
        assert gone["result"]["status"] == "CANCELED"
        wrong = await _ask(socket, "order.place", _signed(venue, **_ORDER) | {"price": "64001"})
        assert (wrong["status"], wrong["error"]["code"]) == (400, -1022)


async def test_only_ed25519_keys_log_on() -> None:
    private = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    keys = [ApiKey(KEY, SECRET), ApiKey("ed", pem)]
    async with running_venue(keys=keys) as venue, Client(venue) as client, client.socket("/ws-api/v3") as socket:
        refused = await _ask(socket, "session.logon", _signed(venue))
        assert refused["error"]["code"] == -4056
        assert (await _ask(socket, "userDataStream.subscribe", {}))["error"]["code"] == -2015
        stamp = venue.now_ms()
        signature = base64.b64encode(private.sign(f"apiKey=ed&timestamp={stamp}".encode())).decode()
        reply = await _ask(socket, "session.logon", {"apiKey": "ed", "timestamp": stamp, "signature": signature})
        assert reply["result"]["apiKey"] == "ed"
        assert (await _ask(socket, "userDataStream.subscribe", {}))["result"] == {"subscriptionId": 0}
        placed = await _ask(socket, "order.place", _ORDER | {"timestamp": venue.now_ms()})
        assert placed["status"] == 200


@pytest.mark.parametrize("text", ["{", "[]", '{"id": 1, "method": "nope"}'])
async def test_nonsense_is_answered(text: str) -> None:
    async with running_venue() as venue, Client(venue) as client, client.socket("/ws-api/v3") as socket:
        await socket.send_str(text)
        assert (await socket.receive_json())["status"] == 400
