"""A month of every layout, left on an SFTP server, packed and encrypted: exactly the truth."""

from __future__ import annotations

import gzip
import json
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from payments import collecting, reconciliation
from payments.models import Delivery, LedgerEntry, Link
from portal.core import clock
from portal.demo import nights, world
from tests import sftp
from tests.builders import NOON
from tests.flows import test_night
from tests.wallets.formats.cases import CASES, MAPPING
from tests.wallets.test_wrapping import OUR_KEY, PARTNER, PARTNER_KEY, encrypted, signed
from wallets.models import Feed, Mapping, Wallet

UNTIL = date(2026, 10, 31)


@dataclass(frozen=True)
class Sends:
    """What a partner sends for a month, other than what it sends in the demo."""

    layout: str
    suffix: str
    options: dict[str, Any] = field(default_factory=dict)


MEMBERS = {"wallets": {"bluecode": "bluecode", "momo": "momo", "pagaqui": "pagaqui"}}

OWN = {**MAPPING, "file": {**MAPPING["file"], "name": "momo_{any}_{date:YYYYMMDD}_v{any}.csv"}}
"""What MOMO Pocket's own file is like, where it has one: the name tells the day."""

MONTHS: dict[str, dict[str, Sends]] = {
    "as in the demo": {},
    "as others do": {
        "alipay": Sends("alipay_transactions", "txt", {"partner_id": "2088100200300400"}),
        "bluecode": Sends("alipayplus_settlement", "csv", MEMBERS),
        "epassi": Sends("adyen_settlement", "csv"),
        "pivo": Sends("paypal_stl", "csv"),
        "vipps": Sends("vipps_csv", "csv"),
        "momo": Sends("mapped", "csv"),
        "pagaqui": Sends("scheme", "txt"),
    },
    "as they did before": {
        "alipay": Sends("antom_settlement", "csv"),
        "bluecode": Sends("scheme", "txt"),
        "epassi": Sends("epassi_xlsx", "xlsx"),
        "pivo": Sends("antom_transactions", "csv"),
        "vipps": Sends("vipps_xml2", "xml"),
        "pagaqui": Sends("vipps_xlsx", "xlsx", {"currency": "EUR"}),
    },
}


def _packed(at: int, name: str, data: bytes, folder: Path) -> tuple[str, bytes]:
    """Return a file as the courier of the day leaves it: its name and bytes."""
    way = at % 6
    if way == 1:
        return f"{name}.gz", gzip.compress(data, mtime=0)
    if way in (2, 4):
        path = folder / "packed.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(name, data)
        packed = path.read_bytes()
        if way == 2:
            return f"{name}.zip", packed
        return f"{name}.zip.pgp", encrypted(packed, by=PARTNER)
    if way == 3:
        return f"{name}.pgp", encrypted(data, by=PARTNER, armor=True)
    if way == 5:
        return f"{name}.gz.pgp", signed(gzip.compress(data, mtime=0))
    return name, data


@pytest.fixture
def partner(tmp_path: Path) -> Iterator[sftp.Server]:
    (tmp_path / "server").mkdir()
    with sftp.serve(tmp_path / "server") as server:
        yield server


def _agree(month: dict[str, Sends], server: sftp.Server) -> None:
    """Tell every feed what its partner sends and where it leaves it."""
    for feed in Feed.objects.select_related("wallet"):
        code = feed.wallet.code
        if sends := month.get(code):
            feed.format, feed.options = sends.layout, sends.options
            feed.pattern = f"{code}*.{sends.suffix}"
            if sends.layout == "mapped":
                feed.mapping = Mapping.objects.create(
                    wallet=feed.wallet, name="own", description=OWN, created_at=NOON,
                    state=Mapping.State.ON, tried_at=NOON,
                )  # fmt: skip
        feed.pattern += "*"
        (server.folder / code).mkdir()
        feed.place = f"{server.place}{code}"
        feed.host_key = sftp.public(sftp.HOST_KEY)
        feed.password = sftp.PASSWORD
        feed.pgp_key, feed.partner_key = OUR_KEY, PARTNER_KEY
        feed.ready_when = Feed.Ready.AT_ONCE
        feed.save()


class _Courier:
    """Carries what the simulator wrote to the server, and has the portal fetch it."""

    def __init__(self, server: sftp.Server, desk: Path) -> None:
        self.server, self.desk = server, desk
        self.carried = 0
        self.names: dict[str, str] = {}

    def deliver(self, truth: dict[str, Any]) -> None:
        for told in truth["deliveries"]:
            path = self.desk / told["wallet"] / told["file"]
            name, data = _packed(self.carried, told["file"], path.read_bytes(), self.desk)
            self.carried += 1
            (self.server.folder / told["wallet"] / name).write_bytes(data)
            self.names[told["file"]] = name
        for feed in Feed.objects.order_by("pk"):
            look = collecting.collect(feed.pk, now=clock.now())
            assert look is not None
            assert look.wrong == []
            reconciliation.run_feed(feed.pk, now=clock.now())

    def as_delivered(self, truth: dict[str, Any]) -> dict[str, Any]:
        """Return the truth with the names under which the portal knows the files."""
        known = set(Delivery.objects.values_list("name", flat=True))
        told = []
        for one in truth["deliveries"]:
            name = self.names[one["file"]]
            inside = f"{name}/{one['file']}"
            told.append({**one, "file": inside if inside in known else name})
        return {"deliveries": told}


@pytest.mark.full
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("month", sorted(MONTHS))
def test_a_month_over_sftp_is_exactly_the_truth(
    alliance, tmp_path: Path, partner: sftp.Server, month: str
) -> None:
    if month == "as others do":
        # A hub's file is about one currency, and so is what its members are paid in.
        paid_in_euro = Wallet.objects.filter(code__in=MEMBERS["wallets"])
        paid_in_euro.update(settlement_currency="EUR")
    _agree(MONTHS[month], partner)
    world.build(seed=11, locations=30)
    courier = _Courier(partner, tmp_path / "desk")
    for back in range(30, -1, -1):
        day = UNTIL - timedelta(days=back)
        truth = nights.simulate(days=1, seed=11, until=day, volume=240, to=tmp_path / "desk")
        courier.deliver(truth)
    whole = json.loads((tmp_path / "desk" / "truth.json").read_text())
    test_night.check(courier.as_delivered(whole))
    assert Delivery.objects.count() == len(whole["deliveries"]) == courier.carried
    states = Counter(one["state"] for one in whole["deliveries"])
    assert states["reconciled"] > 100
    assert LedgerEntry.objects.count() > 5_000
    assert Link.objects.filter(reversed_by=None).exists()
    assert Delivery.objects.filter(was_encrypted=True).exclude(signed_by="").exists()


def test_every_layout_that_carries_a_night_has_its_month() -> None:
    sent = {sends.layout for month in MONTHS.values() for sends in month.values()}
    sent |= {"alipay_settlement", "mobilepay_csv", "momo_csv", "pagaqui_fixed", "vipps_xml3"}
    # These two number shops by digits alone, and a giro tells no fee: their nights are small
    # ones, beside their layouts.
    assert sent == set(CASES) - {"vipps_ocr", "vipps_ledger"}
