"""Signatures agree with those that venues publish, and secrets are never shown."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from pydantic import SecretStr

from quantai.core.errors import StartupError
from quantai.exchanges.signing import signer_of

# Binance Spot API, «SIGNED endpoint examples»; USD-M Futures, the same; keys that never opened anything.
SPOT_SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
SPOT_KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
USDM_SECRET = "2b5eb11e18796d12d88f13dc27dbbd02c2cc51ff7059765ed9821957d82bb4d9"
ED25519_PEM = """-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f
-----END PRIVATE KEY-----
"""

VECTORS = {
    "spot order": (
        SPOT_SECRET,
        "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000"
        "&timestamp=1499827319559",
        "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71",
    ),
    "spot order of a symbol that is not ASCII": (
        SPOT_SECRET,
        "symbol=%EF%BC%91%EF%BC%92%EF%BC%93%EF%BC%94%EF%BC%95%EF%BC%96&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1"
        "&price=0.1&recvWindow=5000&timestamp=1499827319559",
        "e1353ec6b14d888f1164ae9af8228a3dbd508bc82eb867db8ab6046442f33ef3",
    ),
    "time only": (
        SPOT_SECRET,
        "timestamp=1578963600000",
        "d84e6641b1e328e7b418fff030caed655c266299c9355e36ce801ed14631eed4",
    ),
    "USD-M order": (
        USDM_SECRET,
        "symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=1&price=9000&timeInForce=GTC&recvWindow=5000"
        "&timestamp=1591702613943",
        "3c661234138461fcc7a7d8746c6558c9842d4e10870d2ecbedf7777cad694af9",
    ),
    "WebSocket API order": (
        SPOT_SECRET,
        f"apiKey={SPOT_KEY}&price=52000.00&quantity=0.01000000&recvWindow=100&side=SELL&symbol=BTCUSDT"
        "&timeInForce=GTC&timestamp=1645423376532&type=LIMIT",
        "aa1b5712c094bc4e57c05a1a5c1fd8d88dcd628338ea863fec7b88e59fe2db24",
    ),
    "user data subscription": (
        SPOT_SECRET,
        f"apiKey={SPOT_KEY}&timestamp=1649729878532",
        "1cf54395b336b0a9727ef27d5d98987962bc47aca6e13fe978612d0adee066ed",
    ),
    "session logon by Ed25519": (
        ED25519_PEM,
        f"apiKey={SPOT_KEY}&timestamp=1649729878532",
        "OIe2IwMR3NP+oRgf/Hbo4Wf1DQyOmGvT5NrO+vm69t5WJn7jxvFQvS6nRtYpyFgebeGilE89v0rBSxL5N7EhCA==",
    ),
    "spot order by Ed25519": (
        ED25519_PEM,
        "symbol=BTCUSDT&side=SELL&type=LIMIT&timeInForce=GTC&quantity=1&price=0.2&timestamp=1668481559918"
        "&recvWindow=5000",
        "m5loLRxgkb9HyW0wkZ4KNrpck881bx5D0OrKNnPklvk4tlGjEJkhiP9DoyC0sc1lXA/TWugjVPrMb/bfNdmdBw==",
    ),
}


@pytest.mark.parametrize("name", VECTORS)
def test_a_published_vector_is_signed_as_published(name: str) -> None:
    secret, payload, expected = VECTORS[name]
    assert signer_of(SecretStr(secret)).sign(payload.encode()) == expected


def test_one_signer_signs_many_payloads() -> None:
    signer = signer_of(SPOT_SECRET)
    first = signer.sign(b"timestamp=1")
    assert signer.sign(b"timestamp=2") != first
    assert signer.sign(b"timestamp=1") == first


def test_a_key_with_escaped_line_ends_is_read() -> None:
    escaped = ED25519_PEM.replace("\n", "\\n")
    assert signer_of(escaped).sign(b"x") == signer_of(ED25519_PEM).sign(b"x")


def test_an_rsa_key_signs_as_its_public_half_verifies() -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    signature = base64.b64decode(signer_of(_pem(key)).sign(b"timestamp=1"))
    key.public_key().verify(signature, b"timestamp=1", PKCS1v15(), SHA256())


@pytest.mark.parametrize("secret", [SPOT_SECRET, ED25519_PEM])
def test_a_signer_does_not_show_its_secret(secret: str) -> None:
    shown = repr(signer_of(secret))
    assert not any(line in shown for line in secret.splitlines())


@pytest.mark.parametrize("secret", ["", "  \n"])
def test_an_empty_secret_is_refused(secret: str) -> None:
    with pytest.raises(StartupError, match="api_secret is empty"):
        signer_of(secret)


def test_a_key_of_another_kind_is_refused() -> None:
    with pytest.raises(StartupError, match="no Ed25519 or RSA key"):
        signer_of(_pem(ec.generate_private_key(ec.SECP256R1())))


def test_a_key_with_a_passphrase_is_refused() -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    with pytest.raises(StartupError, match="passphrase"):
        signer_of(_pem(key, BestAvailableEncryption(b"1234")))


def test_a_broken_key_is_refused_without_showing_it() -> None:
    with pytest.raises(StartupError) as caught:
        signer_of("-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwSECRET\n-----END PRIVATE KEY-----")
    assert "SECRET" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def _pem(key: PrivateKeyTypes, encryption: KeySerializationEncryption | None = None) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption()).decode()


def test_what_was_captured_is_signed_as_it_was() -> None:
    captured = Path(__file__).parents[2] / "../shared/captures/signing/binance.json"
    vectors = json.loads(captured.read_text()) if captured.exists() else []
    for vector in vectors:
        signer = signer_of(vector.get("secret") or vector["private_key_pem"])
        assert signer.sign(vector["string_to_sign"].encode()) == vector["expected"], vector["name"]
