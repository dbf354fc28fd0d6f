"""Issue, print, replace and revoke."""

from __future__ import annotations

import pytest

from merchants import printing, qr, stickers
from merchants.models import Location, Sticker
from merchants.refusals import Refused
from portal.core.models import AuditEntry
from tests import builders
from tests.builders import NOON


def test_a_sticker_stores_the_exact_text_of_its_symbol(shop, owner):
    sticker = stickers.issue(shop, till="Bar", by=owner, now=NOON)
    assert sticker.payload == f"https://q.example/q/{sticker.code}"
    assert qr.is_whole(sticker.code)
    assert (sticker.state, sticker.till, sticker.issued_by) == ("issued", "Bar", owner)
    assert AuditEntry.objects.get().data == {"payload": sticker.payload}


def test_a_later_address_changes_no_sticker(shop, settings):
    sticker = stickers.issue(shop, by=None, now=NOON)
    settings.QR_BASE_URL = "https://other.example"
    assert stickers.face(Sticker.objects.get(pk=sticker.pk)).payload == sticker.payload


@pytest.mark.parametrize("address", ["http://q.example", "https://", "q.example", ""])
def test_outside_the_demo_only_https_is_printed(shop, settings, address):
    settings.QR_BASE_URL = address
    with pytest.raises(stickers.UnsafeAddress, match="QR_BASE_URL"):
        stickers.issue(shop, by=None, now=NOON)
    assert not Sticker.objects.exists()
    assert not AuditEntry.objects.exists()


def test_a_code_that_says_demo_may_carry_http_anywhere(shop, settings):
    settings.QR_BASE_URL = "http://127.0.0.1:8000"
    code = qr.code_of(5, demo=True)
    sticker = stickers.issue(shop, by=None, now=NOON, code=code)
    assert sticker.payload == f"http://127.0.0.1:8000/q/{code}"
    with pytest.raises(stickers.UnsafeAddress):
        stickers.draft(shop, code=qr.code_of(5), now=NOON)


def test_demo_codes_say_so_and_may_carry_http(shop, settings):
    settings.DEMO = True
    settings.QR_BASE_URL = "http://127.0.0.1:8000"
    sticker = stickers.issue(shop, by=None, now=NOON)
    assert sticker.code.startswith("DEMO")
    assert stickers.face(sticker).demo


def test_real_codes_never_say_demo(settings, monkeypatch):
    marks = iter("DEMO2222" + "ABCDEFGH")
    monkeypatch.setattr(stickers.secrets, "choice", lambda alphabet: next(marks))
    assert stickers.new_code() == qr.with_check("ABCDEFGH")


def test_a_given_code_must_carry_its_check_character(shop):
    with pytest.raises(Refused, match="check character"):
        stickers.issue(shop, by=None, now=NOON, code="ABCDEFGHJ")
    assert not Sticker.objects.exists()
    code = qr.code_of(5)
    assert stickers.issue(shop, by=None, now=NOON, code=code).code == code


def test_a_shop_that_takes_no_payments_gets_no_sticker(merchant):
    closed = builders.location(merchant, state=Location.State.CLOSED)
    with pytest.raises(Refused, match="no sticker"):
        stickers.issue(closed, by=None, now=NOON)
    assert not Sticker.objects.exists()


def test_printing_is_written_down_once(shop, owner):
    sticker = stickers.issue(shop, by=owner, now=NOON)
    stickers.mark_printed([sticker], by=owner, now=NOON)
    stickers.mark_printed([sticker], by=owner, now=NOON.replace(hour=18))
    kept = Sticker.objects.get()
    assert (kept.state, kept.printed_at) == ("printed", NOON)
    assert AuditEntry.objects.filter(verb="merchants.sticker.printed").count() == 1


def test_a_replaced_sticker_names_its_successor(shop, owner):
    old = stickers.issue(shop, till="Bar", by=owner, now=NOON)
    new = stickers.replace(old, by=owner, now=NOON)
    old.refresh_from_db()
    assert (old.state, old.replaced_by) == ("replaced", new)
    assert (new.state, new.till, new.location) == ("issued", "Bar", shop)
    with pytest.raises(Refused, match="before"):
        stickers.replace(old, by=owner, now=NOON)
    assert Sticker.objects.count() == 2


def test_a_revoked_sticker_stays_revoked(shop, owner):
    sticker = stickers.issue(shop, by=owner, now=NOON)
    stickers.revoke(sticker, by=owner, now=NOON)
    for act in (stickers.revoke, stickers.replace):
        with pytest.raises(Refused):
            act(sticker, by=owner, now=NOON)
    stickers.mark_printed([sticker], by=owner, now=NOON)
    assert Sticker.objects.get().state == "revoked"


def test_a_face_shows_the_wallets_that_take_the_shop(shop):
    sticker = stickers.issue(shop, by=None, now=NOON)
    shop.enrolments.filter(wallet__code="pivo").update(state="suspended")
    face = stickers.face(sticker)
    assert face.wallets == ("Alipay", "Bluecode", "ePassi", "MOMO Pocket", "Pagaqui", "Vipps")
    assert (face.shop, face.city, face.country) == (shop.name, "Oslo", "NO")
    assert (face.version, face.mask) == (sticker.symbol_version, sticker.symbol_mask)


def test_many_faces_take_two_queries(shop, django_assert_num_queries):
    for _till in range(12):
        stickers.issue(shop, by=None, now=NOON)
    with django_assert_num_queries(2):
        faces = stickers.faces(Sticker.objects.select_related("location"))
    assert len(faces) == 12
    assert printing.pdf(faces[:1]).startswith(b"%PDF")
