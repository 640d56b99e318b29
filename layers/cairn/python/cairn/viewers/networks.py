"""Where viewers come from: tags that tell viewers of one network from others, and how many of a network count."""

from __future__ import annotations

import base64
import hmac
from collections import Counter
from collections.abc import Mapping

from cairn.cdn import networks

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUV"  # of b32hexencode, which keeps the order
_DIGITS = 6
_PARTS = (_DIGITS, 2, 2)
"""How many characters of a tag are for the widest network, and for each narrower one in it."""
_STARTS = (0, _DIGITS, _DIGITS + 2)
_WIDER = (1, 4, 16)
"""How many times the viewers of a /64 may be those of a /56 and of a /48."""


def network_tag(address: str, channel: str, key: str) -> str:
    """What a channel remembers of a viewer's address: 10 characters that say who is in the same network.

    Without the key nobody can tell the address, and the tags of two channels have nothing in common. The first 6
    characters are the same in a /48, the first 8 in a /56, and all in a /64 or for an IPv4 address.
    """
    widest_first = networks(address)[::-1]
    digests = [_digest(f"{channel} {network}", key) for network in widest_first]
    digests += digests[-1:] * (len(_PARTS) - len(digests))
    parts = zip(digests, _STARTS, _PARTS, strict=True)
    return "".join(digest[start : start + size] for digest, start, size in parts)


def tag_at(share: float) -> str:
    """Where a share of all tags, from 0 to 1, ends: up to there are as many of them, in their order as text."""
    digits = min(int(share * 32**_DIGITS), 32**_DIGITS - 1)
    ending = "~" if share >= 1 else ""
    return "".join(_ALPHABET[digits // 32**place % 32] for place in reversed(range(_DIGITS))) + ending


def at_most(tags: Mapping[str, int], most: int) -> Counter[str]:
    """How many viewers count, by their widest networks: `most` of an address, and a few times that of a wider network.

    `tags` says how many viewers have each tag.
    """
    counts: Mapping[str, int] = tags
    for part, times in enumerate(_WIDER):
        length = sum(_PARTS[: len(_PARTS) - 1 - part])
        wider: Counter[str] = Counter()
        for tag, viewers in counts.items():
            # The last round keeps the widest networks apart.
            wider[tag[:length] if length else tag] += min(viewers, times * most)
        counts = wider
    return Counter(counts)


def _digest(text: str, key: str) -> str:
    return base64.b32hexencode(hmac.digest(key.encode(), text.encode(), "sha256")).decode()
