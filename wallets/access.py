"""Which wallets and feeds a user may see. Whoever is no part of it finds nothing."""

from __future__ import annotations

from django.contrib.auth.models import AnonymousUser
from django.db.models import QuerySet
from django.http import Http404
from django.utils.translation import gettext as _

from portal.core.models import User
from wallets.models import Feed, Wallet


def wallets_of(user: User | AnonymousUser) -> QuerySet[Wallet]:
    """Return the wallets the user looks after; a superuser looks after all."""
    if not isinstance(user, User) or not user.is_active:
        return Wallet.objects.none()
    if user.is_superuser:
        return Wallet.objects.all()
    return Wallet.objects.filter(pk__in=user.wallet_memberships.values("wallet_id"))


def feeds_of(user: User | AnonymousUser) -> QuerySet[Feed]:
    """Return the feeds whose files the user may see whole.

    Finance sees every feed, a wallet's admin the feed of that wallet. Who settles through
    a hub has no part in the hub's feed; its own lines come through payments.access.
    """
    if isinstance(user, User) and user.is_active and user.is_finance:
        return Feed.objects.all()
    return Feed.objects.filter(wallet__in=wallets_of(user))


def wallet_for(user: User | AnonymousUser, code: str) -> Wallet:
    """Return a wallet the user looks after, or raise Http404 as for one that is not there."""
    wallet = wallets_of(user).filter(code=code).first()
    if wallet is None:
        raise Http404(_("There is no such wallet."))
    return wallet
