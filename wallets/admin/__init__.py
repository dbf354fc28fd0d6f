"""Wallets in the back office, by subject."""

from wallets.admin import mappings, wallet

__all__ = ["mappings", "wallet"]
