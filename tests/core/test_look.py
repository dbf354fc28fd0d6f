"""The look: nothing inline, small, readable in light and dark, and in the reader's locale."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from babel.numbers import get_currency_precision
from django import forms
from django.template import Context, Template
from django.template.loader import get_template
from django.test import RequestFactory
from django.urls import reverse
from django.utils import translation

from portal.core import money
from portal.core.templatetags import onestile
from wallets.models import Tariff

ROOT = Path(__file__).resolve().parent.parent.parent
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
PICTURES = sorted((ROOT / "static").rglob("*.svg"))
CSS = sorted((ROOT / "static" / "css").glob("*.css"))
INLINE = re.compile(
    r"""\sstyle\s*=|<style|\son[a-z]+\s*=\s*["']|javascript:|<script(?![^>]*\ssrc=)""", re.I
)
FOREIGN = re.compile(r"""<(?!a\s)[^>]*\s(?:src|href|action)\s*=\s*["']?(?:https?:)?//""", re.I)


@pytest.mark.parametrize(
    "path", [*TEMPLATES, *PICTURES], ids=lambda path: str(path.relative_to(ROOT))
)
def test_nothing_is_inline_and_nothing_comes_from_elsewhere(path: Path) -> None:
    text = path.read_text()
    assert INLINE.findall(text) == []
    assert FOREIGN.findall(text) == []


def test_a_link_may_lead_elsewhere_but_nothing_is_fetched_from_there() -> None:
    assert not FOREIGN.search('<a href="https://example.org/">')
    assert FOREIGN.search('<img alt="" src="//example.org/a.png">')
    assert FOREIGN.search('<link rel="icon" href="https://example.org/a.svg">')


@pytest.mark.parametrize(
    "bad",
    ['<p style="x">', "<style>", '<a onclick="x">', "<script>", '<a href="javascript:x">'],
)
def test_the_pattern_knows_what_is_inline(bad: str) -> None:
    assert INLINE.search(bad)


def test_all_style_sheets_together_stay_small() -> None:
    assert 0 < sum(path.stat().st_size for path in CSS) <= 30_000


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_template_can_be_read(path: Path) -> None:
    get_template(str(path.relative_to(ROOT / "templates")))


# --- contrast


def _tokens(dark: bool) -> dict[str, str]:
    text = (ROOT / "static/css/tokens.css").read_text()
    light_part, dark_part = text.split("@media (prefers-color-scheme: dark)")
    pattern = r"--([\w-]+): (#[0-9a-f]{6});"
    found = dict(re.findall(pattern, light_part))
    return {**found, **dict(re.findall(pattern, dark_part))} if dark else found


def _luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


TEXT = [
    *[(ink, "paper") for ink in ("ink", "quiet", "accent")],
    *[(ink, "surface") for ink in ("ink", "quiet", "accent")],
    *[(ink, "sunken") for ink in ("ink", "quiet", "accent")],
    ("on-accent", "accent"), ("on-accent", "accent-strong"), ("accent-strong", "accent-soft"),
    *[(tone, f"{tone}-soft") for tone in ("good", "warn", "bad", "calm", "info")],
    *[("ink", f"{tone}-soft") for tone in ("good", "warn", "bad", "info")],
    *[(tone, "surface") for tone in ("good", "warn", "bad", "calm")],
]  # fmt: skip
SHAPES = [
    *[(edge, ground) for edge in ("edge", "focus") for ground in ("paper", "surface")],
    ("amber", "paper"), ("good", "paper"), ("edge", "sunken"),
]  # fmt: skip


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_pair_of_colours_has_contrast_enough(dark: bool) -> None:
    tokens = _tokens(dark)
    pale = [pair for pair in TEXT if contrast(tokens[pair[0]], tokens[pair[1]]) < 4.5]
    faint = [pair for pair in SHAPES if contrast(tokens[pair[0]], tokens[pair[1]]) < 3]
    assert (pale, faint) == ([], [])


def test_white_letters_can_be_read_on_every_wallets_disc() -> None:
    sheet = (ROOT / "static/css/components.css").read_text()
    discs = re.findall(r"\.mark[\w-]* \{ background: (#[0-9a-f]{6});", sheet)
    assert len(discs) == 7
    assert [disc for disc in discs if contrast(disc, "#ffffff") < 4.5] == []


def test_black_on_white_is_the_known_contrast() -> None:
    assert round(contrast("#000000", "#ffffff"), 2) == 21.0


# --- money, moments and numbers


@pytest.mark.parametrize(
    ("minor", "currency", "shown"),
    [
        (123_450, "EUR", "€1,234.50"), (-1_250, "EUR", "-€12.50"), (0, "EUR", "€0.00"),
        (1_250, "NOK", "NOK\u00a012.50"), (-5, "SEK", "-SEK\u00a00.05"),
        (1_250, "ISK", "ISK\u00a01,250"), (7, "XYZ", "7 XYZ"), (None, "EUR", ""), ("", "EUR", ""),
        (10**15 + 1, "EUR", "€10,000,000,000,000.01"),
    ],
)  # fmt: skip
def test_minor_units_are_shown_as_money(minor, currency, shown) -> None:
    assert onestile.money(minor, currency) == shown


def test_money_follows_the_readers_language() -> None:
    with translation.override("de"):
        assert onestile.money(123_450, "EUR") == "1.234,50\u00a0€"
        assert onestile.money(-1_250, "NOK") == "-12,50\u00a0NOK"
    with translation.override("zh-hans"):
        assert onestile.money(123_450, "EUR") == "€1,234.50"


@pytest.mark.parametrize("currency", sorted(money.EXPONENTS))
def test_no_decimal_of_a_currency_is_rounded_away(currency: str) -> None:
    assert get_currency_precision(currency) == money.EXPONENTS[currency]


def test_an_instant_is_told_with_its_zone() -> None:
    instant = datetime(2026, 10, 14, 22, 30, tzinfo=UTC)
    assert onestile.in_zone(instant, "Europe/Oslo") == "15 Oct 2026, 00:30 CEST"
    assert onestile.clock_in(instant, "Asia/Shanghai") == "06:30:00"
    assert onestile.in_zone(None, "UTC") == ""


def test_numbers_dates_and_shares() -> None:
    assert onestile.count(1_234_567) == "1,234,567"
    assert onestile.percent(110) == "1.10\u00a0%"
    assert onestile.day(date(2026, 10, 14)) == "14 Oct 2026"
    assert onestile.country("NO") == "Norway"
    assert [onestile.initials(name) for name in ("ePassi", "MOMO Pocket", "")] == ["eP", "MP", "?"]
    assert [onestile.minor(text) for text in ("-1250", "0", "", "1.5")] == [-1250, 0, None, None]
    assert {onestile.tone(number) for number in range(1, 8)} == set(range(1, 8))


# --- forms


class AskForm(forms.Form):
    name = forms.CharField(label="Shop", help_text="As on the sign.")
    note = forms.CharField(required=False)
    agree = forms.BooleanField(label="I agree")
    kind = forms.ChoiceField(choices=[("a", "A"), ("b", "B")], widget=forms.RadioSelect)


def _render(form: forms.Form) -> str:
    return Template(
        '{% include "core/parts/errors.html" with form=form %}'
        "{% for field in form %}{{ field.as_field_group }}{% endfor %}"
    ).render(Context({"form": form}))


def test_a_field_has_label_hint_and_says_what_is_optional() -> None:
    html = _render(AskForm())
    assert '<label class="field__label" for="id_name">Shop</label>' in html
    assert '<div class="field__hint" id="id_name_helptext">As on the sign.</div>' in html
    assert 'aria-describedby="id_name_helptext"' in html
    assert html.count("(optional)") == 1
    assert "There is a problem" not in html


def test_an_error_stands_at_its_field_and_in_the_summary_with_a_link() -> None:
    html = _render(AskForm({"note": "x"}))
    assert '<a href="#id_name">Shop: This field is required.</a>' in html
    assert '<ul class="errorlist" id="id_name_error">' in html
    assert 'aria-describedby="id_name_helptext id_name_error"' in html
    assert 'aria-invalid="true"' in html
    assert '<a href="#id_kind">' in html
    assert '<div id="id_kind">' in html


# --- pages


def test_the_home_page_says_what_it_costs_who_pays_and_what_to_have_ready(client, alliance) -> None:
    page = client.get(reverse("home"))
    text = page.content.decode()
    assert "1.10\u00a0%" in text
    assert "per payment, nothing fixed." in text
    assert "On a sale of €20.00 you pay €0.22 and receive €19.78." in text
    assert [wallet.name for wallet in page.context["wallets"]] == [
        "Alipay", "Bluecode", "ePassi", "MOMO Pocket", "Pagaqui", "Pivo", "Vipps",
    ]  # fmt: skip
    assert all(name in text for name in ("Slovenia", "Iceland", "IBAN", "Start", "Sign in"))


def test_the_price_follows_the_tariffs(client, alliance) -> None:
    Tariff.objects.filter(kind="msc", wallet__code="pivo").update(bps=95, fixed_minor=10)
    Tariff.objects.filter(kind="msc", wallet__code="vipps").update(valid_to=date(2020, 1, 1))
    text = client.get(reverse("home")).content.decode()
    assert "0.95\u00a0% to 1.10\u00a0%" in text
    assert "per payment, and at most €0.10 fixed." in text
    assert "On a sale of €20.00 you pay €0.29" in text


def test_without_tariffs_no_price_is_made_up(client, db) -> None:
    text = client.get(reverse("home")).content.decode()
    assert "None is published at present." in text
    assert "No wallet has been set up yet." in text


@pytest.mark.parametrize(
    ("person", "target"),
    [
        ("clerk", "/finance/"),
        ("reviewer", "/admin/merchants/application/"),
        ("vipps_admin", "/admin/"),
    ],
)
def test_everyone_is_sent_to_the_right_desk(request, client, person, target) -> None:
    client.force_login(request.getfixturevalue(person))
    assert client.get(reverse("home")).headers["Location"] == target


def test_the_navigation_is_that_of_the_role(client, clerk, owner) -> None:
    client.force_login(clerk)
    text = client.get(reverse("payments:nights")).content.decode()
    assert 'href="/finance/" aria-current="page"' in text
    assert 'href="/money/"' not in text
    client.force_login(owner)
    text = client.get(reverse("payments:money")).content.decode()
    assert 'href="/money/" aria-current="page"' in text
    assert 'href="/finance/"' not in text


def test_the_demo_says_that_no_money_is_real(client, db, settings) -> None:
    assert "Demo: no real money" not in client.get(reverse("home")).content.decode()
    settings.DEMO = True
    assert "Demo: no real money" in client.get(reverse("home")).content.decode()


@pytest.mark.parametrize(
    "name",
    ["account_login", "account_signup", "account_reset_password", "account_reset_password_done"],
)
def test_the_account_pages_are_ours(client, db, name) -> None:
    page = client.get(reverse(name))
    assert page.status_code == 200
    assert '<main id="main" class="page page--narrow"' in page.content.decode()


@pytest.mark.parametrize(
    "name", ["account_logout", "account_email", "account_change_password", "account_reauthenticate"]
)
def test_the_pages_of_an_account_are_ours_too(client, owner, name) -> None:
    client.force_login(owner)
    page = client.get(reverse(name), follow=True)
    assert page.status_code == 200
    assert '<main id="main" class="page page--narrow"' in page.content.decode()


def test_signing_up_asks_for_the_code_of_the_mail(client, db, mailoutbox) -> None:
    page = client.post(
        reverse("account_signup"),
        {"email": "new@shop.example", "password1": "a long enough word"}, follow=True,
    )  # fmt: skip
    text = page.content.decode()
    assert "Enter the code from our e-mail" in text
    assert "<strong>new@shop.example</strong>" in text
    assert len(mailoutbox) == 1


def test_a_missing_page_helps_on_and_quotes_its_number(client, db) -> None:
    page = client.get("/nothing-here", headers={"X-Request-Id": "abcdef0123456789"})
    text = page.content.decode()
    assert page.status_code == 404
    assert "There is no such page" in text
    assert "abcdef012345" in text


def test_the_page_of_a_failure_needs_nothing_that_could_fail() -> None:
    assert "Something went wrong on our side" in get_template("500.html").render()


def test_a_stale_form_is_told_in_plain_words(client, rf: RequestFactory, db) -> None:
    from django.views.csrf import csrf_failure

    answer = csrf_failure(rf.post("/"))
    assert answer.status_code == 403
    assert "Please send it again" in answer.content.decode()
