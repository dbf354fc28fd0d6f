"""The cast: the people and partners every test speaks of."""

from __future__ import annotations

from copy import copy
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db.models import Model
from django.db.models.base import ModelState

from merchants.models import Location, Merchant, MerchantMembership
from portal.core.models import FINANCE, REVIEWERS, User
from tests import builders
from wallets import partners
from wallets.models import Feed, Tariff, Wallet, WalletCountry, WalletMembership


@pytest.fixture(autouse=True)
def _quick_and_apart(settings, tmp_path: Path) -> None:
    """Fast password hashes, and a data folder of each test's own."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.VAR_DIR = tmp_path / "var"
    settings.FILES_DIR = tmp_path / "var" / "files"
    settings.SITE_URL = settings.QR_BASE_URL = "https://q.example"


_SET_UP: dict[type[Model], list[Any]] = {}


@pytest.fixture
def alliance(db, tmp_path: Path) -> dict[str, Wallet]:
    """The seven wallets, each with a feed folder of its own; by code.

    Set up by the portal's own function once; afterwards the same rows are written again, in
    a sixth of the time, for the hundreds of tests that begin here.
    """
    if not _SET_UP:
        partners.set_up()
        for model in (Wallet, Feed, WalletCountry, Tariff):
            _SET_UP[model] = list(model.objects.order_by("pk"))
    else:
        _write_again()
    wallets = {wallet.code: wallet for wallet in Wallet.objects.all()}
    feeds = list(Feed.objects.all())
    for feed in feeds:
        place = tmp_path / "feeds" / feed.code
        place.mkdir(parents=True)
        feed.place, feed.ready_when = str(place), Feed.Ready.AT_ONCE
    Feed.objects.bulk_update(feeds, ["place", "ready_when"])
    return wallets


def _write_again() -> None:
    wallets: dict[int, Wallet] = {}
    for model, rows in _SET_UP.items():
        copies = [copy(row) for row in rows]
        for one in copies:
            one.pk, one._state = None, ModelState()
            for name in ("wallet", "settled_by"):
                if model is not Wallet and hasattr(one, f"{name}_id"):
                    setattr(one, name, wallets[getattr(one, f"{name}_id")])
        model.objects.bulk_create(copies)
        if model is Wallet:
            wallets = {row.pk: made for row, made in zip(rows, copies, strict=True)}


@pytest.fixture
def merchant(alliance) -> Merchant:
    return builders.merchant()


@pytest.fixture
def shop(merchant) -> Location:
    """A shop in Oslo that accepts payments and is enrolled everywhere."""
    return builders.location(merchant)


def _member(merchant: Merchant, email: str, role: str) -> User:
    user = User.objects.create_user(email, "correct horse")
    MerchantMembership.objects.create(merchant=merchant, user=user, role=role)
    return user


@pytest.fixture
def owner(merchant) -> User:
    return _member(merchant, "owner@shop.example", "owner")


@pytest.fixture
def colleague(merchant) -> User:
    return _member(merchant, "colleague@shop.example", "cashier")


@pytest.fixture
def stranger(alliance) -> User:
    """The owner of another shop."""
    return _member(builders.merchant(), "stranger@other.example", "owner")


def _wallet_admin(alliance: dict[str, Wallet], code: str) -> User:
    user = User.objects.create_user(f"admin@{code}.example", "correct horse", is_staff=True)
    WalletMembership.objects.create(wallet=alliance[code], user=user)
    return user


@pytest.fixture
def vipps_admin(alliance) -> User:
    return _wallet_admin(alliance, "vipps")


@pytest.fixture
def rival_admin(alliance) -> User:
    return _wallet_admin(alliance, "pivo")


@pytest.fixture
def reviewer(db) -> User:
    user = User.objects.create_user("reviewer@onestile.example", "correct horse", is_staff=True)
    user.groups.add(Group.objects.get_or_create(name=REVIEWERS)[0])
    return user


@pytest.fixture
def clerk(db) -> User:
    user = User.objects.create_user("clerk@onestile.example", "correct horse")
    user.groups.add(Group.objects.get_or_create(name=FINANCE)[0])
    return user
