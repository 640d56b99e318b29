"""Limits how often somebody may fail to sign in: by address, and by name and address together.

| pk | holds | TTL |
|---|---|---|
| `address#{digest}#{window}` | how often an address failed, or tried too early, in this quarter of an hour | 30 min |
| `pair#{digest}` | how often a name failed from an address in a row, and when it may be tried again | a day |

After five failures in a row Cognito locks a name for 1 s, then 2 s, up to 15 min, for everybody; a quarter of an hour
without a try ends that. So this limit answers before Cognito sees a try. After five failures a name waits at that
address, for 1 min, then 2 min, up to an hour. The first wait above a quarter of an hour comes after nine failures, so
from one address Cognito locks a name for 16 s at most, and the name can sign in from elsewhere as before.
https://docs.aws.amazon.com/cognito/latest/developerguide/authentication.html#authentication-flow-lockout-behavior

A try counts as failed until it is known to have succeeded: of many at the same time, no more get through.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import ClientError

from cairn.aws import dynamodb
from cairn.cdn import networks
from cairn.clock import Clock, from_millis, now, to_millis
from cairn.errors import NotSignedInError, TooManySignInsError
from cairn.identity.user_pool import Challenge

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

T = TypeVar("T")

FREE_FAILURES = 5
"""Of a name from an address, before it has to wait."""
FIRST_WAIT = timedelta(minutes=1)
LONGEST_WAIT = timedelta(hours=1)
FORGOTTEN_AFTER = timedelta(days=1)
FAILURES_OF_ADDRESS = 30
"""In one window: an office behind one address has many people, and each may mistype."""
WINDOW = timedelta(minutes=15)
_RETRIES = 5
_CONFLICT_PAUSE = timedelta(seconds=2)


class SignInLimits:
    """`table` has only these items, and only the API writes it."""

    def __init__(self, table: Table, clock: Clock = now) -> None:
        self._table = table
        self._clock = clock

    def guard(self, name: str, address: str, attempt: Callable[[], T]) -> T:
        """The attempt's result; TooManySignInsError instead of a try beyond the limits.

        NotSignedInError counts as a failure. A success ends the name's failures from this address; a challenge, which
        is half a success, and any other error leave them as they were.
        """
        network = networks(address)[0]
        pair = _key("pair", f"{name.strip().casefold()}\0{network}")
        window = self._enter_window(network)
        before, token = self._enter_pair(pair)
        try:
            result = attempt()
        except NotSignedInError:
            raise
        except BaseException:
            self._leave_window(window)
            self._give_back(pair, before, token)
            raise
        self._leave_window(window)
        if isinstance(result, Challenge):
            self._give_back(pair, before, token)
        else:
            self._table.delete_item(Key=pair)
        return result

    def _enter_window(self, network: str) -> dict[str, str]:
        """Count a failure of the address, and return its item's key."""
        present = self._clock()
        number = to_millis(present) // _millis(WINDOW)
        ends = from_millis((number + 1) * _millis(WINDOW))
        key = _key("address", network, f"#{number}")
        try:
            self._table.update_item(
                Key=key,
                UpdateExpression="ADD failures :one SET expires_at = :expires",
                ConditionExpression="attribute_not_exists(failures) OR failures < :most",
                ExpressionAttributeValues={
                    ":one": 1,
                    ":most": FAILURES_OF_ADDRESS,
                    ":expires": int((ends + WINDOW).timestamp()),
                },
            )
        except ClientError as error:
            dynamodb.rejected_item(error)
            raise TooManySignInsError(ends) from None
        return key

    def _leave_window(self, key: dict[str, str]) -> None:
        self._table.update_item(
            Key=key,
            UpdateExpression="ADD failures :minus SET expires_at = :expires",
            ExpressionAttributeValues={":minus": -1, ":expires": int((self._clock() + 2 * WINDOW).timestamp())},
        )

    def _enter_pair(self, key: dict[str, str]) -> tuple[dynamodb.Item | None, str]:
        """Count a failure of the name from the address; the item before, and what identifies this try."""
        for _ in range(_RETRIES):
            present = self._clock()
            item = dynamodb.get(self._table, key, consistent=True)
            before = item if item and item["expires_at"] > present.timestamp() else None
            if before and present < from_millis(int(before["not_before"])):
                raise TooManySignInsError(from_millis(int(before["not_before"])))
            failures = int(before["failures"]) + 1 if before else 1
            token = secrets.token_hex(8)
            counted = {
                **key,
                "failures": failures,
                "not_before": to_millis(present + _wait(failures)),
                "token": token,
                "expires_at": int((present + FORGOTTEN_AFTER).timestamp()),
            }
            if self._put(counted, item["token"] if item else None):
                return before, token
        raise TooManySignInsError(self._clock() + _CONFLICT_PAUSE)

    def _give_back(self, key: dict[str, str], before: dynamodb.Item | None, token: str) -> None:
        """Undo the count, unless another try has counted since."""
        self._put(before or {**key, "failures": 0, "not_before": 0, "token": "", "expires_at": 0}, token)

    def _put(self, item: dynamodb.Item, replaced: str | None) -> bool:
        """Replace the item of the try `replaced`; None is no item. False if it is another try's by now."""
        condition: dict[str, Any] = (
            {"ConditionExpression": "attribute_not_exists(pk)"}
            if replaced is None
            else {
                "ConditionExpression": "#token = :replaced",
                "ExpressionAttributeNames": {"#token": "token"},
                "ExpressionAttributeValues": {":replaced": replaced},
            }
        )
        try:
            self._table.put_item(Item=item, **condition)
        except ClientError as error:
            dynamodb.rejected_item(error)
            return False
        return True


def _wait(failures: int) -> timedelta:
    """How long a name waits after so many failures in a row."""
    if failures < FREE_FAILURES:
        return timedelta(0)
    doubled = min(failures - FREE_FAILURES, 10)
    return min(LONGEST_WAIT, FIRST_WAIT * (1 << doubled))


def _key(kind: str, text: str, suffix: str = "") -> dict[str, str]:
    """Names and addresses are stored as digests: a table that is read by somebody else tells neither."""
    return {"pk": f"{kind}#{hashlib.sha256(text.encode(errors='surrogatepass')).hexdigest()}{suffix}"}


def _millis(duration: timedelta) -> int:
    return duration // timedelta(milliseconds=1)
