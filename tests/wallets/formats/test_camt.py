"""Bank statements in XML: every version, balances that prove, pages, and nothing unfolded."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wallets.formats import samples
from tests.wallets.formats.bank_files import (
    IBAN,
    Booking,
    Tx,
    balance,
    booking,
    camt,
    camt_parts,
    statement,
    summary,
)
from wallets.formats import camt as layout
from wallets.formats.bank_statement import MOST_DETAILS, BankStatement, Entry
from wallets.formats.payout_keys import PayoutKey, keys_of
from wallets.formats.statement import Unreadable

VERSIONS = ("02", "04", "08")
VIPPS = Booking(
    9_775, reference="A1",
    txs=[Tx(9_775, "E2E-1", "Vipps AS", ("Utb. 2000810", "Vippsnr 117703"), "12344")],
)  # fmt: skip
FEE = Booking(-500, reference="A2", txs=[Tx(-500, "", "Bank Abp", ("Fee",))])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "statement.xml"


def put(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def read(path: Path) -> tuple[BankStatement, list[Entry]]:
    found = layout.read(path, {})
    return found, list(found.entries)


def told(path: Path) -> list[tuple[str, bool]]:
    found: BankStatement | None = None
    problems = []
    try:
        found = layout.read(path, {})
        list(found.entries)
    except Unreadable as refused:
        problems = [refused.problem]
    return [(one.code, one.is_error) for one in [*(found.problems if found else []), *problems]]


@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_reads_the_same(path: Path, version: str) -> None:
    text = camt([statement([VIPPS, FEE], version, opening=100)], version)
    found, (first, second) = read(put(path, text))
    assert found.problems == []
    assert found.layout == f"camt.053.001.{version}"
    assert found.identity == f"{IBAN} S-1"
    assert (first.no, first.position, first.page) == (4, 1, 0)
    assert (first.minor, first.currency, first.status) == (9_775, "EUR", "BOOK")
    assert (first.booked_on, first.value_date) == (date(2026, 10, 14), date(2026, 10, 14))
    assert (first.bank_reference, first.code) == ("A1", "PMNT-RCDT-ESCT")
    assert (first.end_to_end_id, first.counterparty) == ("E2E-1", "Vipps AS")
    assert first.remittance == "Utb. 2000810 Vippsnr 117703"
    assert first.structured_reference == "12344"
    assert keys_of(first) == [PayoutKey("vipps", "117703-2000810")]
    assert (second.minor, second.counterparty, second.end_to_end_id) == (-500, "Bank Abp", "")
    (page,) = found.pages
    assert (page.account, page.sequence, page.owner) == (IBAN, 41, "Alliance Oy")
    assert (page.bank, page.from_day, page.to_day) == (
        "NDEAFIHH", date(2026, 10, 14), date(2026, 10, 14),
    )  # fmt: skip
    assert (page.opening_minor, page.closing_minor) == (100, 9_375)
    assert (page.sums.credits.minor, page.sums.debits.minor) == (9_775, 500)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_notification_has_no_balances(path: Path, version: str) -> None:
    text = camt([statement([VIPPS], version, balances="")], version, message="054")
    text = text.replace("<Stmt>", "<Ntfctn>").replace("</Stmt>", "</Ntfctn>")
    found, (entry,) = read(put(path, text))
    assert (found.layout, found.has_balances) == (f"camt.054.001.{version}", False)
    assert (found.problems, entry.minor) == ([], 9_775)
    assert found.identity == f"{IBAN} S-1"


def test_published_balances_are_proved(path: Path) -> None:
    direct_debit = Booking(-75_425)
    other = Booking(30_710)
    text = camt(
        [statement([direct_debit, other], "02", opening=1_556_827, closing=1_512_112)], "02"
    )
    found, entries = read(put(path, text))
    assert (found.problems, len(entries)) == ([], 2)
    assert found.pages[0].closing_minor == 1_512_112


def test_an_overdrawn_account_and_a_previous_closing_are_read(path: Path) -> None:
    balances = balance("PRCD", -1_000, "EUR") + balance("CLBD", 8_775, "EUR")
    found, _entries = read(put(path, camt([statement([VIPPS], balances=balances)])))
    assert found.problems == []
    assert (found.pages[0].opening_minor, found.pages[0].closing_minor) == (-1_000, 8_775)


def test_a_closing_that_the_entries_do_not_lead_to_is_refused(path: Path) -> None:
    put(path, camt([statement([VIPPS], closing=9_776)]))
    assert told(path) == [("total_differs", True)]


def test_what_is_not_booked_moves_no_balance(path: Path) -> None:
    waiting = [Booking(100, status="PDNG"), Booking(-7, status="INFO"), Booking(9, status="FUTR")]
    found, entries = read(put(path, camt([statement([VIPPS, *waiting])])))
    assert found.problems == []
    assert [one.is_booked for one in entries] == [True, False, False, False]
    assert (found.pages[0].sums.announced.count, found.pages[0].closing_minor) == (3, 9_775)


def test_a_reversal_has_the_direction_of_its_own_money(path: Path) -> None:
    reversed_credit = Booking(-9_775, reversal=True)
    found, entries = read(put(path, camt([statement([VIPPS, reversed_credit])])))
    assert found.problems == []
    assert [(one.minor, one.is_reversal) for one in entries] == [(9_775, False), (-9_775, True)]
    assert found.pages[0].closing_minor == 0


@pytest.mark.parametrize("counted", ["all", "booked"])
def test_a_summary_counts_all_entries_or_the_booked_ones(path: Path, counted: str) -> None:
    bookings = [VIPPS, FEE, Booking(100, status="PDNG")]
    of = bookings if counted == "all" else bookings[:2]
    both = summary(of, "EUR").partition("<TtlCdtNtries>")[0] + "</TxsSummry>"
    put(path, camt([statement(bookings, summary=both)]))
    assert told(path) == []


@pytest.mark.parametrize(
    ("of", "code"),
    [([VIPPS], "count_differs"), ([VIPPS, Booking(-501)], "total_differs")],
)
def test_a_summary_that_lies_is_refused(path: Path, of: list[Booking], code: str) -> None:
    put(path, camt([statement([VIPPS, FEE], summary=summary(of, "EUR"))]))
    assert (code, True) in told(path)
    put(path, camt([statement([VIPPS, FEE], summary=summary([VIPPS, FEE], "EUR"))]))
    assert told(path) == []


def paging(number: int, last: bool, name: str = "StmtPgntn") -> str:
    flag = str(last).lower()
    return f"<{name}><PgNb>{number}</PgNb><LastPgInd>{flag}</LastPgInd></{name}>"


def test_pages_of_a_statement_are_proved_together(path: Path) -> None:
    both = [VIPPS, FEE]
    total = summary(both, "EUR")
    first = statement(
        [VIPPS], pages=paging(1, False), balances=balance("OPBD", 5, "EUR"), summary=total
    )
    last = statement(
        [FEE], pages=paging(2, True), balances=balance("CLBD", 9_280, "EUR"), id="S-1b",
        summary=total,
    )  # fmt: skip
    found, entries = read(put(path, camt([first, last])))
    assert (found.problems, [one.page for one in entries]) == ([], [0, 1])
    put(path, camt([first, last.replace("92.80", "92.81")]))
    assert told(path) == [("total_differs", True)]


def test_a_page_that_is_absent_is_a_warning(path: Path) -> None:
    header = paging(2, True, "MsgPgntn")
    last = statement([FEE], "02", balances=balance("CLBD", 9_280, "EUR"))
    put(path, camt([last], "02", header=header))
    assert told(path) == [("truncated", False)]
    whole = statement([FEE], "02", opening=9_775)
    put(path, camt([whole], "02", header=header))
    assert told(path) == []


def test_a_statement_without_balances_is_told(path: Path) -> None:
    put(path, camt([statement([VIPPS], balances=balance("OPBD", 0, "EUR"))]))
    assert told(path) == [("bad_value", False)]


def test_accounts_and_currencies_of_one_file_are_apart(path: Path) -> None:
    krona = statement([Booking(4_990)], currency="ISK", iban="IS140159260076545510730339", number=7)
    found, entries = read(put(path, camt([statement([VIPPS]), krona])))
    assert found.problems == []
    assert [(page.currency, page.closing_minor) for page in found.pages] == [
        ("EUR", 9_775), ("ISK", 4_990),
    ]  # fmt: skip
    assert [(one.page, one.position) for one in entries] == [(0, 1), (1, 1)]


def test_equal_end_to_end_ids_are_two_entries(path: Path) -> None:
    found, entries = read(put(path, camt([statement([VIPPS, VIPPS])])))
    assert [one.end_to_end_id for one in entries] == ["E2E-1", "E2E-1"]
    assert found.problems == []


def test_a_collective_entry_may_tell_of_its_transactions_or_not(path: Path) -> None:
    three = [Tx(100, str(number), f"Payer {number}") for number in range(3)]
    told_of = Booking(300, batch=3, txs=three)
    silent = Booking(500, batch=12)
    found, (first, second) = read(put(path, camt([statement([told_of, silent])])))
    assert found.problems == []
    assert (first.batch_count, first.detail_count, len(first.details)) == (3, 3, 3)
    assert (first.end_to_end_id, first.counterparty) == ("", "")
    assert [one.counterparty for one in first.details] == ["Payer 0", "Payer 1", "Payer 2"]
    assert (second.batch_count, second.detail_count, second.details) == (12, 0, ())


def test_a_collective_entry_that_does_not_add_up_is_a_warning(path: Path) -> None:
    two = [Tx(100), Tx(100)]
    put(path, camt([statement([Booking(300, batch=3, txs=two)])]))
    assert told(path) == [("count_differs", False), ("total_differs", False)]
    larger = "<NtryDtls><Btch><NbOfTxs>2</NbOfTxs><TtlAmt Ccy='EUR'>4.00</TtlAmt></Btch></NtryDtls>"
    put(path, camt([statement([Booking(300, extra=larger)])]))
    assert told(path) == [("total_differs", False)]


def test_of_a_very_large_collective_entry_all_are_counted(path: Path) -> None:
    number = MOST_DETAILS + 500
    one = Booking(number * 100, batch=number, txs=[Tx(100)] * number)
    found, (entry,) = read(put(path, camt([statement([one])])))
    assert found.problems == []
    assert (entry.detail_count, len(entry.details)) == (number, MOST_DETAILS)


@pytest.mark.parametrize(
    ("version", "charges"),
    [
        ("02", "<Chrgs><Amt Ccy='EUR'>2.25</Amt><CdtDbtInd>DBIT</CdtDbtInd></Chrgs>"),
        ("08", "<Chrgs><TtlChrgsAndTaxAmt Ccy='EUR'>2.25</TtlChrgsAndTaxAmt><Rcrd>"
               "<Amt Ccy='EUR'>2.25</Amt><CdtDbtInd>DBIT</CdtDbtInd></Rcrd></Chrgs>"),
    ],
)  # fmt: skip
def test_charges_are_what_the_bank_kept(path: Path, version: str, charges: str) -> None:
    one = Booking(9_775, extra=charges, txs=[Tx(10_000)])
    found, (entry,) = read(put(path, camt([statement([one], version)], version)))
    assert (found.problems, entry.charges_minor) == ([], 225)


def test_a_conversion_keeps_what_was_sent_and_the_rate(path: Path) -> None:
    sent = (
        "<AmtDtls><InstdAmt><Amt Ccy='NOK'>1199.00</Amt></InstdAmt><TxAmt><Amt Ccy='EUR'>102.03"
        "</Amt><CcyXchg><SrcCcy>NOK</SrcCcy><TrgtCcy>EUR</TrgtCcy><XchgRate>0.0851</XchgRate>"
        "</CcyXchg></TxAmt></AmtDtls>"
    )
    one = Booking(10_203, txs=[Tx(10_203, extra=sent)])
    _found, (entry,) = read(put(path, camt([statement([one])])))
    (detail,) = entry.details
    assert (detail.minor, detail.currency) == (10_203, "EUR")
    assert (detail.instructed_minor, detail.instructed_currency) == (119_900, "NOK")
    assert detail.rate == "0.0851"


def test_a_return_says_why(path: Path) -> None:
    why = "<RtrInf><Rsn><Cd>AC04</Cd></Rsn></RtrInf>"
    _found, (entry,) = read(put(path, camt([statement([Booking(1, txs=[Tx(1, extra=why)])])])))
    assert entry.details[0].return_reason == "AC04"


def test_a_comment_inside_an_amount_changes_nothing(path: Path) -> None:
    text = camt([statement([VIPPS])]).replace("97.75", "97<!-- 1 -->.7<?x y?>5")
    found, (entry,) = read(put(path, text))
    assert (found.problems, entry.minor) == ([], 9_775)


def test_prefixes_and_entries_of_other_namespaces_change_nothing(path: Path) -> None:
    plain = camt([statement([VIPPS])])
    _found, entries = read(put(path, plain))
    alien = "<SplmtryData><Envlp><Ntry xmlns='urn:other'><Amt>1</Amt></Ntry></Envlp></SplmtryData>"
    found, again = read(put(path, plain.replace("</Stmt>", f"{alien}</Stmt>")))
    assert (again, found.problems) == (entries, [])
    prefixed = re.sub(r"<(/?)([A-Z])", r"<\1c:\2", plain).replace("xmlns=", "xmlns:c=")
    found, again = read(put(path, prefixed))
    assert (again, found.problems, found.identity) == (entries, [], f"{IBAN} S-1")


def test_another_version_is_read_with_a_warning(path: Path) -> None:
    put(path, camt([statement([VIPPS], "13")], "13"))
    assert told(path) == [("not_this_layout", False)]


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("97.75", "97,75", "bad_amount"),
        ("97.75", "-97.75", "bad_amount"),
        ("97.75", "9.775e1", "bad_amount"),
        ("97.75", "97.755", "bad_amount"),
        ("97.75", "", "bad_amount"),
        ("97.75", "９7.75", "bad_amount"),
        ('Ccy="EUR"', 'Ccy="QQQ"', "currency_unknown"),
        ('Ccy="EUR"', "", "currency_unknown"),
        ('Ccy="EUR"', 'Ccy="SEK"', "bad_value"),
        ("<Sts><Cd>BOOK", "<Sts><Cd>DONE", "unknown_type"),
        ("<Sts><Cd>BOOK</Cd></Sts>", "", "unknown_type"),
        ("</RvslInd>", "x</RvslInd>", "bad_value"),
        ("<CdtDbtInd>CRDT", "<CdtDbtInd>C", "bad_value"),
        ("<BookgDt><Dt>2026-10-14", "<BookgDt><Dt>2026-13-14", "bad_date"),
        ("<BookgDt><Dt>2026-10-14", "<BookgDt><Dt>2026-10-14Tnoon", "bad_date"),
        (IBAN, "", "bad_value"),
        ("<ElctrncSeqNb>41", "<ElctrncSeqNb>x", "bad_value"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused(path: Path, old: str, new: str, code: str) -> None:
    text = camt([statement([VIPPS], balances=balance("OPBD", 0, "EUR"))])
    head, entry, rest = text.partition("<Ntry>")
    spot = (head, entry + rest) if old in {IBAN, "<ElctrncSeqNb>41"} else (entry + rest, head)
    assert old in spot[0]
    changed = spot[0].replace(old, new, 1)
    put(path, changed + spot[1] if spot[0] is head else spot[1] + changed)
    assert (code, True) in told(path)


BOMB = (
    '<!DOCTYPE Document [<!ENTITY a "aaaaaaaaaa">'
    + "".join(
        f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefghi", "bcdefghij", strict=True)
    )
    + "]>"
)


@pytest.mark.parametrize(
    ("doctype", "reference"),
    [
        (BOMB, "&j;"),
        ('<!DOCTYPE Document [<!ENTITY x SYSTEM "file:///etc/passwd">]>', "&x;"),
        ('<!DOCTYPE Document SYSTEM "http://127.0.0.1:9/camt.dtd">', ""),
        ("<!DOCTYPE Document>", ""),
    ],
)
@pytest.mark.parametrize("far", [False, True])
def test_a_document_type_is_never_read(path: Path, doctype: str, reference: str, far: bool) -> None:
    text = camt([statement([VIPPS])])
    comment = f"<!--{'x' * 100_000}-->" if far else ""
    text = text.replace("\n", f"{comment}{doctype}\n", 1).replace("Vipps AS", f"{reference}Vipps")
    put(path, text)
    assert told(path) == [("bad_value", True)]
    assert layout.identify(path.name, path.read_bytes()[:65_536], {}) == "statement"


def test_an_entity_that_is_not_declared_is_refused(path: Path) -> None:
    put(path, camt([statement([VIPPS])]).replace("Vipps AS", "&x;"))
    assert told(path) == [("bad_value", True)]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"<html><body>502</body></html>", "not_this_layout"),
        (b"%PDF-1.7", "not_this_layout"),
        (b"<Document xmlns='urn:iso:std:iso:20022:tech:xsd:camt.052.001.08'/>", "not_this_layout"),
        (b"<Document xmlns='urn:iso:std:iso:20022:tech:xsd:camt.053.001.08'/>", "truncated"),
        (b"<?xml version='1.0' encoding='UTF-7'?><Document/>", "bad_encoding"),
        (b"", "empty"),
    ],
)
def test_something_else_is_not_a_statement(path: Path, data: bytes, code: str) -> None:
    path.write_bytes(data)
    assert told(path) == [(code, True)]


def test_encodings_are_the_declared_one(path: Path) -> None:
    text = camt([statement([Booking(1, txs=[Tx(1, name="Pölö Oy")])])])
    path.write_bytes(text.replace("UTF-8", "ISO-8859-1").encode("latin-1"))
    assert read(path)[1][0].counterparty == "Pölö Oy"
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert read(path)[1][0].counterparty == "Pölö Oy"
    path.write_bytes(text.encode("latin-1"))
    assert told(path) == [("bad_encoding", True)]
    path.write_bytes(text.encode("utf-16"))
    assert told(path) == [("bad_encoding", True)]


@pytest.mark.parametrize(
    ("good", "moved"),
    [
        ("<NtryDtls>", "<Other>"),
        ("<NtryDtls><TxDtls>", "</Ntry><NtryDtls><TxDtls>"),
        ("</GrpHdr>", "<Ntry></Ntry></GrpHdr>"),
        ("</RmtInf>", "<Ntry></Ntry></RmtInf>"),
        ("</RmtInf>", "<Stmt></Stmt></RmtInf>"),
    ],
)
def test_money_outside_of_its_entry_or_statement_is_refused(
    path: Path, good: str, moved: str
) -> None:
    text = camt([statement([VIPPS])]).replace(good, moved, 1)
    put(path, text.replace("</NtryDtls>", "</Other>") if moved == "<Other>" else text)
    assert told(path)[-1] == ("bad_value", True)


def test_a_cut_file_is_never_read(path: Path) -> None:
    whole = camt([statement([VIPPS, FEE])]).encode().rstrip()
    for cut in {*range(1, len(whole), 37), *range(len(whole) - 60, len(whole))}:
        path.write_bytes(whole[:cut])
        (code, is_error), *_more = [one for one in told(path) if one[1]]
        assert is_error, f"readable when cut at {cut}"
        assert code in {"truncated", "not_this_layout"}


def _resident() -> int:
    pages = Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def test_entries_are_forgotten_once_they_were_told(path: Path) -> None:
    """A hundred thousand entries cost what a thousand do: here a few thousand, written so."""
    number = 4_000
    one = booking(VIPPS, "08", "EUR")

    def parts() -> Iterable[str]:
        head, _entry, tail = statement([], opening=0, closing=9_775 * number).rpartition("</Stmt>")
        yield head
        for _number in range(number):
            yield one
        yield _entry + tail

    with path.open("w", encoding="utf-8") as file:
        file.writelines(camt_parts(parts()))
    found = layout.read(path, {})
    entries = iter(found.entries)
    for _number in range(1_000):
        next(entries)
    before = _resident()
    assert sum(1 for _entry in entries) == number - 1_000
    assert found.problems == []
    assert found.pages[0].entries == number
    # The whole tree of the rest is more than 20 MB.
    assert _resident() - before < 8 * 1024**2


TEXTS = st.text(st.sampled_from("abcøéß·-.&<>'\" 7ÅÑ"), max_size=40).map(
    lambda t: " ".join(t.split())
)
MINORS = st.integers(-(10**11), 10**11).filter(bool)


@st.composite
def bookings(draw: st.DrawFn) -> Booking:
    minor = draw(MINORS)
    sign = -1 if minor < 0 else 1
    txs = []
    if draw(st.booleans()):
        rest = abs(minor)
        for _number in range(draw(st.integers(0, 2))):
            part = draw(st.integers(0, rest))
            txs.append(Tx(sign * part, name=draw(TEXTS), text=(draw(TEXTS),)))
            rest -= part
        # A zero says no direction.
        txs = [one for one in txs if one.minor] + (
            [Tx(sign * rest, text=(draw(TEXTS),))] if rest else []
        )
    return Booking(
        minor, status=draw(st.sampled_from(["BOOK", "BOOK", "PDNG", "INFO"])), txs=txs,
        batch=len(txs) or None, reversal=draw(st.booleans()), reference=draw(st.just("R1")),
    )  # fmt: skip


@given(
    version=st.sampled_from(VERSIONS),
    accounts=st.lists(
        st.tuples(st.sampled_from(samples.CURRENCIES), st.integers(-(10**11), 10**11),
                  st.lists(bookings(), max_size=5)),
        min_size=1, max_size=3,
    ),
)  # fmt: skip
@samples.PROPERTY
def test_any_statement_is_read_as_it_was_made(
    path: Path, version: str, accounts: list[tuple[str, int, list[Booking]]]
) -> None:
    text = camt(
        [
            statement(made, version, currency=currency, opening=opening, id=f"S-{number}",
                      summary=summary(made, currency), number=number)
            for number, (currency, opening, made) in enumerate(accounts)
        ],
        version,
    )  # fmt: skip
    found, entries = read(put(path, text))
    # A reversal and a pending entry may stand anywhere; sides of summaries count all of them.
    wanted = [(number, one) for number, (_c, _o, made) in enumerate(accounts) for one in made]
    announced = any(one.status != "BOOK" for _number, one in wanted)
    assert announced or found.problems == []
    assert [
        (one.page, one.minor, one.status, one.is_reversal, one.detail_count) for one in entries
    ] == [(number, one.minor, one.status, one.reversal, len(one.txs)) for number, one in wanted]
    assert [
        tuple((d.minor, d.counterparty, d.remittance) for d in one.details) for one in entries
    ] == [tuple((t.minor, t.name, t.text[0]) for t in one.txs) for _number, one in wanted]
    assert [(page.opening_minor, page.currency) for page in found.pages] == [
        (opening, currency) for currency, opening, _made in accounts
    ]
