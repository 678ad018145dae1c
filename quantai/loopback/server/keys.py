"""API keys and the signatures they make, checked as venues do: with the shared secret, or with the public key."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa

from quantai.core.errors import ConfigError

_PublicKey = ed25519.Ed25519PublicKey | rsa.RSAPublicKey


@dataclass(frozen=True)
class ApiKey:
    """A key of one account. `secret` is a shared one, or a PEM: the private or the public half of an RSA or Ed25519
    key, of which only the public half is used.

    `permissions` are the dialect's words. Raises `ConfigError` for a PEM that cannot be read.
    """

    key: str = field(repr=False)
    secret: str = field(repr=False)
    account: str = "main"
    permissions: frozenset[str] = frozenset({"read", "trade"})
    _public: _PublicKey | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_public", _public_key(self.secret) if "-----BEGIN" in self.secret else None)

    @property
    def is_ed25519(self) -> bool:
        """Whether the key is of the one kind that may log on to a session."""
        return isinstance(self._public, ed25519.Ed25519PublicKey)

    def verify(self, payload: bytes, signature: str) -> bool:
        """Whether `signature` is this key's of `payload`: hex of HMAC-SHA256, else base64."""
        if self._public is None:
            expected = hmac.new(self.secret.encode(), payload, hashlib.sha256).hexdigest()
            return hmac.compare_digest(expected, signature.lower())
        try:
            raw = base64.b64decode(signature, validate=True)
            if isinstance(self._public, ed25519.Ed25519PublicKey):
                self._public.verify(raw, payload)
            else:
                self._public.verify(raw, payload, padding.PKCS1v15(), hashes.SHA256())
        except (InvalidSignature, binascii.Error, ValueError):
            return False
        return True


def _public_key(pem: str) -> _PublicKey:
    data = pem.encode()
    try:
        if "PRIVATE" in pem:
            private = serialization.load_pem_private_key(data, password=None)
            if isinstance(private, ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey):
                return private.public_key()
        else:
            public = serialization.load_pem_public_key(data)
            if isinstance(public, ed25519.Ed25519PublicKey | rsa.RSAPublicKey):
                return public
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ConfigError("a key of the loopback venue is no PEM that can be read, without a password") from None
    raise ConfigError("a key of the loopback venue must be RSA or Ed25519, or a plain shared secret")
