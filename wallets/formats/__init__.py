"""Settlement layouts, one module each, found by name.

A module offers ``identify(name, head, options) -> str`` (the partner's own name of a file
from its first bytes) and ``read(path, options) -> Statement``; the first line of its docstring
is its title. One that the simulator writes also offers ``write(path, sheet, options) ->
list[int]``, which returns the line number at which each line of the sheet now stands,
``BATCH_BY``, the fields of a line that its batch is for, ``batch_ref(number=, day=, store=,
wallet=, currency=)``, what the partner would call that batch, ``day`` being the last day of the
period, and ``ROOM``, what it has room for. A new layout is one module and one line here.

Bank layouts are read only and become a bank_statement.BankStatement instead.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from wallets.formats.statement import Room

LAYOUTS = {
    "adyen_settlement": "wallets.formats.adyen_settlement",
    "alipay_settlement": "wallets.formats.alipay_settlement",
    "alipay_transactions": "wallets.formats.alipay_transactions",
    "alipayplus_settlement": "wallets.formats.alipayplus_settlement",
    "antom_settlement": "wallets.formats.antom_settlement",
    "antom_transactions": "wallets.formats.antom_transactions",
    "epassi_xlsx": "wallets.formats.epassi_xlsx",
    "mapped": "wallets.formats.mapped",
    "mobilepay_csv": "wallets.formats.mobilepay_csv",
    "momo_csv": "wallets.formats.momo_csv",
    "pagaqui_fixed": "wallets.formats.pagaqui_fixed",
    "paypal_stl": "wallets.formats.paypal_stl",
    "scheme": "wallets.formats.scheme",
    "vipps_csv": "wallets.formats.vipps_csv",
    "vipps_ledger": "wallets.formats.vipps_ledger",
    "vipps_ocr": "wallets.formats.vipps_ocr",
    "vipps_xlsx": "wallets.formats.vipps_xlsx",
    "vipps_xml2": "wallets.formats.vipps_xml2",
    "vipps_xml3": "wallets.formats.vipps_xml3",
}
BANK_LAYOUTS = {
    "camt": "wallets.formats.camt",
    "n43": "wallets.formats.n43",
}


def get(name: str) -> ModuleType:
    """Return the module of a layout, or raise KeyError."""
    return import_module({**LAYOUTS, **BANK_LAYOUTS}[name])


def title(name: str) -> str:
    """Return what people call a layout."""
    return (get(name).__doc__ or name).partition("\n")[0].rstrip(".")


def room(name: str) -> Room:
    """Return what a layout has room for; one that does not say has room for everything."""
    found: Room = getattr(get(name), "ROOM", Room())
    return found


def written() -> list[str]:
    """Return the names of the layouts that can be written too."""
    return [name for name in sorted(LAYOUTS) if hasattr(get(name), "write")]
