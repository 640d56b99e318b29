"""The CPU time of a post to a socket: Cairn's client compared with the alternatives."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from statistics import median
from urllib.parse import quote, urlsplit

import aiohttp
import boto3
import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from yarl import URL

from bench.figures import Figure, Section, at_least
from bench.gateway import gateway
from cairn.aws.websocket_api import connect
from cairn.clock import now
from cairn.realtime.frames import frame
from functions.broadcast.fanout import MAX_CONCURRENT_POSTS, Fanout, Post

POSTS = 2000
ROUNDS = 3
THREADS = 32
BUDGET = 3
"""A multiple of boto3's rate: about that of aiohttp, whose import is too slow."""
IDS = tuple(f"L0SM9cOFvHcCIh{number:04d}=" for number in range(POSTS))
SIGNER = SigV4Auth(
    Credentials("AKIDEXAMPLE", "secret", "a token as long as Lambda's are " * 20), "execute-api", "us-east-1"
)


@dataclass(frozen=True, slots=True)
class Gateway:
    """The stage, and the text that is posted there."""

    url: str
    text: str

    def path(self, connection_id: str) -> str:
        return quote(f"{urlsplit(self.url).path}/@connections/{connection_id}", safe="/-_.~")

    def headers(self, path: str) -> dict[str, str]:
        request = AWSRequest("POST", f"http://{urlsplit(self.url).netloc}{path}", data=self.text.encode())
        SIGNER.add_auth(request)
        return dict(request.headers)


def cairn(to: Gateway) -> None:
    """asyncio's streams, through the function's own fan-out."""

    async def post() -> None:
        poster = connect(to.url)
        outcome = await Fanout(poster).post_all({connection_id: [Post(0, to.text)] for connection_id in IDS}, 60)
        await poster.close()
        if outcome.posted[0] != POSTS:
            raise RuntimeError(f"only {outcome.posted[0]} of {POSTS} posts were accepted")

    asyncio.run(post())


def by_aiohttp(to: Gateway) -> None:
    """aiohttp with everything optional turned off."""

    async def post() -> None:
        skipped = ("Accept", "Accept-Encoding", "User-Agent", "Content-Type")
        async with aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=MAX_CONCURRENT_POSTS),
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=skipped,
            auto_decompress=False,
        ) as session:
            ids, host = iter(IDS), to.url.removesuffix("/live")

            async def work() -> None:
                for connection_id in ids:
                    path = to.path(connection_id)
                    address = URL(host + path, encoded=True)
                    async with session.post(address, data=to.text.encode(), headers=to.headers(path)) as response:
                        response.raise_for_status()

            await asyncio.gather(*(work() for _ in range(MAX_CONCURRENT_POSTS)))

    asyncio.run(post())


def by_urllib3(to: Gateway) -> None:
    """One urllib3 pool, many threads."""
    parts = urlsplit(to.url)
    with urllib3.HTTPConnectionPool(parts.hostname or "", parts.port, maxsize=THREADS, block=True) as pool:

        def post(connection_id: str) -> None:
            path = to.path(connection_id)
            pool.urlopen("POST", path, body=to.text.encode(), headers=to.headers(path), retries=False)

        _in_threads(post, IDS)


def by_boto3(to: Gateway) -> None:
    """One boto3 client, many threads."""
    client = boto3.client("apigatewaymanagementapi", endpoint_url=to.url, config=Config(max_pool_connections=THREADS))
    _in_threads(lambda connection_id: client.post_to_connection(ConnectionId=connection_id, Data=to.text.encode()), IDS)


def _in_threads(post: Callable[[str], object], ids: Iterable[str]) -> None:
    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(post, ids))


CLIENTS: dict[str, Callable[[Gateway], None]] = {
    "cairn": cairn,
    "aiohttp": by_aiohttp,
    "urllib3": by_urllib3,
    "boto3": by_boto3,
}


def measure() -> Section:
    """Medians of `ROUNDS` rounds; each posts with every client in turn."""
    seconds: dict[str, list[float]] = {name: [] for name in CLIENTS}
    data = {"title": "$50,000 Revenue Milestone", "milestone": {"salesRep": {"name": "Ada Lovelace"}}}
    text = frame("tv-display/7", "achievement:celebration", "tv-display", now(), data | {"description": "x" * 600})
    with gateway() as url:
        for _ in range(ROUNDS):
            for name, client in CLIENTS.items():
                start = time.process_time()
                client(Gateway(url, text))
                seconds[name].append(time.process_time() - start)
    rates = {name: POSTS / median(times) for name, times in seconds.items()}
    return Section(
        "Posts to sockets",
        f"{POSTS} posts of {len(text)} bytes to a server on loopback, measured by the sender's CPU time, without TLS, "
        "which costs all clients the same. All sign with botocore. The figures are multiples of boto3's posts per CPU "
        f"second, with {THREADS} threads; medians of {ROUNDS} rounds. *Imports* has what aiohttp would add to "
        "a cold start of `broadcast`, which is more than its budget.",
        (
            at_least("asyncio's streams, as `broadcast` posts", rates["cairn"] / rates["boto3"], BUDGET),
            Figure(f"aiohttp, {MAX_CONCURRENT_POSTS} concurrent posts", f"{rates['aiohttp'] / rates['boto3']:.1f}"),
            Figure(f"urllib3, {THREADS} threads", f"{rates['urllib3'] / rates['boto3']:.1f}"),
            Figure("the chosen client compared with aiohttp", f"{rates['cairn'] / rates['aiohttp']:.1f}"),
        ),
    )
