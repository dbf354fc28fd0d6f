"""Signing up by a code: what is asked, what is mailed, and every way on from a mistake."""

from __future__ import annotations

import re

import pytest
from django.core import mail
from django.core.cache import cache
from django.urls import reverse

from portal.core.models import User

pytestmark = pytest.mark.django_db
NEW = "dona@tasca-nova.example"
PASSWORD = "three words of bread"


@pytest.fixture(autouse=True)
def nobody_came_before():
    """How often one address may sign up is counted in the cache."""
    cache.clear()


@pytest.fixture
def code(client) -> str:
    """The code of somebody who has just signed up."""
    answers = {"email": NEW, "password1": PASSWORD}
    assert client.post(reverse("account_signup"), answers).status_code == 302
    return _code()


def _code() -> str:
    found = re.search(r"\b[A-Z0-9]{4}-[A-Z0-9]{4}\b", mail.outbox[-1].body)
    assert found
    return found[0]


def _give(client, code: str):
    return client.post(reverse("account_email_verification_sent"), {"code": code}, follow=True)


def test_what_is_asked_stands_above_the_field_and_not_in_it(client):
    for name in ("account_login", "account_signup", "account_reset_password"):
        page = client.get(reverse(name)).content.decode()
        assert "E-mail address" in page
        assert "placeholder" not in page


def test_the_mail_is_the_code_and_what_to_do_with_it(client, code):
    assert mail.outbox[-1].to == [NEW]
    assert mail.outbox[-1].subject == f"Onestile: {code} is your code"
    assert mail.outbox[-1].body.startswith(f"Your code is\n\n{code}\n\nType it into the page")
    assert "example.com" not in mail.outbox[-1].body


def test_the_code_proves_the_address_and_signs_in_without_ado(client, code):
    page = _give(client, code).content.decode()
    assert f"Thank you, {NEW} is yours." in page
    assert "Successfully" not in page
    assert client.session["_auth_user_id"] == str(User.objects.get(email=NEW).pk)


def test_a_wrong_code_says_what_to_do_and_signs_nobody_in(client, code):
    page = _give(client, "AAAA-AAAA").content.decode()
    assert "This is not the code of our last e-mail." in page
    assert "Send a new code" in page
    assert "_auth_user_id" not in client.session


def test_a_new_code_takes_the_place_of_the_old_one(client, code):
    client.post(reverse("account_email_verification_sent"), {"action": "resend"})
    assert len(mail.outbox) == 2
    new = _code()
    assert new != code
    _give(client, code)
    assert "_auth_user_id" not in client.session
    _give(client, new)
    assert "_auth_user_id" in client.session


def test_a_mistyped_address_can_be_put_right(client, code):
    right = "dona@tasca-velha.example"
    client.post(reverse("account_email_verification_sent"), {"action": "change", "email": right})
    assert mail.outbox[-1].to == [right]
    _give(client, _code())
    assert list(User.objects.values_list("email", flat=True)) == [right]
