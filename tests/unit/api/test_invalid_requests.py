"""An answer names the invalid fields, and repeats no more of the request than that."""

from __future__ import annotations

from functions.api.errors import MAX_DETAILS, MAX_NAME, describe


def test_a_field_that_the_client_named_is_repeated_up_to_a_length() -> None:
    message, (detail,) = describe([{"loc": ("body", "x" * 60_000), "type": "extra_forbidden", "msg": "not permitted"}])
    assert detail == {"field": "x" * MAX_NAME, "message": "not permitted"}
    assert len(message) <= 500


def test_no_request_is_answered_with_more_than_it_said() -> None:
    errors = [{"loc": ("body", f"f{number}"), "type": "extra_forbidden", "msg": "no"} for number in range(60_000)]
    assert len(describe(errors)[1]) == MAX_DETAILS
