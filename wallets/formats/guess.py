"""A first description of a partner's file, guessed from a sample. Pure.

A guess fills a form that somebody reads and corrects; nothing is ever read by a guess alone.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from collections import Counter
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

from portal.core.money import EXPONENTS
from wallets.formats import description as said
from wallets.formats import workbook
from wallets.formats.columns import BadValue
from wallets.formats.placeholders import Form
from wallets.formats.statement import NOT_A_PAYMENT, REFUND, SALE

LOOKED_AT = 1 << 20
MOST_ROWS = 2_000
MOST_WORDS = 20

_HEADINGS = {
    "settlement_ref": "settlementref settlementid settlementreference payoutid payoutref "
        "payoutreference transferreference utbetalingsid liquidacion auszahlungsnummer",
    "original_ref": "originalid originalref originaltransaction originalreference refundof of "
        "originaltransactionid relatedid original",
    "merchant_ref": "merchantref merchantreference orderid order orderno ordernumber ordre "
        "ordrenummer pedido bestellnummer bestellung narocilo reference yourreference",
    "ref": "transactionid transaction transactionref transactionreference id txid txnid "
        "paymentid paymenttransactionid "
        "pspreference wallettransactionid transaktionsid transaksjonsid transaktion referencia "
        "tapahtumatunnus paymentreference operacion transakcija ref",
    "type": "type transactiontype entrytype kind typ tipo tyyppi art vorgang vrsta",
    "clock": "time clock timeofday hora uhrzeit zeit klokkeslett tid kello ura cas",
    "time": "timestamp datetime date transactiondate transactiontime paymenttime created "
        "createdat bookedat dato datum fecha data paivamaara datumzeit zeitpunkt",
    "store": "store storeid shop shopid location locationid merchantid site siteid salesunit "
        "salesunitid outlet terminal comercio loja butikk butik filiale filialnummer toimipaikka "
        "trgovina branch",
    "settled_currency": "settlementcurrency payoutcurrency settledcurrency",
    "settled_gross": "settlementamount settledamount settledgross",
    "currency": "currency currencycode valuta wahrung waehrung divisa moeda valuutta cur ccy "
        "transactioncurrency",
    "debit": "debit soll debe debet",
    "credit": "credit haben haber kredit",
    "letter": "drcr crdr debitcredit sollhaben dc sign",
    "fee": "fee fees commission comision comissao gebuhr gebuehr provision gebyr avgift kulu "
        "charge provizija transactionfee",
    "net": "net netamount payout netto neto nettobetrag nettobelop liquido izplacilo",
    "gross": "amount gross grossamount betrag brutto bruttobetrag belop beloep belopp importe "
        "valor montante summa maara znesek total sum transactionamount",
    "rate": "rate exchangerate fxrate kurs",
    "wallet": "wallet issuer scheme walletcode brand lompakko",
    "value_date": "valuedate payoutdate settlementdate valutadato valutadatum wertstellung",
}  # fmt: skip
_BY_HEADING = {word: name for name, words in _HEADINGS.items() for word in words.split()}
_PLAIN = str.maketrans({"ø": "o", "æ": "a", "ß": "ss", "đ": "d", "ł": "l"})
_TYPES = {
    SALE: "sale payment pay purchase capture captured p s kauf zahlung verkauf venta compra pago "
        "venda salg kjop kjoep kob koeb kop maksu osto nakup placilo",
    REFUND: "refund return refunded r reversal ruckgabe ruckerstattung erstattung gutschrift "
        "devolucion reembolso retur refusjon refundering tilbagebetaling aterbetalning hyvitys "
        "palautus vracilo",
    said.FEE: "fee transactionfee gebyr gebuhr comision avgift kulu",
}  # fmt: skip
_BY_TYPE = {word: kind for kind, words in _TYPES.items() for word in words.split()}
_TOTALS = {
    "total", "totals", "sum", "summe", "gesamt", "summa", "suma", "totalt", "ialt", "yhteensa",
    "skupaj", "trailer", "t", "9", "99",
}  # fmt: skip
_CREDIT, _DEBIT = {"CR", "C", "H", "HABEN", "CREDIT", "K"}, {"DR", "D", "S", "SOLL", "DEBIT", "DB"}
_FORMS = (
    "iso", "YYYY-MM-DD HH:mm:ss", "YYYY-MM-DD HH:mm", "DD.MM.YYYY HH:mm:ss", "DD.MM.YYYY HH:mm",
    "DD/MM/YYYY HH:mm:ss", "DD/MM/YYYY HH:mm", "DD-MM-YYYY HH:mm:ss", "DD-MM-YYYY HH:mm",
    "YYYY/MM/DD HH:mm:ss", "YYYYMMDDHHmmss", "YYYYMMDD HHmmss", "YYYYMMDD HH:mm:ss",
    "DDMMYYYY HHmmss", "YYYY-MM-DD", "DD.MM.YYYY", "DD/MM/YYYY", "DD-MM-YYYY", "YYYYMMDD",
    "DD.MM.YY", "YYMMDD", "epoch_ms", "epoch_s",
)  # fmt: skip
_AMOUNT = re.compile(r"[+-]?[0-9][0-9.,' \u00a0\u202f’]*-?", re.ASCII)
_DATE_IN_NAME = re.compile(r"(?<![0-9])(20[0-9]{2})([-_.]?)([01][0-9])(\2)([0-3][0-9])(?![0-9])")


def guess(path: Path, name: str) -> tuple[dict[str, Any], list[str]]:
    """Return a draft of a description, and what to look at in it, in words.

    Raises Unreadable for a workbook that cannot be opened; anything else gives at least the
    kind of the file.
    """
    notes: list[str] = []
    with path.open("rb") as file:
        head = file.read(LOOKED_AT)
        if head[:2] == b"PK":
            file.seek(0)
            options = {"max_unpacked_bytes": 256 * 1024**2}
            table = [
                [_shown(cell) for cell in row] for row in workbook.rows(file, options)[:MOST_ROWS]
            ]
            made: dict[str, Any] = {"file": {"kind": said.XLSX}}
            whole = len(table) < MOST_ROWS
        else:
            whole = len(head) < LOOKED_AT
            encoding, text = _decoded(head)
            lines = [line.rstrip("\r") for line in text.split("\n")][:MOST_ROWS]
            lines = [line for line in lines if line.strip()]
            made = {"file": {"kind": said.DELIMITED, "encoding": encoding}}
            delimiter = _delimiter(lines)
            if not delimiter:
                return _fixed(made, lines, name), [
                    "No sign parts the cells, so these are fixed positions: say where each begins "
                    "and ends."
                ]
            made["file"] |= {"delimiter": delimiter.replace("\t", "\\t"), "quotes": '"' in text}
            table = [[cell.strip() for cell in row] for row in _rows(lines, delimiter)]
    _name(made, name)
    _columns(made, table, notes, whole=whole)
    if not made["file"].get("name"):
        notes.append("The name says no day; unless rows or facts above them do, add one.")
    return made, notes


def _shown(cell: workbook.Cell) -> str:
    return cell.strip() if isinstance(cell, str) else str(cell)


def _decoded(head: bytes) -> tuple[str, str]:
    """Return the encoding of a text by its bytes, and the text."""
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16", head[: len(head) // 2 * 2].decode("utf-16", "replace")
    cut = head[: head.rfind(b"\n") + 1] or head
    if cut.startswith(b"\xef\xbb\xbf"):
        return "utf-8-bom", cut[3:].decode("utf-8", "replace")
    for encoding in ("utf-8", "gbk", "cp1252"):
        try:
            text = cut.decode(encoding)
        except UnicodeDecodeError:
            continue
        # Two letters of Latin-1 in a row make a rare sign of GBK too; Chinese is mostly common.
        common = sum("\u4e00" <= letter <= "\u9fa5" for letter in text)
        others = sum(letter > "\x7f" for letter in text)
        if encoding != "gbk" or (common >= 4 and common == others):
            return encoding, text
    return "latin-1", cut.decode("latin-1")


def _delimiter(lines: list[str]) -> str:
    """Return the sign that parts most lines into the same number of cells."""
    best, found = 0, ""
    for sign in (";", "\t", "|", ","):
        counts = Counter(len(row) for row in _rows(lines, sign) if len(row) > 2)
        if counts:
            width, times = counts.most_common(1)[0]
            score = times * 1_000 + width
            if times * 2 >= len(lines) and score > best + 1_000:
                best, found = score, sign
    return found


def _rows(lines: list[str], delimiter: str) -> list[list[str]]:
    """Return the cells of lines; where quotes make no sense, those that came before."""
    found: list[list[str]] = []
    with suppress(csv.Error):
        found.extend(csv.reader(lines, delimiter=delimiter))
    return found


def _fixed(made: dict[str, Any], lines: list[str], name: str) -> dict[str, Any]:
    made["file"] = {"kind": said.FIXED, "encoding": made["file"]["encoding"]}
    lengths = {len(line) for line in lines}
    if len(lengths) == 1 and max(lengths) <= said.WIDEST:
        made["file"]["record_length"] = lengths.pop()
    _name(made, name)
    return made


def _name(made: dict[str, Any], name: str) -> None:
    """Guess the pattern of the name: its first date, and the first number behind it."""
    found = next((one for one in _DATE_IN_NAME.finditer(name) if _is_date(one)), None)
    if found is None or len(name) > said.LONGEST or set(name) & set("{}"):
        return
    form = f"YYYY{found[2]}MM{found[2]}DD"
    before, after = name[: found.start()], name[found.end() :]
    number = re.search("[0-9]{1,12}", after)
    if number is not None:
        after = f"{after[: number.start()]}{{sequence}}{after[number.end() :]}"
    made["file"]["name"] = f"{before}{{date:{form}}}{after}"


def _is_date(found: re.Match[str]) -> bool:
    try:
        date(int(found[1]), int(found[3]), int(found[5]))
    except ValueError:
        return False
    return True


def _plain(text: str) -> str:
    """Return a heading or word in lower case without accents, spaces and signs."""
    apart = unicodedata.normalize("NFKD", text.lower().translate(_PLAIN))
    return "".join(letter for letter in apart if letter.isalnum())


def _columns(
    made: dict[str, Any], table: list[list[str]], notes: list[str], *, whole: bool
) -> None:
    """Guess headings, columns and what they hold."""
    at = _headings_at(table)
    if at is None:
        made["file"]["headings"] = False
        notes.append("There is no row of headings that we know; say each column's position.")
        return
    made["file"]["skip_rows"] = at
    headings = table[at]
    rows = [row + [""] * (len(headings) - len(row)) for row in table[at + 1 :] if any(row)]
    rows, totals = _without_totals(rows, whole=whole)
    columns = made["columns"] = {}
    for heading in headings:
        name = _BY_HEADING.get(_plain(heading))
        if name and name not in columns and headings.count(heading) == 1:
            columns[name] = {"heading": heading}

    def values(name: str) -> list[str]:
        if name not in columns:
            return []
        number = headings.index(columns[name]["heading"])
        return [row[number] for row in rows if row[number]]

    if "clock" in columns and "time" not in columns:
        columns["time"] = columns.pop("clock")
    notes += [
        f"No heading looks like {name}; say where it stands, or a constant."
        for name in ("ref", "store", "currency")
        if name not in columns
    ]
    _times(made, columns, values, notes)
    _amounts(made, columns, values, notes)
    if totals:
        _totals(made, headings, totals, len(rows))
    left = [
        heading for heading in headings
        if heading and heading not in {place["heading"] for place in columns.values()}
    ]  # fmt: skip
    if left:
        notes.append(f"Nothing was guessed for: {', '.join(left[:20])}.")


def _headings_at(table: list[list[str]]) -> int | None:
    """Return the row of headings: of the first rows the one with most headings that we know."""
    best, found = 1, None
    for number, row in enumerate(table[:30]):
        known = sum(_plain(cell) in _BY_HEADING for cell in row)
        if known > best and not any(_AMOUNT.fullmatch(cell) for cell in row if cell):
            best, found = known, number
    return found


def _without_totals(
    rows: list[list[str]], *, whole: bool
) -> tuple[list[list[str]], list[list[str]]]:
    """Return the rows and, of a file seen to its end, the totals that close it."""
    cut = len(rows)
    while whole and cut and any(_plain(cell) in _TOTALS for cell in rows[cut - 1][:3]):
        word = next(cell for cell in rows[cut - 1][:3] if _plain(cell) in _TOTALS)
        if sum(word in row for row in rows) > 10:
            break
        cut -= 1
    return rows[:cut], rows[cut:]


def _times(made: dict[str, Any], columns: Any, values: Any, notes: list[str]) -> None:
    if "time" not in columns:
        return
    texts = values("time")[:200]
    if "clock" in columns:
        clocks = values("clock")[:200]
        texts = [f"{day} {clock}" for day, clock in zip(texts, clocks, strict=False)]
    for form in _FORMS:
        try:
            made_form = Form(form)
            for text in texts:
                made_form.instant(text, "time", said.ZoneInfo("UTC"))
        except BadValue:
            continue
        made["times"] = {"form": form}
        return
    notes.append("The form of its times is none that we know; write it with YYYY, MM, DD, HH …")


def _amounts(made: dict[str, Any], columns: Any, values: Any, notes: list[str]) -> None:
    """Guess marks, unit, signs, types and where the fee stands."""
    amounts: dict[str, Any] = {}
    texts = [
        text for name in ("gross", "debit", "credit", "fee", "net") for text in values(name)[:500]
    ]
    texts = [text for text in texts if _AMOUNT.fullmatch(text)]
    bodies = [text.strip("+-") for text in texts]
    if bodies and all(body.isdigit() for body in bodies):
        currencies = set(values("currency"))
        if any(EXPONENTS.get(currency, 2) for currency in currencies or {"EUR"}):
            amounts["unit"] = "minor"
            notes.append("Amounts have no decimals: we took them for cents. Look whether so.")
    else:
        _marks(amounts, bodies)
    if any(text.endswith("-") for text in texts):
        amounts["minus"] = "trailing"
    negative = any("-" in text for text in values("gross"))
    if "debit" in columns and "credit" in columns:
        amounts["sign"] = said.DEBIT_CREDIT
        columns.pop("gross", None)
    else:
        for name in ("debit", "credit"):
            columns.pop(name, None)
        letters = {text.upper() for text in values("letter")}
        if letters and letters <= _CREDIT | _DEBIT:
            amounts["sign"] = said.LETTER
            for key, meant in (("credit", _CREDIT), ("debit", _DEBIT)):
                amounts[key] = sorted(
                    text for text in set(values("letter")) if text.upper() in meant
                )
        else:
            columns.pop("letter", None)
    words = Counter(values("type"))
    if "type" in columns and 0 < len(words) <= MOST_WORDS:
        types = made["types"] = {
            word: _BY_TYPE.get(_plain(word), NOT_A_PAYMENT) for word, _times in words.most_common()
        }
        unknown = [word for word in types if _plain(word) not in _BY_TYPE]
        if unknown:
            notes.append(f"Say what these types stand for: {', '.join(unknown)}.")
        unsigned = REFUND in types.values() and not negative
        if unsigned and "sign" not in amounts:
            amounts["sign"] = said.BY_TYPE
        if said.FEE in types.values() and "fee" not in columns:
            amounts["fee"] = said.ROWS
            columns.pop("net", None)
            if negative:
                amounts["fee_sign"] = said.NEGATIVE
    elif "type" in columns:
        columns.pop("type")
        notes.append("The column of types holds too many words to be one.")
    if "fee" in columns:
        amounts["fee"] = said.COLUMN
        fees = [text for text in values("fee") if text.strip("+-0.,")]
        if fees and all("-" in text for text in fees):
            amounts["fee_sign"] = said.NEGATIVE
        if len(values("fee")) < len(values("ref")):
            amounts["empty_fee"] = True
    elif "net" in columns:
        amounts["fee"] = said.DIFFERENCE
    if ("settled_currency" in columns) != ("settled_gross" in columns):
        columns.pop("settled_currency", None)
        columns.pop("settled_gross", None)
    if "settled_gross" not in columns:
        columns.pop("rate", None)
    if "settlement_ref" in columns:
        made["batches"] = {"by": said.COLUMN}
    made["amounts"] = amounts


def _marks(amounts: dict[str, Any], bodies: list[str]) -> None:
    """Guess the decimal mark and the sign between thousands."""
    last = Counter(found[1] for body in bodies if (found := re.search(r"([.,])[0-9]{1,2}$", body)))
    if last:
        amounts["mark"] = mark = last.most_common(1)[0][0]
    else:
        mark = "."
    others = Counter(
        letter for body in bodies for letter in body if not letter.isdigit() and letter != mark
    )
    if others and others.most_common(1)[0][0] in ".,'’ \u00a0\u202f":
        amounts["thousands"] = others.most_common(1)[0][0]
    decimals = {len(body.rpartition(mark)[2]) if mark in body else 0 for body in bodies}
    if decimals - {2}:
        amounts["short"] = True


def _totals(made: dict[str, Any], headings: list[str], totals: list[list[str]], count: int) -> None:
    """Guess what a row of totals says: sums under their columns, a cell that is the count."""
    row = totals[0]
    at = next(number for number, cell in enumerate(row) if _plain(cell) in _TOTALS)
    trailer: dict[str, Any] = {
        "rule": said.TOTALS, "value": row[at], "column": {"position": at + 1}
    }  # fmt: skip
    for name in ("gross", "fee", "net", "currency"):
        place = made["columns"].get(name)
        if place and row[headings.index(place["heading"])]:
            trailer[name] = place
    for number, cell in enumerate(row):
        if len(totals) == 1 and cell == str(count) and number != at:
            trailer["count"] = {"position": number + 1}
            break
    if any(name in trailer for name in said.SUMS):
        made["trailer"] = trailer
