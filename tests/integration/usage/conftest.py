"""A product that sends what its users do."""

from __future__ import annotations

import pytest

from testing.cloud import Cloud
from testing.product import Product


@pytest.fixture
def product(aws: Cloud) -> Product:
    return Product(aws)
