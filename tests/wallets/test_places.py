"""Places: where partners leave files, and all the ways in which they cannot be reached."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

import fsspec
import pytest

from tests import sftp
from wallets import places
from wallets.models import Feed
from wallets.places import Address, Found


@pytest.fixture
def partner(tmp_path):
    with sftp.serve(tmp_path / "partner") as server:
        yield server


def feed_at(server: sftp.Server, **fields) -> Feed:
    told = {
        "code": "vipps", "place": server.place, "password": sftp.PASSWORD,
        "host_key": sftp.public(sftp.HOST_KEY),
    }  # fmt: skip
    return Feed(**(told | fields))


def names_at(feed: Feed) -> list[str]:
    with places.open_place(feed) as place:
        return [found.name for found in place.listing()]


def why_not(feed: Feed) -> str:
    with pytest.raises(places.Unreachable) as refused:
        names_at(feed)
    return str(refused.value)


def stays(alive_calls: list[int]):
    return lambda: alive_calls.append(1)


# --- addresses


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("/srv/feeds/vipps", Address("", "/srv/feeds/vipps")),
        (
            "sftp://shop@files.example/out",
            Address("sftp", "/out", "files.example", 22, "shop"),
        ),
        (
            "sftp://a%40b@files.example:2222/out%20box/x",
            Address("sftp", "/out box/x", "files.example", 2222, "a@b"),
        ),
        ("sftp://shop@[::1]:22", Address("sftp", "/", "::1", 22, "shop")),
        ("sftp://shop@files.example/~/out", Address("sftp", "out", "files.example", 22, "shop")),
        ("s3://bucket/vipps/", Address("s3", "/vipps/", "bucket")),
    ],
)
def test_a_place_is_a_folder_or_an_address(text, address) -> None:
    assert places.parse(text) == address


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("sftp://shop:secret@files.example/out", "password"),
        ("sftp://files.example/out", "no user"),
        ("sftp:///out", "no server"),
        ("sftp://shop@files.example:port/out", "cannot be read"),
        ("http://files.example/out", "nothing else is known"),
        ("sftp://shop@files.example/out?x=1", "no ?"),
    ],
)
def test_what_is_no_place_is_refused_in_words(text, why) -> None:
    with pytest.raises(places.BadAddress, match=why.replace("?", r"\?")):
        places.parse(text)


def test_host_keys_are_read_as_servers_and_people_write_them() -> None:
    one, two = sftp.public(sftp.HOST_KEY), sftp.public(sftp.OTHER_KEY)
    text = f"# the new one\n[files.example]:22 {one} left over\n\n{two}\n"
    assert [places.fingerprint(key) for key in places.host_keys(text)] == [
        places.fingerprint(sftp.HOST_KEY), places.fingerprint(sftp.OTHER_KEY),
    ]  # fmt: skip
    for wrong in ("ssh-ed25519 AAAA", "SHA256:abcdef", "@cert-authority * ssh-ed25519 AAAA"):
        with pytest.raises(places.BadHostKey):
            places.host_keys(wrong)


# --- a folder


def test_a_folder_lists_its_files_and_no_links_or_folders(tmp_path) -> None:
    (tmp_path / "b.csv").write_text("12")
    (tmp_path / "a.csv").write_text("1")
    (tmp_path / "sub").mkdir()
    (tmp_path / "link.csv").symlink_to("/etc/passwd")
    with places.open_place(Feed(place=str(tmp_path))) as place:
        found = place.listing()
        assert [(one.name, one.size) for one in found] == [("a.csv", 1), ("b.csv", 2)]
        at = place.get(found[0], tmp_path / "x", alive=list)
        assert at.read_text() == "1"


def test_a_folder_that_is_not_there_says_so(tmp_path) -> None:
    assert why_not(Feed(place=str(tmp_path / "gone"))) == f"There is no folder {tmp_path}/gone."


def test_nothing_is_overwritten_where_taken_files_are_moved(tmp_path) -> None:
    (tmp_path / "done").mkdir()
    (tmp_path / "done" / "a.csv").write_text("of last week")
    (tmp_path / "a.csv").write_text("of today")
    with places.open_place(Feed(place=str(tmp_path))) as place:
        place.move("a.csv", "done")
        place.move("a.csv", "done")  # killed in between, and done again
    assert (tmp_path / "done" / "a.csv").read_text() == "of last week"
    assert (tmp_path / "done" / "a.csv.2").read_text() == "of today"
    assert not (tmp_path / "a.csv").exists()


# --- folders below a place


def tree(at: Path, *names: str) -> None:
    for name in names:
        (at / name).parent.mkdir(parents=True, exist_ok=True)
        (at / name).write_bytes(b"123")


def walked(feed: Feed, pattern: str, **how: str) -> list[str]:
    with places.open_place(feed) as place:
        found = place.listing(places.walk(pattern, **how))
        assert place.closed == []
        return [one.name for one in found]


@pytest.fixture(params=["folder", "sftp"])
def dated(request, tmp_path, partner):
    """A place of either kind with a tree below it: (its feed, its folder)."""
    if request.param == "folder":
        return Feed(place=str(partner.folder)), partner.folder
    return feed_at(partner), partner.folder


def test_each_slash_is_one_level_of_folders(dated) -> None:
    feed, at = dated
    tree(at, "a.csv", "20261015/b.csv", "20261016/b.csv", "20261016/deep/c.csv", "other/d.csv")
    assert walked(feed, "*.csv") == ["a.csv"]
    assert walked(feed, "*/*.csv") == ["20261015/b.csv", "20261016/b.csv", "other/d.csv"]
    assert walked(feed, "2026*/*.csv") == ["20261015/b.csv", "20261016/b.csv"]
    assert walked(feed, "*/*/*.csv") == ["20261016/deep/c.csv"]
    assert walked(feed, "*/*/*/*.csv") == []


def test_links_and_folders_with_a_dot_are_not_gone_into(dated, tmp_path) -> None:
    feed, at = dated
    tree(at, ".hidden/a.csv", "open/b.csv", "open/.part/c.csv")
    tree(tmp_path / "elsewhere", "secret.csv", "in/secret.csv")
    (at / "link").symlink_to(tmp_path / "elsewhere")
    (at / "open" / "link.csv").symlink_to(at / "open" / "b.csv")
    assert walked(feed, "*/*.csv") == ["open/b.csv"]
    assert walked(feed, "*/*/*.csv") == []


def test_the_folder_that_taken_files_are_moved_to_is_left_out(dated) -> None:
    feed, at = dated
    tree(at, "a/b/c.csv", "done/b/c.csv", "a/done/d.csv")
    assert walked(feed, "*/*/*.csv", but="done/") == ["a/b/c.csv", "a/done/d.csv"]
    assert walked(feed, "*/*/*.csv", but="./a/done") == ["a/b/c.csv", "done/b/c.csv"]
    assert walked(feed, "*/*/*.csv", but="../done") == [
        "a/b/c.csv", "a/done/d.csv", "done/b/c.csv",
    ]  # fmt: skip


def test_a_file_in_a_folder_is_read_and_moved_with_its_folder(dated, tmp_path) -> None:
    feed, at = dated
    tree(at, "20261015/a.csv", "20261016/a.csv", "done/20261016/a.csv")
    (at / "20261016" / "a.csv").write_bytes(b"the next day")
    with places.open_place(feed) as place:
        first, second = place.listing(places.walk("2*/*.csv"))
        assert place.get(second, tmp_path / "got", alive=list).read_bytes() == b"the next day"
        for name in (first.name, second.name, second.name):
            place.move(name, "done")
    assert not (at / "20261015" / "a.csv").exists()
    assert (at / "done" / "20261015" / "a.csv").read_bytes() == b"123"
    assert (at / "done" / "20261016" / "a.csv").read_bytes() == b"123"
    assert (at / "done" / "20261016" / "a.csv.2").read_bytes() == b"the next day"


def test_too_many_folders_or_names_in_all_are_refused(dated, monkeypatch) -> None:
    feed, at = dated
    tree(at, *(f"{day}/{name}.csv" for day in range(5) for name in "abc"))
    monkeypatch.setattr(places, "MOST_FOLDERS", 5)
    monkeypatch.setattr(places, "MOST_NAMES", 15)
    assert len(walked(feed, "*/*.csv")) == 15
    monkeypatch.setattr(places, "MOST_NAMES", 14)
    with pytest.raises(places.Unreachable, match="more than 14 files"):
        walked(feed, "*/*.csv")
    monkeypatch.setattr(places, "MOST_FOLDERS", 4)
    with pytest.raises(places.Unreachable, match="more than 4 folders"):
        walked(feed, "*/*.csv")


def test_folders_are_counted_over_all_levels(dated, monkeypatch) -> None:
    feed, at = dated
    tree(at, "a/1/x", "a/2/x", "b/3/x")
    monkeypatch.setattr(places, "MOST_FOLDERS", 5)
    assert walked(feed, "*/*/*") == ["a/1/x", "a/2/x", "b/3/x"]
    monkeypatch.setattr(places, "MOST_FOLDERS", 4)
    with pytest.raises(places.Unreachable, match="more than 4 folders"):
        walked(feed, "*/*/*")


def test_more_than_four_levels_are_not_gone_into() -> None:
    assert places.walk("a/*/c/*/x").levels == ("a", "*", "c", "*")
    with pytest.raises(places.Unreachable, match="go 5 folders down; more than 4"):
        places.walk("*/*/*/*/*/x")


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is shut for root")
def test_a_local_folder_that_is_shut_is_said_and_the_others_are_read(tmp_path) -> None:
    tree(tmp_path, "open/a.csv", "shut/b.csv")
    (tmp_path / "shut").chmod(0)
    with places.open_place(Feed(place=str(tmp_path))) as place:
        assert [one.name for one in place.listing(places.walk("*/*.csv"))] == ["open/a.csv"]
        assert "shut cannot be read" in place.closed[0]


def test_a_folder_at_a_server_that_is_shut_is_said_and_the_others_are_read(partner) -> None:
    tree(partner.folder, "open/a.csv", "shut/b.csv", "gone/c.csv")
    partner.shut, partner.gone = {"shut"}, {"gone"}
    with places.open_place(feed_at(partner)) as place:
        assert [one.name for one in place.listing(places.walk("*/*.csv"))] == ["open/a.csv"]
        assert place.closed == ["The folder shut/ cannot be read: Not for you"]
        partner.shut = set()
        place.listing(places.walk("*/*.csv"))
        assert place.closed == []


def test_names_in_folders_that_lead_elsewhere_are_not_listed(partner) -> None:
    tree(partner.folder, "20261015/a.csv")
    partner.extra_names = [b"../../x.csv", b"/etc/passwd.csv", b"..", b"a\0b.csv"]
    partner.extra_folders = [b"..", b".", b"a/../../b", b"", b"a\0b"]
    assert walked(feed_at(partner), "*/*.csv") == ["20261015/a.csv"]
    assert partner.asked == ["", "20261015"]


def test_a_flat_pattern_asks_only_for_the_place_itself(partner) -> None:
    tree(partner.folder, "a.csv", "20261015/a.csv")
    assert walked(feed_at(partner), "*.csv") == ["a.csv"]
    assert partner.asked == [""]


def test_folders_are_looked_into_several_at_the_same_time_over_one_connection(partner) -> None:
    tree(partner.folder, *(f"{number:03}/a.csv" for number in range(100)))
    partner.slow = 0.002
    assert len(walked(feed_at(partner), "*/*.csv")) == 100
    assert partner.connections == 1
    assert partner.most_at_once == places.FOLDERS_AT_ONCE


def test_long_walks_tell_that_they_go_on(partner, monkeypatch) -> None:
    monkeypatch.setattr(places, "FOLDERS_A_TURN", 4)
    tree(partner.folder, *(f"{number}/a.csv" for number in range(10)))
    calls: list[int] = []
    with places.open_place(feed_at(partner)) as place:
        place.listing(places.walk("*/*.csv"), alive=stays(calls))
    assert len(calls) == 2


@pytest.mark.parametrize("what", ["below", "endless"])
def test_a_server_that_hangs_in_the_middle_of_a_walk_is_left(partner, monkeypatch, what) -> None:
    tree(partner.folder, *(f"{number:02}/a.csv" for number in range(20)))
    monkeypatch.setattr(places, "ANSWER_SECONDS", 0.1)
    if what == "below":
        partner.hangs = "below"
    else:
        partner.slow = 0.08  # each answer in time, all of them never
        monkeypatch.setattr(places, "FOLDERS_AT_ONCE", 1)
    began = time.monotonic()
    with pytest.raises(places.Unreachable, match="not answered in time|broke it off"):
        walked(feed_at(partner), "*/*.csv")
    assert time.monotonic() - began < 5


# --- SFTP


def test_files_come_over_sftp_by_password(partner, tmp_path) -> None:
    data = os.urandom(3_000_000)
    (partner.folder / "a.csv").write_bytes(data)
    (partner.folder / "sub").mkdir()
    (partner.folder / "link.csv").symlink_to("a.csv")
    calls: list[int] = []
    with places.open_place(feed_at(partner)) as place:
        (found,) = place.listing()
        assert (found.name, found.size) == ("a.csv", 3_000_000)
        at = place.get(found, tmp_path / "got", alive=stays(calls))
    assert at.read_bytes() == data
    assert calls


def test_files_come_over_sftp_by_our_key(partner) -> None:
    (partner.folder / "a.csv").write_bytes(b"1")
    feed = feed_at(partner, password="", ssh_key=sftp.private(sftp.OUR_KEY))
    assert names_at(feed) == ["a.csv"]


@pytest.mark.parametrize("kind", ["ssh-ed25519", "ecdsa-sha2-nistp256"])
def test_a_server_with_another_key_is_not_spoken_to(partner, kind) -> None:
    feed = feed_at(partner, host_key=sftp.public(sftp.key(kind)))
    assert "another key than the one that the feed names" in why_not(feed)


def test_a_server_without_a_pinned_key_is_never_trusted(partner) -> None:
    assert "names no host key" in why_not(feed_at(partner, host_key=""))
    assert partner.connections == 0


def test_one_of_several_pinned_keys_is_enough(tmp_path) -> None:
    with sftp.serve(tmp_path / "two", sftp.HOST_KEY, sftp.OTHER_KEY) as server:
        for pinned in (sftp.HOST_KEY, sftp.OTHER_KEY):
            assert names_at(feed_at(server, host_key=sftp.public(pinned))) == []
    with sftp.serve(tmp_path / "one") as server:
        its_next_and_its_present = f"{sftp.public(sftp.key())}\n{sftp.public(sftp.HOST_KEY)}"
        assert names_at(feed_at(server, host_key=its_next_and_its_present)) == []


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"password": "wrong"}, "does not let the user 'onestile' in"),
        ({"password": "", "ssh_key": sftp.private(sftp.key())}, "does not let the user"),
        ({"password": "", "ssh_key": "no key"}, "Our SSH key: This is no private SSH key"),
        ({"password": ""}, "neither a password nor an SSH key"),
        ({"host_key": "nonsense"}, "public key is written"),
    ],
)
def test_who_is_not_let_in_reads_why(partner, fields, why) -> None:
    assert why in why_not(feed_at(partner, **fields))


def test_a_folder_that_the_server_has_not_is_said(partner) -> None:
    assert "no such folder" in why_not(feed_at(partner, place=partner.place + "nowhere"))


def test_a_server_that_is_down_is_said(partner) -> None:
    feed = feed_at(partner, place=f"sftp://{sftp.USER}@127.0.0.1:1/")
    assert "127.0.0.1:1 cannot be reached" in why_not(feed)


@pytest.mark.parametrize("what", ["login", "listing", "reading"])
def test_a_server_that_hangs_is_left(partner, tmp_path, monkeypatch, what) -> None:
    monkeypatch.setattr(places, "CONNECT_SECONDS", 0.2)
    monkeypatch.setattr(places, "ANSWER_SECONDS", 0.2)
    if what != "login":
        monkeypatch.setattr(places, "CONNECT_SECONDS", 5)
    (partner.folder / "a.csv").write_bytes(b"1")
    partner.hangs = what
    began = time.monotonic()
    with (
        pytest.raises(places.Unreachable, match="not answered in time|broke it off"),
        places.open_place(feed_at(partner)) as place,
    ):
        place.get(place.listing()[0], tmp_path / "got", alive=list)
    assert time.monotonic() - began < 5


def test_connections_are_closed_also_after_a_failure(partner) -> None:
    names_at(feed_at(partner))
    with suppress(places.Unreachable):
        names_at(feed_at(partner, place=partner.place + "nowhere"))
    until = time.monotonic() + 5
    while partner.open_now and time.monotonic() < until:
        time.sleep(0.01)
    assert (partner.connections, partner.open_now) == (2, 0)


def test_a_file_made_as_it_is_read_has_the_size_of_what_came(partner, tmp_path) -> None:
    (partner.folder / "a.csv").write_bytes(b"x" * 100_000)
    partner.says_no_size = True
    with places.open_place(feed_at(partner)) as place:
        (found,) = place.listing()
        assert found.size == 0
        at = place.get(found, tmp_path / "got", alive=list)
    assert at.stat().st_size == 100_000


def test_a_file_that_never_ends_is_left_where_it_is_longer_than_it_said(partner, tmp_path) -> None:
    (partner.folder / "a.csv").write_bytes(b"x" * 5_000_000)
    with places.open_place(feed_at(partner)) as place:
        at = place.get(Found("a.csv", 10, "1"), tmp_path / "got", alive=list)
    assert 10 < at.stat().st_size < 5_000_000


def test_a_file_that_is_too_long_is_not_fetched(partner, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(places, "MOST_BYTES", 5)
    (partner.folder / "a.csv").write_bytes(b"123456")
    with (
        pytest.raises(places.Declined, match="has 6 bytes; more than 5"),
        places.open_place(feed_at(partner)) as place,
    ):
        place.get(place.listing()[0], tmp_path / "got", alive=list)
    assert not (tmp_path / "got").exists()


def test_a_listing_without_end_is_refused(partner, monkeypatch) -> None:
    monkeypatch.setattr(places, "MOST_NAMES", 100)
    partner.extra_names = [f"{number}.csv".encode() for number in range(101)]
    assert "more than 100 files" in why_not(feed_at(partner))


def test_names_that_lead_elsewhere_are_not_listed(partner) -> None:
    partner.extra_names = [b"../../x", b"/etc/passwd", b"..", b"a\0b", b"fine.csv", b"\xff.csv"]
    assert names_at(feed_at(partner)) == ["fine.csv", "\udcff.csv"]


def test_moving_at_the_server_overwrites_nothing_and_may_be_repeated(partner) -> None:
    (partner.folder / "a.csv").write_bytes(b"today")
    with places.open_place(feed_at(partner)) as place:
        place.move("a.csv", "done")
        place.move("a.csv", "done")
    (partner.folder / "a.csv").write_bytes(b"tomorrow")
    with places.open_place(feed_at(partner)) as place:
        place.move("a.csv", "done")
    done = partner.folder / "done"
    assert {path.name: path.read_bytes() for path in done.iterdir()} == {
        "a.csv": b"today", "a.csv.2": b"tomorrow",
    }  # fmt: skip


def test_a_servers_keys_are_shown_to_be_compared_and_nothing_is_trusted(tmp_path) -> None:
    with sftp.serve(tmp_path / "two", sftp.HOST_KEY, sftp.OTHER_KEY) as server:
        shown = places.show_host_keys(places.parse(server.place))
    assert shown == [
        (sftp.public(key), places.fingerprint(key)) for key in (sftp.HOST_KEY, sftp.OTHER_KEY)
    ]


# --- a bucket


def test_a_bucket_without_its_package_says_what_to_install() -> None:
    assert "s3fs, which is not installed" in why_not(Feed(place="s3://bucket/vipps"))


def test_a_bucket_is_listed_read_and_moved_in(tmp_path: Path) -> None:
    store = fsspec.filesystem("memory", skip_instance_cache=True)
    store.pipe("/bucket/vipps/a.csv", b"123")
    store.pipe("/bucket/vipps/sub/b.csv", b"1")
    place = places.Bucket(store, "/bucket/vipps")
    try:
        (found,) = place.listing()
        assert (found.name, found.size) == ("a.csv", 3)
        assert place.get(found, tmp_path / "got", alive=list).read_bytes() == b"123"
        place.move("a.csv", "../done")
        place.move("a.csv", "../done")
        assert store.cat("/bucket/done/a.csv") == b"123"
        assert place.listing() == []
        (below,) = place.listing(places.walk("*/*.csv"))
        assert (below.name, below.size) == ("sub/b.csv", 1)
        assert place.get(below, tmp_path / "got", alive=list).read_bytes() == b"1"
        place.move("sub/b.csv", "../done")
        assert store.cat("/bucket/done/sub/b.csv") == b"1"
        with pytest.raises(places.Unreachable, match="FileNotFoundError"):
            place.get(found, tmp_path / "got", alive=list)
    finally:
        store.rm("/bucket", recursive=True)
