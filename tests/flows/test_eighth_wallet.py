"""An eighth wallet joins: one row of data, and no line of code."""

from __future__ import annotations

from payments.models import LedgerEntry, Link, Run
from tests import builders
from wallets import partners
from wallets.models import Wallet

EIGHTH = partners.Partner(
    "sirio", "Sirio", "SI", "Europe/Ljubljana", "scheme", "txt", interchange_bps=30,
)  # fmt: skip


def test_a_new_wallet_is_paid_with_settled_and_reconciled(alliance, tmp_path):
    partners.set_up((EIGHTH,), places=tmp_path / "feeds")
    sirio = Wallet.objects.get(code="sirio")
    assert sirio.countries.count() == 10

    shop = builders.location(builders.merchant(country="SI", acquirer=sirio))
    assert shop.enrolments.filter(wallet=sirio).exists()
    paid = [builders.payment(shop, wallet="sirio", price_minor=minor) for minor in (1_000, 2_000)]
    refund = builders.refund(paid[1], price_minor=500)
    entries = list(LedgerEntry.objects.filter(feed__code="sirio").select_related("wallet"))
    assert [entry.fee_minor for entry in entries] == [3, 6, 0]

    path = builders.settlement_file(
        tmp_path / "feeds" / "sirio",
        [builders.line(entry, original_ref=paid[1].wallet_ref) for entry in entries],
        feed="sirio",
    )
    file = builders.reconciled("sirio", path)
    assert (file.state, file.reason_text) == ("reconciled", "")
    run = Run.objects.get(file=file)
    assert run.outcomes == {"matched": 3}
    assert Link.objects.filter(entry__refund=refund).exists()
    [rolled] = run.roll_forward
    assert (rolled["wallet"], rolled["currency"]) == ("sirio", "EUR")
    assert rolled["settled"] == {"count": 3, "minor": 2_500}
