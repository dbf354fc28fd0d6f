"""Why a settlement file is refused, by code: in a few words, and what whoever made it should do.

The codes are those of wallets.formats, of feeds (archives, encryption, signatures) and of the
portal itself. A problem's own text says what is wrong at its line; this says what is wanted.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

OURS = frozenset({"internal", "gave_up", "records_uncounted"})
"""Reasons that the portal's own operators have to look into, not the partner."""


@dataclass(frozen=True)
class Reason:
    """What a code means, and what to do about it; sentences of plain words."""

    words: str | Promise
    to_do: str | Promise


_REASONS = {
    "total_differs": Reason(
        _("A total is not what its lines add up to"),
        _("Make the file again from one state of your books, so that every declared sum is the "
          "sum of the lines it stands for."),
    ),
    "count_differs": Reason(
        _("The file has more or fewer lines than it declares"),
        _("Make the file again with all of its lines, and declare their true number."),
    ),
    "truncated": Reason(
        _("The file was cut off"),
        _("Send the whole file again, and do not let it be fetched before it is written."),
    ),
    "not_this_layout": Reason(
        _("This is not the agreed kind of file"),
        _("Send the settlement file in the agreed layout and version, not another report."),
    ),
    "bad_encoding": Reason(
        _("Letters are written in another encoding than agreed"),
        _("Export the file in the agreed encoding, usually UTF-8."),
    ),
    "bad_amount": Reason(
        _("An amount cannot be taken as it is written"),
        _("Write amounts as plain digits with the decimals of their currency and the sign the "
          "layout asks for; net is gross less fee."),
    ),
    "bad_date": Reason(
        _("A date or time cannot be taken"),
        _("Write dates as the layout says, and a period that ends no earlier than it begins."),
    ),
    "bad_columns": Reason(
        _("Columns are missing, added or in the wrong number"),
        _("Send exactly the agreed columns in every row, with their headings."),
    ),
    "unknown_type": Reason(
        _("A kind of row is unknown"),
        _("Use the kinds of the layout, or agree on the new one with us before it is sent."),
    ),
    "bad_value": Reason(
        _("A value cannot be taken"),
        _("Fill the field as the layout describes it."),
    ),
    "empty": Reason(
        _("The file has no bytes"),
        _("Send the file again; for a day on which nothing happened, as the layout says."),
    ),
    "too_large": Reason(
        _("The file is too large"),
        _("Split the file by day or by settlement and send the parts."),
    ),
    "duplicate_heading": Reason(
        _("A heading stands twice"),
        _("Give every column its own heading."),
    ),
    "currency_unknown": Reason(
        _("A currency is unknown"),
        _("Use the code of ISO 4217, and agree on new currencies with us first."),
    ),
    "bad_archive": Reason(
        _("The archive cannot be opened"),
        _("Pack the settlement file again, without a password and without other files in it."),
    ),
    "cannot_decrypt": Reason(
        _("The file cannot be decrypted"),
        _("Encrypt the file for our current public key."),
    ),
    "not_encrypted": Reason(
        _("The file is not encrypted"),
        _("Encrypt the file with OpenPGP for our public key, as agreed for this feed."),
    ),
    "not_signed": Reason(
        _("The file is not signed"),
        _("Sign the file with the OpenPGP key that you gave us."),
    ),
    "bad_signature": Reason(
        _("The signature is not right"),
        _("Sign the file again with the OpenPGP key that you gave us, and do not change it "
          "afterwards."),
    ),
    "records_uncounted": Reason(
        _("Some records were neither read nor counted"),
        _("The portal’s operators have to look at this; the partner need not do anything yet."),
    ),
    "internal": Reason(
        _("The portal failed to read the file"),
        _("The portal’s operators have to look at this; the partner need not do anything yet."),
    ),
    "gave_up": Reason(
        _("Reading the file ended without a result too often"),
        _("The portal’s operators have to look at this; the partner need not do anything yet."),
    ),
}  # fmt: skip


def reason(code: str) -> Reason:
    """Return what a code means; one that is not known here is named as it is."""
    return _REASONS.get(code) or Reason(
        _now("Problem “%(code)s”") % {"code": code},
        _now("Do what the text of the problem says, and send a corrected file."),
    )


def known() -> frozenset[str]:
    """Return the codes that are explained here."""
    return frozenset(_REASONS)
