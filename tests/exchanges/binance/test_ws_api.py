"""Requests over the WebSocket API: signed as published, and answered by their ids."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import msgspec
import pytest
from pydantic import SecretStr

from quantai.core.clock import WallClock
from quantai.exchanges.binance.private_messages import SpotFrame
from quantai.exchanges.binance.product import SPOT
from quantai.exchanges.binance.ws_api import WsApi, signed_params
from quantai.exchanges.errors import AuthenticationError, MalformedReply, NotSent
from quantai.exchanges.signing import signer_of
from tests.exchanges.binance.private_world import KEY, SECRET, make_core


def decode(text: str | bytes) -> SpotFrame:
    return msgspec.json.decode(text, type=SpotFrame)


def test_requests_are_signed_over_parameters_sorted_by_name() -> None:
    params = signed_params(
        {"symbol": "BTCUSDT", "side": "SELL", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01000000",
         "price": "52000.00", "recvWindow": 100}, SecretStr(KEY), signer_of(SECRET), 1645423376532,
    )  # fmt: skip
    assert params["signature"] == "aa1b5712c094bc4e57c05a1a5c1fd8d88dcd628338ea863fec7b88e59fe2db24"
    subscription = signed_params({}, SecretStr(KEY), signer_of(SECRET), 1649729878532)
    assert subscription["signature"] == "1cf54395b336b0a9727ef27d5d98987962bc47aca6e13fe978612d0adee066ed"
    body = "MC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
    pem = f"-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n"
    logon = signed_params({}, SecretStr(KEY), signer_of(pem), 1649729878532)
    assert logon["signature"] == (
        "OIe2IwMR3NP+oRgf/Hbo4Wf1DQyOmGvT5NrO+vm69t5WJn7jxvFQvS6nRtYpyFgebeGilE89v0rBSxL5N7EhCA=="
    )


async def test_an_answer_without_an_error_that_can_be_read_proves_nothing() -> None:
    core = make_core(SPOT)
    api = WsApi(core.api_key, core.signer, core.venue_clock.now_ms)
    sent: list[dict[str, Any]] = []

    async def send(text: str) -> None:
        sent.append(json.loads(text))

    async def answered(**fields: Any) -> None:
        task = asyncio.create_task(api.call(send, "order.place"))
        await asyncio.sleep(0)
        api.take(decode(json.dumps({"id": sent[-1]["id"], **fields})))
        await task

    await answered(status=200, result={})
    with pytest.raises(MalformedReply):
        await answered(status=500)
    with pytest.raises(AuthenticationError):
        await answered(status=400, error={"code": -1022, "msg": "Signature"})
    api.take(decode(b'{"id":"99","status":200}'))  # nobody waits for it
    assert api._waiting == {}
    keyless = WsApi(None, None, WallClock().now_ns)
    with pytest.raises(NotSent):
        await keyless.call(send, "order.place")
