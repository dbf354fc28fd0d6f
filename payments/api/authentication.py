"""Who calls the API: a wallet, by its key. No cookie and no session counts here."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from wallets import credentials
from wallets.models import Credential, Wallet


@dataclass(frozen=True)
class WalletCaller:
    """What ``request.user`` is on the API: the wallet whose key was sent."""

    wallet: Wallet
    is_authenticated: bool = True


class WalletCredential(BaseAuthentication):
    """``Authorization: Bearer sk_…``; ``request.auth`` is the credential.

    Keys live in real time, also where the demo's business days run ahead of it.
    """

    def authenticate(self, request: Request) -> tuple[WalletCaller, Credential] | None:
        scheme, _space, key = request.headers.get("Authorization", "").partition(" ")
        if not scheme:
            return None
        if scheme.lower() != "bearer":
            raise AuthenticationFailed
        credential = credentials.verify(key.strip(), now=timezone.now())
        if credential is None:
            raise AuthenticationFailed
        return WalletCaller(credential.wallet), credential

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="onestile"'
