"""After a limit or a failure, the next sweep goes on where the last one ended, so that nobody is left out for ever."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest

from cairn.aws.dynamodb import chunks
from cairn.channels.fetch_order import FetchOrder
from cairn.messages import FetchBatch
from testing.cloud import Cloud


@pytest.fixture
def order(aws: Cloud) -> FetchOrder:
    return FetchOrder(aws.table("CHANNELS_TABLE"))


def batches(channels: int, size: int) -> list[FetchBatch]:
    ids = [f"instagram:{number:03d}" for number in range(channels)]
    return [
        FetchBatch("instagram", number * size, tuple(batch), "schedule", "t")
        for number, batch in enumerate(chunks(ids, size))
    ]


def sweep(order: FetchOrder, channels: int, size: int, quota: int) -> list[str]:
    """The channels that a sweep with this many calls gets to."""
    asked: list[str] = []
    for batch in order.arrange("instagram", batches(channels, size)):
        for channel_id in batch.channel_ids:
            if len(asked) == quota:
                order.refused_at("instagram", batch.number, batch.channel_ids, channel_id)
                return asked
            asked.append(channel_id)
    return asked


def test_without_an_early_end_the_order_is_that_of_the_ids(order: FetchOrder) -> None:
    assert order.arrange("instagram", batches(7, 3)) == batches(7, 3)


def test_a_quota_of_four_calls_reaches_eight_accounts_in_two_sweeps(order: FetchOrder) -> None:
    first, second, third = (sweep(order, 8, 50, 4) for _ in range(3))
    assert sorted(first + second) == [f"instagram:{number:03d}" for number in range(8)]
    assert third == first


@pytest.mark.parametrize("quota", [1, 2, 3, 4, 5, 7, 8, 11, 16])
@pytest.mark.parametrize(("channels", "size"), [(5, 50), (6, 3), (12, 4), (16, 4), (17, 5)])
def test_every_channel_is_asked_in_turn_whatever_the_quota(
    order: FetchOrder, channels: int, size: int, quota: int
) -> None:
    sweeps = 6 * -(-channels // quota)
    asked = Counter(one for _ in range(sweeps) for one in sweep(order, channels, size, quota))
    assert len(asked) == channels
    assert min(asked.values()) >= 2


def test_a_channel_that_is_always_refused_holds_up_nobody(order: FetchOrder) -> None:
    asked = Counter[str]()
    for _ in range(8):
        for batch in order.arrange("instagram", batches(6, 3)):
            refused = next((one for one in batch.channel_ids if one == "instagram:001"), None)
            position = batch.channel_ids.index(refused) if refused else len(batch.channel_ids)
            asked.update(batch.channel_ids[:position])
            if refused:
                order.refused_at("instagram", batch.number, batch.channel_ids, refused)
                break
    assert len(asked) == 5
    assert min(asked.values()) >= 3


def test_a_batch_that_was_stopped_begins_with_the_channels_that_were_not_asked(order: FetchOrder) -> None:
    order.begin_with("instagram", 3, "instagram:005")
    arranged = [[one[-1] for one in batch.channel_ids] for batch in order.arrange("instagram", batches(7, 3))]
    assert arranged == [["0", "1", "2"], ["5", "3", "4"], ["6"]]
    assert order.arrange("telegram", batches(7, 3)) == batches(7, 3)


def test_a_start_whose_channel_is_gone_is_the_next_one_there_is(order: FetchOrder) -> None:
    order.begin_with("instagram", 0, "instagram:0015")
    order.begin_with("instagram", 3, "instagram:999")
    arranged = [[one[-1] for one in batch.channel_ids] for batch in order.arrange("instagram", batches(5, 3))]
    assert arranged == [["2", "0", "1"], ["3", "4"]]


def test_a_start_expires(order: FetchOrder, aws: Cloud) -> None:
    order.begin_with("instagram", 0, "instagram:001")
    (item,) = aws.table("CHANNELS_TABLE").scan()["Items"]
    assert int(item["expires_at"]) > timedelta(hours=1).total_seconds()
