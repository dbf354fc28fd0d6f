"""The API of the wallets: payments, refunds and scanned codes."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from merchants.models import Enrolment, Location, Merchant, Sticker
from payments import acceptance
from payments.api import idempotency, limits, strict
from payments.models import IdempotencyKey, LedgerEntry, Payment, Refund
from tests import builders
from tests.builders import NOON
from wallets import credentials
from wallets.models import Credential, Tariff, Wallet, WalletCountry

ACTED = (Payment, Refund, LedgerEntry, IdempotencyKey)


class Caller:
    """A wallet's server: sends JSON with its key, and a fresh Idempotency-Key a request."""

    def __init__(self, wallet: Wallet) -> None:
        issued = credentials.issue(wallet=wallet, label="", by=None, now=NOON)
        self.key, self.credential = issued.key, issued.credential
        self.client = Client(headers={"authorization": f"Bearer {self.key}"})
        self._count = 0

    def get(self, path: str, **headers: str) -> Any:
        return self.client.get(f"/api/v1/{path}", headers=headers)

    def post(self, path: str, body: Any, key: str | None = None, **headers: str) -> Any:
        self._count += 1
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.client.post(
            f"/api/v1/{path}", raw, content_type="application/json",
            headers={"idempotency-key": key or f"key-{self._count}", **headers},
        )  # fmt: skip


@pytest.fixture(autouse=True)
def _at_noon(monkeypatch):
    monkeypatch.setattr("portal.core.clock.now", lambda: NOON)
    limits._buckets.clear()


@pytest.fixture
def vipps(alliance) -> Caller:
    return Caller(alliance["vipps"])


@pytest.fixture
def rival(alliance) -> Caller:
    return Caller(alliance["pivo"])


@pytest.fixture
def sticker(shop) -> Sticker:
    return builders.sticker(shop, till="Bar")


def asked(sticker: Sticker, **changes: Any) -> dict[str, Any]:
    body = {
        "code": sticker.code,
        "wallet_ref": "vps-1",
        "amount": {"value": 12_900, "currency": "NOK"},
        **changes,
    }
    return {name: value for name, value in body.items() if value is not ...}


def counts() -> list[int]:
    return [model.objects.count() for model in ACTED]


def refused(answer: Any, status: int, code: str) -> dict[str, Any]:
    """Check the form of a refusal and return its body."""
    assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json")
    body = json.loads(answer.content)
    assert body["code"] == code
    assert body["status"] == status
    assert body["type"] == f"urn:onestile:problem:{code}"
    assert body["title"]
    assert body["detail"]
    assert body["request_id"] == answer["X-Request-Id"]
    return body


def field_errors(answer: Any) -> list[tuple[str, str]]:
    body = refused(answer, 422, "invalid_fields")
    assert all(error["detail"] for error in body["errors"])
    return [(error["pointer"], error["code"]) for error in body["errors"]]


# --- payments


def test_a_wallet_reports_a_payment_for_a_scanned_code(vipps, sticker, shop):
    answer = vipps.post(
        "payments",
        asked(
            sticker, merchant_ref="Table 4 ☕", tip={"value": 900, "currency": "NOK"},
            occurred_at="2026-10-14T13:59:30.25+02:00", quote_id="q/1",
            payer_amount={"value": 1_120, "currency": "EUR"},
        ),
    )  # fmt: skip
    assert answer.status_code == 201
    payment = Payment.objects.get()
    body = answer.json()
    assert answer["Content-Type"] == "application/json"
    assert answer["Location"] == f"/api/v1/payments/{payment.ref}"
    assert "Idempotent-Replayed" not in answer
    assert body == {
        "id": payment.ref,
        "state": "accepted",
        "wallet_ref": "vps-1",
        "merchant_ref": "Table 4 ☕",
        "amount": {"value": 12_900, "currency": "NOK"},
        "tip": {"value": 900, "currency": "NOK"},
        "refunded": {"value": 0, "currency": "NOK"},
        "payer_amount": {"value": 1_120, "currency": "EUR"},
        "settlement": {
            "amount": {"value": 12_900, "currency": "NOK"},
            "fx_rate": "",
            "quote_id": "q/1",
            "settled_by": "vipps",
            "business_date": "2026-10-14",
            "due_on": payment.due_on.isoformat(),
        },
        "occurred_at": "2026-10-14T11:59:30.250000Z",
        "shop": {
            "name": shop.name, "street": "Storgata 1", "postcode": "0155", "city": "Oslo",
            "country": "NO", "mcc": "5814",
        },
        "refunds": [],
    }  # fmt: skip
    assert payment.sticker == sticker
    assert payment.issuer.code == "vipps"
    assert payment.occurred_at == datetime(2026, 10, 14, 11, 59, 30, 250_000, tzinfo=UTC)
    entry = LedgerEntry.objects.get()
    assert (entry.kind, entry.gross_minor, entry.wallet_ref) == ("sale", 12_900, "vps-1")


def test_without_a_time_the_payment_is_of_now(vipps, sticker):
    vipps.post("payments", asked(sticker))
    assert Payment.objects.get().occurred_at == NOON


def test_a_wallet_that_settles_in_another_currency_sends_its_rate(alliance, sticker):
    alipay = Caller(alliance["alipay"])
    refused(alipay.post("payments", asked(sticker)), 422, "rate_missing")
    assert counts() == [0, 0, 0, 0]
    answer = alipay.post("payments", asked(sticker, fx_rate="0.0852", quote_id="q-1"))
    assert answer.json()["settlement"]["amount"] == {"value": 1_099, "currency": "EUR"}
    assert Payment.objects.get().fx_rate == "0.0852"


@pytest.mark.parametrize("rate", ["0.000000000001", "999999999"])
def test_a_rate_that_makes_no_sensible_amount_is_refused(alliance, sticker, rate):
    amount = {"value": 10**7, "currency": "NOK"}
    answer = Caller(alliance["alipay"]).post(
        "payments", asked(sticker, amount=amount, fx_rate=rate)
    )
    refused(answer, 422, "amount_out_of_range")
    assert counts() == [0, 0, 0, 0]


def test_few_queries_make_a_payment(vipps, sticker):
    vipps.get(f"codes/{sticker.code}")  # the use of the key is noted once a minute
    with CaptureQueriesContext(
        connection,
    ) as captured:
        assert vipps.post("payments", asked(sticker)).status_code == 201
    sent = [query["sql"].split()[0] for query in captured]
    acts = [word for word in sent if word not in {"SAVEPOINT", "RELEASE"}]
    assert acts.count("INSERT") == 3, "payment, ledger entry, idempotency key"
    begin = sent.index("SAVEPOINT")
    assert sent[begin:].count("SELECT") == (connection.vendor == "postgresql"), "rules come first"
    asks_who_else = connection.vendor == "postgresql"
    assert acts.count("SELECT") == 8 + asks_who_else
    assert len(acts) == 11 + asks_who_else


# --- the key of idempotency


def test_the_same_request_again_has_the_same_answer_and_acts_once(vipps, sticker):
    first = vipps.post("payments", asked(sticker), key="k")
    before = counts()
    sticker.location.state = Location.State.SUSPENDED
    sticker.location.save()
    again = vipps.post("payments", asked(sticker), key="k")
    assert (again.status_code, again.content) == (201, first.content)
    assert again["Location"] == first["Location"]
    assert again["Content-Type"] == first["Content-Type"]
    assert again["Idempotent-Replayed"] == "true"
    assert counts() == before == [1, 0, 1, 1]


def test_a_replay_hours_later_is_not_too_old(vipps, sticker, monkeypatch):
    body = asked(sticker, occurred_at="2026-10-14T12:00:00Z")
    first = vipps.post("payments", body, key="k")
    monkeypatch.setattr("portal.core.clock.now", lambda: NOON + timedelta(hours=30))
    assert vipps.post("payments", body, key="k").content == first.content


def test_the_same_body_written_differently_is_the_same_request(vipps, sticker):
    body = asked(sticker)
    first = vipps.post("payments", body, key="k")
    other = json.dumps(dict(reversed(body.items())), indent=4).encode()
    again = vipps.post("payments", other, key="k")
    assert (again.content, again["Idempotent-Replayed"]) == (first.content, "true")


def test_the_same_key_for_another_body_is_refused(vipps, sticker):
    vipps.post("payments", asked(sticker), key="k")
    before = counts()
    answer = vipps.post("payments", asked(sticker, wallet_ref="vps-2"), key="k")
    refused(answer, 422, "idempotency_key_reused")
    assert counts() == before


def test_the_same_key_for_another_address_is_refused(vipps, sticker):
    ref = vipps.post("payments", asked(sticker), key="k").json()["id"]
    before = counts()
    body = {"wallet_ref": "r", "amount": {"value": 1, "currency": "NOK"}}
    refused(vipps.post(f"payments/{ref}/refunds", body, key="k"), 422, "idempotency_key_reused")
    assert counts() == before


def test_two_wallets_may_use_the_same_key(vipps, rival, sticker):
    assert vipps.post("payments", asked(sticker), key="k").status_code == 201
    assert rival.post("payments", asked(sticker), key="k").status_code == 201
    assert Payment.objects.count() == 2


def test_a_refused_request_may_come_again_with_the_same_key(vipps, sticker, shop):
    Location.objects.update(state=Location.State.SUSPENDED)
    refused(vipps.post("payments", asked(sticker), key="k"), 422, "location_not_accepting")
    assert field_errors(vipps.post("payments", asked(sticker, wallet_ref=...), key="k"))
    assert counts() == [0, 0, 0, 0]
    Location.objects.update(state=Location.State.ACCEPTING)
    assert vipps.post("payments", asked(sticker), key="k").status_code == 201


@pytest.mark.parametrize("key", ["", "a" * 256, "with space", "ümlaut", "tab\t"])
def test_a_request_without_a_sound_key_is_refused(vipps, sticker, key):
    answer = vipps.client.post(
        "/api/v1/payments", json.dumps(asked(sticker)), content_type="application/json",
        headers={"idempotency-key": key} if key else {},
    )  # fmt: skip
    refused(answer, 400, "idempotency_key_missing")
    assert counts() == [0, 0, 0, 0]


def test_a_key_may_have_255_characters(vipps, sticker):
    assert vipps.post("payments", asked(sticker), key="~" * 255).status_code == 201


def missed_once(monkeypatch):
    """Let the first look-up of a key miss, as when another connection commits just after."""
    really, looked = idempotency._kept, []

    def kept(wallet, key):
        looked.append(key)
        return None if len(looked) == 1 else really(wallet, key)

    monkeypatch.setattr(idempotency, "_kept", kept)


def test_who_loses_a_race_gets_the_answer_of_who_won(vipps, sticker, monkeypatch):
    first = vipps.post("payments", asked(sticker), key="k")
    before = counts()
    missed_once(monkeypatch)
    again = vipps.post("payments", asked(sticker), key="k")
    assert (again.status_code, again.content) == (201, first.content)
    assert again["Idempotent-Replayed"] == "true"
    assert counts() == before


def test_a_race_with_another_body_books_nothing(vipps, sticker, monkeypatch):
    vipps.post("payments", asked(sticker), key="k")
    before = counts()
    missed_once(monkeypatch)
    answer = vipps.post("payments", asked(sticker, wallet_ref="vps-2"), key="k")
    refused(answer, 422, "idempotency_key_reused")
    assert counts() == before


def test_a_request_still_being_worked_on_is_put_off(vipps, sticker, monkeypatch):
    monkeypatch.setattr(idempotency, "_is_alone", lambda wallet, key: False)
    answer = vipps.post("payments", asked(sticker))
    refused(answer, 409, "request_in_flight")
    assert answer["Retry-After"] == "1"
    assert counts() == [0, 0, 0, 0]


def test_a_key_without_an_answer_yet_is_put_off(vipps, sticker):
    vipps.post("payments", asked(sticker), key="k")
    IdempotencyKey.objects.update(status=None, body=None)
    before = counts()
    refused(vipps.post("payments", asked(sticker), key="k"), 409, "request_in_flight")
    assert counts() == before


def test_payment_and_key_stand_or_fall_together(vipps, sticker, monkeypatch):
    def broken(**_fields):
        raise IntegrityError("no")

    monkeypatch.setattr(IdempotencyKey.objects, "create", broken)
    refused(vipps.post("payments", asked(sticker)), 500, "internal_error")
    assert counts() == [0, 0, 0, 0]


def test_keys_are_forgotten_after_a_week(vipps, sticker):
    vipps.post("payments", asked(sticker), key="k")
    assert idempotency.forget_old(now=NOON + timedelta(days=7)) == 0
    assert idempotency.forget_old(now=NOON + timedelta(days=7, seconds=1)) == 1
    refused(vipps.post("payments", asked(sticker), key="k"), 409, "payment_already_reported")
    assert Payment.objects.count() == 1


# --- what the rules refuse


def test_a_payment_reported_under_another_key_is_known(vipps, sticker):
    vipps.post("payments", asked(sticker))
    before = counts()
    refused(vipps.post("payments", asked(sticker)), 409, "payment_already_reported")
    assert counts() == before


def suspend_shop():
    Location.objects.update(state=Location.State.SUSPENDED)


def suspend_merchant():
    Merchant.objects.update(state=Merchant.State.SUSPENDED)


def revoke_sticker():
    Sticker.objects.update(state=Sticker.State.REVOKED)


def end_enrolment():
    Enrolment.objects.filter(wallet__code="vipps").update(state=Enrolment.State.SUSPENDED)


def end_cover():
    WalletCountry.objects.filter(wallet__code="vipps").delete()


def only_acquire():
    Wallet.objects.filter(code="vipps").update(issues=False)


WHY_NOT = [
    (suspend_shop, 422, "location_not_accepting"),
    (suspend_merchant, 422, "location_not_accepting"),
    (revoke_sticker, 422, "code_revoked"),
    (end_enrolment, 422, "wallet_not_enrolled"),
    (end_cover, 422, "currency_not_covered"),
    (only_acquire, 403, "wallet_does_not_pay"),
]


@pytest.mark.parametrize(("change", "status", "code"), WHY_NOT)
def test_a_code_says_beforehand_why_its_payment_is_refused(vipps, sticker, change, status, code):
    change()
    told = vipps.get(f"codes/{sticker.code}").json()
    assert (told["accepted"], told["reason"]["code"], told["settles_in"]) == (False, code, None)
    assert told["reason"]["detail"]
    refused(vipps.post("payments", asked(sticker)), status, code)
    assert counts() == [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"code": "NOSUCHCODE"}, "code_unknown"),
        ({"amount": {"value": 100, "currency": "EUR"}}, "currency_not_of_location"),
    ],
)
def test_a_payment_that_cannot_be_is_refused(vipps, sticker, change, code):
    refused(vipps.post("payments", asked(sticker, **change)), 422, code)
    assert counts() == [0, 0, 0, 0]


def test_a_missing_tariff_is_our_fault_and_says_so(vipps, sticker):
    Tariff.objects.filter(wallet__code="vipps").delete()
    answer = vipps.post("payments", asked(sticker))
    refused(answer, 503, "tariff_missing")
    assert answer["Retry-After"] == "3600"
    assert counts() == [0, 0, 0, 0]


def test_a_locked_database_asks_to_come_again(vipps, sticker, monkeypatch):
    def locked(_drafted):
        raise OperationalError("database is locked")

    monkeypatch.setattr(acceptance, "book", locked)
    answer = vipps.post("payments", asked(sticker), key="k")
    body = refused(answer, 503, "temporarily_unavailable")
    assert answer["Retry-After"] == "2"
    assert "locked" not in str(body)
    assert counts() == [0, 0, 0, 0]


def test_a_fault_of_ours_shows_nothing_of_the_inside(vipps, sticker, monkeypatch, caplog):
    def broken(_drafted):
        raise RuntimeError("the secret recipe")

    monkeypatch.setattr(acceptance, "book", broken)
    answer = vipps.post("payments", asked(sticker), **{"x-request-id": "call-0001"})
    refused(answer, 500, "internal_error")
    assert b"recipe" not in answer.content
    assert b"Traceback" not in answer.content
    assert "call-0001" in caplog.text
    assert "the secret recipe" in caplog.text
    assert counts() == [0, 0, 0, 0]


def test_a_refusal_the_api_does_not_know_is_a_fault_of_ours(vipps, sticker, monkeypatch):
    def new_rule(**_kwargs):
        raise acceptance.CannotAccept("brand_new", "A rule nobody listed.")

    monkeypatch.setattr(acceptance, "draft_scanned", new_rule)
    refused(vipps.post("payments", asked(sticker)), 500, "internal_error")


# --- what is not as documented

HUGE = 10**30


@pytest.mark.parametrize(
    ("change", "pointer", "code"),
    [
        ({"code": ...}, "/code", "required"),
        ({"code": None}, "/code", "required"),
        ({"code": 12}, "/code", "not_text"),
        ({"code": "https://q.example/q/A"}, "/code", "bad_format"),
        ({"code": "A\x00B"}, "/code", "bad_format"),
        ({"code": "\uff21BC"}, "/code", "bad_format"),
        ({"wallet_ref": ...}, "/wallet_ref", "required"),
        ({"wallet_ref": ""}, "/wallet_ref", "bad_format"),
        ({"wallet_ref": "-a"}, "/wallet_ref", "bad_format"),
        ({"wallet_ref": "a b"}, "/wallet_ref", "bad_format"),
        ({"wallet_ref": "a\n"}, "/wallet_ref", "bad_format"),
        ({"wallet_ref": "a" * 65}, "/wallet_ref", "bad_format"),
        ({"wallet_ref": "\u0661"}, "/wallet_ref", "bad_format"),
        ({"wallet_ref": True}, "/wallet_ref", "not_text"),
        ({"wallet_ref": ["a"]}, "/wallet_ref", "not_text"),
        ({"amount": ...}, "/amount", "required"),
        ({"amount": 100}, "/amount", "not_an_object"),
        ({"amount": []}, "/amount", "not_an_object"),
        ({"amount": {"currency": "NOK"}}, "/amount/value", "required"),
        ({"amount": {"value": 1}}, "/amount/currency", "required"),
        ({"amount": {"value": "100", "currency": "NOK"}}, "/amount/value", "not_an_integer"),
        ({"amount": {"value": True, "currency": "NOK"}}, "/amount/value", "not_an_integer"),
        ({"amount": {"value": 1.0, "currency": "NOK"}}, "/amount/value", "not_an_integer"),
        ({"amount": {"value": 1e3, "currency": "NOK"}}, "/amount/value", "not_an_integer"),
        ({"amount": {"value": HUGE, "currency": "NOK"}}, "/amount/value", "not_an_integer"),
        ({"amount": {"value": 0, "currency": "NOK"}}, "/amount/value", "out_of_range"),
        ({"amount": {"value": -1, "currency": "NOK"}}, "/amount/value", "out_of_range"),
        ({"amount": {"value": 10**13 + 1, "currency": "NOK"}}, "/amount/value", "out_of_range"),
        ({"amount": {"value": 1, "currency": "nok"}}, "/amount/currency", "bad_format"),
        ({"amount": {"value": 1, "currency": "XXX"}}, "/amount/currency", "currency_unknown"),
        ({"amount": {"value": 1, "currency": "NOK", "x": 1}}, "/amount/x", "unknown_field"),
        ({"tip": {"value": -1, "currency": "NOK"}}, "/tip/value", "out_of_range"),
        ({"tip": {"value": 12_901, "currency": "NOK"}}, "/tip/value", "out_of_range"),
        ({"tip": {"value": 1, "currency": "SEK"}}, "/tip/currency", "currency_differs"),
        (
            {"payer_amount": {"value": 1, "currency": "ABC"}},
            "/payer_amount/currency",
            "currency_unknown",
        ),
        ({"merchant_ref": 4}, "/merchant_ref", "not_text"),
        ({"merchant_ref": "a\x00"}, "/merchant_ref", "bad_format"),
        ({"merchant_ref": "a\nb"}, "/merchant_ref", "bad_format"),
        ({"merchant_ref": "a\u202eb"}, "/merchant_ref", "bad_format"),
        ({"merchant_ref": "a" * 65}, "/merchant_ref", "bad_format"),
        ({"quote_id": "q 1"}, "/quote_id", "bad_format"),
        ({"fx_rate": 0.5}, "/fx_rate", "not_text"),
        ({"fx_rate": "0"}, "/fx_rate", "bad_format"),
        ({"fx_rate": "0.000"}, "/fx_rate", "bad_format"),
        ({"fx_rate": "1e3"}, "/fx_rate", "bad_format"),
        ({"fx_rate": "-1"}, "/fx_rate", "bad_format"),
        ({"fx_rate": "1,5"}, "/fx_rate", "bad_format"),
        ({"fx_rate": "01"}, "/fx_rate", "bad_format"),
        ({"fx_rate": "\u0661"}, "/fx_rate", "bad_format"),
        ({"fx_rate": "1.0000000000001"}, "/fx_rate", "bad_format"),
        ({"fx_rate": "NaN"}, "/fx_rate", "bad_format"),
        ({"occurred_at": 1}, "/occurred_at", "not_text"),
        ({"occurred_at": "2026-10-14"}, "/occurred_at", "bad_format"),
        ({"occurred_at": "2026-10-14T12:00:00"}, "/occurred_at", "bad_format"),
        ({"occurred_at": "2026-10-14 12:00:00Z"}, "/occurred_at", "bad_format"),
        ({"occurred_at": "2026-02-30T12:00:00Z"}, "/occurred_at", "bad_format"),
        ({"occurred_at": "2026-10-14T12:00:60Z"}, "/occurred_at", "bad_format"),
        ({"occurred_at": "0001-01-01T00:00:00+14:00"}, "/occurred_at", "bad_format"),
        ({"occurred_at": "2026-10-14T10:59:59Z"}, "/occurred_at", "too_old"),
        ({"occurred_at": "2026-10-14T12:05:01Z"}, "/occurred_at", "in_the_future"),
        ({"walletref": "x"}, "/walletref", "unknown_field"),
        ({"a/b~c": 1}, "/a~1b~0c", "unknown_field"),
    ],
)
def test_a_field_that_is_not_as_documented_is_named(vipps, sticker, change, pointer, code):
    assert field_errors(vipps.post("payments", asked(sticker, **change))) == [(pointer, code)]
    assert counts() == [0, 0, 0, 0]


def test_all_that_is_wrong_is_said_at_once(vipps):
    assert field_errors(vipps.post("payments", {"amount": {"value": 1.5}, "x": 1})) == [
        ("/code", "required"),
        ("/wallet_ref", "required"),
        ("/amount/value", "not_an_integer"),
        ("/amount/currency", "required"),
        ("/x", "unknown_field"),
    ]


@pytest.mark.parametrize("edge", ["2026-10-14T11:00:00Z", "2026-10-14T14:05:00+02:00"])
def test_the_edges_of_the_time_allowed_are_in(vipps, sticker, edge):
    assert vipps.post("payments", asked(sticker, occurred_at=edge)).status_code == 201


@pytest.mark.parametrize("body", [[], "text", 1, True, None])
def test_a_body_that_is_no_object_is_refused(vipps, body):
    assert field_errors(vipps.post("payments", body)) == [("", "not_an_object")]


def test_a_body_without_anything_is_refused(vipps):
    assert ("/code", "required") in field_errors(vipps.post("payments", b""))


@pytest.mark.parametrize(
    "raw",
    [
        b"{", b"{}{}", b"{'a': 1}", b'{"a": NaN}', b'{"a": Infinity}', b'{"a": 01}',
        b'{"a": 1, "a": 2}', b'{"amount": {"value": 1, "value": 2}}', b'\xef\xbb\xbf{}',
        b'{"a": "\xff"}', b'{"a": "\\ud800"}', b'{"a": "\n"}', b'{"a": \xd9\xa1}',
        b"[" * 9_000, b'{"a":' * 3_000, b'{"a": 1,}', b"// x\n{}",
    ],
)  # fmt: skip
def test_what_is_not_strict_json_is_refused(vipps, raw):
    refused(vipps.post("payments", raw), 400, "malformed_json")
    assert counts() == [0, 0, 0, 0]


def test_a_body_has_a_largest_size(vipps, sticker):
    body = json.dumps(asked(sticker)).encode()
    fits = body + b" " * (strict.LARGEST_BODY - len(body))
    refused(vipps.post("payments", fits + b" "), 413, "body_too_large")
    assert counts() == [0, 0, 0, 0]
    assert vipps.post("payments", fits).status_code == 201


@pytest.mark.parametrize(
    "media_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""]
)
def test_only_json_is_taken(vipps, sticker, media_type):
    answer = vipps.client.generic(
        "POST", "/api/v1/payments", json.dumps(asked(sticker)), content_type=media_type,
        headers={"idempotency-key": "k"},
    )  # fmt: skip
    refused(answer, 415, "media_type_not_json")
    assert counts() == [0, 0, 0, 0]


def test_json_may_name_its_charset_and_any_answer_is_json(vipps, sticker):
    answer = vipps.client.generic(
        "POST", "/api/v1/payments?format=xml", json.dumps(asked(sticker)),
        content_type="Application/JSON; charset=utf-8",
        headers={"idempotency-key": "k", "accept": "text/html"},
    )  # fmt: skip
    assert (answer.status_code, answer["Content-Type"]) == (201, "application/json")


# --- refunds


@pytest.fixture
def paid(vipps, sticker) -> str:
    return vipps.post("payments", asked(sticker)).json()["id"]


def back(value: int = 4_000, **changes: Any) -> dict[str, Any]:
    return {"wallet_ref": "vps-r1", "amount": {"value": value, "currency": "NOK"}, **changes}


def test_a_wallet_gives_money_back(vipps, paid):
    answer = vipps.post(f"payments/{paid}/refunds", back(merchant_ref="Wrong size"))
    assert answer.status_code == 201
    refund = Refund.objects.get()
    assert answer["Location"] == f"/api/v1/payments/{paid}"
    assert answer.json() == {
        "id": refund.ref,
        "payment": paid,
        "wallet_ref": "vps-r1",
        "merchant_ref": "Wrong size",
        "amount": {"value": 4_000, "currency": "NOK"},
        "settlement": {
            "amount": {"value": 4_000, "currency": "NOK"},
            "business_date": "2026-10-14",
            "due_on": refund.due_on.isoformat(),
        },
        "occurred_at": "2026-10-14T12:00:00Z",
    }
    told = vipps.get(f"payments/{paid}").json()
    assert (told["state"], told["refunded"]["value"]) == ("partly_refunded", 4_000)
    assert told["refunds"] == [answer.json()]
    entry = LedgerEntry.objects.get(kind="refund")
    assert (entry.gross_minor, entry.refund) == (-4_000, refund)


def test_a_refund_is_replayed_too(vipps, paid):
    first = vipps.post(f"payments/{paid}/refunds", back(), key="r")
    again = vipps.post(f"payments/{paid}/refunds", back(), key="r")
    assert (again.content, again["Idempotent-Replayed"]) == (first.content, "true")
    assert Payment.objects.get().refunded_minor == 4_000


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (back(12_901), 422, "refund_exceeds_payment"),
        (back(amount={"value": 1, "currency": "EUR"}), 422, "currency_not_of_payment"),
        (back(0), 422, "invalid_fields"),
        (back(reason="x"), 422, "invalid_fields"),
        ({"amount": {"value": 1, "currency": "NOK"}}, 422, "invalid_fields"),
        (back(occurred_at="2026-10-14T10:59:59Z"), 422, "invalid_fields"),
        (back(merchant_ref="\x07"), 422, "invalid_fields"),
    ],
)
def test_a_refund_that_cannot_be_is_refused(vipps, paid, body, status, code):
    before = counts()
    refused(vipps.post(f"payments/{paid}/refunds", body), status, code)
    assert counts() == before
    assert Payment.objects.get().refunded_minor == 0


def test_a_refund_reported_under_another_key_is_known(vipps, paid):
    vipps.post(f"payments/{paid}/refunds", back())
    before = counts()
    refused(vipps.post(f"payments/{paid}/refunds", back()), 409, "refund_already_reported")
    assert counts() == before
    assert Payment.objects.get().refunded_minor == 4_000


def test_refunds_never_exceed_the_payment(vipps, paid):
    vipps.post(f"payments/{paid}/refunds", back(12_900))
    answer = vipps.post(f"payments/{paid}/refunds", back(1, wallet_ref="vps-r2"))
    refused(answer, 422, "refund_exceeds_payment")
    assert Payment.objects.get().state == "refunded"
    assert Refund.objects.count() == 1


# --- whose it is


def test_a_rivals_payment_is_as_unknown_as_one_that_is_not(vipps, rival, paid):
    answers = [
        rival.get(f"payments/{ref}", **{"x-request-id": "the-same"})
        for ref in (paid, "pay_00000000000000000000000000", "nonsense", "pay_\x00")
    ]
    refused(answers[0], 404, "not_found")
    assert {answer.content for answer in answers} == {answers[0].content}
    assert len({str(sorted(answer.items())) for answer in answers}) == 1


def test_a_rivals_payment_is_not_given_back(rival, paid):
    before = counts()
    answers = [
        rival.post(f"payments/{ref}/refunds", back(), **{"x-request-id": "the-same"})
        for ref in (paid, "pay_00000000000000000000000000")
    ]
    refused(answers[0], 404, "not_found")
    assert answers[0].content == answers[1].content
    assert counts() == before
    assert Payment.objects.get().refunded_minor == 0


def test_the_acquirer_does_not_see_what_a_rival_sold_at_its_shop(vipps, rival, sticker):
    ref = rival.post("payments", asked(sticker)).json()["id"]
    assert Payment.objects.get().acquirer.code == "vipps"
    refused(vipps.get(f"payments/{ref}"), 404, "not_found")


# --- codes


def test_a_code_tells_what_it_is_and_no_more(vipps, sticker, shop):
    answer = vipps.get(f"codes/{sticker.code}")
    assert answer.json() == {
        "code": sticker.code,
        "till": "Bar",
        "shop": {
            "name": shop.name, "street": "Storgata 1", "postcode": "0155", "city": "Oslo",
            "country": "NO", "mcc": "5814",
        },
        "currency": "NOK",
        "accepted": True,
        "reason": None,
        "settles_in": "NOK",
    }  # fmt: skip
    for secret in (shop.merchant.iban, shop.merchant.legal_name, shop.merchant.ref, "Pivo"):
        assert secret.encode() not in answer.content


def test_a_code_tells_who_settles_in_another_currency(alliance, sticker):
    told = Caller(alliance["alipay"]).get(f"codes/{sticker.code}").json()
    assert (told["accepted"], told["settles_in"]) == (True, "EUR")


@pytest.mark.parametrize("code", ["NOSUCHCODE", "a b", "%00", "é", "x" * 300])
def test_an_unknown_code_is_not_found(vipps, alliance, code):
    refused(vipps.get(f"codes/{code}"), 404, "not_found")


# --- who calls

EVERY_DOOR = [
    ("GET", "/api/v1/codes/TEST"),
    ("POST", "/api/v1/payments"),
    ("GET", "/api/v1/payments/pay_1"),
    ("POST", "/api/v1/payments/pay_1/refunds"),
]


@pytest.mark.parametrize(("method", "path"), EVERY_DOOR)
def test_no_door_opens_without_a_key(alliance, method, path):
    answer = Client().generic(method, path, b"{}", content_type="application/json")
    refused(answer, 401, "credential_missing")
    assert answer["WWW-Authenticate"] == 'Bearer realm="onestile"'


@pytest.mark.parametrize(("method", "path"), EVERY_DOOR)
def test_no_door_opens_to_a_session(vipps_admin, method, path):
    client = Client()
    client.force_login(vipps_admin)
    answer = client.generic(method, path, b"{}", content_type="application/json")
    refused(answer, 401, "credential_missing")


@pytest.mark.parametrize(
    "header", ["Bearer", "Bearer sk_000000000000_x", "Basic dXNlcjpwYXNz", "Token x", "Bearer é"]
)
def test_a_key_that_opens_nothing_is_refused(vipps, sticker, header):
    answer = Client().get(f"/api/v1/codes/{sticker.code}", headers={"authorization": header})
    refused(answer, 401, "credential_invalid")
    assert answer["WWW-Authenticate"] == 'Bearer realm="onestile"'


def test_a_revoked_key_is_refused(vipps, sticker):
    credentials.revoke(vipps.credential, by=None, now=NOON)
    refused(vipps.post("payments", asked(sticker)), 401, "credential_invalid")
    assert counts() == [0, 0, 0, 0]


def test_the_key_may_be_seen_to_be_used(vipps, sticker):
    vipps.get(f"codes/{sticker.code}")
    assert Credential.objects.get().last_used_at is not None


def test_answers_are_kept_in_no_cache(vipps, sticker, paid):
    assert vipps.get(f"codes/{sticker.code}")["Cache-Control"] == "no-store"
    assert vipps.get(f"payments/{paid}")["Cache-Control"] == "no-store"


# --- addresses and methods


@pytest.mark.parametrize(
    "path", ["", "payments/", "payments/a/b", "nothing", "payments/x/refunds/"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_any_other_address_is_not_found(vipps, method, path):
    refused(vipps.client.generic(method, f"/api/v1/{path}"), 404, "not_found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "payments", "POST"),
        ("DELETE", "payments", "POST"),
        ("OPTIONS", "payments", "POST"),
        ("PATCH", "payments/pay_1", "GET"),
        ("POST", "codes/A", "GET"),
        ("GET", "payments/pay_1/refunds", "POST"),
    ],
)
def test_a_method_that_is_none_says_which_are(vipps, method, path, allowed):
    answer = vipps.client.generic(method, f"/api/v1/{path}")
    refused(answer, 405, "method_not_allowed")
    assert allowed in answer["Allow"]


def test_a_key_gone_wild_is_slowed_down(vipps, rival, sticker, monkeypatch):
    monkeypatch.setattr(limits, "CALLS_AT_ONCE", 2.0)
    monkeypatch.setattr(limits, "CALLS_A_SECOND", 0.1)
    for _ in range(2):
        assert vipps.get(f"codes/{sticker.code}").status_code == 200
    answer = vipps.post("payments", asked(sticker))
    refused(answer, 429, "too_many_requests")
    assert answer["Retry-After"] == "10"
    assert counts() == [0, 0, 0, 0]
    assert rival.get(f"codes/{sticker.code}").status_code == 200


def test_a_bucket_refills_steadily(monkeypatch):
    monkeypatch.setattr(limits, "CALLS_AT_ONCE", 2.0)
    monkeypatch.setattr(limits, "CALLS_A_SECOND", 1.0)
    limits._buckets.clear()
    assert [limits.take(1, now=0.0) for _ in range(3)] == [0.0, 0.0, 1.0]
    assert limits.take(1, now=1.0) == 0.0
    assert limits.take(1, now=1.0) == 1.0
    assert [limits.take(1, now=100.0) for _ in range(3)] == [0.0, 0.0, 1.0]
