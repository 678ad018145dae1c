"""Requests and answers over Binance's WebSocket API.

Source: Binance Spot API, «WebSocket API», «Request security»: what is signed is every parameter, sorted by name.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Mapping

import msgspec
from pydantic import SecretStr

from quantai.core.errors import VenueError
from quantai.exchanges.binance.error_codes import error_of
from quantai.exchanges.binance.private_messages import SpotFrame
from quantai.exchanges.errors import MalformedReply, NotSent
from quantai.exchanges.signing import Signer

Send = Callable[[str], Awaitable[None]]
_OK = 200


def signed_params(
    params: Mapping[str, str | int], api_key: SecretStr, signer: Signer, now_ms: int
) -> dict[str, str | int]:
    """`params` with key, time and signature."""
    complete: dict[str, str | int] = {**params, "apiKey": api_key.get_secret_value(), "timestamp": now_ms}
    payload = "&".join(f"{name}={complete[name]}" for name in sorted(complete))
    return {**complete, "signature": signer.sign(payload.encode())}


class WsApi:
    """Asks, and waits for the answer with the same id."""

    def __init__(self, api_key: SecretStr | None, signer: Signer | None, now_ms: Callable[[], int]) -> None:
        """`now_ms` tells the time at the venue."""
        self._api_key = api_key
        self._signer = signer
        self._now_ms = now_ms
        self._ids = itertools.count(1)
        self._waiting: dict[str, asyncio.Future[SpotFrame]] = {}

    async def call(self, send: Send, method: str, params: Mapping[str, str | int] | None = None) -> None:
        """Ask over the connection that `send` sends on, signed; return when the venue said yes. How long that may take
        is the caller's affair. Raises `VenueError` where it says no, or there is no key to sign with.
        """
        if self._api_key is None or self._signer is None:
            raise NotSent(f"{method}: not sent, it needs api_key and api_secret")
        id_ = str(next(self._ids))
        signed = signed_params(params or {}, self._api_key, self._signer, self._now_ms())
        answer = self._waiting[id_] = asyncio.get_running_loop().create_future()
        try:
            await send(msgspec.json.encode({"id": id_, "method": method, "params": signed}).decode())
            refusal = _refusal(method, await answer)
        finally:
            del self._waiting[id_]
        if refusal is not None:
            raise refusal

    def take(self, frame: SpotFrame) -> None:
        """An answer came; nobody may wait for it any more."""
        answer = self._waiting.get(str(frame.id))
        if answer is not None and not answer.done():
            answer.set_result(frame)


def _refusal(method: str, frame: SpotFrame) -> VenueError | None:
    if frame.status == _OK:
        return None
    error = frame.error or {}
    code = error.get("code")
    if not isinstance(code, int):
        return MalformedReply(f"{method}: answered with status {frame.status} and no error that can be read")
    return error_of(code, str(error.get("msg", "")), is_futures=False)
