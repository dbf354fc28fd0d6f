"""Bank files made of a few facts, in every version, for the tests of the bank layouts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from xml.sax.saxutils import escape

from portal.core.money import from_minor

IBAN = "FI2112345600000785"
DAY = date(2026, 10, 14)


@dataclass
class Tx:
    """One transaction of an entry; amounts are signed minor units."""

    minor: int
    end_to_end: str = ""
    name: str = ""
    text: tuple[str, ...] = ()
    reference: str = ""
    extra: str = ""


@dataclass
class Booking:
    """One entry."""

    minor: int
    status: str = "BOOK"
    reversal: bool = False
    reference: str = ""
    batch: int | None = None
    txs: list[Tx] = field(default_factory=list)
    extra: str = ""


def amount(minor: int, currency: str) -> str:
    return f'<Amt Ccy="{currency}">{from_minor(abs(minor), currency)}</Amt>'


def side(minor: int) -> str:
    return f"<CdtDbtInd>{'DBIT' if minor < 0 else 'CRDT'}</CdtDbtInd>"


def balance(kind: str, minor: int, currency: str) -> str:
    return (
        f"<Bal><Tp><CdOrPrtry><Cd>{kind}</Cd></CdOrPrtry></Tp>{amount(minor, currency)}"
        f"{side(minor)}<Dt><Dt>{DAY}</Dt></Dt></Bal>"
    )


def tx(one: Tx, version: str, currency: str) -> str:
    """A TxDtls as its version has it: the party's name one level deeper from 08 on."""
    role = "Cdtr" if one.minor < 0 else "Dbtr"
    name = f"<Nm>{escape(one.name)}</Nm>"
    party = f"<Pty>{name}</Pty>" if version >= "08" else name
    own = (
        amount(one.minor, currency) + side(one.minor)
        if version >= "04"
        else f"<AmtDtls><TxAmt>{amount(one.minor, currency)}</TxAmt></AmtDtls>"
    )
    texts = "".join(f"<Ustrd>{escape(text)}</Ustrd>" for text in one.text)
    strd = (
        f"<Strd><CdtrRefInf><Ref>{escape(one.reference)}</Ref></CdtrRefInf></Strd>"
        if one.reference else ""
    )  # fmt: skip
    return (
        f"<TxDtls><Refs><EndToEndId>{escape(one.end_to_end) or 'NOTPROVIDED'}</EndToEndId></Refs>"
        f"{own}{one.extra}<RltdPties><{role}>{party}</{role}></RltdPties>"
        f"<RmtInf>{texts}{strd}</RmtInf></TxDtls>"
    )


def booking(one: Booking, version: str, currency: str) -> str:
    status = f"<Sts><Cd>{one.status}</Cd></Sts>" if version >= "08" else f"<Sts>{one.status}</Sts>"
    batch = "" if one.batch is None else f"<Btch><NbOfTxs>{one.batch}</NbOfTxs></Btch>"
    details = "".join(tx(found, version, currency) for found in one.txs)
    return (
        f"<Ntry>{amount(one.minor, currency)}{side(one.minor)}"
        f"<RvslInd>{str(one.reversal).lower()}</RvslInd>{status}"
        f"<BookgDt><Dt>{DAY}</Dt></BookgDt><ValDt><DtTm>{DAY}T00:00:00+03:00</DtTm></ValDt>"
        f"<AcctSvcrRef>{one.reference}</AcctSvcrRef><BkTxCd><Domn><Cd>PMNT</Cd><Fmly>"
        f"<Cd>RCDT</Cd><SubFmlyCd>ESCT</SubFmlyCd></Fmly></Domn></BkTxCd>{one.extra}"
        f"<NtryDtls>{batch}{details}</NtryDtls></Ntry>\n"
    )


def summary(bookings: list[Booking], currency: str) -> str:
    parts = []
    for name, found in (
        ("TtlNtries", bookings),
        ("TtlCdtNtries", [one for one in bookings if one.minor >= 0]),
        ("TtlDbtNtries", [one for one in bookings if one.minor < 0]),
    ):
        total = from_minor(sum(abs(one.minor) for one in found), currency)
        parts.append(f"<{name}><NbOfNtries>{len(found)}</NbOfNtries><Sum>{total}</Sum></{name}>")
    return f"<TxsSummry>{''.join(parts)}</TxsSummry>"


def statement(
    bookings: list[Booking], version: str = "08", *, currency: str = "EUR", opening: int = 0,
    closing: int | None = None, **more: Any,
) -> str:  # fmt: skip
    """A Stmt whose balances are right, or closes as it is told to."""
    booked = sum(one.minor for one in bookings if one.status == "BOOK")
    closing = opening + booked if closing is None else closing
    servicer = "BICFI" if version >= "04" else "BIC"
    balances = more.get("balances", balance("OPBD", opening, currency)
                        + balance("CLBD", closing, currency))  # fmt: skip
    return (
        f"<Stmt><Id>{more.get('id', 'S-1')}</Id>{more.get('pages', '')}"
        f"<ElctrncSeqNb>{more.get('number', 41)}</ElctrncSeqNb>"
        f"<FrToDt><FrDtTm>{DAY}T00:00:00+03:00</FrDtTm><ToDtTm>{DAY}T23:59:59</ToDtTm></FrToDt>"
        f"<Acct><Id><IBAN>{more.get('iban', IBAN)}</IBAN></Id><Ccy>{currency}</Ccy>"
        f"<Ownr><Nm>Alliance Oy</Nm></Ownr><Svcr><FinInstnId><{servicer}>NDEAFIHH</{servicer}>"
        f"</FinInstnId></Svcr></Acct>{balances}{more.get('summary', '')}"
        + "".join(booking(one, version, currency) for one in bookings)
        + "</Stmt>\n"
    )


def camt(
    statements: Iterable[str], version: str = "08", *, message: str = "053", header: str = ""
) -> str:
    """A document of one message."""
    return "".join(camt_parts(statements, version, message=message, header=header))


def camt_parts(
    statements: Iterable[str], version: str = "08", *, message: str = "053", header: str = ""
) -> Iterator[str]:
    space = f"urn:iso:std:iso:20022:tech:xsd:camt.{message}.001.{version}"
    root = "BkToCstmrStmt" if message == "053" else "BkToCstmrDbtCdtNtfctn"
    yield f'<?xml version="1.0" encoding="UTF-8"?>\n<Document xmlns="{space}">\n<{root}>'
    yield f"<GrpHdr><MsgId>M-1</MsgId>{header}</GrpHdr>\n"
    yield from statements
    yield f"</{root}></Document>\n"


# -- Spanish N43 ---------------------------------------------------------------------------

ACCOUNT = "123412341234567890"


def cents(minor: int) -> str:
    return f"{abs(minor):014d}"


def n43_account(opening: int = 0, *, account: str = ACCOUNT, currency: str = "978") -> str:
    sign = "1" if opening < 0 else "2"
    return f"11{account}261014261014{sign}{cents(opening)}{currency}3{'ALIANZA ESPAÑA':<26}   "


def n43_movement(minor: int, *, document: str = "", first: str = "", second: str = "") -> str:
    sign = "1" if minor < 0 else "2"
    return (
        f"22    1234261014261015{'02'}{'123'}{sign}{cents(minor)}{document:>010}{first:<12}"
        f"{second:<16}"
    )


def n43_text(number: int, first: str, second: str = "") -> str:
    return f"23{number:02d}{first:<38}{second:<38}"


def n43_end(
    minors: list[int], opening: int = 0, *, account: str = ACCOUNT, currency: str = "978",
    closing: int | None = None, sign: str = "",
) -> str:  # fmt: skip
    debits = [minor for minor in minors if minor < 0]
    # A movement of zero is written as a credit here.
    credits = [minor for minor in minors if minor >= 0]
    closing = opening + sum(minors) if closing is None else closing
    sign = sign or ("1" if closing < 0 else "2")
    return (
        f"33{account}{len(debits):05d}{cents(sum(debits))}{len(credits):05d}{cents(sum(credits))}"
        f"{sign}{cents(closing)}{currency}    "
    )


def n43_last(records: int) -> str:
    return f"88{'9' * 18}{records:06d}{' ' * 54}"
