"""Addresses that nobody writes by hand: a page that is not there, never an error of ours."""

from __future__ import annotations

import pytest
from django.test import Client

WITH_A_CODE = [
    "/shop/%00/", "/shop/%00/today", "/stickers/%00/", "/apply/%00/", "/apply/%00/country/",
    "/merchants/%00/add-shop/", "/q/%00", "/finance/files/1%00/",
]  # fmt: skip
WITH_WORDS = ["/finance/?before=%00", "/finance/?state=%00", "/money/?period=%00", "/q/?code=%00"]


@pytest.mark.parametrize("path", WITH_A_CODE)
def test_no_page_has_a_nul_in_its_address(path: str, owner, clerk) -> None:
    for user in (owner, clerk):
        client = Client()
        client.force_login(user)
        assert client.get(path).status_code == 404


@pytest.mark.parametrize("path", WITH_WORDS)
def test_a_nul_in_a_question_breaks_nothing(path: str, owner, clerk) -> None:
    for user in (owner, clerk):
        client = Client()
        client.force_login(user)
        assert client.get(path).status_code in {200, 302, 404}
