"""How long a payment waits while a night is reconciled in the same process, on SQLite.

    python -m tests.benchmarks.serving --lines 1000000 [--rate 20]

Makes a ledger and a file of that many lines, starts the one-command server on it, hands it
the file, and posts payments at a steady rate (whether or not earlier ones were answered)
until the file is reconciled; then again for as many seconds at most, idle, to compare. The
last line is JSON: lines, posts, p50_ms, p99_ms, worst_ms, idle_p99_ms, times_idle, refused.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
import uuid
from pathlib import Path

IDLE_SECONDS = 15


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--rate", type=float, default=20, help="payments a second")
    parser.add_argument("--step", default="", help=argparse.SUPPRESS)
    parser.add_argument("--folder", default="", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.step:
        import django

        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
        django.setup()
        prepare(asked)
        return
    with tempfile.TemporaryDirectory(prefix="onestile-bench-") as folder:
        database = Path(folder) / "bench.sqlite3"
        environment = {
            **os.environ, "ONESTILE_VAR": folder, "REDIS_URL": "",
            "DATABASE_URL": f"sqlite:///{database}",
        }  # fmt: skip
        step = [sys.executable, "-m", "tests.benchmarks.serving", "--step", "prepare"]
        subprocess.run(
            [*step, "--folder", folder, "--lines", str(asked.lines)], env=environment, check=True
        )
        key, code = (Path(folder) / "caller").read_text().split()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        server = subprocess.Popen(
            [sys.executable, "manage.py", "serve", "--bind", f"127.0.0.1:{port}"], env=environment
        )
        try:
            caller = Caller(f"http://127.0.0.1:{port}/api/v1/payments", key, code)
            caller.wait_until_served()
            for _ in range(5):
                caller.post()  # the first ones find the code still being loaded
            began = time.perf_counter()
            files = Path(folder).glob("bluecode-*.txt")
            subprocess.run(
                [sys.executable, "manage.py", "receive", "bluecode", *files],
                env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
            busy = caller.post_until(lambda: is_over(database), rate=asked.rate)
            seconds, slow = time.perf_counter() - began, list(caller.slow)
            until = time.monotonic() + IDLE_SECONDS
            idle = caller.post_until(lambda: time.monotonic() > until, rate=asked.rate)
        finally:
            server.terminate()
            server.wait(30)
    late = [f"{took:.0f} ms at {at:.1f} s" for at, took in slow]
    print(f"slower than a second: {late or 'none'}")
    print(f"{asked.lines:,} lines took {seconds:.1f} s with {len(busy)} payments beside them")
    result = {
        "lines": asked.lines,
        "posts": len(busy),
        "p50_ms": round(quantile(busy, 0.50)),
        "p99_ms": round(quantile(busy, 0.99)),
        "worst_ms": round(max(busy)),
        "idle_p99_ms": round(quantile(idle, 0.99)),
        "times_idle": round(quantile(busy, 0.99) / quantile(idle, 0.99), 1),
        "refused": caller.refused,
    }
    print(json.dumps(result))


def prepare(asked: argparse.Namespace) -> None:
    """Make the ledger and the file, and who calls for which sticker."""
    from tests import builders
    from tests.benchmarks import reconcile
    from wallets import credentials
    from wallets.models import Wallet

    reconcile.prepare(argparse.Namespace(**{**vars(asked), "feed": "bluecode"}))
    sticker = builders.sticker(builders.Location.objects.order_by("pk")[0])
    issued = credentials.issue(
        wallet=Wallet.objects.get(code="bluecode"), label="bench", by=None, now=builders.NOON
    )
    (Path(asked.folder) / "caller").write_text(f"{issued.key} {sticker.code}")


def is_over(database: Path) -> bool:
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        [(state,)] = connection.execute("SELECT state FROM payments_settlementfile")
    if state not in {"received", "reconciled"}:
        raise SystemExit(f"the file was {state}")
    return bool(state == "reconciled")


def quantile(values: list[float], part: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * part))]


class Caller:
    """A wallet's back end that posts payments, each in a thread of its own."""

    def __init__(self, url: str, key: str, code: str) -> None:
        self.url, self.key, self.code = url, key, code
        self.refused = 0
        self._took: list[float] = []
        self._began = time.perf_counter()
        self.slow: list[tuple[float, float]] = []

    def wait_until_served(self) -> None:
        for _ in range(200):
            time.sleep(0.1)
            try:
                urllib.request.urlopen(self.url.replace("/api/v1/payments", "/livez"), timeout=5)
            except OSError:
                continue
            return
        raise SystemExit("the server did not answer")

    def post(self) -> None:
        ref = uuid.uuid4().hex
        body = {
            "code": self.code, "wallet_ref": ref, "amount": {"value": 1_250, "currency": "EUR"},
        }  # fmt: skip
        request = urllib.request.Request(
            self.url, data=json.dumps(body).encode(), method="POST",
            headers={
                "Authorization": f"Bearer {self.key}", "Idempotency-Key": ref,
                "Content-Type": "application/json",
            },
        )  # fmt: skip
        began = time.perf_counter()
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                answer.read()
        except urllib.error.HTTPError as error:
            self.refused += 1
            print(error.code, error.read()[:300])
        took = (time.perf_counter() - began) * 1000
        self._took.append(took)
        if took > 1000:
            self.slow.append((began - self._began, took))

    def post_until(self, over: object, *, rate: float) -> list[float]:
        """Post at a steady rate until told; return the milliseconds each one took."""
        self._took, self._began, self.slow = [], time.perf_counter(), []
        threads = []
        due = time.monotonic()
        while not over():  # type: ignore[operator]
            threads.append(threading.Thread(target=self.post))
            threads[-1].start()
            due += 1 / rate
            time.sleep(max(0.0, due - time.monotonic()))
        for thread in threads:
            thread.join()
        return self._took


if __name__ == "__main__":
    main()
