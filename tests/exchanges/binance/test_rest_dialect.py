"""Signing equals Binance's published vectors, and what is sent is what was signed."""

from __future__ import annotations

import json
from base64 import b64decode
from pathlib import Path
from urllib.parse import parse_qsl, unquote

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from multidict import CIMultiDict
from pydantic import SecretStr

from quantai.core.clock import SimulatedClock
from quantai.exchanges.binance.product import ORDERS_1D, SPOT, USDM, WEIGHT, Product
from quantai.exchanges.binance.rest_dialect import BinanceHttpDialect
from quantai.exchanges.errors import NotSent
from quantai.exchanges.http_request import HttpRequest
from quantai.exchanges.rate_limiter import RateLimiter
from quantai.exchanges.signing import signer_of
from tests.exchanges.binance.private_world import KEY, SECRET

CAPTURE = Path(__file__).parents[4] / "shared/captures/signing/binance.json"
LTC = {"symbol": "LTCBTC", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "1", "price": "0.1"}
SEED = "MC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"


def dialect(product: Product = SPOT, secret: str = SECRET) -> BinanceHttpDialect:
    return BinanceHttpDialect(product, "https://venue", SecretStr(KEY), signer_of(secret))


def request(params: dict[str, str], method: str = "POST") -> HttpRequest:
    return HttpRequest(method=method, path="/api/v3/order", params=params, is_signed=True)


def signature(payload: str) -> str:
    return payload.rpartition("&signature=")[2]


def test_spot_order_is_signed_as_published() -> None:
    wire = dialect().sign(request(LTC), 1499827319559)
    assert signature(wire.body.decode()) == "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71"
    assert wire.query == ""
    assert wire.headers == {"X-MBX-APIKEY": KEY, "Content-Type": "application/x-www-form-urlencoded"}


def test_what_is_no_ascii_is_encoded_before_it_is_signed() -> None:
    wire = dialect().sign(request({**LTC, "symbol": "\uff11\uff12\uff13\uff14\uff15\uff16"}), 1499827319559)
    body = wire.body.decode()
    assert body.startswith("symbol=%EF%BC%91%EF%BC%92%EF%BC%93%EF%BC%94%EF%BC%95%EF%BC%96&")
    assert signature(body) == "e1353ec6b14d888f1164ae9af8228a3dbd508bc82eb867db8ab6046442f33ef3"


def test_usdm_order_is_signed_as_published() -> None:
    params = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "quantity": "1", "price": "9000",
              "timeInForce": "GTC"}  # fmt: skip
    secret = "2b5eb11e18796d12d88f13dc27dbbd02c2cc51ff7059765ed9821957d82bb4d9"
    wire = dialect(USDM, secret).sign(request(params, "DELETE"), 1591702613943)
    assert signature(wire.query) == "3c661234138461fcc7a7d8746c6558c9842d4e10870d2ecbedf7777cad694af9"
    assert wire.body == b""


def test_an_ed25519_signature_is_encoded_in_the_url() -> None:
    pem = f"-----BEGIN PRIVATE KEY-----\n{SEED}\n-----END PRIVATE KEY-----\n"
    params = {"symbol": "BTCUSDT", "side": "SELL", "type": "LIMIT", "timeInForce": "GTC", "quantity": "1",
              "price": "0.2"}  # fmt: skip
    payload = "&".join(f"{name}={value}" for name, value in params.items())
    published = f"{payload}&timestamp=1668481559918&recvWindow=5000"
    assert signer_of(pem).sign(published.encode()) == (
        "m5loLRxgkb9HyW0wkZ4KNrpck881bx5D0OrKNnPklvk4tlGjEJkhiP9DoyC0sc1lXA/TWugjVPrMb/bfNdmdBw=="
    )
    wire = dialect(SPOT, pem).sign(request(params, "GET"), 1668481559918)
    sent, _, signed = wire.query.rpartition("&signature=")
    assert not set(signed) & set("+/=")
    assert unquote(signed) == signer_of(pem).sign(sent.encode())


def test_an_rsa_key_signs_what_is_sent() -> None:
    key = generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    wire = dialect(SPOT, pem).sign(request(LTC, "GET"), 1)
    sent, _, signed = wire.query.rpartition("&signature=")
    assert isinstance(key, RSAPrivateKey)
    key.public_key().verify(b64decode(unquote(signed)), sent.encode(), PKCS1v15(), SHA256())


def test_json_in_a_parameter_is_encoded_whole() -> None:
    listed = '[{"symbol":"BTCUSDT","newClientOrderId":"a b&c"}]'
    wire = dialect(USDM).sign(HttpRequest(method="POST", path="/x", params={"batchOrders": listed}, is_signed=True), 5)
    assert dict(parse_qsl(wire.body.decode()))["batchOrders"] == listed
    assert b" " not in wire.body


def test_a_receive_window_of_its_own_is_kept() -> None:
    wire = dialect().sign(request({"recvWindow": "100"}), 7)
    assert wire.body.decode().startswith("recvWindow=100&timestamp=7&signature=")


def test_without_a_key_nothing_is_sent() -> None:
    keyless = BinanceHttpDialect(SPOT, "https://venue")
    with pytest.raises(NotSent, match="api_secret"):
        keyless.sign(request(LTC), 1)
    with pytest.raises(NotSent, match="api_key"):
        keyless.sign(HttpRequest(method="POST", path="/x", needs_key=True), 1)
    assert keyless.sign(HttpRequest(method="GET", path="/x", params={"a": "1"}), 1).headers == {}


def test_used_weight_and_orders_are_learned() -> None:
    limiter = RateLimiter(SimulatedClock(10**18), SPOT.rules)
    headers = CIMultiDict({"x-mbx-used-weight-1m": "3000", "X-MBX-ORDER-COUNT-1D": "80000", "X-MBX-USED-WEIGHT": "9"})
    dialect().learn(headers, limiter, 10**18)
    assert limiter.headroom(WEIGHT) == 0.5
    assert limiter.headroom(ORDERS_1D) == 0.5


@pytest.mark.parametrize("text", ["", "many", "-5", "9" * 5000, "٣"])
def test_a_count_that_is_none_is_passed_over(text: str) -> None:
    limiter = RateLimiter(SimulatedClock(10**18), SPOT.rules)
    dialect().learn(CIMultiDict({"X-MBX-USED-WEIGHT-1M": text}), limiter, 10**18)
    assert limiter.headroom(WEIGHT) == 1


def test_no_secret_is_shown() -> None:
    wire = dialect().sign(request(LTC), 1)
    for shown in (repr(wire), repr(request(LTC)), str(request(LTC)), repr(dialect())):
        assert "signature" not in shown
        assert KEY not in shown


def test_the_captured_vectors_are_signed_alike() -> None:
    vectors = json.loads(CAPTURE.read_text()) if CAPTURE.exists() else []
    for vector in vectors:
        secret = vector.get("secret") or vector["private_key_pem"]
        assert signer_of(secret).sign(vector["string_to_sign"].encode()) == vector["expected"], vector["name"]
        if "params" in vector:
            params = dict(vector["params"])
            now_ms = int(params.pop("timestamp"))
            body = dialect(SPOT, secret).sign(request(params), now_ms).body.decode()
            assert signature(body) == vector["expected"]
