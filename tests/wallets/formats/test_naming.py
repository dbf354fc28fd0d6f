"""What the names of Alipay's, Antom's and Alipay+'s files say."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wallets.formats.naming import Named, compact_day, named

DAY = date(2026, 10, 14)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("2088100200300400_transaction_20261014.txt",
         Named("transaction", participant="2088100200300400", day=DAY)),
        ("2088100200300400_fptrade_20261014.csv",
         Named("transaction", participant="2088100200300400", day=DAY)),
        ("2088100200300400_settlement_20261014.txt",
         Named("settlement", participant="2088100200300400", day=DAY)),
        ("settlement_20261014-corrected.txt", Named("settlement", day=DAY)),
        ("2188400000007080_settle_20261014_50002026101400000000000000000000.csv",
         Named("settlement", participant="2188400000007080", day=DAY,
               batch="50002026101400000000000000000000")),
        ("transactionItems_20261014_000.csv", Named("transactions", day=DAY, sequence=0)),
        ("transactionItems_20261014_017_2.csv", Named("transactions", day=DAY, sequence=17)),
        ("settlementItems_USD_2018122611021040123_000.csv",
         Named("items", currency="USD", batch="2018122611021040123", sequence=0)),
        ("settlementItems_KaKaoPay_USD_2018122611021040123_001.csv",
         Named("items", psp="KaKaoPay", currency="USD", batch="2018122611021040123", sequence=1)),
        ("settlementSummary_CONNECTWALLET_EUR_2018122611021040123_000.csv",
         Named("summary", psp="CONNECTWALLET", currency="EUR", batch="2018122611021040123",
               sequence=0)),
        ("settlementSummary_ALIPAY_CN_EUR_2018122611021040123_999.csv",
         Named("summary", psp="ALIPAY_CN", currency="EUR", batch="2018122611021040123",
               sequence=999)),
        ("settlementSummary_TNG_EUR_2018122611021040123_000.csv",
         Named("summary", psp="TNG", currency="EUR", batch="2018122611021040123", sequence=0)),
        ("ALIPAY_SETTLEMENT_SUMMARY_HKD_20261014.csv",
         Named("legacy_summary", currency="HKD", day=DAY)),
        ("ALIPAY_SETTLEMENT_DETAIL_CNY_20261014.csv",
         Named("legacy_detail", currency="CNY", day=DAY)),
        ("transactionItems_1022188000000000001_EUR_20261015001_A7-1_000.csv",
         Named("hub_items", participant="1022188000000000001", currency="EUR",
               batch="20261015001", agreement="A7-1", sequence=0)),
        ("summary_1022188000000000001_EUR_20261015001_A7_000.csv",
         Named("hub_summary", participant="1022188000000000001", currency="EUR",
               batch="20261015001", agreement="A7", sequence=0)),
        ("feeItems_1022188000000000001_EUR_20261015001_A7_000.csv",
         Named("hub_fees", participant="1022188000000000001", currency="EUR",
               batch="20261015001", agreement="A7", sequence=0)),
        ("settlement_1022188000000000001_NOK_77001_A7_012-corrected.csv",
         Named("hub_settlement", participant="1022188000000000001", currency="NOK",
               batch="77001", agreement="A7", sequence=12)),
    ],
)  # fmt: skip
def test_each_part_of_a_name_is_found(name: str, expected: Named) -> None:
    assert named(name) == expected
    assert named(f"alipay_v1_{name}") == expected


@pytest.mark.parametrize(
    "name",
    [
        "settlement.csv", "transactionItems_20261314_000.csv", "settlementItems_EUR_000.csv",
        "settlementItems_eur_2018122611021040123_000.csv", "resettlement_20261014.txt",
        "settlement_202610140.txt", "transactionItems_20261014_00.csv",
        "transactionItems_20261014_0000.csv", "vipps_20261014.xml", "",
    ],
)  # fmt: skip
def test_another_name_is_none_of_these(name: str) -> None:
    assert named(name) is None


def test_the_folder_says_when_a_report_was_made() -> None:
    folder = "v1/settlements/clearing/1022188000000000001/20261015/"
    found = named(f"{folder}transactionItems_1022188000000000001_EUR_7_A7_000.csv")
    assert found is not None
    assert (found.folder_day, found.day_before_folder) == (date(2026, 10, 15), DAY)
    unfolded = named("transactionItems_1022188000000000001_EUR_7_A7_000.csv")
    assert unfolded is not None
    assert (unfolded.folder_day, unfolded.day_before_folder) == (None, None)


def test_zeros_are_the_batch_of_an_empty_cycle() -> None:
    empty = named("settlementItems_EUR_0000000000000000000_000.csv")
    full = named("settlementItems_EUR_2018122611021040123_000.csv")
    assert empty is not None
    assert full is not None
    assert (empty.is_empty_cycle, full.is_empty_cycle) == (True, False)


PARTS = st.text(st.characters(codec="ascii", categories=["Nd", "Lu", "Ll"]),
                min_size=6, max_size=30)  # fmt: skip


@given(
    participant=PARTS, currency=st.sampled_from(["EUR", "NOK", "ISK"]), batch=PARTS,
    agreement=PARTS, sequence=st.integers(0, 999),
)  # fmt: skip
def test_a_hub_name_comes_back_in_its_parts(
    participant: str, currency: str, batch: str, agreement: str, sequence: int
) -> None:
    name = f"settlement_{participant}_{currency}_{batch}_{agreement}_{sequence:03d}.csv"
    assert named(name) == Named(
        "hub_settlement", participant=participant, agreement=agreement, currency=currency,
        batch=batch, sequence=sequence,
    )  # fmt: skip


@given(name=st.text(max_size=80))
def test_no_name_breaks_the_reading_of_names(name: str) -> None:
    found = named(name)
    assert found is None or found.kind


def test_a_day_is_eight_ascii_digits_of_a_day_that_there_is() -> None:
    assert compact_day("20261014") == DAY
    for text in ("20260230", "2026101", "２０２６１０１４", "00000000", ""):
        assert compact_day(text) is None
