"""How fast settlement files are read, and in how much memory, beside bare parsing.

    python -m tests.benchmarks.formats --lines 100000 [--layout scheme] [--straight]

Writes a file of that many lines in every layout that can be written, then reads it to its end in
a process of its own, in turns with the least that anyone does to such a file: csv.reader with
its delimiter; for fixed fields a loop over the lines that cuts out every field and its padding;
for XML lxml's iterparse that clears every element. Both are tried several times and the best of
each counts, for other work on a machine only ever makes things slower. ``--straight`` reads ten
times as many lines too and says what a line costs then. The last line is JSON.
"""

from __future__ import annotations

import argparse
import csv
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any, overload

from lxml import etree

from tests.wallets.formats import samples
from tests.wallets.formats.cases import CASES
from wallets import formats
from wallets.formats.statement import Batch, Line, Sheet, Unreadable

STORES = 200
MOST_ROWS_XLSX = 1_000_000
ROUNDS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--lines", type=int, default=100_000)
    parser.add_argument("--layout", action="append", choices=formats.written())
    parser.add_argument("--straight", action="store_true", help="ten times as many lines too")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--read", default="", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.read:
        print(json.dumps(read(asked.layout[0], Path(asked.read), asked.rounds)))
        return
    found: dict[str, dict[str, Any]] = {}
    for layout in asked.layout or formats.written():
        said = found[layout] = measured(layout, asked.lines, asked.rounds)
        if asked.straight:
            more = measured(layout, asked.lines * 10, 2)
            said["straight"] = round(more["microseconds"] / said["microseconds"], 2)
            said["peak_mb"] = max(said["peak_mb"], more["peak_mb"])
        print(told(layout, said), flush=True)
    ratios = {
        family: [one["ratio"] for one in found.values() if one["family"] in of]
        for family, of in (("csv", ("csv", "fixed")), ("xml", ("xml",)))
    }
    print(
        json.dumps(
            {
                "lines": asked.lines,
                "worst_csv_ratio": max(ratios["csv"], default=None),
                "worst_xml_ratio": max(ratios["xml"], default=None),
                "peak_mb": max(one["peak_mb"] for one in found.values()),
                "layouts": found,
            }
        )
    )


def told(layout: str, said: dict[str, Any]) -> str:
    ratio = f"{said['ratio']:5.2f} x bare" if said["ratio"] else "            "
    straight = f"  ten times as many: {said['straight']:.2f} a line" if "straight" in said else ""
    return (
        f"{layout:22} {said['family']:5} {said['lines']:>9,} lines  {said['per_second']:>9,} a s  "
        f"{said['microseconds']:6.2f} us a line  {ratio}  {said['peak_mb']:4} MB{straight}"
    )


# -- the file ------------------------------------------------------------------------------


class Made(Sequence[Line]):
    """Lines that are made when they are asked for, so that a sheet of millions takes no room."""

    def __init__(self, layout: str, count: int) -> None:
        self.case, self.size = CASES[layout], count
        self.stores_have_batches = "store" in formats.get(layout).BATCH_BY

    def __len__(self) -> int:
        return self.size

    def store(self, number: int) -> int:
        """Where a batch is a store's, the file is in the order of its stores."""
        return number * STORES // self.size if self.stores_have_batches else number % STORES

    @overload
    def __getitem__(self, number: int) -> Line: ...
    @overload
    def __getitem__(self, number: slice) -> list[Line]: ...
    def __getitem__(self, number: int | slice) -> Line | list[Line]:
        if isinstance(number, slice):
            return [self[one] for one in range(*number.indices(self.size))]
        if not 0 <= number < self.size:
            raise IndexError(number)
        # Amounts and times that differ from line to line; one in 25 is a refund.
        minor, second = 100 + number * 7919 % 19_900, number * 104_729 % 86_400
        is_refund = number % 25 == 24
        gross, fee = (-minor, 0) if is_refund else (minor, minor * 9 // 1000)
        store = self.store(number)
        line = samples.line(
            gross, fee, wallet=self.case.wallet, currency=self.case.currencies[0],
            ref=f"{700_000_000 + number}", store=f"{100_000 + store}",
            merchant_ref=f"table-{number % 90}",
            batch=store if self.stores_have_batches else 0,
            occurred_at=f"2026-10-14T{second // 3600:02d}:{second // 60 % 60:02d}:"
            f"{second % 60:02d}{self.case.offset}",
        )  # fmt: skip
        return self.case.carries(line)


def make(layout: str, folder: Path, count: int) -> Path:
    """Write a file of so many lines with the layout's own writer."""
    case, module = CASES[layout], formats.get(layout)
    lines = Made(layout, count)
    batches = [
        Batch(
            module.batch_ref(number=7, day=samples.DAY, store=f"{100_000 + store}",
                             wallet=case.wallet, currency=case.currencies[0]),
            case.wallet, case.currencies[0], date(2026, 10, 16),
        )
        for store in range(STORES if lines.stores_have_batches else 1)
    ]  # fmt: skip
    path = case.path(folder)
    module.write(
        path,
        Sheet(
            wallet=case.wallet, number=7, period_from=samples.DAY, period_to=samples.DAY,
            made_on=date(2026, 10, 15), batches=batches, lines=lines,  # type: ignore[arg-type]
        ),
        case.told(),
    )  # fmt: skip
    return path


# -- measuring -----------------------------------------------------------------------------


def measured(layout: str, count: int, rounds: int) -> dict[str, Any]:
    """Make a file and read it in a process of its own."""
    if not CASES[layout].is_text:
        count = min(count, MOST_ROWS_XLSX)
    with tempfile.TemporaryDirectory(prefix="onestile-formats-") as folder:
        path = make(layout, Path(folder), count)
        command = [
            sys.executable, "-m", "tests.benchmarks.formats", "--layout", layout,
            "--read", str(path), "--rounds", str(rounds),
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{layout}: {done.stderr}")
        said: dict[str, Any] = json.loads(done.stdout)
        return said


def read(layout: str, path: Path, rounds: int) -> dict[str, Any]:
    """Read a file and its bare form in turns; what the first reading took is the peak."""
    with path.open("rb") as file:
        head = file.read(4096)
    family, bare = bare_of(layout, path, head)
    lines, best = read_once(layout, path)
    peak = peak_mb()
    best_bare = 0.0
    for _round in range(rounds):
        if bare is not None:
            took = timed(bare)
            best_bare = min(best_bare or took, took)
        best = min(best, read_once(layout, path)[1])
    return {
        "family": family, "lines": lines, "per_second": round(lines / best),
        "microseconds": round(best / lines * 1e6, 2),
        "bare_microseconds": round(best_bare / lines * 1e6, 2),
        "ratio": round(best / best_bare, 2) if best_bare else None, "peak_mb": peak,
    }  # fmt: skip


def peak_mb() -> int:
    """Return the peak memory of this program; getrusage also remembers who started it."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
        return int(status.partition("VmHWM:")[2].split()[0]) // 1024
    except (OSError, IndexError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def read_once(layout: str, path: Path) -> tuple[int, float]:
    """Read a file to its end; return lines and seconds. A file with errors is no benchmark."""
    began = time.perf_counter()
    try:
        statement = formats.get(layout).read(path, CASES[layout].told())
        last = deque(enumerate(statement.lines, 1), maxlen=1)
    except Unreadable as refused:
        raise SystemExit(f"{layout}: {refused.problem}") from None
    seconds = time.perf_counter() - began
    wrong = [problem for problem in statement.problems if problem.is_error]
    if wrong or not last:
        raise SystemExit(f"{layout}: {wrong[:3] or 'no line'}")
    return last[0][0], seconds


def timed(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def bare_of(layout: str, path: Path, head: bytes) -> tuple[str, Callable[[], object] | None]:
    """Return the family of a file and the least that can be done to it; None for a workbook."""
    if head.startswith(b"PK"):
        return "xlsx", None
    if head.lstrip().startswith(b"<"):
        return "xml", lambda: bare_xml(path)
    if layout.endswith("_fixed"):
        return "fixed", lambda: bare_fixed(layout, path)
    rows = head.decode("latin-1").split("\n")
    delimiter = max("|;,\t", key=rows[-2].count)
    try:
        head[: head.rindex(b"\n")].decode()
        encoding = "utf-8"
    except UnicodeDecodeError:
        encoding = "latin-1"
    return "csv", lambda: bare_csv(path, delimiter, encoding)


def bare_csv(path: Path, delimiter: str, encoding: str) -> None:
    with path.open(encoding=encoding, newline="") as file:
        deque(csv.reader(file, delimiter=delimiter), maxlen=0)


def bare_fixed(layout: str, path: Path) -> None:
    widths = [field.width for field in formats.get(layout).RECORDS["1"]]
    begins = [1 + sum(widths[:position]) for position in range(len(widths))]
    parts = [slice(at, at + width) for at, width in zip(begins, widths, strict=True)]

    def rows() -> Iterator[list[str]]:
        with path.open(encoding="latin-1", newline="") as file:
            for text in file:
                yield [text[part].rstrip(" ") for part in parts]

    deque(rows(), maxlen=0)


def bare_xml(path: Path) -> None:
    for _event, element in etree.iterparse(str(path)):
        element.clear()


if __name__ == "__main__":
    main()
