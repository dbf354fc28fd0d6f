"""The cast: the people and partners every test speaks of."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.contrib.auth.models import Group

from merchants.models import Location, Merchant, MerchantMembership
from portal.core.models import FINANCE, REVIEWERS, User
from tests import builders
from wallets import partners
from wallets.models import Wallet, WalletMembership


@pytest.fixture(autouse=True)
def _quick_and_apart(settings, tmp_path: Path) -> None:
    """Fast password hashes, and a data folder of each test's own."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.VAR_DIR = tmp_path / "var"
    settings.FILES_DIR = tmp_path / "var" / "files"
    settings.SITE_URL = settings.QR_BASE_URL = "https://q.example"


@pytest.fixture
def alliance(db, tmp_path: Path) -> dict[str, Wallet]:
    """The seven wallets, each with a feed folder of its own; by code."""
    partners.set_up(places=tmp_path / "feeds")
    return {wallet.code: wallet for wallet in Wallet.objects.all()}


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
