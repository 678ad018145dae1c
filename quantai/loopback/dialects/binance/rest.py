"""Requests over HTTP: faults, limits, security, then the endpoint.

Source: Binance Spot API, «General API information».
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import msgspec
from aiohttp import web

from quantai.core.clock import NS_PER_SECOND
from quantai.loopback.dialects.binance.authority import Authority, unsigned
from quantai.loopback.dialects.binance.endpoint import Call, Endpoint
from quantai.loopback.dialects.binance.errors import DOWN, TIMEOUT, UNKNOWN_OUTCOME, ApiError, Refusals, translated
from quantai.loopback.dialects.binance.params import Params
from quantai.loopback.dialects.binance.wording import to_ms, to_us
from quantai.loopback.engine import Refused
from quantai.loopback.server.faults import Fault, FaultKind
from quantai.loopback.server.http_faults import BEFORE, hang_up, spoil
from quantai.loopback.server.usage import OverLimit

if TYPE_CHECKING:
    from quantai.loopback.server.venue import LoopbackVenue

WEIGHT, RAW, ORDERS = "REQUEST_WEIGHT", "RAW_REQUESTS", "ORDERS"


class RestServer:
    """Answers requests by a table of endpoints; `client` of the limits is the address."""

    def __init__(self, venue: LoopbackVenue, endpoints: list[Endpoint], refusals: Refusals) -> None:
        self._venue = venue
        self._endpoints = endpoints
        self._refusals = refusals
        self.authority = Authority(venue)

    def attach(self, app: web.Application) -> None:
        """Add a route for each endpoint."""
        for endpoint in self._endpoints:
            app.router.add_route(endpoint.method, endpoint.path, self._route(endpoint))

    def find(self, method: str, path: str) -> Endpoint:
        """A row of the table."""
        return next(row for row in self._endpoints if (row.method, row.path) == (method, path))

    def perform(self, endpoint: Endpoint, call: Call, client: str, key_text: str | None, payload: bytes | None) -> Any:
        """Do what is asked, within the limits. Raises `ApiError`, having counted what it cost."""
        venue, usage = self._venue, self._venue.usage
        venue.counts[endpoint.name] += 1
        if venue.is_down:
            raise ApiError(*DOWN)
        weight = endpoint.weigh(call.params)
        self.admit_amount(WEIGHT, client, weight)
        self.admit_amount(RAW, client, 1)
        usage.add(RAW, client, 1)
        if not endpoint.is_free:
            usage.add(WEIGHT, client, weight)
        try:
            self.authority.admit(call, endpoint.security, key_text, payload)
            if endpoint.orders and call.account is not None:
                self.admit_amount(ORDERS, call.account.name, endpoint.orders)
                usage.add(ORDERS, call.account.name, endpoint.orders)
            return endpoint.handler(call)
        except (ApiError, Refused) as error:
            if endpoint.is_free:
                usage.add(WEIGHT, client, weight)
            raise error if isinstance(error, ApiError) else translated(error, self._refusals) from None

    def headers(self, client: str, call: Call, endpoint: Endpoint) -> dict[str, str]:
        """What was used of the limits."""
        headers = {
            f"X-MBX-USED-WEIGHT-{rule.label}": str(used) for rule, used in self._venue.usage.used(WEIGHT, client)
        }
        if endpoint.orders and call.account is not None:
            for rule, used in self._venue.usage.used(ORDERS, call.account.name):
                headers[f"X-MBX-ORDER-COUNT-{rule.label}"] = str(used)
        return headers

    def _route(self, endpoint: Endpoint) -> Any:
        async def answer(request: web.Request) -> web.StreamResponse:
            return await self._answer(endpoint, request)

        return answer

    async def _answer(self, endpoint: Endpoint, request: web.Request) -> web.StreamResponse:
        body = (await request.read()).decode("utf-8", "replace")
        query = request.raw_path.partition("?")[2]  # as it was sent, which is what was signed
        params = Params(dict(parse_qsl(query, keep_blank_values=True) + parse_qsl(body, keep_blank_values=True)))
        is_us = request.headers.get("X-MBX-TIME-UNIT", "").upper() == "MICROSECOND"
        call = Call(params, time=to_us if is_us else to_ms)
        fault = self._venue.faults.of_reply(endpoint.name) if self._venue.faults.replies else None
        if fault is not None and fault.kind in BEFORE:
            return self._fail(request, fault)
        client = request.remote or ""
        payload = (unsigned(query) + unsigned(body)).encode()
        try:
            if fault is not None and fault.kind in (FaultKind.RATE_LIMIT, FaultKind.BAN):
                raise self.too_many(int(fault.seconds), fault.kind is FaultKind.BAN)
            key_text = request.headers.get("X-MBX-APIKEY")
            response = _json(self.perform(endpoint, call, client, key_text, payload), 200)
        except ApiError as error:
            response = self._refusal(error)
        response.headers.update(self.headers(client, call, endpoint))
        return response if fault is None else await self._spoil(request, response, fault)

    def _refusal(self, error: ApiError) -> web.Response:
        self._venue.counts[f"status_{error.status}"] += 1
        response = _json(error.body(), error.status)
        if error.retry_after_s is not None:
            response.headers["Retry-After"] = str(error.retry_after_s)
        return response

    def admit_amount(self, name: str, client: str, amount: int) -> None:
        over = self._venue.usage.check(name, client, amount)
        if over is not None:
            raise self.too_many(-(-over.retry_after_ns // NS_PER_SECOND), over.is_ban, over)

    def too_many(self, seconds: int, is_ban: bool, over: OverLimit | None = None) -> ApiError:
        if is_ban:
            until_ms = self._venue.now_ms() + seconds * 1_000
            return ApiError(-1003, f"Way too much request weight used; IP banned until {until_ms}.", 418,
                            retry_after_s=seconds)  # fmt: skip
        if over is not None and over.rule.name == ORDERS:
            text = f"Too many new orders; current limit is {over.rule.limit} orders per {over.rule.label}."
            return ApiError(-1015, text, 429, retry_after_s=seconds)
        text = "Too much request weight used; please use WebSocket Streams for live updates to avoid polling the API."
        return ApiError(-1003, text, 429, retry_after_s=seconds)

    def _fail(self, request: web.Request, fault: Fault) -> web.StreamResponse:
        if fault.kind in (FaultKind.HANG_UP_BEFORE, FaultKind.HANG_UP_AFTER):
            return hang_up(request)
        code, text = TIMEOUT if fault.status == 504 else UNKNOWN_OUTCOME
        return self._refusal(ApiError(code, text, fault.status))

    async def _spoil(self, request: web.Request, response: web.Response, fault: Fault) -> web.StreamResponse:
        if fault.kind in (FaultKind.ERROR_AFTER, FaultKind.HANG_UP_AFTER):
            return self._fail(request, fault)
        return await spoil(self._venue, response, fault)


def _json(body: object, status: int) -> web.Response:
    return web.Response(body=msgspec.json.encode(body), status=status, content_type="application/json")
