"""Collecting what partners left: everything once, and nobody waits for a neighbour's trouble."""

from __future__ import annotations

import gzip
import io
import os
import threading
import time
from datetime import timedelta
from hashlib import sha256

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone
from pysequoia import SignatureMode

from payments import collecting, reconciliation, settlement, tasks
from payments.models import Batch, Break, Delivery, Run, SettlementFile
from portal.core import leases
from portal.core.models import AuditEntry
from tests import builders, sftp
from tests.builders import NOON
from tests.wallets.test_wrapping import (
    FINGERPRINT,
    OUR_KEY,
    PARTNER,
    PARTNER_KEY,
    STRANGER,
    encrypted,
    signed,
    zipped,
)
from wallets import formats, places
from wallets.formats.statement import Problem
from wallets.models import Feed

MINUTE = timedelta(minutes=1)


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
        if path.read_text() == "unreadable today":
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


# --- over SFTP


def night(number: int, amount: str = "1.00") -> bytes:
    """A file of the scheme layout with one sale, which the partner numbers."""
    return (
        f"H|1|bluecode|{number}|2026-10-14|2026-10-14|2026-10-15\n"
        f"D|bluecode|S|B{number}|100001|EUR|{amount}|EUR|{amount}|0.00|{amount}||||\n"
        f"T|S-{number}|bluecode|EUR||1|{amount}|0.00|{amount}\nE|4\n"
    ).encode()


@pytest.fixture
def server(tmp_path):
    with sftp.serve(tmp_path / "partner") as running:
        yield running


@pytest.fixture
def feed(alliance, server) -> Feed:
    """Bluecode's feed, on a server."""
    Feed.objects.exclude(code="bluecode").update(place="")
    feed = Feed.objects.get(code="bluecode")
    feed.place, feed.password = server.place, sftp.PASSWORD
    feed.host_key, feed.pattern = sftp.public(sftp.HOST_KEY), "*"
    feed.save()
    return feed


def look(feed: Feed, *, now=NOON) -> collecting.Look:
    found = collecting.collect(feed.pk, now=now)
    assert found is not None
    feed.refresh_from_db()
    return found


def told() -> list[tuple[str, str]]:
    return [(d.name, d.result) for d in Delivery.objects.order_by("pk")]


def test_files_come_from_a_server_whole_and_once(feed, server) -> None:
    (server.folder / "b1.txt").write_bytes(night(1))
    for _ in range(2):
        assert look(feed).wrong == []
    delivery = Delivery.objects.select_related("file").get()
    assert settlement.stored(delivery.file).read_bytes() == night(1)
    assert delivery.sha256 == delivery.file.sha256 == sha256(night(1)).hexdigest()
    assert (feed.looked_at, feed.failing_since) == (NOON, None)
    assert (server.folder / "b1.txt").exists()
    assert not list(settlement.stored(delivery.file).parents[1].glob(".open-*"))


def test_many_files_come_in_one_look_over_one_connection(feed, server) -> None:
    for number in range(30):
        (server.folder / f"b{number:02}.txt").write_bytes(night(number))
    assert len(look(feed).taken) == 30
    assert server.connections == 1
    assert [name for name, _ in told()] == [f"b{number:02}.txt" for number in range(30)]


def test_a_growing_file_is_taken_when_it_has_come_to_rest(feed, server) -> None:
    Feed.objects.update(ready_when=Feed.Ready.QUIET, quiet_seconds=60)
    path = server.folder / "b1.txt"
    path.write_bytes(night(1)[:50])
    assert look(feed).taken == []
    path.write_bytes(night(1))
    assert look(feed, now=NOON + MINUTE).taken == []
    assert len(look(feed, now=NOON + 2 * MINUTE).taken) == 1
    assert settlement.stored(SettlementFile.objects.get()).read_bytes() == night(1)


def test_a_file_that_grows_while_it_is_read_is_left(feed, server, monkeypatch) -> None:
    path = server.folder / "b1.txt"
    path.write_bytes(night(1)[:50])
    original = places.Sftp.listing

    def then_grows(self, *args, **how):
        found = original(self, *args, **how)
        path.write_bytes(night(1))
        return found

    with monkeypatch.context() as patched:
        patched.setattr(places.Sftp, "listing", then_grows)
        assert look(feed) == collecting.Look()
    assert not SettlementFile.objects.exists()
    assert not [one for one in settings_files() if one.is_file()]
    assert len(look(feed).taken) == 1


def settings_files():
    from django.conf import settings

    return settings.FILES_DIR.rglob("*")


def test_a_file_waits_for_its_marker(feed, server) -> None:
    Feed.objects.update(ready_when=Feed.Ready.MARKER)
    (server.folder / "b1.txt").write_bytes(night(1))
    assert look(feed).taken == []
    (server.folder / "b1.txt.done").touch()
    assert [d.name for d in look(feed).taken] == ["b1.txt"]


def test_the_size_of_a_file_that_is_made_as_it_is_read_is_what_came(feed, server) -> None:
    server.says_no_size = True
    (server.folder / "b1.txt").write_bytes(night(1))
    look(feed)
    assert SettlementFile.objects.get().size == len(night(1))


def test_taken_files_are_moved_with_what_lies_beside_them(feed, server) -> None:
    Feed.objects.update(ready_when=Feed.Ready.MARKER, after=Feed.After.MOVE, move_to="../done")
    Feed.objects.filter(pk=feed.pk).update(place=server.place + "out")
    (server.folder / "out").mkdir()
    for name in ("b1.txt", "b1.txt.done", "b1.txt.sig", "b2.txt"):
        (server.folder / "out" / name).write_bytes(night(1))
    assert look(feed).wrong == []
    assert {path.name for path in (server.folder / "done").iterdir()} == {
        "b1.txt", "b1.txt.done", "b1.txt.sig",
    }  # fmt: skip
    assert [path.name for path in (server.folder / "out").iterdir()] == ["b2.txt"]


def test_a_look_killed_before_the_move_moves_the_next_time(feed, server, monkeypatch) -> None:
    Feed.objects.update(after=Feed.After.MOVE, move_to="done")
    (server.folder / "b1.txt").write_bytes(night(1))

    def killed(self, name, folder):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(places.Sftp, "move", killed)
        with pytest.raises(KeyboardInterrupt):
            look(feed)
    assert Delivery.objects.count() == 1
    assert (server.folder / "b1.txt").exists()
    assert look(feed).taken == []
    assert Delivery.objects.count() == 1
    assert (server.folder / "done" / "b1.txt").exists()
    assert not (server.folder / "b1.txt").exists()


def test_a_file_is_not_moved_before_it_is_taken_in(feed, server, monkeypatch) -> None:
    Feed.objects.update(after=Feed.After.MOVE, move_to="done", format="no_such_layout")
    (server.folder / "b1.txt").write_bytes(night(1))
    assert "could not be taken in" in look(feed).wrong[0]
    assert (server.folder / "b1.txt").exists()


def test_a_move_that_fails_is_said_and_loses_nothing(feed, server) -> None:
    Feed.objects.update(after=Feed.After.MOVE, move_to="done")
    (server.folder / "done").write_bytes(b"a file where a folder should be")
    Feed.objects.update(pattern="b*")
    (server.folder / "b1.txt").write_bytes(night(1))
    found = look(feed)
    assert len(found.taken) == len(found.wrong) == 1
    assert feed.failing_since == NOON


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"host_key": sftp.public(sftp.key())}, "another key"),
        ({"host_key": ""}, "names no host key"),
        ({"place": "sftp://onestile@127.0.0.1:1/"}, "cannot be reached"),
        ({"place": "nowhere"}, "There is no folder nowhere."),
        ({"place": "s3://bucket/x"}, "s3fs"),
    ],
)
def test_a_feed_that_fails_says_why_and_the_others_go_on(
    feed, server, tmp_path, change, why, caplog
) -> None:
    Feed.objects.filter(code="momo").update(place=str(tmp_path / "feeds" / "momo"))
    (tmp_path / "feeds" / "momo" / "momo_1.csv").write_text("fine")
    (server.folder / "b1.txt").write_bytes(night(1))
    Feed.objects.filter(pk=feed.pk).update(**change)
    for _ in range(3):
        tasks.collect_feeds()
    feed.refresh_from_db()
    assert why in feed.failure
    assert feed.failing_since is not None
    assert [name for name, _ in told()] == ["momo_1.csv"]
    said = [one for one in caplog.records if "bluecode" in one.getMessage()]
    assert len(said) == 1


def test_a_wrong_password_is_said_and_a_right_one_mends_it(feed, server) -> None:
    feed.password = "wrong"
    feed.save()
    assert "does not let the user" in look(feed).wrong[0]
    feed.password = sftp.PASSWORD
    feed.save()
    assert look(feed).wrong == []
    assert (feed.failing_since, feed.failure) == (None, "")


def test_a_secret_that_cannot_be_decrypted_fails_the_feed_and_no_file(
    feed, server, settings
) -> None:
    (server.folder / "b1.txt").write_bytes(night(1))
    settings.ENCRYPTION_KEYS = ["another key"]
    assert "ENCRYPTION_KEYS" in look(feed).wrong[0]
    assert not SettlementFile.objects.exists()


def test_one_refused_file_does_not_hold_up_those_behind_it(feed, server, monkeypatch) -> None:
    monkeypatch.setattr(places, "MOST_BYTES", 1_000)
    (server.folder / "b1.txt").write_bytes(b"x" * 2_000)
    (server.folder / "b2.txt").write_bytes(night(2))
    found = look(feed)
    assert [delivery.name for delivery in found.taken] == ["b2.txt"]
    assert "b1.txt has 2000 bytes" in feed.failure


def test_only_one_worker_looks_at_a_place_and_a_second_hint_is_nothing(feed, server) -> None:
    claim = leases.acquire(collecting.lease_name(feed.pk), seconds=60)
    assert claim is not None
    if connection.vendor == "sqlite":
        assert collecting.collect(feed.pk, now=timezone.now()) is None
        assert collecting.due(now=timezone.now()) == []
    claim.release()
    assert collecting.due(now=timezone.now()) == [feed.pk]
    now = timezone.now()
    assert collecting.collect(feed.pk, now=now, only_due=True) is not None
    assert collecting.collect(feed.pk, now=now, only_due=True) is None
    assert server.connections == 1


@pytest.mark.django_db(transaction=True)
def test_a_server_that_hangs_holds_up_neither_worker_nor_tick(
    feed, server, monkeypatch, tmp_path
) -> None:
    monkeypatch.setattr(tasks, "WAIT_SECONDS", 0.1)
    monkeypatch.setattr(places, "ANSWER_SECONDS", 0.2)
    Feed.objects.filter(code="momo").update(place=str(tmp_path / "feeds" / "momo"))
    (tmp_path / "feeds" / "momo" / "momo_1.csv").write_text("fine")
    server.hangs = "listing"
    began = time.monotonic()
    for feed_id in collecting.due(now=timezone.now()):
        tasks.collect_feed(feed_id=feed_id)
    assert time.monotonic() - began < 2
    for thread in threading.enumerate():
        if thread.name.startswith("collect-"):
            thread.join(20)
    feed.refresh_from_db()
    assert "not answered in time" in feed.failure or "broke it off" in feed.failure
    assert [name for name, _ in told()] == ["momo_1.csv"]


# --- the same name again


def test_the_same_name_with_the_same_bytes_is_nothing_new(feed, server) -> None:
    path = server.folder / "b1.txt"
    path.write_bytes(night(1))
    look(feed)
    os.utime(path, (1, 1))
    assert look(feed).taken == []
    assert told() == [("b1.txt", "new")]


def test_the_same_name_with_other_bytes_is_a_new_delivery(feed, server) -> None:
    path = server.folder / "b1.txt"
    for at, data in enumerate((night(1), night(1, "2.00"), night(2))):
        path.write_bytes(data)
        os.utime(path, (at, at))
        assert len(look(feed).taken) == 1
    assert told() == [("b1.txt", "new"), ("b1.txt", "new_version"), ("b1.txt", "new")]
    assert SettlementFile.objects.count() == 3


def test_an_older_version_again_does_not_pass_for_a_plain_resend(feed, tmp_path, clerk) -> None:
    for name, data in (("1", night(1)), ("2", night(1, "2.00")), ("3", night(1))):
        settlement.receive(feed=feed, name=f"{name}.txt", path=written(tmp_path, data), now=NOON)
    assert told() == [("1.txt", "new"), ("2.txt", "new_version"), ("3.txt", "old_version")]
    first, second = SettlementFile.objects.order_by("version")
    # The later version still counts, and the older one may be made to.
    with pytest.raises(settlement.CannotReadAgain):
        settlement.read_again(first, by=clerk, now=NOON)
    reconciliation.run_feed(feed.pk, now=NOON)
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.state, second.state) == ("superseded", "reconciled")
    (third,) = settlement.read_again(first, by=clerk, now=NOON)
    assert (third.version, third.sha256, third.state) == (3, first.sha256, "received")
    reconciliation.run_feed(feed.pk, now=NOON)
    assert list(
        SettlementFile.objects.order_by("version").values_list("version", "state")
    ) == [(1, "superseded"), (2, "superseded"), (3, "reconciled")]  # fmt: skip
    with pytest.raises(settlement.CannotReadAgain):
        settlement.read_again(first, by=clerk, now=NOON)
    assert AuditEntry.objects.filter(verb="payments.file.counted_again", actor=clerk).count() == 1


def test_an_older_version_again_under_its_old_name_is_told_too(feed, tmp_path) -> None:
    for data in (night(1), night(1, "2.00"), night(1), night(1)):
        settlement.receive(feed=feed, name="a.txt", path=written(tmp_path, data), now=NOON)
    assert told() == [("a.txt", "old_version"), ("a.txt", "new_version")]
    assert AuditEntry.objects.filter(verb="payments.delivery.old_version").count() == 1


def test_the_newest_version_again_is_a_plain_resend(feed, tmp_path) -> None:
    for name, data in (("1", night(1)), ("2", night(1, "2.00")), ("3", night(1, "2.00"))):
        settlement.receive(feed=feed, name=name, path=written(tmp_path, data), now=NOON)
    assert [result for _, result in told()] == ["new", "new_version", "resent"]


def written(folder, data: bytes):
    path = folder / "delivered"
    path.write_bytes(data)
    return path


# --- wrapped


def test_wrapped_files_are_kept_as_they_came_and_read_as_they_are(feed, server) -> None:
    keys(feed, must_be_encrypted=True, must_be_signed=True)
    data = encrypted(gzip.compress(night(1)), by=PARTNER)
    (server.folder / "b1.txt.gz.pgp").write_bytes(data)
    assert look(feed).wrong == []
    delivery = Delivery.objects.select_related("file").get()
    assert settlement.as_it_came(delivery).read_bytes() == data
    assert delivery.sha256 == sha256(data).hexdigest()
    assert (delivery.name, delivery.was_encrypted, delivery.signed_by) == (
        "b1.txt.gz.pgp", True, FINGERPRINT,
    )  # fmt: skip
    assert (delivery.file.name, delivery.file.identity) == ("b1.txt", identity_of(1))
    assert settlement.stored(delivery.file).read_bytes() == night(1)
    reconciliation.run_feed(feed.pk, now=NOON)
    delivery.file.refresh_from_db()
    assert delivery.file.state == "reconciled"


def identity_of(number: int) -> str:
    return formats.get("scheme").identify("x", night(number), {})


def keys(feed: Feed, **fields) -> None:
    for name, value in {"pgp_key": OUR_KEY, "partner_key": PARTNER_KEY, **fields}.items():
        setattr(feed, name, value)
    feed.save()


def test_entries_of_an_archive_are_deliveries_of_their_own(feed, server) -> None:
    (server.folder / "all.zip").write_bytes(zipped({"../1.txt": night(1), "2.txt": night(2)}))
    for _ in range(2):
        look(feed)
    (server.folder / "all.zip").touch()
    look(feed)
    assert told() == [("all.zip/../1.txt", "new"), ("all.zip/2.txt", "new")]
    assert list(SettlementFile.objects.order_by("pk").values_list("name", "state")) == [
        ("1.txt", "received"), ("2.txt", "received"),
    ]  # fmt: skip


def test_a_file_sent_again_in_another_wrapping_is_a_resend(feed, tmp_path) -> None:
    for name, data in (("1.txt", night(1)), ("1.txt.gz", gzip.compress(night(1)))):
        settlement.receive(feed=feed, name=name, path=written(tmp_path, data), now=NOON)
    assert told() == [("1.txt", "new"), ("1.txt.gz", "resent")]


REFUSED = {
    "bad_archive": lambda: gzip.compress(night(1))[:-4],
    "cannot_decrypt": lambda: encrypted(night(1), to=STRANGER),
    "not_encrypted": lambda: signed(night(1)),
    "not_signed": lambda: encrypted(night(1)),
    "bad_signature": lambda: encrypted(night(1), by=STRANGER),
    "too_large": lambda: gzip.compress(b"\0" * 18_000_000),
    "empty": lambda: b"",
}


@pytest.mark.parametrize("code", REFUSED)
def test_what_cannot_be_unwrapped_is_quarantined_as_it_came(feed, server, clerk, client, code):
    keys(feed, must_be_encrypted=True, must_be_signed=True)
    data = REFUSED[code]()
    (server.folder / "b1.txt").write_bytes(data)
    for _ in range(2):
        assert look(feed).wrong == []
    reconciliation.run_feed(feed.pk, now=NOON)
    file = SettlementFile.objects.get()
    assert (file.state, file.reason_code, file.sha256) == (
        "quarantined", code, sha256(data).hexdigest(),
    )  # fmt: skip
    assert file.reason_text
    assert settlement.stored(file).read_bytes() == data
    assert (Delivery.objects.count(), Run.objects.count(), Batch.objects.count()) == (1, 0, 0)
    red = Break.objects.get()
    assert (red.outcome, red.flags, red.state) == ("file_quarantined", code, "open")
    kept = [path.name for path in settings_files() if path.is_file()]
    assert kept == [file.sha256]
    assert settlement.can_read_again(file)
    with pytest.raises(settlement.Refused) as refused:
        settlement.read_again(file, by=clerk, now=NOON)
    assert refused.value.problem.code == code
    file.refresh_from_db()
    assert (file.state, file.reason_code) == ("quarantined", code)


def test_once_our_key_is_there_a_file_is_read_again(feed, server, clerk) -> None:
    (server.folder / "b1.txt").write_bytes(encrypted(night(1), by=PARTNER))
    look(feed)
    file = SettlementFile.objects.get()
    assert file.reason_code == "cannot_decrypt"
    keys(feed)
    assert settlement.read_again(file, by=clerk, now=NOON) == [file]
    file.refresh_from_db()
    assert (file.state, file.reason_code, file.identity) == ("received", "", identity_of(1))
    assert file.sha256 == sha256(night(1)).hexdigest()
    red = Break.objects.get()
    assert (red.state, red.closed_by) == ("closed", clerk)
    delivery = Delivery.objects.get()
    assert (delivery.was_encrypted, delivery.signed_by) == (True, FINGERPRINT)
    assert AuditEntry.objects.filter(verb="payments.file.read_again", actor=clerk).count() == 1
    reconciliation.run_feed(feed.pk, now=NOON)
    file.refresh_from_db()
    assert file.state == "reconciled"
    with pytest.raises(settlement.CannotReadAgain):
        settlement.read_again(file, by=clerk, now=NOON)


def test_two_people_at_once_have_a_file_read_again_once(feed, server, clerk) -> None:
    (server.folder / "b1.txt").write_bytes(encrypted(night(1)))
    look(feed)
    one, other = SettlementFile.objects.get(), SettlementFile.objects.get()
    keys(feed)
    settlement.read_again(one, by=clerk, now=NOON)
    with pytest.raises(settlement.CannotReadAgain):
        settlement.read_again(other, by=clerk, now=NOON)
    assert AuditEntry.objects.filter(verb="payments.file.read_again").count() == 1


def test_an_archive_read_again_becomes_the_files_inside(feed, server, clerk) -> None:
    Feed.objects.update(entry_pattern="*.csv")
    data = zipped({"1.txt": night(1), "2.txt": night(2)})
    (server.folder / "all.zip").write_bytes(data)
    look(feed)
    file = SettlementFile.objects.get()
    assert file.reason_code == "bad_archive"
    Feed.objects.update(entry_pattern="*.txt")
    found = settlement.read_again(SettlementFile.objects.get(), by=clerk, now=NOON)
    assert [(one.name, one.state) for one in found] == [
        ("1.txt", "received"),
        ("2.txt", "received"),
    ]
    file.refresh_from_db()
    assert (file.state, Break.objects.get().state) == ("superseded", "closed")
    reconciliation.run_feed(feed.pk, now=NOON)
    assert SettlementFile.objects.filter(state="reconciled").count() == 2


def test_a_file_that_came_in_the_clear_since_is_not_read_twice(feed, tmp_path, clerk) -> None:
    wrapped = written(tmp_path, encrypted(night(1)))
    file = settlement.receive(feed=feed, name="1.pgp", path=wrapped, now=NOON).file
    clear = settlement.receive(feed=feed, name="1", path=written(tmp_path, night(1)), now=NOON).file
    keys(feed)
    assert settlement.read_again(file, by=clerk, now=NOON) == [clear]
    file.refresh_from_db()
    assert file.state == "superseded"
    assert told() == [("1.pgp", "resent"), ("1", "new")]


def test_old_bytes_read_again_never_take_the_place_of_a_later_correction(
    feed, tmp_path, clerk
) -> None:
    wrapped = written(tmp_path, encrypted(night(1)))
    file = settlement.receive(feed=feed, name="1.pgp", path=wrapped, now=NOON).file
    later = written(tmp_path, night(1, "2.00"))
    settlement.receive(feed=feed, name="1b", path=later, now=NOON + MINUTE)
    reconciliation.run_feed(feed.pk, now=NOON)
    keys(feed)
    settlement.read_again(file, by=clerk, now=NOON + MINUTE)
    file.refresh_from_db()
    assert file.state == "superseded"
    assert told() == [("1.pgp", "old_version"), ("1b", "new")]
    assert SettlementFile.objects.get(state="reconciled").name == "1b"
    # It is for finance to say that the older one is right.
    (again,) = settlement.read_again(file, by=clerk, now=NOON + MINUTE)
    reconciliation.run_feed(feed.pk, now=NOON)
    again.refresh_from_db()
    assert again.state == "reconciled"


def test_a_corrected_file_of_the_same_name_sets_a_damaged_one_right(feed, server) -> None:
    path = server.folder / "b1.gz"
    path.write_bytes(gzip.compress(night(1))[:-4])
    look(feed)
    path.write_bytes(gzip.compress(night(1)))
    os.utime(path, (1, 1))
    look(feed)
    assert list(
        SettlementFile.objects.order_by("version").values_list("identity", "version", "state")
    ) == [(identity_of(1), 1, "quarantined"), (identity_of(1), 2, "received")]  # fmt: skip
    assert Break.objects.get().state == "closed"


def test_a_signature_that_comes_after_its_file_opens_it(feed, server) -> None:
    keys(feed, must_be_signed=True)
    (server.folder / "b1.txt").write_bytes(night(1))
    look(feed)
    assert SettlementFile.objects.get().reason_code == "not_signed"
    signature = signed(night(1), mode=SignatureMode.DETACHED)
    (server.folder / "b1.txt.sig").write_bytes(signature)
    assert look(feed).wrong == []
    file = SettlementFile.objects.get()
    assert (file.state, file.identity) == ("received", identity_of(1))
    assert Delivery.objects.get().signed_by == FINGERPRINT
    assert Break.objects.get().state == "closed"


def test_a_signature_without_its_file_waits(feed, server) -> None:
    signature = signed(night(1), mode=SignatureMode.DETACHED, armor=True)
    (server.folder / "b1.txt.asc").write_bytes(signature)
    look(feed)
    assert not SettlementFile.objects.exists()
    keys(feed, must_be_signed=True)
    (server.folder / "b1.txt").write_bytes(night(1))
    look(feed)
    assert told() == [("b1.txt", "new")]
    assert Delivery.objects.get().signed_by == FINGERPRINT


def test_what_was_given_up_is_tried_again(feed, tmp_path, clerk) -> None:
    path = written(tmp_path, night(1))
    file = settlement.receive(feed=feed, name="1", path=path, now=NOON).file
    settlement.quarantine(file, Problem("gave_up", 0, "Given up."), now=NOON)
    SettlementFile.objects.update(attempts=6)
    file.refresh_from_db()
    settlement.read_again(file, by=clerk, now=NOON)
    reconciliation.run_feed(feed.pk, now=NOON)
    file.refresh_from_db()
    assert (file.state, Break.objects.filter(state="open", run=None).count()) == ("reconciled", 0)


def test_a_file_the_partner_must_mend_is_not_read_again(feed, tmp_path, clerk) -> None:
    path = written(tmp_path, b"nothing that is known\n")
    file = settlement.receive(feed=feed, name="1", path=path, now=NOON).file
    reconciliation.run_feed(feed.pk, now=NOON)
    file.refresh_from_db()
    assert file.reason_code == "not_this_layout"
    with pytest.raises(settlement.CannotReadAgain):
        settlement.read_again(file, by=clerk, now=NOON)
    file.refresh_from_db()
    assert file.state == "quarantined"


def test_a_delivery_from_before_hashes_were_kept_is_known(feed, tmp_path) -> None:
    path = written(tmp_path, night(1))
    settlement.receive(feed=feed, name="1", path=path, now=NOON)
    Delivery.objects.update(sha256="", path="")
    known = settlement.receive(feed=feed, name="1", path=path, now=NOON)
    assert Delivery.objects.count() == 1
    assert settlement.as_it_came(known).read_bytes() == night(1)


def test_what_a_killed_process_left_in_the_store_is_swept_after_a_day(feed, settings) -> None:
    settings.FILES_DIR.mkdir(parents=True)
    old, new = settings.FILES_DIR / ".open-old", settings.FILES_DIR / ".open-new"
    for folder in (old, new):
        folder.mkdir()
        (folder / "file").write_bytes(b"x")
    os.utime(old, (1, 1))
    settlement.sweep_work()
    assert (old.exists(), new.exists()) == (False, True)


# --- by hand


def ran(*arguments: str) -> str:
    out = io.StringIO()
    call_command(*arguments, stdout=out, stderr=out)
    return out.getvalue()


def test_a_servers_key_is_shown_to_be_compared(feed, server) -> None:
    said = ran("collect", "bluecode", "--show-host-key")
    assert f"{places.fingerprint(sftp.HOST_KEY)}  (the feed names it)" in said
    assert sftp.public(sftp.HOST_KEY) in said
    with pytest.raises(CommandError, match="Name the feed"):
        ran("collect", "--show-host-key")


def test_a_place_is_listed_and_collected_by_hand(feed, server) -> None:
    (server.folder / "b1.txt").write_bytes(night(1))
    said = ran("collect", "bluecode", "--list")
    assert f"{len(night(1))}  b1.txt" in said
    assert not Delivery.objects.exists()
    assert "b1.txt: new, file" in ran("collect")
    assert "nothing new is whole" in ran("collect", "bluecode")
    Feed.objects.filter(pk=feed.pk).update(host_key="")
    with pytest.raises(CommandError, match="failed for bluecode"):
        ran("collect", "bluecode")


def test_a_file_is_received_and_read_again_by_hand(feed, tmp_path, clerk) -> None:
    path = written(tmp_path, encrypted(night(1)))
    said = ran("receive", "bluecode", str(path))
    assert "quarantined\ncannot_decrypt: It is encrypted" in said
    file = SettlementFile.objects.get()
    with pytest.raises(CommandError, match="Still quarantined: cannot_decrypt"):
        ran("read_again", str(file.pk))
    keys(feed)
    said = ran("read_again", str(file.pk), "--by", clerk.email)
    assert said == f"file {file.pk}: delivered, version 1, received\n"
    assert AuditEntry.objects.filter(verb="payments.file.read_again", actor=clerk).exists()


def test_a_link_that_is_swapped_in_for_a_file_is_not_followed(folders, monkeypatch, tmp_path):
    (tmp_path / "secret").write_text("a key of ours")
    (folders / "bluecode" / "bluecode_1.txt").write_text("")
    get = places.Folder.get

    def swapped(place, found, to, *, alive):
        path = place.path / found.name
        path.unlink()
        path.symlink_to(tmp_path / "secret")
        return get(place, found, to, alive=alive)

    monkeypatch.setattr(places.Folder, "get", swapped)
    look = collecting.collect(Feed.objects.get(code="bluecode").pk, now=NOON)
    assert [one.startswith("bluecode_1.txt cannot be read") for one in look.wrong] == [True]
    assert not Delivery.objects.exists()


def test_a_file_that_cannot_be_moved_holds_up_no_other(folders):
    feed = Feed.objects.get(code="bluecode")
    feed.after, feed.move_to = Feed.After.MOVE, "done"
    feed.save()
    (folders / "bluecode" / "done").write_text("a file of that name")
    for number in (1, 2, 3):
        (folders / "bluecode" / f"bluecode_{number}.txt").write_text(f"content {number}")
    look = collecting.collect(feed.pk, now=NOON)
    assert len(look.taken) == len(look.wrong) == 3


def test_a_size_that_no_database_holds_is_declined_in_words(folders, monkeypatch):
    (folders / "bluecode" / "bluecode_1.txt").write_text("fine")
    listing = places.Folder.listing

    def boasting(place, *args, **how):
        return [*listing(place, *args, **how), places.Found("bluecode_9.txt", 2**64, "1")]

    monkeypatch.setattr(places.Folder, "listing", boasting)
    look = collecting.collect(Feed.objects.get(code="bluecode").pk, now=NOON)
    assert [delivery.name for delivery in look.taken] == ["bluecode_1.txt"]
    assert len(look.wrong) == 1
