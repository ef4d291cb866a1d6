"""Signatures: Ed25519 (RFC 8032), by the `cryptography` package; keys are PEM files, as `openssl pkey` reads them."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from coterie.errors import BadInput, MissingExtra


class Key(Struct, frozen=True):
    """A key: its public half (32 bytes), and what signs with the private one, if that is there."""

    public: bytes
    private: Any = None

    def sign(self, text: bytes) -> bytes:
        """The signature of a text, 64 bytes.

        Raises:
            BadInput: if this is only the public half.
        """
        if self.private is None:
            raise BadInput(
                "this is a public key: signing needs the private one that `coterie key make` wrote"
            )
        signature: bytes = self.private.sign(text)
        return signature


def made() -> tuple[bytes, bytes]:
    """A new key: the PEM of its private half, and that of its public half.

    Raises:
        MissingExtra: if `cryptography` is not installed.
    """
    kit = _kit()
    private = kit.ed25519.Ed25519PrivateKey.generate()
    form = kit.serialization
    secret = private.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption())
    public = private.public_key().public_bytes(form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo)
    return secret, public


def key_of(pem: bytes, *, where: str) -> Key:
    """The key in a PEM text, public or private, which is in the file `where`.

    Raises:
        BadInput: if it is no Ed25519 key.
        MissingExtra: if `cryptography` is not installed.
    """
    kit = _kit()
    form = kit.serialization
    try:
        if b"PRIVATE KEY" in pem:
            private = form.load_pem_private_key(pem, None)
            public = private.public_key()
        else:
            private, public = None, form.load_pem_public_key(pem)
    except (ValueError, TypeError, kit.unsupported) as error:
        raise BadInput(f"{where!r} is no key: {error}") from error
    if not isinstance(public, kit.ed25519.Ed25519PublicKey):
        raise BadInput(f"{where!r} is no Ed25519 key; `coterie key make FILE` makes one")
    return Key(public.public_bytes_raw(), private)


def checks(public: bytes, signature: bytes, text: bytes) -> bool:
    """Whether the key `public` made `signature` over `text`.

    Raises:
        MissingExtra: if `cryptography` is not installed.
    """
    kit = _kit()
    try:
        kit.ed25519.Ed25519PublicKey.from_public_bytes(public).verify(signature, text)
    except (ValueError, kit.invalid):
        return False
    return True


class _Kit(Struct, frozen=True):
    """What is used of the package."""

    ed25519: Any
    serialization: Any
    invalid: type[Exception]
    unsupported: type[Exception]


def _kit() -> _Kit:
    try:
        from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ModuleNotFoundError as error:
        raise MissingExtra.of("audit", "a signature") from error
    return _Kit(ed25519, serialization, InvalidSignature, UnsupportedAlgorithm)
