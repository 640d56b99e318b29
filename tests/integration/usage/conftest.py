"""A product that sends what its users do."""

from __future__ import annotations

import pytest

from testing.api import Api
from testing.clock import ControlledClock
from testing.cloud import Cloud
from testing.managed_product import ManagedProduct
from testing.product import Product


@pytest.fixture
def product(aws: Cloud) -> Product:
    return Product(aws)


@pytest.fixture
def site(aws: Cloud, api: Api, clock: ControlledClock) -> ManagedProduct:
    """With the operator's key that manages its users."""
    return ManagedProduct(aws, api, clock)
