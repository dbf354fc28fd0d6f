"""manage.py collect [FEED ...]: look at the places of feeds now."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from payments import collecting
from payments.management.commands.receive import feed_named
from portal.core import clock
from wallets import feeds, places
from wallets.models import Feed


class Command(BaseCommand):
    help = "Take in what is new at the places of feeds; all active ones unless some are named."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("feeds", nargs="*", metavar="FEED")
        instead = parser.add_mutually_exclusive_group()
        instead.add_argument(
            "--list", action="store_true", help="only list what lies there; take nothing"
        )
        instead.add_argument(
            "--show-host-key",
            action="store_true",
            help="only show the keys of the SFTP server, for a person to compare",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        named = [feed_named(code) for code in options["feeds"]]
        chosen = named or list(Feed.objects.filter(active=True).exclude(place="").order_by("code"))
        if options["show_host_key"] and not named:
            raise CommandError("Name the feed whose server's key is to be shown.")
        act = (
            self._show_host_key
            if options["show_host_key"]
            else self._list
            if options["list"]
            else self._collect
        )
        failed = [feed.code for feed in chosen if not act(feed)]
        if failed:
            raise CommandError(f"This failed for {', '.join(failed)}.")

    def _collect(self, feed: Feed) -> bool:
        look = collecting.collect(feed.pk, now=clock.now())
        if look is None:
            self.stdout.write(f"{feed.code}: a worker is looking there at this moment.")
            return True
        for delivery in look.taken:
            self.stdout.write(
                f"{feed.code}: {delivery.name}: {delivery.get_result_display()}, "
                f"file {delivery.file_id}"
            )
        for why in look.wrong:
            self.stderr.write(f"{feed.code}: {why}")
        if not look.taken and not look.wrong:
            self.stdout.write(f"{feed.code}: nothing new is whole.")
        return not look.wrong

    def _list(self, feed: Feed) -> bool:
        try:
            with places.open_place(feed) as place:
                listing, closed = place.listing(feeds.walk(feed)), place.closed
        except places.Unreachable as error:
            self.stderr.write(f"{feed.code}: {error}")
            return False
        self.stdout.write(f"{feed.code}: {len(listing)} files in {feed.place}")
        for found in listing:
            self.stdout.write(f"{found.size:>15}  {feeds.shown(found.name, feeds.LONGEST_NAME)}")
        for why in closed:
            self.stderr.write(f"{feed.code}: {why}")
        return not closed

    def _show_host_key(self, feed: Feed) -> bool:
        try:
            keys = places.show_host_keys(places.parse(feed.place))
            pinned = [places.fingerprint(key) for key in places.host_keys(feed.host_key)]
        except (places.BadAddress, places.BadHostKey, places.Unreachable) as error:
            self.stderr.write(f"{feed.code}: {error}")
            return False
        for line, fingerprint in keys:
            note = "  (the feed names it)" if fingerprint in pinned else ""
            self.stdout.write(f"{fingerprint}{note}\n    {line}")
        self.stdout.write(
            "Compare a fingerprint with what the partner tells you on another way, then put the "
            "line below it into the feed as its host key. Nothing was trusted by asking."
        )
        return True
