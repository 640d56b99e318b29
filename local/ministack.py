"""MiniStack, mended where it would hide what fails in AWS or refuse what AWS takes.

Functions run in an interpreter of their own: MiniStack starts them with `sys.executable`, and ours has every tool of this
checkout and Cairn itself, so that a module which a function's package or layer lacks would be missed in AWS alone.

A batch of SQS is allowed by the right to the single action, since IAM knows no other:
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-api-permissions-reference.html

Calls count as encrypted: queues refuse those that are not, and on loopback there is no network to cross.
"""

from __future__ import annotations

import sys

from ministack import app
from ministack.core import iam_actions
from ministack.core.iam_evaluator import pin_request_origin

_iam_action = iam_actions.extract_iam_action


def main() -> None:
    """Serve until ended; the settings are in the environment, as MiniStack has them."""
    sys.executable = sys.argv.pop()
    iam_actions.extract_iam_action = _action_that_iam_knows
    app.pin_request_origin = _pinned_as_encrypted
    app.main()


def _action_that_iam_knows(*request: object) -> str | None:
    action: str | None = _iam_action(*request)
    return action.removesuffix("Batch") if action is not None and action.startswith("sqs:") else action


def _pinned_as_encrypted(source_ip: str, _: bool) -> None:
    pin_request_origin(source_ip, True)


if __name__ == "__main__":
    main()
