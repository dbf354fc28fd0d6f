"""The Report API's ledgers: every balance proved, fees folded in, an open day never taken."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wallets.formats import samples
from wallets.formats import vipps_ledger
from wallets.formats.columns import CannotWrite
from wallets.formats.statement import Line

OPTIONS = {"wallet": "vipps", "timezone": "Europe/Oslo"}
CLOSED = "2022-10-02T00:00:00.000000+0200"


def entry(kind: str, minor: int, ref: str, **fields: Any) -> dict[str, Any]:
    handle = None if kind in ("fees-retained", "scheduled-for-payout") else "NO:57860"
    return {
        "pspReference": ref, "time": fields.pop("time", "2022-10-01T16:33:00.824993+0200"),
        "ledgerDate": "2022-10-01", "entryType": kind, "reference": None, "currency": "NOK",
        "amount": minor, "recipientHandle": handle, **fields,
    }  # fmt: skip


def balanced(entries: list[dict[str, Any]], balance: int = 0) -> list[dict[str, Any]]:
    found = []
    for one in entries:
        found.append({**one, "balanceBefore": balance, "balanceAfter": balance + one["amount"]})
        balance += one["amount"]
    return found


PAYOUT = entry(
    "scheduled-for-payout", -28_800, "12345-2000023", time=CLOSED,
    reference="Vipps utbet. 2000023 Vippsnr 57860",
)  # fmt: skip
FUNDS = [
    entry("capture", 10_000, "3343121302", reference="purchase-12"),
    entry("capture", 10_000, "3334234112", reference="purchase-12"),
    entry("capture", 20_000, "3259823497", reference="purchase-14"),
    entry("refund", -10_000, "1154320987", reference="purchase-12"),
    entry("fees-retained", -1_200, "01H7W7Q6Y5R", time=CLOSED),
    PAYOUT,
]
FEES = [
    entry("capture-fee", -400, "3343121302", reference="purchase-12"),
    entry("capture-fee", -400, "3334234112", reference="purchase-12"),
    entry("capture-fee", -400, "3259823497", reference="purchase-14"),
    entry("fees-retained", 1_200, "12345-2000321", time=CLOSED),
]


def answer(entries: list[dict[str, Any]], **said: Any) -> dict[str, Any]:
    return {"items": entries, "hasMore": False, **said}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "vipps_20221001.json"


def put(path: Path, *answers: Any, between: str = "\n", indent: int | None = None) -> Path:
    texts = [one if isinstance(one, str) else json.dumps(one, indent=indent) for one in answers]
    path.write_text(between.join(texts) + "\n", encoding="utf-8")
    return path


def a_day(funds: list[dict[str, Any]], fees: list[dict[str, Any]] | None = None) -> list[Any]:
    found = [answer(balanced(funds))]
    return found if fees is None else [answer(balanced(fees)), *found]


def told(path: Path, **options: Any) -> tuple[list[tuple[str, int]], list[Line]]:
    """What a file is warned or refused for, and its lines."""
    statement, lines = samples.read_all("vipps_ledger", path, {**OPTIONS, **options})
    return [(one.code, one.line_no) for one in statement.problems], lines


def sums(lines: list[Line]) -> tuple[int, int, int]:
    return (
        sum(int(one.gross) for one in lines), sum(int(one.fee) for one in lines),
        sum(int(one.net) for one in lines),
    )  # fmt: skip


def test_the_published_day_is_read_and_comes_to_nought(path: Path) -> None:
    assert [one["amount"] for one in FUNDS] == [10_000, 10_000, 20_000, -10_000, -1_200, -28_800]
    assert sum(one["amount"] for one in FUNDS) == sum(one["amount"] for one in FEES) == 0
    put(path, *a_day(FUNDS, FEES), indent=2)
    statement, lines = samples.read_all("vipps_ledger", path, OPTIONS)
    assert statement.problems == []
    assert lines[0] == samples.line(
        10_000, 400, no=lines[0].no, ref="3343121302", store="57860", merchant_ref="purchase-12",
        occurred_at="2022-10-01T16:33:00.824993+02:00",
    )  # fmt: skip
    assert [(one.kind, one.gross, one.fee, one.net) for one in lines] == [
        ("sale", "10000", "400", "9600"), ("sale", "10000", "400", "9600"),
        ("sale", "20000", "400", "19600"), ("refund", "-10000", "0", "-10000"),
    ]  # fmt: skip
    assert path.read_text().splitlines()[lines[0].no - 1].strip() == "{"
    (batch,) = statement.batches
    assert (batch.ref, batch.currency, batch.declared_net_minor) == (
        "57860-2000023", "NOK", 28_800,
    )  # fmt: skip
    assert sums(lines) == (30_000, 1_200, 28_800)
    # Ten entries: four are lines, three fees are folded in, the rest are sums that were proved.
    assert (statement.records, statement.others) == (10, 6)
    assert (str(statement.period_from), str(statement.period_to)) == ("2022-10-01", "2022-10-01")
    assert statement.identity == "NO:57860 2022-10-01"


@pytest.mark.parametrize("fees_first", [True, False])
@pytest.mark.parametrize(("between", "indent"), [("\n", None), ("", None), (" \r\n\n", 4)])
def test_answers_may_stand_in_any_order_and_on_any_lines(
    path: Path, fees_first: bool, between: str, indent: int | None
) -> None:
    answers = a_day(FUNDS, FEES)
    put(path, *(answers if fees_first else reversed(answers)), between=between, indent=indent)
    problems, lines = told(path)
    assert problems == []
    assert [one.fee for one in lines] == ["400", "400", "400", "0"]
    assert [one.no for one in lines] == sorted({one.no for one in lines})


def test_pages_of_one_day_are_one_ledger(path: Path) -> None:
    funds, fees = balanced(FUNDS), balanced(FEES)
    put(
        path,
        answer(funds[:2], hasMore=True, cursor="a"), answer(funds[2:5], hasMore=True, cursor="b"),
        answer(funds[5:]), answer(fees[:3], hasMore=True, cursor="c"), answer(fees[3:]),
    )  # fmt: skip
    problems, lines = told(path)
    assert (problems, sums(lines)) == ([], (30_000, 1_200, 28_800))


def test_small_pieces_and_large_ones_read_the_same(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(path, *a_day(FUNDS, FEES), indent=1)
    expected = told(path)
    for size in (1, 7, 64, 1_000):
        monkeypatch.setattr(vipps_ledger, "_PIECE", size)
        assert told(path) == expected


def test_fees_in_their_captures_order_are_not_held(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    captures = [entry("capture", 100, f"C{n}") for n in range(300)]
    fees = [entry("capture-fee", -1, f"C{n}") for n in range(300)]
    most = 0

    class Watched(dict[str, Any]):
        def setdefault(self, key: str, default: Any = None) -> Any:
            nonlocal most
            found = super().setdefault(key, default)
            most = max(most, len(self))
            return found

    class Reader(vipps_ledger._Reader):
        def __init__(self, *given: Any) -> None:
            super().__init__(*given)
            self.held = Watched()

    monkeypatch.setattr(vipps_ledger, "_Reader", Reader)
    put(path, *a_day(captures, fees))
    assert sums(told(path)[1]) == (30_000, 300, 29_700)
    assert most == 1
    put(path, *a_day(captures, list(reversed(fees))))
    assert sums(told(path)[1]) == (30_000, 300, 29_700)
    assert most == 300


def test_several_fees_of_one_capture_are_one_fee(path: Path) -> None:
    fees = [FEES[0], {**FEES[0], "amount": -50}, *FEES[1:3], {**FEES[3], "amount": 1_250}]
    funds = [*FUNDS[:4], {**FUNDS[4], "amount": -1_250}, {**PAYOUT, "amount": -28_750}]
    problems, lines = told(put(path, *a_day(funds, fees)))
    assert problems == []
    assert [one.fee for one in lines] == ["450", "400", "400", "0"]


def test_fees_without_their_capture_are_lines_of_their_own(path: Path) -> None:
    fees = [*FEES[:3], entry("capture-fee", -70, "OLD"), {**FEES[3], "amount": 1_270}]
    funds = [*FUNDS[:4], {**FUNDS[4], "amount": -1_270}, {**PAYOUT, "amount": -28_730}]
    problems, lines = told(put(path, *a_day(funds, fees)))
    assert problems == []
    assert [(one.kind, one.ref, one.gross, one.fee, one.net) for one in lines[4:]] == [
        ("not_a_payment", "OLD", "0", "70", "-70")
    ]


def test_without_the_fees_ledger_what_is_retained_is_a_line(path: Path) -> None:
    problems, lines = told(put(path, *a_day(FUNDS)))
    assert problems == []
    assert [(one.kind, one.fee, one.net) for one in lines] == [
        ("sale", "0", "10000"), ("sale", "0", "10000"), ("sale", "0", "20000"),
        ("refund", "0", "-10000"), ("not_a_payment", "1200", "-1200"),
    ]  # fmt: skip
    assert sums(lines) == (30_000, 1_200, 28_800)


def test_invoiced_fees_are_not_taken_from_the_payout(path: Path) -> None:
    fees = [*FEES[:3], {**FEES[3], "entryType": "fees-invoiced"}]
    funds = [*FUNDS[:4], {**PAYOUT, "amount": -30_000}]
    problems, lines = told(put(path, *a_day(funds, fees)))
    assert problems == []
    assert (lines[4].kind, lines[4].fee, lines[4].net) == ("not_a_payment", "-1200", "1200")
    assert sums(lines) == (30_000, 0, 30_000)


def test_a_balance_brought_forward_is_paid_with_the_batch(path: Path) -> None:
    funds = balanced([*FUNDS[:5], {**PAYOUT, "amount": -33_800}], 5_000)
    statement, lines = samples.read_all(
        "vipps_ledger", put(path, answer(balanced(FEES)), answer(funds)), OPTIONS
    )
    assert statement.problems == []
    assert (lines[4].kind, lines[4].ref, lines[4].net) == ("not_a_payment", "12345-2000023", "5000")
    assert sums(lines)[2] == statement.batches[0].declared_net_minor == 33_800


def test_fees_retained_later_are_paid_out_first(path: Path) -> None:
    later = {"ledgerDate": "2022-10-02"}
    first = [*FUNDS[:4], {**PAYOUT, "amount": -30_000}]
    second = [
        entry("capture", 5_000, "77", **later),
        {**FUNDS[4], **later},
        {**PAYOUT, **later, "amount": -3_800, "pspReference": "12345-2000024", "reference": None},
    ]
    answers = (
        answer(balanced(FEES[:3])), answer(balanced(first)),
        answer(balanced([{**FEES[3], **later}], -1_200)), answer(balanced(second)),
    )  # fmt: skip
    statement, lines = samples.read_all("vipps_ledger", put(path, *answers), OPTIONS)
    assert statement.problems == []
    assert [(b.ref, b.declared_net_minor) for b in statement.batches] == [
        ("57860-2000023", 30_000), ("12345-2000024", 3_800),
    ]  # fmt: skip
    for index, net in ((0, 30_000), (1, 3_800)):
        assert sums([one for one in lines if one.batch == index])[2] == net
    assert str(statement.period_to) == "2022-10-02"


def test_entries_not_paid_out_yet_are_a_batch_without_a_sum(path: Path) -> None:
    statement, lines = samples.read_all("vipps_ledger", put(path, *a_day(FUNDS[:4])), OPTIONS)
    assert statement.problems == []
    assert [(b.ref, b.declared_net_minor) for b in statement.batches] == [
        ("57860-2022-10-01", None)
    ]
    assert len(lines) == 4


def test_other_movements_are_counted_and_unknown_ones_warned_of_once(path: Path) -> None:
    others = [
        entry("correction", -300, "K1"), entry("top-up", 400, "K2"),
        entry("retained-disputed-capture", -500, "K3"), entry("bonus", 60, "K4"),
        entry("bonus", 40, "K5"), entry("payout-aborted", 1_000, "K6"),
    ]  # fmt: skip
    funds = [*FUNDS[:4], *others, FUNDS[4], {**PAYOUT, "amount": -29_500}]
    problems, lines = told(put(path, *a_day(funds, FEES)))
    assert [code for code, _line_no in problems] == ["unknown_type"]
    assert [(one.ref, one.kind, one.gross) for one in lines[4:]] == [
        ("K1", "not_a_payment", "-300"), ("K2", "not_a_payment", "400"),
        ("K3", "not_a_payment", "-500"), ("K4", "not_a_payment", "60"),
        ("K5", "not_a_payment", "40"), ("K6", "not_a_payment", "1000"),
    ]  # fmt: skip
    assert sums(lines) == (30_700, 1_200, 29_500)


def test_unknown_entries_in_front_wait_for_one_that_tells_the_ledger(path: Path) -> None:
    funds = [entry("bonus", 100, "B1"), *FUNDS[:5], {**PAYOUT, "amount": -28_900}]
    fees = [entry("discount", 50, "3343121302"), *FEES[:3], {**FEES[3], "amount": 1_150}]
    funds[5] = {**funds[5], "amount": -1_150}
    funds[6] = {**funds[6], "amount": -28_950}
    problems, lines = told(put(path, *a_day(funds, fees)))
    assert [code for code, _line_no in problems] == ["unknown_type", "unknown_type"]
    assert [(one.ref, one.fee) for one in lines[:2]] == [("B1", "0"), ("3343121302", "350")]
    assert sums(lines) == (30_100, 1_150, 28_950)


def test_an_open_day_is_refused_and_to_be_fetched_again(path: Path) -> None:
    put(path, *a_day(FUNDS[:4]), {"items": [], "tryLater": True})
    (problem,) = samples.problems("vipps_ledger", path, OPTIONS)
    assert problem.code == "truncated"
    assert "Fetch it again, half an hour later" in problem.text


def test_an_answer_that_has_more_is_not_the_last(path: Path) -> None:
    put(path, answer(balanced(FUNDS), hasMore=True, cursor="x"))
    assert [code for code, _no in samples.errors("vipps_ledger", path, OPTIONS)] == ["truncated"]


def test_fees_alone_are_half_a_file(path: Path) -> None:
    put(path, answer(balanced(FEES)))
    assert samples.errors("vipps_ledger", path, OPTIONS) == [("truncated", 1)]


def test_a_lost_a_repeated_and_a_changed_entry_show(path: Path) -> None:
    funds = balanced(FUNDS)
    for lost in range(1, 5):
        put(path, answer([*funds[:lost], *funds[lost + 1 :]]))
        codes = {code for code, _no in samples.errors("vipps_ledger", path, OPTIONS)}
        assert codes == {"total_differs"}
        put(path, answer([*funds[:lost], funds[lost], *funds[lost:]]))
        assert samples.errors("vipps_ledger", path, OPTIONS)[0][0] == "total_differs"
        changed = {**funds[lost], "amount": funds[lost]["amount"] + 1}
        put(path, answer([*funds[:lost], changed, *funds[lost + 1 :]]))
        assert samples.errors("vipps_ledger", path, OPTIONS)[0][0] == "total_differs"


def test_a_day_that_comes_twice_or_is_absent_shows(path: Path) -> None:
    put(path, *a_day(FUNDS, FEES), *a_day(FUNDS, FEES))
    assert samples.errors("vipps_ledger", path, OPTIONS)[0][0] == "bad_value"
    later = [{**one, "ledgerDate": "2022-10-03"} for one in FUNDS]
    put(path, *a_day(FUNDS), answer(balanced(later, 700)))
    assert samples.errors("vipps_ledger", path, OPTIONS)[0][0] == "total_differs"


def test_the_ledgers_must_agree_on_what_is_retained(path: Path) -> None:
    put(path, *a_day(FUNDS, [*FEES[:3], {**FEES[3], "amount": 1_100}]))
    codes = [code for code, _no in samples.errors("vipps_ledger", path, OPTIONS)]
    assert codes == ["total_differs"]


def test_a_sum_may_be_larger_than_its_entries(path: Path) -> None:
    captures = [entry("capture", 2**31 - 1, f"C{n}") for n in range(3)]
    payout = {**PAYOUT, "amount": -3 * (2**31 - 1)}
    problems, lines = told(put(path, *a_day([*captures, payout])))
    assert (problems, sums(lines)) == ([], (6_442_450_941, 0, 6_442_450_941))


def test_a_payout_that_is_not_its_batch_is_refused(path: Path) -> None:
    funds = [*FUNDS[:5], {**PAYOUT, "amount": -28_000}]
    codes = [code for code, _no in samples.errors("vipps_ledger", put(path, *a_day(funds, FEES)),
                                                  OPTIONS)]  # fmt: skip
    assert codes == ["total_differs"]


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ('"amount": 20000', '"amount": 20000.0', "bad_value"),
        ('"amount": 20000', '"amount": 2e4', "bad_value"),
        ('"amount": 20000', '"amount": NaN', "bad_value"),
        ('"amount": 20000', '"amount": -Infinity', "bad_value"),
        ('"amount": 20000', '"amount": "20000"', "bad_amount"),
        ('"amount": 20000', '"amount": true', "bad_amount"),
        ('"amount": 20000', '"amount": null', "bad_amount"),
        ('"amount": 20000', '"amount": 2147483648', "bad_amount"),
        ('"amount": 20000', '"amount": ' + "9" * 5_000, "bad_value"),
        ('"amount": 20000', '"amount": 1, "amount": 20000', "bad_value"),
        ('"amount": 20000, ', "", "bad_amount"),
        ('"pspReference": "3259823497"', '"pspReference": 3259823497', "bad_value"),
        ('"pspReference": "3259823497"', '"pspReference": "32 59"', "bad_value"),
        ('"pspReference": "3259823497"', '"pspReference": ""', "bad_value"),
        ('"reference": "purchase-14"', '"reference": 14', "bad_value"),
        ('"reference": "purchase-14"', '"reference": "a\\u0000b"', "bad_value"),
        ('"recipientHandle": "NO:57860"', '"recipientHandle": "57860"', "bad_value"),
        ('"recipientHandle": "NO:57860"', '"recipientHandle": null', "bad_value"),
        ('"currency": "NOK", "amount": 20000', '"currency": "DKK", "amount": 20000', "bad_value"),
        ('"currency": "NOK"', '"currency": "XXX"', "currency_unknown"),
        ('"ledgerDate": "2022-10-01"', '"ledgerDate": "2023-31-12"', "bad_date"),
        ("16:33:00.824993+0200", "16:33:00.824993", "bad_date"),
        ("16:33:00.824993+0200", "25:33:00.824993+0200", "bad_date"),
        ('"hasMore": false', '"hasMore": false, "hasMore": false', "bad_value"),
        ('"hasMore": false', '"hasMore": false, "items": []', "bad_value"),
        ('"hasMore": false', '"hasMore": false x', "not_this_layout"),
        ('"items"', '"rows"', "not_this_layout"),
        ('"amount": 20000', '"amount": 20,000', "bad_value"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(path: Path, old: str, new: str, code: str) -> None:
    text = json.dumps(answer(balanced(FUNDS)))
    assert old in text
    put(path, text.replace(old, new, 1))
    assert samples.errors("vipps_ledger", path, OPTIONS)[0][0] == code


def test_a_shop_without_a_handle_is_the_feeds_to_tell(path: Path) -> None:
    funds = [{**one, "recipientHandle": None} for one in FUNDS]
    put(path, *a_day(funds))
    assert samples.errors("vipps_ledger", path, OPTIONS)[0][0] == "bad_value"
    _problems, lines = told(path, store="57860")
    assert {one.store for one in lines} == {"57860"}
    api = [{**one, "recipientHandle": "api:123456"} for one in FUNDS]
    _problems, lines = told(put(path, *a_day(api)))
    assert {one.store for one in lines} == {"123456"}


def test_one_file_is_of_one_ledger(path: Path) -> None:
    first, second = a_day(FUNDS, FEES)
    put(path, {"ledgerId": "302321", **first}, {"ledgerId": "302321", **second})
    statement, _lines = samples.read_all("vipps_ledger", path, OPTIONS)
    assert (statement.problems, statement.identity) == ([], "302321 2022-10-01")
    put(path, {"ledgerId": "302321", **first}, {"ledgerId": "302322", **second})
    assert samples.errors("vipps_ledger", path, OPTIONS)[0][0] == "bad_value"


def test_a_deep_or_endless_value_does_not_hold_the_worker(path: Path) -> None:
    path.write_text('{"items":[' + "[" * 200_000, encoding="utf-8")
    assert samples.errors("vipps_ledger", path, OPTIONS)[0][0] in {"bad_value", "truncated"}
    path.write_text('{"items":[{"a":"' + "x" * 3_000_000 + '"}]}\n', encoding="utf-8")
    assert samples.errors("vipps_ledger", path, OPTIONS)[0][0] == "bad_value"


def test_an_answer_that_says_a_thousand_things_is_refused(path: Path) -> None:
    funds, fees = answer(balanced(FUNDS), topic="funds"), answer(balanced(FEES), topic="fees")
    for extra, expected in ((20, []), (1_000, [("bad_value", 1)])):
        said = {f"extra{number}": number for number in range(extra)}
        put(path, {**said, **funds}, fees)
        assert samples.errors("vipps_ledger", path, OPTIONS) == expected


def test_what_the_ledger_cannot_say_is_not_written(path: Path) -> None:
    one = samples.line()
    for other in (
        one._replace(settled_currency="EUR"), one._replace(store="shop"),
        one._replace(occurred_at=""), samples.line(2**31, 0),
    ):  # fmt: skip
        sheet = samples.sheet("vipps_ledger", [other], wallet="vipps")
        with pytest.raises(CannotWrite):
            vipps_ledger.write(path, sheet, OPTIONS)
    two = samples.sheet("vipps_ledger", [one, samples.line(currency="DKK")], wallet="vipps")
    with pytest.raises(CannotWrite):
        vipps_ledger.write(path, two, OPTIONS)


def test_more_than_a_page_is_written_and_read(path: Path) -> None:
    lines = [samples.line(100 + n, 1, ref=str(n)) for n in range(2_400)]
    sheet = samples.sheet("vipps_ledger", lines, wallet="vipps")
    numbers = vipps_ledger.write(path, sheet, OPTIONS)
    statement, read = samples.read_all("vipps_ledger", path, OPTIONS)
    assert statement.problems == []
    assert [one._replace(no=0) for one in read] == sheet.lines
    assert [one.no for one in read] == numbers
    assert path.read_text().count('"hasMore":true') == 4


@st.composite
def some_lines(draw: st.DrawFn) -> list[Line]:
    found = []
    currency = draw(st.sampled_from(["NOK", "DKK", "EUR"]))
    for number in range(draw(st.integers(0, 8))):
        kind = draw(st.sampled_from(["sale", "refund", "not_a_payment"]))
        minor = draw(st.integers(1, 2**31 - 1))
        if kind == "refund" or (kind == "not_a_payment" and draw(st.booleans())):
            minor = -minor
        fee = 0 if kind == "not_a_payment" else draw(st.integers(-(10**6), 10**6))
        found.append(samples.line(
            minor, fee, kind=kind, ref=f"{draw(st.integers(1, 10**15))}-{number}",
            store=draw(st.sampled_from(["16655", "513428"])), currency=currency,
            merchant_ref=draw(st.text(st.sampled_from('abø<&"\\,{} 7'), max_size=12)).strip(),
            occurred_at=draw(st.sampled_from(["2026-10-14T00:00:00+01:00",
                                              "2026-02-28T23:59:59.123456+00:00"])),
        ))  # fmt: skip
    return found


@given(lines=some_lines())
@samples.PROPERTY
def test_any_lines_come_back_as_they_were(path: Path, lines: list[Line]) -> None:
    sheet = samples.sheet("vipps_ledger", lines, wallet="vipps")
    numbers = vipps_ledger.write(path, sheet, OPTIONS)
    statement, read = samples.read_all("vipps_ledger", path, OPTIONS)
    assert statement.problems == []
    assert [one._replace(no=0) for one in read] == sheet.lines
    assert [one.no for one in read] == numbers


@given(lines=some_lines(), cut=st.integers(1, 3_000))
@samples.PROPERTY
def test_no_cut_file_reads(path: Path, lines: list[Line], cut: int) -> None:
    sheet = samples.sheet("vipps_ledger", lines, wallet="vipps")
    vipps_ledger.write(path, sheet, OPTIONS)
    whole = path.read_bytes().rstrip()
    path.write_bytes(whole[: max(len(whole) - cut, 1)])
    assert samples.errors("vipps_ledger", path, OPTIONS)
