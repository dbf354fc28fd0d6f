"""Whatever partners send in whatever order: the rules of a night hold after every file.

Random histories of one hub's feed: sales and refunds of two wallets, files with lines
missing, late, doubled, unknown or changed, corrections of corrections, files that cannot be
read, files sent again, and people who close breaks and write entries off in between.
"""

from __future__ import annotations

import csv
import io
import os
from collections import Counter, defaultdict
from datetime import date, timedelta
from pathlib import Path
from random import Random

import pytest
from django.utils import timezone

from payments import breaks, exports, proof, reconciliation, settlement
from payments.models import Break, LedgerEntry, Link, Run, SettlementFile
from tests import builders
from tests.builders import DAY, NOON
from wallets.formats.statement import Line
from wallets.models import Feed

FEED = "bluecode"
DAYS = 4


class History:
    """One feed, some days of payments, and the files sent for them so far."""

    def __init__(self, seed: int, folder: Path, clerk) -> None:
        self.random, self.folder, self.clerk = Random(seed), folder, clerk
        self.feed = Feed.objects.select_related("wallet").get(code=FEED)
        shops = [builders.location(country="DE") for _ in range(2)]
        self.entries: dict[date, list[LedgerEntry]] = defaultdict(list)
        for back in range(DAYS):
            noon = NOON - timedelta(days=DAYS - 1 - back)
            for wallet in ("bluecode", "momo") * 2:
                of = builders.payment(
                    self.random.choice(shops), wallet=wallet, occurred_at=noon,
                    price_minor=self.random.randrange(100, 9_999),
                    # The same id at two wallets, and for a sale and a refund.
                    wallet_ref=f"ID{back}{self.random.randrange(10**9)}",
                )  # fmt: skip
                if self.random.random() < 0.3:
                    builders.refund(of, wallet_ref=of.wallet_ref, occurred_at=noon)
        for entry in LedgerEntry.objects.filter(feed=self.feed).select_related("wallet"):
            self.entries[entry.business_date].append(entry)
        self.days = sorted(self.entries)
        self.sent: list[Path] = []

    def lines_for(self, day: date) -> list[Line]:
        """What the partner says of a day: mostly the truth."""
        r = self.random
        lines = []
        for other in self.days:
            for entry in self.entries[other]:
                if r.random() > (0.8 if other == day else 0.12):
                    continue
                changed = r.random()
                line = builders.line(entry)
                if changed < 0.06:
                    more = str(entry.gross_minor + (7 if entry.gross_minor > 0 else -7))
                    line = builders.line(entry, gross=more, settled_gross=more)
                elif changed < 0.1:
                    line = builders.line(entry, fee=str(entry.fee_minor + 1))
                elif changed < 0.13:
                    line = builders.line(entry, store="999999")
                elif changed < 0.16:
                    line = builders.line(entry, currency="SEK", settled_currency="SEK")
                elif changed < 0.19:
                    line = builders.line(entry, ref=f"GHOST{r.randrange(3)}")
                elif changed < 0.22 and entry.kind == "sale":
                    line = builders.line(entry, ref="X1", kind="refund", gross="-100",
                                         settled_gross="-100", fee="0")  # fmt: skip
                elif changed < 0.24:
                    line = line._replace(kind="not_a_payment")
                lines += [line] * (2 if r.random() < 0.05 else 1)
        r.shuffle(lines)
        return lines

    def send(self, path: Path) -> SettlementFile:
        now = timezone.now()
        delivery = settlement.receive(feed=self.feed, name=path.name, path=path, now=now)
        reconciliation.run_feed(self.feed.pk, now=now)
        self.sent.append(path)
        return SettlementFile.objects.get(pk=delivery.file_id)

    def step(self) -> None:
        r = self.random
        what = r.random()
        if what < 0.15:
            self.end_a_break()
        elif what < 0.22 and self.sent:
            again = r.choice(self.sent)
            name = again.with_name(f"bluecode_again{len(self.sent)}.txt")
            name.write_bytes(again.read_bytes())
            before = rows()
            self.send(name)
            assert rows() == before, "a file that was sent again changed something"
        else:
            at = r.randrange(len(self.days))
            day = self.days[at]
            path = builders.settlement_file(
                self.folder, self.lines_for(day), feed=FEED, day=day, number=at + 1,
                name=f"bluecode_{len(self.sent):03d}.txt",
            )  # fmt: skip
            if what < 0.34:
                path.write_bytes(path.read_bytes()[:-4])
                before = rows()
                assert self.send(path).state == "quarantined"
                assert rows() == before, "a file that was refused changed something"
            else:
                file = self.send(path)
                assert file.state == "reconciled"
                self.check_run(file)
                self.check_roll_forward()
        self.check_breaks()

    def end_a_break(self) -> None:
        found = list(Break.objects.filter(state="open", run__state="done").order_by("pk"))
        if not found:
            return
        one = self.random.choice(found)
        may = one.outcome == "missing_in_settlement"
        end = breaks.write_off if may and self.random.random() < 0.7 else breaks.close
        end(one, by=self.clerk, note="solved by hand", now=timezone.now())

    # -- what has to hold

    def check_run(self, file: SettlementFile) -> None:
        run = Run.objects.get(file=file, state="done")
        with exports.open_csv(run) as made:
            shown = list(csv.DictReader(io.TextIOWrapper(made, "utf-8", newline="")))
        assert Counter(row["outcome"] for row in shown) == run.outcomes
        numbers = [int(row["line_no"]) for row in shown if row["line_no"]]
        details = settlement.stored(file).read_text().splitlines()
        assert numbers == [at for at, text in enumerate(details, 1) if text.startswith("D|")]
        assert run.breaks.count() == len(shown) - run.matched - run.outcomes.get("not_a_payment", 0)
        sums: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
        for row in shown:
            if row["difference_minor"]:
                for at, name in enumerate(("expected_gross", "difference", "settled_gross")):
                    sums[row["currency"]][at] += int(row[f"{name}_minor"] or 0)
        for expected, difference, settled in sums.values():
            assert expected + difference == settled
        replayed = self.folder / "replay"
        assert proof.replay(run, to=replayed) == run.csv_sha256

    def open_entries(self) -> dict[tuple[str, str], list[int]]:
        """Count by hand what nobody settled and nobody wrote off, up to the last day read."""
        read = SettlementFile.objects.exclude(state="quarantined")
        last = max(file.period_to for file in read if file.period_to)
        settled = set(
            Link.objects.filter(reversed_by=None, run__state="done").values_list("entry", flat=True)
        )
        off = set(Break.objects.filter(state="written_off").values_list("entry", flat=True))
        sums: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
        for entry in LedgerEntry.objects.filter(feed=self.feed).select_related("wallet"):
            if entry.business_date <= last and entry.pk not in settled | off:
                sums[entry.wallet.code, entry.currency][0] += 1
                sums[entry.wallet.code, entry.currency][1] += entry.gross_minor
        return dict(sums)

    def check_roll_forward(self) -> None:
        run = Run.objects.filter(state="done").order_by("-finished_at").first()
        assert run is not None
        closing = {}
        for row in run.roll_forward:
            for unit in ("count", "minor"):
                assert row["closing"][unit] == (
                    row["opening"][unit] + row["new_due"][unit] - row["settled"][unit]
                    - row["written_off"][unit]
                )  # fmt: skip
            if any(row["closing"].values()):
                closing[row["wallet"], row["currency"]] = [*row["closing"].values()]
        assert closing == self.open_entries()

    def check_breaks(self) -> None:
        """An entry of a day that was read is settled or explained by one break, never both."""
        read = {
            day
            for file in SettlementFile.objects.filter(state="reconciled")
            for day in (file.period_from, file.period_to)
        }
        settled = set(
            Link.objects.filter(reversed_by=None, run__state="done").values_list("entry", flat=True)
        )
        explained = Counter(
            Break.objects.filter(outcome="missing_in_settlement")
            .exclude(state="closed", closed_by=None)
            .values_list("entry", flat=True)
            .distinct()
        )
        still_open = Counter(
            Break.objects.filter(outcome="missing_in_settlement", state="open").values_list(
                "entry", flat=True
            )
        )
        assert not settled & set(still_open)
        assert all(times == 1 for times in still_open.values())
        for day in read:
            for entry in self.entries[day]:
                assert entry.pk in settled or entry.pk in explained, entry


def rows() -> list[tuple]:
    """Everything that counts: links, line breaks and runs."""
    return [
        *Link.objects.order_by("pk").values_list("pk", "entry", "run", "reversed_by"),
        *Break.objects.exclude(run=None).order_by("pk").values_list("pk", "state", "entry"),
        *Run.objects.order_by("pk").values_list("pk", "state"),
    ]


SEEDS = range(int(os.environ.get("ONESTILE_TEST_HISTORIES", "4")))


@pytest.mark.parametrize("seed", SEEDS)
def test_the_rules_hold_after_every_file(alliance, clerk, tmp_path, seed) -> None:
    history = History(seed, tmp_path, clerk)
    assert {entry.wallet.code for day in history.days for entry in history.entries[day]} == {
        "bluecode", "momo",
    }  # fmt: skip
    assert history.days[-1] == DAY
    for _ in range(16):
        history.step()
