"""The retailer's and the payer's pages, through the browser's eyes."""

from __future__ import annotations

import io
import re

import pypdfium2
import pytest
import zxingcpp
from django.core import mail
from django.urls import reverse
from PIL import Image

from merchants import qr, stickers
from merchants.models import Application, Location, Merchant, Sticker
from portal.core.models import AuditEntry, User
from tests import builders
from tests.builders import NOON


@pytest.fixture
def anna(alliance, client) -> User:
    """Somebody with an account and nothing else, signed in."""
    user = User.objects.create_user("anna@kaffe.example", "correct horse")
    client.force_login(user)
    return user


def page(response) -> str:
    return re.sub(r"\s+", " ", response.content.decode())


def answer(client, ref: str, slug: str, **answers: str):
    return client.post(reverse("merchants:step", args=[ref, slug]), answers)


BUSINESS = {
    "legal_form": "limited", "legal_name": "Fjord Kaffe AS", "company_number": "988 077 917",
    "vat_number": "", "has_no_vat_number": "on",
}  # fmt: skip
SHOP = {
    "location_name": "Fjord Kaffe", "street": "Storgata 1", "postcode": "0155", "city": "Oslo",
}  # fmt: skip


@pytest.fixture
def draft(anna, client) -> Application:
    client.post(reverse("merchants:apply"))
    return Application.objects.get()


@pytest.fixture
def in_norway(draft, client) -> Application:
    answer(client, draft.ref, "country", country="NO")
    draft.refresh_from_db()
    return draft


def test_the_whole_way_from_an_account_to_a_sticker(
    alliance, client, reviewer, django_capture_on_commit_callbacks
):
    offer = page(client.get(reverse("merchants:apply")))
    assert "1.10" in offer
    signup = re.search(r'href="(/accounts/signup/[^"]+)"', offer)[1]
    password = {"password1": "nine green kettles", "password2": "nine green kettles"}
    client.post(signup, {"email": "anna@kaffe.example", "next": "/apply/", **password})
    (letter,) = mail.outbox
    code = re.search(r"^\s*([A-Z0-9]{3,}-?[A-Z0-9]{3,})\s*$", letter.body, re.MULTILINE)[1]
    confirmed = client.post(reverse("account_email_verification_sent"), {"code": code})
    assert confirmed.url == "/apply/"
    anna = User.objects.get(email="anna@kaffe.example")
    home = client.get(reverse("merchants:home"))
    assert "See what it costs and apply" in page(home)
    client.post(reverse("merchants:apply"))
    ref = Application.objects.get().ref
    assert "0 of 5 pages are complete" in page(client.get(f"/apply/{ref}/"))

    assert answer(client, ref, "country", country="NO").url == f"/apply/{ref}/business/"
    assert answer(client, ref, "business", **BUSINESS).url == f"/apply/{ref}/bank/"
    bank = client.post(f"/apply/{ref}/bank/", {"iban": "NO93 8601 1117 947"}, follow=True)
    assert "This account is at Danske Bank." in page(bank)
    found = page(client.get(f"/apply/{ref}/sells/?words=coffee"))
    assert "1 kind of shop fits “coffee”" in found
    assert answer(client, ref, "sells", mcc="5814").url == f"/apply/{ref}/shop/"
    assert answer(client, ref, "shop", **SHOP).url == f"/apply/{ref}/check/"

    check = page(client.get(f"/apply/{ref}/check/"))
    for said in ("Norway", "Limited company (AS, ASA)", "988077917", "Has no VAT number",
                 "NO93 8601 1117 947 (Danske Bank)", "Café, snack bar or fast food (5814)",
                 "Storgata 1"):  # fmt: skip
        assert said in check
    with django_capture_on_commit_callbacks(execute=True):
        sent = client.post(f"/apply/{ref}/check/", follow=True)
    assert f"Your reference number is {ref}." in page(sent)
    assert "What happens next" in page(sent)

    client.force_login(reviewer)
    application = Application.objects.get()
    with django_capture_on_commit_callbacks(execute=True):
        client.post(reverse("admin:merchants_application_approve", args=[application.pk]))
    assert mail.outbox[-1].subject == "Fjord Kaffe can take payments"

    client.force_login(anna)
    sticker = Sticker.objects.get()
    assert "Print your sticker" in page(client.get("/shop/"))
    printed = client.post(reverse("merchants:download", args=[sticker.code]), {"as": "pdf"})
    assert printed["Content-Type"] == "application/pdf"
    document = pypdfium2.PdfDocument(printed.content)
    (found,) = zxingcpp.read_barcodes(document[0].render(scale=2).to_pil())
    assert found.text == sticker.payload
    assert "Print your sticker" not in page(client.get("/shop/"))

    client.logout()
    scanned = client.get(sticker.payload.removeprefix("https://q.example"))
    assert "Fjord Kaffe" in page(scanned)
    assert "Vipps" in page(scanned)


# --- refusals: the field is named, what was typed stays, nothing is saved


REFUSALS = [
    ("business", BUSINESS | {"company_number": "988077918"}, "company_number",
     "This is not a valid organisation number"),
    ("business", BUSINESS | {"company_number": ""}, "company_number", "Write the number"),
    ("business", BUSINESS | {"legal_form": ""}, "legal_form", "Choose the legal form"),
    ("business", BUSINESS | {"legal_form": "gmbh"}, "legal_form", "Select a valid choice"),
    ("business", BUSINESS | {"legal_name": " "}, "legal_name", "Write the name"),
    ("business", BUSINESS | {"legal_name": "x" * 161}, "legal_name", "at most 160 characters"),
    ("business", BUSINESS | {"vat_number": "NO988077917MVA"}, "vat_number", "Keep one"),
    ("business", BUSINESS | {"has_no_vat_number": ""}, "vat_number", "Write the VAT number"),
    ("business", BUSINESS | {"has_no_vat_number": "", "vat_number": "NO1MVA"}, "vat_number",
     "This is not a valid VAT number"),
    ("bank", {"iban": "NO9386011117948"}, "iban", "A digit of this IBAN is wrong"),
    ("bank", {"iban": ""}, "iban", "Write the IBAN"),
    ("sells", {}, "mcc", "Choose what you sell"),
    ("sells", {"mcc": "0000"}, "mcc", "Choose one of the kinds"),
    ("shop", SHOP | {"postcode": "12"}, "postcode", "It looks like 0155"),
    ("shop", SHOP | {"postcode": ""}, "postcode", "Write the postcode"),
    ("shop", SHOP | {"street": ""}, "street", "Write the street"),
    ("shop", SHOP | {"city": ""}, "city", "Write the city"),
    ("shop", SHOP | {"location_name": "Kaffe 😀"}, "location_name", "We cannot print 😀"),
    ("shop", SHOP | {"location_name": "x" * 81}, "location_name", "at most 80 characters"),
]  # fmt: skip


@pytest.mark.parametrize(("slug", "typed", "field", "says"), REFUSALS)
def test_a_refusal_names_the_field_and_keeps_what_was_typed(
    in_norway, client, slug, typed, field, says
):
    before = Application.objects.values().get()
    entries = AuditEntry.objects.count()
    refused = answer(client, in_norway.ref, slug, **typed)
    assert refused.status_code == 200
    form = refused.context["form"]
    assert list(form.errors) == [field]
    assert says in str(form.errors[field])
    shown = page(refused)
    assert "<title>Error:" in shown
    assert "There is a problem" in shown
    kept = {name: form[name].value() for name in typed}
    assert kept == typed | {n: bool(v) for n, v in typed.items() if n == "has_no_vat_number"}
    assert Application.objects.values().get() == before
    assert AuditEntry.objects.count() == entries


@pytest.mark.parametrize("country", ["", "FR", "no"])
def test_a_country_outside_the_alliance_is_refused(draft, client, country):
    refused = answer(client, draft.ref, "country", country=country)
    assert list(refused.context["form"].errors) == ["country"]
    assert Application.objects.get().country == ""


def test_the_other_pages_wait_for_the_country(draft, client):
    waiting = client.get(f"/apply/{draft.ref}/bank/")
    assert waiting.url == f"/apply/{draft.ref}/country/"


def test_every_country_asks_for_its_own_numbers(draft, client):
    for country, example in (("AT", "FN 122119m"), ("IS", "450401-3150"), ("SE", "556036-0793")):
        answer(client, draft.ref, "country", country=country)
        assert example in page(client.get(f"/apply/{draft.ref}/business/"))


def test_answers_are_there_again_after_signing_out(in_norway, anna, client):
    answer(client, in_norway.ref, "business", **BUSINESS)
    client.logout()
    client.force_login(anna)
    assert 'value="Fjord Kaffe AS"' in page(client.get(f"/apply/{in_norway.ref}/business/"))
    assert "2 of 5 pages are complete" in page(client.get(f"/apply/{in_norway.ref}/"))


def test_an_incomplete_application_is_not_sent_by_hand(in_norway, client):
    sent = client.post(f"/apply/{in_norway.ref}/check/", follow=True)
    assert "Some answers are missing: Your business, Bank account" in page(sent)
    assert Application.objects.get().state == "draft"


def test_a_shop_name_in_any_printable_script_is_taken(in_norway, client):
    for name in ("北京饭店", "Шоколадница", "Ταβέρνα", "Þór & Łódź"):
        taken = answer(client, in_norway.ref, "shop", **SHOP | {"location_name": name})
        assert taken.status_code == 302
        in_norway.refresh_from_db()
        assert in_norway.location_name == name


def test_a_rejected_applicant_reads_why_and_starts_again(in_norway, anna, client):
    Application.objects.update(
        state="rejected", decision_reason="The IBAN is <not> yours.", submitted_at=NOON,
        decided_at=NOON,
    )  # fmt: skip
    tracker = page(client.get(f"/apply/{in_norway.ref}/"))
    assert "The IBAN is &lt;not&gt; yours." in tracker
    assert "See the reason" in page(client.get("/shop/"))
    client.post(f"/apply/{in_norway.ref}/again/")
    again = Application.objects.get(state="draft")
    assert again.country == "NO"
    assert "Continue your application" in page(client.get("/shop/"))


def test_only_a_rejected_application_is_started_again(in_norway, client):
    client.post(f"/apply/{in_norway.ref}/again/")
    assert Application.objects.count() == 1


# --- who may see what


def test_a_stranger_gets_404_everywhere(in_norway, shop, owner, stranger, client):
    sticker = stickers.issue(shop, by=owner, now=NOON)
    client.force_login(stranger)
    entries = AuditEntry.objects.count()
    for name, args, data in (
        ("application", [in_norway.ref], None), ("check", [in_norway.ref], None),
        ("check", [in_norway.ref], {}), ("again", [in_norway.ref], {}),
        ("step", [in_norway.ref, "bank"], None), ("step", [in_norway.ref, "bank"], {"iban": "x"}),
        ("location", [shop.code], None), ("location", [shop.code], {"till": "x"}),
        ("sticker", [sticker.code], None), ("picture", [sticker.code], None),
        ("download", [sticker.code], {"as": "pdf"}), ("replace", [sticker.code], {}),
        ("revoke", [sticker.code], {}), ("sheet", [shop.merchant.ref], {}),
        ("add_shop", [shop.merchant.ref], None), ("add_shop", [shop.merchant.ref], SHOP),
    ):  # fmt: skip
        url = reverse(f"merchants:{name}", args=args)
        response = client.get(url) if data is None else client.post(url, data)
        assert response.status_code == 404, url
    assert AuditEntry.objects.count() == entries
    assert Sticker.objects.get().state == "issued"
    assert shop.name not in page(client.get("/shop/"))


def test_who_is_not_signed_in_is_asked_to(shop, client):
    for url in ("/shop/", "/apply/A2345678/", f"/shop/{shop.code}/", "/stickers/ABC/"):
        assert client.get(url).url.startswith("/accounts/login/?next=")
    assert client.post("/apply/").url == "/accounts/login/"
    assert not Application.objects.exists()


def test_a_cashier_sees_the_shop_but_changes_nothing(shop, owner, colleague, client):
    sticker = stickers.issue(shop, by=owner, now=NOON)
    client.force_login(colleague)
    assert "Revoke" not in page(client.get(f"/stickers/{sticker.code}/"))
    assert "Issue a sticker" not in page(client.get(f"/shop/{shop.code}/"))
    assert client.post(f"/stickers/{sticker.code}/revoke/").status_code == 404
    assert client.post(f"/shop/{shop.code}/", {"till": "Bar"}).status_code == 404
    assert client.get(f"/merchants/{shop.merchant.ref}/add-shop/").status_code == 404
    assert Sticker.objects.get().state == "issued"


# --- stickers


@pytest.mark.parametrize(
    ("layout", "content_type"),
    [("pdf", "application/pdf"), ("svg", "image/svg+xml"), ("png", "image/png")],
)
def test_a_download_marks_the_sticker_printed(shop, owner, client, layout, content_type):
    sticker = stickers.issue(shop, by=owner, now=NOON)
    client.force_login(owner)
    client.get(f"/stickers/{sticker.code}/picture.svg")
    assert Sticker.objects.get().state == "issued"
    got = client.post(f"/stickers/{sticker.code}/download/", {"as": layout})
    assert got["Content-Type"] == content_type
    assert got["Content-Disposition"] == f'attachment; filename="sticker-{sticker.code}.{layout}"'
    assert Sticker.objects.get().state == "printed"
    if layout == "png":
        (found,) = zxingcpp.read_barcodes(Image.open(io.BytesIO(got.content)))
        assert found.text == sticker.payload


def test_an_unknown_layout_is_not_there_and_marks_nothing(shop, owner, client):
    sticker = stickers.issue(shop, by=owner, now=NOON)
    client.force_login(owner)
    got = client.post(f"/stickers/{sticker.code}/download/", {"as": "docx"})
    assert got.status_code == 404
    assert Sticker.objects.get().state == "issued"


def test_a_revoked_sticker_is_not_printed_again(shop, owner, client):
    sticker = stickers.issue(shop, by=owner, now=NOON)
    client.force_login(owner)
    client.post(f"/stickers/{sticker.code}/revoke/")
    got = client.post(f"/stickers/{sticker.code}/download/", {"as": "pdf"}, follow=True)
    assert "not printed any more" in page(got)
    assert Sticker.objects.get().printed_at is None


def test_all_stickers_of_a_merchant_come_as_one_pdf(shop, owner, client):
    issued = [stickers.issue(shop, till=f"Till {n}", by=owner, now=NOON) for n in range(5)]
    stickers.revoke(issued[0], by=owner, now=NOON)
    client.force_login(owner)
    got = client.post(f"/merchants/{shop.merchant.ref}/stickers.pdf")
    document = pypdfium2.PdfDocument(got.content)
    found = zxingcpp.read_barcodes(document[0].render(scale=2).to_pil())
    assert sorted(one.text for one in found) == sorted(one.payload for one in issued[1:])
    assert Sticker.objects.filter(state="printed").count() == 4


def test_without_a_sticker_there_is_no_sheet(shop, owner, client):
    client.force_login(owner)
    got = client.post(f"/merchants/{shop.merchant.ref}/stickers.pdf", follow=True)
    assert "There is no sticker to print." in page(got)


def test_a_till_gets_a_sticker_of_its_own(shop, owner, client):
    client.force_login(owner)
    got = client.post(f"/shop/{shop.code}/", {"till": "Bar"})
    sticker = Sticker.objects.get()
    assert got.url == f"/stickers/{sticker.code}/"
    assert sticker.till == "Bar"
    refused = client.post(f"/shop/{shop.code}/", {"till": "😀"})
    assert list(refused.context["form"].errors) == ["till"]
    assert Sticker.objects.count() == 1


def test_an_owner_adds_a_shop_in_another_country(shop, owner, client):
    client.force_login(owner)
    url = f"/merchants/{shop.merchant.ref}/add-shop/"
    asked = {"location_name": "Kaffi", "where": "IS", "street": "Laugavegur 1", "city": "Reykjavík"}
    refused = client.post(url, asked | {"postcode": "0155"})
    assert list(refused.context["form"].errors) == ["postcode"]
    assert Location.objects.count() == 1
    client.post(url, asked | {"postcode": "101"})
    added = Location.objects.get(name="Kaffi")
    assert (added.currency, added.merchant, added.mcc) == ("ISK", shop.merchant, shop.merchant.mcc)
    assert added.enrolments.count() == 6
    assert added.stickers.count() == 1


def test_a_long_list_of_shops_is_paged(merchant, owner, client, django_assert_max_num_queries):
    for number in range(25):
        builders.location(merchant, name=f"Shop {number:02d}")
    client.force_login(owner)
    with django_assert_max_num_queries(20):
        first = page(client.get("/shop/"))
    assert "Shop 24" in first
    assert "Shop 04" not in first
    older = re.search(r"\?before=\d+", first)[0]
    assert "Shop 04" in page(client.get(f"/shop/{older}"))


# --- the page behind a code


def scan(client, code: str):
    return client.get(f"/q/{code}")


def test_a_scan_names_the_shop_and_its_wallets(shop, client):
    sticker = builders.sticker(shop)
    got = scan(client, sticker.code)
    assert shop.name in page(got)
    assert "Oslo" in page(got)
    for wallet in ("Alipay", "Bluecode", "ePassi", "MOMO Pocket", "Pagaqui", "Pivo", "Vipps"):
        assert wallet in page(got)


def test_the_page_behind_a_code_is_small_public_and_without_cookies(shop, client):
    got = scan(client, builders.sticker(shop).code)
    assert len(got.content) < 15_000
    assert not got.cookies
    assert got["Cache-Control"] == "public, max-age=60"
    assert "Cookie" not in got.get("Vary", "")


def test_a_code_is_found_however_it_is_typed(shop, client):
    sticker = builders.sticker(shop)
    typed = qr.grouped(sticker.code).lower()
    assert client.get("/q/", {"code": typed}).url == f"/q/{sticker.code}"
    assert scan(client, sticker.code.lower()).url == f"/q/{sticker.code}"
    assert "Find a shop by its code" in page(client.get("/q/"))


def test_a_mistyped_code_is_told_from_an_unknown_one(shop, client):
    sticker = builders.sticker(shop)
    wrong = "2" if sticker.code[4] != "2" else "3"
    mistyped = scan(client, sticker.code[:4] + wrong + sticker.code[5:])
    assert mistyped.status_code == 404
    assert "This code is mistyped" in page(mistyped)
    unknown = scan(client, qr.code_of(99_999_999))
    assert unknown.status_code == 404
    assert "We do not know this code" in page(unknown)
    for strange in ("%3Cscript%3E", "😀", "a" * 300, "..", "%00"):
        got = scan(client, strange)
        assert got.status_code == 404
        assert b"<script>" not in got.content


def test_a_revoked_sticker_warns_the_payer(shop, owner, client):
    sticker = stickers.issue(shop, by=owner, now=NOON)
    stickers.revoke(sticker, by=owner, now=NOON)
    got = scan(client, sticker.code)
    assert got.status_code == 410
    assert "Do not pay here" in page(got)
    assert shop.name not in page(got)


def test_a_replaced_sticker_goes_on_working(shop, owner, client):
    sticker = stickers.issue(shop, by=owner, now=NOON)
    stickers.replace(sticker, by=owner, now=NOON)
    got = scan(client, sticker.code)
    assert got.status_code == 200
    assert "newer sticker" in page(got)


@pytest.mark.parametrize("state", ["suspended", "closed", "planned"])
def test_a_shop_that_takes_no_payments_says_so(merchant, client, state):
    sticker = builders.sticker(builders.location(merchant, state=state))
    assert "takes no payments at present" in page(scan(client, sticker.code))


def test_the_shop_of_a_suspended_merchant_takes_no_payments(merchant, shop, client):
    sticker = builders.sticker(shop)
    Merchant.objects.update(state="suspended")
    assert "takes no payments at present" in page(scan(client, sticker.code))
