"""The addresses of a host's name: resolved once for each call, in bounded time, and every one of them checked."""

from __future__ import annotations

import queue
import socket
import threading
from collections.abc import Callable, Sequence

from cairn.guarded.addresses import why_forbidden
from cairn.guarded.calls import Call
from cairn.guarded.targets import Target

Resolver = Callable[[str], Sequence[str]]
"""All addresses of a host's name, IPv4 and IPv6; socket.gaierror if it has none, or nobody can say."""


def resolve(host: str) -> list[str]:
    """The system's resolver."""
    return [str(found[4][0]) for found in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]


def addresses(target: Target, resolver: Resolver, seconds: float, call: Call) -> list[str]:
    """The addresses that may be connected to. DeliveryError if there are none, or a single one is not public."""
    if target.is_number:
        return [target.host]  # it was checked when it was parsed
    try:
        found = list(dict.fromkeys(_bounded(resolver, target.host, call.left(call.until(seconds)))))
    except TimeoutError:
        raise call.failed("DNS", "the host's name was not resolved in time") from None
    except Exception as error:  # noqa: BLE001 - whatever the resolver raises, there is no address to call
        if isinstance(error, socket.gaierror) and error.errno == socket.EAI_NONAME:
            raise call.failed("INVALID_TARGET", "the host's name does not exist") from None
        raise call.failed("DNS", "the host's name could not be resolved; try again later") from None
    if not found:
        raise call.failed("DNS", "the host's name has no address; try again later")
    for address in found:
        if what := why_forbidden(address, named=target.named):
            raise call.failed("INVALID_TARGET", f"the host's name must lead to public addresses, and not to {what}")
    return found


def _bounded(resolver: Resolver, host: str, seconds: float) -> Sequence[str]:
    """The resolver's answer or error; TimeoutError after some seconds.

    `getaddrinfo` cannot be interrupted: the thread that waits for it ends when the resolver itself gives up.
    """
    results: queue.SimpleQueue[Sequence[str] | Exception] = queue.SimpleQueue()

    def run() -> None:
        try:
            results.put(resolver(host))
        except Exception as error:  # noqa: BLE001 - it is raised where the answer is waited for
            results.put(error)

    threading.Thread(target=run, daemon=True).start()
    try:
        result = results.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError from None
    if isinstance(result, Exception):
        raise result
    return result
