from payments.models.ledger import LedgerEntry
from payments.models.payment import IdempotencyKey, Payment, Refund
from payments.models.reconciliation import Break, Link, Run
from payments.models.settlement import Batch, Delivery, SettlementFile

__all__ = [
    "Batch",
    "Break",
    "Delivery",
    "IdempotencyKey",
    "LedgerEntry",
    "Link",
    "Payment",
    "Refund",
    "Run",
    "SettlementFile",
]
