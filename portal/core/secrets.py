"""Secrets at rest: text that the database keeps only encrypted.

The keys are ``settings.ENCRYPTION_KEYS``, the newest first: the first encrypts, all of them
decrypt, so a key is changed by putting a new one in front.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from functools import lru_cache
from hashlib import sha256
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.db import models


class CannotDecrypt(Exception):
    """A secret that none of the keys opens; the message says what to do."""


@lru_cache(maxsize=4)
def _box(keys: tuple[str, ...]) -> MultiFernet:
    # Whatever length an operator gives a key, Fernet wants 32 bytes.
    return MultiFernet([Fernet(urlsafe_b64encode(sha256(key.encode()).digest())) for key in keys])


def encrypt(text: str) -> str:
    """Return a text encrypted with the newest key."""
    return _box(tuple(settings.ENCRYPTION_KEYS)).encrypt(text.encode()).decode()


def decrypt(token: str) -> str:
    """Return the text of a token, or raise CannotDecrypt."""
    try:
        return _box(tuple(settings.ENCRYPTION_KEYS)).decrypt(token.encode()).decode()
    except InvalidToken:
        raise CannotDecrypt(
            "A stored secret cannot be decrypted: put the key it was written with back into "
            "ENCRYPTION_KEYS, behind the newest, or type the secret again."
        ) from None


class Sealed(str):
    """A secret as it came from the database: still encrypted. See :func:`reveal`."""

    __slots__ = ()


def reveal(secret: str) -> str:
    """Return a secret's plain text, or raise CannotDecrypt; an empty one is empty.

    Opened only where it is used, so that a lost key stops a feed and not the portal.
    """
    return decrypt(secret) if isinstance(secret, Sealed) else secret


class SecretField(models.TextField):
    """A text that the database keeps encrypted; never a condition of a query.

    Assign plain text to set it; a loaded one is :class:`Sealed`.
    """

    def from_db_value(self, value: str | None, *_: Any) -> str:
        return Sealed(value) if value else ""

    def get_prep_value(self, value: Any) -> str:
        if isinstance(value, Sealed):
            return str(value)
        return encrypt(str(value)) if value else ""
