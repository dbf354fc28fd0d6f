"""OpenPGP: tell it by its first bytes, decrypt, verify. The only module that knows pysequoia.

A message is opened in a process of its own, with limits on memory, output and time: the
library cannot be interrupted, and a megabyte of message may unpack to a terabyte. Run as a
program this file is that process, so it imports nothing of ours and no Django.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import subprocess
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

try:
    import resource
except ImportError:  # a system without limits on processes; the time limit holds there too
    resource = None  # type: ignore[assignment]

MOST_MESSAGE_BYTES = 256 << 20
"""A longer message is refused: the library holds it in memory, one and a half times over."""
MEMORY_BYTES = 1_536 << 20

ENCRYPTED, SIGNED, CLEARTEXT, SIGNATURE = "encrypted", "signed", "cleartext", "signature"
_ARMOR = {
    b"-----BEGIN PGP SIGNED MESSAGE-----": CLEARTEXT,
    b"-----BEGIN PGP SIGNATURE-----": SIGNATURE,
}
_MESSAGE = b"-----BEGIN PGP MESSAGE-----"
_PRIVATE = re.compile(
    r"-----BEGIN PGP PRIVATE KEY BLOCK-----.*?-----END PGP PRIVATE KEY BLOCK-----", re.DOTALL
)
# The first packet of a message: its tag, what that makes the message, and the values that the
# first byte of its body may have. All are control characters, which no text has there.
_PACKETS = {
    1: (ENCRYPTED, {2, 3, 6}),  # session key for a public key
    3: (ENCRYPTED, {4, 5, 6}),  # session key for a passphrase
    18: (ENCRYPTED, {1, 2}),  # encrypted data
    2: (SIGNED, {3, 4, 5, 6}),  # signature before the data
    4: (SIGNED, {3, 6}),  # announcement of a signature behind the data
    8: (SIGNED, {1, 2, 3}),  # compressed data with either of them, or none, inside
}


class BadKey(ValueError):
    """A text that is no key of the kind that is wanted; the message says why."""


class CannotOpen(Exception):
    """A message that cannot be opened or is not from the partner. ``code`` is stable."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code, self.text = code, text


@dataclass(frozen=True)
class Key:
    """What people compare of a key: its fingerprint in hexadecimal, its names, when it ends."""

    fingerprint: str
    names: tuple[str, ...]
    expires: str


# --- by its first bytes


def kind(head: bytes) -> str:
    """Return which OpenPGP thing begins with these bytes, or nothing: it is something else.

    Binary as well as armored. A signature alone, beside the file that it is of, is SIGNATURE.
    """
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n")
    for begin, found in _ARMOR.items():
        if start.startswith(begin):
            return found
    if not start.startswith(_MESSAGE):
        return _packet_kind(head)
    body = re.split(rb"\r?\n[ \t]*\r?\n", start, maxsplit=1)
    try:
        first = base64.b64decode(b"".join(body[1].split()[:1])[:64], validate=True)
    except (IndexError, binascii.Error):
        first = b""
    # Damaged or not, it says that it is a message; opening it will tell what is wrong.
    return _packet_kind(first) or ENCRYPTED


def _packet_kind(head: bytes) -> str:
    if len(head) < 3 or not head[0] & 0x80:
        return ""
    if head[0] & 0x40:
        tag = head[0] & 0x3F
        length = 5 if head[1] == 255 else 2 if 192 <= head[1] < 224 else 1
    else:
        tag = (head[0] >> 2) & 0x0F
        length = (1, 2, 4, 0)[head[0] & 3]
    if tag not in _PACKETS or len(head) <= 1 + length:
        return ""
    found, versions = _PACKETS[tag]
    if head[1 + length] not in versions:
        return ""
    if tag == 2 and _is_alone(head, length):
        return SIGNATURE
    return found


def _is_alone(head: bytes, length: int) -> bool:
    """Tell whether the first packet, of a definite length, is all there is."""
    size = head[1 : 1 + length]
    if head[0] & 0x40 and length == 1:
        body = size[0]
        if body >= 224:
            return False
    elif head[0] & 0x40 and length == 2:
        body = ((size[0] - 192) << 8) + size[1] + 192
    else:
        body = int.from_bytes(size[-4:], "big")
    return length > 0 and len(head) <= 1 + length + body


# --- keys


def private_keys(text: str) -> list[Key]:
    """Return what is in a text of armored private keys without a passphrase; raise BadKey."""
    found = []
    for key in _load_private(text):
        try:
            key.decryptor()
        except Exception as error:
            raise BadKey(f"A key in it cannot decrypt: {_said(error)}") from None
        found.append(_described(key.extract_certificate()))
    return found


def public_keys(text: str) -> list[Key]:
    """Return what is in a text of armored public keys; raise BadKey."""
    if "PRIVATE KEY" in text:
        raise BadKey("This is a private key. Ask for the public one, and tell its owner.")
    return [_described(key) for key in _load_public(text)]


def _load_private(text: str) -> list[Any]:
    blocks = _PRIVATE.findall(text)
    if not blocks:
        raise BadKey("It has no armored private key (-----BEGIN PGP PRIVATE KEY BLOCK-----).")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        from pysequoia import Tsk

        try:
            return [Tsk.from_bytes(block.encode()) for block in blocks]
        except Exception as error:
            raise BadKey(f"It cannot be read: {_said(error)}") from None


def _load_public(text: str) -> list[Any]:
    if "-----BEGIN PGP PUBLIC KEY BLOCK-----" not in text:
        raise BadKey("It has no armored public key (-----BEGIN PGP PUBLIC KEY BLOCK-----).")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        from pysequoia import Cert

        try:
            return list(Cert.split_bytes(text.encode()))
        except Exception as error:
            raise BadKey(f"It cannot be read: {_said(error)}") from None


def _described(certificate: Any) -> Key:
    ends = certificate.expiration
    return Key(
        fingerprint=str(certificate.fingerprint).upper(),
        names=tuple(str(name) for name in certificate.user_ids),
        expires=ends.date().isoformat() if ends else "",
    )


def _said(error: BaseException) -> str:
    """Return the first line of what the library says: behind it may come a backtrace."""
    return str(error).partition("\n")[0].strip().rstrip(".")[:200] + "."


# --- opening, in a process of its own


def open_message(
    source: Path, target: Path, *, private: str, public: str, most_bytes: int, seconds: float
) -> str:
    """Decrypt a message, or take a signed one apart; return who signed it, or nothing.

    ``private`` and ``public`` are armored keys, any number of each; the fingerprint returned is
    that of the partner's key. Without a public key signatures are not looked at. Raises
    CannotOpen, and then leaves no target; OSError when the disk fails us.
    """
    if source.stat().st_size > MOST_MESSAGE_BYTES:
        raise CannotOpen(
            "too_large",
            f"An OpenPGP message of {source.stat().st_size} bytes: at most {MOST_MESSAGE_BYTES} "
            "are opened. Ask the partner for smaller files, or to encrypt none this large.",
        )
    with source.open("rb") as file:
        found = kind(file.read(4_096))
    order = {
        "kind": found, "source": str(source), "target": str(target), "private": private,
        "public": public, "most_bytes": most_bytes, "seconds": seconds,
    }  # fmt: skip
    target.touch()
    try:
        return _ask(order)
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def check_signature(
    source: Path, signature: Path, *, public: str, most_bytes: int, seconds: float
) -> str:
    """Return the fingerprint of the partner's key that signed a file; raise CannotOpen."""
    return _ask(
        {
            "kind": SIGNATURE, "source": str(source), "target": str(signature), "private": "",
            "public": public, "most_bytes": most_bytes, "seconds": seconds,
        }
    )  # fmt: skip


def _ask(order: dict[str, Any]) -> str:
    try:
        done = subprocess.run(  # noqa: S603  (this file, by this interpreter)
            [sys.executable, "-I", str(Path(__file__).resolve())],
            input=json.dumps(order).encode(), capture_output=True, timeout=order["seconds"],
            env={"LC_ALL": "C.UTF-8"}, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise CannotOpen(
            "too_large",
            f"Opening the OpenPGP message took more than {order['seconds']:.0f} seconds.",
        ) from None
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        raise CannotOpen(
            "too_large",
            f"Opening the OpenPGP message takes more than {MEMORY_BYTES >> 20} MB of memory "
            f"(the process ended with {done.returncode}).",
        ) from None
    if "fault" in answer:
        raise OSError(answer["fault"])
    if "code" in answer:
        raise CannotOpen(answer["code"], answer["text"])
    return str(answer["signed_by"])


class _Store:
    """The partner's keys as the library asks for them; remembers that it asked."""

    def __init__(self, keys: list[Any]) -> None:
        self.keys = keys
        self.asked: list[str] = []

    def __call__(self, ids: list[str]) -> list[Any]:
        self.asked += ids
        return self.keys


NOT_BY_PARTNER = (
    "It is signed by {signers}, which is not the partner's key as it stands in the feed, or it "
    "was changed after signing, or that key has expired."
)
NO_PARTNER_KEY = "It is signed, and the feed has no partner's OpenPGP key to check that with."


def _open(order: dict[str, Any]) -> str:
    """Do what an order says; return who signed. Runs in the process of its own."""
    keys = _load_public(order["public"]) if order["public"] else []
    store = _Store(keys)
    by_bytes = order["kind"] in (CLEARTEXT, SIGNATURE)
    attempts: list[Any] = [None]
    if order["kind"] == ENCRYPTED:
        if not order["private"]:
            raise CannotOpen(
                "cannot_decrypt", "It is encrypted, and the feed has no OpenPGP key to open it."
            )
        attempts = _load_private(order["private"])
    said = ""
    for key in attempts:
        if keys or by_bytes:
            try:
                return _signer(_once(order, key, store))
            except OSError:
                raise
            except Exception as error:
                said = _said(error)
            if by_bytes and not keys:
                raise CannotOpen("bad_signature", NO_PARTNER_KEY)
            if store.asked or by_bytes:
                signers = ", ".join(sorted(set(store.asked))) or "nobody"
                raise CannotOpen("bad_signature", NOT_BY_PARTNER.format(signers=signers))
        # Nobody signed it, or nobody is to be looked for.
        try:
            _once(order, key, None)
        except OSError:
            raise
        except Exception as error:
            said = _said(error)
        else:
            return ""
    if order["kind"] == ENCRYPTED:
        raise CannotOpen("cannot_decrypt", f"None of the feed's OpenPGP keys opens it: {said}")
    raise CannotOpen("bad_archive", f"It looks like OpenPGP and cannot be read: {said}")


def _once(order: dict[str, Any], key: Any, store: _Store | None) -> Any:
    import pysequoia as sequoia

    source, target = order["source"], order["target"]
    if order["kind"] == SIGNATURE:
        signature = sequoia.Sig.from_file(target)
        return sequoia.verify(file=source, store=store, signature=signature)
    if order["kind"] == CLEARTEXT:
        result = sequoia.verify(bytes=Path(source).read_bytes(), store=store)
        Path(target).write_bytes(result.bytes or b"")
        return result
    # It wants a key even for a message that is only signed; this passphrase opens nothing.
    how = {"decryptor": key.decryptor()} if key else {"passwords": ["-"]}
    return sequoia.decrypt_file(input=source, output=target, store=store, **how)


def _signer(result: Any) -> str:
    return str(result.valid_sigs[0].certificate).upper() if result.valid_sigs else ""


def _main() -> None:
    order = json.loads(sys.stdin.buffer.read())
    if resource is not None:
        seconds = int(order["seconds"]) + 1
        resource.setrlimit(resource.RLIMIT_FSIZE, (order["most_bytes"], order["most_bytes"]))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    warnings.simplefilter("ignore")
    try:
        answer = {"signed_by": _open(order)}
    except CannotOpen as error:
        answer = {"code": error.code, "text": error.text}
    except OSError as error:
        if "too large" in str(error):
            text = f"The OpenPGP message unpacks to more than {order['most_bytes']} bytes."
            answer = {"code": "too_large", "text": text}
        else:
            answer = {"fault": _said(error)}
    except BadKey as error:
        answer = {"code": "cannot_decrypt", "text": f"A key of the feed is of no use: {error}"}
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    _main()
