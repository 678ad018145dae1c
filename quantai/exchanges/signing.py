"""Signatures over what is sent, with whatever kind of key the account has.

A plain secret signs by HMAC-SHA256; a private key in PEM by Ed25519, or by RSA (PKCS #1 v1.5, SHA-256).
Source: Binance Spot API, «SIGNED endpoint security»; other venues take one of these too.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from abc import ABC, abstractmethod

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from pydantic import SecretStr

from quantai.core.errors import StartupError

_PEM_MARK = "-----BEGIN "


class Signer(ABC):
    """Signs with one secret, which it never shows."""

    kind: str
    """`HMAC`, `RSA` or `ED25519`."""

    @abstractmethod
    def sign(self, payload: bytes) -> str:
        """The signature as text: hexadecimal for HMAC, base64 (not yet percent-encoded) for the others."""

    def __repr__(self) -> str:
        return f"<{self.kind} signer>"


class HmacSigner(Signer):
    """HMAC-SHA256 in hexadecimal."""

    kind = "HMAC"

    def __init__(self, secret: str) -> None:
        self._keyed = hmac.new(secret.encode(), digestmod=hashlib.sha256)

    def sign(self, payload: bytes) -> str:
        digest = self._keyed.copy()  # the key is mixed in once
        digest.update(payload)
        return digest.hexdigest()


class Ed25519Signer(Signer):
    """Ed25519 in base64."""

    kind = "ED25519"

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key

    def sign(self, payload: bytes) -> str:
        return base64.b64encode(self._key.sign(payload)).decode()


class RsaSigner(Signer):
    """RSA, PKCS #1 v1.5 with SHA-256, in base64."""

    kind = "RSA"

    def __init__(self, key: RSAPrivateKey) -> None:
        self._key = key

    def sign(self, payload: bytes) -> str:
        return base64.b64encode(self._key.sign(payload, PKCS1v15(), SHA256())).decode()


def signer_of(api_secret: SecretStr | str) -> Signer:
    """The signer for a secret: HMAC for plain text, RSA or Ed25519 for a private key in PEM (whose line ends may be
    written as `\\n`, as in environment variables). Raises `StartupError` for an empty secret and a key that is neither.
    """
    secret = (api_secret.get_secret_value() if isinstance(api_secret, SecretStr) else api_secret).strip()
    if not secret:
        raise StartupError("api_secret is empty: give the secret, or a private key in PEM")
    if not secret.startswith(_PEM_MARK):
        return HmacSigner(secret)
    key = _private_key(secret.replace("\\n", "\n"))
    if isinstance(key, Ed25519PrivateKey):
        return Ed25519Signer(key)
    if isinstance(key, RSAPrivateKey):
        return RsaSigner(key)
    raise StartupError(f"api_secret is no Ed25519 or RSA key ({type(key).__name__}): make one of these")


def _private_key(pem: str) -> object:
    """The key; what cryptography says of one that it cannot read is kept back, for it could quote it."""
    try:
        return load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        is_locked = isinstance(error, TypeError)
        hint = "has a passphrase: remove it" if is_locked else "cannot be read: is it a whole PEM private key?"
        raise StartupError(f"api_secret is a private key that {hint}") from None
