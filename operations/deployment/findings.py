"""What a check found, in one line: whether it is well, and otherwise what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, NoCredentialsError
from botocore.exceptions import ConnectionError as NoConnectionError

Level = Literal["ok", "note", "unknown", "problem"]
MARKS = {"ok": "✓", "note": "!", "unknown": "?", "problem": "✗"}
_REFUSALS = ("AccessDenied", "AccessDeniedException", "AuthorizationError", "Forbidden", "UnauthorizedOperation")
UNREACHABLE = (NoConnectionError, HTTPClientError)


@dataclass(frozen=True, slots=True)
class Finding:
    """`note`: works, but read it. `unknown`: the check could not be made. `problem`: a deployment would fail."""

    level: Level
    subject: str
    text: str

    def __str__(self) -> str:
        return f"{MARKS[self.level]} {self.subject}: {self.text}"


def ok(subject: str, text: str) -> Finding:
    return Finding("ok", subject, text)


def note(subject: str, text: str) -> Finding:
    return Finding("note", subject, text)


def unknown(subject: str, text: str) -> Finding:
    return Finding("unknown", subject, text)


def problem(subject: str, text: str) -> Finding:
    return Finding("problem", subject, text)


def failed(findings: Iterable[Finding]) -> bool:
    return any(finding.level == "problem" for finding in findings)


def guarded(subject: str, check: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """A check's findings; that it lacks a permission, or had no answer, is a finding too, and stops no other check."""
    try:
        yield from check()
    except ClientError as error:
        yield unknown(subject, not_checked(error))
    except NoCredentialsError:
        yield unknown(subject, "not checked: there are no credentials")
    except UNREACHABLE as error:
        yield problem(subject, f"cannot reach AWS: {error}")
    except BotoCoreError as error:
        yield unknown(subject, f"not checked: {error}")


def not_checked(error: ClientError) -> str:
    """Why, in a line: the permission that is missing, or AWS's own words."""
    code, message = error.response["Error"].get("Code", ""), error.response["Error"].get("Message", "")
    if code in _REFUSALS:
        return f"not checked: the credentials lack the permission for {error.operation_name}"
    return f"not checked: {error.operation_name} answered {code} {message}".rstrip()
