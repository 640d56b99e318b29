"""What a post to a socket costs the processor: Cairn's way beside those it was chosen from."""

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
from functions.broadcast.fanout import AT_ONCE, Fanout, Post

POSTS = 2000
ROUNDS = 3
THREADS = 32
BUDGET = 3
"""Times boto3's: about what aiohttp manages, which imports too slowly."""
IDS = tuple(f"L0SM9cOFvHcCIh{number:04d}=" for number in range(POSTS))
SIGNER = SigV4Auth(
    Credentials("AKIDEXAMPLE", "secret", "a token as long as Lambda's are " * 20), "execute-api", "us-east-1"
)


@dataclass(frozen=True, slots=True)
class Gateway:
    """The stage, and what is posted there."""

    url: str
    text: str

    def path(self, connection_id: str) -> str:
        return quote(f"{urlsplit(self.url).path}/@connections/{connection_id}", safe="/-_.~")

    def headers(self, path: str) -> dict[str, str]:
        request = AWSRequest("POST", f"http://{urlsplit(self.url).netloc}{path}", data=self.text.encode())
        SIGNER.add_auth(request)
        return dict(request.headers)


def cairn(to: Gateway) -> None:
    """asyncio's streams, by the function's own fan-out."""

    async def post() -> None:
        poster = connect(to.url)
        outcome = await Fanout(poster).post_all({one: [Post(0, to.text)] for one in IDS}, 60)
        await poster.close()
        if outcome.posted[0] != POSTS:
            raise RuntimeError(f"only {outcome.posted[0]} of {POSTS} posts were taken")

    asyncio.run(post())


def by_aiohttp(to: Gateway) -> None:
    """As lean as it can be had."""

    async def post() -> None:
        bare = ("Accept", "Accept-Encoding", "User-Agent", "Content-Type")
        async with aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=AT_ONCE),
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=bare,
            auto_decompress=False,
        ) as session:
            ids, host = iter(IDS), to.url.removesuffix("/live")

            async def work() -> None:
                for one in ids:
                    path = to.path(one)
                    address = URL(host + path, encoded=True)
                    async with session.post(address, data=to.text.encode(), headers=to.headers(path)) as answer:
                        answer.raise_for_status()

            await asyncio.gather(*(work() for _ in range(AT_ONCE)))

    asyncio.run(post())


def by_urllib3(to: Gateway) -> None:
    """One pool, many threads."""
    parts = urlsplit(to.url)
    with urllib3.HTTPConnectionPool(parts.hostname or "", parts.port, maxsize=THREADS, block=True) as pool:

        def post(one: str) -> None:
            path = to.path(one)
            pool.urlopen("POST", path, body=to.text.encode(), headers=to.headers(path), retries=False)

        _in_threads(post, IDS)


def by_boto3(to: Gateway) -> None:
    """One client, many threads."""
    client = boto3.client("apigatewaymanagementapi", endpoint_url=to.url, config=Config(max_pool_connections=THREADS))
    _in_threads(lambda one: client.post_to_connection(ConnectionId=one, Data=to.text.encode()), IDS)


def _in_threads(post: Callable[[str], object], ids: Iterable[str]) -> None:
    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(post, ids))


WAYS: dict[str, Callable[[Gateway], None]] = {
    "cairn": cairn,
    "aiohttp": by_aiohttp,
    "urllib3": by_urllib3,
    "boto3": by_boto3,
}


def measure() -> Section:
    """Medians of `ROUNDS` rounds, each of which posts by every way in turn."""
    seconds: dict[str, list[float]] = {name: [] for name in WAYS}
    data = {"title": "$50,000 Revenue Milestone", "milestone": {"salesRep": {"name": "Ada Lovelace"}}}
    text = frame("tv-display/7", "achievement:celebration", "tv-display", now(), data | {"description": "x" * 600})
    with gateway() as url:
        for _ in range(ROUNDS):
            for name, way in WAYS.items():
                began = time.process_time()
                way(Gateway(url, text))
                seconds[name].append(time.process_time() - began)
    rates = {name: POSTS / median(spent) for name, spent in seconds.items()}
    return Section(
        "Posts to sockets",
        f"{POSTS} posts of {len(text)} bytes to a server on loopback, by the poster's CPU time, without TLS, "
        "which costs all alike; all sign by botocore. Multiples of boto3's posts a CPU second, in "
        f"{THREADS} threads; medians of {ROUNDS} rounds. aiohttp would also take a cold start's imports beyond their "
        "budget.",
        (
            at_least("asyncio's streams, as `broadcast` posts", rates["cairn"] / rates["boto3"], BUDGET),
            Figure(f"aiohttp, {AT_ONCE} at once", f"{rates['aiohttp'] / rates['boto3']:.1f}"),
            Figure(f"urllib3, {THREADS} threads", f"{rates['urllib3'] / rates['boto3']:.1f}"),
            Figure("the way chosen beside aiohttp", f"{rates['cairn'] / rates['aiohttp']:.1f}"),
        ),
    )
