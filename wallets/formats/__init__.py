"""Settlement layouts, one module each, found by name.

A module offers ``identify(name, head, options) -> str`` (the partner's own name of a file
from its first bytes), ``read(path, options) -> Statement`` and, where the simulator needs
one, ``write(path, ...)``. A new layout is one module and one line here.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

LAYOUTS = {
    "vipps_xml3": "wallets.formats.vipps_xml3",
}


def get(name: str) -> ModuleType:
    """Return the module of a layout, or raise KeyError."""
    return import_module(LAYOUTS[name])
