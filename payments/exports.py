"""The CSV of a night: every line and every due entry, no cap, safe in a spreadsheet.

UTF-8, comma, LF. Amounts are minor units. ``expected_gross_minor``, ``settled_gross_minor``
and ``difference_minor`` are in ``currency``, the price currency; the fees and
``settled_net_minor`` are in ``settled_currency``, in which the partner pays out;
``fx_rate`` is settled per one of price where the two differ. ``difference_minor`` is
settled less expected gross, an absent side counting as nothing; it is empty where the two
are in different currencies. ``occurred_at`` and ``merchant_ref`` are the ledger's, and the
file's for lines without an entry.
"""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from django.conf import settings

from merchants.models import Location
from payments.matching import CURRENCY_MISMATCH, US, Result, unpack
from payments.models import Run
from portal.core import calendars
from portal.core.csvfile import row, text_cell
from wallets.formats.statement import NOT_A_PAYMENT, Statement
from wallets.models import Feed, Wallet

COLUMNS = (
    "outcome", "flags", "wallet", "issuer", "acquirer", "settled_by", "business_date", "due_on",
    "value_date", "settlement_ref", "line_no", "wallet_ref", "merchant_ref", "merchant_id",
    "location_code", "kind", "occurred_at", "currency", "expected_gross_minor",
    "settled_gross_minor", "expected_fee_minor", "settled_fee_minor", "fee_vat_minor",
    "settled_net_minor", "settled_currency", "fx_rate", "difference_minor", "note",
)  # fmt: skip

# Several texts at once, parted by LF, any of which might need quotes or an apostrophe.
_needs_care = re.compile(r'[",\r\0]|^[=+\-@\t＝＋－＠]', re.MULTILINE).search


class Writer:
    """Writes the CSV of one run beside the matching, into a temporary file.

    ``zone`` is the wallet's time zone when the run was made, in which times are told.

    :meth:`finish` makes it durable under its final name; :meth:`discard` drops it.
    """

    def __init__(self, path: Path, *, feed: Feed, statement: Statement, zone: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path, self.rows = path, 0
        self._part = path.with_name(f".{path.name}.{os.getpid()}.part")
        self._file = self._part.open("wb")
        self._hash = sha256()
        self._statement = statement
        self._settled_by = feed.wallet.code
        self._zone = zone
        self._wallets = {str(pk): code for pk, code in Wallet.objects.values_list("pk", "code")}
        self._places: dict[str, str] = {}
        self._minutes: dict[str, tuple[str, str]] = {}
        self._batches: dict[int, str] = {}
        self._put(",".join(COLUMNS) + "\n")

    def _put(self, text: str) -> None:
        data = text.encode()
        self._hash.update(data)
        self._file.write(data)

    def add(self, results: list[Result]) -> None:
        """Write the rows of some results, in order.

        The common case is written by hand, without a call or a name more than it needs:
        a million of these rows are made in a night.
        """
        split = [result.entry.split(US, 14) if result.entry else None for result in results]
        self._know_places({entry[10] for entry in split if entry})
        places, wallets, minutes, batches = (
            self._places, self._wallets, self._minutes, self._batches,
        )  # fmt: skip
        settled_by = self._settled_by
        rows = []
        for result, entry in zip(results, split, strict=True):
            outcome, line, _packed, flags, note, _key = result
            if entry is None or line is None or outcome == CURRENCY_MISMATCH:
                rows.append(self._careful(result))
                continue
            (
                no, batch, wallet, kind, ref, _store, currency, gross, settled_currency,
                _settled_gross, fee, net, rate, _merchant_ref, _occurred_at, _original,
            ) = line  # fmt: skip
            (
                _, _, expected, _, _, expected_fee, _, business_date, due_on, acquirer, place, vat,
                agreed_rate, occurred_at, merchant_ref,
            ) = entry  # fmt: skip
            difference = "0" if gross == expected else str(int(gross) - int(expected))
            minute = occurred_at[:16]
            if minute not in minutes:
                self._local(occurred_at)
            start, offset = minutes[minute]
            if _needs_care(f"{ref}\n{merchant_ref}\n{note}"):
                ref, merchant_ref, note = text_cell(ref), text_cell(merchant_ref), text_cell(note)
            rows.append(
                f"{outcome},{flags},{wallet},{wallet},{wallets[acquirer]},{settled_by},"
                f"{business_date},{due_on},{batches.get(batch) or self._batch(batch)},{no},{ref},"
                f"{merchant_ref},{places[place]},{kind},{start}{occurred_at[16:]}{offset},"
                f"{currency},{expected},{gross},{expected_fee},{fee},{vat},{net},"
                f"{settled_currency},{rate or agreed_rate},{difference},{note}\n"
            )
        self.rows += len(rows)
        self._put("".join(rows))

    def _careful(self, result: Result) -> str:
        """Return the row of a line without an entry, or of an entry without a line."""
        line, entry = result.line, unpack(result.entry) if result.entry else None
        expected, fee, vat = (
            (int(entry.gross), int(entry.fee), int(entry.fee_vat)) if entry else (None, None, None)
        )
        if line is None:
            assert entry is not None  # noqa: S101  (an entry without a line is all this can be)
            wallet, kind, ref = result.key.split(US, 2)
            merchant_id, _, location = self._places[entry.location_id].partition(",")
            return row((
                result.outcome, result.flags, wallet, wallet, self._wallets[entry.acquirer_id],
                self._settled_by, entry.business_date, entry.due_on, None, None, None, ref,
                entry.merchant_ref, merchant_id, location, kind, self._local(entry.occurred_at),
                entry.currency, expected, None, fee, None, vat, None, entry.settled_currency,
                entry.rate, -(expected or 0), result.note,
            ))  # fmt: skip
        batch = self._batch(line.batch)
        value_date, _, settlement_ref = batch.partition(",")
        merchant_id, _, location = (
            self._places[entry.location_id].partition(",") if entry else ("", "", "")
        )
        gross = int(line.gross)
        is_payment = line.kind != NOT_A_PAYMENT
        comparable = is_payment and (entry is None or entry.currency == line.currency)
        head = row((
            result.outcome, result.flags, line.wallet, line.wallet if is_payment else "",
            self._wallets[entry.acquirer_id] if entry else None, self._settled_by,
            entry.business_date if entry else None, entry.due_on if entry else None, value_date,
        ))  # fmt: skip
        tail = row((
            line.no, line.ref, entry.merchant_ref if entry else line.merchant_ref, merchant_id,
            location, line.kind,
            self._local(entry.occurred_at) if entry else line.occurred_at,
            entry.currency if entry else line.currency, expected, gross, fee, int(line.fee), vat,
            int(line.net), line.settled_currency, line.rate or (entry.rate if entry else ""),
            gross - (expected or 0) if comparable else None, result.note,
        ))  # fmt: skip
        return f"{head[:-1]},{settlement_ref},{tail}"

    def _batch(self, index: int) -> str:
        """Return ``value_date,settlement_ref`` of a batch; kept once its date is known."""
        if index in self._batches:
            return self._batches[index]
        batch = self._statement.batches[index]
        text = f"{batch.value_date.isoformat() if batch.value_date else ''},{text_cell(batch.ref)}"
        if batch.value_date:
            self._batches[index] = text
        return text

    def _local(self, utc: str) -> str:
        """Turn ``YYYY-MM-DD HH:MM:SS`` of UTC into ISO 8601 in the settling wallet's zone."""
        minute = utc[:16]
        if minute not in self._minutes:
            instant = datetime.fromisoformat(minute).replace(tzinfo=UTC)
            local = instant.astimezone(calendars.zone(self._zone)).isoformat()
            self._minutes[minute] = (local[:16], local[19:])
        start, offset = self._minutes[minute]
        return f"{start}{utc[16:]}{offset}"

    def _know_places(self, location_ids: set[str]) -> None:
        unknown = [int(pk) for pk in location_ids - self._places.keys()]
        for at in range(0, len(unknown), 500):
            for pk, code, ref in Location.objects.filter(pk__in=unknown[at : at + 500]).values_list(
                "pk", "code", "merchant__ref"
            ):
                self._places[str(pk)] = f"{text_cell(ref)},{text_cell(code)}"

    def finish(self) -> str:
        """Make the file durable under its final name; return its SHA-256."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        os.replace(self._part, self.path)
        return self._hash.hexdigest()

    def discard(self) -> None:
        self._file.close()
        self._part.unlink(missing_ok=True)


def csv_file(run: Run) -> Path:
    """Return where the CSV of a run lies."""
    return Path(settings.VAR_DIR) / run.csv_path


class CannotMakeAgain(Exception):
    """The CSV is gone, and what it was made of is gone too or is no longer the same."""


def open_csv(run: Run) -> BinaryIO:
    """Open the CSV of a finished run for reading; make it again if the file is gone.

    Raises CannotMakeAgain.
    """
    path = csv_file(run)
    if not path.is_file():
        from payments import proof

        try:
            proof.replay(run, to=path)
        except (OSError, proof.NotTheSame) as error:
            raise CannotMakeAgain(str(error)) from error
    return path.open("rb")
