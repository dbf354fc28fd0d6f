"""docs/api.md says what the API does: every code, and examples that work."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from payments import acceptance
from payments.api import limits, problems, serializers, strict, views
from payments.models import Payment
from tests import builders
from tests.builders import NOON
from wallets import credentials

DOC = (Path(__file__).parents[2] / "docs" / "api.md").read_text()
ROW = re.compile(r"^\| `(\w+)` \| (?:(\d{3}) \| )?", re.MULTILINE)


def _table(heading: str) -> list[tuple[str, str]]:
    """Return code and status of each row of the table that begins with a heading."""
    table = DOC[DOC.index(heading) :].partition("\n\n")[0]
    return ROW.findall(table)


def test_every_code_is_explained_with_its_status_and_in_order():
    told = [(code, int(status)) for code, status in _table("| Code | Status |")]
    assert told == [(code, status) for code, (status, _title) in problems.CODES.items()]


def test_every_code_of_a_field_is_explained_in_order():
    assert tuple(code for code, _ in _table("| Code | What to do |")) == problems.FIELD_CODES


def _sources(*modules: Any) -> str:
    return "\n".join(Path(module.__file__).read_text() for module in modules)


def test_every_code_that_is_raised_is_listed():
    raised = set(
        re.findall(
            r"(?:CannotAccept|Refused)\(\s*\"(\w+)\"",
            _sources(acceptance, problems, strict, serializers, views),
        )
    )
    assert raised - problems.CODES.keys() == set()
    assert len(raised) > 20


def test_every_code_that_is_listed_is_raised():
    text = _sources(acceptance, problems, strict, serializers, views) + (
        Path(views.__file__).with_name("idempotency.py").read_text()
    )
    raised = set(re.findall(r"(?:CannotAccept|Refused)\(\s*\"(\w+)\"", text))
    assert problems.CODES.keys() - raised == set()


def test_every_code_of_a_field_is_listed_and_used():
    text = _sources(strict, serializers)
    used = set(re.findall(r"\.wrong\(\s*(?:\w+|\"[^\"]+\"),\s*\"(\w+)\"", text))
    used |= set(re.findall(r"FieldError\(\w+, \"(\w+)\"", text))
    assert used == set(problems.FIELD_CODES)


def test_the_limits_are_as_told():
    assert strict.LARGEST_BODY == 16 * 1024
    assert (limits.CALLS_A_SECOND, limits.CALLS_AT_ONCE) == (100, 1_000)
    assert "100 requests a second are fine, with bursts of 1,000" in DOC


@pytest.fixture
def vipps(alliance, monkeypatch) -> Client:
    monkeypatch.setattr("portal.core.clock.now", lambda: NOON)
    issued = credentials.issue(wallet=alliance["vipps"], label="", by=None, now=NOON)
    return Client(headers={"authorization": f"Bearer {issued.key}"})


def _run(client: Client, command: str, **known: str) -> Any:
    """Send what a curl command of the page would send."""
    words = shlex.split(command.replace("\\\n", " "))
    address = words[1].removeprefix("$ONESTILE")
    for shown, real in known.items():
        address = address.replace(shown.replace("___", "..."), real)
    sent = dict(zip(words[2::2], words[3::2], strict=True))
    headers = dict(
        word.split(": ", 1)
        for flag, word in zip(words[2::2], words[3::2], strict=True)
        if flag == "-H" and not word.startswith("Authorization")
    )
    if "-d" not in sent:
        return client.get(address, headers=headers)
    return client.post(
        address, sent["-d"], content_type=headers.pop("Content-Type"), headers=headers
    )


def _shape(value: Any) -> Any:
    """Return the names in a JSON value, without what they say."""
    if isinstance(value, dict):
        return {name: _shape(inner) for name, inner in value.items()}
    return None


def test_the_examples_work_and_answer_what_is_shown(vipps, shop):
    builders.sticker(shop, code="7K2QMXRD4", till="Bar")
    ask, pay, give_back = re.findall(r"```sh\n(curl .*?)\n```", DOC, re.DOTALL)
    code, payment, problem = (
        json.loads(text) for text in re.findall(r"```json\n(.*?)\n```", DOC, re.DOTALL)
    )

    answer = _run(vipps, ask)
    assert answer.status_code == 200
    assert _shape(answer.json()) == _shape(code)

    answer = _run(vipps, pay)
    assert answer.status_code == 201
    assert _shape(answer.json()) == _shape(payment)
    same = {"wallet_ref", "amount", "state", "tip", "refunded", "payer_amount", "occurred_at"}
    assert {n: answer.json()[n] for n in same} == {n: payment[n] for n in same}

    answer = _run(vipps, give_back, pay_0f3c___=answer.json()["id"])
    assert answer.status_code == 201
    assert Payment.objects.get().refunded_minor == 4_000

    refusal = vipps.post(
        "/api/v1/payments",
        {"code": "A", "wallet_ref": "b", "amount": {"value": 1.5, "currency": "NOK"}},
        content_type="application/json",
        headers={"idempotency-key": "k", "x-request-id": problem["request_id"]},
    )
    assert refusal.json() == problem


def test_the_states_are_as_told():
    for state in Payment.State.values:
        assert f"`{state}`" in DOC
