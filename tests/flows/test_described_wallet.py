"""An eighth wallet joins with a file of its own: described and tried, and no line of code."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from payments import proof
from payments.models import Break, LedgerEntry, Link, Run, SettlementFile
from portal.core.models import AuditEntry, User
from tests import builders
from tests.builders import NOON
from tests.wallets.test_mapping_pages import answers
from wallets import mappings, partners
from wallets.models import Feed, Mapping, Wallet

EIGHTH = partners.Partner(
    "sirio", "Sirio", "SI", "Europe/Ljubljana", "mapped", "csv", interchange_bps=30,
)  # fmt: skip
NAME = "sirio_{:%Y%m%d}_{}.csv"
HEADINGS = "Številka;Transakcija;Vrsta;Datum;Ura;Trgovina;Valuta;Znesek;Provizija;Izplačilo"


@pytest.fixture
def sirio(alliance, tmp_path: Path) -> Wallet:
    partners.set_up((EIGHTH,), places=tmp_path / "feeds")
    return Wallet.objects.get(code="sirio")


@pytest.fixture
def boss(db) -> User:
    return User.objects.create_superuser("boss@onestile.example", "correct horse")


def money(minor: int) -> str:
    text = f"{abs(minor) // 100:,}".replace(",", ".") + f",{abs(minor) % 100:02d}"
    return f"-{text}" if minor < 0 else text


def row(entry: LedgerEntry, number: int, **changes: Any) -> str:
    """A row as Sirio writes it: fees negative when charged, its own words and marks."""
    gross = changes.get("gross", entry.gross_minor)
    fee = changes.get("fee", entry.fee_minor)
    at = entry.occurred_at + timedelta(hours=2)
    word = "Nakup" if entry.kind == "sale" else "Vračilo"
    return (
        f"{number};{entry.wallet_ref};{word};{at:%d.%m.%Y};{at:%H:%M:%S};{entry.store_ref};"
        f"{entry.currency};{money(gross)};{money(-fee)};{money(gross - fee)}"
    )


def statement_of(rows: list[str], gross: int, fee: int) -> bytes:
    """Sirio's file: a title, headings in Slovenian, rows, a total; in Windows 1252."""
    total = f"Skupaj;{len(rows)};;;;;EUR;{money(gross)};{money(-fee)};{money(gross - fee)}"
    text = "\r\n".join(["Sirio;poravnava", HEADINGS, *rows, total, ""])
    return text.replace("č", "c").encode("cp1252")


def test_it_is_described_tried_switched_on_received_and_reconciled(
    client, sirio, boss, tmp_path
) -> None:
    shop = builders.location(builders.merchant(country="SI", acquirer=sirio))
    paid = [
        builders.payment(shop, wallet="sirio", price_minor=minor)
        for minor in (1_000, 250_000, 3_333, 4_000)
    ]
    builders.refund(paid[1], price_minor=500)
    entries = list(LedgerEntry.objects.filter(feed__code="sirio").order_by("pk"))
    assert [(one.gross_minor, one.fee_minor) for one in entries] == [
        (1_000, 3), (250_000, 750), (3_333, 10), (4_000, 12), (-500, 0),
    ]  # fmt: skip

    # Yesterday's file is the sample; the superuser describes the wallet's layout from it.
    yesterday = statement_of(
        [row(entry, number) for number, entry in enumerate(entries, 1)], 257_833, 775
    )
    client.force_login(boss)
    name = NAME.format(NOON - timedelta(days=1), 40)
    upload = SimpleUploadedFile(name, yesterday)
    client.post(
        reverse("admin:wallets_mapping_add"),
        {"wallet": sirio.pk, "name": "CSV", "sample": upload},
    )
    mapping = Mapping.objects.get()
    said = mapping.description
    assert said["file"]["name"] == "sirio_{date:YYYYMMDD}_{sequence}.csv"
    assert said["file"]["encoding"] == "cp1252"
    assert said["types"] == {"Nakup": "sale", "Vracilo": "refund"}
    assert said["amounts"] == {
        "mark": ",", "thousands": ".", "fee": "column", "fee_sign": "negative",
    }  # fmt: skip
    page = reverse("admin:wallets_mapping_change", args=[mapping.pk])
    assert client.post(page, answers(said)).status_code == 302
    trial = reverse("admin:wallets_mapping_try", args=[mapping.pk])
    text = client.post(trial, {"sample": SimpleUploadedFile(name, yesterday)}).content.decode()
    assert "Read whole" in text
    assert "declared €2,578.33" in text
    switch = reverse("admin:wallets_mapping_switch_on", args=[mapping.pk])
    client.post(switch, {"confirm": "yes"})
    feed = Feed.objects.get(code="sirio")
    assert (feed.format, feed.mapping_id) == ("mapped", mapping.pk)

    # Tonight's file: one amount differs, one payment is absent, one line nobody knows.
    rows = [
        row(entries[0], 1), row(entries[1], 2),
        row(entries[2], 3, gross=3_334), row(entries[4], 4),
        row(entries[3], 5).replace(entries[3].wallet_ref, "S-UNKNOWN"),
    ]  # fmt: skip
    path = tmp_path / "feeds" / "sirio" / NAME.format(NOON, 41)
    path.write_bytes(statement_of(rows, 257_834, 775))
    file = builders.reconciled("sirio", path)
    assert (file.state, file.reason_text) == ("reconciled", "")
    assert (file.identity, file.sequence) == ("2026-10-14..2026-10-14 41", 41)
    run = Run.objects.get(file=file)
    assert run.outcomes == {
        "matched": 3, "amount_mismatch": 1, "missing_in_ledger": 1, "missing_in_settlement": 1,
    }  # fmt: skip
    mapping.refresh_from_db()
    assert run.layout == "mapped"
    assert run.layout_options["mapping"] == mapping.description
    outcomes = Break.objects.filter(run=run).order_by("outcome").values_list("outcome", "line_no")
    assert list(outcomes) == [
        ("amount_mismatch", 5), ("missing_in_ledger", 7), ("missing_in_settlement", None),
    ]  # fmt: skip
    assert Link.objects.filter(run=run).count() == 4
    [batch] = file.batches.all()
    assert (batch.currency, batch.lines, batch.net_minor) == ("EUR", 5, 257_059)
    assert AuditEntry.objects.filter(verb="wallets.mapping.switched_on").count() == 1

    # The night can be replayed by the description that it was read by, whatever is on today.
    mappings.switch_off(mapping, by=boss, now=NOON)
    assert proof.replay(run, to=tmp_path / "again.csv") == run.csv_sha256


def test_a_file_that_is_not_as_described_is_refused_whole(client, sirio, boss, tmp_path) -> None:
    path = tmp_path / "feeds" / "sirio" / NAME.format(NOON, 41)
    path.write_bytes(statement_of([], 0, 0))
    file = builders.reconciled("sirio", path)
    assert (file.state, file.reason_code) == ("quarantined", "bad_mapping")
    assert Link.objects.count() == 0
    assert SettlementFile.objects.filter(state="reconciled").count() == 0
