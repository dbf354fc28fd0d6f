"""The review desk, and what a wallet's admins may look up."""

from __future__ import annotations

import pytest
from django.core import mail
from django.urls import reverse

from merchants import onboarding
from merchants.models import Application, Enrolment, Merchant, Sticker
from portal.core.models import AuditEntry, User
from tests import builders
from tests.builders import NOON
from tests.merchants.test_onboarding import ANSWERS

MODELS = ("application", "merchant", "location", "sticker", "enrolment")


@pytest.fixture
def submitted(alliance) -> Application:
    applicant = User.objects.create_user("anna@kaffe.example", "correct horse")
    application = onboarding.start(applicant=applicant, now=NOON)
    onboarding.save(application, answers=ANSWERS, by=applicant, now=NOON)
    onboarding.submit(application, by=applicant, now=NOON)
    return application


def change(model: str, pk: int) -> str:
    return reverse(f"admin:merchants_{model}_change", args=[pk])


def act(name: str, application: Application) -> str:
    return reverse(f"admin:merchants_application_{name}", args=[application.pk])


def test_a_reviewer_reads_and_approves(
    client, reviewer, submitted, django_capture_on_commit_callbacks
):
    client.force_login(reviewer)
    queue = client.get(reverse("admin:merchants_application_changelist"))
    assert submitted.ref in queue.content.decode()
    shown = client.get(change("application", submitted.pk)).content.decode()
    for said in ("Limited company (AS, ASA)", "NO93 8601 1117 947 (Danske Bank)", "Approve"):
        assert said in shown
    with django_capture_on_commit_callbacks(execute=True):
        done = client.post(act("approve", submitted), follow=True)
    assert "is a merchant now" in done.content.decode()
    assert Application.objects.get().state == "approved"
    assert 'value="Approve"' not in done.content.decode()


def test_a_reviewer_rejects_with_a_reason(
    client, reviewer, submitted, django_capture_on_commit_callbacks
):
    client.force_login(reviewer)
    refused = client.post(act("reject", submitted), {"reason": " "}, follow=True)
    assert "Give a reason" in refused.content.decode()
    assert Application.objects.get().state == "submitted"
    with django_capture_on_commit_callbacks(execute=True):
        client.post(act("reject", submitted), {"reason": "The IBAN is not yours."})
    kept = Application.objects.get()
    assert (kept.state, kept.decision_reason, kept.decided_by) == (
        "rejected", "The IBAN is not yours.", reviewer,
    )  # fmt: skip
    assert mail.outbox[-1].to == ["anna@kaffe.example"]


def test_deciding_twice_is_refused_with_who_was_quicker(client, reviewer, submitted):
    client.force_login(reviewer)
    client.post(act("approve", submitted))
    late = client.post(act("reject", submitted), {"reason": "No"}, follow=True)
    assert "decided by reviewer@onestile.example" in late.content.decode()
    assert Application.objects.get().state == "approved"
    assert Merchant.objects.count() == 1


def test_a_company_known_already_is_pointed_out_and_refused(client, reviewer, submitted):
    known = builders.merchant(company_number="988077917")
    client.force_login(reviewer)
    assert known.ref in client.get(change("application", submitted.pk)).content.decode()
    refused = client.post(act("approve", submitted), follow=True)
    assert "has this company number already" in refused.content.decode()
    assert Application.objects.get().state == "submitted"
    assert not Sticker.objects.exists()


def test_a_decision_takes_a_post(client, reviewer, submitted):
    client.force_login(reviewer)
    assert client.get(act("approve", submitted)).status_code == 405
    assert client.get(act("reject", submitted)).status_code == 405
    assert Application.objects.get().state == "submitted"


def test_drafts_are_their_applicants_alone(client, reviewer, alliance, owner):
    draft = onboarding.start(applicant=owner, now=NOON)
    client.force_login(reviewer)
    assert client.get(change("application", draft.pk)).status_code == 404
    assert client.post(act("approve", draft)).status_code == 404


def test_nothing_is_added_changed_or_deleted_by_hand(client, reviewer, submitted, shop):
    client.force_login(reviewer)
    for model, pk in (("application", submitted.pk), ("location", shop.pk)):
        assert client.get(reverse(f"admin:merchants_{model}_add")).status_code in {403, 404}
        client.post(change(model, pk), {"state": "closed", "name": "Other"})
        assert client.post(
            reverse(f"admin:merchants_{model}_delete", args=[pk]), {"post": "yes"}
        ).status_code in {403, 404}
    shop.refresh_from_db()
    assert shop.state == "accepting"
    assert Application.objects.get().state == "submitted"


@pytest.mark.parametrize("who", ["vipps_admin", "owner", "clerk"])
def test_the_review_desk_is_not_there_for_others(request, client, submitted, shop, who):
    client.force_login(request.getfixturevalue(who))
    sticker = builders.sticker(shop)
    entries = AuditEntry.objects.count()
    rows = {"application": submitted, "merchant": shop.merchant, "location": shop,
            "sticker": sticker}  # fmt: skip
    for model, row in rows.items():
        for url in (reverse(f"admin:merchants_{model}_changelist"), change(model, row.pk)):
            response = client.get(url)
            # Who is no staff is sent to sign in; staff of another desk finds nothing.
            assert response.status_code == (404 if who == "vipps_admin" else 302), url
            assert response.status_code == 404 or "/login/" in response.url
    assert client.post(act("approve", submitted)).status_code in {302, 404}
    assert Application.objects.get().state == "submitted"
    assert AuditEntry.objects.count() == entries


def test_a_wallets_admins_see_their_own_enrolments_and_no_secrets(client, vipps_admin, shop):
    mine = Enrolment.objects.get(location=shop, wallet__code="vipps")
    rivals = Enrolment.objects.get(location=shop, wallet__code="pivo")
    client.force_login(vipps_admin)
    listed = client.get(reverse("admin:merchants_enrolment_changelist")).content.decode()
    assert shop.name in listed
    assert "Pivo" not in listed
    shown = client.get(change("enrolment", mine.pk)).content.decode()
    for said in (shop.name, shop.street, "Café, snack bar or fast food (5814)", mine.store_ref):
        assert said in shown
    for secret in (shop.merchant.iban, shop.merchant.legal_name, shop.merchant.company_number):
        assert secret not in shown
        assert secret not in listed
    assert client.get(change("enrolment", rivals.pk)).status_code == 404


def test_a_wallets_admin_cannot_search_by_what_she_may_not_see(client, vipps_admin, shop):
    client.force_login(vipps_admin)
    url = reverse("admin:merchants_enrolment_changelist")
    for lookup in ("location__merchant__iban__startswith=NO", "wallet__code=pivo",
                   "location__merchant__legal_name__startswith=F"):  # fmt: skip
        response = client.get(f"{url}?{lookup}")
        listed = response.content.decode()
        assert response.status_code in {302, 400} or shop.name not in listed


def test_reviewers_see_every_enrolment(client, reviewer, shop):
    client.force_login(reviewer)
    listed = client.get(reverse("admin:merchants_enrolment_changelist")).content.decode()
    assert "Pivo" in listed
    assert "Vipps" in listed


@pytest.mark.parametrize("model", MODELS)
def test_every_list_can_be_searched(client, reviewer, submitted, shop, model):
    builders.sticker(shop)
    client.force_login(reviewer)
    listed = client.get(reverse(f"admin:merchants_{model}_changelist"), {"q": "fjord"})
    assert listed.status_code == 200


def test_long_lists_are_filtered_by_country_without_asking_every_row(
    client, reviewer, shop, django_assert_max_num_queries
):
    abroad = builders.location(country="FI")
    client.force_login(reviewer)
    address = reverse("admin:merchants_location_changelist")
    with django_assert_max_num_queries(15) as asked:
        page = client.get(address, {"country": "FI"}).content.decode()
    assert abroad.code in page
    assert shop.code not in page
    assert not any("DISTINCT" in one["sql"] for one in asked.captured_queries)
    everything = client.get(address).content.decode()
    assert shop.code in everything
