"""The pages of mappings: superusers write, a wallet's own admins try, rivals find nothing."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from portal.core.models import AuditEntry, User
from tests.builders import NOON
from tests.wallets.formats import samples
from tests.wallets.formats.cases import CASES, lines_of
from wallets import formats, mappings
from wallets.admin.described import DescriptionForm
from wallets.admin.feed import FeedForm
from wallets.formats import description, guess
from wallets.models import Feed, Mapping

NAME = "settle_20261014_41.csv"
LIST = "admin:wallets_mapping_changelist"


@pytest.fixture
def boss(db) -> User:
    return User.objects.create_superuser("boss@onestile.example", "correct horse")


def sample(text: str = description.EXAMPLE_FILE, name: str = NAME) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, text.encode())


@pytest.fixture
def draft(alliance, boss) -> Mapping:
    return mappings.draft(
        wallet=alliance["vipps"], name="Daily CSV", description=deepcopy(description.EXAMPLE),
        by=boss, now=NOON,
    )  # fmt: skip


@pytest.fixture
def ready(draft, boss, tmp_path: Path) -> Mapping:
    path = tmp_path / "upload"
    path.write_text(description.EXAMPLE_FILE, encoding="utf-8")
    mappings.try_out(draft, name=NAME, path=path, by=boss, now=NOON)
    return draft


def page(mapping: Mapping) -> str:
    return reverse("admin:wallets_mapping_change", args=[mapping.pk])


def act(name: str, mapping: Mapping) -> str:
    return reverse(f"admin:wallets_mapping_{name}", args=[mapping.pk])


def answers(said: dict[str, Any], **changed: Any) -> dict[str, Any]:
    """What a browser sends of a form that shows this description, some of it typed anew."""
    form = DescriptionForm(said)
    found = {}
    for name, field in form.fields.items():
        value = field.initial
        if value is True:
            found[name] = "on"
        elif value not in (None, False, ""):
            found[name] = str(value)
    return {**found, **changed}


def state() -> tuple[Any, ...]:
    return (
        list(Mapping.objects.order_by("pk").values()),
        list(Feed.objects.order_by("pk").values_list("format", "mapping_id")),
        AuditEntry.objects.count(),
    )


def test_a_sample_fills_the_draft_that_is_shown_to_be_confirmed(client, boss, alliance):
    client.force_login(boss)
    shown = client.get(reverse("admin:wallets_mapping_add")).content.decode()
    assert "guessed from it into the draft" in shown
    asked = {"wallet": alliance["pivo"].pk, "name": "Daily CSV", "sample": sample()}
    answer = client.post(reverse("admin:wallets_mapping_add"), asked, follow=True)
    text = answer.content.decode()
    made = Mapping.objects.get()
    assert (made.wallet.code, made.version, made.state, made.trial) == ("pivo", 1, "draft", {})
    assert made.description["columns"]["gross"] == {"heading": "Amount"}
    assert made.description["amounts"] == {
        "mark": ",", "thousands": ".", "fee": "column", "fee_sign": "negative",
    }  # fmt: skip
    assert made.description["file"]["name"] == "settle_{date:YYYYMMDD}_{sequence}.csv"
    for said in ("This is a guess", "Next: try it on a sample", 'value="Amount"', "Confirm every"):
        assert said in text
    assert "S-1001" not in str(Mapping.objects.values().get())


def test_without_a_sample_the_draft_asks_everything(client, boss, alliance):
    client.force_login(boss)
    asked = {"wallet": alliance["pivo"].pk, "name": "By hand"}
    text = client.post(reverse("admin:wallets_mapping_add"), asked, follow=True).content.decode()
    assert "Next: answer what is marked below" in text
    assert "Say where it stands: a row is found by it." in text
    assert 'action="' + act("try", Mapping.objects.get()) not in text


def test_a_name_that_is_taken_a_broken_book_and_a_large_file_are_refused(
    client, boss, draft, monkeypatch
):
    client.force_login(boss)
    before = state()
    asked = {"wallet": draft.wallet_id, "name": "Daily CSV"}
    address = reverse("admin:wallets_mapping_add")
    assert "make a new version of it" in client.post(address, asked).content.decode()
    broken = {"wallet": draft.wallet_id, "name": "X", "sample": sample("PK\3\4broken", "a.xlsx")}
    assert "errorlist" in client.post(address, broken).content.decode()
    monkeypatch.setattr(mappings, "LARGEST_SAMPLE", 10)
    large = {"wallet": draft.wallet_id, "name": "X", "sample": sample()}
    assert "larger than 20 MB" in client.post(address, large).content.decode()
    tried = client.post(act("try", draft), {"sample": sample()}).content.decode()
    assert "larger than 20 MB" in tried
    assert "Choose a file first" in client.post(act("try", draft)).content.decode()
    assert state() == before


def test_the_form_says_everything_that_the_description_says(client, boss, alliance):
    for name in ("mapped",):
        said = CASES[name].options["mapping"]
        form = DescriptionForm(said, answers(said))
        assert form.is_valid(), form.errors
        assert description.parse(form.description()) is not None
        assert form.description() == _shortened(said)


FIXED: dict[str, Any] = {
    "file": {"kind": "fixed", "encoding": "latin-1", "skip_rows": 1, "record_length": 60,
             "days_back": 1},
    "facts": {"period_from": {"row": 1, "start": 2, "length": 8, "after": "P"},
              "title": {"row": 1, "start": 10, "length": 8, "like": "{sequence}"}},
    "columns": {"ref": {"start": 2, "length": 8}, "type": {"start": 10, "length": 1},
                "letter": {"start": 11, "length": 2}, "gross": {"start": 13, "length": 12},
                "wallet": {"start": 30, "length": 6}},
    "constants": {"currency": "EUR", "store": "1"},
    "amounts": {"unit": "minor", "sign": "letter", "credit": ["CR", "C"], "debit": ["DR"]},
    "types": {"1": "sale", "2": "refund"}, "wallets": {"BC": "bluecode"},
    "trailer": {"rule": "end", "end": "EOF"},
}  # fmt: skip


def test_the_form_says_fixed_positions_words_and_facts_too(alliance):
    description.parse(FIXED)
    form = DescriptionForm(FIXED, answers(FIXED))
    assert form.is_valid(), form.errors
    assert form.description() == FIXED


def _shortened(said: dict[str, Any]) -> dict[str, Any]:
    """The description without what is as usual anyway."""
    usual = {
        (name, key.name): key.default
        for name, (_title, keys) in description.SECTIONS.items() for key in keys
    }  # fmt: skip
    found = {
        name: {k: v for k, v in section.items() if usual.get((name, k), "") != v or k == "kind"}
        for name, section in said.items()
    }
    return {name: section for name, section in found.items() if section}


def test_answers_are_saved_and_what_is_missing_is_marked(client, boss, draft):
    client.force_login(boss)
    typed = answers(draft.description, **{"columns.gross": "#9", "times.zone": "Europe/Nowhere"})
    text = client.post(page(draft), typed, follow=True).content.decode()
    draft.refresh_from_db()
    assert draft.description["columns"]["gross"] == {"position": 9}
    assert "Some answers are still missing" in text
    assert "Give a time zone such as Europe/Oslo" in text
    typed |= {"times.zone": "Europe/Oslo", "types.3.word": "Gift", "types.3.means": "not_a_payment"}
    text = client.post(page(draft), typed, follow=True).content.decode()
    draft.refresh_from_db()
    assert draft.description["types"]["Gift"] == "not_a_payment"
    assert "Saved. Now try it on a sample." in text


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ({"types.3.word": "Gift"}, "Choose what it stands for."),
        ({"types.3.word": "Return", "types.3.means": "sale"}, "This word stands here twice."),
        ({"file.skip_rows": "-1"}, "greater than or equal to 0"),
        ({"file.kind": "pdf"}, "Select a valid choice"),
        ({"columns.ref": "x" * 121}, "at most 120 characters"),
    ],
)
def test_answers_that_are_none_save_nothing(client, boss, draft, typed, told):
    client.force_login(boss)
    before = state()
    text = client.post(page(draft), answers(draft.description, **typed)).content.decode()
    assert "Nothing was saved" in text
    assert told in text
    assert state() == before


def test_another_kind_of_file_asks_for_other_places(client, boss, draft):
    client.force_login(boss)
    typed = answers(draft.description, **{"file.kind": "fixed"})
    text = client.post(page(draft), typed, follow=True).content.decode()
    draft.refresh_from_db()
    assert draft.description["file"]["kind"] == "fixed"
    assert "columns" not in draft.description
    assert draft.description["types"]["Purchase"] == "sale"
    assert "such as 12-23" in text
    typed = answers(draft.description, **{"columns.ref": "23-12"})
    assert "Write first and last character" in client.post(page(draft), typed).content.decode()
    typed = answers(draft.description, **{"columns.ref": "12-23", "columns.type": "5"})
    client.post(page(draft), typed)
    draft.refresh_from_db()
    assert draft.description["columns"] == {
        "ref": {"start": 12, "length": 12}, "type": {"start": 5, "length": 1},
    }  # fmt: skip


def test_a_trial_shows_rows_beside_what_they_became(client, boss, draft):
    client.force_login(boss)
    text = client.post(act("try", draft), {"sample": sample()}).content.decode()
    for said in (
        "Read whole", "S-1001;Purchase;14.10.2026;12:30:00;100001;EUR;1.250,00;-3,75;1.246,25",
        "€1,250.00", "€3.75", "declared €1,245.50", "SIRIO-41", "2026-10-14T12:30:00+02:00",
        "Switch on …", "then switch it on",
    ):  # fmt: skip
        assert said in text
    later = client.get(page(draft)).content.decode()
    assert "Read whole" in later
    assert "declared €1,245.50" in later
    assert "S-1001" not in later


def test_a_trial_that_fails_says_where_and_how_to_mend_it(client, boss, draft):
    client.force_login(boss)
    spoilt = sample(description.EXAMPLE_FILE.replace("-4,50;0,00", "-4.50;<b>"))
    text = client.post(act("try", draft), {"sample": spoilt}).content.decode()
    assert "Not read" in text
    assert "Row 4" in text
    assert "is no amount: &#x27;.&#x27; must part thousands" in text
    assert "-4.50;&lt;b&gt;" in text
    assert "Switch on …" not in text


def test_switching_on_and_off_asks_first(client, boss, ready):
    client.force_login(boss)
    before = state()
    asked = client.post(act("switch_on", ready)).content.decode()
    assert "every file of Vipps is read by" in asked
    assert "layout vipps_xml3 until now" in asked
    assert state() == before
    done = client.post(act("switch_on", ready), {"confirm": "yes"}, follow=True).content.decode()
    assert "is in use. The next file of the feed is read by it." in done
    assert Feed.objects.get(code="vipps").mapping == ready
    assert "<form" in done
    assert "Save the draft" not in done
    asked = client.post(act("switch_off", ready)).content.decode()
    assert "refused as a whole" in asked
    assert Feed.objects.get(code="vipps").mapping == ready
    client.post(act("switch_off", ready), {"confirm": "yes"})
    assert Feed.objects.get(code="vipps").mapping is None


def test_a_new_version_is_a_draft_and_leads_to_its_page(client, boss, ready):
    mappings.switch_on(ready, by=boss, now=NOON)
    client.force_login(boss)
    text = client.post(act("new_version", ready), follow=True).content.decode()
    second = Mapping.objects.get(version=2)
    assert "What is in use stays until you switch this one on" in text
    assert "Save the draft" in text
    assert page(ready) in text
    again = client.post(act("new_version", ready), follow=True).content.decode()
    assert "Version 2 is a draft already" in again
    late = client.post(page(ready), answers(ready.description), follow=True).content.decode()
    assert "Only a draft can be changed" in late
    assert Mapping.objects.get(pk=second.pk).description == ready.description


def test_every_act_takes_a_post(client, boss, ready):
    client.force_login(boss)
    before = state()
    for name in ("try", "switch_on", "switch_off", "new_version"):
        assert client.get(act(name, ready)).status_code == 405
    assert state() == before


def test_a_wallets_admin_reads_and_tries_and_changes_nothing(client, vipps_admin, ready):
    client.force_login(vipps_admin)
    listed = client.get(reverse(LIST)).content.decode()
    assert "Daily CSV version 1" in listed
    shown = client.get(page(ready)).content.decode()
    assert "How its files are read" in shown
    assert "Save the draft" not in shown
    assert "Switch on" not in shown
    before = state()
    assert client.post(page(ready), answers(ready.description)).status_code == 403
    for name in ("switch_on", "switch_off", "new_version"):
        assert client.post(act(name, ready), {"confirm": "yes"}).status_code == 403
    assert client.get(reverse("admin:wallets_mapping_add")).status_code == 404
    assert client.post(reverse("admin:wallets_mapping_add"), {"name": "x"}).status_code == 404
    assert state() == before
    tried = client.post(act("try", ready), {"sample": sample()}).content.decode()
    assert "Read whole" in tried
    assert AuditEntry.objects.order_by("-pk").first().actor == vipps_admin


def test_a_rivals_mappings_are_not_there(client, rival_admin, ready):
    client.force_login(rival_admin)
    before = state()
    assert "Daily CSV" not in client.get(reverse(LIST)).content.decode()
    assert client.get(page(ready)).status_code == 404
    assert client.post(page(ready), answers(ready.description)).status_code == 404
    for name in ("try", "switch_on", "switch_off", "new_version"):
        answer = client.post(act(name, ready), {"confirm": "yes", "sample": sample()})
        assert answer.status_code == 404
    assert state() == before


@pytest.mark.parametrize("who", ["owner", "clerk", "reviewer"])
def test_nobody_else_has_such_pages(client, request, ready, who):
    client.force_login(request.getfixturevalue(who))
    before = state()
    for address in (reverse(LIST), page(ready), reverse("admin:wallets_mapping_add")):
        assert client.get(address).status_code == (404 if who == "reviewer" else 302)
    assert client.post(act("try", ready), {"sample": sample()}).status_code in {302, 404}
    assert state() == before


def test_a_stored_description_of_any_shape_has_a_page(client, boss, draft):
    client.force_login(boss)
    odd: list[Any] = [
        {},
        [],
        {"file": []},
        {"file": {"kind": 7}},
        {"columns": {"ref": 3}, "types": 5},
        {"file": {"kind": "fixed"}, "columns": {"ref": {"heading": "x"}}, "more": {"a": 1}},
        {"facts": {"title": {"row": "x"}}, "types": {"a": ["b"]}, "amounts": {"credit": "x"}},
    ]
    for said in odd:
        for now in ("draft", "off"):
            Mapping.objects.filter(pk=draft.pk).update(description=said, state=now, tried_at=NOON)
            assert client.get(page(draft)).status_code == 200, (said, now)


def test_the_form_of_a_feed_offers_what_is_in_use_and_no_draft(boss, ready):
    feed = Feed.objects.get(code="vipps")
    assert list(FeedForm(instance=feed).fields["mapping"].queryset) == []
    mappings.switch_on(ready, by=boss, now=NOON)
    assert list(FeedForm(instance=feed).fields["mapping"].queryset) == [ready]
    pivo = Feed.objects.get(code="pivo")
    assert list(FeedForm(instance=pivo).fields["mapping"].queryset) == []


# --- guesses


def test_a_guess_reads_the_example_as_it_was_described(tmp_path: Path):
    path = tmp_path / NAME
    path.write_text(description.EXAMPLE_FILE, encoding="utf-8")
    made, notes = guess.guess(path, NAME)
    assert notes == []
    assert made["trailer"]["count"] == {"position": 2}
    _statement, lines = samples.read_all(
        "mapped", path, {"mapping": made, "wallet": "sirio", "timezone": "Europe/Ljubljana"}
    )
    assert [(one.ref, one.gross, one.fee) for one in lines] == [
        ("S-1001", "125000", "375"), ("S-1002", "-450", "0"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "content",
    [b"", b"\0" * 100, b"\xff\xfe", b"\xff" * 99, b'"' * 5_000, b"a;b;c\n" * 9, b'a,"b\nc,d,e\n',
     b"1;2;3\n4;5;6\n", "日本語,数,三\n一,二,三\n".encode("utf-16"), b";;;\n;;;\n"],
)  # fmt: skip
def test_any_bytes_give_a_guess_that_a_form_can_show(alliance, tmp_path: Path, content: bytes):
    path = tmp_path / "sample"
    path.write_bytes(content)
    made, _notes = guess.guess(path, "{odd} 20269999.csv")
    assert made["file"]["kind"] in {"delimited", "fixed"}
    form = DescriptionForm(made, answers(made))
    assert form.is_valid(), form.errors
    assert list(DescriptionForm(form.description()).sections())


@pytest.mark.parametrize("layout", ["momo_csv", "mobilepay_csv", "alipay_settlement", "mapped"])
def test_a_guess_finds_the_columns_of_files_that_we_know(layout, tmp_path: Path):
    case = CASES[layout]
    path = case.path(tmp_path)
    sheet = samples.sheet(layout, lines_of(layout), wallet=case.wallet)
    formats.get(layout).write(path, sheet, case.told())
    made, _notes = guess.guess(path, path.name)
    found = made["columns"]
    assert {"ref", "gross", "currency", "type", "time"} <= set(found), found
    assert made["file"]["name"].count("{date:YYYYMMDD}") == 1
    mark = {"momo_csv": ",", "mobilepay_csv": ",", "mapped": ","}.get(layout)
    assert made["amounts"].get("mark", ".") == (mark or ".")
