"""Which wallets and feeds a user may see."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import AnonymousUser
from django.http import Http404

from portal.core.models import User
from wallets import access


@pytest.fixture
def superuser(db) -> User:
    return User.objects.create_superuser("root@onestile.example", "correct horse")


def codes(rows) -> list[str]:
    return sorted(rows.values_list("code", flat=True))


def test_a_wallets_admin_sees_her_wallet_and_its_feed(vipps_admin):
    assert codes(access.wallets_of(vipps_admin)) == ["vipps"]
    assert codes(access.feeds_of(vipps_admin)) == ["vipps"]
    assert access.wallet_for(vipps_admin, "vipps").name == "Vipps"


def test_a_wallet_of_others_is_as_unknown_as_one_that_is_not(vipps_admin):
    told = []
    for code in ("pivo", "nothing"):
        with pytest.raises(Http404) as refusal:
            access.wallet_for(vipps_admin, code)
        told.append(str(refusal.value))
    assert told[0] == told[1]


def test_a_superuser_sees_all(alliance, superuser):
    assert codes(access.wallets_of(superuser)) == sorted(alliance)
    assert codes(access.feeds_of(superuser)) == sorted(alliance)


def test_finance_sees_every_feed_and_looks_after_no_wallet(alliance, clerk):
    assert codes(access.feeds_of(clerk)) == sorted(alliance)
    assert codes(access.wallets_of(clerk)) == []


def test_outsiders_see_nothing(alliance, owner, reviewer):
    for user in (owner, reviewer, AnonymousUser()):
        assert codes(access.wallets_of(user)) == []
        assert codes(access.feeds_of(user)) == []
        with pytest.raises(Http404):
            access.wallet_for(user, "vipps")


def test_somebody_who_left_sees_nothing(alliance, vipps_admin, superuser, clerk):
    for user in (vipps_admin, superuser, clerk):
        user.is_active = False
        user.save()
        assert codes(access.wallets_of(user)) == []
        assert codes(access.feeds_of(user)) == []
