"""Looking at a place: which files are whole, which were taken, and whether it can be reached."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest

from tests.builders import NOON
from wallets import feeds
from wallets.models import Feed, Sighting
from wallets.places import FLAT, Found, Walk

MINUTE = timedelta(minutes=1)


class Shelf:
    """A place whose listing a test writes."""

    def __init__(self, *found: Found, closed: str = "") -> None:
        self.found, self.closed = list(found), [closed] if closed else []
        self.walks: list[Walk] = []

    def listing(self, walk: Walk, *, alive) -> list[Found]:
        self.walks.append(walk)
        return sorted(self.found, key=lambda one: one.name)


@pytest.fixture
def feed(alliance) -> Feed:
    feed = Feed.objects.get(code="bluecode")
    feed.ready_when, feed.pattern, feed.quiet_seconds = Feed.Ready.QUIET, "*.txt", 60
    feed.save()
    return feed


def whole(feed: Feed, shelf: Shelf, at=NOON) -> list[str]:
    return [arrival.shown for arrival in feeds.look(feed, shelf, now=at)]


def test_a_file_is_whole_when_it_has_not_changed_for_a_while(feed) -> None:
    shelf = Shelf(Found("a.txt", 10, "1"))
    assert whole(feed, shelf) == []
    assert whole(feed, shelf, NOON + MINUTE / 2) == []
    assert whole(feed, shelf, NOON + MINUTE) == ["a.txt"]


@pytest.mark.parametrize("grown", [Found("a.txt", 11, "1"), Found("a.txt", 10, "2")])
def test_a_file_that_grows_or_changes_is_waited_for_again(feed, grown) -> None:
    whole(feed, Shelf(Found("a.txt", 10, "1")))
    assert whole(feed, Shelf(grown), NOON + MINUTE) == []
    assert whole(feed, Shelf(grown), NOON + 1.5 * MINUTE) == []
    assert whole(feed, Shelf(grown), NOON + 2 * MINUTE) == ["a.txt"]


def test_what_was_taken_is_not_taken_again_until_it_changes(feed) -> None:
    feed.ready_when = Feed.Ready.AT_ONCE
    shelf = Shelf(Found("a.txt", 10, "1"))
    (arrival,) = feeds.look(feed, shelf, now=NOON)
    feeds.taken(feed, arrival, now=NOON)
    assert whole(feed, shelf) == []
    assert whole(feed, Shelf(Found("a.txt", 10, "2"))) == ["a.txt"]


def test_a_file_that_changed_while_it_was_taken_is_taken_again(feed) -> None:
    feed.ready_when = Feed.Ready.AT_ONCE
    (arrival,) = feeds.look(feed, Shelf(Found("a.txt", 10, "1")), now=NOON)
    changed = Shelf(Found("a.txt", 12, "2"))
    feeds.look(feed, changed, now=NOON)
    feeds.taken(feed, arrival, now=NOON)
    assert whole(feed, changed) == ["a.txt"]


def test_a_marker_makes_a_file_whole_and_is_none(feed) -> None:
    feed.ready_when, feed.marker_suffix, feed.pattern = Feed.Ready.MARKER, ".done", "*"
    shelf = Shelf(Found("a.txt", 10, "1"), Found("b.txt", 10, "1"), Found("b.txt.done", 0, "1"))
    (arrival,) = feeds.look(feed, shelf, now=NOON)
    assert arrival.shown == "b.txt"
    assert arrival.marker == Found("b.txt.done", 0, "1")
    assert set(Sighting.objects.values_list("name", flat=True)) == {"a.txt", "b.txt"}


def test_files_still_being_written_by_their_names_are_never_taken(feed) -> None:
    feed.ready_when, feed.pattern = Feed.Ready.AT_ONCE, "*"
    names = [".a.txt", "a.txt.part", "a.txt.tmp", "a.txt.filepart", "", "b.txt"]
    assert whole(feed, Shelf(*(Found(name, 1, "1") for name in names))) == ["b.txt"]


def test_a_signature_belongs_to_the_file_beside_it(feed) -> None:
    feed.ready_when, feed.pattern = Feed.Ready.AT_ONCE, "*"
    signature = Found("a.txt.asc", 5, "1")
    shelf = Shelf(Found("a.txt", 10, "1"), signature, Found("c.csv.asc", 9, "1"))
    told = {one.shown: one.signature for one in feeds.look(feed, shelf, now=NOON)}
    assert told == {"a.txt": signature, "c.csv.asc": None}


def test_a_signature_that_comes_later_has_its_file_looked_at_again(feed) -> None:
    feed.ready_when = Feed.Ready.AT_ONCE
    file = Found("a.txt", 10, "1")
    (arrival,) = feeds.look(feed, Shelf(file), now=NOON)
    feeds.taken(feed, arrival, now=NOON)
    assert whole(feed, Shelf(file, Found("a.txt.sig", 5, "1"))) == ["a.txt"]


def test_marker_and_signature_lie_in_the_folder_of_their_file(feed) -> None:
    feed.ready_when, feed.pattern = Feed.Ready.MARKER, "*/*.txt"
    shelf = Shelf(
        Found("1/a.txt", 10, "1"), Found("1/a.txt.sig", 5, "1"), Found("2/a.txt", 10, "1"),
        Found("2/a.txt.done", 0, "1"), Found("a.txt.done", 0, "1"), Found("3/a.txt.done", 0, "1"),
    )  # fmt: skip
    (arrival,) = feeds.look(feed, shelf, now=NOON)
    assert (arrival.shown, arrival.signature) == ("2/a.txt", None)
    assert arrival.marker == Found("2/a.txt.done", 0, "1")
    assert set(Sighting.objects.values_list("name", flat=True)) == {"1/a.txt", "2/a.txt"}


def test_a_name_is_wanted_folder_by_folder(feed) -> None:
    feed.ready_when, feed.pattern = Feed.Ready.AT_ONCE, "2026*/*.txt"
    names = ["20261015/a.txt", "a.txt", "20261015/.a.txt", "20261015/b/a.txt", "x/a.txt",
             "20261015/a.txt.part", "20261015/"]  # fmt: skip
    assert whole(feed, Shelf(*(Found(name, 1, "1") for name in names))) == ["20261015/a.txt"]


def test_a_pattern_without_a_slash_walks_nowhere_and_one_with_slashes_past_what_was_moved(
    feed,
) -> None:
    shelf = Shelf()
    whole(feed, shelf)
    feed.pattern, feed.after, feed.move_to = "*/2*/*.txt", Feed.After.MOVE, "done"
    whole(feed, shelf)
    assert shelf.walks == [FLAT, Walk(("*", "2*"), "done")]


def test_what_lies_in_a_folder_that_is_shut_today_is_not_forgotten(feed) -> None:
    feed.ready_when, feed.pattern = Feed.Ready.AT_ONCE, "*/*.txt"
    file = Found("1/a.txt", 10, "1")
    (arrival,) = feeds.look(feed, Shelf(file), now=NOON)
    feeds.taken(feed, arrival, now=NOON)
    assert whole(feed, Shelf(closed="1 is shut")) == []
    assert whole(feed, Shelf(file)) == []


def test_what_is_gone_is_forgotten_and_may_come_again(feed) -> None:
    feed.ready_when = Feed.Ready.AT_ONCE
    shelf = Shelf(Found("a.txt", 10, "1"))
    (arrival,) = feeds.look(feed, shelf, now=NOON)
    feeds.taken(feed, arrival, now=NOON)
    assert whole(feed, Shelf()) == []
    assert not Sighting.objects.exists()
    assert whole(feed, shelf) == ["a.txt"]


def test_what_was_taken_and_not_moved_yet_is_to_be_moved(feed) -> None:
    feed.ready_when, feed.after, feed.move_to = Feed.Ready.AT_ONCE, Feed.After.MOVE, "done"
    shelf = Shelf(Found("a.txt", 10, "1"))
    (arrival,) = feeds.look(feed, shelf, now=NOON)
    assert not arrival.was_taken
    feeds.taken(feed, arrival, now=NOON)
    (arrival,) = feeds.look(feed, shelf, now=NOON)
    assert arrival.was_taken


def test_a_quiet_look_at_many_files_writes_nothing(feed, django_assert_num_queries) -> None:
    shelf = Shelf(*(Found(f"{number:05}.txt", 1, "1") for number in range(1_200)))
    feeds.look(feed, shelf, now=NOON)
    assert Sighting.objects.count() == 1_200
    with django_assert_num_queries(1):
        feeds.look(feed, shelf, now=NOON)


def test_a_failure_is_said_once_when_it_begins_and_once_when_it_ends(feed, caplog) -> None:
    with caplog.at_level(logging.INFO):
        feeds.reached(feed, now=NOON)
        for number in range(3):
            feeds.failed(feed, f"down {number}", now=NOON + number * MINUTE)
        feed.refresh_from_db()
        assert (feed.failing_since, feed.failure, feed.looked_at) == (
            NOON, "down 2", NOON + 2 * MINUTE,
        )  # fmt: skip
        for number in range(2):
            feeds.reached(feed, now=NOON + (3 + number) * MINUTE)
    feed.refresh_from_db()
    assert (feed.failing_since, feed.failure, feed.looked_at) == (None, "", NOON + 4 * MINUTE)
    assert [record.getMessage() for record in caplog.records] == [
        "feed bluecode fails: down 0", "feed bluecode works again",
    ]  # fmt: skip


def test_a_feed_is_due_a_minute_after_somebody_looked(feed) -> None:
    Feed.objects.exclude(pk=feed.pk).update(place="")
    assert list(feeds.due(now=NOON)) == [feed]
    feeds.reached(feed, now=NOON)
    assert not feeds.due(now=NOON + MINUTE * 0.9).exists()
    assert feeds.due(now=NOON + MINUTE).exists()
    Feed.objects.update(active=False)
    assert not feeds.due(now=NOON + MINUTE).exists()
