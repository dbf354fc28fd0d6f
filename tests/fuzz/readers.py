"""Look for bytes that break a reader, led by which lines of code they reach.

``python -m tests.fuzz.readers --seconds 60 [--target NAME]`` tries the targets in turn, each in a
process of its own, from the files that the writers make. It prints how many inputs were tried,
keeps the input of a finding below ``var/fuzz`` and ends with 1 when there is one;
``--input FILE --target NAME`` tries such a file again.

Needs atheris, whose wheels are for Linux on x86-64 and Python 3.11 to 3.13; without it nothing
is tried and the exit code is 0, because tests/wallets/formats/test_any_bytes.py tries much of
the same everywhere. OpenPGP is not followed here: a library reads it in a process of its own.
"""

from __future__ import annotations

import argparse
import gzip
import importlib.util
import io
import json
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
FOUND = ROOT / "var" / "fuzz"
LAYOUTS = (
    "pagaqui_fixed", "vipps_ocr", "n43", "vipps_xml3", "vipps_xml2", "paypal_stl", "vipps_ledger",
    "camt", "scheme", "momo_csv", "mobilepay_csv", "vipps_csv", "adyen_settlement",
    "alipay_settlement", "alipay_transactions", "alipayplus_settlement", "antom_settlement",
    "antom_transactions", "mapped", "mapped_fixed", "epassi_xlsx", "vipps_xlsx",
)  # fmt: skip
OTHERS = ("lines", "naming", "placeholders", "description", "guess", "wrapping", "instants")
TARGETS = (*LAYOUTS, *OTHERS)

FIXED: dict[str, Any] = {
    "file": {"kind": "fixed", "encoding": "latin-1", "skip_rows": 1, "record_length": 40},
    "facts": {"period_from": {"row": 1, "start": 2, "length": 8}},
    "columns": {
        "ref": {"start": 2, "length": 8}, "type": {"start": 10, "length": 2},
        "gross": {"start": 12, "length": 12}, "store": {"start": 30, "length": 6},
    },
    "constants": {"currency": "EUR"},
    "amounts": {"unit": "minor", "sign": "by_type"},
    "times": {"dates": "YYYYMMDD"},
    "types": {"01": "sale", "02": "refund"},
    "trailer": {
        "rule": "totals", "column": {"start": 1, "length": 1}, "value": "9",
        "count": {"start": 2, "length": 8}, "gross": {"start": 10, "length": 14},
    },
}  # fmt: skip
"""A described layout of fixed positions."""

Try = Callable[[bytes], None]


def target(name: str, folder: Path) -> tuple[Try, list[bytes]]:
    """Return what is done with an input of a target, and the inputs to begin with."""
    from tests.fuzz import oracle, seeds  # noqa: PLC0415  (once it is known that they are followed)

    if name in OTHERS:
        made: Try = {
            "lines": _lines, "naming": _naming, "placeholders": _placeholders,
            "description": _description, "guess": _guess, "wrapping": _wrapping,
            "instants": _instants,
        }[name](folder)  # fmt: skip
        return made, list(_seeds(name))
    layout, file_name = name, ""
    if name == "mapped_fixed":
        layout, file_name = "mapped", "settle_20261014_41.txt"
        told: dict[str, Any] = {"wallet": "sirio", "timezone": "Europe/Rome", "mapping": FIXED}
        good = "".join(
            f"{record:<40}\n"
            for record in (
                "020261014", "1A1      01000000001250      100001",
                "1A2      02000000000450      100002", "90000000200000000000800",
            )
        ).encode()  # fmt: skip
    else:
        file_name, good, told = seeds.good(name)
    path = folder / file_name

    def judge(data: bytes) -> None:
        path.write_bytes(data)
        oracle.judge(layout, path, told)

    return judge, [good]


# -- what is no layout ---------------------------------------------------------------------


def _lines(folder: Path) -> Try:
    from wallets.formats import columns  # noqa: PLC0415
    from wallets.formats.columns import BadValue  # noqa: PLC0415
    from wallets.formats.statement import Unreadable  # noqa: PLC0415

    path = folder / "lines.txt"

    def judge(data: bytes) -> None:
        path.write_bytes(data)
        with suppress(Unreadable):
            for number, text in columns.physical_lines(path, {}, encodings=("utf-8", "latin-1")):
                assert 1 <= number <= data.count(b"\n") + 1
                assert "\n" not in text
                for delimiter in ",;|":
                    with suppress(BadValue):
                        cells = columns.cells_of(text, delimiter)
                        assert '"' in text or delimiter.join(cells) == text
                        columns.positions_of(cells, [columns.Column("ref")], others_allowed=True)
                for amount in text.split(";")[:4]:
                    _amount(amount)
                with suppress(BadValue):
                    columns.date_of(text, "day")

    def _amount(text: str) -> None:
        for currency, mark in (("EUR", "."), ("ISK", ","), ("EUR", ",")):
            with suppress(BadValue):
                minor, digits = columns.Amounts(currency, mark=mark, short=True)[text]
                assert str(minor) == digits
                assert text.isascii()

    return judge


def _instants(_folder: Path) -> Try:
    from datetime import datetime  # noqa: PLC0415
    from zoneinfo import ZoneInfo  # noqa: PLC0415

    from wallets.formats import columns  # noqa: PLC0415
    from wallets.formats.columns import BadValue  # noqa: PLC0415

    zones = (None, ZoneInfo("Europe/Oslo"), ZoneInfo("Asia/Shanghai"))

    def judge(data: bytes) -> None:
        text = data.decode("utf-8", "replace")
        for zone in zones:
            with suppress(BadValue):
                said = columns.instant_of(text, "time", zone)
                assert datetime.fromisoformat(said).utcoffset() is not None

    return judge


def _naming(_folder: Path) -> Try:
    from wallets.formats.naming import named  # noqa: PLC0415

    def judge(data: bytes) -> None:
        found = named(data.decode("utf-8", "replace"))
        if found is not None:
            assert found.sequence is None or 0 <= found.sequence <= 999
            assert found.participant.isascii()
            assert found.batch.isascii()

    return judge


def _placeholders(_folder: Path) -> Try:
    from wallets.formats.columns import BadValue  # noqa: PLC0415
    from wallets.formats.placeholders import WORDS, BadPattern, Form, Pattern  # noqa: PLC0415

    def judge(data: bytes) -> None:
        pattern, _mark, text = data.decode("utf-8", "replace").partition("\n")
        with suppress(BadPattern):
            found = Pattern(pattern).match(text)
            if found is not None and found.first and found.last:
                assert found.first <= found.last
        with suppress(BadPattern, BadValue):
            form = Form(pattern)
            if pattern not in WORDS:
                assert form.write(form.moment(text, "text")) == text

    return judge


def _description(_folder: Path) -> Try:
    from wallets.formats import description  # noqa: PLC0415

    def judge(data: bytes) -> None:
        try:
            said = json.loads(data)
        except (ValueError, RecursionError):
            return
        with suppress(description.BadDescription):
            description.parse(said)

    return judge


def _guess(folder: Path) -> Try:
    from wallets.formats import guess  # noqa: PLC0415
    from wallets.formats.statement import Unreadable  # noqa: PLC0415

    path = folder / "settle_20261014.csv"

    def judge(data: bytes) -> None:
        path.write_bytes(data)
        with suppress(Unreadable):
            made, notes = guess.guess(path, path.name)
            assert made["file"]["kind"]
            assert all(notes)

    return judge


def _wrapping(folder: Path) -> Try:
    from tests.fuzz import oracle  # noqa: PLC0415
    from wallets import openpgp, wrapping  # noqa: PLC0415
    from wallets.formats.statement import Unreadable  # noqa: PLC0415

    path = folder / "wrapped"

    def judge(data: bytes) -> None:
        path.write_bytes(data)
        if wrapping.wrapped_in(path) == openpgp.kind(data[: wrapping.HEAD_BYTES]) != "":
            return
        with tempfile.TemporaryDirectory(dir=folder) as inside:
            try:
                found = wrapping.unwrap(path, rules=wrapping.Rules(), folder=Path(inside))
            except Unreadable as refused:
                oracle.check_problem(refused.problem, 0, oracle.FROM_WRAPPING)
            else:
                assert found
                for content in found:
                    assert content.path == path or content.path.parent == Path(inside)

    return judge


def _seeds(name: str) -> Iterator[bytes]:
    from tests.fuzz import seeds  # noqa: PLC0415
    from wallets.formats import description  # noqa: PLC0415

    _name, good, _told = seeds.good("scheme")
    if name in {"lines", "guess"}:
        yield good
        yield b'a;b;c\n"1";"2,50";"x ""y"""\n'
        yield seeds.good("mapped")[1]
    elif name == "naming":
        yield b"2188400000007080_settle_20261014_50002026101400000000000000000000.csv"
        yield b"20261014/settlementItems_KaKaoPay_USD_2018122611021040123_001.csv"
        yield b"transactionItems_1022188000000000001_EUR_20261015001_A7-1_000.csv"
        yield b"transactionItems_20261014_017_2.csv"
    elif name == "placeholders":
        yield b"settle_{date:YYYYMMDD}_{sequence}.csv\nsettle_20261014_41.csv"
        yield b"{any}-{from:DD.MM.YY}-{to:DD.MM.YY}_{ref}.x\na-14.10.26-15.10.26_B7.x"
        yield b"YYYY-MM-DD HH:mm:ss.SSS\n2026-10-14 12:30:05.250"
    elif name == "description":
        yield json.dumps(description.EXAMPLE).encode()
        yield json.dumps(FIXED).encode()
    elif name == "instants":
        yield b"2026-10-14T12:30:00+02:00"
        yield b"2026-10-25 02:30:00.123456789"
    else:
        yield good
        yield gzip.compress(good, mtime=0)
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("settlement.txt", good)
            archive.writestr("b/settlement.txt", b"x")
        yield packed.getvalue()
        yield gzip.compress(packed.getvalue(), mtime=0)


# -- running -------------------------------------------------------------------------------


def _follow(name: str, seconds: int) -> None:
    """Look for findings of one target; ends the process, with another code than 0 at one."""
    import atheris  # noqa: PLC0415

    with atheris.instrument_imports(include=["wallets.formats", "wallets.wrapping"]):
        from wallets import formats, wrapping  # noqa: PLC0415

        assert wrapping
        for layout in {**formats.LAYOUTS, **formats.BANK_LAYOUTS}:
            formats.get(layout)
        from wallets.formats import guess  # noqa: PLC0415

        assert guess
    with tempfile.TemporaryDirectory() as folder:
        tried, seeds = target(name, Path(folder))
        corpus = Path(folder) / "corpus"
        corpus.mkdir()
        for number, seed in enumerate(seeds):
            (corpus / str(number)).write_bytes(seed)
        FOUND.mkdir(parents=True, exist_ok=True)
        atheris.Setup(
            [
                sys.argv[0], f"-max_total_time={seconds}", "-timeout=20", "-rss_limit_mb=1024",
                "-max_len=16384", "-print_final_stats=1", f"-artifact_prefix={FOUND}/{name}-",
                str(corpus),
            ],
            tried,
        )  # fmt: skip
        atheris.Fuzz()


def _run(name: str, seconds: int) -> bool:
    """Try one target in a process of its own; print what came of it."""
    command = [sys.executable, "-m", "tests.fuzz.readers", "--follow", "--target", name]
    done = subprocess.run(
        [*command, "--seconds", str(seconds)], cwd=ROOT, capture_output=True, text=True,
        errors="replace", check=False,
    )  # fmt: skip
    said = done.stdout + done.stderr
    count = re.search(r"number_of_executed_units:\s*([0-9]+)", said) or re.search(
        r"Done ([0-9]+) runs", said
    )
    tried = f"{int(count[1]):>9,} inputs" if count else "        ? inputs"
    print(f"{name:<24}{tried}  {'nothing found' if not done.returncode else 'FOUND'}", flush=True)
    if done.returncode:
        print(said[-4_000:], flush=True)
    return not done.returncode


def main() -> int:
    told = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    told.add_argument("--seconds", type=int, default=60, help="of all targets together")
    told.add_argument("--target", "--layout", choices=TARGETS, action="append")
    told.add_argument("--input", type=Path, help="try this file only")
    told.add_argument("--follow", action="store_true", help=argparse.SUPPRESS)
    said = told.parse_args()
    names = said.target or list(TARGETS)
    if said.input:
        with tempfile.TemporaryDirectory() as folder:
            for name in names:
                target(name, Path(folder))[0](said.input.read_bytes())
        return 0
    if importlib.util.find_spec("atheris") is None:
        print("atheris is not installed: no input was tried.")
        return 0
    if said.follow:
        _follow(names[0], said.seconds)
    seconds = max(1, said.seconds // len(names))
    came = [_run(name, seconds) for name in names]
    return 0 if all(came) else 1


if __name__ == "__main__":
    sys.exit(main())
