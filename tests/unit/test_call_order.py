"""Which calls of an invocation wait for each other."""

from __future__ import annotations

from testing.call_order import Call, before, in_sequence


def call(name: str, start: float, end: float) -> Call:
    return Call(name, start, end)


def names(calls: list[Call]) -> list[list[str]]:
    return [[one.name for one in step] for step in in_sequence(calls)]


def test_calls_one_after_the_other_count_one_by_one() -> None:
    assert names([call("a", 0, 1), call("b", 1, 2), call("c", 2.1, 3.1)]) == [["a"], ["b"], ["c"]]


def test_calls_side_by_side_count_once() -> None:
    assert names([call("a", 0, 1), call("b", 0.1, 1.1), call("c", 0.2, 1.2), call("d", 1.2, 2.2)]) == [
        ["a", "b", "c"],
        ["d"],
    ]


def test_a_call_beside_two_others_hides_neither() -> None:
    assert len(in_sequence([call("long", 0, 2), call("a", 0, 1), call("b", 1, 2)])) == 2


def test_more_calls_than_threads_take_two_turns() -> None:
    first = [call(f"first {number}", 0.01 * number, 1) for number in range(8)]
    second = [call(f"second {number}", 1 + 0.01 * number, 2) for number in range(8)]
    assert [len(step) for step in in_sequence([*second, *first])] == [8, 8]


def test_what_was_under_way_when_the_path_went_on_is_not_on_it() -> None:
    done, beside, last = call("done", 0, 1), call("beside", 0.9, 1.9), call("last", 1, 2)
    later = call("later", 2, 3)
    assert before([done, beside, last, later], last) == [done, last]
