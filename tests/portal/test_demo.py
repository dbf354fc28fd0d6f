"""The demo's own pages, its jobs, and who may sign in with a click."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest
import time_machine
from django.core.mail import EmailMessage
from django.core.management import CommandError, call_command
from django.urls import reverse

from merchants.models import Application, Sticker
from payments.models import Delivery, LedgerEntry, Payment, Refund
from portal.core import clock, jobs
from portal.core.models import Job, User
from portal.demo import nights, once, people, work, world
from portal.demo.mail import OutboxBackend
from portal.management.commands import simulate
from portal.models import DemoMail
from wallets.models import Wallet

CODE = world.sticker_code(0)


@pytest.fixture
def cast(demo, small_world):
    return people.set_up()


def do(job: Job) -> Job:
    jobs.run(job.pk, now=clock.now())
    job.refresh_from_db()
    return job


# --- people


def test_everybody_has_a_login_and_setting_up_again_changes_nothing(cast) -> None:
    before = list(User.objects.order_by("pk").values_list("email", "password"))
    assert [email for email, _password in before] == [person.email for person in cast]
    assert len(before) == 4 + 7
    people.set_up()
    assert list(User.objects.order_by("pk").values_list("email", "password")) == before


@pytest.mark.parametrize(
    ("email", "where"),
    [
        ("baker@havrekroken.example", "merchants:home"),
        ("finance@onestile.example", "payments:nights"),
        ("reviewer@onestile.example", "admin:merchants_application_changelist"),
        ("admin@vipps.example", "admin:index"),
    ],
)
def test_one_click_signs_in_and_leads_to_the_right_desk(cast, client, email, where) -> None:
    answer = client.post(reverse("demo:sign_in"), {"email": email}, follow=True)
    assert answer.redirect_chain[-1][0] == reverse(where)
    assert answer.context["user"].email == email


def test_nobody_else_can_be_signed_in_with_a_click(cast, client, owner) -> None:
    answer = client.post(reverse("demo:sign_in"), {"email": owner.email})
    assert answer.status_code == 302
    assert "_auth_user_id" not in client.session


def test_signing_in_by_a_link_is_not_possible(cast, client) -> None:
    assert client.get(reverse("demo:sign_in"), {"email": cast[0].email}).status_code == 405
    assert "_auth_user_id" not in client.session


def test_the_password_that_is_printed_is_the_right_one(cast, client) -> None:
    assert client.login(username="baker@havrekroken.example", password=people.PASSWORD)


def test_the_reviewer_finds_an_application_that_waits(cast) -> None:
    people.leave_an_application(now=clock.now())
    people.leave_an_application(now=clock.now())
    assert list(Application.objects.values_list("legal_name", "state")) == [
        ("Zirbenlaube Kaffeehaus GmbH", "submitted")
    ]


# --- pages


def test_the_first_page_names_everybody_the_password_and_the_source_of_places(cast, client) -> None:
    page = client.get(reverse("demo:index")).content.decode()
    for person in cast:
        assert person.email in page
    assert people.PASSWORD in page
    assert "GeoNames" in page
    assert "CC BY 4.0" in page


def test_progress_is_shown_and_refreshes_itself_while_work_is_open(cast, client) -> None:
    assert "hx-trigger" not in client.get(reverse("demo:index")).content.decode()
    Job.objects.create(
        kind=work.BUILD,
        state="running",
        done_units=30,
        total_units=120,
        message="Shops open",
    )
    page = client.get(reverse("demo:index")).content.decode()
    assert 'hx-trigger="every 2s"' in page
    assert 'value="25"' in page
    assert "Shops open" in page


def test_a_step_that_failed_is_said(cast, client) -> None:
    Job.objects.create(kind=work.BUILD, state="failed", message="OSError: disk full")
    assert "OSError: disk full" in client.get(reverse("demo:index")).content.decode()


def test_a_payment_goes_through_and_can_be_given_back(cast, client) -> None:
    answer = client.post(reverse("demo:pay", args=[CODE]), {"wallet": "vipps", "amount": "45,50"})
    payment = Payment.objects.get()
    assert answer.url == reverse("demo:paid", args=[payment.ref])
    assert (payment.price_minor, payment.currency) == (4_550, "NOK")
    assert payment.sticker.code == CODE
    assert LedgerEntry.objects.get().kind == "sale"
    assert "45.50" in client.get(answer.url).content.decode()

    for _again in range(2):
        client.post(reverse("demo:refund", args=[payment.ref]))
    assert Refund.objects.get().price_minor == 4_550
    payment.refresh_from_db()
    assert payment.state == Payment.State.REFUNDED


def test_alipay_pays_in_crowns_and_settles_in_euro(cast, client) -> None:
    client.post(reverse("demo:pay", args=[CODE]), {"wallet": "alipay", "amount": "100"})
    payment = Payment.objects.get()
    assert (payment.currency, payment.settlement_currency) == ("NOK", "EUR")
    assert payment.fx_rate == nights.rate(1, "NOK", clock.now().date())
    assert payment.quote_id


@pytest.mark.parametrize("amount", ["", "0", "-5", "1.234", "abc", "1e3", "99999999999999"])
def test_an_amount_that_is_none_is_refused_with_an_example(cast, client, amount: str) -> None:
    answer = client.post(reverse("demo:pay", args=[CODE]), {"wallet": "vipps", "amount": amount})
    assert answer.status_code == 200
    assert answer.context["form"].errors["amount"]
    assert not Payment.objects.exists()


def test_a_wallet_that_is_not_taken_here_cannot_be_chosen(cast, client) -> None:
    iceland = Sticker.objects.filter(location__country="IS").first()
    answer = client.post(
        reverse("demo:pay", args=[iceland.code]), {"wallet": "alipay", "amount": "500"}
    )
    assert answer.context["form"].errors["wallet"]
    assert not Payment.objects.exists()


def test_a_revoked_sticker_takes_no_payment_and_says_so(cast, client) -> None:
    Sticker.objects.filter(code=CODE).update(state="revoked")
    answer = client.post(reverse("demo:pay", args=[CODE]), {"wallet": "vipps", "amount": "5"})
    assert "revoked" in answer.content.decode()
    assert not Payment.objects.exists()


def test_a_typed_code_leads_to_its_shop_and_a_wrong_one_is_explained(cast, client) -> None:
    typed = f" {CODE[:4].lower()}-{CODE[4:]} "
    answer = client.get(reverse("demo:choose"), {"code": typed})
    assert answer.url == reverse("demo:pay", args=[CODE])
    wrong = client.get(reverse("demo:choose"), {"code": "DEMO2222"})
    assert "No sticker has this code" in wrong.content.decode()
    assert client.get(reverse("demo:pay", args=["NONE"])).status_code == 404


def test_mail_stays_on_its_page(cast, client) -> None:
    sent = OutboxBackend().send_messages(
        [EmailMessage("Your code", "It is 4711 <b>.", "a@onestile.example", ["b@shop.example"])]
    )
    assert sent == 1
    kept = DemoMail.objects.get()
    assert "Your code" in client.get(reverse("demo:mails")).content.decode()
    page = client.get(reverse("demo:mail", args=[kept.pk])).content.decode()
    assert "4711 &lt;b&gt;" in page
    assert "b@shop.example" in page


def test_without_mails_the_page_says_what_to_do(cast, client) -> None:
    assert "No mail yet" in client.get(reverse("demo:mails")).content.decode()


def test_the_demos_pages_do_not_exist_outside_the_demo(client, db) -> None:
    assert client.get("/demo/").status_code == 404


# --- work


def test_the_world_and_its_past_are_built_by_jobs_one_after_the_other(demo, alliance) -> None:
    work.queue_build(seed=1, locations=40, days=2, volume=120, faults="none")
    messages = []
    while open_jobs := work.open_jobs():
        assert len(open_jobs) == 1
        messages.append(do(open_jobs[0]).message)
    yesterday = clock.now().date() - timedelta(days=1)
    assert world.size() == 40
    assert messages == [
        "40 locations are open",
        f"{yesterday - timedelta(days=1)} is closed",
        f"{yesterday} is closed",
    ]
    assert nights.closed_through() == yesterday
    assert Payment.objects.count() == 240


def test_the_button_closes_the_day_with_the_visitors_payment_in_it(cast, client) -> None:
    with time_machine.travel("2026-10-14T09:30:00+00:00", tick=False):
        client.post(reverse("demo:pay", args=[CODE]), {"wallet": "vipps", "amount": "77"})
        client.post(reverse("demo:night"))
        (job,) = work.open_jobs()
        assert do(job).state == Job.State.DONE, job.message
        assert clock.now().date() == date(2026, 10, 15)
    mine = Payment.objects.get(price_minor=7_700, location__code=world.location_code(0))
    written = "".join(
        path.read_text() for path in (work.feeds_folder() / "vipps").glob("*_20261014_v*.xml")
    )
    assert f"<TransactionID>{mine.wallet_ref}</TransactionID>" in written


def test_a_second_click_waits_until_the_first_night_is_over(cast, client) -> None:
    client.post(reverse("demo:night"))
    answer = client.post(reverse("demo:night"), follow=True)
    assert "still busy" in answer.content.decode()
    assert Job.objects.count() == 1


def test_the_clock_moves_once_even_if_the_job_is_tried_again(cast) -> None:
    with time_machine.travel("2026-10-14T09:30:00+00:00", tick=False):
        job = do(work.queue_night(day=date(2026, 10, 14), volume=40))
        payments = Payment.objects.count()
        Job.objects.filter(pk=job.pk).update(state="running", finished_at=None)
        assert do(job).state == Job.State.DONE
        assert (clock.days_ahead(), Payment.objects.count()) == (1, payments)


def test_days_the_demo_was_off_are_caught_up(cast, tmp_path: Path) -> None:
    today = clock.now().date()
    nights.simulate(
        days=1, seed=1, until=today - timedelta(days=3), volume=20, to=tmp_path / "feeds"
    )
    job = work.catch_up(volume=20, faults="none")
    assert job is not None
    assert (job.params["day"], job.params["last"]) == (
        str(today - timedelta(days=2)), str(today - timedelta(days=1)),
    )  # fmt: skip


def test_nothing_is_caught_up_when_yesterday_is_closed(cast, tmp_path: Path) -> None:
    yesterday = clock.now().date() - timedelta(days=1)
    nights.simulate(days=1, seed=1, until=yesterday, volume=20, to=tmp_path / "feeds")
    assert work.catch_up(volume=20, faults="none") is None
    assert not Job.objects.exists()


# --- once, from inside


def test_a_run_that_no_worker_takes_up_ends_with_a_sentence(
    small_world, simulated, monkeypatch
) -> None:
    made = simulated(days=1)
    monkeypatch.setattr(once, "NOBODY_WORKS_SECONDS", 0.2)
    monkeypatch.setattr(once.tasks.tick, "apply_async", lambda: None)
    with pytest.raises(once.CannotRun, match="celery -A portal worker"):
        once._wait(made.to, None)
    assert not Delivery.objects.exists()


def test_a_used_database_is_told_from_an_empty_one(db) -> None:
    assert once.database_is_empty()
    Wallet.objects.create(code="x", name="X", home_country="FI", timezone="Europe/Helsinki")
    assert not once.database_is_empty()


# --- the command


def test_simulate_makes_a_small_world_when_there_is_none(
    db, tmp_path: Path, monkeypatch, capsys
) -> None:
    monkeypatch.setattr(simulate, "SMALL_WORLD", 30)
    call_command("simulate", "--days=1", "--volume=40", "--faults=none", "--to", str(tmp_path))
    assert world.size() == 30
    assert (tmp_path / "truth.json").is_file()
    assert "deliveries in" in capsys.readouterr().out
    assert Payment.objects.count() == 40


def test_simulate_needs_no_address_for_its_demo_stickers(
    db, settings, tmp_path: Path, monkeypatch
) -> None:
    settings.QR_BASE_URL = "http://127.0.0.1:8000"
    monkeypatch.setattr(simulate, "SMALL_WORLD", 20)
    call_command("simulate", "--days=1", "--volume=7", "--faults=none", "--to", str(tmp_path))
    sticker = Sticker.objects.get(code=CODE)
    assert sticker.payload == f"http://127.0.0.1:8000/q/{CODE}"


def test_simulate_refuses_in_a_sentence(small_world, tmp_path: Path, monkeypatch) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    with pytest.raises(CommandError, match="file cannot be written"):
        call_command("simulate", "--days=1", "--to", str(in_the_way))
    with pytest.raises(CommandError, match="before there was a calendar"):
        call_command("simulate", "--days=999999", "--to", str(tmp_path))
    monkeypatch.setattr(simulate, "is_migrated", lambda: False)
    with pytest.raises(CommandError, match="manage.py migrate"):
        call_command("simulate", "--days=1", "--to", str(tmp_path))
    assert not Payment.objects.exists()


def test_simulate_says_what_is_wrong_with_its_options(small_world, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="--to DIR"):
        call_command("simulate", "--days=1")
    with pytest.raises(CommandError, match="at least one day"):
        call_command("simulate", "--days=0", "--to", str(tmp_path))
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("simulate", "--faults=none.json", "--to", str(tmp_path))
    assert not Payment.objects.exists()
    assert list(tmp_path.glob("feeds/*/*")) == []
