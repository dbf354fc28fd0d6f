"""The page of people in the back office: a superuser's, and nobody else's."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from portal.core.models import FINANCE, REVIEWERS, AuditEntry, User
from wallets.models import WalletMembership

ADD = "admin:core_user_add"
NO_WALLETS = {
    "wallet_memberships-TOTAL_FORMS": "0", "wallet_memberships-INITIAL_FORMS": "0",
}  # fmt: skip


@pytest.fixture
def root(db) -> User:
    return User.objects.create_superuser("root@onestile.example", "correct horse")


@pytest.fixture
def desk(client: Client, root: User) -> Client:
    client.force_login(root)
    return client


def asked(**fields: Any) -> dict[str, Any]:
    return {
        "email": "Somebody@Onestile.example", "name": "Somebody",
        "password1": "three blue boats", "password2": "three blue boats",
        "roles": [REVIEWERS], "is_staff": "on", **NO_WALLETS, **fields,
    }  # fmt: skip


def change(user: User) -> str:
    return reverse("admin:core_user_change", args=[user.pk])


def test_a_superuser_makes_a_reviewer_who_can_sign_in(desk, client, root) -> None:
    assert desk.get(reverse(ADD)).status_code == 200
    answer = desk.post(reverse(ADD), asked())
    made = User.objects.get(email="somebody@onestile.example")
    assert answer.url == change(made)
    assert (made.is_reviewer, made.is_finance, made.is_staff) == (True, False, True)
    assert not made.is_superuser
    assert made.check_password("three blue boats")
    entry = AuditEntry.objects.get(verb="core.user.added")
    assert (entry.actor, entry.target_id, entry.data["roles"]) == (root, str(made.pk), [REVIEWERS])
    assert Client().login(username=made.email, password="three blue boats")


def test_desks_rights_and_wallets_change_on_one_page(desk, alliance, reviewer) -> None:
    page = desk.get(change(reviewer)).content.decode()
    assert 'value="reviewers" id="id_roles_1" checked' in page.replace("  ", " ")
    desk.post(
        change(reviewer),
        {
            "email": reviewer.email, "name": "Rui", "roles": [FINANCE], "is_active": "on",
            "is_staff": "on", "wallet_memberships-TOTAL_FORMS": "1",
            "wallet_memberships-INITIAL_FORMS": "0",
            "wallet_memberships-0-wallet": alliance["momo"].pk,
        },
    )  # fmt: skip
    changed = User.objects.get(pk=reviewer.pk)
    assert (changed.name, changed.is_finance, changed.is_reviewer) == ("Rui", True, False)
    assert WalletMembership.objects.get(user=changed).wallet == alliance["momo"]
    assert AuditEntry.objects.get(verb="core.user.changed").data["roles"] == [FINANCE]


def test_a_password_is_set_and_written_down_without_it(desk, reviewer) -> None:
    address = reverse("admin:auth_user_password_change", args=[reviewer.pk])
    assert desk.get(address).status_code == 200
    new = {"password1": "four green hills", "password2": "four green hills"}
    assert desk.post(address, new).status_code == 302
    reviewer.refresh_from_db()
    assert reviewer.check_password("four green hills")
    entry = AuditEntry.objects.get(verb="core.user.password_set")
    assert entry.target_id == str(reviewer.pk)
    assert "green" not in str(entry.data)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"email": "REVIEWER@onestile.example"}, "has this e-mail address already"),
        ({"password2": "other"}, "password"),
        ({"password1": "short", "password2": "short"}, "at least 10 characters"),
        ({"roles": ["kings"]}, "kings is not one of the available choices"),
    ],
)
def test_a_wrong_answer_is_named_and_nobody_is_made(desk, reviewer, fields, said) -> None:
    before = User.objects.count()
    answer = desk.post(reverse(ADD), asked(**fields))
    assert said in answer.content.decode()
    assert User.objects.count() == before
    assert not AuditEntry.objects.exists()


def test_nobody_else_sees_people_or_makes_himself_a_superuser(client, reviewer) -> None:
    client.force_login(reviewer)
    mine = change(reviewer)
    password = reverse("admin:auth_user_password_change", args=[reviewer.pk])
    for address in (reverse("admin:core_user_changelist"), reverse(ADD), mine, password):
        assert client.get(address).status_code in (302, 403, 404), address
    client.post(mine, {"email": reviewer.email, "is_superuser": "on", **NO_WALLETS})
    client.post(password, {"password1": "four green hills", "password2": "four green hills"})
    reviewer.refresh_from_db()
    assert not reviewer.is_superuser
    assert reviewer.check_password("correct horse")


def test_nobody_is_deleted(desk, reviewer) -> None:
    address = reverse("admin:core_user_delete", args=[reviewer.pk])
    assert desk.post(address, {"post": "yes"}).status_code == 403
    assert User.objects.filter(pk=reviewer.pk).exists()


def test_the_list_finds_a_person_by_address(desk, reviewer, clerk) -> None:
    page = desk.get(reverse("admin:core_user_changelist"), {"q": "clerk@"}).content.decode()
    assert clerk.email in page
    assert reviewer.email not in page
