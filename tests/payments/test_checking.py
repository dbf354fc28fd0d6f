"""What a file would be judged to be: exact, for every layout, and nothing of it is stored."""

from __future__ import annotations

import io
import json
import tracemalloc
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.core.management import call_command
from django.core.management.base import CommandError

from payments import checking, reasons
from payments.checking import Verdict
from tests import builders
from tests.wallets.formats import samples
from tests.wallets.formats.cases import CASES, lines_of
from wallets import formats
from wallets.formats.statement import Statement
from wallets.models import Feed


def everything() -> dict[str, list[str]]:
    return {
        model._meta.label: sorted(map(repr, model.objects.values_list()))
        for model in apps.get_models()
    }


def feed_of(layout: str) -> Feed:
    """A feed that sends a layout as its case describes it; not saved."""
    case = CASES[layout]
    feed = Feed.objects.select_related("wallet").get(code="vipps")
    feed.format, feed.options, feed.pattern = layout, dict(case.options), "*"
    feed.wallet.code, feed.wallet.timezone = case.wallet, case.zone
    return feed


def written(layout: str, folder: Path, **fields: Any) -> Path:
    """A good sample of a layout, unless told otherwise."""
    path = CASES[layout].path(folder)
    sheet = samples.sheet(layout, lines_of(layout), wallet=CASES[layout].wallet, **fields)
    formats.get(layout).write(path, sheet, CASES[layout].told())
    return path


@pytest.fixture
def vipps(alliance) -> Feed:
    return Feed.objects.select_related("wallet").get(code="vipps")


@pytest.fixture
def bluecode(alliance) -> Feed:
    return Feed.objects.select_related("wallet").get(code="bluecode")


def scheme(folder: Path, *records: str, name: str = "bluecode_1.txt") -> Path:
    """A file of the alliance's own layout, of 14 October, closed by its E record."""
    head = "H|1|bluecode|41|2026-10-14|2026-10-14|2026-10-15"
    path = folder / name
    path.write_text("\n".join([head, *records, f"E|{len(records) + 2}"]) + "\n")
    return path


def detail(ref: str, *, store: str = "100001", wallet: str = "bluecode", gross: str = "10.00",
           fee: str = "0.10", net: str = "9.90", kind: str = "S") -> str:  # fmt: skip
    return f"D|{wallet}|{kind}|{ref}|{store}|EUR|{gross}|EUR|{gross}|{fee}|{net}||||"


def total(count: int, gross: str, fee: str, net: str, *, wallet: str = "bluecode") -> str:
    return f"T|{wallet}-41|{wallet}|EUR|2026-10-16|{count}|{gross}|{fee}|{net}"


def codes(verdict: Verdict) -> list[tuple[str, int]]:
    return [(problem.code, problem.line_no) for problem in verdict.problems if problem.is_error]


# --- every layout


@pytest.mark.parametrize("layout", sorted(CASES))
def test_a_good_sample_of_every_layout_would_be_reconciled(alliance, tmp_path, layout) -> None:
    path = written(layout, tmp_path)
    before = everything()
    verdict = checking.check(feed=feed_of(layout), path=path)
    lines = lines_of(layout)
    assert (verdict.is_accepted, codes(verdict), verdict.problem_records) == (True, [], 0)
    assert verdict.read_to_end
    assert verdict.lines == len(lines)
    assert verdict.records == verdict.lines + verdict.others
    assert {currency: one.net_minor for currency, one in verdict.sums.items()} == {
        currency: sum(int(line.net) for line in lines if line.settled_currency == currency)
        for currency in {line.settled_currency for line in lines}
    }
    assert verdict.batches_differing == 0
    assert [one.differs for one in verdict.sums.values()] == [[] for _ in verdict.sums]
    assert verdict.relation == checking.Relation("new")
    assert everything() == before
    assert list(tmp_path.glob("var/**/*")) == []


@pytest.mark.parametrize("layout", [name for name in sorted(CASES) if CASES[name].declares])
def test_a_lying_total_is_marked_at_its_batch_and_currency(alliance, tmp_path, layout) -> None:
    verdict = checking.check(
        feed=feed_of(layout), path=written(layout, tmp_path, misstate_minor=100)
    )
    assert {code for code, _line in codes(verdict)} == {"total_differs"}
    if verdict.problem_records:
        # The total itself is a record that could not be taken.
        assert (verdict.is_compared, verdict.batches_differing) == (False, 0)
        return
    assert verdict.batches_differing == 1
    first, *others = verdict.batches
    stated = [
        declared - found
        for declared, found in zip(first.declared, first.found, strict=True)
        if declared is not None and declared != found
    ]
    assert stated in ([100], [100, 100])
    assert len(first.differs) == len(stated)
    assert [one.differs for one in others] == [[]] * len(others)
    assert verdict.sums[first.currency].differs == first.differs


@pytest.mark.parametrize("layout", sorted(CASES))
def test_a_cut_file_would_be_quarantined(alliance, tmp_path, layout) -> None:
    path = written(layout, tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2 - 1])
    verdict = checking.check(feed=feed_of(layout), path=path)
    assert not verdict.is_accepted
    assert verdict.batches_differing == 0, "what was not read to its end is not compared"


# --- one file, line by line


def test_every_problem_has_its_line_its_code_and_what_to_do(bluecode, tmp_path) -> None:
    path = scheme(
        tmp_path, detail("A1"), detail("A2", net="9.80"), detail("A3", kind="X"),
        detail("A4", gross="1O.00"), total(4, "40.00", "0.40", "39.60"),
    )  # fmt: skip
    verdict = checking.check(feed=bluecode, path=path)
    assert codes(verdict) == [("bad_amount", 3), ("unknown_type", 4), ("bad_amount", 5)]
    assert (verdict.records, verdict.lines, verdict.others, verdict.problem_records) == (7, 1, 3, 3)
    [data] = checking.as_data([verdict])["files"]
    assert data["would_be"] == "quarantined"
    assert data["problems"]["rows"][1] == {
        "line": 4, "code": "unknown_type", "severity": "error",
        "text": "Type 'X' is unknown; known are S, R, O.",
        "what_to_do": str(reasons.reason("unknown_type").to_do),
        "raw_line": "D|bluecode|X|A3|100001|EUR|10.00|EUR|10.00|0.10|9.90||||",
    }  # fmt: skip


def test_what_a_batch_declares_stands_beside_what_its_lines_add_up_to(bluecode, tmp_path) -> None:
    path = scheme(
        tmp_path, detail("A1"), detail("A2"), detail("M1", wallet="momo"),
        total(2, "20.00", "0.20", "19.80"), total(2, "10.00", "0.10", "9.89", wallet="momo"),
    )  # fmt: skip
    verdict = checking.check(feed=bluecode, path=path)
    assert codes(verdict) == [("count_differs", 6), ("total_differs", 6)]
    assert [(one.wallet, one.differs) for one in verdict.batches] == [
        ("momo", ["count", "net_minor"]), ("bluecode", []),
    ]  # fmt: skip
    assert verdict.batches[0].declared == (2, 1_000, 10, 989)
    assert verdict.batches[0].found == (1, 1_000, 10, 990)
    euro = verdict.sums["EUR"]
    assert euro.declared == {
        "count": 4, "gross_minor": 3_000, "fee_minor": 30, "net_minor": 2_969,
    }  # fmt: skip
    assert (euro.lines, euro.net_minor, euro.differs) == (3, 2_970, ["count", "net_minor"])


def test_rows_that_are_no_payments_are_counted_apart(bluecode, tmp_path) -> None:
    path = scheme(
        tmp_path, detail("A1"), detail("O1", kind="O", gross="-5.00", fee="0.00", net="-5.00"),
        total(2, "5.00", "0.10", "4.90"),
    )  # fmt: skip
    verdict = checking.check(feed=bluecode, path=path)
    euro = verdict.sums["EUR"]
    assert verdict.is_accepted
    assert (verdict.lines, verdict.not_payments, euro.lines, euro.net_minor) == (2, 1, 1, 990)
    assert (euro.others, euro.other_minor, euro.differs) == (1, -500, [])


def test_warnings_do_not_refuse_a_file_and_stand_behind_the_errors(
    bluecode, tmp_path, monkeypatch
) -> None:
    layout = formats.get("scheme")

    def with_warnings(path: Path, options: dict[str, Any]) -> Statement:
        statement = read(path, options)
        for number in range(1, 1_502):
            statement.warn("unknown_type", 2, f"An oddity, the {number}th.")
        return statement

    read = layout.read
    monkeypatch.setattr(layout, "read", with_warnings)
    good = scheme(tmp_path, detail("A1"), total(1, "10.00", "0.10", "9.90"))
    verdict = checking.check(feed=bluecode, path=good)
    assert (verdict.is_accepted, verdict.errors, verdict.warnings) == (True, 0, 1_501)
    assert len(verdict.problems) == checking.LISTED == 1_000
    bad = scheme(tmp_path, detail("A1", net="1.00"), total(1, "10.00", "0.10", "9.90"))
    verdict = checking.check(feed=bluecode, path=bad)
    assert (verdict.errors, verdict.problems[0].code) == (1, "bad_amount")


def test_a_reader_that_fails_is_ours_to_mend(bluecode, tmp_path, monkeypatch) -> None:
    def fails(path: Path, options: dict[str, Any]) -> Statement:
        raise ZeroDivisionError

    monkeypatch.setattr(formats.get("scheme"), "read", fails)
    verdict = checking.check(feed=bluecode, path=scheme(tmp_path))
    assert codes(verdict) == [("internal", 0)]
    assert "ZeroDivisionError" in verdict.problems[0].text


def test_every_code_that_a_reader_gives_is_explained() -> None:
    stable = (
        "total_differs count_differs truncated not_this_layout bad_encoding bad_amount bad_date "
        "bad_columns unknown_type bad_value empty too_large duplicate_heading currency_unknown "
        "bad_archive cannot_decrypt not_encrypted not_signed bad_signature records_uncounted "
        "internal gave_up"
    )
    assert set(stable.split()) <= reasons.known()
    assert str(reasons.reason("new_code").words) == "Problem “new_code”"


# --- beside what was received


def test_it_says_what_the_file_would_be_beside_those_received(vipps, shop, tmp_path) -> None:
    entry = builders.payment(shop).entries.get()
    path = builders.settlement_file(tmp_path, [builders.line(entry)])
    assert checking.check(feed=vipps, path=path).relation == checking.Relation("new")
    file = builders.reconciled("vipps", path)
    again = checking.check(feed=vipps, path=path, name="vipps-other-name.xml")
    assert again.relation == checking.Relation("resent", 1, "reconciled", file.pk)
    path = builders.settlement_file(tmp_path, [builders.line(entry, fee="1")])
    changed = checking.check(feed=vipps, path=path)
    assert changed.relation == checking.Relation("new_version", 2, "reconciled", file.pk)
    assert (changed.identity, changed.period_from) == (file.identity, date(2026, 10, 14))


def test_it_says_when_the_feed_would_not_even_collect_a_file_of_that_name(vipps, tmp_path) -> None:
    path = written("vipps_xml3", tmp_path)
    assert checking.check(feed=vipps, path=path).fits_pattern
    assert not checking.check(feed=vipps, path=path, name="report.xml").fits_pattern


# --- locations


def test_stores_that_no_location_is_enrolled_as_are_counted(bluecode, shop, tmp_path) -> None:
    known = shop.enrolments.get(wallet__code="bluecode").store_ref
    path = scheme(
        tmp_path, detail("A1", store=known), detail("A2", store="999"), detail("A3", store="888"),
        detail("A4", store="999"), detail("M1", store=known, wallet="nobody"),
        total(4, "40.00", "0.40", "39.60"),
        total(1, "10.00", "0.10", "9.90", wallet="nobody"),
    )  # fmt: skip
    verdict = checking.check(feed=bluecode, path=path)
    assert verdict.is_accepted
    assert (verdict.unknown_lines, verdict.unknown_stores) == (4, 3)
    assert verdict.unknown == [
        ("bluecode", "999", 2, 3), ("bluecode", "888", 1, 4), ("nobody", known, 1, 6),
    ]  # fmt: skip


def test_nothing_is_told_of_another_wallets_stores(bluecode, shop, tmp_path) -> None:
    path = scheme(
        tmp_path, detail("A1", store="999"), detail("M1", store="777", wallet="momo"),
        total(1, "10.00", "0.10", "9.90"), total(1, "10.00", "0.10", "9.90", wallet="momo"),
    )  # fmt: skip
    verdict = checking.check(feed=bluecode, path=path, own_wallets=["bluecode"])
    assert [store for _wallet, store, *_ in verdict.unknown] == ["999"]
    assert (verdict.unknown_lines, verdict.not_looked_up) == (1, 1)


def test_thousands_of_stores_are_asked_some_at_a_time(
    bluecode, shop, tmp_path, django_assert_max_num_queries
) -> None:
    known = shop.enrolments.get(wallet__code="bluecode").store_ref
    details = [detail(f"A{n}", store=f"S{n}") for n in range(1_200)]
    details += [detail(f"B{n}", store=known) for n in range(1_200)]
    path = scheme(tmp_path, *details, total(2_400, "24000.00", "240.00", "23760.00"))
    with django_assert_max_num_queries(8):
        verdict = checking.check(feed=bluecode, path=path)
    assert (verdict.unknown_lines, verdict.unknown_stores) == (1_200, 1_200)
    assert len(verdict.unknown) == checking.EXAMPLES


# --- lines as they came


def test_lines_are_shown_so_that_anybody_can_read_them(tmp_path) -> None:
    path = tmp_path / "x.txt"
    path.write_bytes(
        b"one\r\n"
        + "zwei ä\t\u202e".encode()
        + b"\nd\xe4nisch\n\n"
        + b"x" * 400
        + b"\n"
        + "é".encode() * 700
        + b"\nlast"
    )
    shown = checking.lines_at(path, range(20))
    assert shown == {
        1: "one", 2: "zwei ä\t\\u202e", 3: "dänisch", 4: "", 5: "x" * 300 + "…",
        6: "é" * 300 + "…", 7: "last",
    }  # fmt: skip
    assert checking.lines_at(path, []) == {}


def test_a_workbook_has_no_lines(tmp_path) -> None:
    path = written("epassi_xlsx", tmp_path)
    assert checking.lines_at(path, [1, 2]) == {}


def test_a_line_of_many_pieces_is_one_line(tmp_path) -> None:
    path = tmp_path / "x.txt"
    path.write_bytes(b"a" * 3_000_000 + b"\nsecond\n")
    assert checking.lines_at(path, [2]) == {2: "second"}


# --- large files


def test_memory_stays_flat_for_many_lines_and_many_batches(bluecode, tmp_path) -> None:
    def peak(lines: int) -> int:
        details = (detail(f"A{n}", wallet=f"w{n % 40}") for n in range(lines))
        each = lines // 40
        totals = [
            total(each, f"{10 * each}.00", f"{each / 10:.2f}", f"{each * 9.9:.2f}", wallet=f"w{n}")
            for n in range(40)
        ]
        path = scheme(tmp_path, *details, *totals)
        tracemalloc.start()
        verdict = checking.check(feed=bluecode, path=path)
        _now, highest = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert (verdict.is_accepted, verdict.lines, verdict.batch_count) == (True, lines, 40)
        return highest

    peak(400)
    few, many = peak(5_000), peak(10_000)
    assert many < few + 200_000


# --- the command


def run(*arguments: str) -> tuple[str, str]:
    """Return what the command wrote, and how it failed if it did."""
    out = io.StringIO()
    try:
        call_command("check_file", *arguments, stdout=out)
    except CommandError as error:
        return out.getvalue(), str(error)
    return out.getvalue(), ""


def test_the_command_tells_the_verdict_and_stores_nothing(bluecode, tmp_path) -> None:
    path = scheme(tmp_path, detail("A1"), total(2, "10.00", "0.10", "9.90"))
    before = everything()
    out, failure = run("bluecode", str(path))
    assert failure == "This file would be quarantined."
    assert "error count_differs, line 3: bluecode-41 declares 2 lines and has 1." in out
    assert "  | T|bluecode-41|bluecode|EUR|2026-10-16|2|10.00|0.10|9.90" in out
    assert "batch bluecode-41 EUR differs in count" in out
    good = scheme(tmp_path, detail("A1"), total(1, "10.00", "0.10", "9.90"))
    out, failure = run("bluecode", str(good))
    assert failure == ""
    assert out.endswith("This file would be reconciled.\n")
    assert "EUR: 1 lines, gross 10.00, fee 0.10, net 9.90; 0 other rows, 0.00" in out
    assert everything() == before


def test_the_command_writes_json_that_says_it_all(bluecode, tmp_path) -> None:
    path = scheme(tmp_path, detail("A1"), total(1, "10.00", "0.10", "9.90"))
    out, failure = run("bluecode", str(path), "--json")
    assert failure == ""
    told = json.loads(out)
    assert (told["would_be"], told["listed_at_most"]) == ("reconciled", 1_000)
    [data] = told["files"]
    assert data["file"]["sha256"] == checking._hash(path)
    assert data["period"] == ["2026-10-14", "2026-10-14"]
    assert data["records"] == {
        "all": 4, "lines": 1, "others": 3, "problems": 0, "lines_that_are_no_payments": 0,
    }  # fmt: skip
    assert data["received_before"] == {"result": "new", "version": 1, "state": ""}
    assert data["batches"]["rows"] == [
        {
            "settlement": "bluecode-41", "wallet": "bluecode", "currency": "EUR",
            "value_date": "2026-10-16",
            "declared": {"count": 1, "gross_minor": 1_000, "fee_minor": 10, "net_minor": 990},
            "found": {"count": 1, "gross_minor": 1_000, "fee_minor": 10, "net_minor": 990},
            "differs": [],
        }
    ]  # fmt: skip
    assert data["unknown_locations"]["examples"] == [
        {"wallet": "bluecode", "store": "100001", "lines": 1, "first_line": 2}
    ]
    _out, failure = run("bluecode", str(path.with_name("absent.txt")), "--json")
    assert failure == f"There is no file {path.with_name('absent.txt')}."
