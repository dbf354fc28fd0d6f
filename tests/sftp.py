"""A real SFTP server for tests, in a thread of the test process.

    @pytest.fixture
    def partner(tmp_path) -> Iterator[Server]:
        with sftp.serve(tmp_path / "partner") as server:
            yield server

It serves one folder to one user, by password or by key, and can be made to misbehave.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncssh

USER, PASSWORD = "onestile", "correct horse"
SECONDS = 10


def key(kind: str = "ssh-ed25519") -> asyncssh.SSHKey:
    return asyncssh.generate_private_key(kind)


HOST_KEY, OTHER_KEY, OUR_KEY = key(), key("ecdsa-sha2-nistp256"), key()


def public(of: asyncssh.SSHKey) -> str:
    """Return a key's public line, as one puts it into a feed."""
    return " ".join(of.export_public_key("openssh").decode().split()[:2])


def private(of: asyncssh.SSHKey, passphrase: str | None = None) -> str:
    form = "pkcs8-pem" if passphrase else "openssh"
    return of.export_private_key(form, passphrase=passphrase).decode()


@dataclass
class Server:
    """The running server. Its moods may be changed while it runs.

    ``hangs`` names what is never answered: login, listing, reading, or below: the listing of a
    folder below the served one. ``says_no_size`` is the manner of servers that make a file as
    it is read. ``extra_names`` and ``extra_folders`` are listed and not there; folders below
    may be ``shut``, or ``gone`` when one looks into them. ``slow`` is how long each listing
    takes, in seconds; ``asked`` are the folders that were listed, ``most_at_once`` how many
    were begun side by side.
    """

    folder: Path
    port: int = 0
    hangs: str = ""
    says_no_size: bool = False
    extra_names: list[bytes] = field(default_factory=list)
    extra_folders: list[bytes] = field(default_factory=list)
    shut: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)
    slow: float = 0.0
    asked: list[str] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0
    connections: int = 0
    open_now: int = 0

    @property
    def place(self) -> str:
        return f"sftp://{USER}@127.0.0.1:{self.port}/"


def _in_the_folder(server: Server) -> type[asyncssh.SFTPServer]:
    class Serving(asyncssh.SFTPServer):
        def __init__(self, chan: Any) -> None:
            super().__init__(chan, chroot=str(server.folder))

        def scandir(self, path: bytes) -> AsyncIterator[asyncssh.SFTPName]:
            server.asked.append(path.decode().strip("/."))
            server.at_once += 1
            server.most_at_once = max(server.most_at_once, server.at_once)
            return self.entries(path)

        async def entries(self, path: bytes) -> AsyncIterator[asyncssh.SFTPName]:
            within = path.decode().strip("/.")
            if server.hangs == "listing" or (server.hangs == "below" and within):
                await asyncio.sleep(60)
            if within in server.shut:
                raise asyncssh.SFTPPermissionDenied("Not for you")
            if within in server.gone:
                raise asyncssh.SFTPNoSuchFile("Not here any more")
            await asyncio.sleep(server.slow)
            async for name in super().scandir(path):
                if server.says_no_size:
                    name.attrs.size = 0
                yield name
            server.at_once -= 1
            for kind, mode, extras in (
                (asyncssh.FILEXFER_TYPE_REGULAR, 0o100644, server.extra_names),
                (asyncssh.FILEXFER_TYPE_DIRECTORY, 0o40755, server.extra_folders),
            ):
                for extra in extras if not within else ():
                    facts = asyncssh.SFTPAttrs(
                        type=kind, size=3, mtime=1, atime=1, permissions=mode
                    )
                    yield asyncssh.SFTPName(extra, b"", facts)

        async def read(self, file_obj: Any, offset: int, size: int) -> bytes:
            if server.hangs == "reading":
                await asyncio.sleep(60)
            found: Any = super().read(file_obj, offset, size)
            return found

    return Serving


def _at_the_door(server: Server) -> type[asyncssh.SSHServer]:
    class Door(asyncssh.SSHServer):
        def connection_made(self, conn: Any) -> None:
            server.connections += 1
            server.open_now += 1

        def connection_lost(self, exc: Exception | None) -> None:
            server.open_now -= 1

        async def begin_auth(self, username: str) -> bool:
            if server.hangs == "login":
                await asyncio.sleep(60)
            return True

        def password_auth_supported(self) -> bool:
            return True

        def validate_password(self, username: str, password: str) -> bool:
            return (username, password) == (USER, PASSWORD)

        def public_key_auth_supported(self) -> bool:
            return True

        def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
            return username == USER and key.public_data == OUR_KEY.public_data

    return Door


@contextmanager
def serve(folder: Path, *host_keys: asyncssh.SSHKey) -> Iterator[Server]:
    """Serve a folder until the context ends."""
    folder.mkdir(parents=True, exist_ok=True)
    server = Server(folder)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="sftp", daemon=True)
    thread.start()

    def run(work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, loop).result(SECONDS)

    async def start() -> Any:
        return await asyncssh.listen(
            "127.0.0.1", 0, server_host_keys=list(host_keys or [HOST_KEY]), config=None,
            server_factory=_at_the_door(server), sftp_factory=_in_the_folder(server),
        )  # fmt: skip

    acceptor = run(start())
    server.port = acceptor.get_port()
    try:
        yield server
    finally:

        async def stop() -> None:
            acceptor.close()
            tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        run(stop())
        loop.call_soon_threadsafe(loop.stop)
        thread.join(SECONDS)
        loop.close()
