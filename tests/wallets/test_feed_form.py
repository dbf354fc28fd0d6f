"""The form of a feed: for superusers, with secrets that go in and never come out."""

from __future__ import annotations

import re

import pytest
from django.urls import reverse

from portal.core import secrets
from portal.core.models import AuditEntry, User
from tests import sftp
from tests.builders import NOON
from tests.wallets.test_wrapping import FINGERPRINT, OUR_KEY, PARTNER_KEY
from wallets import feeds, places
from wallets.models import Feed, Sighting


@pytest.fixture
def root(client, db) -> User:
    user = User.objects.create_superuser("root@onestile.example", "correct horse")
    client.force_login(user)
    return user


@pytest.fixture
def server(tmp_path):
    with sftp.serve(tmp_path / "partner") as running:
        yield running


@pytest.fixture
def feed(alliance) -> Feed:
    return Feed.objects.get(code="vipps")


def page_of(feed: Feed) -> str:
    return reverse("admin:wallets_wallet_change", args=[feed.wallet_id])


def fields_of(page: str) -> dict[str, str]:
    """Return what a browser would send back of a form, untouched."""
    found: dict[str, str] = {}
    for tag in re.findall(r"<input[^>]*>", page):
        name, kind = _of(tag, "name"), _of(tag, "type")
        if name and (kind not in ("checkbox", "submit") or " checked" in tag):
            found[name] = _of(tag, "value") or ("on" if kind == "checkbox" else "")
    for tag, text in re.findall(r"(<textarea[^>]*>)(.*?)</textarea>", page, re.DOTALL):
        found[_of(tag, "name")] = text.strip().replace("&quot;", '"')
    for tag, text in re.findall(r"(<select[^>]*>)(.*?)</select>", page, re.DOTALL):
        chosen = re.search(r'value="([^"]*)"[^>]*selected', text)
        found[_of(tag, "name")] = chosen.group(1) if chosen else ""
    return found


def _of(tag: str, name: str) -> str:
    found = re.search(rf'\b{name}="([^"]*)"', tag)
    return found.group(1) if found else ""


def sent(client, feed: Feed, **changes: str):
    """Send the form as the page has it, but for some fields of the feed."""
    form = fields_of(client.get(page_of(feed)).content.decode())
    form |= {f"feed-0-{name}": value for name, value in changes.items()}
    return client.post(page_of(feed), {name: form[name] for name in form if form[name] != ""})


def refusal(response) -> str:
    assert response.status_code == 200
    return response.content.decode().replace("&#x27;", "'")


def test_an_untouched_form_changes_nothing(root, client, feed) -> None:
    feed.password = "open sesame"
    feed.save()
    before = Feed.objects.values().get(pk=feed.pk)
    assert sent(client, feed).status_code == 302
    assert Feed.objects.values().get(pk=feed.pk) == before


def test_secrets_go_in_and_never_come_out(root, client, feed) -> None:
    ssh_key = sftp.private(sftp.OUR_KEY)
    response = sent(
        client, feed, new_password="open sesame", new_ssh_key=ssh_key, new_pgp_key=OUR_KEY
    )
    assert response.status_code == 302
    feed.refresh_from_db()
    assert secrets.reveal(feed.password) == "open sesame"
    assert secrets.reveal(feed.ssh_key) == ssh_key.strip()
    assert secrets.reveal(feed.pgp_key) == OUR_KEY.strip()
    page = client.get(page_of(feed)).content.decode()
    assert page.count("Set. Type a new one to change it; it is never shown.") == 3
    told = page + str(list(AuditEntry.objects.values()))
    for secret in ("sesame", "PRIVATE KEY", feed.password, feed.ssh_key, feed.pgp_key):
        assert secret not in told
    sent(client, feed, no_password="on", new_ssh_key="")
    feed.refresh_from_db()
    assert feed.password == ""
    assert secrets.reveal(feed.ssh_key) == ssh_key.strip()


def test_public_keys_are_shown_by_their_fingerprints(root, client, feed) -> None:
    sent(client, feed, host_key=sftp.public(sftp.HOST_KEY), partner_key=PARTNER_KEY)
    page = client.get(page_of(feed)).content.decode()
    assert places.fingerprint(sftp.HOST_KEY) in page
    assert FINGERPRINT in page


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"place": "http://x"}, "nothing else is known"),
        ({"place": "feeds/vipps"}, "from the root"),
        ({"place": "sftp://a:b@host/x"}, "it has a field"),
        ({"place": "sftp://a@host/x"}, "Give a password or an SSH key"),
        ({"pattern": "*/*/*/*/*/x"}, "These go 5 folders down; more than 4"),
        ({"pattern": "/*.csv"}, "None is empty or begins with a dot"),
        ({"pattern": "*/"}, "None is empty or begins with a dot"),
        ({"pattern": "../*.csv"}, "None is empty or begins with a dot"),
        ({"host_key": "nonsense"}, "public key is written"),
        ({"partner_key": "nonsense"}, "no armored public key"),
        ({"partner_key": OUR_KEY}, "This is a private key"),
        ({"new_pgp_key": PARTNER_KEY}, "no armored private key"),
        ({"new_ssh_key": "nonsense"}, "no private SSH key"),
        ({"new_ssh_key": sftp.private(sftp.OUR_KEY, "sesame")}, "has a passphrase"),
        ({"schedule": "sometimes"}, "sometimes"),
        ({"after": "move"}, "Say where taken files are moved to"),
        ({"after": "move", "move_to": "sub/.."}, "the folder they lie in"),
        ({"ready_when": "marker", "marker_suffix": " "}, "how a marker's name ends"),
        ({"must_be_signed": "on"}, "Without the partner's key"),
        ({"must_be_encrypted": "on"}, "Without our key"),
        ({"new_password": "x", "no_password": "on"}, "Either a new one, or none"),
    ],
)
def test_what_cannot_work_is_refused_in_words(root, client, feed, changes, why) -> None:
    before = Feed.objects.values().get(pk=feed.pk)
    assert why in refusal(sent(client, feed, **changes))
    assert Feed.objects.values().get(pk=feed.pk) == before


def test_another_place_begins_with_nothing_seen(root, client, feed, tmp_path) -> None:
    Sighting.objects.create(feed=feed, name="a", size=1, since=NOON)
    sent(client, feed, pattern="*.xml")
    assert Sighting.objects.count() == 1
    sent(client, feed, place=str(tmp_path / "elsewhere"))
    assert Sighting.objects.count() == 0


def test_the_state_of_a_feed_is_said(root, client, feed) -> None:
    assert "Nobody has looked there yet." in client.get(page_of(feed)).content.decode()
    feeds.reached(feed, now=NOON)
    assert "Works; last looked at 2026-10-14 12:00 UTC." in client.get(
        page_of(feed)
    ).content.decode()  # fmt: skip
    feeds.failed(feed, "The server <is> gone.", now=NOON)
    page = client.get(page_of(feed)).content.decode()
    assert "Fails since 2026-10-14 12:00 UTC: The server &lt;is&gt; gone." in page


def test_a_place_can_be_tried_without_taking_anything(root, client, feed, server) -> None:
    feed.place, feed.password = server.place, sftp.PASSWORD
    feed.host_key, feed.pattern = sftp.public(sftp.HOST_KEY), "*.xml"
    feed.save()
    (server.folder / "a<b>.xml").write_bytes(b"123")
    address = reverse("admin:wallets_feed_try", args=[feed.wallet_id])
    assert f'action="{address}"' in client.get(page_of(feed)).content.decode()
    page = client.post(address).content.decode()
    assert "<code>a&lt;b&gt;.xml</code></th><td>3</td><td>yes</td>" in page
    assert not Sighting.objects.exists()
    assert AuditEntry.objects.filter(verb="wallets.feed.tried", actor=root).count() == 1
    assert client.get(address).status_code == 405


def test_a_try_shows_names_with_their_folders_and_says_which_are_shut(
    root, client, feed, server
) -> None:
    feed.place, feed.password = server.place, sftp.PASSWORD
    feed.host_key, feed.pattern = sftp.public(sftp.HOST_KEY), "*/*.xml"
    feed.save()
    for name in ("20261015/a.xml", "20261015/b.csv", "old/c.xml", "d.xml"):
        (server.folder / name).parent.mkdir(exist_ok=True)
        (server.folder / name).write_bytes(b"123")
    server.shut = {"old"}
    assert "Each slash goes one folder down" in client.get(page_of(feed)).content.decode()
    page = client.post(reverse("admin:wallets_feed_try", args=[feed.wallet_id])).content.decode()
    assert "<code>20261015/a.xml</code></th><td>3</td><td>yes</td>" in page
    assert "<code>20261015/b.csv</code></th><td>3</td><td>no</td>" in page
    assert "The folder old/ cannot be read: Not for you" in page
    assert "d.xml" not in page


def test_a_place_that_fails_says_why_and_shows_the_key_to_compare(
    root, client, feed, server
) -> None:
    feed.place, feed.password, feed.host_key = server.place, sftp.PASSWORD, ""
    feed.save()
    page = client.post(reverse("admin:wallets_feed_try", args=[feed.wallet_id])).content.decode()
    assert "The feed names no host key" in page
    assert places.fingerprint(sftp.HOST_KEY) in page
    assert sftp.public(sftp.HOST_KEY) in page


def test_a_wallets_admin_sees_what_was_agreed_and_nothing_of_places_and_keys(
    client, feed, vipps_admin
) -> None:
    feed.place, feed.host_key = "sftp://us@host/secret-folder", sftp.public(sftp.HOST_KEY)
    feed.password, feed.failure, feed.failing_since = "open sesame", "no answer", NOON
    feed.save()
    client.force_login(vipps_admin)
    page = client.get(page_of(feed)).content.decode()
    assert "daily" in page
    for hidden in ("secret-folder", "ssh-ed25519", "no answer", "Try it now", "new_password"):
        assert hidden not in page
    assert client.post(
        reverse("admin:wallets_feed_try", args=[feed.wallet_id])
    ).status_code == 404  # fmt: skip


def test_a_stranger_can_try_no_feed(client, feed, rival_admin, clerk) -> None:
    address = reverse("admin:wallets_feed_try", args=[feed.wallet_id])
    client.force_login(rival_admin)
    assert client.post(address).status_code == 404
    client.force_login(clerk)
    assert client.post(address).status_code in (302, 404)
