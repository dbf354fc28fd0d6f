"""From an account to a sticker: the acts, and what each refuses."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core import mail

from merchants import enrolment, locations, onboarding, stickers
from merchants.models import (
    Application,
    Enrolment,
    Location,
    Merchant,
    MerchantMembership,
    Sticker,
)
from merchants.refusals import Refused
from portal.core.models import AuditEntry, User
from tests.builders import NOON
from wallets.models import Wallet

ANSWERS = {
    "country": "NO", "legal_form": "limited", "legal_name": "Fjord Kaffe AS",
    "company_number": "988077917", "vat_number": "NO988077917MVA", "has_no_vat_number": False,
    "iban": "NO9386011117947", "mcc": "5814", "location_name": "Fjord Kaffe",
    "street": "Storgata 1", "postcode": "0155", "city": "Oslo",
}  # fmt: skip


@pytest.fixture
def applicant(db) -> User:
    return User.objects.create_user("anna@kaffe.example", "correct horse")


@pytest.fixture
def draft(alliance, applicant) -> Application:
    found = onboarding.start(applicant=applicant, now=NOON)
    onboarding.save(found, answers=ANSWERS, by=applicant, now=NOON)
    return found


@pytest.fixture
def submitted(draft, applicant) -> Application:
    onboarding.submit(draft, by=applicant, now=NOON)
    return draft


def nothing_came_alive() -> bool:
    return not any(
        model.objects.exists()
        for model in (Merchant, MerchantMembership, Location, Enrolment, Sticker)
    )


def test_starting_twice_continues_the_same_draft(alliance, applicant):
    first = onboarding.start(applicant=applicant, now=NOON)
    assert onboarding.start(applicant=applicant, now=NOON + timedelta(days=1)) == first
    assert Application.objects.count() == 1
    assert AuditEntry.objects.filter(verb="merchants.application.started").count() == 1


def test_another_country_empties_what_follows_from_it(draft, applicant):
    onboarding.save(draft, answers={"country": "SE"}, by=applicant, now=NOON)
    draft.refresh_from_db()
    assert (draft.legal_form, draft.company_number, draft.vat_number, draft.postcode) == ("",) * 4
    assert (draft.legal_name, draft.iban, draft.street) == (
        "Fjord Kaffe AS", "NO9386011117947", "Storgata 1",
    )  # fmt: skip
    assert [step.slug for step in onboarding.missing(draft)] == ["business", "shop"]


def test_the_same_country_again_empties_nothing(draft, applicant):
    onboarding.save(draft, answers={"country": "NO"}, by=applicant, now=NOON)
    assert onboarding.missing(draft) == []


@pytest.mark.parametrize(
    ("field", "step"),
    [("legal_name", "business"), ("iban", "bank"), ("mcc", "sells"), ("city", "shop")],
)
def test_an_application_that_lacks_an_answer_is_not_sent_in(draft, applicant, field, step):
    onboarding.save(draft, answers={field: ""}, by=applicant, now=NOON)
    with pytest.raises(onboarding.Incomplete) as refused:
        onboarding.submit(draft, by=applicant, now=NOON)
    assert [missing.slug for missing in refused.value.steps] == [step]
    assert Application.objects.get().state == "draft"
    assert not mail.outbox


def test_a_business_without_vat_number_can_be_sent_in(draft, applicant):
    no_vat = {"vat_number": "", "has_no_vat_number": True}
    onboarding.save(draft, answers=no_vat, by=applicant, now=NOON)
    onboarding.submit(draft, by=applicant, now=NOON)
    assert Application.objects.get().state == "submitted"
    assert onboarding.answer_in_words(draft, "vat_number") == "Has no VAT number"


def test_what_was_sent_in_cannot_be_changed_or_sent_again(submitted, applicant):
    with pytest.raises(onboarding.AlreadyDecided):
        onboarding.save(submitted, answers={"city": "Bergen"}, by=applicant, now=NOON)
    with pytest.raises(onboarding.AlreadyDecided):
        onboarding.submit(submitted, by=applicant, now=NOON)
    kept = Application.objects.get()
    assert (kept.city, kept.submitted_at) == ("Oslo", NOON)


def test_sending_in_answers_with_a_reference(draft, applicant, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        onboarding.submit(draft, by=applicant, now=NOON)
    (letter,) = mail.outbox
    assert letter.to == ["anna@kaffe.example"]
    assert draft.ref in letter.subject
    assert f"https://q.example/apply/{draft.ref}/" in letter.body


def test_approval_makes_everything_come_alive(
    submitted, applicant, reviewer, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        merchant = onboarding.approve(submitted, by=reviewer, now=NOON)
    assert (merchant.legal_name, merchant.company_number, merchant.iban) == (
        "Fjord Kaffe AS", "988077917", "NO9386011117947",
    )  # fmt: skip
    assert merchant.acquirer.code == "vipps"
    membership = MerchantMembership.objects.get()
    assert (membership.user, membership.role) == (applicant, "owner")
    location = Location.objects.get()
    assert (location.name, location.currency, location.state) == (
        "Fjord Kaffe", "NOK", "accepting",
    )  # fmt: skip
    assert set(location.enrolments.values_list("wallet__code", "state")) == {
        (code, "approved")
        for code in ("alipay", "bluecode", "epassi", "momo", "pagaqui", "pivo", "vipps")
    }
    sticker = location.stickers.get()
    assert sticker.payload == f"https://q.example/q/{sticker.code}"
    assert (sticker.symbol_version, sticker.symbol_mask) == (3, 2)
    decided = Application.objects.get()
    assert (decided.state, decided.merchant, decided.decided_by) == (
        "approved", merchant, reviewer,
    )  # fmt: skip
    assert [letter.subject for letter in mail.outbox] == ["Fjord Kaffe can take payments"]
    assert set(AuditEntry.objects.filter(actor=reviewer).values_list("verb", flat=True)) == {
        "merchants.merchant.signed_up", "merchants.location.opened",
        "merchants.location.enrolled", "merchants.sticker.issued",
        "merchants.application.approved",
    }  # fmt: skip


def test_of_two_reviewers_the_first_decides(submitted, reviewer):
    other = User.objects.create_user("second@onestile.example", "correct horse", is_staff=True)
    hers, his = Application.objects.get(), Application.objects.get()
    onboarding.approve(hers, by=reviewer, now=NOON)
    with pytest.raises(onboarding.AlreadyDecided, match="reviewer@onestile.example"):
        onboarding.approve(his, by=other, now=NOON)
    with pytest.raises(onboarding.AlreadyDecided):
        onboarding.reject(his, by=other, reason="Too late", now=NOON)
    assert Merchant.objects.count() == Sticker.objects.count() == 1
    kept = Application.objects.get()
    assert (kept.state, kept.decided_by, kept.decision_reason) == ("approved", reviewer, "")


def test_what_was_rejected_cannot_be_approved(submitted, reviewer):
    hers, his = Application.objects.get(), Application.objects.get()
    onboarding.reject(hers, by=reviewer, reason="The shop is closed.", now=NOON)
    with pytest.raises(onboarding.AlreadyDecided):
        onboarding.approve(his, by=reviewer, now=NOON)
    assert nothing_came_alive()
    assert Application.objects.get().state == "rejected"


def test_a_rejection_without_a_reason_is_refused(submitted, reviewer):
    with pytest.raises(Refused, match="reason"):
        onboarding.reject(submitted, by=reviewer, reason="  ", now=NOON)
    assert Application.objects.get().state == "submitted"


def test_a_rejected_applicant_starts_again_with_her_answers(
    submitted, applicant, reviewer, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        onboarding.reject(submitted, by=reviewer, reason="The IBAN is not yours.", now=NOON)
    assert "The IBAN is not yours." in mail.outbox[-1].body
    again = onboarding.start(applicant=applicant, now=NOON, again=submitted)
    assert again.ref != submitted.ref
    assert {name: getattr(again, name) for name in ANSWERS} == ANSWERS
    assert onboarding.missing(again) == []


def test_a_company_that_is_a_merchant_already_is_not_signed_up_twice(
    submitted, applicant, reviewer
):
    onboarding.approve(submitted, by=reviewer, now=NOON)
    again = onboarding.start(applicant=applicant, now=NOON)
    onboarding.save(again, answers=ANSWERS, by=applicant, now=NOON)
    onboarding.submit(again, by=applicant, now=NOON)
    with pytest.raises(Refused, match="has this company number already"):
        onboarding.approve(again, by=reviewer, now=NOON)
    again.refresh_from_db()
    assert again.state == "submitted"
    assert Merchant.objects.count() == Location.objects.count() == Sticker.objects.count() == 1


def test_an_approval_whose_sticker_cannot_be_issued_changes_nothing(submitted, reviewer, settings):
    settings.QR_BASE_URL = "http://q.example"
    with pytest.raises(stickers.UnsafeAddress, match="QR_BASE_URL"):
        onboarding.approve(submitted, by=reviewer, now=NOON)
    assert nothing_came_alive()
    assert Application.objects.get().state == "submitted"


@pytest.mark.parametrize(
    ("country", "code"),
    [
        ("AT", "bluecode"), ("DE", "bluecode"), ("ES", "momo"), ("PT", "pagaqui"),
        ("FI", "pivo"), ("SE", "bluecode"), ("DK", "bluecode"), ("NO", "vipps"),
        ("IS", "bluecode"), ("SI", "bluecode"),
    ],
)  # fmt: skip
def test_a_merchant_is_contracted_at_home_or_by_the_hub(alliance, country, code):
    assert onboarding.acquirer_for(country).code == code


def test_without_any_acquirer_nobody_can_be_approved(submitted, reviewer):
    Wallet.objects.update(acquires=False)
    with pytest.raises(Refused, match="No partner"):
        onboarding.approve(submitted, by=reviewer, now=NOON)
    assert nothing_came_alive()


def test_the_price_of_every_country_is_known(alliance):
    found = onboarding.prices(day=NOON.date())
    assert [price.country for price in found][:3] == ["Austria", "Denmark", "Finland"]
    assert len(found) == 10
    assert {(price.bps, price.percent) for price in found} == {(110, "1.10")}


@pytest.mark.parametrize(
    "name", ["北京贸易有限公司", "ООО Ромашка", "شركة القهوة", 'Æøå & Söhne "Ł" <b>', "İı ẞ ﬁ"]
)
def test_a_legal_name_in_any_script_is_kept_as_it_is(draft, applicant, reviewer, name):
    onboarding.save(draft, answers={"legal_name": name}, by=applicant, now=NOON)
    onboarding.submit(draft, by=applicant, now=NOON)
    assert onboarding.approve(draft, by=reviewer, now=NOON).legal_name == name


# --- shops


def test_a_shop_outside_the_alliance_is_refused(merchant):
    with pytest.raises(Refused, match="does not reach"):
        locations.open_location(
            merchant=merchant, name="A", street="B", postcode="1", city="C", country="FR",
            mcc="5814", by=None, now=NOON,
        )  # fmt: skip
    assert not Location.objects.exists()


def test_a_merchant_that_is_suspended_opens_no_shop(merchant):
    merchant.state = Merchant.State.SUSPENDED
    with pytest.raises(Refused, match="not active"):
        locations.open_location(
            merchant=merchant, name="A", street="B", postcode="1", city="C", country="NO",
            mcc="5814", by=None, now=NOON,
        )  # fmt: skip
    assert not Location.objects.exists()


def test_a_shop_is_closed_once(shop, owner):
    locations.close_location(shop, by=owner, now=NOON)
    assert Location.objects.get(pk=shop.pk).state == "closed"
    with pytest.raises(Refused, match="closed already"):
        locations.close_location(shop, by=owner, now=NOON)
    assert AuditEntry.objects.filter(verb="merchants.location.closed").count() == 1


def test_iceland_is_enrolled_everywhere_but_at_alipay(merchant):
    location = locations.open_location(
        merchant=merchant, name="Kaffi", street="Laugavegur 1", postcode="101",
        city="Reykjavík", country="IS", mcc="5814", by=None, now=NOON,
    )  # fmt: skip
    made = enrolment.enrol(location, by=None, now=NOON)
    assert len(made) == 6
    assert [wallet.code for wallet in enrolment.not_offered(location)] == ["alipay"]
    assert enrolment.enrol(location, by=None, now=NOON) == []
    assert location.enrolments.count() == 6


def test_a_store_reference_follows_from_the_code_alone():
    assert enrolment.store_ref("loc_7k3m9qxa2b") == "7K3M9QXA2B"
    assert enrolment.store_ref("loc_000123") == "000123"
    folded = enrolment.store_ref("a code of another form altogether")
    assert len(folded) == 12
    assert folded == enrolment.store_ref("a code of another form altogether")
    assert folded != enrolment.store_ref("a code of another form, too")
