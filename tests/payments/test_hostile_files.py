"""Files and names that nobody would send on purpose: taken in, judged whole, never stuck."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from payments import reconciliation, settlement, tasks
from payments.models import Batch, Break, Delivery, Link, Run, SettlementFile
from tests import builders
from tests.builders import NOON
from wallets.models import Feed


def judged(feed: str, path: Path, name: str = "") -> SettlementFile:
    """Receive a file and reconcile its feed; it must end in a state that says why."""
    of = Feed.objects.select_related("wallet").get(code=feed)
    delivery = settlement.receive(feed=of, name=name or path.name, path=path, now=NOON)
    reconciliation.run_feed(of.pk, now=NOON)
    file = SettlementFile.objects.get(pk=delivery.file_id)
    if file.state == SettlementFile.State.QUARANTINED:
        assert not Run.objects.filter(file=file).exists()
        assert not Batch.objects.filter(file=file).exists()
        assert not Link.objects.filter(run__file=file).exists()
        assert Break.objects.filter(file=file).count() == 1
        assert file.reason_code not in {"internal", "gave_up"}
    else:
        assert file.state == SettlementFile.State.RECONCILED
    return file


@pytest.mark.parametrize(
    ("feed", "head"),
    [
        ("bluecode", "H|1|blue\0code|41|2026-10-14|2026-10-14|2026-10-15\nE|2\n"),
        ("momo", "MOMO POCKET;LIQUIDACIÓN;1\0;14/10/2026;14/10/2026;15/10/2026\n"),
        ("vipps", "<a><ReportDateFrom>\0</ReportDateFrom><ReportDateTo>\0</ReportDateTo></a>"),
    ],
)
def test_a_nul_where_a_file_says_its_name_is_quarantined(alliance, tmp_path, feed, head) -> None:
    path = tmp_path / f"{feed}_x.txt"
    path.write_bytes(head.encode("latin-1"))
    file = judged(feed, path)
    assert (file.state, file.reason_code) == ("quarantined", "bad_encoding")
    assert "\0" not in file.identity


@pytest.mark.parametrize(
    "name",
    [
        b"bluecode_\xff\xfe.txt",
        b"bluecode_\xe2\x80\xaetxt.exe.txt",
        b"bluecode_\n\r\t.txt",
        b"bluecode_<script>alert(1)</script>.txt".replace(b"/", b"_"),
        b"bluecode_..\\..\\etc.txt",
        b"bluecode_" + b"x" * 242 + b".txt",
    ],
)
def test_a_strange_name_is_taken_in_and_shown(alliance, clerk, client, tmp_path, name) -> None:
    folder = tmp_path / "feeds" / "bluecode"
    (folder / os.fsdecode(name)).write_bytes(b"nothing that is known\n")
    (tmp_path / "feeds" / "momo" / "momo_1.csv").write_bytes(b"nothing either\n")
    tasks.collect_feeds()
    tasks.collect_feeds()
    assert Delivery.objects.count() == 2
    feed = Feed.objects.get(code="bluecode")
    reconciliation.run_feed(feed.pk, now=NOON)
    file = SettlementFile.objects.get(feed=feed)
    assert (file.state, file.reason_code) == ("quarantined", "not_this_layout")
    client.force_login(clerk)
    for address in ("/finance/", f"/finance/files/{file.pk}/"):
        shown = client.get(address)
        assert shown.status_code == 200
        assert b"<script>alert" not in shown.content


def test_two_long_names_that_differ_at_their_end_are_two_deliveries(alliance, tmp_path) -> None:
    feed = Feed.objects.get(code="bluecode")
    path = tmp_path / "x.txt"
    for end in "ab":
        path.write_text(f"file {end}\n")
        settlement.receive(feed=feed, name="bluecode_" + "x" * 245 + end, path=path, now=NOON)
    assert Delivery.objects.count() == SettlementFile.objects.count() == 2


def test_a_folder_that_may_not_be_read_stops_no_other_partner(
    alliance, tmp_path, monkeypatch
) -> None:
    (tmp_path / "feeds" / "momo" / "momo_1.csv").write_bytes(b"fine\n")
    original = Path.iterdir

    def refused(self: Path):
        if self.name == "bluecode":
            raise PermissionError(self)
        return original(self)

    monkeypatch.setattr(Path, "iterdir", refused)
    tasks.collect_feeds()
    assert list(Delivery.objects.values_list("name", flat=True)) == ["momo_1.csv"]


def test_a_layout_that_fails_on_a_name_stops_no_other_partner(
    alliance, tmp_path, monkeypatch
) -> None:
    (tmp_path / "feeds" / "bluecode" / "bluecode_1.txt").write_bytes(b"x\n")
    (tmp_path / "feeds" / "momo" / "momo_1.csv").write_bytes(b"fine\n")
    Feed.objects.filter(code="bluecode").update(format="no_such_layout")
    tasks.collect_feeds()
    assert list(Delivery.objects.values_list("name", flat=True)) == ["momo_1.csv"]


def scheme(path: Path, *details: str, period: str = "2026-10-14|2026-10-14") -> Path:
    """A file of the scheme layout whose details are sales of 1.00 EUR without a fee."""
    wallets = list(dict.fromkeys(detail.split("|")[1] for detail in details))
    sums = [sum(detail.split("|")[1] == wallet for detail in details) for wallet in wallets]
    records = [
        f"H|1|bluecode|1|{period}|2026-10-15", *details,
        *(
            f"T|S-{at}|{wallet}|EUR||{count}|{count}.00|0.00|{count}.00"
            for at, (wallet, count) in enumerate(zip(wallets, sums, strict=True))
        ),
    ]  # fmt: skip
    path.write_text("".join(f"{r}\n" for r in [*records, f"E|{len(records) + 1}"]))
    return path


def detail(wallet: str = "bluecode", ref: str = "B1", **cells: str) -> str:
    occurred_at = cells.get("occurred_at", "")
    return f"D|{wallet}|S|{ref}|100001|EUR|1.00|EUR|1.00|0.00|1.00|||{occurred_at}|"


def test_a_wallet_with_an_endless_name_is_refused_with_its_line(alliance, tmp_path) -> None:
    file = judged("bluecode", scheme(tmp_path / "b.txt", detail(), detail("w" * 21, "B2")))
    assert (file.state, file.reason_code, file.reason_line) == ("quarantined", "bad_value", 3)


def test_a_wallet_nobody_knows_is_a_break(alliance, tmp_path) -> None:
    file = judged("bluecode", scheme(tmp_path / "b.txt", detail("w" * 20)))
    assert file.state == "reconciled"
    assert Run.objects.get().outcomes == {"unknown_location": 1}


def test_a_settlement_with_an_endless_name_is_refused(alliance, tmp_path, shop) -> None:
    entry = builders.payment(shop).entries.get()
    path = builders.settlement_file(tmp_path, [builders.line(entry)])
    text = path.read_text().replace(f">{entry.store_ref}<", f">{'7' * 40}<")
    path.write_text(text.replace("<SettlementID>2000001", f"<SettlementID>{'2' * 60}"))
    file = judged("vipps", path)
    assert (file.state, file.reason_code) == ("quarantined", "bad_value")
    assert file.reason_line


@pytest.mark.parametrize("occurred_at", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_time_at_the_end_of_the_calendar_is_shown(
    alliance, clerk, client, tmp_path, occurred_at
) -> None:
    file = judged("bluecode", scheme(tmp_path / "b.txt", detail(occurred_at=occurred_at)))
    client.force_login(clerk)
    assert client.get(f"/finance/files/{file.pk}/").status_code == 200
    assert client.get(f"/finance/breaks/{file.breaks.get().pk}/").status_code == 200
    assert client.get(f"/finance/files/{file.pk}/csv").status_code == 200


@pytest.mark.parametrize(
    "period", ["2026-10-14|9999-12-31", "1970-01-01|2026-10-14", "2025-01-01|2026-10-14"]
)
def test_a_period_longer_than_a_year_is_a_mistake(alliance, tmp_path, period) -> None:
    file = judged("bluecode", scheme(tmp_path / "b.txt", detail(), period=period))
    assert (file.state, file.reason_code) == ("quarantined", "bad_date")


def test_one_endless_line_is_not_read_whole_to_be_shown(alliance, tmp_path) -> None:
    path = tmp_path / "bluecode_long.txt"
    path.write_bytes(b"H" * 50_000_000 + b"\nsecond\n")
    file = judged("bluecode", path)
    assert (file.reason_code, file.reason_line) == ("bad_value", 1)
    import tracemalloc

    tracemalloc.start()
    assert settlement.raw_line(file, 1) == "H" * 10_000
    assert settlement.raw_line(file, 2) == "second"
    assert settlement.raw_line(file, 3) == ""
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5_000_000
