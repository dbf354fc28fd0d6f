"""Helpers around requests and responses."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse

from portal.core.models import User


class AuthenticatedRequest(HttpRequest):
    """A request whose user has signed in; for type checkers."""

    user: User


class RequestIdMiddleware:
    """Give every request an id, taken over from the caller when it looks like one."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        # The API says so itself, in its own form.
        if _has_nul(request) and not request.path_info.startswith("/api/"):
            raise Http404
        given = request.headers.get("X-Request-Id", "")
        request_id = given if re.fullmatch(r"[\w-]{8,64}", given, re.ASCII) else uuid.uuid4().hex
        request.META["REQUEST_ID"] = request_id
        response = self.get_response(request)
        response["X-Request-Id"] = request_id
        if response.has_header("Cache-Control"):
            return response  # a public page says so itself, and never looks at a session
        if getattr(request, "user", None) is not None and request.user.is_authenticated:
            # A signed-in page must not be shown from a cache after signing out.
            response["Cache-Control"] = "no-store"
        return response


def _has_nul(request: HttpRequest) -> bool:
    """Tell whether the address has a NUL: PostgreSQL refuses it as a text, and nothing here
    is called so. Form fields refuse it themselves."""
    return "\0" in request.path_info or any(
        "\0" in text for name, values in request.GET.lists() for text in (name, *values)
    )


def site(request: HttpRequest) -> dict[str, Any]:
    """Context of every page."""
    return {"demo": settings.DEMO, "site_url": settings.SITE_URL}
