"""What is written as JSON is read back as it was, with every digit."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given

from cairn.codec import from_json, to_json
from tests.unit.webhooks.values import values


@given(values)
def test_a_value_is_read_back_as_it_was_written(value: object) -> None:
    assert from_json(to_json(value).encode()) == value


@given(values)
def test_other_readers_read_the_same(value: object) -> None:
    assert json.loads(to_json(value), parse_float=Decimal) == value


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ({"text": "🎉 \x1b[1m \u2028"}, '{"text":"🎉 \\u001b[1m \u2028"}'),
        (
            [Decimal("1.0"), Decimal("49.00"), Decimal("1E+400"), 10**30, 0.1],
            "[1.0,49.00,1E+400," + "1" + "0" * 30 + ",0.1]",
        ),
        ((True, None, ""), '[true,null,""]'),
        ({"half a pair": "\ud83c"}, '{"half a pair":"\\ud83c"}'),
    ],
)
def test_text_and_numbers_keep_their_form(value: object, written: str) -> None:
    assert to_json(value) == written
    to_json(value).encode()


@pytest.mark.parametrize("number", [Decimal("NaN"), Decimal("-Infinity"), float("inf")])
def test_what_json_cannot_write_is_refused(number: object) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        to_json([number])


@pytest.mark.parametrize("value", [{1: 2}, {"a": b"bytes"}, {"a": {1, 2}}])
def test_other_types_are_refused(value: object) -> None:
    with pytest.raises(TypeError):
        to_json(value)


@pytest.mark.parametrize("text", ["NaN", '{"a": Infinity}', "{", ""])
def test_a_text_that_is_no_json_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        from_json(text)
