"""What partners wrap files in: taken off whole, or refused with one code and nothing left."""

from __future__ import annotations

import gzip
import io
import os
import stat
import struct
import zipfile
import zlib
from dataclasses import dataclass, replace
from pathlib import Path

import pysequoia
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pysequoia import SignatureMode, Tsk

from wallets import openpgp, wrapping
from wallets.formats.statement import Unreadable
from wallets.wrapping import Rules

DATA = b"id;amount\n" + b"".join(b"%d;1.00\n" % number for number in range(500))

OURS, PARTNER, STRANGER = (
    Tsk.generate(f"{who}@example.org") for who in ("us", "partner", "stranger")
)
OUR_KEY, PARTNER_KEY = str(OURS), str(PARTNER.extract_certificate())
FINGERPRINT = PARTNER.extract_certificate().fingerprint.upper()
WITH_KEYS = Rules(private=lambda: OUR_KEY, public=PARTNER_KEY)


def encrypted(data: bytes, *, to: Tsk = OURS, by: Tsk | None = None, armor: bool = False) -> bytes:
    return bytes(
        pysequoia.encrypt(
            recipients=[to.extract_certificate()], bytes=data, armor=armor,
            signer=by.signer() if by else None,
        )
    )  # fmt: skip


def signed(data: bytes, *, by: Tsk = PARTNER, mode=SignatureMode.INLINE, armor=False) -> bytes:
    # A cleartext signature has no binary form.
    how = {} if mode == SignatureMode.CLEAR else {"armor": armor}
    return bytes(pysequoia.sign(by.signer(), data, mode=mode, **how))


def zipped(entries: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return out.getvalue()


@dataclass
class Opened:
    """What came out: (entry, bytes, came encrypted, signed by) of each file."""

    contents: list[tuple[str, bytes, bool, str]]


def opened(tmp_path: Path, data: bytes, rules: Rules = WITH_KEYS, signature: bytes | None = None):
    (tmp_path / "work").mkdir(exist_ok=True)
    source = tmp_path / "x.csv"
    source.write_bytes(data)
    beside = None
    if signature is not None:
        beside = tmp_path / "x.csv.sig"
        beside.write_bytes(signature)
    found = wrapping.unwrap(source, rules=rules, folder=tmp_path / "work", signature=beside)
    assert all(one.path.parent in (tmp_path, tmp_path / "work") for one in found)
    return [(one.entry, one.path.read_bytes(), one.was_encrypted, one.signed_by) for one in found]


def code(tmp_path: Path, data: bytes, rules: Rules = WITH_KEYS, signature=None) -> str:
    with pytest.raises(Unreadable) as refused:
        opened(tmp_path, data, rules, signature)
    assert refused.value.problem.is_error
    return refused.value.problem.code


# --- told by bytes


@pytest.mark.parametrize(
    "text",
    [
        "Ä;1\n", "Á\x84;1\n", "\xd2\x01a\n", "É;2\n", "€1;2\n", "Ëb;1\n", "È,ü\n", "Ã\x0d\n",
        "\xc2\xa0;a", "H|1|bluecode\n", "<?xml version='1.0'?>", "PK;1\n", "-----BEGIN;1\n",
    ],
)  # fmt: skip
@pytest.mark.parametrize("encoding", ["latin-1", "utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_text_in_any_encoding_is_not_taken_for_openpgp(text, encoding) -> None:
    assert openpgp.kind(text.encode(encoding, "replace") + b"1;2;3\n" * 30) == ""


@given(st.text(min_size=1, max_size=80).filter(lambda text: text.isprintable()))
def test_no_printable_text_is_taken_for_openpgp(text: str) -> None:
    for encoding in ("latin-1", "utf-8", "utf-16", "cp1252"):
        assert openpgp.kind(text.encode(encoding, "replace")) == ""


@pytest.mark.parametrize("armor", [True, False])
def test_openpgp_is_told_by_its_first_bytes(armor) -> None:
    assert openpgp.kind(encrypted(DATA, armor=armor)[:100]) == openpgp.ENCRYPTED
    assert openpgp.kind(signed(DATA, armor=armor)[:100]) == openpgp.SIGNED
    detached = signed(DATA, mode=SignatureMode.DETACHED, armor=armor)
    assert openpgp.kind(detached) == openpgp.SIGNATURE
    assert openpgp.kind(signed(DATA, mode=SignatureMode.CLEAR)) == openpgp.CLEARTEXT


# --- taken off


def test_a_plain_file_stays_where_it_lies(tmp_path) -> None:
    (found,) = wrapping.unwrap(_file(tmp_path, DATA), rules=Rules(), folder=tmp_path)
    assert found == wrapping.Content(tmp_path / "x.csv")


def _file(folder: Path, data: bytes) -> Path:
    path = folder / "x.csv"
    path.write_bytes(data)
    return path


ONCE = {
    "gz": gzip.compress,
    "zip": lambda data: zipped({"in.csv": data}),
    "pgp": lambda data: encrypted(data, by=PARTNER),
}


@pytest.mark.parametrize(
    "order",
    ["gz", "zip", "pgp", "gz pgp", "pgp gz", "zip pgp", "pgp zip", "gz zip", "pgp zip gz",
     "gz pgp zip", "zip gz pgp", "pgp pgp gz"],
)  # fmt: skip
def test_any_order_up_to_three_deep_is_taken_off(tmp_path, order) -> None:
    data = DATA
    for one in order.split():
        data = ONCE[one](data)
    has_pgp, has_zip = "pgp" in order, "zip" in order
    assert opened(tmp_path, data) == [
        ("in.csv" if has_zip else "", DATA, has_pgp, FINGERPRINT if has_pgp else "")
    ]


def test_four_deep_is_refused(tmp_path) -> None:
    data = DATA
    for _ in range(4):
        data = gzip.compress(data)
    assert code(tmp_path, data) == "bad_archive"


def test_gzip_of_several_members_and_padding_is_one_file(tmp_path) -> None:
    data = gzip.compress(b"a\n") + gzip.compress(b"b\n") + b"\0" * 512
    assert opened(tmp_path, data) == [("", b"a\nb\n", False, "")]


def test_several_entries_are_several_files_in_the_order_of_their_names(tmp_path) -> None:
    data = zipped(
        {"2.csv": b"two", "sub/1.csv": b"one", "read.me": b"x", ".hidden.csv": b"x", "a.tmp": b"x",
         "__MACOSX/._2.csv": b"x", "empty/": b""}
    )  # fmt: skip
    assert opened(tmp_path, data, Rules(entry_pattern="*.csv")) == [
        ("2.csv", b"two", False, ""), ("sub/1.csv", b"one", False, ""),
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["../../x.csv", "/etc/x.csv", "..\\..\\x.csv", "C:\\x.csv"])
def test_names_inside_never_become_paths(tmp_path, name) -> None:
    before = set(tmp_path.parent.rglob("x.csv"))
    assert opened(tmp_path, zipped({name: b"1"})) == [(name, b"1", False, "")]
    assert set(tmp_path.parent.rglob("x.csv")) - before == {tmp_path / "x.csv"}


def test_a_workbook_is_a_zip_that_stays_whole(tmp_path) -> None:
    first = zipped({"[Content_Types].xml": b"<x/>", "xl/workbook.xml": b"<x/>"})
    last = zipped({"a.xml": b"<x/>", "[Content_Types].xml": b"<x/>"})
    for workbook in (first, last, first[:-40]):
        assert opened(tmp_path, workbook) == [("", workbook, False, "")]
    assert opened(tmp_path, zipped({"a.xlsx": first})) == [("a.xlsx", first, False, "")]


# --- zip, refused


def test_an_archive_inside_an_archive_is_refused(tmp_path) -> None:
    inner = zipped({"a.csv": DATA})
    assert code(tmp_path, zipped({"a.zip": inner})) == "bad_archive"
    assert code(tmp_path, zipped({"a.gz": gzip.compress(inner)})) == "bad_archive"


def test_a_link_in_an_archive_is_refused(tmp_path) -> None:
    entry = zipfile.ZipInfo("a.csv")
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(entry, "/etc/passwd")
    assert code(tmp_path, out.getvalue()) == "bad_archive"


def test_a_zip_password_is_refused(tmp_path) -> None:
    data = bytearray(zipped({"a.csv": DATA}))
    data[6] |= 1  # the flag in the entry's own heading
    data[data.index(b"PK\x01\x02") + 8] |= 1  # and in the list of entries
    assert code(tmp_path, bytes(data)) == "bad_archive"


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_rare_compressions_are_refused(tmp_path, method) -> None:
    assert code(tmp_path, zipped({"a.csv": DATA}, method)) == "bad_archive"


def test_two_entries_of_one_name_are_refused(tmp_path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a.csv", "1")
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("a.csv", "2")
    assert code(tmp_path, out.getvalue()) == "bad_archive"


@pytest.mark.parametrize("entries", [{}, {"read.me": b"x"}])
def test_an_archive_without_what_the_feed_wants_is_refused(tmp_path, entries) -> None:
    assert code(tmp_path, zipped(entries), Rules(entry_pattern="*.csv")) == "bad_archive"


def test_a_damaged_archive_is_refused(tmp_path) -> None:
    whole = zipped({"a.csv": os.urandom(2_000)})
    flipped = bytearray(whole)
    flipped[500] ^= 1
    for damaged in (bytes(flipped), whole[: len(whole) // 2], whole[:-10], whole[:30]):
        assert code(tmp_path, damaged) == "bad_archive"


def test_an_entry_before_the_first_byte_is_refused(tmp_path) -> None:
    whole = zipped({"a.txt": b"a"})
    at = whole.rindex(b"PK\x05\x06") + 16
    begins = int.from_bytes(whole[at : at + 4], "little")
    for later in (1, 30, 1_000):
        moved = (begins + later).to_bytes(4, "little")
        assert code(tmp_path, whole[:at] + moved + whole[at + 4 :]) == "bad_archive"


def test_too_many_entries_are_refused(tmp_path) -> None:
    data = zipped({f"{number}.csv": b"1" for number in range(1_001)}, zipfile.ZIP_STORED)
    assert code(tmp_path, data) == "bad_archive"


def test_a_list_of_entries_that_would_fill_the_memory_is_not_read(tmp_path) -> None:
    huge = b"PK\x03\x04" + b"\0" * (wrapping.MOST_DIRECTORY_BYTES + 100)
    end = struct.pack(
        "<4s4H2LH", b"PK\x05\x06", 0, 0, 65_535, 65_535, wrapping.MOST_DIRECTORY_BYTES + 1, 4, 0
    )
    assert code(tmp_path, huge + end) == "bad_archive"


# --- bombs


def test_a_zip_bomb_is_stopped(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(wrapping, "FREE_BYTES", 1_000_000)
    data = zipped({"a.csv": b"0" * 5_000_000})
    assert len(data) < 10_000
    assert code(tmp_path, data) == "too_large"
    assert sum(path.stat().st_size for path in (tmp_path / "work").iterdir()) <= 1_000_000


def test_many_entries_count_together(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(wrapping, "FREE_BYTES", 1_000_000)
    data = zipped({f"{number}.csv": b"0" * 300_000 for number in range(10)})
    assert code(tmp_path, data) == "too_large"


def test_a_gzip_bomb_is_stopped_also_where_it_is_hidden_in_layers(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(wrapping, "FREE_BYTES", 1_000_000)
    bomb = gzip.compress(b"\0" * 50_000_000)
    for data in (bomb, gzip.compress(bomb), zipped({"a.gz": bomb})):
        assert code(tmp_path, data) == "too_large"


def test_an_openpgp_bomb_is_stopped(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(wrapping, "FREE_BYTES", 1_000_000)
    literal = b"b\0\0\0\0\0" + b"\0" * 20_000_000
    literal = b"\xcb\xff" + struct.pack(">L", len(literal)) + literal
    squeezed = zlib.compressobj(9, zlib.DEFLATED, -15)
    body = b"\x01" + squeezed.compress(literal) + squeezed.flush()
    data = b"\xc8\xff" + struct.pack(">L", len(body)) + body
    assert len(data) < 30_000
    assert code(tmp_path, data) == "too_large"
    assert list((tmp_path / "work").iterdir()) == []


def test_what_compresses_well_and_is_small_is_no_bomb(tmp_path) -> None:
    data = b"0" * 2_000_000
    assert opened(tmp_path, gzip.compress(data)) == [("", data, False, "")]


def test_time_is_limited(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(wrapping, "MOST_SECONDS", 0.0)
    for data in (gzip.compress(DATA), zipped({"a.csv": DATA}), encrypted(DATA)):
        assert code(tmp_path, data) == "too_large"


def test_openpgp_is_ended_when_it_takes_too_long(tmp_path) -> None:
    source = _file(tmp_path, encrypted(DATA))
    with pytest.raises(openpgp.CannotOpen) as refused:
        openpgp.open_message(
            source, tmp_path / "out", private=OUR_KEY, public="", most_bytes=10_000, seconds=0.001
        )
    assert refused.value.code == "too_large"
    assert not (tmp_path / "out").exists()


def test_a_very_long_openpgp_message_is_refused_unread(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(openpgp, "MOST_MESSAGE_BYTES", 100)
    assert code(tmp_path, encrypted(DATA)) == "too_large"


# --- gzip, refused


def test_damaged_gzip_is_refused(tmp_path) -> None:
    whole = gzip.compress(os.urandom(2_000))
    flipped = bytearray(whole)
    flipped[1_000] ^= 1
    for damaged in (whole[:-1], whole[:-8], whole[:1_000], bytes(flipped), whole + b"more"):
        assert code(tmp_path, damaged) == "bad_archive"


@pytest.mark.parametrize("data", [b"", gzip.compress(b""), zipped({"a.csv": b""})])
def test_nothing_is_empty_however_it_is_wrapped(tmp_path, data) -> None:
    assert code(tmp_path, data) == "empty"


# --- OpenPGP


@pytest.mark.parametrize("armor", [True, False])
def test_signed_by_the_partner_is_told(tmp_path, armor) -> None:
    cases = {
        encrypted(DATA, by=PARTNER, armor=armor): (True, FINGERPRINT),
        encrypted(DATA, armor=armor): (True, ""),
        signed(DATA, armor=armor): (False, FINGERPRINT),
        signed(DATA, mode=SignatureMode.CLEAR): (False, FINGERPRINT),
    }
    for data, (was_encrypted, signer) in cases.items():
        assert opened(tmp_path, data) == [("", DATA, was_encrypted, signer)]


def test_without_the_partners_key_signatures_are_not_looked_at(tmp_path) -> None:
    rules = replace(WITH_KEYS, public="")
    for data in (encrypted(DATA, by=STRANGER), signed(DATA, by=STRANGER)):
        ((_, inner, _, signer),) = opened(tmp_path, data, rules)
        assert (inner, signer) == (DATA, "")


def test_keys_may_be_several_while_one_is_changed_for_another(tmp_path) -> None:
    rules = Rules(
        private=lambda: str(Tsk.generate("next@example.org")) + OUR_KEY,
        public=str(STRANGER.extract_certificate()) + PARTNER_KEY,
    )
    assert opened(tmp_path, encrypted(DATA, by=PARTNER), rules) == [("", DATA, True, FINGERPRINT)]


def test_encrypted_to_somebody_else_cannot_be_decrypted(tmp_path) -> None:
    data = encrypted(DATA, to=STRANGER, by=PARTNER)
    assert code(tmp_path, data) == "cannot_decrypt"
    assert code(tmp_path, encrypted(DATA), Rules()) == "cannot_decrypt"
    password = bytes(pysequoia.encrypt(passwords=["sesame"], bytes=DATA))
    assert code(tmp_path, password) == "cannot_decrypt"


@pytest.mark.parametrize("by", [None, PARTNER])
def test_a_tampered_or_cut_message_cannot_be_decrypted(tmp_path, by) -> None:
    whole = encrypted(DATA, by=by)
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 1
    for damaged in (bytes(flipped), whole[:-40], whole[: len(whole) // 2], whole + b"more"):
        assert code(tmp_path, damaged) == "cannot_decrypt"
        assert list((tmp_path / "work").iterdir()) == []


def test_a_stranger_s_signature_is_a_bad_one(tmp_path) -> None:
    for data in (
        encrypted(DATA, by=STRANGER), signed(DATA, by=STRANGER),
        signed(DATA, by=STRANGER, mode=SignatureMode.CLEAR),
    ):  # fmt: skip
        assert code(tmp_path, data) == "bad_signature"


def test_a_signed_file_that_was_changed_has_a_bad_signature(tmp_path) -> None:
    clear = signed(DATA, mode=SignatureMode.CLEAR)
    assert code(tmp_path, clear.replace(b"7;1.00", b"7;9.00", 1)) == "bad_signature"
    inline = signed(DATA)
    at = inline.index(b"7;1.00")
    assert code(tmp_path, inline[:at] + b"7;9.00" + inline[at + 6 :]) == "bad_signature"


def test_a_signature_beside_a_file_is_checked(tmp_path) -> None:
    good = signed(DATA, mode=SignatureMode.DETACHED)
    armored = signed(DATA, mode=SignatureMode.DETACHED, armor=True)
    bad = signed(DATA, by=STRANGER, mode=SignatureMode.DETACHED)
    must = replace(WITH_KEYS, must_be_signed=True)
    for signature in (good, armored):
        assert opened(tmp_path, DATA, must, signature) == [("", DATA, False, FINGERPRINT)]
    assert code(tmp_path, DATA + b"x", must, good) == "bad_signature"
    assert code(tmp_path, DATA, WITH_KEYS, bad) == "bad_signature"
    assert code(tmp_path, DATA, WITH_KEYS, b"no signature at all") == "bad_signature"
    # Nobody agreed on signatures: one that lies there is the partner's own affair.
    assert opened(tmp_path, DATA, Rules(), bad) == [("", DATA, False, "")]


def test_a_signature_beside_an_entry_is_checked(tmp_path) -> None:
    good = signed(DATA, mode=SignatureMode.DETACHED)
    must = replace(WITH_KEYS, must_be_signed=True)
    data = zipped({"a.csv": DATA, "a.csv.sig": good})
    assert opened(tmp_path, data, must) == [("a.csv", DATA, False, FINGERPRINT)]
    assert code(tmp_path, zipped({"a.csv": b"other", "a.csv.sig": good}), must) == "bad_signature"


def test_a_signature_alone_is_no_file(tmp_path) -> None:
    assert code(tmp_path, signed(DATA, mode=SignatureMode.DETACHED)) == "bad_archive"


def test_what_was_agreed_is_asked_for(tmp_path) -> None:
    encrypts = replace(WITH_KEYS, must_be_encrypted=True)
    signs = replace(WITH_KEYS, must_be_signed=True)
    for data in (
        DATA,
        gzip.compress(DATA),
        signed(DATA),
        zipped({"a": encrypted(DATA), "b": b"1"}),
    ):
        assert code(tmp_path, data, encrypts) == "not_encrypted"
    for data in (DATA, encrypted(DATA), zipped({"a": signed(DATA), "b": b"1"})):
        assert code(tmp_path, data, signs) == "not_signed"
    assert code(tmp_path, signed(DATA), replace(signs, public="")) == "bad_signature"
    both = replace(signs, must_be_encrypted=True)
    data = gzip.compress(encrypted(DATA, by=PARTNER))
    assert opened(tmp_path, data, both) == [("", DATA, True, FINGERPRINT)]


def test_a_lost_key_of_our_own_is_no_fault_of_the_file(tmp_path) -> None:
    def lost() -> str:
        raise LookupError("our key")

    with pytest.raises(LookupError):
        opened(tmp_path, encrypted(DATA), Rules(private=lost))
    assert opened(tmp_path, DATA, Rules(private=lost)) == [("", DATA, False, "")]


def test_a_full_disk_is_no_fault_of_the_file(tmp_path) -> None:
    source = _file(tmp_path, encrypted(DATA))
    with pytest.raises(OSError, match="directory"):
        openpgp.open_message(
            source, tmp_path / "gone" / "out", private=OUR_KEY, public="", most_bytes=10_000,
            seconds=10,
        )  # fmt: skip


# --- keys


def test_keys_are_shown_by_what_people_compare() -> None:
    (ours,) = openpgp.private_keys(OUR_KEY)
    assert ours.fingerprint == OURS.extract_certificate().fingerprint.upper()
    assert ours.names == ("us@example.org",)
    assert [key.fingerprint for key in openpgp.public_keys(PARTNER_KEY)] == [FINGERPRINT]


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (openpgp.private_keys, PARTNER_KEY), (openpgp.private_keys, "nonsense"),
        (openpgp.private_keys, OUR_KEY[:300]), (openpgp.public_keys, OUR_KEY),
        (openpgp.public_keys, "nonsense"), (openpgp.public_keys, PARTNER_KEY[:200]),
    ],
)  # fmt: skip
def test_what_is_no_key_is_refused_in_words(read, text) -> None:
    with pytest.raises(openpgp.BadKey) as refused:
        read(text)
    assert "\n" not in str(refused.value)
