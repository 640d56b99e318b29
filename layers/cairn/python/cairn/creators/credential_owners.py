"""Which creators and agencies have credentials of their own. What the credentials are, `credentials.py` alone reads."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from cairn.aws.dynamodb import get_many
from cairn.creators import keys

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table


def with_credentials(table: Table, owners: Iterable[str]) -> frozenset[str]:
    """Those of these owners who have credentials; `table` is the creators table."""
    wanted = [{"pk": keys.credentials(owner), "sk": keys.TOKEN} for owner in dict.fromkeys(owners)]
    return frozenset(str(item["pk"]).removeprefix(keys.credentials("")) for item in get_many(table, wanted))
