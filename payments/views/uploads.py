"""Take one large file in a form, never more than so many bytes, and keep nothing of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

from django.core.files.uploadhandler import (
    FileUploadHandler,
    StopUpload,
    TemporaryFileUploadHandler,
)
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt, csrf_protect

from portal.core import leases
from portal.core.models import Lease, User

View = Callable[..., HttpResponseBase]

MOST_BYTES = 64 * 1024 * 1024
MOST_BYTES_INSIDE = 512 * 1024 * 1024
"""How much a wrapped file may unpack to: more takes longer than anybody waits for a page."""

LONGEST_SECONDS = 600


class Busy(Exception):
    """The person has another file in hand at this moment."""


class Capped(FileUploadHandler):
    """Throws away what is larger than the cap, and remembers that it did."""

    was_too_large = False

    def __init__(self, request: HttpRequest) -> None:
        super().__init__(request)
        self._seen = 0

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        self._seen += len(raw_data)
        if self._seen > MOST_BYTES:
            self.was_too_large = True
            raise StopUpload
        return raw_data

    def file_complete(self, file_size: int) -> None:
        return None


def was_too_large(request: HttpRequest) -> bool:
    """Tell whether a file of this request was thrown away for its size."""
    return any(getattr(one, "was_too_large", False) for one in request.upload_handlers)


def takes_a_file(view: View) -> View:
    """Let a view take a file: on disk while it is looked at, capped, gone when it has answered.

    The handlers have to be in place before anything reads the form, and the check against
    forged requests reads it; so that check runs inside.
    """
    protected = csrf_protect(view)

    @wraps(view)
    def prepared(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        request.upload_handlers = [Capped(request), TemporaryFileUploadHandler(request)]
        return protected(request, *args, **kwargs)

    return csrf_exempt(prepared)


@contextmanager
def one_at_a_time(user: User) -> Iterator[None]:
    """Hold a person's only turn at reading a file in the web process; raise Busy without it."""
    claim = leases.acquire(f"check:{user.pk}", seconds=LONGEST_SECONDS, now=timezone.now())
    if claim is None:
        raise Busy(
            _(
                "Another file of yours is being read at this moment. Wait for its answer, then "
                "send this one again."
            )
        )
    try:
        yield
    finally:
        claim.release()
        # A check leaves no row behind, not even that of the turn.
        Lease.objects.filter(name=claim.name, token=claim.token).delete()
