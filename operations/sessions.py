"""Ends the sessions of people and of API keys, for the commands that change what they may do."""

from __future__ import annotations

from cairn.aws.sqs import Queue
from cairn.clock import now
from cairn.identity.revocations import Revocations
from cairn.realtime.sign_out import SignOut
from operations.stack import Stack


def sign_out(stack: Stack) -> SignOut:
    revocations = Revocations(stack.clients.table(stack.output("SessionsTable")))
    return SignOut(revocations, Queue(stack.clients.sqs, stack.output("BroadcastQueueUrl")), now)
