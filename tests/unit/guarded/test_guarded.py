"""A call reaches a checked address of the name, or nothing: resolved once, all answers checked, fail closed."""

from __future__ import annotations

import logging
import socket
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cairn.errors import InvalidTargetError
from cairn.guarded import GuardedClient, allowed_targets
from cairn.guarded.addresses import why_forbidden
from tests.unit.guarded.test_targets import FORMS_OF_THIS_HOST
from tests.unit.guarded.world import PUBLIC, PUBLIC_IPV6, Connections, Names, failure

URL = "https://hooks.example.com/secret-path?token=abc"
HOST = "hooks.example.com"


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.0.0.5",
        "169.254.169.254",
        "169.254.170.2",
        "100.64.0.1",
        "0.0.0.0",  # noqa: S104 - an address that must not be called
        "::1",
        "::ffff:10.0.0.5",
        "::ffff:a9fe:a9fe",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "2002:a9fe:a9fe::",
        "2001:0:7f00:1::",
        "fd00:ec2::254",
        "fe80::1%eth0",
    ],
)
def test_a_name_that_leads_to_a_forbidden_address_is_not_called(address: str) -> None:
    connections = Connections()
    client = GuardedClient(resolver=Names({HOST: [[address]]}), connect=connections)
    assert failure(client, URL).kind == "INVALID_TARGET"
    with pytest.raises(InvalidTargetError, match="public"):
        client.check(URL)
    assert connections.tried == []


@pytest.mark.parametrize("answers", [[PUBLIC, "10.0.0.1"], ["::1", PUBLIC], [PUBLIC_IPV6, PUBLIC, "fd00:ec2::254"]])
def test_one_forbidden_address_among_a_names_answers_is_enough(answers: list[str]) -> None:
    connections = Connections()
    client = GuardedClient(resolver=Names({HOST: [answers]}), connect=connections)
    assert failure(client, URL).kind == "INVALID_TARGET"
    assert connections.tried == []


def test_a_name_is_resolved_once_and_a_checked_address_is_connected_to() -> None:
    names, connections = Names({HOST: [[PUBLIC], ["127.0.0.1"]]}), Connections()
    assert failure(GuardedClient(resolver=names, connect=connections), URL).kind == "CONNECTION"
    assert names.asked == [HOST]
    assert connections.tried == [(PUBLIC, 443)]


def test_a_name_whose_second_answer_is_forbidden_is_not_called_a_second_time() -> None:
    connections = Connections()
    client = GuardedClient(resolver=Names({HOST: [[PUBLIC], ["127.0.0.1"]]}), connect=connections)
    failure(client, URL)
    assert failure(client, URL).kind == "INVALID_TARGET"
    assert connections.tried == [(PUBLIC, 443)]


def test_a_name_that_was_public_when_the_endpoint_was_made_is_checked_again_at_the_call() -> None:
    connections = Connections()
    client = GuardedClient(resolver=Names({HOST: [[PUBLIC], ["169.254.169.254"]]}), connect=connections)
    client.check(URL)
    assert failure(client, URL).kind == "INVALID_TARGET"
    assert connections.tried == []


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "INVALID_TARGET"),
        (socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"), "DNS"),
        (socket.gaierror(socket.EAI_FAIL, "Non-recoverable failure"), "DNS"),
        (socket.gaierror(socket.EAI_NODATA, "No address associated with hostname"), "DNS"),
        (OSError("no file descriptors"), "DNS"),
        (UnicodeError("label empty or too long"), "DNS"),
        (RuntimeError("a resolver's own error"), "DNS"),
    ],
)
def test_an_error_of_the_lookup_never_lets_a_call_through(error: Exception, kind: str) -> None:
    connections = Connections()
    client = GuardedClient(resolver=Names({HOST: [error]}), connect=connections)
    assert failure(client, URL).kind == kind
    with pytest.raises(InvalidTargetError):
        client.check(URL)
    assert connections.tried == []


def test_a_name_without_an_address_is_not_called() -> None:
    connections = Connections()
    assert failure(GuardedClient(resolver=Names({HOST: [[]]}), connect=connections), URL).kind == "DNS"
    assert connections.tried == []


def test_a_lookup_that_never_ends_does_not_hold_the_call() -> None:
    forever = threading.Event()

    def resolver(host: str) -> list[str]:
        forever.wait()
        return [PUBLIC]

    connections = Connections()
    failed = failure(GuardedClient(resolver=resolver, connect=connections, dns_seconds=0.05), URL)
    forever.set()
    assert failed.kind == "DNS"
    assert failed.milliseconds >= 50
    assert connections.tried == []


@pytest.mark.parametrize("url", FORMS_OF_THIS_HOST.values(), ids=FORMS_OF_THIS_HOST.keys())
def test_no_form_of_this_hosts_own_address_is_connected_to(url: str) -> None:
    connections = Connections()
    assert failure(GuardedClient(resolver=numbers, connect=connections), url).kind == "INVALID_TARGET"
    assert connections.tried == []


def test_another_address_is_tried_if_the_first_one_refuses() -> None:
    connections = Connections()
    client = GuardedClient(resolver=Names({HOST: [[PUBLIC_IPV6, PUBLIC, PUBLIC]]}), connect=connections)
    assert failure(client, URL).kind == "CONNECTION"
    assert connections.tried == [(PUBLIC_IPV6, 443), (PUBLIC, 443)]


def test_a_name_with_a_hundred_addresses_is_not_tried_a_hundred_times() -> None:
    connections = Connections()
    answers = [f"93.184.215.{last}" for last in range(100)]
    failure(GuardedClient(resolver=Names({HOST: [answers]}), connect=connections), URL)
    assert len(connections.tried) == 4


@pytest.mark.parametrize(
    ("error", "kind", "reason"),
    [
        (TimeoutError(), "TIMEOUT", "no connection in time"),
        (TimeoutError(110, "Connection timed out"), "TIMEOUT", "no connection in time"),
        (ConnectionRefusedError(111, "refused"), "CONNECTION", "connection refused"),
        (OSError(101, "unreachable"), "CONNECTION", "network is unreachable"),
        (OSError(), "CONNECTION", "the connection failed"),
    ],
)
def test_a_connection_that_fails_says_how(error: OSError, kind: str, reason: str) -> None:
    client = GuardedClient(resolver=Names({HOST: [[PUBLIC]]}), connect=Connections({PUBLIC: error}))
    failed = failure(client, URL)
    assert (failed.kind, failed.reason) == (kind, reason)


@pytest.mark.parametrize(
    "headers", [{"X-A": "b\r\nX-C: d"}, {"X\n": "b"}, {"X A": "b"}, {"X-A": "ü"}, {"X-Ä": "b"}, {"X-A": "\0"}]
)
def test_a_header_that_would_become_two_is_not_sent(headers: dict[str, str]) -> None:
    connections = Connections()
    client = GuardedClient(resolver=Names({HOST: [[PUBLIC]]}), connect=connections)
    assert failure(client, URL, headers).kind == "INVALID_TARGET"
    assert connections.tried == []


def test_neither_errors_nor_logs_contain_the_address(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for answer in ([PUBLIC], ["10.0.0.1"], [], socket.gaierror(socket.EAI_NONAME, HOST), RuntimeError(URL)):
        client = GuardedClient(resolver=Names({HOST: [answer]}), connect=Connections())
        failed = failure(client, URL)
        for text in (str(failed), repr(failed), caplog.text):
            assert "secret-path" not in text
            assert HOST not in text
        assert failed.__cause__ is None


def test_an_endpoints_address_is_checked_without_a_connection() -> None:
    connections = Connections()
    GuardedClient(resolver=Names({HOST: [[PUBLIC, PUBLIC_IPV6]]}), connect=connections).check(URL)
    assert connections.tried == []


def test_a_named_target_is_connected_to_though_it_is_private() -> None:
    connections = Connections()
    client = GuardedClient(
        allowed=allowed_targets("receiver.test:8080"),
        resolver=Names({"receiver.test": [["127.0.0.1"]], HOST: [["127.0.0.1"]]}),
        connect=connections,
    )
    failure(client, "http://receiver.test:8080/")
    assert connections.tried == [("127.0.0.1", 8080)]
    assert failure(client, URL).kind == "INVALID_TARGET"


def test_a_named_target_whose_name_leads_to_metadata_is_not_called() -> None:
    connections = Connections()
    names = Names({"receiver.test": [["169.254.169.254"]]})
    client = GuardedClient(allowed=allowed_targets("receiver.test:80"), resolver=names, connect=connections)
    assert failure(client, "http://receiver.test/").kind == "INVALID_TARGET"
    assert connections.tried == []


def numbers(host: str) -> list[str]:
    """The system's reading of numbers, which takes more forms than one expects; it looks nothing up."""
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    return [str(address[0]) for *_, address in found]


def _forms(number: int) -> st.SearchStrategy[str]:
    """Ways to write an IPv4 address as a URL's host."""
    bytes_ = [*number.to_bytes(4, "big")]
    part = st.sampled_from(["{}", "0x{:x}", "0{:o}", "{:03}"])
    dotted = st.lists(part, min_size=4, max_size=4).map(
        lambda forms: ".".join(form.format(value) for form, value in zip(forms, bytes_, strict=True))
    )
    whole = st.sampled_from([f"{number}", f"0x{number:x}", f"0{number:o}", f"{bytes_[0]}.{number & 0xFFFFFF}"])
    high, low = number >> 16, number & 0xFFFF
    prefixes = ["::", "::ffff:", "::ffff:0:", "64:ff9b::", "64:ff9b:1::", "2001::"]
    ipv6 = st.sampled_from(prefixes).map(lambda prefix: f"[{prefix}{high:x}:{low:x}]")
    return st.one_of(dotted, whole, ipv6, st.just(f"[2002:{high:x}:{low:x}::]"))


_SPECIAL = st.sampled_from([0x7F000001, 0x0A000001, 0xA9FEA9FE, 0xA9FEAA02, 0xC0A80001, 0xAC100001, 0x64400001, 0])
_ADDRESSES = st.one_of(_SPECIAL, st.integers(0, 2**32 - 1))


@given(
    host=_ADDRESSES.flatmap(_forms),
    scheme=st.sampled_from(["https://", "HTTPS://", "http://", "//", "https:/"]),
    before=st.sampled_from(["", "", "user@", "hooks.example.com@", "hooks.example.com#@", "hooks.example.com\\@"]),
    after=st.sampled_from(["", "", ".", ":443", ":8443", ":", "%00", "%2e", "@hooks.example.com", "#.example.com"]),
    digits=st.sampled_from([str, lambda text: text.translate({48 + digit: 0xFF10 + digit for digit in range(10)})]),
)
def test_no_forbidden_address_is_ever_connected_to_whatever_form_it_has(
    host: str, scheme: str, before: str, after: str, digits: type[str]
) -> None:
    connections = Connections()
    client = GuardedClient(resolver=numbers, connect=connections)
    failure(client, f"{scheme}{before}{digits(host)}{after}/")
    for address, _ in connections.tried:
        assert why_forbidden(address) is None


@given(st.lists(st.lists(st.ip_addresses().map(str), max_size=4), min_size=1, max_size=3))
def test_no_forbidden_address_is_ever_connected_to_whatever_a_name_resolves_to(answers: list[list[str]]) -> None:
    connections = Connections()
    client = GuardedClient(resolver=Names({HOST: answers}), connect=connections)
    for answer in answers:
        failure(client, URL)
        allowed = answer and not any(map(why_forbidden, answer))
        assert bool(connections.tried) == bool(allowed)
        assert {address for address, _ in connections.tried} <= ({*answer} if allowed else set())
        connections.tried.clear()


@given(st.text(max_size=80).map("https://{}".format))
def test_no_text_after_the_scheme_leads_to_a_forbidden_address(url: str) -> None:
    connections = Connections()
    failure(GuardedClient(resolver=numbers, connect=connections), url)
    assert not any(why_forbidden(address) for address, _ in connections.tried)
