"""Say what a file would be judged to be, for whoever is about to send it. Stores nothing."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from payments import settlement
from wallets.formats.statement import NOT_A_PAYMENT, Problem
from wallets.models import Feed


@dataclass
class Sum:
    """Lines of one currency, in minor units."""

    lines: int = 0
    gross_minor: int = 0
    fee_minor: int = 0
    net_minor: int = 0


@dataclass
class Verdict:
    """What a file would be judged to be; nothing of it is stored."""

    problems: list[Problem] = field(default_factory=list)
    identity: str = ""
    period_from: date | None = None
    period_to: date | None = None
    records: int = 0
    lines: int = 0
    others: int = 0
    not_payments: int = 0
    sums: dict[str, Sum] = field(default_factory=dict)

    @property
    def is_accepted(self) -> bool:
        return not any(problem.is_error for problem in self.problems)


def check(*, feed: Feed, path: Path) -> Verdict:
    """Read a file whole in a feed's layout and say what is in it and what is wrong."""
    verdict = Verdict()
    sums: dict[str, Sum] = defaultdict(Sum)
    try:
        statement = settlement.open_statement(feed.format, path, settlement.options(feed))
        verdict.identity = statement.identity
        verdict.period_from, verdict.period_to = statement.period_from, statement.period_to
        for line in settlement.lines_of(statement):
            verdict.lines += 1
            if line.kind == NOT_A_PAYMENT:
                verdict.not_payments += 1
                continue
            total = sums[line.settled_currency]
            total.lines += 1
            total.gross_minor += int(line.settled_gross)
            total.fee_minor += int(line.fee)
            total.net_minor += int(line.net)
        verdict.records, verdict.others = statement.records, statement.others
        verdict.problems = list(statement.problems)
        settlement.refuse_if_wrong(statement, verdict.lines)
    except settlement.Refused as refusal:
        if refusal.problem not in verdict.problems:
            verdict.problems.append(refusal.problem)
    verdict.sums = dict(sums)
    return verdict
