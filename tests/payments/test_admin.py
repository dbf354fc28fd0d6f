"""The back office: what each role finds there, and that the rest is not there at all."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.http import Http404
from django.test import Client
from django.urls import reverse

from payments import access, settlement
from payments.models import Batch, Break, Delivery, LedgerEntry, Link, Payment, Run, SettlementFile
from portal.core import audit
from portal.core.models import FINANCE, AuditEntry, User
from tests import builders
from tests.builders import NOON
from wallets import credentials
from wallets.models import Credential, Feed, Tariff, Wallet, WalletMembership

KINDS = {
    "payment": Payment,
    "settlementfile": SettlementFile,
    "batch": Batch,
    "link": Link,
    "break": Break,
}


@dataclass
class Night:
    """What one wallet's users paid, and what became of it in the feed's file."""

    payment: Payment
    settlementfile: SettlementFile
    batch: Batch
    link: Link
    break_: Break

    def row(self, kind: str) -> Any:
        return self.break_ if kind == "break" else getattr(self, kind)


def _file(feed: Feed) -> SettlementFile:
    file = SettlementFile.objects.create(
        feed=feed, name=f"{feed.code}-1.txt", identity="1", sha256="0" * 64, size=3,
        path=f"files/{feed.code}", state="reconciled", received_at=NOON,
        period_from=NOON.date(), period_to=NOON.date(),
    )  # fmt: skip
    Delivery.objects.create(feed=feed, file=file, name=file.name, result="new", arrived_at=NOON)
    stored = settlement.stored(file)
    stored.parent.mkdir(parents=True, exist_ok=True)
    stored.write_text("".join(f"raw line {number} of {feed.code}\n" for number in range(1, 9)))
    Run.objects.create(
        file=file, feed=feed, state="done", engine="1", token=1, started_at=NOON,
        outcomes={"matched": 1, "duplicate": 1},
    )  # fmt: skip
    return file


def _night(wallet: str, feed: str, shop, line_no: int) -> Night:
    payment = builders.payment(shop, wallet=wallet, wallet_ref=f"{wallet}-ref")
    assert payment.feed.code == feed
    file = SettlementFile.objects.filter(feed=payment.feed).first() or _file(payment.feed)
    run = file.runs.get()
    entry = LedgerEntry.objects.get(payment=payment)
    batch = Batch.objects.create(
        file=file, settlement_ref=f"{wallet}-settlement", wallet=wallet, currency="NOK", lines=1,
        gross_minor=10_000, fee_minor=275, net_minor=9_725,
    )  # fmt: skip
    return Night(
        payment, file, batch,
        Link.objects.create(entry=entry, run=run, batch=batch, line_no=line_no, rule="equal"),
        Break.objects.create(
            run=run, file=file, feed=payment.feed, wallet=wallet, outcome="duplicate",
            wallet_ref=f"{wallet}-ref", kind="sale", currency="NOK", settled_minor=10_000,
            line_no=line_no + 1, opened_at=NOON,
        ),
    )  # fmt: skip


@pytest.fixture
def nights(shop) -> dict[str, Night]:
    """A night of four wallets: two settle their own, two through the hub."""
    return {
        "vipps": _night("vipps", "vipps", shop, 1),
        "pivo": _night("pivo", "pivo", shop, 1),
        "momo": _night("momo", "bluecode", shop, 1),
        "pagaqui": _night("pagaqui", "bluecode", shop, 3),
    }


def _admin_of(alliance: dict[str, Wallet], code: str) -> User:
    user = User.objects.create_user(f"admin@{code}.example", "correct horse", is_staff=True)
    WalletMembership.objects.create(wallet=alliance[code], user=user)
    return user


@pytest.fixture
def member_admin(alliance) -> User:
    """Looks after a wallet that settles through the hub."""
    return _admin_of(alliance, "momo")


@pytest.fixture
def hub_admin(alliance) -> User:
    return _admin_of(alliance, "bluecode")


@pytest.fixture
def superuser(db) -> User:
    return User.objects.create_superuser("root@onestile.example", "correct horse")


@pytest.fixture
def clerk_in_office(db) -> User:
    """A finance clerk who may use the back office."""
    user = User.objects.create_user("office@onestile.example", "correct horse", is_staff=True)
    user.groups.add(Group.objects.get_or_create(name=FINANCE)[0])
    return user


@pytest.fixture
def at() -> Callable[[User], Client]:
    def signed_in(user: User) -> Client:
        client = Client(headers={"x-request-id": "always-the-same"})
        client.force_login(user)
        return client

    return signed_in


def url(kind: str, page: str, *args: Any) -> str:
    app = "wallets" if kind == "wallet" else "payments"
    return reverse(f"admin:{app}_{kind}_{page}", args=args)


def everything() -> list[Any]:
    models = (*KINDS.values(), Wallet, Feed, Tariff, Credential, WalletMembership, AuditEntry)
    return [list(model.objects.order_by("pk").values()) for model in models]


def listed(client: Client, kind: str, query: str = "") -> list[int]:
    page = client.get(url(kind, "changelist") + query)
    assert page.status_code == 200
    return sorted(row.pk for row in page.context["cl"].queryset)


# --- the rows themselves


def names(rows: Any) -> list[str]:
    return sorted(rows)


def test_a_wallet_that_settles_itself_sees_its_night(nights, vipps_admin):
    own = nights["vipps"]
    assert list(access.files_of(vipps_admin)) == [own.settlementfile]
    assert list(access.runs_of(vipps_admin)) == [own.link.run]
    assert list(access.batches_of(vipps_admin)) == [own.batch]
    assert list(access.links_of(vipps_admin)) == [own.link]
    assert list(access.breaks_of(vipps_admin)) == [own.break_]
    assert list(access.payments_of(vipps_admin)) == [own.payment]


def test_a_member_sees_its_own_lines_and_sums_but_never_the_hubs_file(nights, member_admin):
    own = nights["momo"]
    assert list(access.files_of(member_admin)) == []
    assert list(access.runs_of(member_admin)) == []
    assert list(access.batches_of(member_admin)) == [own.batch]
    assert list(access.links_of(member_admin)) == [own.link]
    assert list(access.breaks_of(member_admin)) == [own.break_]
    assert list(access.payments_of(member_admin)) == [own.payment]


def test_a_hub_sees_all_lines_of_its_file(nights, hub_admin):
    momo, pagaqui = nights["momo"], nights["pagaqui"]
    assert list(access.files_of(hub_admin)) == [momo.settlementfile]
    assert set(access.batches_of(hub_admin)) == {momo.batch, pagaqui.batch}
    assert set(access.links_of(hub_admin)) == {momo.link, pagaqui.link}
    assert set(access.breaks_of(hub_admin)) == {momo.break_, pagaqui.break_}
    assert set(access.payments_of(hub_admin)) == {momo.payment, pagaqui.payment}


def test_finance_sees_every_wallets_night(nights, clerk):
    assert access.files_of(clerk).count() == 3
    assert access.runs_of(clerk).count() == 3
    for rows in (access.batches_of, access.links_of, access.breaks_of, access.payments_of):
        assert rows(clerk).count() == 4


def test_nobody_else_sees_any(nights, owner, reviewer, stranger):
    for user in (owner, reviewer, stranger):
        for rows in (
            access.files_of, access.runs_of, access.batches_of, access.links_of,
            access.breaks_of, access.payments_of,
        ):  # fmt: skip
            assert rows(user).count() == 0


def test_a_rivals_line_that_names_my_wallet_is_not_mine(nights, rival_admin, vipps_admin):
    Break.objects.filter(pk=nights["vipps"].break_.pk).update(wallet="pivo")
    assert list(access.breaks_of(rival_admin)) == [nights["pivo"].break_]
    assert list(access.breaks_of(vipps_admin)) == [nights["vipps"].break_]


def test_what_is_still_being_written_is_not_shown(nights, vipps_admin, clerk):
    Run.objects.update(state="writing")
    for user in (vipps_admin, clerk):
        assert access.runs_of(user).count() == 0
        assert access.links_of(user).count() == 0
        assert access.breaks_of(user).count() == 0


def test_a_member_reads_its_own_raw_lines_only(nights, member_admin, hub_admin, rival_admin):
    file = nights["momo"].settlementfile
    assert access.raw_line_for(member_admin, file.pk, 1) == "raw line 1 of bluecode"
    assert access.raw_line_for(member_admin, file.pk, 2) == "raw line 2 of bluecode"
    assert access.raw_line_for(hub_admin, file.pk, 5) == "raw line 5 of bluecode"
    for user, line_no in (
        (member_admin, 3), (member_admin, 4), (member_admin, 5), (rival_admin, 1), (hub_admin, 0),
    ):  # fmt: skip
        with pytest.raises(Http404):
            access.raw_line_for(user, file.pk, line_no)
    with pytest.raises(Http404):
        access.raw_line_for(hub_admin, file.pk + 1_000, 1)


def test_one_row_is_found_by_those_who_see_it(nights, vipps_admin, rival_admin):
    own = nights["vipps"]
    assert access.file_for(vipps_admin, own.settlementfile.pk) == own.settlementfile
    assert access.break_for(vipps_admin, own.break_.pk) == own.break_
    assert access.payment_for(vipps_admin, own.payment.ref) == own.payment
    for find, key in (
        (access.file_for, own.settlementfile.pk),
        (access.break_for, own.break_.pk),
        (access.payment_for, own.payment.ref),
    ):
        with pytest.raises(Http404):
            find(rival_admin, key)


# --- the pages


@pytest.mark.parametrize("kind", KINDS)
def test_a_wallets_admin_finds_her_own_rows(nights, vipps_admin, at, kind):
    client, own = at(vipps_admin), nights["vipps"].row(kind)
    assert listed(client, kind) == [own.pk]
    page = client.get(url(kind, "change", own.pk))
    assert page.status_code == 200
    assert client.get(url(kind, "history", own.pk)).status_code == 200


def test_amounts_and_moments_are_shown_as_on_every_page(nights, vipps_admin, at):
    builders.refund(nights["vipps"].payment, price_minor=2_500)
    page = at(vipps_admin).get(url("payment", "change", nights["vipps"].payment.pk))
    shown = page.content.decode()
    for words in ("NOK\xa0100.00", "NOK\xa025.00", "14 Oct 2026, 14:00 CEST", "15:00 CEST"):
        assert words in shown
    shown = at(vipps_admin).get(url("break", "changelist")).content.decode()
    assert "14 Oct 2026, 14:00 CEST" in shown


@pytest.mark.parametrize("kind", KINDS)
def test_a_rivals_row_is_as_unknown_as_one_that_is_not(nights, rival_admin, at, kind):
    client, theirs = at(rival_admin), nights["vipps"].row(kind)
    before = everything()
    told = set()
    for key in (theirs.pk, theirs.pk + 1_000_000, 10**30, "x", "_00"):
        for page in ("change", "history", "delete"):
            for method in (client.get, client.post):
                answer = method(url(kind, page, key))
                assert answer.status_code == 404, (key, page, method)
                told.add(_without_tokens(answer))
    assert len(told) == 1, "the pages differ"
    assert theirs.pk not in listed(client, kind)
    assert everything() == before


def _without_tokens(answer: Any) -> str:
    text = re.sub(r'(csrfmiddlewaretoken" value=")[^"]*', r"\1", answer.content.decode())
    return re.sub(r"/admin/[\w/%.-]*", "", text)


@pytest.mark.parametrize("kind", ["payment", "batch", "link", "break"])
def test_a_member_finds_nothing_of_another_member(nights, member_admin, at, kind):
    client = at(member_admin)
    assert listed(client, kind) == [nights["momo"].row(kind).pk]
    for page in ("change", "history", "delete"):
        assert client.get(url(kind, page, nights["pagaqui"].row(kind).pk)).status_code == 404


def test_a_member_does_not_find_the_hubs_file(nights, member_admin, at):
    client, file = at(member_admin), nights["momo"].settlementfile
    assert listed(client, "settlementfile") == []
    assert client.get(url("settlementfile", "change", file.pk)).status_code == 404
    for kind in ("batch", "link", "break"):
        page = client.get(url(kind, "change", nights["momo"].row(kind).pk))
        assert file.name.encode() not in page.content
        assert b"pagaqui" not in page.content


def test_a_member_reads_the_line_as_it_came(nights, member_admin, at):
    client = at(member_admin)
    page = client.get(url("link", "change", nights["momo"].link.pk))
    assert b"raw line 1 of bluecode" in page.content
    page = client.get(url("break", "change", nights["momo"].break_.pk))
    assert b"raw line 2 of bluecode" in page.content


def test_a_file_whose_bytes_are_gone_has_no_line_to_show(nights, member_admin, at):
    settlement.stored(nights["momo"].settlementfile).unlink()
    page = at(member_admin).get(url("link", "change", nights["momo"].link.pk))
    assert page.status_code == 200
    assert b"raw line" not in page.content


@pytest.mark.parametrize("kind", KINDS)
def test_search_and_filters_find_nothing_of_a_rival(nights, rival_admin, at, kind):
    client = at(rival_admin)
    own, theirs = nights["pivo"].row(kind).pk, nights["vipps"].row(kind).pk
    for term in (nights["vipps"].payment.ref, "vipps-ref", "vipps", "vipps-settlement"):
        assert listed(client, kind, f"?q={term}") == []
    if kind in {"payment", "settlementfile", "break"}:
        state = nights["vipps"].row(kind).state
        assert listed(client, kind, f"?state__exact={state}") == [own]
    assert listed(client, kind, "?q=%20") == [own]
    assert theirs not in listed(client, kind, "?all=")


@pytest.mark.parametrize(
    ("kind", "query"),
    [
        ("payment", "merchant_fee_minor__gte=1"),
        ("payment", "merchant__iban__startswith=NO"),
        ("payment", "merchant=1"),
        ("payment", "state__regex=a"),
        ("payment", "location__merchant__legal_name__contains=a"),
        ("settlementfile", "path__startswith=a"),
        ("settlementfile", "feed__wallet__credentials__secret_hash__startswith=a"),
        ("break", "entry__merchant__iban__startswith=NO"),
        ("link", "entry__payment__merchant_fee_minor__gte=1"),
        ("wallet", "credentials__secret_hash__startswith=a"),
        ("wallet", "memberships__user__password__startswith=a"),
    ],
)
def test_a_query_string_asks_nothing_that_is_not_shown(nights, vipps_admin, at, kind, query):
    assert at(vipps_admin).get(url(kind, "changelist") + f"?{query}").status_code == 400


def test_a_search_finds_a_payment_by_either_id(nights, clerk_in_office, at):
    client, wanted = at(clerk_in_office), nights["momo"].payment
    assert listed(client, "payment", f"?q={wanted.ref}") == [wanted.pk]
    assert listed(client, "payment", "?q=momo-ref") == [wanted.pk]
    assert listed(client, "payment", "?q=momo") == []


@pytest.mark.parametrize("kind", KINDS)
def test_finance_finds_the_rows_of_all_wallets(nights, clerk_in_office, at, kind):
    client = at(clerk_in_office)
    rows = {night.row(kind).pk for night in nights.values()}
    assert listed(client, kind) == sorted(rows)
    for key in rows:
        assert client.get(url(kind, "change", key)).status_code == 200


def test_only_finance_sees_what_the_acquirer_charges(nights, vipps_admin, clerk_in_office, at):
    address = url("payment", "change", nights["vipps"].payment.pk)
    assert b"Service charge" in at(clerk_in_office).get(address).content
    page = at(vipps_admin).get(address).content
    assert b"ervice charge" not in page
    merchant = nights["vipps"].payment.merchant
    for secret in (merchant.iban, merchant.legal_name, merchant.ref):
        assert secret.encode() not in page


@pytest.mark.parametrize("kind", [*KINDS, "wallet"])
@pytest.mark.parametrize("page", ["changelist", "add"])
def test_a_reviewer_finds_no_money_and_no_wallet(nights, reviewer, at, kind, page):
    assert at(reviewer).get(url(kind, page)).status_code == 404


@pytest.mark.parametrize("kind", KINDS)
def test_a_retailer_is_asked_to_sign_in_as_somebody_else(nights, owner, at, kind):
    answer = at(owner).get(url(kind, "changelist"))
    assert answer.status_code == 302
    assert answer["Location"].startswith(reverse("admin:login"))


@pytest.mark.parametrize("kind", KINDS)
def test_nobody_adds_changes_or_deletes_money(nights, vipps_admin, superuser, at, kind):
    before = everything()
    for user in (vipps_admin, superuser):
        client, row = at(user), nights["vipps"].row(kind)
        assert client.get(url(kind, "add")).status_code == 404
        assert client.post(url(kind, "add"), {"ref": "x"}).status_code == 404
        assert client.post(url(kind, "delete", row.pk), {"post": "yes"}).status_code == 404
        assert client.post(url(kind, "change", row.pk), {"state": "x"}).status_code == 403
        act = {"action": "delete_selected", "_selected_action": [row.pk]}
        client.post(url(kind, "changelist"), act)
    assert everything() == before


def test_long_lists_are_cut_and_never_counted_whole(nights, clerk_in_office, at, monkeypatch):
    monkeypatch.setattr("portal.core.admin.NewestPaginator.MOST", 2)
    page = at(clerk_in_office).get(url("payment", "changelist"))
    assert page.context["cl"].result_count == 2
    newest = [nights["pagaqui"].payment, nights["momo"].payment]
    assert list(page.context["cl"].result_list)[:2] == newest


def test_the_first_page_names_what_each_role_has(
    nights, vipps_admin, reviewer, clerk_in_office, at
):
    def models(user: User) -> set[str]:
        apps = at(user).get(reverse("admin:index")).context["app_list"]
        return {model["object_name"] for app in apps for model in app["models"]}

    money = {"Payment", "SettlementFile", "Batch", "Link", "Break"}
    assert models(vipps_admin) & {*money, "Wallet", "AuditEntry"} == money | {"Wallet"}
    assert models(clerk_in_office) & {*money, "Wallet", "AuditEntry"} == money
    assert models(reviewer) & {*money, "Wallet", "AuditEntry"} == set()


def test_the_audit_trail_is_for_superusers_alone(
    nights, vipps_admin, reviewer, clerk_in_office, superuser, at
):
    entry = audit.record("test.act", nights["vipps"].payment)
    address = reverse("admin:core_auditentry_change", args=[entry.pk])
    for user in (vipps_admin, reviewer, clerk_in_office):
        assert at(user).get(reverse("admin:core_auditentry_changelist")).status_code == 403
        assert at(user).get(address).status_code == 403
    client = at(superuser)
    assert client.get(reverse("admin:core_auditentry_changelist")).status_code == 200
    assert client.get(address).status_code == 200
    assert client.post(address, {"verb": "other"}).status_code == 403


# --- the wallet's own page


def test_a_wallets_admin_sees_what_was_agreed(alliance, vipps_admin, at):
    client, own = at(vipps_admin), alliance["vipps"]
    assert listed(client, "wallet") == [own.pk]
    page = client.get(url("wallet", "change", own.pk)).content.decode()
    for shown in ("Europe/Oslo", "vipps_xml3", "175", "admin@vipps.example", "There is no key yet"):
        assert shown in page
    assert own.feed.place not in page
    assert 'name="_save"' not in page


def test_a_rivals_wallet_is_not_there(alliance, rival_admin, at):
    client, theirs = at(rival_admin), alliance["vipps"]
    issued = credentials.issue(wallet=theirs, label="", by=None, now=NOON)
    before = everything()
    for page in ("change", "history", "delete"):
        for method in (client.get, client.post):
            assert method(url("wallet", page, theirs.pk)).status_code == 404
    key = issued.credential.pk
    for address in (
        reverse("admin:wallets_key_issue", args=[theirs.pk]),
        reverse("admin:wallets_key_rotate", args=[theirs.pk, key]),
        reverse("admin:wallets_key_revoke", args=[theirs.pk, key]),
        reverse("admin:wallets_key_rotate", args=[alliance["pivo"].pk, key]),
        reverse("admin:wallets_key_revoke", args=[alliance["pivo"].pk, key]),
    ):
        assert client.post(address, {"label": "x", "confirm": "yes"}).status_code == 404
    assert everything() == before


def test_a_wallets_admin_changes_nothing_that_was_agreed(alliance, vipps_admin, at):
    before = everything()
    client, own = at(vipps_admin), alliance["vipps"]
    answer = client.post(url("wallet", "change", own.pk), {"name": "Mine", "code": "vipps"})
    assert answer.status_code == 403
    assert client.post(url("wallet", "add"), {"name": "Mine"}).status_code == 404
    assert everything() == before


def test_a_new_key_is_shown_once(alliance, vipps_admin, at):
    client, own = at(vipps_admin), alliance["vipps"]
    page = client.post(reverse("admin:wallets_key_issue", args=[own.pk]), {"label": "Cloud"})
    assert page.status_code == 200
    assert "no-store" in page["Cache-Control"]
    key = re.search(r'id="new-key">([^<]+)<', page.content.decode())[1]
    kept = Credential.objects.get()
    assert (kept.wallet, kept.label) == (own, "Cloud")
    assert credentials.verify(key, now=kept.created_at) == kept
    assert AuditEntry.objects.get().actor == vipps_admin
    again = client.get(url("wallet", "change", own.pk)).content.decode()
    assert kept.prefix in again
    assert key not in again
    assert kept.secret_hash not in again


def test_a_key_is_rotated_and_revoked_by_buttons(alliance, vipps_admin, at):
    client, own = at(vipps_admin), alliance["vipps"]
    old = credentials.issue(wallet=own, label="Till", by=None, now=NOON).credential
    page = client.post(reverse("admin:wallets_key_rotate", args=[own.pk, old.pk]))
    key = re.search(r'id="new-key">([^<]+)<', page.content.decode())[1]
    new = Credential.objects.exclude(pk=old.pk).get()
    assert key.startswith(new.prefix)
    assert "works until" in client.get(url("wallet", "change", own.pk)).content.decode()

    before = everything()
    page = client.post(reverse("admin:wallets_key_rotate", args=[own.pk, old.pk]), follow=True)
    assert "rotated or revoked before" in page.content.decode()
    assert everything() == before

    address = reverse("admin:wallets_key_revoke", args=[own.pk, new.pk])
    page = client.post(address)
    assert "cannot be undone" in page.content.decode()
    assert everything() == before, "the first press only asks"
    client.post(address, {"confirm": "yes"})
    assert credentials.verify(key, now=Credential.objects.get(pk=new.pk).revoked_at) is None


def test_keys_change_by_post_alone_and_with_a_token(alliance, vipps_admin, at):
    own = alliance["vipps"]
    old = credentials.issue(wallet=own, label="", by=None, now=NOON).credential
    before = everything()
    careful = Client(enforce_csrf_checks=True)
    careful.force_login(vipps_admin)
    for name, args in (
        ("issue", [own.pk]), ("rotate", [own.pk, old.pk]), ("revoke", [own.pk, old.pk]),
    ):  # fmt: skip
        address = reverse(f"admin:wallets_key_{name}", args=args)
        assert at(vipps_admin).get(address).status_code == 405
        assert careful.post(address, {"confirm": "yes"}).status_code == 403
        assert Client().post(address, {"confirm": "yes"}).status_code == 302
    assert everything() == before


def test_a_label_has_a_largest_length(alliance, vipps_admin, at):
    address = reverse("admin:wallets_key_issue", args=[alliance["vipps"].pk])
    page = at(vipps_admin).post(address, {"label": "x" * 81}, follow=True)
    assert "at most 80 characters" in page.content.decode()
    assert Credential.objects.count() == 0


def test_a_superuser_adds_an_eighth_wallet(alliance, superuser, at):
    form = {
        "code": "swift", "name": "Swift Pay", "issues": "on", "home_country": "SE",
        "timezone": "Europe/Stockholm", "day_cutoff": "00:00:00", "settlement_currency": "",
        "active": "on",
        "countries-TOTAL_FORMS": 1, "countries-INITIAL_FORMS": 0,
        "countries-0-country": "SE", "countries-0-currency": "SEK",
        "countries-0-settled_by": alliance["bluecode"].pk,
        "tariffs-TOTAL_FORMS": 1, "tariffs-INITIAL_FORMS": 0,
        "tariffs-0-kind": "interchange", "tariffs-0-currency": "SEK",
        "tariffs-0-valid_from": "2026-01-01", "tariffs-0-bps": 40, "tariffs-0-fixed_minor": 0,
        "tariffs-0-vat_bps": 0,
        "feed-TOTAL_FORMS": 1, "feed-INITIAL_FORMS": 0,
        "feed-0-code": "swift", "feed-0-format": "vipps_xml3", "feed-0-pattern": "swift*.xml",
        "feed-0-schedule": "daily", "feed-0-expected_by": "12:00:00",
        "feed-0-minimum_minor": 0, "feed-0-empty_file": "zero", "feed-0-options": "{}",
        "feed-0-active": "on",
        "memberships-TOTAL_FORMS": 0, "memberships-INITIAL_FORMS": 0,
    }  # fmt: skip
    answer = at(superuser).post(url("wallet", "add"), form)
    assert answer.status_code == 302, answer.context["errors"]
    added = Wallet.objects.get(code="swift")
    assert added.feed.format == "vipps_xml3"
    assert added.countries.get().settled_by.code == "bluecode"
    assert added.tariffs.get().bps == 40
    entry = AuditEntry.objects.get(verb="wallets.wallet.added")
    assert (entry.actor, entry.target_id) == (superuser, str(added.pk))

    form["feed-0-format"] = "pigeon"
    form["code"] = "swift2"
    before = everything()
    assert at(superuser).post(url("wallet", "add"), form).status_code == 200
    assert everything() == before
