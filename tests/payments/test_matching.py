"""The matching engine against a slow and obvious one, on nights made at random."""

from __future__ import annotations

from collections import Counter
from datetime import date

from hypothesis import given, settings
from hypothesis import strategies as st

from payments import matching
from payments.matching import US, Found
from wallets.formats.statement import Line

STORES = {(wallet, store) for wallet in ("vipps", "momo") for store in ("1", "2")}


class PlainLedger:
    """A ledger in memory: tonight's entries, and those of other nights."""

    def __init__(self, tonight: dict[str, str], others: dict[str, Found]) -> None:
        self.entries = dict(tonight)
        self._others = others

    def probe(self, keys: list[str]) -> dict[str, Found]:
        return {key: self._others[key] for key in keys if key in self._others}

    def known_stores(self, stores: set[tuple[str, str]]) -> set[tuple[str, str]]:
        return stores & STORES

    def widen(self, first: date, last: date) -> None:
        raise AssertionError("no period grows here")


def packed(number: int, store: str, currency: str, gross: int, fee: int, day: str) -> str:
    parts = [store, currency, gross, currency, gross, fee, number, day, day, 1, 1, 0, "", "", ""]
    return US.join(str(part) for part in parts)


def line(
    no: int, name: tuple[str, str, str], store: str, currency: str, gross: int, fee: int,
    original: str,
) -> Line:  # fmt: skip
    amount = str(gross)
    return Line(
        no, 0, *name, store, currency, amount, currency, amount, str(fee), str(gross - fee),
        "", "", "", original,
    )  # fmt: skip


def obvious(lines: list[Line], tonight: dict[str, str], others: dict[str, Found]) -> list[str]:
    """The rules as model.md of the house states them, one after the other."""
    used: set[str] = set()
    strange: set[str] = set()
    outcomes = []
    for one in lines:
        key = matching.key_of(one.wallet, one.kind, one.ref)
        other = others.get(key)
        found = tonight.get(key) or (other.entry if other and not other.settled_in else None)
        if key in used or key in strange or (other and other.settled_in):
            outcomes.append("duplicate")
        elif (one.wallet, one.store) not in STORES:
            outcomes.append("unknown_location")
        elif found is None:
            strange.add(key)
            original = matching.key_of(one.wallet, "sale", one.original_ref)
            is_orphan = one.kind == "refund" and original not in {*tonight, *others}
            outcomes.append("refund_without_payment" if is_orphan else "missing_in_ledger")
        else:
            entry = matching.unpack(found)
            if entry.store != one.store:
                outcomes.append("unknown_location")
                continue
            used.add(key)
            if entry.currency != one.currency:
                outcomes.append("currency_mismatch")
            elif entry.gross != one.gross:
                outcomes.append("amount_mismatch")
            elif entry.fee != one.fee:
                outcomes.append("fee_mismatch")
            else:
                outcomes.append("matched")
    return outcomes


kinds = st.sampled_from(["sale", "refund"])
refs = st.sampled_from("abcdef")
facts = st.tuples(
    st.sampled_from(["1", "2"]), st.sampled_from(["EUR", "NOK"]), st.integers(1, 2),
    st.integers(0, 1),
)  # fmt: skip
names = st.tuples(st.sampled_from(["vipps", "momo"]), kinds, refs)


@given(
    tonight=st.dictionaries(names, facts, max_size=8),
    others=st.dictionaries(names, st.tuples(facts, st.sampled_from(["", "f line 1"])), max_size=4),
    lines=st.lists(
        st.tuples(names, facts, st.sampled_from(["1", "9"]), refs | st.just("")), max_size=20
    ),
)
@settings(max_examples=400)
def test_it_finds_what_the_obvious_engine_finds(tonight, others, lines):
    ledger_tonight = {
        US.join(name): packed(number, *fact, "2026-10-14")
        for number, (name, fact) in enumerate(tonight.items(), 1)
    }
    ledger_others = {
        US.join(name): Found(packed(100 + number, *fact, "2026-10-13"), settled)
        for number, (name, (fact, settled)) in enumerate(others.items())
        if US.join(name) not in ledger_tonight
    }
    made = [
        line(no, name, fact[0] if store == "1" else "9", *fact[1:], original)
        for no, (name, fact, store, original) in enumerate(lines, 1)
    ]
    ledger = PlainLedger(ledger_tonight, ledger_others)
    results = [
        result
        for some in matching.match(made, ledger, first="2026-10-14", last="2026-10-14")
        for result in some
    ]
    assert [result.outcome for result in results] == obvious(made, ledger_tonight, ledger_others)
    assert [result.line for result in results] == made
    linked = Counter(
        matching.unpack(result.entry).id for result in results if result.outcome in matching.LINKED
    )
    assert all(count == 1 for count in linked.values())
    left = {matching.unpack(result.entry).id for result in matching.left_over(ledger)}
    ids = {matching.unpack(entry).id for entry in ledger_tonight.values()}
    assert left == ids - linked.keys()
    late = [r for r in results if "late" in r.flags]
    assert all(matching.unpack(r.entry).business_date == "2026-10-13" for r in late)
