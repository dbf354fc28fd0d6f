"""How often one key may call: a bucket of calls that refills steadily.

The buckets live in the web process, so that a payment depends on the database alone; with
several processes the limit is that many times higher, which is fine for a limit that only
stops a caller gone wild.
"""

from __future__ import annotations

import threading
import time

from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

CALLS_A_SECOND = 100.0
CALLS_AT_ONCE = 1_000.0
MOST_BUCKETS = 10_000

_buckets: dict[int, tuple[float, float]] = {}
_lock = threading.Lock()


def take(key: int, *, now: float) -> float:
    """Take a call out of a key's bucket; return 0, or the seconds until there is one."""
    with _lock:
        left, since = _buckets.get(key, (CALLS_AT_ONCE, now))
        left = min(CALLS_AT_ONCE, left + (now - since) * CALLS_A_SECOND)
        if left < 1:
            return (1 - left) / CALLS_A_SECOND
        if key not in _buckets and len(_buckets) >= MOST_BUCKETS:
            _buckets.clear()
        _buckets[key] = (left - 1, now)
    return 0.0


class PerCredential(BaseThrottle):
    def __init__(self) -> None:
        self._wait = 0.0

    def allow_request(self, request: Request, view: APIView) -> bool:
        if request.auth is None:
            return True
        self._wait = take(request.auth.pk, now=time.monotonic())
        return self._wait == 0.0

    def wait(self) -> float:
        return self._wait
