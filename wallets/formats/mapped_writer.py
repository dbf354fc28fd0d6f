"""Writing a file by its description, as a partner would. Pure."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import xlsxwriter

from portal.core.money import from_minor
from wallets.formats import columns, workbook
from wallets.formats import description as said
from wallets.formats.columns import CannotWrite, Tally
from wallets.formats.description import Description, Place
from wallets.formats.statement import NOT_A_PAYMENT, REFUND, SALE, Line, Sheet

_CELL_ESCAPE = re.compile(r"_x[0-9A-Fa-f]{4}_")


def write(path: Path, sheet: Sheet, options: dict[str, Any]) -> list[int]:
    """Write a file as described; return the row at which each sheet line stands."""
    of = said.parse(options.get("mapping"))
    writer = Writer(of, sheet, options)
    grid, numbers = writer.rows()
    if of.kind == said.XLSX:
        _write_book(path, grid, sheet.made_on)
        return numbers
    texts = [writer.text(row) for row in grid]
    encoding = {"utf-8-bom": "utf-8-sig"}.get(
        of.file["encoding"], said.ENCODINGS[of.file["encoding"]]
    )
    try:
        with columns.TextFile(path, encoding) as file:
            for text in texts:
                file.put(text)
    except UnicodeEncodeError as error:
        raise CannotWrite(f"{error.object[error.start]!r} is not in {encoding}.") from None
    return numbers


def _write_book(path: Path, grid: list[dict[int, str]], made_on: date) -> None:
    if len(grid) > workbook.MOST_ROWS:
        raise CannotWrite(f"A sheet holds {workbook.MOST_ROWS} rows, this one has {len(grid)}.")
    with xlsxwriter.Workbook(path, {"constant_memory": True}) as book:
        book.set_properties({"created": datetime(made_on.year, made_on.month, made_on.day)})  # noqa: DTZ001
        page = book.add_worksheet()
        for number, row in enumerate(grid):
            for position, text in sorted(row.items()):
                if _CELL_ESCAPE.search(text) or not text.isprintable():
                    raise CannotWrite(f"{text!r} cannot stand in a workbook as it is.")
                if text:
                    page.write_string(number, position, text)


class Writer:
    """Writes a sheet by a description: rows of cells by position, or by first character."""

    def __init__(self, of: Description, sheet: Sheet, options: dict[str, Any]) -> None:
        self.of, self.sheet = of, sheet
        self.zone = of.zone or ZoneInfo(options.get("timezone") or "UTC")
        self.own_wallet = str(options.get("wallet") or "")
        self.words: dict[str, str] = {}
        for word, meaning in of.types.items():
            self.words.setdefault(meaning, word)
        self.codes: dict[str, str] = {}
        for word, code in of.wallets.items():
            self.codes.setdefault(code, word)
        self.at, self.totals_at, self.headings = self._places()
        self.widths = {
            place.start - 1: place.length
            for places in (of.columns, of.totals, of.facts)
            for place in places.values()
        }
        self.width = 1 + max([*self.at.values(), *self.totals_at.values()])

    def _places(self) -> tuple[dict[str, int], dict[str, int], dict[int, str]]:
        """Return where columns and totals stand, and the headings."""
        of = self.of
        if of.kind == said.FIXED:
            return (
                {name: place.start - 1 for name, place in of.columns.items()},
                {name: place.start - 1 for name, place in of.totals.items()}, {},
            )  # fmt: skip
        places = [*of.columns.values(), *of.totals.values()]
        headings = {place.position - 1: f"Column {place.position}" for place in of.columns.values()
                    if place.position}  # fmt: skip
        free = (number for number in range(len(places) * 2 + 1) if number not in headings)
        found: dict[str, int] = {}
        for place in places:
            if place.heading and place.heading not in found:
                found[place.heading] = next(free)
        headings |= {number: heading for heading, number in found.items()}

        def stands(place: Place) -> int:
            return found[place.heading] if place.heading else place.position - 1

        at = {name: stands(place) for name, place in of.columns.items()}
        for number in range(max(headings, default=0)):
            headings.setdefault(number, f"Column {number + 1}")
        return at, {name: stands(place) for name, place in of.totals.items()}, headings

    def rows(self) -> tuple[list[dict[int, str]], list[int]]:
        of, sheet = self.of, self.sheet
        grid = self._above()
        if of.kind != said.FIXED and of.file["headings"]:
            grid.append(dict(self.headings))
        numbers = []
        for line in sheet.lines:
            row, fee = self._row(line)
            grid.append(row)
            numbers.append(len(grid))
            if fee is not None:
                grid.append(fee)
        if of.has_totals:
            column, value = self.totals_at["column"], of.trailer["value"]
            if any(row.get(column) == value for row in grid[len(grid) - len(sheet.lines) :]):
                raise CannotWrite(f"A row would be taken for totals: it holds {value!r}.")
            grid += self._totals()
        if of.end:
            if any(row.get(0, "") == of.end for row in grid):
                raise CannotWrite(f"A row would be taken for the end mark {of.end!r}.")
            grid.append({0: of.end})
        if not any(any(row.values()) for row in grid):
            raise CannotWrite("A file without payments would have no text at all.")
        return grid, numbers

    def text(self, row: dict[int, str]) -> str:
        """Return a row as one line of text."""
        of = self.of
        if any(not text.isprintable() for text in row.values()):
            raise CannotWrite(f"{row} holds a control character.")
        if row == {0: of.end} and of.end:
            return of.end
        if of.kind == said.FIXED:
            return self._record(row)
        delimiter = of.file["delimiter"]
        width = max(self.width, len(self.headings), 1 + max(row, default=0))
        cells = [row.get(number, "") for number in range(width)]
        if not of.file["quotes"]:
            if any(delimiter in cell for cell in cells):
                raise CannotWrite(f"{cells}: no cell can hold {delimiter!r}.")
            return delimiter.join(cells)
        return delimiter.join(
            '"' + cell.replace('"', '""') + '"' if delimiter in cell or '"' in cell else cell
            for cell in cells
        )

    def _record(self, row: dict[int, str]) -> str:
        text = ""
        for start, cell in sorted(row.items()):
            if len(cell) > self.widths[start]:
                raise CannotWrite(f"{cell!r} does not fit {self.widths[start]} characters.")
            if len(text) > start and cell:
                raise CannotWrite("Two places of the description lie over each other.")
            text = text.ljust(start) + cell.ljust(self.widths[start]) if cell else text
        return text.ljust(self.of.file["record_length"])

    # --- parts of the file

    def _above(self) -> list[dict[int, str]]:
        of, sheet = self.of, self.sheet
        grid: list[dict[int, str]] = [{} for _row in range(of.file["skip_rows"])]
        ref = sheet.batches[0].ref if sheet.batches else "none"
        paid = sheet.batches[0].value_date if sheet.batches else None
        back = timedelta(days=of.file["days_back"])
        texts = {
            "period_from": of.date_form.write(sheet.period_from),
            "period_to": of.date_form.write(sheet.period_to),
            "sequence": str(sheet.number),
            "settlement_ref": ref,
            "value_date": of.date_form.write(paid) if paid else "",
            **self._declared(),
        }
        if of.title is not None:
            texts["title"] = of.title.write(
                first=sheet.period_from + back, last=sheet.period_to + back,
                sequence=sheet.number, ref=ref,
            )  # fmt: skip
        for name, place in of.facts.items():
            text = texts[name]
            if place.after and name != "title":
                text = f"{place.after.strip()} {text}"
            where = place.start - 1 if of.kind == said.FIXED else place.position - 1
            grid[place.row - 1][where] = text
        return grid

    def _declared(self) -> dict[str, str]:
        """Return the totals that stand above the rows."""
        if not any(name in self.of.facts for name in ("currency", *said.SUMS)):
            return {}
        currencies = {batch.currency for batch in self.sheet.batches}
        if len(currencies) > 1:
            raise CannotWrite("The totals above the rows are of one currency.")
        currency = next(iter(currencies), self.of.constants["currency"] or "EUR")
        found = Tally()
        for tally in columns.tallies_of(self.sheet):
            for name in said.SUMS:
                setattr(found, name, getattr(found, name) + getattr(tally, name))
        return {"currency": currency, **self._sums(found, currency)}

    def _sums(self, tally: Tally, currency: str) -> dict[str, str]:
        fee = -tally.fee if self.of.amounts["fee_sign"] == said.NEGATIVE else tally.fee
        sums = {"gross": tally.gross, "fee": fee, "net": tally.net}
        shown = {name: self._amount(minor, currency) for name, minor in sums.items()}
        return {"count": str(tally.count), **shown}

    def _totals(self) -> list[dict[int, str]]:
        of, sheet = self.of, self.sheet
        tallies = columns.tallies_of(sheet)
        unsigned = [0] * len(tallies)
        for line in sheet.lines:
            unsigned[line.batch] += abs(int(line.settled_gross))
        if unsigned:
            unsigned[0] += sheet.misstate_minor
        groups: dict[tuple[str, ...], list[int]] = {}
        for index, batch in enumerate(sheet.batches):
            keys = {"currency": batch.currency, "wallet": batch.wallet, "settlement_ref": batch.ref}
            key = tuple(keys[name] for name in keys if name in self.totals_at)
            groups.setdefault(key, []).append(index)
        several = len({batch.currency for batch in sheet.batches}) > 1
        if several and "currency" not in self.totals_at:
            raise CannotWrite("The totals do not say their currency, and there are several.")
        grid = []
        for indexes in groups.values() or [[]]:
            found = Tally()
            for index in indexes:
                for name in said.SUMS:
                    setattr(found, name, getattr(found, name) + getattr(tallies[index], name))
            if of.trailer["sums"] == "unsigned":
                found.gross = sum(unsigned[index] for index in indexes)
            first = sheet.batches[indexes[0]] if indexes else None
            currency = first.currency if first else of.constants["currency"] or "EUR"
            paid = first.value_date if first else None
            texts = {
                "column": of.trailer["value"],
                "currency": currency,
                "wallet": self._word_of(first.wallet if first else sheet.wallet),
                "settlement_ref": first.ref if first else "none",
                "value_date": of.date_form.write(paid) if paid else "",
                **self._sums(found, currency),
            }
            grid.append({at: texts[name] for name, at in self.totals_at.items()})
        return grid

    # --- one row

    def _row(self, line: Line) -> tuple[dict[int, str], dict[int, str] | None]:
        """Return the row of a line, and the row of its fee where it has one."""
        of, amounts = self.of, self.of.amounts
        if "settled_gross" not in of.columns:
            columns.one_currency(line)
        for name, value in (
            ("store", line.store), ("currency", line.currency),
            ("settled_currency", line.settled_currency),
        ):  # fmt: skip
            constant = of.constants[name]
            if constant and constant != value:
                raise CannotWrite(f"{line.ref}: {name} is {value}, and always {constant} here.")
        gross, fee, net = int(line.settled_gross), int(line.fee), int(line.net)
        if amounts["fee"] == said.NONE and fee:
            raise CannotWrite(f"{line.ref}: this file has no fees.")
        word, sign = self._type(line)
        paid = self.sheet.batches[line.batch].value_date
        settled = line.settled_currency
        texts = {
            "ref": line.ref, "type": word, "store": line.store, "currency": line.currency,
            "settled_currency": settled, "wallet": self._word_of(line.wallet),
            "rate": line.rate.replace(".", amounts["mark"]), "merchant_ref": line.merchant_ref,
            "original_ref": line.original_ref,
            "settlement_ref": self.sheet.batches[line.batch].ref,
            "value_date": of.date_form.write(paid) if paid else "",
            **self._moment(line), **self._signed(int(line.gross), line.currency, sign),
        }  # fmt: skip
        if "settled_gross" in of.columns:
            texts["settled_gross"] = self._turned(gross, sign, settled)
        if "net" in of.columns:
            turned = -net if sign < 0 and amounts["sign"] in (said.BY_TYPE, said.LETTER) else net
            texts["net"] = self._amount(turned, settled)
        if amounts["fee"] == said.COLUMN:
            rule = amounts["fee_sign"]
            turned = -fee if rule == said.NEGATIVE or (rule == said.BY_TYPE and sign < 0) else fee
            if rule == said.BY_TYPE and turned < 0:
                raise CannotWrite(f"{line.ref}: an unsigned fee cannot be {fee}.")
            texts["fee"] = self._amount(turned, settled)
        row = {at: texts[name] for name, at in self.at.items()}
        if amounts["fee"] != said.ROWS or not fee:
            return row, None
        charged = -fee if amounts["fee_sign"] == said.NEGATIVE else fee
        texts |= {
            "type": self.words[said.FEE],
            amounts["fee_by"]: line.ref,
            **self._signed(charged, settled, -1 if charged < 0 else 1),
        }
        return row, {at: texts[name] for name, at in self.at.items()}

    def _type(self, line: Line) -> tuple[str, int]:
        """Return the word of a line's type, and the sign that its amounts are turned by."""
        rule, gross = self.of.amounts["sign"], int(line.gross)
        meaning, sign = line.kind, -1 if line.kind == REFUND or gross < 0 else 1
        if rule == said.BY_TYPE and line.kind == NOT_A_PAYMENT and sign < 0:
            meaning = said.DEDUCTION
        if not self.at.get("type", -1) >= 0:
            derived = REFUND if gross < 0 else SALE
            if line.kind != derived:
                raise CannotWrite(f"{line.ref}: no column says that it is a {line.kind}.")
            return "", sign
        if meaning not in self.words:
            raise CannotWrite(f"{line.ref}: there is no word for {meaning}.")
        return self.words[meaning], sign

    def _word_of(self, wallet: str) -> str:
        if "wallet" not in self.of.columns and "wallet" not in self.totals_at:
            if wallet != self.own_wallet:
                raise CannotWrite(f"The file has no column for the wallet {wallet}.")
            return wallet
        if not self.of.wallets:
            return wallet
        try:
            return self.codes[wallet]
        except KeyError:
            raise CannotWrite(f"There is no word for the wallet {wallet}.") from None

    def _moment(self, line: Line) -> dict[str, str]:
        form = self.of.time_form
        instant = columns.in_zone(line, self.zone)
        if form is None or instant is None:
            return {"time": "", "clock": ""}
        text = line.occurred_at if form.text == "iso" else form.write(instant)
        if "clock" in self.of.columns:
            day, _space, clock = text.partition(" ")
            return {"time": day, "clock": clock}
        return {"time": text, "clock": ""}

    def _signed(self, minor: int, currency: str, sign: int) -> dict[str, str]:
        """Return the amount in the columns that the sign rule has."""
        rule, amounts = self.of.amounts["sign"], self.of.amounts
        if rule == said.SIGNED:
            return {"gross": self._amount(minor, currency)}
        if rule == said.DEBIT_CREDIT:
            side, other = ("debit", "credit") if sign < 0 else ("credit", "debit")
            return {side: self._turned(minor, sign, currency), other: ""}
        letters = {}
        if rule == said.LETTER:
            letters["letter"] = amounts["debit" if sign < 0 else "credit"][0]
        return {"gross": self._turned(minor, sign, currency), **letters}

    def _turned(self, minor: int, sign: int, currency: str) -> str:
        if self.of.amounts["sign"] == said.SIGNED:
            return self._amount(minor, currency)
        if minor * sign < 0:
            raise CannotWrite(f"{minor} {currency} has the other sign than its row.")
        return self._amount(minor * sign, currency)

    def _amount(self, minor: int, currency: str) -> str:
        amounts = self.of.amounts
        if amounts["unit"] == "major":
            text = from_minor(abs(minor), currency, mark=amounts["mark"])
            if amounts["short"]:
                text = columns.short_text(abs(minor), currency, amounts["mark"])
            if amounts["thousands"]:
                whole, mark, rest = text.partition(amounts["mark"])
                text = f"{int(whole):,}".replace(",", amounts["thousands"]) + mark + rest
        else:
            tens = 100 if amounts["unit"] == "hundredths" and not columns.exponent(currency) else 1
            text = str(abs(minor) * tens)
        if minor >= 0:
            return text
        return f"{text}-" if amounts["minus"] == "trailing" else f"-{text}"
