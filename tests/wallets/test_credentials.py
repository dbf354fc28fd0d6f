"""Keys of wallets: shown once, found by their beginning, known by a hash."""

from __future__ import annotations

import hashlib
from datetime import timedelta

import pytest
from django.db import OperationalError

from portal.core.models import AuditEntry
from tests.builders import NOON
from wallets import credentials
from wallets.models import Credential

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


@pytest.fixture
def issued(alliance, vipps_admin) -> credentials.Issued:
    return credentials.issue(wallet=alliance["vipps"], label="Till", by=vipps_admin, now=NOON)


def test_a_key_opens_the_wallet_it_was_issued_for(issued, alliance):
    found = credentials.verify(issued.key, now=NOON)
    assert found == issued.credential
    assert found.wallet == alliance["vipps"]


def test_of_the_secret_only_a_hash_is_kept(issued):
    kept = Credential.objects.get()
    assert issued.key.startswith(f"{kept.prefix}_")
    secret = issued.key.removeprefix(f"{kept.prefix}_")
    assert len(secret) == 43
    assert kept.secret_hash == hashlib.sha256(secret.encode()).hexdigest()
    everything = str(Credential.objects.values().get()) + str(list(AuditEntry.objects.values()))
    assert secret not in everything


def test_two_keys_have_nothing_in_common(issued, alliance):
    other = credentials.issue(wallet=alliance["vipps"], label="", by=None, now=NOON)
    assert other.credential.prefix != issued.credential.prefix
    assert other.key[16:] != issued.key[16:]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda key: "",
        lambda key: key[:-1],
        lambda key: key + "A",
        lambda key: key[:-1] + ("A" if key[-1] != "A" else "B"),
        lambda key: "sk_000000000000" + key[15:],
        lambda key: key.upper(),
        lambda key: key + "\n",
        lambda key: "é" + key[1:],
        lambda key: "sk_",
    ],
)
def test_anything_else_opens_nothing_and_is_no_use(issued, spoil):
    assert credentials.verify(spoil(issued.key), now=NOON) is None
    assert Credential.objects.get().last_used_at is None


def test_the_secret_of_one_key_does_not_open_another(issued, alliance):
    other = credentials.issue(wallet=alliance["pivo"], label="", by=None, now=NOON)
    assert credentials.verify(other.credential.prefix + issued.key[15:], now=NOON) is None


def test_a_wallet_that_left_the_alliance_opens_nothing(issued, alliance):
    alliance["vipps"].active = False
    alliance["vipps"].save()
    assert credentials.verify(issued.key, now=NOON) is None


def test_use_is_noted_once_a_minute(issued, django_assert_num_queries):
    def noted():
        return Credential.objects.get().last_used_at

    credentials.verify(issued.key, now=NOON)
    assert noted() == NOON
    with django_assert_num_queries(1):
        credentials.verify(issued.key, now=NOON + MINUTE - SECOND)
    assert noted() == NOON
    credentials.verify(issued.key, now=NOON + MINUTE)
    assert noted() == NOON + MINUTE


def test_a_busy_database_does_not_refuse_a_key(issued, monkeypatch):
    def locked(*_args, **_kwargs):
        raise OperationalError("database is locked")

    monkeypatch.setattr("django.db.models.query.QuerySet.update", locked)
    assert credentials.verify(issued.key, now=NOON) == issued.credential
    assert Credential.objects.get().last_used_at is None


def test_a_rotated_key_works_on_for_a_day_beside_its_successor(issued, vipps_admin):
    new = credentials.rotate(issued.credential, by=vipps_admin, now=NOON)
    assert new.credential.label == "Till"
    end = NOON + timedelta(hours=24)
    assert credentials.verify(issued.key, now=end - SECOND) == issued.credential
    assert credentials.verify(issued.key, now=end) is None
    assert credentials.verify(new.key, now=end) == new.credential


def test_a_key_is_rotated_once(issued, vipps_admin):
    credentials.rotate(issued.credential, by=vipps_admin, now=NOON)
    before = list(Credential.objects.order_by("pk").values())
    with pytest.raises(credentials.AlreadyRevoked):
        credentials.rotate(issued.credential, by=vipps_admin, now=NOON + MINUTE)
    assert list(Credential.objects.order_by("pk").values()) == before


def test_a_revoked_key_ends_at_once(issued, vipps_admin):
    credentials.revoke(issued.credential, by=vipps_admin, now=NOON)
    assert credentials.verify(issued.key, now=NOON) is None
    with pytest.raises(credentials.AlreadyRevoked):
        credentials.revoke(issued.credential, by=vipps_admin, now=NOON + MINUTE)
    assert Credential.objects.get().revoked_at == NOON


def test_a_rotated_key_can_be_ended_before_its_day_is_over(issued, vipps_admin):
    credentials.rotate(issued.credential, by=vipps_admin, now=NOON)
    credentials.revoke(issued.credential, by=vipps_admin, now=NOON + MINUTE)
    assert credentials.verify(issued.key, now=NOON + MINUTE) is None


def test_every_act_is_written_down(issued, vipps_admin):
    new = credentials.rotate(issued.credential, by=vipps_admin, now=NOON)
    credentials.revoke(new.credential, by=vipps_admin, now=NOON)
    old, fresh = issued.credential, new.credential
    told = AuditEntry.objects.order_by("pk").values_list("verb", "target_label", "actor")
    assert list(told) == [
        ("wallets.credential.issued", old.prefix, vipps_admin.pk),
        ("wallets.credential.rotated", old.prefix, vipps_admin.pk),
        ("wallets.credential.issued", fresh.prefix, vipps_admin.pk),
        ("wallets.credential.revoked", fresh.prefix, vipps_admin.pk),
    ]
    assert AuditEntry.objects.first().data == {"wallet": "vipps", "key_label": "Till"}
