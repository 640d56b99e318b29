"""Tags tell viewers of one network from others, and tell nobody an address."""

from __future__ import annotations

from collections import Counter

import pytest

from cairn.cdn import networks
from cairn.viewers.networks import at_most, network_tag, tag_at


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("192.0.2.1", ("192.0.2.1",)),
        ("::ffff:192.0.2.1", ("192.0.2.1",)),
        ("2001:db8:1:2::9", ("2001:db8:1:2::/64", "2001:db8:1::/56", "2001:db8:1::/48")),
        ("somewhere", ("somewhere",)),
    ],
)
def test_the_networks_of_an_address(address: str, expected: tuple[str, ...]) -> None:
    assert networks(address) == expected


def test_who_is_in_the_same_network_has_the_same_beginning() -> None:
    first, *others = (
        network_tag(address, "demo", "key")
        for address in ("2001:db8:1:2::1", "2001:db8:1:2::2", "2001:db8:1:3::1", "2001:db8:1:ff00::1", "2001:db8:2::1")
    )
    assert [first == other for other in others] == [True, False, False, False]
    assert [first[:8] == other[:8] for other in others] == [True, True, False, False]
    assert [first[:6] == other[:6] for other in others] == [True, True, True, False]


def test_tags_of_two_channels_or_two_keys_have_nothing_in_common() -> None:
    tags = {network_tag("192.0.2.1", channel, key) for channel in ("a", "b") for key in ("x", "y")}
    assert len({tag[:6] for tag in tags}) == 4
    assert {len(tag) for tag in tags} == {10}


def test_a_share_of_all_tags_ends_where_its_name_says() -> None:
    tags = [network_tag(f"10.{number // 256}.{number % 256}.1", "demo", "key") for number in range(4000)]
    below = sum(tag < tag_at(0.25) for tag in tags)
    assert 900 < below < 1100
    assert all(tag_at(0) <= tag <= tag_at(1) for tag in tags)


@pytest.mark.parametrize(("most", "expected"), [(1, 3), (3, 7), (100, 14)])
def test_each_address_counts_for_a_few_viewers_at_most(most: int, expected: int) -> None:
    tags = Counter({network_tag("192.0.2.1", "c", ""): 10, network_tag("192.0.2.2", "c", ""): 3})
    assert at_most(tags + Counter({network_tag("192.0.2.3", "c", ""): 1}), most).total() == expected
