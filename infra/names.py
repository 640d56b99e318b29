"""Names that are unique in an account. Most of what belongs to no region needs a name, and CDK gives it one that every
region's stack would have, too."""

import hashlib

from aws_cdk import Aws, Stack
from constructs import Construct

_LONGEST = 64
"""The tightest of CloudFront's limits: an origin access control's."""
_LONGEST_REGION = len("ap-southeast-2")


def account_wide(scope: Construct, name: str) -> str:
    """`name` with the stack's name and region; a long name of a stack is cut, and a hash of it added."""
    stack = Stack.of(scope).stack_name
    room = _LONGEST - _LONGEST_REGION - len(f"-{name}-")
    if len(stack) > room:
        digest = hashlib.sha256(stack.encode()).hexdigest()[:8]
        stack = f"{stack[: room - 1 - len(digest)]}-{digest}"
    return f"{stack}-{name}-{Aws.REGION}"
