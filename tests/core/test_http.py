"""What every request goes through."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("address", ["/q/%00", "/?q=%00", "/?%00=1", "/shop/a%00b/today"])
def test_an_address_with_a_nul_is_nowhere(client, address):
    assert client.get(address).status_code == 404


def test_every_answer_carries_the_id_of_its_request(client):
    assert len(client.get("/livez")["X-Request-Id"]) == 32
    given = client.get("/livez", headers={"X-Request-Id": "from-the-proxy"})
    assert given["X-Request-Id"] == "from-the-proxy"
    assert client.get("/livez", headers={"X-Request-Id": "a\tb"})["X-Request-Id"] != "a\tb"


def test_the_portal_says_whether_it_can_serve(client):
    assert client.get("/livez").json() == {"status": "ok"}
    assert client.get("/readyz").json() == {"status": "ok"}


def test_a_signed_in_page_is_never_kept(client, clerk):
    client.force_login(clerk)
    assert client.get("/finance/")["Cache-Control"] == "no-store"
