"""The places where partners leave files: a folder, an SFTP server, a bucket.

A place is opened, listed, read, and closed, with a limit on every wait and on every size, and
whatever goes wrong is :class:`Unreachable` in words. Nothing is ever deleted or overwritten at
a partner's. A server is only spoken to when it shows the very key that the feed names.
"""

from __future__ import annotations

import asyncio
import os
import posixpath
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, BinaryIO, Protocol, TypeVar
from urllib.parse import unquote, urlsplit

import asyncssh

from portal.core.secrets import CannotDecrypt, reveal
from wallets.models import Feed

CONNECT_SECONDS = 15.0
ANSWER_SECONDS = 60.0
LOOK_SECONDS = 3_600.0
MOST_NAMES = 50_000
MOST_FOLDERS = 5_000
MOST_LEVELS = 4
FOLDERS_AT_ONCE = 8
FOLDERS_A_TURN = 64
MOST_BYTES = 2 << 30
READ_BYTES = 1 << 20
SFTP_PORT = 22
HOST_KEY_KINDS = (
    ("ssh-ed25519",),
    ("ecdsa-sha2-nistp256",),
    ("ecdsa-sha2-nistp384",),
    ("ecdsa-sha2-nistp521",),
    ("rsa-sha2-512", "rsa-sha2-256", "ssh-rsa"),
)
LONGEST_SAID = 300
MOST_SAID = 2**63 - 1

T = TypeVar("T")


class Unreachable(Exception):
    """A place that cannot be listed, read or moved in; the message says why and what to do."""


class Declined(Unreachable):
    """The place has answered, and said no to this one file; others may be had."""


class BadAddress(ValueError):
    """A text that names no place; the message says how one is written."""


class BadHostKey(ValueError):
    """A text that is no server's public key; the message says how one is written."""


@dataclass(frozen=True)
class Address:
    """Where a place is: ``scheme`` is empty for a folder of ours, else sftp or s3."""

    scheme: str
    path: str
    host: str = ""
    port: int = SFTP_PORT
    user: str = ""

    @property
    def is_remote(self) -> bool:
        return bool(self.scheme)


@dataclass(frozen=True)
class Found:
    """A file at a place: its name there, bytes, and the partner's own time of it as text.

    The name of a file in a folder below the place begins with that folder: ``20261015/a.csv``.
    """

    name: str
    size: int
    modified: str

    def __post_init__(self) -> None:
        # What a server says may be more than a database holds; so long a file is declined.
        object.__setattr__(self, "size", min(self.size, MOST_SAID))


@dataclass(frozen=True)
class Walk:
    """Which folders below a place are gone into: a pattern of names for each level.

    ``but`` is a folder that is left out, as one writes it from the place on: where taken files
    are moved to. Folders with a dot before their name are left out always, and so are links.
    """

    levels: tuple[str, ...] = ()
    but: str = ""

    def inner(self, level: int, folder: str, names: Iterable[str]) -> list[str]:
        """Return which of the folders in ``folder``, found on a level, are gone into."""
        found = [f"{folder}{name}" for name in names if _is_open(name, self.levels[level])]
        return [one for one in found if not (self.but and posixpath.normpath(self.but) == one)]


FLAT = Walk()
"""Only what lies at the place itself."""


def walk(pattern: str, *, but: str = "") -> Walk:
    """Return the folders that a pattern such as ``*/settlement*.csv`` asks for.

    Raises Unreachable where they are more levels than anybody is sent through.
    """
    levels = tuple(pattern.split("/")[:-1])
    if len(levels) > MOST_LEVELS:
        raise Unreachable(
            f"The file names of the feed go {len(levels)} folders down; more than {MOST_LEVELS} "
            "are not gone into."
        )
    return Walk(levels, but)


def _is_open(name: str, pattern: str) -> bool:
    return is_our_name(name) and not name.startswith(".") and fnmatchcase(name, pattern)


def nothing() -> None:
    """Do nothing, for whoever need not be told that work goes on."""


class Place(Protocol):
    """An open place.

    ``closed`` says in words which folders below it the last listing could not look into.
    """

    closed: list[str]

    def listing(self, walk: Walk = FLAT, *, alive: Callable[[], None] = nothing) -> list[Found]:
        """Return the files at the end of a walk, in order of name.

        ``alive`` is called now and then. Raises Unreachable, also where there are too many
        names or folders.
        """

    def get(self, found: Found, to: Path, *, alive: Callable[[], None]) -> Path:
        """Return where the bytes of a file lie now: at ``to``, or where they lay if ours.

        ``alive`` is called now and then. Raises Unreachable.
        """

    def move(self, name: str, folder: str) -> None:
        """Rename a file into another folder of the place, under a free name.

        It keeps the folders that it lay in, below that one. Raises Unreachable.
        """


def is_our_name(name: str) -> bool:
    """Tell whether a name is one that a file of the place itself can have."""
    return bool(name) and name not in {".", ".."} and "/" not in name and "\0" not in name


def said(text: object) -> str:
    """Return what a server or library says as one line that can be shown."""
    line = " ".join(str(text).split())
    return "".join(letter if letter.isprintable() else "?" for letter in line)[:LONGEST_SAID]


# --- addresses and keys


def parse(place: str) -> Address:
    """Return what the place of a feed says, or raise BadAddress."""
    text = place.strip()
    if "://" not in text:
        return Address("", text)
    try:
        parts = urlsplit(text)
        port = parts.port or SFTP_PORT
    except ValueError:
        raise BadAddress("The address cannot be read; is the port a number?") from None
    if parts.password is not None:
        raise BadAddress("The password does not belong into the address: it has a field.")
    if parts.query or parts.fragment:
        raise BadAddress("An address has no ? and no #; write them %3F and %23 in a folder's name.")
    if parts.scheme not in {"sftp", "s3"}:
        raise BadAddress(
            "A place is a folder, or begins with sftp:// or s3://; nothing else is known."
        )
    if not parts.hostname:
        raise BadAddress(
            f"The address names no {'server' if parts.scheme == 'sftp' else 'bucket'}."
        )
    user = unquote(parts.username or "")
    if parts.scheme == "sftp" and not user:
        raise BadAddress("The address names no user; write sftp://user@server/folder.")
    path = unquote(parts.path) or "/"
    if path.startswith("/~/"):
        # Below the folder in which the server puts the user.
        path = path.removeprefix("/~/") or "."
    return Address(parts.scheme, path, parts.hostname, port, user)


def host_keys(text: str) -> list[asyncssh.SSHKey]:
    """Return the keys that a feed trusts, or raise BadHostKey.

    One a line, as in a .pub file or as in known_hosts with the server's name before it.
    """
    keys = []
    for line in text.splitlines():
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if words[0].startswith("@"):
            raise BadHostKey("Markers such as @cert-authority are not known; give plain keys.")
        if len(words) > 2 and not _is_key_type(words[0]) and _is_key_type(words[1]):
            words = words[1:]
        try:
            keys.append(asyncssh.import_public_key(" ".join(words[:2])))
        except (asyncssh.KeyImportError, ValueError):
            raise BadHostKey(
                "A server's public key is written such as: ssh-ed25519 AAAAC3Nza… (one a line)."
            ) from None
    return keys


def _is_key_type(word: str) -> bool:
    return word.startswith(("ssh-", "ecdsa-", "sk-"))


def fingerprint(key: asyncssh.SSHKey) -> str:
    """Return what people compare of an SSH key: SHA256:…"""
    return str(key.get_fingerprint())


def private_key(text: str) -> asyncssh.SSHKey:
    """Return one of our SSH keys, or raise ValueError in words."""
    try:
        return asyncssh.import_private_key(text.strip() + "\n")
    except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError, ValueError) as error:
        if "passphrase" in str(error).lower():
            raise ValueError(
                "The key has a passphrase. Give one without: it is kept encrypted here."
            ) from None
        raise ValueError(
            "This is no private SSH key (-----BEGIN OPENSSH PRIVATE KEY-----)."
        ) from None


def show_host_keys(address: Address) -> list[tuple[str, str]]:
    """Ask a server for its keys; return each as (line to pin, fingerprint). Trusts nothing.

    Raises Unreachable. Whoever pins a key compares the fingerprint with what the partner says
    on another way.
    """
    if address.scheme != "sftp":
        raise Unreachable("Only an SFTP server has a key to show.")
    shown: list[tuple[str, str]] = []
    why = f"{address.host} shows no key of a kind that is known here."
    with asyncio.Runner() as runner:
        for kinds in HOST_KEY_KINDS:
            try:
                key = runner.run(_ask_for_key(address, kinds))
            except asyncssh.Error as error:
                # It has no key of this kind; some say so, some hang up.
                why = _in_words(error, address)
                continue
            except (OSError, TimeoutError) as error:
                raise Unreachable(_in_words(error, address)) from None
            if key is not None:
                line = key.export_public_key("openssh").decode().split()[:2]
                shown.append((" ".join(line), fingerprint(key)))
    if not shown:
        raise Unreachable(why)
    return shown


async def _ask_for_key(address: Address, kinds: tuple[str, ...]) -> asyncssh.SSHKey | None:
    asked = asyncssh.get_server_host_key(
        address.host, address.port, config=None, server_host_key_algs=list(kinds)
    )
    return await asyncio.wait_for(asked, CONNECT_SECONDS)


# --- opening


def open_place(feed: Feed) -> AbstractContextManager[Place]:
    """Open the place of a feed; leaving the context closes it. Raises Unreachable."""
    try:
        address = parse(feed.place)
    except BadAddress as error:
        raise Unreachable(str(error)) from None
    if not address.is_remote:
        return _folder(Path(address.path))
    try:
        password, ssh_key = reveal(feed.password), reveal(feed.ssh_key)
    except CannotDecrypt as error:
        raise Unreachable(str(error)) from None
    if address.scheme == "s3":
        return _bucket(address, password)
    return _sftp(address, password=password, ssh_key=ssh_key, host_key=feed.host_key)


# --- a folder of ours, or mounted


@contextmanager
def _folder(path: Path) -> Iterator[Place]:
    yield Folder(path)


class Folder:
    """A folder on a disk of this machine."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.closed: list[str] = []

    def listing(self, walk: Walk = FLAT, *, alive: Callable[[], None] = nothing) -> list[Found]:
        def look(folders: Sequence[str]) -> list[_Seen]:
            return [self._look_into(folder) for folder in folders]

        return _walked(self, walk, look, alive=alive)

    def _look_into(self, folder: str) -> _Seen:
        seen = _Seen(folder)
        at = self.path / folder
        try:
            with os.scandir(at) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        seen.folders.append(entry.name)
                    elif entry.is_file(follow_symlinks=False):
                        with suppress(FileNotFoundError):  # taken away since
                            facts = entry.stat(follow_symlinks=False)
                            seen.files.append(
                                Found(
                                    f"{folder}{entry.name}", facts.st_size, str(facts.st_mtime_ns)
                                )
                            )
                    seen.refuse_too_many()
        except FileNotFoundError:
            if not folder:
                raise Unreachable(f"There is no folder {self.path}.") from None
        except OSError as error:
            why = f"The folder {said(at)} cannot be read: {said(error)}"
            if not folder:
                raise Unreachable(why) from None
            seen.closed = why
        return seen

    def get(self, found: Found, to: Path, *, alive: Callable[[], None]) -> Path:
        _refuse_too_long(found)
        try:
            with _opened(self.path, found.name) as source, to.open("wb") as copy:
                while data := source.read(READ_BYTES):
                    copy.write(data)
                    alive()
        except OSError as error:
            raise Declined(f"{said(found.name)} cannot be read: {said(error)}") from None
        return to

    def move(self, name: str, folder: str) -> None:
        within, _, last = name.rpartition("/")
        source, target = self.path / name, self.path / folder / within
        try:
            if not source.exists():
                return  # moved before
            target.mkdir(parents=True, exist_ok=True)
            for free in _free_names(last):
                if not (target / free).exists():
                    os.rename(source, target / free)
                    return
        except OSError as error:
            raise Declined(f"{said(name)} cannot be moved to {folder}: {said(error)}") from None


def _opened(path: Path, name: str) -> BinaryIO:
    """Open a plain file below a folder; whoever may write there could swap in a link meanwhile.

    Raises OSError for a link in any part of the name, and for what is no plain file.
    """
    *folders, last = name.split("/")
    at = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for folder in folders:
            within = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=at)
            os.close(at)
            at = within
        # Without waiting: a pipe that nobody writes to would hang the look.
        number = os.open(last, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=at)
    finally:
        os.close(at)
    if not stat.S_ISREG(os.fstat(number).st_mode):
        os.close(number)
        raise OSError("it is no plain file")
    return os.fdopen(number, "rb")


def _free_names(name: str) -> Iterator[str]:
    """Yield names for a file that is moved beside older ones of its name."""
    yield name
    for number in range(2, 1_000):
        yield f"{name}.{number}"


def _too_many() -> Unreachable:
    return Unreachable(
        f"There are more than {MOST_NAMES} files. Ask the partner to clear the folder, or have "
        "what was taken moved."
    )


@dataclass
class _Seen:
    """What lies in one folder below a place: files by their names from the place on, folders
    by their bare names, or why it cannot be looked into. ``folder`` is empty or ends in a /."""

    folder: str
    files: list[Found] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    closed: str = ""

    def refuse_too_many(self) -> None:
        if len(self.files) + len(self.folders) > MOST_NAMES:
            raise _too_many()


def _walked(
    place: Place, walk: Walk, look: Callable[[Sequence[str]], list[_Seen]], *,
    alive: Callable[[], None],
) -> list[Found]:  # fmt: skip
    """Go through the folders of a walk level by level; return the files of the last one.

    ``look`` lists some folders, as many at a time as the place likes. The times of folders are
    not trusted to skip any: they do not change when a file inside is written over, and stores
    that only look like folders make them up.
    """
    place.closed = []
    folders, gone_into = [""], 0
    for level in range(len(walk.levels) + 1):
        found: list[Found] = []
        inner: list[str] = []
        for at in range(0, len(folders), FOLDERS_A_TURN):
            if at:
                alive()
            for seen in look(folders[at : at + FOLDERS_A_TURN]):
                if seen.closed:
                    place.closed.append(seen.closed)
                if level == len(walk.levels):
                    found += seen.files
                else:
                    inner += walk.inner(level, seen.folder, seen.folders)
                if len(found) > MOST_NAMES:
                    raise _too_many()
                if gone_into + len(inner) > MOST_FOLDERS:
                    raise Unreachable(
                        f"There are more than {MOST_FOLDERS} folders. Ask the partner to clear "
                        "away old ones, or narrow the file names of the feed, such as to 2026*/*."
                    )
        gone_into += len(inner)
        folders = [f"{folder}/" for folder in sorted(inner)]
    return sorted(found, key=lambda one: one.name)


def _refuse_too_long(found: Found) -> None:
    if found.size > MOST_BYTES:
        raise Declined(
            f"{said(found.name)} has {found.size} bytes; more than {MOST_BYTES} are not taken. "
            "Ask the partner for smaller files."
        )


# --- SFTP


@contextmanager
def _sftp(address: Address, *, password: str, ssh_key: str, host_key: str) -> Iterator[Place]:
    try:
        trusted = host_keys(host_key)
    except BadHostKey as error:
        raise Unreachable(str(error)) from None
    if not trusted:
        raise Unreachable(
            "The feed names no host key, and an unknown server is not trusted. Have the key "
            "shown (manage.py collect --show-host-key), compare its fingerprint with what the "
            "partner says, and put it into the feed."
        )
    try:
        keys = [private_key(ssh_key)] if ssh_key else None
    except ValueError as error:
        raise Unreachable(f"Our SSH key: {error}") from None
    if not keys and not password:
        raise Unreachable("The feed has neither a password nor an SSH key to sign in with.")
    with asyncio.Runner() as runner:
        place = Sftp(runner, address)
        try:
            place.connect(
                known_hosts=(trusted, [], []), server_host_key_algs=_kinds(trusted),
                client_keys=keys, password=password or None,
            )  # fmt: skip
            yield place
        finally:
            place.close()


def _kinds(trusted: list[asyncssh.SSHKey]) -> list[str]:
    """Return the kinds of host keys to ask for: first those of the keys that are trusted.

    The others behind them, so that a server that has none of these shows what it has, and is
    refused for that and not for having nothing in common with us.
    """
    ours = {key.algorithm.decode() for key in trusted}
    first = [kinds for kinds in HOST_KEY_KINDS if ours & set(kinds)]
    rest = [kinds for kinds in HOST_KEY_KINDS if not ours & set(kinds)]
    return [kind for kinds in (*first, *rest) for kind in kinds]


class Sftp:
    """A folder on an SFTP server, over one connection that lives as long as this is open.

    It speaks asyncssh's own client: the wrapper around it for fsspec reads a listing without
    end, and where the server knows no overwriting rename it copies by a shell and then deletes.
    """

    def __init__(self, runner: asyncio.Runner, address: Address) -> None:
        self.runner, self.address = runner, address
        self.closed: list[str] = []
        self.until = time.monotonic() + LOOK_SECONDS
        self._connection: asyncssh.SSHClientConnection | None = None
        self._client: asyncssh.SFTPClient | None = None

    def connect(self, **how: Any) -> None:
        self._run(self._connect(how), CONNECT_SECONDS + 2 * ANSWER_SECONDS)

    async def _connect(self, how: dict[str, Any]) -> None:
        self._connection = await asyncio.wait_for(
            asyncssh.connect(
                self.address.host, self.address.port, username=self.address.user, config=None,
                agent_path=None, gss_host=None, x509_trusted_certs=None, compression_algs=None,
                connect_timeout=CONNECT_SECONDS, login_timeout=CONNECT_SECONDS, **how,
            ),
            CONNECT_SECONDS * 2,
        )  # fmt: skip
        self._client = await asyncio.wait_for(
            self._connection.start_sftp_client(path_errors="surrogateescape"), ANSWER_SECONDS
        )

    def close(self) -> None:
        if self._client is not None:
            self._client.exit()
        if self._connection is not None:
            # Not waited for: a server that hangs would not say goodbye either.
            self._connection.abort()
            with suppress(Exception):
                self.runner.run(asyncio.wait_for(self._connection.wait_closed(), 0.2))

    @property
    def client(self) -> asyncssh.SFTPClient:
        assert self._client is not None  # noqa: S101  (tells the type checker)
        return self._client

    def _run(self, work: Any, seconds: float) -> Any:
        left = self.until - time.monotonic()
        try:
            return self.runner.run(asyncio.wait_for(work, max(0.001, min(seconds, left))))
        except (asyncssh.SFTPConnectionLost, asyncssh.SFTPNoConnection) as error:
            raise Unreachable(_in_words(error, self.address)) from None
        except asyncssh.SFTPError as error:
            raise Declined(_in_words(error, self.address)) from None
        except (OSError, asyncssh.Error, TimeoutError) as error:
            raise Unreachable(_in_words(error, self.address)) from None

    def listing(self, walk: Walk = FLAT, *, alive: Callable[[], None] = nothing) -> list[Found]:
        until = time.monotonic() + 5 * ANSWER_SECONDS

        def look(folders: Sequence[str]) -> list[_Seen]:
            seen: list[_Seen] = self._run(self._look(folders), until - time.monotonic())
            return seen

        return _walked(self, walk, look, alive=alive)

    async def _look(self, folders: Sequence[str]) -> list[_Seen]:
        """Look into some folders, a few at the same time: each takes four questions."""
        if folders == [""]:
            return [await self._look_into("")]
        few = asyncio.Semaphore(FOLDERS_AT_ONCE)

        async def one(folder: str) -> _Seen:
            async with few:
                return await self._look_below(folder)

        tasks = [asyncio.ensure_future(one(folder)) for folder in folders]
        for task in tasks:
            # Whatever becomes of the others once one has failed: nobody asks them any more.
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
        # Neither gather nor a group: both wait for what they cancel, and a question that hangs
        # in the middle of a folder first asks the server to close it.
        await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        for task in tasks:
            if task.done():
                task.result()
        return [task.result() for task in tasks]

    async def _look_below(self, folder: str) -> _Seen:
        """Look into a folder below the place; one that is shut does not hold up the others."""
        try:
            return await self._look_into(folder)
        except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath):
            return _Seen(folder)  # taken away since
        except (asyncssh.SFTPConnectionLost, asyncssh.SFTPNoConnection):
            raise
        except asyncssh.SFTPError as error:
            why = f"The folder {said(folder)} cannot be read: {said(error)}"
            return _Seen(folder, closed=why)

    async def _look_into(self, folder: str) -> _Seen:
        seen = _Seen(folder)
        path = posixpath.join(self.address.path, folder) if folder else self.address.path
        entries: Any = self.client.scandir(path)
        while True:
            try:
                entry = await asyncio.wait_for(anext(entries), ANSWER_SECONDS)
            except StopAsyncIteration:
                return seen
            name, facts = str(entry.filename), entry.attrs
            if facts.type == asyncssh.FILEXFER_TYPE_DIRECTORY:
                seen.folders.append(name)
            elif is_our_name(name) and facts.type in (
                asyncssh.FILEXFER_TYPE_REGULAR, asyncssh.FILEXFER_TYPE_UNKNOWN,
            ):  # fmt: skip
                seen.files.append(Found(f"{folder}{name}", facts.size or 0, str(facts.mtime or "")))
            try:
                seen.refuse_too_many()
            except Unreachable:
                await entries.aclose()
                raise

    def get(self, found: Found, to: Path, *, alive: Callable[[], None]) -> Path:
        _refuse_too_long(found)
        with to.open("wb") as out:
            # One question after the other where a file is made as it is read: such a server
            # may not know where the middle is.
            requests = 16 if found.size else 1
            name = posixpath.join(self.address.path, found.name)
            file = self._run(self.client.open(name, "rb", max_requests=requests), ANSWER_SECONDS)
            try:
                while data := self._run(file.read(READ_BYTES), ANSWER_SECONDS):
                    out.write(data)
                    if out.tell() > max(found.size, 0 if found.size else MOST_BYTES):
                        break  # more than it said: it is growing, or has no end
                    alive()
            finally:
                with suppress(Unreachable):
                    self._run(file.close(), ANSWER_SECONDS)
        return to

    def move(self, name: str, folder: str) -> None:
        within, _, last = name.rpartition("/")
        source = posixpath.join(self.address.path, name)
        target = posixpath.join(self.address.path, folder, within)
        if not self._run(self.client.exists(source), ANSWER_SECONDS):
            return  # moved before
        if not self._run(self.client.isdir(target), ANSWER_SECONDS):
            self._run(self.client.makedirs(target, exist_ok=True), ANSWER_SECONDS)
        for free in _free_names(last):
            to = posixpath.join(target, free)
            if not self._run(self.client.exists(to), ANSWER_SECONDS):
                # The plain rename of the protocol, which refuses where the other overwrites.
                self._run(self.client.rename(source, to), ANSWER_SECONDS)
                return


def _in_words(error: BaseException, address: Address) -> str:
    """Return what went wrong with a server and what to do about it."""
    where = f"{address.host}:{address.port}"
    if isinstance(error, asyncssh.HostKeyNotVerifiable):
        return (
            f"{where} shows another key than the one that the feed names, so nothing was asked "
            "of it. Either the partner has changed it, or somebody stands in between: ask the "
            "partner before you change the feed."
        )
    if isinstance(error, asyncssh.PermissionDenied):
        return f"{where} does not let the user {address.user!r} in: the password or key is wrong."
    if isinstance(error, asyncssh.SFTPNoSuchFile | asyncssh.SFTPNoSuchPath):
        return f"There is no such folder or file on {where}: {address.path}. ({said(error)})"
    if isinstance(error, asyncssh.SFTPPermissionDenied):
        return f"{where} does not allow it to the user {address.user!r}: {said(error)}"
    if isinstance(error, TimeoutError):
        return f"{where} has not answered in time."
    if isinstance(error, asyncssh.Error):
        return f"{where} broke it off: {said(error) or type(error).__name__}"
    return f"{where} cannot be reached: {said(error)}"


# --- a bucket, by whatever fsspec knows


@contextmanager
def _bucket(address: Address, secret: str) -> Iterator[Place]:
    import fsspec

    how: dict[str, Any] = {"key": address.user, "secret": secret} if address.user else {}
    how["config_kwargs"] = {"connect_timeout": CONNECT_SECONDS, "read_timeout": ANSWER_SECONDS}
    try:
        store = fsspec.filesystem("s3", skip_instance_cache=True, **how)
    except ImportError:
        raise Unreachable(
            "Places that begin with s3:// need the package s3fs, which is not installed here."
        ) from None
    yield Bucket(store, address.host + address.path.rstrip("/"))


class Bucket:
    """A prefix in a store that fsspec knows; its limits on waiting are the store's own."""

    def __init__(self, store: Any, path: str) -> None:
        self.store, self.path = store, path
        self.closed: list[str] = []

    def _run(self, work: Callable[[], T]) -> T:
        try:
            return work()
        except Exception as error:  # every store has errors of its own
            raise Unreachable(f"{self.path}: {type(error).__name__}: {said(error)}") from None

    def listing(self, walk: Walk = FLAT, *, alive: Callable[[], None] = nothing) -> list[Found]:
        def look(folders: Sequence[str]) -> list[_Seen]:
            return [self._look_into(folder) for folder in folders]

        return _walked(self, walk, look, alive=alive)

    def _look_into(self, folder: str) -> _Seen:
        seen = _Seen(folder)
        path = f"{self.path}/{folder}".rstrip("/")

        def work() -> list[dict[str, Any]]:
            try:
                entries: list[dict[str, Any]] = self.store.ls(path, detail=True, refresh=True)
            except FileNotFoundError:
                if not folder:
                    raise
                return []  # taken away since
            return entries

        for entry in self._run(work):
            name = posixpath.basename(entry["name"].rstrip("/"))
            if entry["type"] == "directory":
                seen.folders.append(name)
            elif entry["type"] == "file" and is_our_name(posixpath.basename(entry["name"])):
                size = int(entry["size"] or 0)
                seen.files.append(Found(f"{folder}{name}", size, _time_of(entry)))
        seen.refuse_too_many()
        return seen

    def get(self, found: Found, to: Path, *, alive: Callable[[], None]) -> Path:
        _refuse_too_long(found)

        source = self._run(lambda: self.store.open(f"{self.path}/{found.name}", "rb"))
        with source, to.open("wb") as out:
            while data := self._run(lambda: source.read(READ_BYTES)):
                out.write(data)
                if out.tell() > found.size:
                    break
                alive()
        return to

    def move(self, name: str, folder: str) -> None:
        within, _, last = name.rpartition("/")
        source = f"{self.path}/{name}"
        target = posixpath.normpath(posixpath.join(self.path, folder, within))

        def work() -> None:
            if not self.store.exists(source):
                return
            for free in _free_names(last):
                if not self.store.exists(f"{target}/{free}"):
                    self.store.mv(source, f"{target}/{free}")
                    return

        self._run(work)


def _time_of(entry: dict[str, Any]) -> str:
    when = entry.get("LastModified") or entry.get("mtime") or entry.get("created")
    return str(int(when.timestamp())) if isinstance(when, datetime) else str(when or "")[:20]
