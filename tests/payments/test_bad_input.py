"""The grid of bad input through the whole portal: reconciled or quarantined, never in between."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest

from payments import reconciliation, settlement
from payments.models import Batch, Break, Delivery, Link, Run, SettlementFile
from tests.builders import NOON
from tests.wallets.formats import grid
from tests.wallets.formats.cases import CASES
from wallets.models import Feed, Mapping, Wallet


def _feed(layout: str) -> Feed:
    """Return a feed of the layout's partner, told to send that layout."""
    case = CASES[layout]
    feed = Feed.objects.select_related("wallet").filter(wallet__code=case.wallet).first()
    if feed is None:
        wallet = Wallet.objects.create(
            code=case.wallet, name=case.wallet, home_country="AT", timezone=case.zone
        )
        feed = Feed(code=case.wallet, wallet=wallet)
    feed.format, feed.options = layout, dict(case.options)
    if mapping := feed.options.pop("mapping", None):
        feed.mapping = Mapping.objects.create(
            wallet=feed.wallet, name="own", description=mapping, created_at=NOON
        )
    feed.save()
    return feed


def _check(delivery: Delivery, data: bytes, what: str) -> None:
    file = delivery.file
    assert delivery.sha256 == sha256(data).hexdigest(), what
    assert settlement.stored(file).read_bytes() == data or delivery.path != file.path, what
    runs = Run.objects.filter(file=file).exclude(state=Run.State.REVERSED)
    if file.state == SettlementFile.State.QUARANTINED:
        assert file.reason_code not in {"", "internal", "gave_up"}, (what, file.reason_text)
        assert not runs.exists(), what
        assert not Batch.objects.filter(file=file).exists(), what
        assert not Link.objects.filter(run__file=file).exists(), what
        assert Break.objects.filter(file=file).count() == 1, what
    else:
        assert file.state == SettlementFile.State.RECONCILED, (what, file.state)
        (run,) = runs
        assert run.lines == sum(
            n for name, n in run.outcomes.items() if name != "missing_in_settlement"
        ), what


@pytest.mark.parametrize(
    "layout",
    [
        name if name in {"scheme", "epassi_xlsx"} else pytest.param(name, marks=pytest.mark.full)
        for name in sorted(CASES)
    ],
)
def test_every_bad_file_ends_reconciled_or_quarantined(alliance, tmp_path: Path, layout) -> None:
    feed = _feed(layout)
    for case in grid.spoilt(layout, tmp_path):
        path = tmp_path / "arrived"
        path.write_bytes(case.data)
        delivery = settlement.receive(feed=feed, name=case.name, path=path, now=NOON)
        reconciliation.run_feed(feed.pk, now=NOON)
        delivery.file.refresh_from_db()
        if delivery.file.state == SettlementFile.State.SUPERSEDED:
            continue  # what these bytes hold came before, and a later version counts
        _check(delivery, case.data, case.what)
        if case.then == grid.REFUSED and not case.what.endswith("was not opened"):
            assert delivery.file.state == SettlementFile.State.QUARANTINED, case.what
