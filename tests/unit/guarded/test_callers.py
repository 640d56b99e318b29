"""Whose address each outgoing call has: one that somebody chose is called by the guarded client alone."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[3]
LAYER = ROOT / "layers" / "cairn" / "python"
NETWORK = frozenset(
    {"aiohttp", "asyncio.open_connection", "botocore.httpsession", "ftplib", "h11", "http.client", "httpcore", "httpx"}
    | {"requests", "smtplib", "socket", "telnetlib", "urllib.request", "urllib3", "websockets", "xmlrpc.client"}
)

THE_GUARD = {"cairn.guarded", "cairn.guarded.names"}
OPERATORS_ADDRESSES = {
    "cairn.http": "makes the client of the modules below",
    "cairn.upstream": "platforms: `…_API_URL` of the environment",
    "cairn.channels.platforms": "platforms: `…_API_URL` of the environment",
    "cairn.channels.platforms.instagram": "reads the answers of cairn.upstream",
    "cairn.channels.platforms.youtube": "reads the answers of cairn.upstream",
    "cairn.creators.connecting": "hands the client to CREATOR_API_URL and CREATOR_AUTH_URL",
    "cairn.telegram.bot": "Telegram: TELEGRAM_API_URL",
    "cairn.identity.cognito": "Cognito's keys: USER_POOL_JWKS_URL, which the template sets",
    "cairn.aws.websocket_api": "sockets: CONNECTIONS_URL, which the template sets",
    "functions.api.dependencies": "hands the client to platforms and Cognito",
    "functions.fetch_stats.handler": "hands the client to platforms",
    "functions.sync_transactions.handler": "hands the client to creators' platforms",
    "functions.notify.handler": "hands the client to Telegram",
}
"""Modules that can call by HTTP or a socket, and whose address they call: never one of a request or a stored item."""


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
        elif isinstance(node, ast.Attribute) and node.attr == "open_connection":
            yield "asyncio.open_connection"


def _callers() -> set[str]:
    found = set()
    for base, folder in ((LAYER, LAYER / "cairn"), (ROOT, ROOT / "functions")):
        for path in folder.rglob("*.py"):
            if any(name == one or name.startswith(f"{one}.") for name in _imports(path) for one in NETWORK):
                found.add(".".join(path.relative_to(base).with_suffix("").parts).removesuffix(".__init__"))
    return found


def test_whoever_can_call_an_address_is_known_and_calls_the_operators_alone() -> None:
    """A module that is missing here has to say whose address it calls. If somebody chose it: GuardedClient."""
    assert _callers() == THE_GUARD | OPERATORS_ADDRESSES.keys()


def test_no_client_follows_a_redirect() -> None:
    """A redirect would lead from the operator's address to one that somebody else chose."""
    sources = [path.read_text() for path in (*(LAYER / "cairn").rglob("*.py"), *(ROOT / "functions").rglob("*.py"))]
    assert not any("follow_redirects" in source for source in sources)
