"""Which addresses Cairn calls, by what they say: no name is resolved here, and no connection is made."""

from __future__ import annotations

import pytest

from cairn.errors import InvalidTargetError
from cairn.guarded.targets import Target, allowed_targets, parse

FORMS_OF_THIS_HOST = {
    "decimal": "https://2130706433/",
    "hex": "https://0x7f000001/",
    "hex in parts": "https://0x7f.0x0.0x0.0x1/",
    "octal": "https://0177.0.0.1/",
    "octal with more zeros": "https://0000177.0.0.1/",
    "one number in octal": "https://017700000001/",
    "two parts": "https://127.1/",
    "three parts": "https://127.0.1/",
    "zero": "https://0/",
    "an overflow": "https://4294967297/",
    "five parts": "https://127.0.0.0.1/",
    "circled digits": "https://①②⑦.⓪.⓪.①/",
    "full-width digits": "https://１２７.０.０.１/",
    "full-width dots": "https://127。0。0。1/",
    "Arabic digits": "https://١٢٧.0.0.1/",
    "a trailing dot": "https://127.0.0.1./",
    "dotted decimal": "https://127.0.0.1/",
    "IPv6": "https://[::1]/",
    "IPv6 in full": "https://[0:0:0:0:0:0:0:1]/",
    "IPv6, unspecified": "https://[::]/",
    "IPv4-mapped": "https://[::ffff:127.0.0.1]/",
    "IPv4-mapped in hex": "https://[::ffff:7f00:1]/",
    "IPv4-compatible": "https://[::127.0.0.1]/",
    "IPv4-translated": "https://[::ffff:0:127.0.0.1]/",
    "NAT64": "https://[64:ff9b::127.0.0.1]/",
    "local NAT64": "https://[64:ff9b:1::7f00:1]/",
    "6to4": "https://[2002:7f00:1::]/",
    "Teredo": "https://[2001:0:4136:e378:8000:63bf:80ff:fffe]/",
    "a zone": "https://[fe80::1%25eth0]/",
    "an unescaped zone": "https://[fe80::1%eth0]/",
    "percent-encoding": "https://%31%32%37.0.0.1/",
    "a future form": "https://[v1.7f000001]/",
    "IPv6 without brackets": "https://::1/",
    "localhost": "https://localhost/",
    "localhost with a dot": "https://localhost./",
}

NOT_AN_ADDRESS = {
    "nothing": "",
    "no scheme": "hooks.example/x",
    "no host": "https:///x",
    "http": "http://hooks.example/",
    "file": "file:///etc/passwd",
    "gopher": "gopher://hooks.example:70/_x",
    "ftp": "ftp://hooks.example/",
    "JavaScript": "javascript:alert(1)",
    "another letter than s": "httpſ://hooks.example/",
    "one slash": "https:/hooks.example/",
    "a backslash": "https:\\\\hooks.example/",
    "a backslash in the host": "https://hooks.example\\@127.0.0.1/",
    "a user": "https://user@hooks.example/",
    "a user and a password": "https://user:word@hooks.example/",
    "a host that looks like a user": "https://hooks.example@127.0.0.1/",
    "an empty user": "https://@hooks.example/",
    "a fragment": "https://hooks.example/#x",
    "a fragment before a user": "https://127.0.0.1#@hooks.example/",
    "a line break": "https://hooks.example/\r\nHost: other",
    "a line break in the host": "https://hooks.example\n.evil.example/",
    "a tab": "https://hooks.\texample/",
    "a space": "https://hooks.example/ x",
    "a leading space": " https://hooks.example/",
    "a zero byte": "https://hooks.example/\0",
    "an invisible character": "https://hooks\u200b.example/",
    "a soft hyphen": "https://lo\u00adcalhost/",
    "an empty port": "https://hooks.example:/",
    "port zero": "https://hooks.example:0/",
    "a port too high": "https://hooks.example:65536/",
    "a port with a sign": "https://hooks.example:+443/",
    "a port in Arabic digits": "https://hooks.example:٤٤٣/",
    "a port of mail": "https://hooks.example:25/",
    "a port of plain http": "https://hooks.example:80/",
    "two ports": "https://hooks.example:443:443/",
    "an empty label": "https://hooks..example/",
    "a leading dot": "https://.hooks.example/",
    "a trailing dot": "https://hooks.example./",
    "a single label": "https://intranet/",
    "a hyphen at the end": "https://hooks-.example/",
    "a label too long": f"https://{'a' * 64}.example/",
    "a name too long": f"https://{'a.' * 127}example/",
    "an unfinished bracket": "https://[::1/",
    "a name in brackets": "https://[hooks.example]/",
    "half a surrogate": "https://hooks.example/\ud800",
    "an address too long": f"https://hooks.example/{'a' * 2048}",
}


@pytest.mark.parametrize("url", FORMS_OF_THIS_HOST.values(), ids=FORMS_OF_THIS_HOST.keys())
def test_no_form_of_this_hosts_own_address_is_called(url: str) -> None:
    with pytest.raises(InvalidTargetError):
        parse(url)


@pytest.mark.parametrize("url", NOT_AN_ADDRESS.values(), ids=NOT_AN_ADDRESS.keys())
def test_an_address_that_two_parsers_could_understand_differently_is_refused(url: str) -> None:
    with pytest.raises(InvalidTargetError):
        parse(url)


@pytest.mark.parametrize("url", [*FORMS_OF_THIS_HOST.values(), *NOT_AN_ADDRESS.values()])
def test_a_reason_is_a_sentence_that_does_not_repeat_the_address(url: str) -> None:
    with pytest.raises(InvalidTargetError) as refused:
        parse(url)
    assert refused.value.status == 400
    assert len(refused.value.message) > 20
    assert "hooks.example/" not in refused.value.message
    assert "127" not in refused.value.message


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("https://hooks.example.com", ("hooks.example.com", 443, "/", "hooks.example.com")),
        ("HTTPS://Hooks.Example.COM/A?b=C", ("hooks.example.com", 443, "/A?b=C", "hooks.example.com")),
        ("https://hooks.example.com?x=1", ("hooks.example.com", 443, "/?x=1", "hooks.example.com")),
        ("https://hooks.example.com:443/", ("hooks.example.com", 443, "/", "hooks.example.com")),
        ("https://hooks.example.com:8443/", ("hooks.example.com", 8443, "/", "hooks.example.com:8443")),
        ("https://8.8.8.8/x", ("8.8.8.8", 443, "/x", "8.8.8.8")),
        (
            "https://[2606:4700:4700:0::1111]:8443/x",
            ("2606:4700:4700::1111", 8443, "/x", "[2606:4700:4700::1111]:8443"),
        ),
        (
            "https://bücher.example/ä?ö=%20|",
            ("xn--bcher-kva.example", 443, "/%C3%A4?%C3%B6=%20%7C", "xn--bcher-kva.example"),
        ),
        ("https://xn--bcher-kva.example/", ("xn--bcher-kva.example", 443, "/", "xn--bcher-kva.example")),
        ("https://a_b.example/..%2f/../x", ("a_b.example", 443, "/..%2f/../x", "a_b.example")),
        ("https://1and1.example.123com/", ("1and1.example.123com", 443, "/", "1and1.example.123com")),
    ],
)
def test_an_address_has_one_meaning(url: str, target: tuple[str, int, str, str]) -> None:
    host, port, path, authority = target
    assert parse(url) == Target("https", host, port, path, named=False)
    assert parse(url).authority == authority


ALLOWED = allowed_targets("127.0.0.1:8080, localhost:9000,[::1]:8080,Receiver.test:443")


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8080/x",
        "https://127.0.0.1:8080/",
        "http://LOCALHOST:9000/",
        "http://[0::1]:8080/",
        "https://receiver.test/",
    ],
)
def test_a_named_target_may_be_private_and_plain_http(url: str) -> None:
    assert parse(url, ALLOWED).named


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8081/",
        "http://127.0.0.1/",
        "http://127.0.0.2:8080/",
        "http://localhost:8080/",
        "http://2130706433:8080/",
        "http://user@127.0.0.1:8080/",
        "http://127.0.0.1:8080@169.254.169.254/",
        "http://receiver.test:80/",
    ],
)
def test_a_named_target_opens_nothing_beside_itself(url: str) -> None:
    with pytest.raises(InvalidTargetError):
        parse(url, ALLOWED)


def test_not_even_a_named_target_may_be_the_metadata_of_aws() -> None:
    with pytest.raises(InvalidTargetError):
        parse("http://169.254.169.254:80/latest/meta-data", allowed_targets("169.254.169.254:80"))


def test_nothing_is_allowed_unless_it_is_named() -> None:
    assert allowed_targets("") == allowed_targets(" , ") == frozenset()


@pytest.mark.parametrize(
    "text", ["127.0.0.1", "*", "127.0.0.1:", "http://127.0.0.1:80", "127.0.0.0/8:80", "127.0.0.1:80:80"]
)
def test_an_allowed_target_that_is_not_a_host_and_a_port_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="host:port"):
        allowed_targets(text)
