"""A client without a network: a resolver that says what a test wants, connections that only record their address."""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence

import pytest

from cairn.guarded import DeliveryError, GuardedClient

PUBLIC = "93.184.215.14"
PUBLIC_IPV6 = "2606:2800:21f:cb07:6820:80da:af6b:8b2c"


class Names:
    """Answers each look-up of a name with the next of its answers, the last one from then on."""

    def __init__(self, answers: Mapping[str, Sequence[Sequence[str] | Exception]]) -> None:
        self._answers = {name: list(given) for name, given in answers.items()}
        self.asked: list[str] = []

    def __call__(self, host: str) -> Sequence[str]:
        self.asked.append(host)
        left = self._answers[host]
        answer = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


class Connections:
    """Refuses every connection, and knows to where it would have led."""

    def __init__(self, failures: Mapping[str, OSError] | None = None) -> None:
        self.tried: list[tuple[str, int]] = []
        self._failures = failures or {}

    def __call__(self, address: str, port: int, seconds: float) -> socket.socket:
        self.tried.append((address, port))
        raise self._failures.get(address, ConnectionRefusedError(111, "refused"))


def failure(client: GuardedClient, url: str, headers: Mapping[str, str] | None = None) -> DeliveryError:
    with pytest.raises(DeliveryError) as failed:
        client.post(url, headers=headers or {}, body=b"{}")
    return failed.value
