"""Every address of the site, made from the site map, tried by those whom it is none of.

A new page is in here from the day it has an address. Whoever has nothing to do with a shop,
a wallet or a night sees none of it, changes none of it, and breaks nothing by asking.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import pytest
from django.apps import apps
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from tests import builders
from tests.payments import nights

ARGUMENT = re.compile(r"\(\?P<\w+>[^)]*\)|<(?:\w+:)?\w+>")
OPEN_TO_ALL = ("/q/<str:code>", "/admin/", "/api/v1/", "/accounts/")
"""Addresses with an argument (or of a whole part) that answer anybody, each in its own way."""
NOT_TRIED = ("/accounts/logout/", "/apply/")
"""They end the session, and begin an application of one's own: meant for everybody."""
STRANGE = ("%00", "%ff", "..%2f", "x" * 300, "9" * 30)
ODD_QUESTION = {
    "q": "\0", "o": "\0", "p": "9" * 40, "after": "\0", "before": "9" * 40, "line": "9" * 40,
    "state": "\0", "outcome": "\0", "next": "//evil.example/", "period": "\0",
}  # fmt: skip


def patterns(of: Iterable[URLPattern | URLResolver], before: str = "/") -> Iterator[str]:
    """Yield every address of the site map, with its arguments as they are declared."""
    for one in of:
        here = before + str(one.pattern).lstrip("^").replace("\\Z", "").rstrip("$")
        if isinstance(one, URLResolver):
            yield from patterns(one.url_patterns, here)
        else:
            yield here


def addresses(values: Iterable[str]) -> list[tuple[str, str]]:
    """Return (pattern, address) for every pattern, with each value in place of its arguments."""
    found = {
        ARGUMENT.sub(value.replace("\\", r"\\"), pattern): pattern
        for pattern in patterns(get_resolver().url_patterns)
        for value in values
    }
    return sorted((pattern, address) for address, pattern in found.items())


def everything() -> dict[str, list]:
    """Return every row, but for who signed in when and which address he signs in with."""
    return {
        model._meta.label: sorted(map(repr, model.objects.values_list()))
        for model in apps.get_models()
        if model._meta.label
        not in {"sessions.Session", "core.Lease", "core.User", "account.EmailAddress"}
    }


@pytest.fixture
def things(shop, owner) -> list[str]:
    """The ids of a shop, its sticker, payment and merchant, and of nights: one with a break,
    one in quarantine with its delivery."""
    payment, sticker = builders.payment(shop), builders.sticker(shop)
    run = nights.reconciled("vipps")
    nights.broken(run)
    refused = nights.quarantined("vipps")
    return [
        shop.code, sticker.code, shop.merchant.ref, payment.ref, str(run.file_id), str(refused.pk),
        str(refused.deliveries.get().pk),
    ]  # fmt: skip


@pytest.mark.parametrize("who", ["nobody", "stranger", "rival_admin"])
def test_outsiders_open_nothing_and_change_nothing(who, things, request) -> None:
    client = Client(raise_request_exception=False)
    if who != "nobody":
        client.force_login(request.getfixturevalue(who))
    before = everything()
    for pattern, address in addresses(things):
        if address in NOT_TRIED:
            continue
        shown, sent = client.get(address), client.post(address, {"note": "mine now"})
        assert shown.status_code < 500 > sent.status_code, address
        if ARGUMENT.search(pattern) and not pattern.startswith(OPEN_TO_ALL):
            assert shown.status_code != 200, address
            assert sent.status_code != 200, address
        if pattern.startswith("/admin/") and who != "rival_admin":
            assert shown.status_code in {302, 404} or "/login" in address, address
    assert everything() == before


@pytest.mark.parametrize("who", ["nobody", "owner", "vipps_admin", "reviewer", "clerk"])
def test_no_address_and_no_question_breaks_a_page(who, things, request) -> None:
    client = Client(raise_request_exception=False)
    if who != "nobody":
        client.force_login(request.getfixturevalue(who))
    before = everything()
    for _pattern, address in addresses(STRANGE):
        if address in NOT_TRIED:
            continue
        for answer in (client.get(address, ODD_QUESTION), client.post(address, ODD_QUESTION)):
            assert answer.status_code < 500, address
            assert "evil.example" not in answer.headers.get("location", "").split("?")[0], address
    assert everything() == before
