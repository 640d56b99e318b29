"""An agency of three creators for the tests of the page, with four months of sales."""

from __future__ import annotations

from datetime import timedelta

from tests.browser.revenue.service import Service

ADA, BEA, KIM = "ada", "bea", "kim"
NORTH, SOUTH = "north", "south"
LONG = "Anastasia-Wilhelmina van der Meersbergen-Oosterhuizen " * 2


def agency(service: Service) -> None:
    """Two agencies: one with two creators and their sales, one with a creator who is new."""
    service.agency(NORTH, "Northern Lights")
    service.agency(SOUTH, "Southern Cross")
    service.creator(ADA, "Ada Okafor", NORTH)
    service.creator(BEA, "Bea Lindqvist", NORTH)
    service.creator(KIM, "Kim", SOUTH)
    categories = ("messages", "tips", "subscriptions", "posts", "renewals", "messages", "subscriptions", "other")
    for number in range(1, 260):
        category = categories[number % len(categories)]
        gross = 3 + number * 37 % 60 + number % 4 * 0.25
        service.sale(
            (ADA, BEA)[number % 3 == 0],
            gross,
            timedelta(hours=number * 11),
            category=category,
            source={"other": "chargeback"}.get(category, category.rstrip("s")),
            payer={"id": f"fan-{number % 40}", "name": ("Robin", "Sam W.", None)[number % 3]},
        )
    service.sale(ADA, -120.0, timedelta(days=6), category="other", source="refund", reversesOrderId="o-17")
    service.sale(ADA, 9.99, timedelta(minutes=3), net=None, status="pending", origin="push")
    day = str(service.today - timedelta(days=9))
    service.milestones += [
        {"id": "m-1", "creatorId": ADA, "date": day, "title": "Ada Okafor passed $10,000", "emoji": "💰"},
        {"id": "m-2", "creatorId": BEA, "date": str(service.today), "title": "100 subscribers", "emoji": "🎉"},
    ]
