"""How Binance wants its REST requests: encoded, then signed, then sent exactly so.

Source: Binance Spot API, «Request security», «Limits»; USD-M Futures, «General info».
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import quote

from pydantic import SecretStr

from quantai.core.errors import VenueError
from quantai.exchanges.binance.error_codes import error_of_reply
from quantai.exchanges.binance.product import ORDERS_1D, ORDERS_1M, ORDERS_10S, WEIGHT, Product
from quantai.exchanges.errors import NotSent
from quantai.exchanges.http_request import Headers, HttpDialect, HttpRequest, Wire
from quantai.exchanges.rate_limiter import RateLimiter
from quantai.exchanges.signing import Signer

RECV_WINDOW_MS = 5_000
"""How long after its timestamp a request is still taken."""

_USED = (
    ("X-MBX-USED-WEIGHT-1M", WEIGHT),
    ("X-MBX-ORDER-COUNT-10S", ORDERS_10S),
    ("X-MBX-ORDER-COUNT-1M", ORDERS_1M),
    ("X-MBX-ORDER-COUNT-1D", ORDERS_1D),
)
_IN_BODY = ("POST", "PUT")
_DIGITS = 12
_FORM = "application/x-www-form-urlencoded"


class BinanceHttpDialect(HttpDialect):
    """Spot and USD-M sign alike. What is signed is query and body, percent-encoded, without anything between them."""

    def __init__(
        self,
        product: Product,
        base_url: str,
        api_key: SecretStr | None = None,
        signer: Signer | None = None,
        recv_window_ms: int = RECV_WINDOW_MS,
    ) -> None:
        self.base_url = base_url
        self._product = product
        self._api_key = api_key
        self._signer = signer
        self._recv_window_ms = recv_window_ms

    def sign(self, request: HttpRequest, now_ms: int) -> Wire:
        """Parameters of POST and PUT go into the body, those of GET and DELETE into the URL."""
        payload = encoded(request.params.items())
        if request.is_signed:
            payload = self._signed(request, payload, now_ms)
        headers = self._key_header(request) if request.is_signed or request.needs_key else {}
        if request.method not in _IN_BODY or not payload:
            return Wire(payload, b"", headers)
        return Wire("", payload.encode(), {**headers, "Content-Type": _FORM})

    def _signed(self, request: HttpRequest, payload: str, now_ms: int) -> str:
        if self._signer is None:
            raise NotSent(f"{request}: not sent, there is no api_secret to sign it with")
        window = "" if "recvWindow" in request.params else f"recvWindow={self._recv_window_ms}&"
        stamp = f"{window}timestamp={now_ms}"
        payload = f"{payload}&{stamp}" if payload else stamp
        return f"{payload}&signature={quote(self._signer.sign(payload.encode()), safe='')}"

    def _key_header(self, request: HttpRequest) -> dict[str, str]:
        if self._api_key is None:
            raise NotSent(f"{request}: not sent, there is no api_key")
        return {"X-MBX-APIKEY": self._api_key.get_secret_value()}

    def error(self, status: int, headers: Headers, body: bytes) -> VenueError:
        """See `error_codes`."""
        return error_of_reply(status, headers, body, is_futures=self._product.is_futures)

    def learn(self, headers: Mapping[str, str], limiter: RateLimiter, sent_ns: int) -> None:
        """Used weight and order counts, which the venue tells with every reply."""
        for header, name in _USED:
            used = headers.get(header, "")
            if name in limiter and len(used) <= _DIGITS and used.isascii() and used.isdigit():
                limiter.learn(name, int(used), sent_ns)


def encoded(params: Iterable[tuple[str, str]]) -> str:
    """Parameters as they stand in a URL, in the order given; spaces are `%20`, as Binance decodes them."""
    return "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in params)
