"""Secrets at rest: encrypted rows, changed keys, lost keys."""

from __future__ import annotations

import pytest
from django.db import connection

from portal.core import secrets
from wallets.models import Feed


def _stored(feed: Feed) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT password FROM wallets_feed WHERE id = %s", [feed.pk])
        return cursor.fetchone()[0]


def test_a_password_is_only_in_the_database_encrypted(alliance) -> None:
    feed = Feed.objects.get(code="vipps")
    feed.password = "open sesame"
    feed.save()
    assert "sesame" not in _stored(feed)
    loaded = Feed.objects.get(pk=feed.pk)
    assert "sesame" not in loaded.password
    assert secrets.reveal(loaded.password) == "open sesame"


def test_saving_a_feed_again_keeps_its_secret(alliance) -> None:
    Feed.objects.filter(code="vipps").update(password="open sesame")
    feed = Feed.objects.get(code="vipps")
    kept = _stored(feed)
    feed.save()
    assert _stored(feed) == kept
    feed.password = ""
    feed.save()
    assert _stored(feed) == ""
    assert secrets.reveal(Feed.objects.get(pk=feed.pk).password) == ""


def test_a_new_key_in_front_still_opens_what_the_old_one_wrote(settings) -> None:
    settings.ENCRYPTION_KEYS = ["old"]
    token = secrets.encrypt("open sesame")
    settings.ENCRYPTION_KEYS = ["new", "old"]
    assert secrets.decrypt(token) == "open sesame"


def test_a_lost_key_stops_the_secret_and_not_the_feed(alliance, settings) -> None:
    Feed.objects.filter(code="vipps").update(password="open sesame")
    settings.ENCRYPTION_KEYS = ["another"]
    feed = Feed.objects.get(code="vipps")
    assert feed.active
    with pytest.raises(secrets.CannotDecrypt, match="ENCRYPTION_KEYS"):
        secrets.reveal(feed.password)
