"""What an act of this floor says when it cannot be done."""

from __future__ import annotations


class Refused(Exception):
    """An act that cannot be done now; the text says why and what to do. Nothing changed."""
