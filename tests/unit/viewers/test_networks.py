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
    assert (tag_at(0), tag_at(0.5)) == ("000000", "G00000")
    assert tag_at(1) >= "V" * 10


@pytest.mark.parametrize(("most", "expected"), [(1, 3), (3, 7), (100, 14)])
def test_each_address_counts_for_a_few_viewers_at_most(most: int, expected: int) -> None:
    tags = Counter({network_tag("192.0.2.1", "c", ""): 10, network_tag("192.0.2.2", "c", ""): 3})
    assert at_most(tags + Counter({network_tag("192.0.2.3", "c", ""): 1}), most).total() == expected


def counted(addresses: list[str], most: int) -> int:
    return at_most(Counter(network_tag(address, "c", "key") for address in addresses), most).total()


def test_the_networks_of_a_wider_one_count_for_four_and_sixteen_times_as_many() -> None:
    of_one_address = ["2001:db8:0:1::1"] * 100
    of_a_56 = [f"2001:db8:0:1{number:02x}::1" for number in range(100)]
    of_a_48 = [f"2001:db8:0:{number:x}::1" for number in range(0, 65_536, 128)]
    of_another_48 = [f"2001:db8:1:{number:x}::1" for number in range(0, 65_536, 128)]
    assert [counted(addresses, 3) for addresses in (of_one_address, of_a_56, of_a_48)] == [3, 12, 48]
    assert counted(of_a_48 + of_another_48, 3) == 96
    assert counted(of_a_56[:5] + of_a_48[:20], 3) == 5 + 20


def test_a_few_viewers_of_each_network_all_count() -> None:
    addresses = [f"192.0.2.{number}" for number in range(50)] * 2
    assert counted(addresses, 3) == 100
    assert counted(addresses, 1) == 50
