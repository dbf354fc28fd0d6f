"""The check page, the page that puts a quarantined file right, and bytes as they came."""

from __future__ import annotations

import gzip
import io
import json
import re
import zipfile
from email.message import Message
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client
from django.urls import reverse

from payments import reconciliation, settlement
from payments.models import Break, Delivery, SettlementFile
from payments.views import uploads
from portal.core import leases
from portal.core.models import AuditEntry, Lease, User
from tests import builders
from tests.builders import NOON
from tests.payments.test_checking import detail, everything, scheme, total, written
from tests.wallets.formats.cases import CASES
from wallets.models import Feed, Wallet, WalletMembership

CHECK = "/check/"
OUTSIDERS = ["owner", "stranger", "reviewer"]
GOOD = (detail("A1"), total(1, "10.00", "0.10", "9.90"))
LYING = (detail("A1"), total(2, "10.00", "0.10", "9.90"))


@pytest.fixture(autouse=True)
def upload_folder(settings, tmp_path) -> Path:
    """Where uploads lie while they are looked at; a test can see that nothing stays."""
    folder = tmp_path / "uploads"
    folder.mkdir()
    settings.FILE_UPLOAD_TEMP_DIR = str(folder)
    return folder


@pytest.fixture
def hub_admin(alliance) -> User:
    return _admin_of("bluecode", alliance)


@pytest.fixture
def member_admin(alliance) -> User:
    """Looks after a wallet that settles abroad through Bluecode's hub."""
    return _admin_of("momo", alliance)


def _admin_of(code: str, alliance: dict[str, Wallet]) -> User:
    user = User.objects.create_user(f"admin@{code}.example", "correct horse", is_staff=True)
    WalletMembership.objects.create(wallet=alliance[code], user=user)
    return user


def upload(path: Path, name: str = "") -> SimpleUploadedFile:
    return SimpleUploadedFile(name or path.name, path.read_bytes())


def checked(client: Client, feed: str, path: Path, **data: Any) -> tuple[int, str]:
    answer = client.post(CHECK, {"feed": feed, "file": upload(path), **data})
    return answer.status_code, answer.content.decode()


def quarantined(path: Path, feed: str = "bluecode") -> SettlementFile:
    file = builders.reconciled(feed, path)
    assert file.state == "quarantined"
    return file


def corrected_of(file: SettlementFile) -> str:
    return reverse("payments:corrected", args=[file.pk])


def plain(page: str) -> str:
    """Return the words of a page's main part, blanks folded."""
    main = page.partition("<main")[2].partition("</main>")[0]
    return re.sub(r"\s+([,.])", r"\1", re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", main)))


# --- who


@pytest.mark.parametrize("person", OUTSIDERS)
def test_the_check_does_not_exist_for_people_without_settled_money(
    request, client, alliance, tmp_path, person
) -> None:
    client.force_login(request.getfixturevalue(person))
    assert client.get(CHECK).status_code == 404
    assert checked(client, "bluecode", scheme(tmp_path, *GOOD))[0] == 404


def test_whoever_has_not_signed_in_is_asked_to(client, alliance, tmp_path) -> None:
    assert client.get(CHECK).headers["Location"] == "/accounts/login/?next=/check/"
    status, _text = checked(client, "bluecode", scheme(tmp_path, *GOOD))
    assert status == 302


def test_finance_is_offered_every_feed_and_partners_their_own(
    client, clerk, vipps_admin, member_admin
) -> None:
    def offered() -> list[str]:
        return re.findall(r'<option value="(\w+)"', client.get(CHECK).content.decode())

    client.force_login(clerk)
    assert offered() == ["alipay", "bluecode", "epassi", "momo", "pagaqui", "pivo", "vipps"]
    client.force_login(vipps_admin)
    assert offered() == ["vipps"]
    client.force_login(member_admin)
    assert offered() == ["momo"]


@pytest.mark.parametrize("person", ["vipps_admin", "rival_admin", "member_admin"])
def test_anothers_feed_is_refused_as_one_that_is_not_there(
    request, client, tmp_path, person
) -> None:
    client.force_login(request.getfixturevalue(person))
    path = scheme(tmp_path, *GOOD)
    for feed in ("bluecode", "no-such-feed"):
        assert checked(client, feed, path)[0] == 404
        assert client.get(CHECK, {"feed": feed}).status_code == 404


def test_a_wallet_without_a_feed_is_told_who_can_check(client, alliance) -> None:
    Feed.objects.filter(code="momo").delete()
    client.force_login(_admin_of("momo", alliance))
    text = client.get(CHECK).content.decode()
    assert "that hub can check the file" in text
    assert 'type="file"' not in text


def test_the_way_there_stands_in_the_navigation_of_those_it_is_for(
    client, clerk, vipps_admin, owner, reviewer
) -> None:
    link = f'href="{CHECK}"'
    client.force_login(clerk)
    assert f'{link} aria-current="page"' in client.get(CHECK).content.decode()
    client.force_login(vipps_admin)
    assert link in client.get("/admin/").content.decode()
    client.force_login(reviewer)
    assert link not in client.get("/admin/").content.decode()
    client.force_login(owner)
    assert link not in client.get("/money/").content.decode()


# --- the verdict


@pytest.mark.parametrize("layout", sorted(CASES))
def test_a_good_sample_of_every_layout_would_be_reconciled(
    client, clerk, alliance, tmp_path, upload_folder, layout
) -> None:
    case = CASES[layout]
    wallet = alliance.get(case.wallet) or alliance["vipps"]
    Wallet.objects.filter(pk=wallet.pk).update(code=case.wallet, timezone=case.zone)
    Feed.objects.filter(wallet=wallet).update(format=layout, options=case.options)
    feed = Feed.objects.get(wallet=wallet)
    client.force_login(clerk)
    before = everything()
    status, text = checked(client, feed.code, written(layout, tmp_path))
    assert status == 200
    assert "This file would be reconciled" in text
    assert "differs" not in text
    assert everything() == before
    assert list(upload_folder.iterdir()) == []


def test_a_bad_file_is_told_line_by_line_and_nothing_is_stored(
    client, clerk, alliance, tmp_path, upload_folder
) -> None:
    path = scheme(
        tmp_path, detail("A1"), detail("A2", net="9.80"), detail("A<3", kind="X"),
        total(3, "30.00", "0.30", "29.70"),
    )  # fmt: skip
    client.force_login(clerk)
    before = everything()
    status, text = checked(client, "bluecode", path)
    assert status == 200
    words = plain(text)
    assert "This file would be quarantined" in words
    assert "It has 2 errors." in words
    assert "Line 3: An amount cannot be taken as it is written bad_amount" in words
    assert "Line 4: A kind of row is unknown unknown_type" in words
    assert "D|bluecode|X|A&lt;3|100001|" in text
    assert "6 = 1 lines + 3 headings, totals and the like + 2 that could not be read" in words
    assert everything() == before
    assert list(upload_folder.iterdir()) == []
    assert not settlement.Path(settlement.settings.FILES_DIR).exists()


def test_what_a_batch_declares_is_marked_where_it_differs(
    client, clerk, alliance, tmp_path
) -> None:
    client.force_login(clerk)
    _status, text = checked(client, "bluecode", scheme(tmp_path, *LYING))
    words = plain(text)
    assert "1 settlement in it, 1 differs from what it declares" in words
    assert "declared 2" in words
    assert "Line 3: The file has more or fewer lines than it declares count_differs" in words


def test_it_says_what_the_file_would_be_and_whether_its_name_is_looked_for(
    client, clerk, alliance, tmp_path
) -> None:
    client.force_login(clerk)
    path = scheme(tmp_path, *GOOD)
    builders.reconciled("bluecode", path)
    _status, text = checked(client, "bluecode", path)
    assert "It was received before, byte for byte, as version 1" in text
    other = scheme(tmp_path, detail("B1"), GOOD[1], name="report.txt")
    words = plain(checked(client, "bluecode", other)[1])
    assert "It would be version 2 of a file that was received before, and take the place" in words
    assert "Its name is not one that this feed is looked through for." in words


def test_a_hubs_admin_is_told_of_unknown_shops_of_the_hub_alone(
    client, hub_admin, clerk, tmp_path
) -> None:
    path = scheme(
        tmp_path, detail("A1", store="99901"), detail("M1", store="77701", wallet="momo"),
        total(1, "10.00", "0.10", "9.90"), total(1, "10.00", "0.10", "9.90", wallet="momo"),
    )  # fmt: skip
    client.force_login(hub_admin)
    _status, text = checked(client, "bluecode", path)
    assert "99901" in text
    assert "77701" not in text
    assert "The shop of 1 line of another wallet was not looked up." in text
    client.force_login(clerk)
    assert "77701" in checked(client, "bluecode", path)[1]


def test_long_lists_are_cut_on_the_page_and_their_number_is_told(
    client, clerk, alliance, tmp_path
) -> None:
    client.force_login(clerk)
    details = [detail(f"A{n}", net="1.00") for n in range(30)]
    wallets = [detail(f"W{n}", wallet=f"w{n}") for n in range(25)]
    totals = [total(1, "10.00", "0.10", "9.90", wallet=f"w{n}") for n in range(25)]
    path = scheme(tmp_path, *wallets, *details, *totals)
    words = plain(checked(client, "bluecode", path)[1])
    assert "The first 20 of 30 are shown here." in words
    assert "20 of 26 are shown here, those that differ first." in words


# --- the verdict as JSON


def download(client: Client, page: str) -> Any:
    token = re.search(r'name="verdict" value="([^"]+)"', page)
    assert token
    return client.post("/check/verdict.json", {"verdict": token[1]})


@pytest.mark.parametrize("records", [GOOD, LYING])
def test_the_json_is_that_of_the_command(client, clerk, alliance, tmp_path, records) -> None:
    path = scheme(tmp_path, *records)
    client.force_login(clerk)
    before = everything()
    answer = download(client, checked(client, "bluecode", path)[1])
    out = io.StringIO()
    try:
        call_command("check_file", "bluecode", str(path), "--json", stdout=out)
    except CommandError:
        assert records is LYING
    assert answer.content.decode() == out.getvalue()
    assert json.loads(answer.content)["files"][0]["file"]["name"] == "bluecode_1.txt"
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    assert (
        answer.headers["Content-Disposition"]
        == 'attachment; filename="bluecode_1.txt.verdict.json"'
    )
    assert (answer.headers["X-Content-Type-Options"], answer.headers["Cache-Control"]) == (
        "nosniff", "no-store",
    )  # fmt: skip
    assert everything() == before


def test_nobody_gets_json_that_we_did_not_say_to_them(client, clerk, hub_admin, tmp_path) -> None:
    client.force_login(clerk)
    page = checked(client, "bluecode", scheme(tmp_path, *GOOD))[1]
    client.force_login(hub_admin)
    assert download(client, page).headers["Location"] == CHECK
    for forged in ("", "x", "a:b:c"):
        answer = client.post("/check/verdict.json", {"verdict": forged})
        assert answer.headers["Location"] == CHECK
    assert client.get("/check/verdict.json").status_code == 405


# --- what is no file


def test_no_file_no_feed_and_no_bytes_are_told_at_their_fields(client, clerk, alliance) -> None:
    client.force_login(clerk)
    answer = client.post(CHECK, {"feed": "vipps"})
    text = answer.content.decode()
    assert answer.status_code == 422
    assert '<a href="#id_file">The file: Choose the file.</a>' in text
    assert '<option value="vipps" selected>' in text
    answer = client.post(CHECK, {"feed": "", "file": SimpleUploadedFile("x.txt", b"x")})
    assert "Choose the feed that the file is for." in answer.content.decode()
    answer = client.post(CHECK, {"feed": "vipps", "file": SimpleUploadedFile("x.txt", b"")})
    assert (answer.status_code, "This file has no bytes." in answer.content.decode()) == (422, True)


def test_a_file_over_the_cap_is_thrown_away_unread(
    client, clerk, alliance, tmp_path, upload_folder, monkeypatch
) -> None:
    monkeypatch.setattr(uploads, "MOST_BYTES", 200_000)
    client.force_login(clerk)
    path = tmp_path / "bluecode_big.txt"
    path.write_bytes(b"x" * 300_000)
    status, text = checked(client, "bluecode", path)
    assert status == 422
    assert "This file is larger than" in text
    assert '<option value="bluecode" selected>' in text
    assert list(upload_folder.iterdir()) == []


def test_a_form_from_elsewhere_is_refused(alliance, clerk, tmp_path) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(clerk)
    path = scheme(tmp_path, *GOOD)
    assert checked(client, "bluecode", path)[0] == 403
    page = client.get(CHECK).content.decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
    assert token
    assert checked(client, "bluecode", path, csrfmiddlewaretoken=token[1])[0] == 200
    file = quarantined(scheme(tmp_path, *LYING, name="bluecode_2.txt"))
    answer = client.post(corrected_of(file), {"file": upload(path)})
    assert answer.status_code == 403
    assert client.post("/check/verdict.json", {"verdict": "x"}).status_code == 403
    assert SettlementFile.objects.count() == 1


def test_one_person_has_one_file_read_at_a_time(
    client, clerk, alliance, tmp_path, monkeypatch
) -> None:
    client.force_login(clerk)
    path = scheme(tmp_path, *GOOD)
    asked = []
    with monkeypatch.context() as elsewhere:
        # Held by another request: one's own session would be let in again by PostgreSQL.
        elsewhere.setattr(leases, "acquire", lambda name, **_: asked.append(name))
        status, text = checked(client, "bluecode", path)
    assert (status, asked) == (429, [f"check:{clerk.pk}"])
    assert "Another file of yours is being read at this moment." in text
    assert checked(client, "bluecode", path)[0] == 200
    assert not Lease.objects.filter(name=f"check:{clerk.pk}").exists()


# --- a quarantined file


def test_everything_about_a_quarantined_file_stands_on_its_page(
    client, clerk, hub_admin, tmp_path
) -> None:
    file = quarantined(scheme(tmp_path, detail("A1"), detail("A2", gross="1O.00"), GOOD[1]))
    client.force_login(clerk)
    text = client.get(reverse("payments:night_file", args=[file.pk])).content.decode()
    words = plain(text)
    assert "An amount cannot be taken as it is written (bad_amount)" in words
    assert "3 this one D|bluecode|S|A2|" in words
    assert "1 H|1|bluecode|41|" in words
    assert "5 E|5" in words
    assert 'href="mailto:admin@bluecode.example"' in text
    link = re.search(r'class="button button--secondary" href="(mailto:[^"]+\?[^"]+)"', text)
    assert link
    parts = urlsplit(link[1].replace("&amp;", "&"))
    said = parse_qs(parts.query)
    assert unquote(parts.path) == "admin@bluecode.example"
    assert said["subject"] == [
        "Settlement file bluecode_1.txt could not be taken: An amount cannot be taken as it is "
        "written"
    ]
    [body] = said["body"]
    for part in (
        "File: bluecode_1.txt", f"SHA-256: {file.sha256}", f"Line 3: {file.reason_text}",
        "The line as it came: D|bluecode|S|A2|100001|EUR|1O.00|",
        "Write amounts as plain digits with the decimals of their currency",
    ):  # fmt: skip
        assert part in body


def test_a_reason_of_our_own_is_nobody_elses_to_mend(client, clerk, alliance, tmp_path) -> None:
    file = quarantined(scheme(tmp_path, *LYING))
    SettlementFile.objects.filter(pk=file.pk).update(reason_code="internal", reason_line=None)
    client.force_login(clerk)
    words = plain(client.get(reverse("payments:night_file", args=[file.pk])).content.decode())
    assert "The portal’s operators have to look at this" in words
    assert "Write this e-mail" not in words


@pytest.mark.parametrize("person", ["clerk", "hub_admin"])
def test_a_corrected_file_closes_the_quarantine(
    request, client, alliance, shop, tmp_path, upload_folder, person
) -> None:
    user = request.getfixturevalue(person)
    file = quarantined(scheme(tmp_path, *LYING))
    client.force_login(user)
    good = scheme(tmp_path, *GOOD, name="bluecode_1-corrected.txt")
    answer = client.post(corrected_of(file), {"file": upload(good)}, follow=True)
    came = SettlementFile.objects.get(version=2)
    assert (came.identity, came.name, came.state) == (
        file.identity, "bluecode_1-corrected.txt", "received",
    )  # fmt: skip
    page = "payments:night_file" if person == "clerk" else "payments:file"
    assert answer.redirect_chain[-1][0] == reverse(page, args=[came.pk])
    text = answer.content.decode()
    assert "Thank you. This is version 2 of the file, and it is being read." in text
    assert 'hx-trigger="every 3s"' in text
    assert list(upload_folder.iterdir()) == []
    entry = AuditEntry.objects.get(verb="payments.file.corrected")
    assert (entry.actor, entry.target_id) == (user, str(file.pk))
    assert (entry.data["anyway"], entry.data["is_other_file"]) == (False, False)

    reconciliation.run_feed(file.feed_id, now=NOON)
    came.refresh_from_db()
    assert came.state == "reconciled"
    text = client.get(reverse("payments:file", args=[file.pk]), follow=True).content.decode()
    assert "Version 2 of this file has come: reconciled." in text
    assert "Send the corrected file" not in text
    assert (
        "hx-trigger"
        not in client.get(reverse("payments:file", args=[came.pk]), follow=True).content.decode()
    )


def test_a_file_that_would_be_quarantined_again_is_refused_and_can_be_sent_anyway(
    client, clerk, alliance, tmp_path
) -> None:
    file = quarantined(scheme(tmp_path, *LYING))
    client.force_login(clerk)
    page = client.get(reverse("payments:night_file", args=[file.pk])).content.decode()
    assert "Send it anyway" not in page
    before = everything()
    bad = scheme(tmp_path, detail("A1", net="1.00"), GOOD[1], name="bluecode_2.txt")
    answer = client.post(corrected_of(file), {"file": upload(bad)})
    words = plain(answer.content.decode())
    assert answer.status_code == 422
    assert "The corrected file: This file would be quarantined again." in words
    assert "Line 2: An amount cannot be taken as it is written bad_amount" in words
    assert "Send it anyway, although it would be quarantined again" in words
    assert everything() == before
    answer = client.post(corrected_of(file), {"file": upload(bad), "anyway": "on"})
    assert answer.status_code == 302
    assert SettlementFile.objects.get(version=2).identity == file.identity
    assert AuditEntry.objects.get(verb="payments.file.corrected").data["anyway"] is True


def test_another_file_is_taken_in_as_what_it_is(client, clerk, alliance, tmp_path) -> None:
    file = quarantined(scheme(tmp_path, *LYING))
    other = scheme(tmp_path, *GOOD, name="bluecode_42.txt")
    other.write_text(other.read_text().replace("H|1|bluecode|41|", "H|1|bluecode|42|"))
    client.force_login(clerk)
    answer = client.post(corrected_of(file), {"file": upload(other)}, follow=True)
    text = answer.content.decode()
    assert "This is another file, bluecode 2026-10-14..2026-10-14 42, and it is being read." in text
    came = SettlementFile.objects.exclude(pk=file.pk).get()
    assert (came.version, came.state) == (1, "received")
    file.refresh_from_db()
    assert file.state == "quarantined"


def test_the_same_bytes_again_are_not_a_correction(client, clerk, alliance, tmp_path) -> None:
    path = scheme(tmp_path, *LYING)
    file = quarantined(path)
    client.force_login(clerk)
    before = everything()
    answer = client.post(
        corrected_of(file), {"file": upload(path, "bluecode_9.txt"), "anyway": "1"}
    )
    assert answer.status_code == 422
    assert "These are the same bytes as version 1" in answer.content.decode()
    assert everything() == before


def test_the_name_of_an_upload_is_never_a_path(client, clerk, alliance, tmp_path) -> None:
    file = quarantined(scheme(tmp_path, *LYING))
    client.force_login(clerk)
    good = scheme(tmp_path, *GOOD, name="bluecode_2.txt")
    client.post(corrected_of(file), {"file": upload(good, "../../etc/bluecode_3.txt")})
    assert Delivery.objects.order_by("-pk").first().name == "bluecode_3.txt"


def test_only_a_quarantined_file_can_be_put_right(client, clerk, alliance, tmp_path) -> None:
    file = builders.reconciled("bluecode", scheme(tmp_path, *GOOD))
    client.force_login(clerk)
    other = scheme(tmp_path, detail("B1"), GOOD[1], name="bluecode_2.txt")
    answer = client.post(corrected_of(file), {"file": upload(other)}, follow=True)
    assert "This file is not in quarantine, so nothing was taken in." in answer.content.decode()
    assert SettlementFile.objects.count() == 1
    assert client.get(corrected_of(file)).status_code == 302


def test_an_empty_correction_and_none_are_told_at_the_field(
    client, clerk, alliance, tmp_path
) -> None:
    file = quarantined(scheme(tmp_path, *LYING))
    client.force_login(clerk)
    answer = client.post(corrected_of(file), {})
    assert answer.status_code == 422
    assert '<a href="#id_file">The corrected file: Choose the file.</a>' in answer.content.decode()
    answer = client.post(corrected_of(file), {"file": SimpleUploadedFile("x.txt", b"")})
    assert "This file has no bytes." in answer.content.decode()
    assert SettlementFile.objects.count() == 1


@pytest.mark.parametrize("person", [*OUTSIDERS, "vipps_admin", "rival_admin", "member_admin"])
def test_a_file_of_another_feed_does_not_exist(request, client, alliance, tmp_path, person) -> None:
    file = quarantined(scheme(tmp_path, *LYING))
    client.force_login(request.getfixturevalue(person))
    before = everything()
    good = scheme(tmp_path, *GOOD, name="bluecode_2.txt")
    delivery = file.deliveries.get()
    for name, pk in (("file", file.pk), ("file_bytes", file.pk), ("delivery_bytes", delivery.pk)):
        assert client.get(reverse(f"payments:{name}", args=[pk])).status_code == 404
    assert client.post(corrected_of(file), {"file": upload(good)}).status_code == 404
    assert everything() == before
    if person == "member_admin":
        assert file.name not in client.get(CHECK).content.decode()


def test_what_waits_for_a_correction_is_listed_until_a_later_version_comes(
    client, hub_admin, tmp_path
) -> None:
    file = quarantined(scheme(tmp_path, *LYING))
    client.force_login(hub_admin)
    link = f'href="{reverse("payments:file", args=[file.pk])}"'
    assert link in client.get(CHECK).content.decode()
    admin_page = client.get(reverse("admin:payments_settlementfile_change", args=[file.pk]))
    assert link in admin_page.content.decode()
    builders.reconciled("bluecode", scheme(tmp_path, *GOOD, name="bluecode_2.txt"))
    assert link not in client.get(CHECK).content.decode()


def test_a_wallets_admin_is_not_told_to_write_to_itself(client, hub_admin, tmp_path) -> None:
    file = quarantined(scheme(tmp_path, *LYING))
    client.force_login(hub_admin)
    words = plain(client.get(reverse("payments:file", args=[file.pk])).content.decode())
    assert "Whoever makes your files may need this text:" in words
    assert "Ask Bluecode for a corrected file" not in words


# --- bytes as they came


@pytest.mark.parametrize("person", ["clerk", "hub_admin"])
def test_the_bytes_come_as_they_were_received_and_it_is_written_down(
    request, client, alliance, tmp_path, person
) -> None:
    user = request.getfixturevalue(person)
    path = scheme(tmp_path, *LYING, name="bluecode_<b>.txt")
    file = quarantined(path)
    client.force_login(user)
    page = client.get(reverse("payments:file", args=[file.pk]), follow=True).content.decode()
    address = reverse("payments:file_bytes", args=[file.pk])
    assert f'href="{address}"' in page
    assert file.sha256 in page
    answer = client.get(address)
    assert b"".join(answer.streaming_content) == path.read_bytes()
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"
    sent = Message()
    sent["Content-Disposition"] = answer.headers["Content-Disposition"]
    assert (sent.get_content_disposition(), sent.get_filename()) == (
        "attachment", "bluecode_<b>.txt",
    )  # fmt: skip
    entry = AuditEntry.objects.get(verb="payments.file.downloaded")
    assert (entry.actor, entry.target_id, entry.data) == (
        user, str(file.pk), {"sha256": file.sha256, "delivery": None},
    )  # fmt: skip


def test_a_delivery_comes_as_it_was_still_packed(
    client, clerk, alliance, tmp_path, settings
) -> None:
    file = quarantined(scheme(tmp_path, *LYING))
    (Path(settings.FILES_DIR) / "packed").write_bytes(b"still packed")
    delivery = file.deliveries.get()
    Delivery.objects.filter(pk=delivery.pk).update(path="packed", sha256="f" * 64)
    client.force_login(clerk)
    address = reverse("payments:delivery_bytes", args=[delivery.pk])
    page = client.get(reverse("payments:night_file", args=[file.pk])).content.decode()
    assert f'href="{address}"' in page
    answer = client.get(address)
    assert b"".join(answer.streaming_content) == b"still packed"
    entry = AuditEntry.objects.get(verb="payments.file.downloaded")
    assert entry.data == {"sha256": "f" * 64, "delivery": delivery.pk}


def test_bytes_that_are_gone_are_told_in_words_and_not_written_down(
    client, clerk, alliance, tmp_path
) -> None:
    file = quarantined(scheme(tmp_path, *LYING))
    settlement.stored(file).unlink()
    client.force_login(clerk)
    answer = client.get(reverse("payments:file_bytes", args=[file.pk]), follow=True)
    assert "no longer in the portal&#x27;s data folder" in answer.content.decode()
    assert not AuditEntry.objects.filter(verb="payments.file.downloaded").exists()


def test_the_red_break_of_a_quarantined_file_stands_on_its_page(
    client, clerk, alliance, tmp_path
) -> None:
    file = quarantined(scheme(tmp_path, *LYING))
    found = Break.objects.get(file=file)
    client.force_login(clerk)
    page = client.get(reverse("payments:night_file", args=[file.pk])).content.decode()
    assert reverse("payments:break", args=[found.pk]) in page


# --- wrapped, and read again


def zipped(folder: Path, name: str, *paths: Path) -> Path:
    packed = folder / name
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in paths:
            archive.write(path, path.name)
    return packed


def test_a_wrapped_file_is_opened_as_its_feed_opens_it(
    client, clerk, alliance, tmp_path, upload_folder
) -> None:
    packed = tmp_path / "bluecode_1.txt.gz"
    packed.write_bytes(gzip.compress(scheme(tmp_path, *GOOD).read_bytes()))
    client.force_login(clerk)
    before = everything()
    status, text = checked(client, "bluecode", packed)
    assert (status, "This file would be reconciled" in text) == (200, True)
    assert "bluecode_1.txt (in bluecode_1.txt.gz)" in plain(text)
    files = json.loads(download(client, text).content)["files"]
    assert [(one["file"]["name"], one["file"]["came_in"]) for one in files] == [
        ("bluecode_1.txt", "bluecode_1.txt.gz")
    ]
    assert everything() == before
    assert list(upload_folder.iterdir()) == []


def test_every_file_of_an_archive_has_its_own_verdict(client, clerk, alliance, tmp_path) -> None:
    packed = zipped(
        tmp_path, "bluecode_1.zip", scheme(tmp_path, *GOOD, name="bluecode_1.txt"),
        scheme(tmp_path, *LYING, name="bluecode_2.txt"),
    )  # fmt: skip
    client.force_login(clerk)
    _status, text = checked(client, "bluecode", packed)
    told = json.loads(download(client, text).content)
    assert told["would_be"] == "quarantined"
    assert [(one["file"]["name"], one["would_be"]) for one in told["files"]] == [
        ("bluecode_1.txt", "reconciled"), ("bluecode_2.txt", "quarantined"),
    ]  # fmt: skip
    assert text.count("This file would be") == 2


def test_what_cannot_be_opened_is_told_with_its_code(client, clerk, alliance, tmp_path) -> None:
    cut = tmp_path / "bluecode_1.txt.gz"
    cut.write_bytes(gzip.compress(scheme(tmp_path, *GOOD).read_bytes())[:-12])
    client.force_login(clerk)
    words = plain(checked(client, "bluecode", cut)[1])
    assert "The whole file: The archive cannot be opened bad_archive" in words
    Feed.objects.filter(code="bluecode").update(must_be_encrypted=True)
    words = plain(checked(client, "bluecode", scheme(tmp_path, *GOOD))[1])
    assert "The whole file: The file is not encrypted not_encrypted" in words


def test_a_small_file_that_unpacks_to_a_large_one_is_left_to_the_operators(
    client, clerk, alliance, tmp_path, monkeypatch, upload_folder
) -> None:
    monkeypatch.setattr("payments.views.check.MOST_BYTES_INSIDE", 1_000)
    packed = tmp_path / "bluecode_1.txt.gz"
    packed.write_bytes(gzip.compress(b"x" * 2_000))
    client.force_login(clerk)
    status, text = checked(client, "bluecode", packed)
    assert (status, "What is packed in this file is too large for a page." in text) == (422, True)
    assert list(upload_folder.iterdir()) == []


def unopened(folder: Path) -> SettlementFile:
    """A file in quarantine because it was cut while it was packed."""
    cut = folder / "bluecode_1.txt.gz"
    cut.write_bytes(gzip.compress(scheme(folder, *GOOD).read_bytes())[:-12])
    file = quarantined(cut)
    assert file.reason_code == "bad_archive"
    return file


def test_a_correction_of_what_could_not_be_opened_is_its_next_version(
    client, clerk, alliance, tmp_path
) -> None:
    file = unopened(tmp_path)
    client.force_login(clerk)
    good = scheme(tmp_path, *GOOD, name="bluecode_other-name.txt")
    answer = client.post(corrected_of(file), {"file": upload(good)}, follow=True)
    assert "Thank you. This is version 2 of the file" in answer.content.decode()
    file.refresh_from_db()
    came = SettlementFile.objects.get(version=2)
    assert (file.identity, file.version) == (came.identity, 1)
    assert came.identity == "bluecode 2026-10-14..2026-10-14 41"
    assert Break.objects.get(file=file).state == "closed"


def test_finance_has_a_file_read_again_after_its_cause_was_mended(
    client, clerk, hub_admin, tmp_path
) -> None:
    Feed.objects.filter(code="bluecode").update(must_be_encrypted=True)
    file = quarantined(scheme(tmp_path, *GOOD))
    again = reverse("payments:read_again", args=[file.pk])
    client.force_login(hub_admin)
    page = client.get(reverse("payments:file", args=[file.pk])).content.decode()
    assert again not in page
    assert client.post(again).status_code == 404
    client.force_login(clerk)
    assert again in client.get(reverse("payments:night_file", args=[file.pk])).content.decode()
    text = client.post(again, follow=True).content.decode()
    assert "The cause is still there: It is not encrypted" in text
    Feed.objects.filter(code="bluecode").update(must_be_encrypted=False)
    text = client.post(again, follow=True).content.decode()
    assert "The file is being read again." in text
    file.refresh_from_db()
    assert file.state == "received"
    assert "Only a quarantined file" in client.post(again, follow=True).content.decode()
    assert client.get(again).status_code == 405


def test_a_file_that_only_the_partner_can_mend_has_no_such_button(
    client, clerk, alliance, tmp_path
) -> None:
    file = quarantined(scheme(tmp_path, *LYING))
    client.force_login(clerk)
    page = client.get(reverse("payments:night_file", args=[file.pk])).content.decode()
    assert reverse("payments:read_again", args=[file.pk]) not in page
