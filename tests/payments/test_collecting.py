"""Collecting what partners left: everything once, and nobody waits for a neighbour's trouble."""

from __future__ import annotations

import pytest

from payments import settlement, tasks
from payments.models import Delivery, SettlementFile
from tests import builders


@pytest.fixture
def folders(alliance, tmp_path):
    return tmp_path / "feeds"


def test_new_files_are_taken_in_once_in_the_order_of_their_names(folders):
    for name in (
        "bluecode_2.txt",
        "bluecode_1.txt",
        ".bluecode_3.txt",
        "bluecode_4.txt.part",
        "x.txt",
    ):
        (folders / "bluecode" / name).write_text(f"content of {name}")
    tasks.collect_feeds()
    tasks.collect_feeds()
    assert list(Delivery.objects.order_by("pk").values_list("name", flat=True)) == [
        "bluecode_1.txt", "bluecode_2.txt",
    ]  # fmt: skip
    assert {file.state for file in SettlementFile.objects.all()} == {"received"}
    assert sorted(path.name for path in (folders / "bluecode").iterdir())[0] == ".bluecode_3.txt"


def test_a_file_that_cannot_be_opened_stops_no_other_partner(folders, monkeypatch):
    (folders / "bluecode" / "bluecode_1.txt").write_text("unreadable today")
    (folders / "momo" / "momo_1.csv").write_text("fine")
    original = settlement.store

    def sometimes(path, **how):
        if path.name == "bluecode_1.txt":
            raise PermissionError(path)
        return original(path, **how)

    with monkeypatch.context() as patched:
        patched.setattr(settlement, "store", sometimes)
        tasks.collect_feeds()
    assert list(Delivery.objects.values_list("name", flat=True)) == ["momo_1.csv"]
    tasks.collect_feeds()
    assert Delivery.objects.count() == 2


def test_two_empty_nights_with_equal_bytes_are_two_files(folders):
    feed = builders.Feed.objects.get(code="alipay")
    heading = b"Partner_transaction_id|Transaction_id\n"
    for day in ("20261014", "20261015"):
        path = folders / "alipay" / f"alipay_2088100200300400_settlement_{day}.txt"
        path.write_bytes(heading)
        settlement.receive(feed=feed, name=path.name, path=path, now=builders.NOON)
    assert SettlementFile.objects.count() == 2
    assert SettlementFile.objects.values("sha256").distinct().count() == 1
