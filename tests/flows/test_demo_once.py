"""``manage.py demo --once`` from outside: its exit code, its sentences, what it leaves."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from payments.models import SettlementFile
from tests.services import database_url_of_the_tests

ROOT = Path(__file__).resolve().parent.parent.parent
SMALL = ["--locations", "40", "--volume", "120", "--days", "2", "--seed", "11"]


def demo(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    clean = {
        name: value
        for name, value in os.environ.items()
        if name not in {"DATABASE_URL", "REDIS_URL", "ONESTILE_VAR", "ONESTILE_DEMO", "SITE_URL"}
    }
    return subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), "demo", *arguments],
        env=clean | env, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip


def outcomes_equal_the_truth(out: Path) -> int:
    """Compare every report in a folder with its truth; return how many there are."""
    reports = {path.name for path in (out / "recon").iterdir()}
    truth = json.loads((out / "truth.json").read_text(encoding="utf-8"))
    for told in truth["deliveries"]:
        name = f"{told['file']}.csv"
        if told["state"] in ("quarantined", "resent"):
            assert name not in reports
            continue
        with (out / "recon" / name).open(encoding="utf-8", newline="") as report:
            found = Counter(row["outcome"] for row in csv.DictReader(report))
        assert found == told["outcomes"], name
        reports.remove(name)
    assert reports == set()
    return sum(told["state"] in ("reconciled", "superseded") for told in truth["deliveries"])


def test_a_folder_with_somebody_elses_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("mine")
    ended = demo("--once", "--out", str(tmp_path), ONESTILE_VAR=str(tmp_path.parent / "var"))
    assert ended.returncode == 2
    assert "is not empty. Name a new folder" in ended.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_a_broker_without_a_database_for_its_worker_is_refused(tmp_path: Path) -> None:
    ended = demo(
        "--once", "--out", str(tmp_path / "out"),
        REDIS_URL="redis://127.0.0.1:1/0", ONESTILE_VAR=str(tmp_path / "var"),
    )  # fmt: skip
    assert ended.returncode == 2
    assert "DATABASE_URL" in ended.stderr
    assert not (tmp_path / "out").exists()


def test_once_leaves_reports_that_equal_the_truth_and_can_be_repeated(tmp_path: Path) -> None:
    out, var = tmp_path / "out", str(tmp_path / "var")
    ended = demo("--once", "--out", str(out), *SMALL, ONESTILE_VAR=var)
    assert ended.returncode == 0, ended.stderr
    assert outcomes_equal_the_truth(out) > 8
    summary = json.loads((out / "summary.json").read_text())
    assert (summary["nights"], summary["payments"]) == (2, 120 * 2)
    assert (out / "stickers.pdf").read_bytes().startswith(b"%PDF")
    before = {name: (out / name).read_bytes() for name in ("truth.json", "stickers.pdf")}

    again = demo("--once", "--out", str(out), *SMALL, ONESTILE_VAR=var)
    assert again.returncode == 0, again.stderr
    assert {name: (out / name).read_bytes() for name in before} == before


@pytest.mark.services
def test_once_lets_a_worker_of_its_own_reconcile_on_postgresql(worker, tmp_path: Path) -> None:
    services = {
        "DATABASE_URL": database_url_of_the_tests(), "REDIS_URL": os.environ["REDIS_URL"],
        "ONESTILE_VAR": str(worker.var),
    }  # fmt: skip
    out = tmp_path / "out"
    ended = demo("--once", "--out", str(out), *SMALL, **services)
    assert ended.returncode == 0, ended.stderr + worker.said()
    assert outcomes_equal_the_truth(out) > 8

    files = SettlementFile.objects.count()
    refused = demo("--once", "--out", str(tmp_path / "other"), *SMALL, **services)
    assert refused.returncode == 2
    assert "is not empty" in refused.stderr
    assert SettlementFile.objects.count() == files
