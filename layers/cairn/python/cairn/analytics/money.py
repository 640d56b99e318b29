"""Money in whole minor units, and its categories. Nothing is float, and no currency is converted into another."""

from __future__ import annotations

from decimal import Decimal

CATEGORIES = ("messages", "tips", "subscriptions", "posts", "renewals", "referrals", "other")
"""In the order in which they are shown. `other` is whatever else a platform names."""
_CATEGORY_OF = {
    "message": "messages",
    "tip": "tips",
    "subscription": "subscriptions",
    "post": "posts",
    "renewal": "renewals",
    "referral": "referrals",
}
DEFAULT_CURRENCY = "USD"
"""Of a row without a currency whose creator has none either: Fanvue's amounts are then in cents of US dollars."""

# Currencies of ISO 4217 whose minor unit is not a hundredth. https://www.iso.org/iso-4217-currency-codes.html
_NO_MINOR_UNIT = frozenset(
    (
        "BIF",
        "CLP",
        "DJF",
        "GNF",
        "ISK",
        "JPY",
        "KMF",
        "KRW",
        "PYG",
        "RWF",
        "UGX",
        "UYI",
        "VND",
        "VUV",
        "XAF",
        "XOF",
        "XPF",
    )
)
_THOUSANDTHS = frozenset(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"))


def category_of(source: str) -> str:
    """The category of what a platform calls the source of an earning."""
    return _CATEGORY_OF.get(source, "other")


def decimals(currency: str) -> int:
    """How many decimals an amount in a currency has."""
    if currency in _NO_MINOR_UNIT:
        return 0
    return 3 if currency in _THOUSANDTHS else 2


def to_major(minor: int, currency: str) -> Decimal:
    """The amount as people write it, with all decimals of its currency: 1234 is 12.34 USD and 1234 JPY."""
    return Decimal(minor).scaleb(-decimals(currency))
