from merchants.models.application import Application
from merchants.models.enrolment import Enrolment
from merchants.models.location import Location
from merchants.models.merchant import Merchant, MerchantMembership
from merchants.models.sticker import Sticker

__all__ = [
    "Application",
    "Enrolment",
    "Location",
    "Merchant",
    "MerchantMembership",
    "Sticker",
]
