"""Refusals of the API as problem+json (RFC 9457), each with a stable code.

Every code that an answer can carry is listed here with its status and title, and
docs/api.md explains it; tests keep the two and the code together.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import OperationalError
from django.http import Http404, UnreadablePostError
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from rest_framework import exceptions
from rest_framework.response import Response

from payments.acceptance import CannotAccept
from wallets.tariffs import NoTariff

logger = logging.getLogger(__name__)

CODES: dict[str, tuple[int, Any]] = {
    # who calls
    "credential_missing": (401, _("No API key")),
    "credential_invalid": (401, _("This API key opens nothing")),
    "not_allowed": (403, _("Not allowed")),
    "wallet_does_not_pay": (403, _("Your wallet's users do not pay here")),
    # how it calls
    "malformed_json": (400, _("The body is not JSON as expected")),
    "idempotency_key_missing": (400, _("Idempotency-Key is missing or malformed")),
    "not_found": (404, _("There is nothing here")),
    "method_not_allowed": (405, _("Not a method of this address")),
    "body_too_large": (413, _("The body is too large")),
    "media_type_not_json": (415, _("Send application/json")),
    "invalid_fields": (422, _("Some fields are not right")),
    "idempotency_key_reused": (422, _("This Idempotency-Key belongs to another request")),
    "request_in_flight": (409, _("The same request is still being worked on")),
    "too_many_requests": (429, _("Too many requests")),
    # what the rules say
    "code_unknown": (422, _("There is no such code")),
    "code_revoked": (422, _("This sticker was revoked")),
    "location_unknown": (422, _("There is no such shop")),
    "location_not_accepting": (422, _("This shop takes no payments at present")),
    "wallet_not_enrolled": (422, _("This shop does not take your wallet")),
    "currency_unknown": (422, _("Unknown currency")),
    "currency_not_of_location": (422, _("The shop sells in another currency")),
    "currency_not_of_payment": (422, _("The payment was in another currency")),
    "currency_not_covered": (422, _("Your agreement does not cover this currency here")),
    "amount_out_of_range": (422, _("The amount is out of range")),
    "tip_out_of_range": (422, _("The tip is out of range")),
    "reference_length": (422, _("A reference is empty or too long")),
    "reference_characters": (422, _("A reference has control characters")),
    "rate_missing": (422, _("The exchange rate is missing")),
    "payment_already_reported": (409, _("You have reported this payment before")),
    "refund_already_reported": (409, _("You have reported this refund before")),
    "refund_exceeds_payment": (422, _("More than what is left of the payment")),
    "payment_unknown": (404, _("There is no such payment")),
    # what went wrong here
    "tariff_missing": (503, _("No tariff is agreed for this payment yet")),
    "temporarily_unavailable": (503, _("Busy for a moment")),
    "internal_error": (500, _("Something went wrong at our side")),
}
"""Code of a problem -> (HTTP status, title)."""

FIELD_CODES = (
    "required", "unknown_field", "not_an_object", "not_text", "not_an_integer", "bad_format",
    "out_of_range", "currency_unknown", "currency_differs", "too_old", "in_the_future",
)  # fmt: skip
"""Codes of single fields inside ``errors``."""


@dataclass(frozen=True)
class FieldError:
    """What is wrong with one field; ``pointer`` is a JSON pointer into the body."""

    pointer: str
    code: str
    detail: str


class Refused(Exception):
    """A request that is refused with one of CODES."""

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.code, self.detail = code, detail
        self.errors, self.headers = errors, dict(headers or {})


def problem_json(exc: Exception, context: dict[str, Any]) -> Response:
    """Turn whatever a view raised into an answer; nothing of the inside is shown."""
    refused = _refusal(exc)
    status, title = CODES[refused.code]
    request_id = context["request"].META.get("REQUEST_ID", "")
    if refused.code == "internal_error":
        logger.error("request %s failed", request_id, exc_info=exc)
    elif status == 503:
        logger.warning("request %s put off: %s", request_id, refused.code, exc_info=exc)
    body: dict[str, Any] = {
        "type": f"urn:onestile:problem:{refused.code}",
        "title": str(title),
        "status": status,
        "detail": refused.detail,
        "code": refused.code,
        "request_id": request_id,
    }
    if refused.errors:
        body["errors"] = [vars(error) for error in refused.errors]
    headers = refused.headers
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="onestile"'
    return Response(body, status, headers=headers, content_type="application/problem+json")


def _refusal(exc: Exception) -> Refused:
    match exc:
        case Refused():
            return exc
        case CannotAccept():
            code = exc.code if exc.code in CODES else "internal_error"
            return Refused(code, str(exc))
        case exceptions.NotAuthenticated():
            return Refused(
                "credential_missing", gettext("Send the header Authorization: Bearer sk_….")
            )
        case exceptions.AuthenticationFailed():
            return Refused(
                "credential_invalid", gettext("The key is unknown, wrong, or was revoked.")
            )
        case PermissionDenied() | exceptions.PermissionDenied():
            return Refused("not_allowed", gettext("Your key does not allow this."))
        case Http404() | exceptions.NotFound():
            return Refused("not_found", gettext("Check the address and the id in it."))
        case exceptions.MethodNotAllowed():
            return Refused(
                "method_not_allowed", gettext("The header Allow names the methods of this address.")
            )
        case exceptions.UnsupportedMediaType():
            return Refused(
                "media_type_not_json",
                gettext("Send the body as JSON, with Content-Type: application/json."),
            )
        case exceptions.ParseError() | UnreadablePostError():
            return Refused("malformed_json", gettext("The body could not be read."))
        case exceptions.Throttled():
            wait = max(1, round(getattr(exc, "wait", None) or 1))
            return Refused(
                "too_many_requests",
                gettext("Try again in %(seconds)s s.") % {"seconds": wait},
                headers={"Retry-After": str(wait)},
            )
        case NoTariff():
            return Refused(
                "tariff_missing",
                gettext("Nothing was booked. Please tell the alliance's desk."),
                headers={"Retry-After": "3600"},
            )
        case OperationalError():
            return Refused(
                "temporarily_unavailable",
                gettext("Nothing was booked. Repeat the request with the same Idempotency-Key."),
                headers={"Retry-After": "2"},
            )
    return Refused(
        "internal_error",
        gettext("Repeat the request with the same Idempotency-Key, or send us the request id."),
    )
