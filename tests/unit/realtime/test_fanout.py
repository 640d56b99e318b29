"""Each socket gets its frames in order and independently; one that is closed, slow or full holds nobody back."""

from __future__ import annotations

import pytest

from cairn.aws.websocket_api import GoneError, PostError, PostRejectedError, PostTimeoutError, ThrottledError
from functions.broadcast.fanout import FEW, FULL_SECONDS, MAX_CONCURRENT_POSTS, Fanout, Post, PostingOutcome
from testing.virtual_loop import run
from testing.websocket_api import FakePoster, always, times

SECONDS = 10.0


def post_all(poster: FakePoster, queues: dict[str, list[str]]) -> tuple[PostingOutcome, float]:
    posts = {one: [Post(index, text) for index, text in enumerate(texts)] for one, texts in queues.items()}
    return run(Fanout(poster).post_all(posts, SECONDS))


def received(poster: FakePoster, connection_id: str) -> list[str]:
    return [text for one, text in poster.posts if one == connection_id]


@pytest.fixture
def poster() -> FakePoster:
    return FakePoster()


def test_everybody_gets_everything_in_order(poster: FakePoster) -> None:
    outcome, _ = post_all(poster, {f"c{number}": ["1", "2", "3"] for number in range(200)})
    assert all(received(poster, f"c{number}") == ["1", "2", "3"] for number in range(200))
    assert outcome == PostingOutcome(posted=outcome.posted)
    assert outcome.posted == {0: 200, 1: 200, 2: 200}


def test_without_sockets_nothing_is_posted(poster: FakePoster) -> None:
    assert post_all(poster, {}) == (PostingOutcome(), 0.0)


def test_no_more_posts_run_concurrently_than_api_gateway_accepts(poster: FakePoster) -> None:
    queues = {f"c{number}": ["1"] for number in range(1000)}
    poster.seconds = dict.fromkeys(queues, 0.01)
    _, seconds = post_all(poster, queues)
    assert poster.most_at_once == MAX_CONCURRENT_POSTS
    assert seconds == pytest.approx(0.16)


def test_a_slow_socket_delays_no_other_and_is_closed(poster: FakePoster) -> None:
    poster.seconds, poster.answers = {"slow": 1.5}, {"slow": always(PostTimeoutError("1.5 s"))}
    outcome, seconds = post_all(poster, {"slow": ["1", "2"], **{f"c{number}": ["1", "2"] for number in range(5)}})
    assert outcome.dropped == {"slow"}
    assert outcome.unfinished == set()
    assert poster.closed == ["slow"]
    assert all(received(poster, f"c{number}") == ["1", "2"] for number in range(5))
    assert seconds == pytest.approx(1.5)


def test_the_frames_of_a_slow_socket_that_cannot_be_closed_are_unfinished(poster: FakePoster) -> None:
    """Otherwise it would be open, in no room, and receive nothing for two hours."""

    async def throttle(connection_id: str) -> None:
        raise ThrottledError("HTTP 429")

    poster.answers = {"slow": always(PostTimeoutError("1.5 s"))}
    poster.disconnect = throttle  # type: ignore[method-assign]  # for this test
    outcome, _ = post_all(poster, {"slow": ["1", "2"], "c": ["1", "2"]})
    assert outcome.dropped == set()
    assert outcome.unfinished == {0, 1}


def test_others_have_their_frames_before_a_slow_socket_has_its_first(poster: FakePoster) -> None:
    poster.seconds = {"slow": 1.0}
    post_all(poster, {"slow": ["1"], "quick": ["1", "2", "3"]})
    assert [one for one, _ in poster.posts] == ["quick", "quick", "quick", "slow"]


def test_a_socket_that_is_gone_is_posted_nothing_more(poster: FakePoster) -> None:
    posts: list[str] = []

    def gone() -> PostError:
        posts.append("gone")
        return GoneError("HTTP 410")

    poster.answers = {"gone": gone}
    outcome, _ = post_all(poster, {"gone": ["1", "2", "3"], "there": ["1"]})
    assert outcome.gone == {"gone"}
    assert outcome.unfinished == set()
    assert posts == ["gone"]


def test_a_throttled_post_is_retried_and_the_rest_follows(poster: FakePoster) -> None:
    poster.answers = {"c": times(3, ThrottledError("HTTP 429"))}
    outcome, seconds = post_all(poster, {"c": ["1", "2"], "d": ["1"]})
    assert received(poster, "c") == ["1", "2"]
    assert outcome.unfinished == set()
    assert 0.1 < seconds < 1


def test_what_could_not_be_posted_in_time_is_reported(poster: FakePoster) -> None:
    poster.answers = {f"c{number}": always(ThrottledError("HTTP 429")) for number in range(3)}
    outcome, seconds = post_all(poster, {f"c{number}": ["1", "2"] for number in range(3)})
    assert outcome.unfinished == {0, 1}
    assert outcome.dropped == set()
    assert seconds == pytest.approx(SECONDS, abs=2)


def test_one_whose_buffer_is_full_is_closed_when_all_others_have_theirs(poster: FakePoster) -> None:
    poster.answers = {"full": always(ThrottledError("HTTP 429"))}
    outcome, seconds = post_all(poster, {"full": ["1"], **{f"c{number}": ["1"] for number in range(5)}})
    assert outcome.dropped == {"full"}
    assert outcome.unfinished == set()
    assert FULL_SECONDS < seconds < FULL_SECONDS + 2


def test_many_throttled_sockets_are_not_closed_for_it(poster: FakePoster) -> None:
    throttled = {f"t{number}": ["1"] for number in range(FEW + 1)}
    poster.answers = {one: always(ThrottledError("HTTP 429")) for one in throttled}
    outcome, _ = post_all(poster, {**throttled, "c": ["1"]})
    assert outcome.dropped == set()
    assert outcome.unfinished == {0}


def test_a_rejected_post_ends_its_queue_and_is_reported(poster: FakePoster) -> None:
    poster.answers = {"c": always(PostRejectedError("HTTP 403"))}
    outcome, seconds = post_all(poster, {"c": ["1", "2"], "d": ["1", "2"]})
    assert outcome.unfinished == {0, 1}
    assert received(poster, "d") == ["1", "2"]
    assert seconds == 0
