"""Sealing of activation codes (C4): a keyed digest to find one, encryption to keep it.

Each key of `CODE_KEYS` yields two: one for digests, one for sealing. The first key of the
setting is the current one; the others still find and open what was sealed before, until
`rotate` has sealed everything again and they can be taken out of the setting.
"""

import hashlib
import hmac
import secrets
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

NONCE_BYTES = 12


class SealBroken(Exception):
    """The sealed code is damaged, was moved from another row, or its key is not in the setting."""


class SealedCode(NamedTuple):
    digest: UUID
    sealed: bytes
    key_id: str


class _Keys(NamedTuple):
    digest: bytes
    sealing: AESGCM


@lru_cache(maxsize=16)
def _derive(master: bytes) -> _Keys:
    def derived(purpose: bytes) -> bytes:
        return HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose).derive(master)

    return _Keys(digest=derived(b"code digest"), sealing=AESGCM(derived(b"code sealing")))


def current_key_id() -> str:
    return next(iter(settings.CODE_KEYS))


def _digest(code: str, keys: _Keys) -> UUID:
    # 128 bits are plenty against collisions, and fit a uuid column.
    return UUID(bytes=hmac.digest(keys.digest, code.encode(), hashlib.sha256)[:16])


def digests(code: str) -> list[UUID]:
    """The digests under which the database may know `code`, the current key's first."""
    return [_digest(code, _derive(master)) for master in settings.CODE_KEYS.values()]


def seal(code: str) -> SealedCode:
    """Seals a normalised code with the current key. The digest is bound into the seal."""
    key_id = current_key_id()
    keys = _derive(settings.CODE_KEYS[key_id])
    digest = _digest(code, keys)
    nonce = secrets.token_bytes(NONCE_BYTES)
    sealed = nonce + keys.sealing.encrypt(nonce, code.encode(), digest.bytes)
    return SealedCode(digest, sealed, key_id)


def unseal(digest: UUID, sealed: bytes | memoryview, key_id: str) -> str:
    """The whole code. Raises SealBroken."""
    if key_id not in settings.CODE_KEYS:
        raise SealBroken(f"Key {key_id!r} is not in CODE_KEYS.")
    keys = _derive(settings.CODE_KEYS[key_id])
    sealed = bytes(sealed)  # PostgreSQL hands out a memoryview
    try:
        return keys.sealing.decrypt(
            sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], digest.bytes
        ).decode()
    except (InvalidTag, ValueError) as error:  # ValueError: too short even for a nonce
        raise SealBroken("The sealed code does not open.") from error
