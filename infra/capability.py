"""What every construct finds in its stack, so that a capability's constructor names only its neighbours."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aws_cdk import CfnElement, Environment, Stack
from constructs import Construct

from infra.logical_ids import logical_id
from infra.settings import Settings

if TYPE_CHECKING:
    from infra.cdn_key import CdnKey
    from infra.functions import Function
    from infra.packaging import Packaging
    from infra.parameters import Parameters
    from infra.platforms import Platforms
    from infra.queues import DeadLetters, Queue, Queues
    from infra.tables import Tables
    from infra.vault import Vault


@dataclass(frozen=True)
class Registry:
    """Functions, queues and dead-letter queues add themselves when they are created.

    Monitoring and Dashboard read it, so they are created last.
    """

    functions: list[Function] = field(default_factory=list)
    queues: list[Queue] = field(default_factory=list)
    dead_letters: list[DeadLetters] = field(default_factory=list)


class Foundation(Stack):
    """A stack with what its capabilities share. It has to create that before the first capability."""

    packaging: Packaging
    cdn_key: CdnKey
    parameters: Parameters
    platforms: Platforms
    tables: Tables
    queues: Queues
    vault: Vault

    def __init__(self, scope: Construct, construct_id: str, *, settings: Settings, description: str) -> None:
        super().__init__(
            scope,
            construct_id,
            description=description,
            env=Environment(region=settings.region or None),
            termination_protection=settings.protected,
            analytics_reporting=False,
        )
        self.settings = settings
        self.registry = Registry()

    def _allocate_logical_id(self, cfn_element: CfnElement) -> str:
        _, _, path = cfn_element.node.path.partition("/")
        return logical_id(path) or super()._allocate_logical_id(cfn_element)


class Capability(Construct):
    """A part of Cairn, named as its functions and its package."""

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        stack = foundation(self)
        self.settings = stack.settings
        self.parameters = stack.parameters
        self.platforms = stack.platforms
        self.tables = stack.tables
        self.queues = stack.queues
        self.vault = stack.vault
        self.registry = stack.registry


def foundation(construct: Construct) -> Foundation:
    """The stack that the construct is in."""
    stack = Stack.of(construct)
    if not isinstance(stack, Foundation):
        raise TypeError(f"{construct.node.path} is in {type(stack).__name__}, which is not a Foundation")
    return stack
