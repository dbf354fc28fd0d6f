"""The pages of the finance clerks."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

import pytest
from django.urls import reverse

from payments import queries
from payments.models import Batch, Break, Delivery, LedgerEntry, Run, SettlementFile
from portal.core.models import AuditEntry
from tests import builders
from tests.payments import nights

DAY = date(2026, 10, 14)
DUE = date(2026, 10, 15)
EVENING = datetime(2026, 10, 15, 18, 0, tzinfo=UTC)


@pytest.fixture
def at_evening(monkeypatch):
    """It is the evening of 15 October, when everything of the 14th is due."""
    monkeypatch.setattr("portal.core.clock.now", lambda: EVENING)
    return EVENING


# --- the page of the nights


def test_the_clerk_sees_what_is_absent_in_words(client, clerk, shop, at_evening):
    builders.payment(shop)
    client.force_login(clerk)
    page = client.get(reverse("payments:nights"))
    assert page.status_code == 200
    text = page.content.decode()
    assert "Somebody has to ask" in text
    shown = " ".join(re.sub(r"<[^>]*>", "", text).split())
    assert (
        "Vipps: the file due on Thu 15 Oct is absent, business date 14 Oct, open without it: "
        "NOK 97.25 (1 entry). Ask Vipps to send it."
    ) in shown.replace("\u00a0", " ")


def test_a_quarantined_night_says_why_and_what_to_do(client, clerk, alliance, at_evening):
    file = nights.quarantined("vipps", received_at=EVENING)
    client.force_login(clerk)
    text = client.get(reverse("payments:nights")).content.decode()
    assert "Line 4: The file ends in the middle of a payment." in text
    assert "Ask Vipps for a corrected file. Nothing of this one was counted." in text
    assert reverse("payments:csv", args=[file.pk]) not in text


def test_a_night_shows_totals_matched_and_breaks_by_kind(client, clerk, alliance, at_evening):
    run = nights.reconciled(
        "vipps", day=DAY, outcomes={"matched": 1_201, "amount_mismatch": 2, "duplicate": 1}
    )
    client.force_login(clerk)
    text = client.get(reverse("payments:nights")).content.decode()
    file_page = client.get(reverse("payments:night_file", args=[run.file_id])).content.decode()
    assert '<td class="num">NOK\u00a0120,400.00</td>' in file_page
    assert "<div>NOK\u00a0117,992.00</div>" in text
    assert ">2 amount differs</a>" in text
    assert ">1 settled twice</a>" in text
    assert reverse("payments:csv", args=[run.file_id]) in text


def test_resent_and_superseded_files_are_shown_as_what_they_are(
    client, clerk, alliance, at_evening
):
    old = nights.reconciled("vipps", day=DAY, name="vipps-a.xml")
    Run.objects.filter(pk=old.pk).update(state=Run.State.REVERSED)
    SettlementFile.objects.filter(pk=old.file_id).update(state=SettlementFile.State.SUPERSEDED)
    new = nights.reconciled("vipps", day=DAY, identity=old.file.identity, version=2)
    Delivery.objects.create(
        feed=new.feed, file=new.file, name="vipps-b.xml", result="resent", arrived_at=EVENING
    )
    client.force_login(clerk)
    text = client.get(reverse("payments:nights")).content.decode()
    assert '<span class="tag">superseded</span>' in text
    assert "sent again, unchanged: vipps-b.xml" in text
    assert "corrected, version 2, arrived 14 Oct 2026, 14:00 CEST" in text
    assert reverse("payments:csv", args=[old.file_id]) not in text


def test_the_roll_forward_is_the_last_runs_and_is_proved(client, clerk, alliance, at_evening):
    nights.reconciled("vipps", day=DAY - timedelta(days=1))
    run = nights.reconciled("vipps", day=DAY)
    rolls = queries.roll_forward()
    assert [(roll.wallet, roll.settled["minor"], roll.adds_up) for roll in rolls] == [
        ("vipps", 30_000, True)
    ]
    run.roll_forward[0]["closing"] = {"count": 0, "minor": 1}
    run.save()
    assert [roll.adds_up for roll in queries.roll_forward()] == [False]
    client.force_login(clerk)
    page = client.get(reverse("payments:nights"))
    assert "does not add up" in page.content.decode()
    assert [roll.wallet for roll in page.context["rolls_open"]] == ["vipps"]


def test_what_has_nothing_open_steps_back(client, clerk, alliance, at_evening):
    nights.reconciled("vipps", day=DAY)
    left = nights.reconciled("pivo", day=DAY)
    left.roll_forward[0]["settled"] = {"count": 2, "minor": 20_000}
    left.roll_forward[0]["closing"] = {"count": 1, "minor": 10_000}
    left.save()
    client.force_login(clerk)
    page = client.get(reverse("payments:nights"))
    assert [roll.wallet for roll in page.context["rolls_open"]] == ["pivo"]
    assert [roll.wallet for roll in page.context["rolls_rest"]] == ["vipps"]
    assert "1 more with nothing open, which adds up" in page.content.decode()


def test_files_are_paged_by_key(client, clerk, alliance, at_evening):
    runs = [nights.reconciled("vipps", day=DAY - timedelta(days=n)) for n in range(26)]
    client.force_login(clerk)
    first = client.get(reverse("payments:nights"))
    assert len(first.context["rows"]) == 25
    key = first.context["page"].next_key
    assert key == runs[1].file_id
    second = client.get(reverse("payments:nights"), {"before": key})
    assert [row.file.pk for row in second.context["rows"]] == [runs[0].file_id]
    assert "Calendar" not in second.content.decode()


def fill(shop, number: int) -> None:
    for at in range(number):
        builders.payment(shop)
        run = nights.reconciled(
            "vipps", day=DAY - timedelta(days=at), outcomes={"matched": 2, "duplicate": 1}
        )
        nights.broken(run, "duplicate")
        nights.quarantined("pivo", received_at=EVENING)


@pytest.mark.parametrize("number", [2, 12])
def test_the_nights_ask_twelve_questions_whatever_the_number(
    client, clerk, shop, at_evening, django_assert_num_queries, number
):
    fill(shop, number)
    client.force_login(clerk)
    with django_assert_num_queries(12):
        assert client.get(reverse("payments:nights")).status_code == 200


# --- one file


@pytest.mark.parametrize("number", [2, 60])
def test_a_file_asks_eleven_questions_whatever_the_number(
    client, clerk, alliance, django_assert_num_queries, number
):
    run = nights.reconciled("vipps", outcomes={"matched": 2, "amount_mismatch": number})
    for at in range(number):
        nights.broken(run, line_no=at + 1)
    client.force_login(clerk)
    with django_assert_num_queries(11):
        page = client.get(reverse("payments:night_file", args=[run.file_id]))
    assert len(page.context["page"].rows) == min(number, 50)
    assert page.context["page"].has_more is (number > 50)


def test_breaks_are_filtered_by_kind_and_state_and_a_made_up_word_is_ignored(
    client, clerk, alliance
):
    run = nights.reconciled("vipps", outcomes={"matched": 1, "duplicate": 1, "fee_mismatch": 1})
    twice = nights.broken(run, "duplicate")
    fee = nights.broken(run, "fee_mismatch", state="closed", closing_note="Agreed.")
    url = reverse("payments:night_file", args=[run.file_id])
    client.force_login(clerk)

    def shown(**asked: str) -> list[Break]:
        return client.get(url, asked).context["page"].rows

    assert shown() == [twice, fee]
    assert shown(outcome="duplicate") == [twice]
    assert shown(state="closed") == [fee]
    assert shown(outcome="duplicate", state="closed") == []
    assert shown(outcome="nonsense", state="nonsense", after="nonsense") == [twice, fee]


def test_the_outcomes_are_drawn_to_scale_and_a_small_part_stays_visible():
    from payments.views.finance import _shares

    run = Run(outcomes={"matched": 99_999, "duplicate": 1})
    assert _shares(run) == [("good", 0, 992), ("bad", 992, 8)]
    assert _shares(Run(outcomes={})) == []


def test_an_amount_in_another_currency_is_shown_in_its_own(client, clerk, alliance):
    run = nights.reconciled(outcomes={"matched": 2, "currency_mismatch": 1})
    break_ = nights.broken(
        run, "currency_mismatch",
        line=[
            7, 0, "vipps", "sale", "P1", "S1", "SEK", "9000", "SEK", "9000", "20", "8980", "", "",
            "2026-10-14T08:30:00+00:00", "",
        ],
    )  # fmt: skip
    assert break_.settled_currency == "SEK"
    client.force_login(clerk)
    shown = client.get(reverse("payments:night_file", args=[run.file_id])).content.decode()
    assert '<td class="num">NOK\xa0100.00</td>' in shown
    assert '<td class="num">SEK\xa090.00</td>' in shown
    assert "NOK\xa090.00" not in shown
    sides = client.get(reverse("payments:break", args=[break_.pk])).content.decode()
    assert "14 Oct 2026, 10:30 CEST" in sides


def test_many_settlements_step_back_behind_their_sum(client, clerk, alliance):
    run = nights.reconciled()
    address = reverse("payments:night_file", args=[run.file_id])
    client.force_login(clerk)
    assert "<details open>" in client.get(address).content.decode()
    Batch.objects.bulk_create(
        Batch(
            file=run.file, settlement_ref=f"T-{n}", wallet="vipps", currency="NOK",
            value_date=DAY, lines=0, gross_minor=0, fee_minor=0, net_minor=0,
        )
        for n in range(10)
    )  # fmt: skip
    shown = client.get(address).content.decode()
    assert "11 settlements in this file" in shown
    assert "<details open>" not in shown


def test_any_line_is_shown_as_it_came(client, clerk, alliance, settings):
    run = nights.reconciled("vipps")
    stored = settings.FILES_DIR / run.file.path
    stored.parent.mkdir(parents=True)
    stored.write_bytes(b"<one/>\n<two a='<script>'/>\n")
    client.force_login(clerk)
    url = reverse("payments:night_file", args=[run.file_id])
    assert (
        "&lt;two a=&#x27;&lt;script&gt;&#x27;/&gt;" in client.get(f"{url}?line=2").content.decode()
    )
    assert "Line 9 cannot be shown" in client.get(f"{url}?line=9").content.decode()
    stored.unlink()
    assert "Line 2 cannot be shown" in client.get(f"{url}?line=2").content.decode()


def test_a_quarantined_file_says_whom_to_ask(client, clerk, vipps_admin, rival_admin):
    file = nights.quarantined("vipps")
    client.force_login(clerk)
    text = client.get(reverse("payments:night_file", args=[file.pk])).content.decode()
    assert "This file could not be taken" in text
    assert "mailto:admin@vipps.example" in text
    assert "mailto:admin@pivo.example" not in text


def test_the_csv_is_named_after_the_whole_file_name(client, clerk, alliance, settings):
    run = nights.reconciled("vipps", name="vipps-2026-10-14.xml")
    path = settings.VAR_DIR / run.csv_path
    path.parent.mkdir(parents=True)
    path.write_text("outcome\nmatched\n")
    client.force_login(clerk)
    answer = client.get(reverse("payments:csv", args=[run.file_id]))
    assert b"".join(answer.streaming_content) == b"outcome\nmatched\n"
    assert answer["Content-Disposition"] == 'attachment; filename="vipps-2026-10-14.xml.csv"'
    assert answer["Content-Type"] == "text/csv; charset=utf-8"


def test_a_file_that_was_not_reconciled_has_no_csv(client, clerk, alliance):
    client.force_login(clerk)
    url = reverse("payments:csv", args=[nights.quarantined("vipps").pk])
    assert client.get(url).status_code == 404


def test_a_csv_that_is_lost_with_all_it_was_made_of_is_said_to_be(client, clerk, alliance):
    run = nights.reconciled("vipps", name="vipps-2026-10-14.xml")
    client.force_login(clerk)
    answer = client.get(reverse("payments:csv", args=[run.file_id]), follow=True)
    assert answer.redirect_chain == [(reverse("payments:night_file", args=[run.file_id]), 302)]
    assert "restore them from the backup" in answer.content.decode()


# --- one break


@pytest.fixture
def opened(shop) -> Break:
    """An entry that was due and is not in the file."""
    entry = LedgerEntry.objects.get(payment=builders.payment(shop))
    run = nights.reconciled("vipps", outcomes={"matched": 1, "missing_in_settlement": 1})
    return nights.broken(
        run, "missing_in_settlement", entry=entry, line_no=None, settled_minor=None
    )


def test_a_break_shows_both_sides(client, clerk, shop):
    entry = LedgerEntry.objects.get(payment=builders.payment(shop))
    run = nights.reconciled("vipps", outcomes={"amount_mismatch": 1})
    found = nights.broken(
        run, entry=entry,
        line=[7, 0, "vipps", "sale", entry.wallet_ref, entry.store_ref, "NOK", "9000", "NOK",
              "9000", "158", "8842", "", "", "2026-10-14T14:00:00+02:00", ""],
    )  # fmt: skip
    client.force_login(clerk)
    text = client.get(reverse("payments:break", args=[found.pk])).content.decode()
    assert "<td>NOK\u00a0100.00</td><td>NOK\u00a090.00</td>" in text
    assert "<td>NOK\u00a02.75</td><td>NOK\u00a01.58</td>" in text
    assert "Write off" not in text


@pytest.mark.parametrize(("act", "state"), [("close", "closed"), ("write_off", "written_off")])
def test_the_clerk_ends_a_break_with_a_note(client, clerk, opened, act, state):
    client.force_login(clerk)
    url = reverse("payments:break", args=[opened.pk])
    answer = client.post(url, {"act": act, "note": "Vipps pays it by hand."})
    assert answer.headers["Location"] == reverse("payments:night_file", args=[opened.file_id])
    opened.refresh_from_db()
    assert (opened.state, opened.closed_by, opened.closing_note) == (
        state, clerk, "Vipps pays it by hand.",
    )  # fmt: skip
    entry = AuditEntry.objects.get(verb=f"payments.break.{state}")
    assert (entry.actor, entry.target_id) == (clerk, str(opened.pk))


def test_a_break_without_a_note_stays_open_and_the_page_says_why(client, clerk, opened):
    client.force_login(clerk)
    answer = client.post(reverse("payments:break", args=[opened.pk]), {"act": "close", "note": " "})
    assert answer.status_code == 422
    text = answer.content.decode()
    assert "There is a problem" in text
    assert "Say in a few words how it was solved." in text
    assert 'aria-describedby="id_note_helptext id_note_error"' in text
    opened.refresh_from_db()
    assert opened.state == "open"
    assert not AuditEntry.objects.filter(verb__startswith="payments.break").exists()


def test_a_break_that_another_has_ended_is_refused_in_words(client, clerk, opened):
    Break.objects.filter(pk=opened.pk).update(state="closed", closing_note="Done already.")
    client.force_login(clerk)
    url = reverse("payments:break", args=[opened.pk])
    answer = client.post(url, {"act": "close", "note": "Me too."})
    assert answer.status_code == 422
    opened.refresh_from_db()
    assert opened.closing_note == "Done already."


def test_a_line_that_differs_cannot_be_written_off(client, clerk, alliance):
    found = nights.broken(nights.reconciled("vipps", outcomes={"amount_mismatch": 1}))
    client.force_login(clerk)
    url = reverse("payments:break", args=[found.pk])
    assert client.post(url, {"act": "write_off", "note": "Gone."}).status_code == 422
    found.refresh_from_db()
    assert found.state == "open"


def test_a_break_of_a_run_that_is_still_being_written_does_not_exist_yet(client, clerk, opened):
    Run.objects.filter(pk=opened.run_id).update(state=Run.State.WRITING)
    client.force_login(clerk)
    assert client.get(reverse("payments:break", args=[opened.pk])).status_code == 404


# --- who may look


@pytest.mark.parametrize("person", ["owner", "stranger", "vipps_admin", "reviewer"])
def test_the_pages_do_not_exist_for_anyone_else(request, client, opened, person):
    client.force_login(request.getfixturevalue(person))
    for url in (
        reverse("payments:nights"),
        reverse("payments:night_file", args=[opened.file_id]),
        reverse("payments:csv", args=[opened.file_id]),
        reverse("payments:break", args=[opened.pk]),
    ):
        assert client.get(url).status_code == 404
    url = reverse("payments:break", args=[opened.pk])
    assert client.post(url, {"act": "close", "note": "Mine."}).status_code == 404
    opened.refresh_from_db()
    assert opened.state == "open"


def test_whoever_has_not_signed_in_is_asked_to(client, opened):
    answer = client.get(reverse("payments:nights"))
    assert answer.headers["Location"] == "/accounts/login/?next=/finance/"
