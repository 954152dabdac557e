"""Sealing of what opens something: codes (C4), links of customers (K12).

A keyed digest finds it, encryption keeps it.

Each key of `CODE_KEYS` yields two: one for digests, one for sealing. The first key of the
setting is the current one; the others still find and open what was sealed before, until
`rotate` has sealed everything again and they can be taken out of the setting.
"""

import hashlib
import hmac
import secrets
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

NONCE_BYTES = 12


class SealBroken(Exception):
    """What is sealed is damaged, was moved from another row, or its key is not in the setting."""


class Sealed(NamedTuple):
    digest: UUID
    sealed: bytes
    key_id: str


class _Keys(NamedTuple):
    digest: bytes
    sealing: AESGCM


@lru_cache(maxsize=32)
def _derive(master: bytes, kind: str) -> _Keys:
    """`kind` names what is sealed, so that no seal of one kind opens as another."""

    def derived(purpose: str) -> bytes:
        info = f"{kind} {purpose}".encode()
        return HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(master)

    return _Keys(digest=derived("digest"), sealing=AESGCM(derived("sealing")))


def current_key_id() -> str:
    return next(iter(settings.CODE_KEYS))


def _digest(text: str, keys: _Keys) -> UUID:
    # 128 bits are plenty against collisions, and fit a uuid column.
    return UUID(bytes=hmac.digest(keys.digest, text.encode(), hashlib.sha256)[:16])


def digests(text: str, *, kind: str = "code") -> list[UUID]:
    """The digests under which the database may know `text`, the current key's first."""
    return [_digest(text, _derive(master, kind)) for master in settings.CODE_KEYS.values()]


def seal(text: str, *, kind: str = "code") -> Sealed:
    """Seals a normalised text with the current key. The digest is bound into the seal."""
    key_id = current_key_id()
    keys = _derive(settings.CODE_KEYS[key_id], kind)
    digest = _digest(text, keys)
    nonce = secrets.token_bytes(NONCE_BYTES)
    sealed = nonce + keys.sealing.encrypt(nonce, text.encode(), digest.bytes)
    return Sealed(digest, sealed, key_id)


def unseal(digest: UUID, sealed: bytes | memoryview, key_id: str, *, kind: str = "code") -> str:
    """The whole text. Raises SealBroken."""
    if key_id not in settings.CODE_KEYS:
        raise SealBroken(f"Key {key_id!r} is not in CODE_KEYS.")
    keys = _derive(settings.CODE_KEYS[key_id], kind)
    sealed = bytes(sealed)  # PostgreSQL hands out a memoryview
    try:
        return keys.sealing.decrypt(
            sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], digest.bytes
        ).decode()
    except (InvalidTag, ValueError) as error:  # ValueError: too short even for a nonce
        raise SealBroken(f"The sealed {kind} does not open.") from error


def reseal(rows: QuerySet[Any], *, kind: str, block: int = 1_000) -> Iterator[int]:
    """Seals again, with the current key, every row sealed with an older one (C4).

    Yields how many each transaction of `block` rows did; may be stopped and run again. Raises
    SealBroken.
    """
    current = current_key_id()
    while True:
        with transaction.atomic():
            locked = rows.exclude(key_id=current).select_for_update(of=("self",))
            stale = list(locked.order_by("id")[:block])
            for row in stale:
                whole = unseal(row.digest, row.sealed, row.key_id, kind=kind)
                row.digest, row.sealed, row.key_id = seal(whole, kind=kind)
            rows.bulk_update(stale, ["digest", "sealed", "key_id"])
        if not stale:
            return
        yield len(stale)
