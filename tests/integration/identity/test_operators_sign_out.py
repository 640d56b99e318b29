"""What an operator ends, ends at once: tokens, tickets and sockets, by Cognito's clock."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from email.utils import parsedate_to_datetime

import pytest

from cairn.clock import now
from cairn.identity.api_keys import ApiKeys
from cairn.identity.revocations import Credential, Revocations
from cairn.messages import SignedOut, load
from operations import keys, people
from operations.stack import OperationError, Stack

PASSWORD = "Cairn-11111111"


@pytest.fixture
def ada(stack: Stack) -> Credential:
    """A session's token, issued a minute ago."""
    people.add(stack, "ada", ["leaderboard"], PASSWORD)
    return Credential("person:ada", "session", int((now() - timedelta(minutes=1)).timestamp()))


def messages(stack: Stack) -> list[SignedOut]:
    found = stack.clients.sqs.receive_message(QueueUrl=stack.output("BroadcastQueueUrl"), MaxNumberOfMessages=10)
    return [message for one in found.get("Messages", ()) if isinstance(message := load(one["Body"]), SignedOut)]


def revocations(stack: Stack) -> Revocations:
    return Revocations(stack.clients.table("sessions"))


@pytest.mark.parametrize(
    "act",
    [
        lambda stack: people.sign_out(stack, "ada"),
        lambda stack: people.set_password(stack, "ada", PASSWORD.replace("1", "2")),
        lambda stack: people.set_modules(stack, "ada", ["admin"]),
        lambda stack: people.remove(stack, "ada"),
    ],
)
def test_everything_that_a_person_had_ends(stack: Stack, ada: Credential, act: Callable[[Stack], str]) -> None:
    act(stack)
    assert revocations(stack).is_revoked(ada, consistent=True)
    (message,) = messages(stack)
    assert (message.owner, message.session, message.kept) == ("person:ada", None, None)
    later = Credential("person:ada", "another", (message.until or 0) + 1)
    assert not revocations(stack).is_revoked(later, consistent=True)


def test_the_tokens_are_void_up_to_the_second_of_cognitos_answer(stack: Stack, ada: Credential) -> None:
    people.sign_out(stack, "ada")
    answer = stack.clients.cognito.list_users(UserPoolId=stack.output("UserPoolId"))
    cognitos_time = parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
    (message,) = messages(stack)
    assert abs(cognitos_time.timestamp() - (message.until or 0)) < 60


def test_whoever_does_not_exist_is_said_to(stack: Stack) -> None:
    with pytest.raises(OperationError):
        people.sign_out(stack, "nobody")


def test_somebody_who_is_added_is_not_signed_out(stack: Stack, ada: Credential) -> None:
    assert not revocations(stack).is_revoked(ada, consistent=True)
    assert messages(stack) == []


def test_a_revoked_keys_tickets_and_sockets_end_before_the_key_is_gone(stack: Stack) -> None:
    api_keys = ApiKeys(stack.clients.table("keys"))
    plaintext = api_keys.create("importer", {"leaderboard"}, now())
    key = api_keys.named("importer")
    assert keys.revoke(stack, "importer").startswith("revoked importer")
    assert api_keys.find(plaintext) is None
    assert revocations(stack).is_revoked(key.credential, consistent=True)
    (message,) = messages(stack)
    assert (message.owner, message.until) == (f"key:{key.id}", None)
