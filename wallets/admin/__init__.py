"""Wallets in the back office, by subject."""

from wallets.admin import wallet

__all__ = ["wallet"]
