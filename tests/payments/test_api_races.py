"""The same request on many connections at once, on a real database server."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from payments.models import IdempotencyKey, LedgerEntry, Payment, Refund
from tests import builders
from wallets import credentials, partners
from wallets.models import Wallet

pytestmark = [pytest.mark.services, pytest.mark.django_db(transaction=True)]
AT_ONCE = 8


@pytest.fixture
def key(tmp_path) -> str:
    partners.set_up(places=tmp_path / "feeds")
    vipps = Wallet.objects.get(code="vipps")
    return credentials.issue(wallet=vipps, label="", by=None, now=timezone.now()).key


def post_all(key: str, path: str, asked: list[tuple[str, dict[str, Any]]]) -> list[Any]:
    """Send requests (Idempotency-Key, body) at once, each on a connection of its own."""

    def post(one: tuple[str, dict[str, Any]]) -> Any:
        client = Client(headers={"authorization": f"Bearer {key}"})
        try:
            return client.post(
                path, json.dumps(one[1]), content_type="application/json",
                headers={"idempotency-key": one[0]},
            )  # fmt: skip
        finally:
            connection.close()

    with ThreadPoolExecutor(AT_ONCE) as threads:
        return list(threads.map(post, asked))


def payment(code: str, ref: str = "vps-1") -> dict[str, Any]:
    return {"code": code, "wallet_ref": ref, "amount": {"value": 10_000, "currency": "NOK"}}


def test_one_request_sent_many_times_at_once_is_one_payment(key):
    code = builders.sticker().code
    answers = post_all(key, "/api/v1/payments", [("k", payment(code))] * 40)
    assert {answer.status_code for answer in answers} <= {201, 409}
    for answer in answers:
        if answer.status_code == 409:
            assert answer.json()["code"] == "request_in_flight"
            assert answer["Retry-After"] == "1"
    assert len({answer.content for answer in answers if answer.status_code == 201}) == 1
    assert sum("Idempotent-Replayed" not in a for a in answers if a.status_code == 201) == 1
    assert [m.objects.count() for m in (Payment, LedgerEntry, IdempotencyKey)] == [1, 1, 1]


def test_one_payment_under_many_keys_is_one_payment(key):
    code = builders.sticker().code
    asked = [(f"k-{number}", payment(code)) for number in range(40)]
    answers = post_all(key, "/api/v1/payments", asked)
    codes = sorted(a.json().get("code", a.status_code) for a in answers if a.status_code != 201)
    assert codes == ["payment_already_reported"] * 39
    assert [m.objects.count() for m in (Payment, LedgerEntry, IdempotencyKey)] == [1, 1, 1]


def test_one_key_for_two_bodies_at_once_books_one(key):
    code = builders.sticker().code
    asked = [("k", payment(code, f"vps-{number % 2}")) for number in range(40)]
    answers = post_all(key, "/api/v1/payments", asked)
    refused = {a.json()["code"] for a in answers if a.status_code != 201}
    assert refused <= {"idempotency_key_reused", "request_in_flight"}
    assert [m.objects.count() for m in (Payment, LedgerEntry, IdempotencyKey)] == [1, 1, 1]


def test_refunds_at_once_never_exceed_the_payment(key):
    code = builders.sticker().code
    (paid,) = post_all(key, "/api/v1/payments", [("k", payment(code))])
    path = f"/api/v1/payments/{paid.json()['id']}/refunds"
    asked = [
        (f"r-{n}", {"wallet_ref": f"r-{n}", "amount": {"value": 3_000, "currency": "NOK"}})
        for n in range(20)
    ]
    answers = post_all(key, path, asked)
    assert sum(answer.status_code == 201 for answer in answers) == 3
    refused = {a.json()["code"] for a in answers if a.status_code != 201}
    assert refused == {"refund_exceeds_payment"}
    assert Payment.objects.get().refunded_minor == 9_000
    assert Refund.objects.count() == 3
