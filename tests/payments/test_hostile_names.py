"""Names that whoever sends a file may give it: shown as text, never a path, never an error."""

from __future__ import annotations

from pathlib import Path

import pytest

from payments import checking
from tests.fuzz import seeds
from wallets.models import Feed

NAMES = (
    "../../../etc/passwd", "/etc/shadow", "..\\..\\x.txt", "\0", "a\0b.txt", "\r\nSet-Cookie: a=b",
    "x" * 5_000, "<script>alert(1)</script>.txt", "\u202etxt.exe", "\ud800.txt", "=1+1",
    "%s%n{0}{day}", "[", "*" * 200, ".", "..", " ", "CON", "\x1b[31mred", "😀" * 300,
    "alipay_20269999_settlement_99999999.txt", "settlementItems_EUR_" + "9" * 300 + "_000.csv",
)  # fmt: skip


@pytest.mark.parametrize("layout", ["scheme", "mapped", "alipay_settlement", "antom_settlement"])
def test_no_name_breaks_a_check_or_leads_out_of_its_folder(
    alliance, tmp_path: Path, layout: str
) -> None:
    _name, good, told = seeds.good(layout)
    path = tmp_path / "upload"
    path.write_bytes(good)
    feed = Feed.objects.select_related("wallet").get(code="vipps")
    feed.format, feed.options = layout, dict(told)
    before = sorted(tmp_path.rglob("*"))
    for name in NAMES:
        [verdict] = checking.check_all(feed=feed, path=path, name=name)
        assert "internal" not in {problem.code for problem in verdict.problems}, name
        assert verdict.name.isprintable(), name
        assert len(verdict.name) <= 254, name
        checking.as_json(checking.as_data([verdict])).encode()
    assert path.read_bytes() == good
    assert sorted(tmp_path.rglob("*")) == before
