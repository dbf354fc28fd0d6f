"""Take off what a partner wraps files in: gzip, zip, OpenPGP, in any order, three deep.

What a file is wrapped in is told by its bytes, never by its name, and names inside an archive
never become paths. Everything is capped: depth, entries, bytes, ratio, time. A file is opened
whole or refused with one problem. Pure; no Django.

gzip: RFC 1952. zip: PKWARE's APPNOTE 6.3, entries stored or deflated. OpenPGP: RFC 9580, see
wallets.openpgp. A workbook (OOXML, OpenDocument) is a zip by its bytes too, and stays whole.
"""

from __future__ import annotations

import errno
import stat
import struct
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from itertools import count
from pathlib import Path
from typing import IO, Any

from wallets import openpgp
from wallets.formats.statement import Unreadable, refuse

HEAD_BYTES = 4_096
COPY_BYTES = 1 << 18
MOST_LAYERS = 3
MOST_ENTRIES = 1_000
MOST_DIRECTORY_BYTES = 4 << 20
MOST_BYTES = 2 << 30
MOST_SECONDS = 600.0
MOST_RATIO = 100
FREE_BYTES = 16 << 20
"""So much may come out of a file however small it is: the ratio is looked at beyond it."""

GZIP = b"\x1f\x8b"
ZIP = (b"PK\x03\x04", b"PK\x05\x06")
SIGNATURE_SUFFIXES = (".sig", ".asc")
_IS_ENCRYPTED = 0x1 | 0x40
# A damaged list of entries sends zipfile to a place before the first byte: EINVAL.
_DAMAGED = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, OverflowError,
    NotImplementedError, ValueError,
)  # fmt: skip
_WORKBOOK = "[Content_Types].xml"
_IN_WORKBOOKS = (b"[Content_Types].xml", b"_rels/", b"docProps/", b"xl/", b"mimetype")


@dataclass(frozen=True)
class Rules:
    """What a feed says about wrapping. Keys are armored texts, any number of each.

    ``private`` is only called when something encrypted is to be opened.
    """

    entry_pattern: str = "*"
    must_be_encrypted: bool = False
    must_be_signed: bool = False
    private: Callable[[], str] = str
    public: str = ""


@dataclass(frozen=True)
class Content:
    """A settlement file as it was found inside its wrapping.

    ``entry`` is its name inside a zip, else empty: data to show, never a path. ``signed_by`` is
    the fingerprint of the partner's key, empty where no signature was checked.
    """

    path: Path
    entry: str = ""
    was_encrypted: bool = False
    signed_by: str = ""


def wrapped_in(path: Path) -> str:
    """Return what the bytes of a file are wrapped in: gzip, zip, an OpenPGP kind, or nothing."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if head.startswith(GZIP):
        return "gzip"
    if head.startswith(ZIP):
        return "" if _is_workbook(path, head) else "zip"
    return openpgp.kind(head)


def is_signature_of(name: str, names: Any) -> str:
    """Return the name of the file that one named so would be the signature of, if it is there."""
    for suffix in SIGNATURE_SUFFIXES:
        if name.endswith(suffix) and name.removesuffix(suffix) in names:
            return name.removesuffix(suffix)
    return ""


def unwrap(
    path: Path, *, rules: Rules, folder: Path, signature: Path | None = None
) -> list[Content]:
    """Take everything off a file; return what is inside, at least one, in the order of names.

    New files are written into ``folder``, which must be empty and is the caller's to remove; a
    file that is not wrapped is returned where it lies. ``signature`` is a detached one that lay
    beside it. Raises Unreadable with bad_archive, cannot_decrypt, not_encrypted, not_signed,
    bad_signature, too_large or empty.
    """
    work = _Unwrapping(path, rules=rules, folder=folder)
    first = Content(path)
    if signature is not None:
        first = replace(first, signed_by=work.signer(path, signature))
    found = list(work.open(first, layers=0))
    for content in found:
        which = f"{content.entry}: " if content.entry else ""
        if content.path.stat().st_size == 0:
            raise refuse("empty", 0, f"{which}There is nothing in it, not one byte.")
        if rules.must_be_encrypted and not content.was_encrypted:
            raise refuse(
                "not_encrypted", 0,
                f"{which}It is not encrypted, and must be by what was agreed for this feed.",
            )  # fmt: skip
        if rules.must_be_signed and not content.signed_by:
            raise refuse(
                "not_signed", 0,
                f"{which}It is not signed, and must be by what was agreed for this feed.",
            )  # fmt: skip
    return found


class _Unwrapping:
    """One file being unwrapped, with what may still be spent on it."""

    def __init__(self, path: Path, *, rules: Rules, folder: Path) -> None:
        self.rules, self.folder = rules, folder
        self.came = max(1, path.stat().st_size)
        self.written = 0
        self.until = time.monotonic() + MOST_SECONDS
        self._names = count(1)

    def open(self, of: Content, *, layers: int) -> Iterator[Content]:
        found = wrapped_in(of.path)
        if found == openpgp.SIGNATURE:
            raise refuse(
                "bad_archive", 0, "This is only a signature; the file that it is of is not here."
            )
        if not found:
            yield of
            return
        if layers == MOST_LAYERS:
            raise refuse("bad_archive", 0, f"It is wrapped more than {MOST_LAYERS} times over.")
        if found == "zip":
            if of.entry:
                raise refuse("bad_archive", 0, f"{of.entry}: An archive inside an archive.")
            for content in self._unzip(of):
                yield from self.open(content, layers=layers + 1)
            return
        inner = self._gunzip(of) if found == "gzip" else self._open_message(of, found)
        yield from self.open(inner, layers=layers + 1)
        if of.path.parent == self.folder:
            of.path.unlink()

    # --- what it may cost

    def _new(self) -> Path:
        return self.folder / str(next(self._names))

    def _left(self) -> int:
        """Return how many bytes may still come out."""
        return min(MOST_BYTES, max(FREE_BYTES, MOST_RATIO * self.came)) - self.written

    def _seconds(self) -> float:
        left = self.until - time.monotonic()
        if left <= 0:
            raise refuse("too_large", 0, f"Unpacking it took more than {MOST_SECONDS:.0f} seconds.")
        return left

    def _spend(self, written: int) -> None:
        self._seconds()
        if written > self._left():
            raise self._too_much()
        self.written += written

    def _too_much(self) -> Unreadable:
        most = self._left() + self.written
        return refuse(
            "too_large", 0,
            f"Its {self.came} bytes unpack to more than {most}, which no settlement file does.",
        )  # fmt: skip

    # --- gzip

    def _gunzip(self, of: Content) -> Content:
        target = self._new()
        with of.path.open("rb") as source, target.open("wb") as out:
            for data in _gunzipped(source):
                self._spend(len(data))
                out.write(data)
        return replace(of, path=target)

    # --- OpenPGP

    def _open_message(self, of: Content, found: str) -> Content:
        if self.rules.must_be_signed and not self.rules.public:
            raise refuse("bad_signature", 0, openpgp.NO_PARTNER_KEY)
        target = self._new()
        is_encrypted = found == openpgp.ENCRYPTED
        left = max(1, self._left())
        try:
            signer = openpgp.open_message(
                of.path, target, private=self.rules.private() if is_encrypted else "",
                public=self.rules.public, most_bytes=left, seconds=self._seconds(),
            )  # fmt: skip
        except openpgp.CannotOpen as error:
            raise refuse(error.code, 0, error.text) from None
        self._spend(target.stat().st_size)
        return replace(
            of, path=target, was_encrypted=of.was_encrypted or is_encrypted,
            signed_by=signer or of.signed_by,
        )  # fmt: skip

    def signer(self, path: Path, signature: Path) -> str:
        """Return who signed a file with a signature beside it; without a key nobody is asked."""
        if not self.rules.public:
            if self.rules.must_be_signed:
                raise refuse("bad_signature", 0, openpgp.NO_PARTNER_KEY)
            return ""
        try:
            return openpgp.check_signature(
                path, signature, public=self.rules.public, most_bytes=1, seconds=self._seconds()
            )
        except openpgp.CannotOpen as error:
            raise refuse(error.code, 0, error.text) from None

    # --- zip

    def _unzip(self, of: Content) -> Iterator[Content]:
        """Write the entries that the feed wants, each under a name of our own."""
        try:
            with _Guarded(of.path) as source, zipfile.ZipFile(source) as archive:
                everything = {entry.filename: entry for entry in archive.infolist()}
                if len(everything) < len(archive.infolist()):
                    raise refuse("bad_archive", 0, "Two entries of the archive have one name.")
                chosen = self._chosen(everything)
                for entry in chosen:
                    content = replace(of, path=self._write(archive, entry), entry=entry.filename)
                    signatures = [entry.filename + suffix for suffix in SIGNATURE_SUFFIXES]
                    for name in signatures:
                        if name in everything:
                            beside = self._write(archive, everything[name])
                            signer = self.signer(content.path, beside)
                            content = replace(content, signed_by=signer or content.signed_by)
                            break
                    yield content
        except _DAMAGED as error:
            if isinstance(error, OSError) and error.errno != errno.EINVAL:
                raise
            raise refuse(
                "bad_archive", 0, f"The zip archive is damaged or of an unknown kind: {error}."
            ) from None

    def _chosen(self, everything: dict[str, zipfile.ZipInfo]) -> list[zipfile.ZipInfo]:
        if len(everything) > MOST_ENTRIES:
            raise refuse(
                "bad_archive", 0,
                f"The archive has {len(everything)} entries; more than {MOST_ENTRIES} are not "
                "looked at.",
            )  # fmt: skip
        chosen = [
            everything[name]
            for name in sorted(everything)
            if is_wanted(_last_part(name), self.rules.entry_pattern)
            and not is_signature_of(name, everything)
            and not everything[name].is_dir()
        ]
        if not chosen:
            raise refuse(
                "bad_archive", 0,
                f"None of the {len(everything)} entries is named like "
                f"{self.rules.entry_pattern!r}, as the feed says settlement files are.",
            )  # fmt: skip
        return chosen

    def _write(self, archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Path:
        _refuse_strange(entry)
        target = self._new()
        with archive.open(entry) as source, target.open("wb") as out:
            while data := source.read(COPY_BYTES):
                self._spend(len(data))
                out.write(data)
        return target


def is_wanted(name: str, pattern: str) -> bool:
    """Tell whether a name is one of a settlement file, and not of one still being written.

    Each slash is a folder: ``*/a*.csv`` is the name ``20261015/a1.csv``, and never ``a1.csv``.
    """
    return (
        all(part and not part.startswith(".") for part in name.split("/"))
        and not name.endswith((".part", ".tmp", ".filepart"))
        and fits(name, pattern)
    )


def fits(name: str, pattern: str) -> bool:
    """Tell whether a name is like a pattern, folder by folder."""
    parts, wanted = name.split("/"), pattern.split("/")
    return len(parts) == len(wanted) and all(map(fnmatchcase, parts, wanted))


def _last_part(name: str) -> str:
    return name.replace("\\", "/").rpartition("/")[2]


def _refuse_strange(entry: zipfile.ZipInfo) -> None:
    """Raise Unreadable for a link, a device, an encrypted entry or a rare compression."""
    mode = entry.external_attr >> 16
    # An archive made where there are no modes has none, or permissions alone.
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        raise refuse("bad_archive", 0, f"{entry.filename}: A link or device, not a file.")
    if entry.flag_bits & _IS_ENCRYPTED:
        raise refuse(
            "bad_archive", 0,
            f"{entry.filename}: Encrypted with a zip password, which is no protection. Ask the "
            "partner for OpenPGP.",
        )  # fmt: skip
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise refuse(
            "bad_archive", 0, f"{entry.filename}: Compressed in a way that zip files rarely are."
        )


class _Guarded:
    """A file for zipfile that hands out no more than a few megabytes at once.

    The directory at the end of an archive is read in one piece and turned into objects: an
    archive that is all directory would need a hundred times its size.
    """

    def __init__(self, path: Path) -> None:
        self._file: IO[bytes] = path.open("rb")
        self.seek, self.tell, self.close = self._file.seek, self._file.tell, self._file.close
        self.seekable = self._file.seekable

    def __enter__(self) -> _Guarded:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def read(self, size: int = -1) -> bytes:
        if size > MOST_DIRECTORY_BYTES:
            raise refuse(
                "bad_archive", 0,
                f"The list of entries of the archive says it has {size} bytes; more than "
                f"{MOST_DIRECTORY_BYTES} are not looked at.",
            )  # fmt: skip
        return self._file.read(size)


def _is_workbook(path: Path, head: bytes) -> bool:
    """Tell whether a zip is a spreadsheet, or what is left of one: its layout says what is wrong.

    By the name of its first entry, else by the list of all of them, which a cut one has lost.
    """
    if head[30:].startswith(_IN_WORKBOOKS):
        return True
    try:
        with _Guarded(path) as source, zipfile.ZipFile(source) as archive:
            return _WORKBOOK in archive.namelist()
    except (Unreadable, *_DAMAGED) as error:
        if isinstance(error, OSError) and error.errno != errno.EINVAL:
            raise
        return False


def _gunzipped(source: IO[bytes]) -> Iterator[bytes]:
    """Yield what the members of a gzip file hold, some at a time, with their checksums proved.

    Zero bytes behind the last member are padding. Raises Unreadable.
    """
    member = None
    data = b""
    try:
        while data or (data := source.read(COPY_BYTES)):
            if member is None:
                data = data.lstrip(b"\0")
                if not data:
                    continue
                member = zlib.decompressobj(wbits=31)
            out = member.decompress(data, COPY_BYTES)
            # Always yielded, so that time is looked at even where nothing comes out.
            yield out
            if member.eof:
                data, member = member.unused_data, None
            else:
                data = member.unconsumed_tail
    except zlib.error as error:
        raise refuse("bad_archive", 0, f"The gzip data is damaged: {error}.") from None
    if member is not None:
        raise refuse("bad_archive", 0, "The gzip data ends too early: it was cut off.")
