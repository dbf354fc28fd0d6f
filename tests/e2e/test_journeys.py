"""One journey for each role, the way its people go, in a real browser."""

from __future__ import annotations

import csv
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
import zxingcpp
from PIL import Image

from merchants import identifiers
from portal.demo.people import PASSWORD

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

SHOPKEEPER_PASSWORD = "a counter in the rain"
FIRST_NIGHT_SECONDS = 150


def read_symbol(picture: Image.Image) -> str:
    """Return the text in the QR symbol of a picture."""
    (found,) = zxingcpp.read_barcodes(picture.convert("RGB"))
    return str(found.text)


# --- what several journeys do


def create_account(visitor: Any, email: str) -> None:
    """From the home page to a verified account; ends on the page of prices."""
    visitor.go("/")
    visitor.look()
    visitor.go("/apply/")
    visitor.look()
    visitor.press("Create an account to start")
    visitor.look()
    visitor.fill("E-?mail", email)
    visitor.fill("Password", SHOPKEEPER_PASSWORD)
    visitor.press("Create account")
    visitor.reads("We have sent a code to")
    visitor.look()
    visitor.fill("Code", code_in_the_mail(visitor, email))
    visitor.press("Go on")
    visitor.page.wait_for_url("**/apply/")


def code_in_the_mail(visitor: Any, email: str) -> str:
    """Look at the demo's mails in another tab, as somebody trying the demo does."""
    text = visitor.newest_mail_to(email)
    found = re.search(r"^\s*([A-Z0-9]{3,5}-?[A-Z0-9]{3,5})\s*$", text, re.MULTILINE)
    assert found, text
    return found.group(1)


def apply(visitor: Any, *, legal_name: str, shop: str, number: str) -> str:
    """Fill in the application's pages and send it; return its reference."""
    visitor.press("Start your application")
    visitor.look()
    visitor.press("Continue")
    visitor.page.get_by_label("Where is the business registered?").select_option("Norway")
    visitor.look()
    visitor.press("Continue")
    visitor.page.get_by_label("Legal form").select_option(index=1)
    visitor.fill("Legal name", legal_name)
    visitor.fill("Company number", number[:-1])
    visitor.fill("VAT number", "")
    visitor.page.get_by_label("The business has no VAT number").check()
    visitor.press("Continue")
    visitor.reads("This is not a valid")  # one digit short: the page says so, and keeps the rest
    visitor.look()
    visitor.fill("Company number", number)
    visitor.press("Continue")
    visitor.fill("IBAN", identifiers.IBAN_EXAMPLES["NO"])
    visitor.look()
    visitor.press("Continue")
    visitor.page.get_by_role("radio").first.check()
    visitor.look()
    visitor.press("Continue")
    visitor.fill("Name of the shop", shop)
    visitor.fill("Street and number", "Strandkaien 4")
    visitor.fill("Postcode", "5013")
    visitor.fill("City", "Bergen")
    visitor.look()
    visitor.press("Continue")
    visitor.reads("Check your answers")
    visitor.look()
    visitor.press("Send application")
    visitor.reads("We have your application")
    visitor.look()
    found = re.match(r"Application (\w+)", visitor.page.title())
    assert found, visitor.page.title()
    return found.group(1)


def open_the_application(reviewer: Any, ref: str) -> None:
    """Sign in, which leads to the list of applications, and open one of them."""
    reviewer.sign_in("reviewer@onestile.example", PASSWORD)
    reviewer.page.wait_for_url("**/admin/merchants/application/")
    reviewer.look()
    reviewer.page.get_by_role("link", name=ref).first.click()
    reviewer.look()


# --- the journeys


def test_a_retailer_signs_up_prints_the_sticker_and_is_paid(visitor, tmp_path: Path) -> None:
    keeper, reviewer, payer = visitor(), visitor(), visitor()
    create_account(keeper, "kari@regnbua.example")
    ref = apply(keeper, legal_name="Regnbua Kafé AS", shop="Regnbua Kafé", number="974760673")

    open_the_application(reviewer, ref)
    reviewer.page.get_by_role("button", name="Approve").click()
    reviewer.reads("is a merchant now")

    keeper.go("/shop/")
    keeper.look()
    keeper.press("Print your sticker")
    keeper.look()
    printed = {
        name: keeper.download(button)
        for name, button in (("pdf", "Download PDF"), ("svg", "SVG"), ("png", "PNG"))
    }
    payload = read_symbol(Image.open(printed["png"]))
    assert re.fullmatch(re.escape(keeper.portal.url) + r"/q/[0-9A-Z-]+", payload)
    page = pypdfium2.PdfDocument(printed["pdf"])[0]
    assert read_symbol(page.render(scale=4).to_pil()) == payload
    assert printed["svg"].read_bytes().lstrip().startswith((b"<?xml", b"<svg"))
    assert b"DEMO" in printed["svg"].read_bytes() or "DEMO" in keeper.page.content()

    payer.go(payload)
    payer.reads("Regnbua Kafé")
    payer.look()
    pay(payer, wallet="Alipay", amount="129.00")

    keeper.go("/shop/")
    keeper.press("Today’s payments")
    keeper.reads("129.00")
    keeper.look()
    payer.go(payload)
    pay(payer, wallet="Pivo", amount="45.50")
    keeper.reads("45.50")  # without being asked: the list refreshes itself

    keeper.go("/money/")
    keeper.reads("174.50")
    keeper.look()


def pay(payer: Any, *, wallet: str, amount: str) -> None:
    """Pay on the demo's page as the user of a wallet."""
    payer.press("Pay as a wallet")
    payer.look()
    payer.choose("Wallet", wallet)
    payer.fill("Amount", amount)
    payer.press("^Pay")
    payer.reads(amount)
    payer.look()


def test_a_reviewer_rejects_with_a_reason_that_the_applicant_reads(visitor) -> None:
    keeper, reviewer = visitor(), visitor()
    create_account(keeper, "odd@regnbua.example")
    ref = apply(keeper, legal_name="Odds Fisk AS", shop="Odds Fisk", number="889640782")

    open_the_application(reviewer, ref)
    reason = "The account belongs to somebody else."
    reviewer.page.get_by_label("Reason, as the applicant will read it").fill(reason)
    reviewer.page.get_by_role("button", name="Reject").click()
    reviewer.reads("is rejected")
    reviewer.look()

    keeper.go("/shop/")
    keeper.look()
    keeper.press("See the reason")
    keeper.reads(reason)
    keeper.look()
    assert reason in keeper.newest_mail_to("odd@regnbua.example")
    keeper.finds_nothing_at("/finance/")


def test_finance_reads_a_night_and_downloads_every_row(visitor) -> None:
    clerk = visitor()
    clerk.sign_in("finance@onestile.example", PASSWORD)
    clerk.page.get_by_role("heading", name="Nights", level=1).wait_for()
    clerk.wait_and_reload_until("Reconciled", seconds=FIRST_NIGHT_SECONDS)
    clerk.look()

    row = clerk.page.get_by_role("row").filter(has_text="Reconciled").first
    row.get_by_role("link").first.click()
    clerk.look()
    rows = shown_number(clerk, "Rows in the CSV")
    with clerk.download("CSV").open(encoding="utf-8", newline="") as file:
        night = list(csv.DictReader(file))

    assert len(night) == rows > 0
    outcomes = Counter(line["outcome"] for line in night)
    for outcome in ("matched", "missing_in_settlement"):
        if outcomes[outcome]:
            clerk.reads(f"{outcomes[outcome]:,}")
    assert set(outcomes) <= {
        "matched", "duplicate", "unknown_location", "refund_without_payment",
        "missing_in_ledger", "currency_mismatch", "amount_mismatch", "fee_mismatch",
        "not_a_payment", "missing_in_settlement",
    }  # fmt: skip
    assert all(line["business_date"] for line in night if line["outcome"] == "matched")


def shown_number(visitor: Any, term: str) -> int:
    """Return the number that a page's list of facts gives for a term."""
    definition = visitor.page.locator("dt", has_text=term).locator("xpath=following-sibling::dd[1]")
    return int(re.sub(r"\D", "", definition.first.inner_text()))


def test_a_wallets_admin_sees_its_own_files_and_nobody_elses(visitor) -> None:
    own, rival = visitor(), visitor()
    own.sign_in("admin@vipps.example", PASSWORD)
    own.look()
    own.page.get_by_role("link", name="Settlement files").first.click()
    own.wait_and_reload_until("vipps_", seconds=FIRST_NIGHT_SECONDS)
    own.look()
    names = own.page.get_by_role("main").get_by_role("link", name=re.compile(r"\.(xml|csv|txt)"))
    assert all(name.startswith("vipps") for name in names.all_inner_texts())
    names.first.click()
    own.look()
    file = own.page.url

    own.go("/admin/wallets/wallet/")
    own.page.get_by_role("main").get_by_role("link", name="Vipps").first.click()
    own.look()
    assert own.page.get_by_role("main").get_by_text("Pivo").count() == 0

    rival.sign_in("admin@pivo.example", PASSWORD)
    rival.page.get_by_role("link", name="Settlement files").first.wait_for()
    rival.finds_nothing_at(file)
    rival.finds_nothing_at("/finance/")
