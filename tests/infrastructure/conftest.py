"""Each variant of the stack is synthesised once for all tests, without zips: their hashes come from the source."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from aws_cdk import Aspects, Duration
from aws_cdk.assertions import Annotations, Match
from cdk_nag import AwsSolutionsChecks
from constructs import Construct

from infra import stack as stack_module
from infra.capability import Capability
from infra.functions import Function
from infra.leaderboard import Leaderboard
from infra.packaging import ROOT
from infra.queues import DeadLetters, Overdue, Queue
from infra.stack import Cairn
from tests.infrastructure.distribution import config_of
from tests.infrastructure.template import Template, stack_of

FANVUE = {"url": "https://api.fanvue.com", "keys": ["FANVUE_API_KEY"]}


@pytest.fixture(scope="session")
def context() -> dict[str, Any]:
    context: dict[str, Any] = json.loads((ROOT / "cdk.json").read_text())["context"]
    return context


@pytest.fixture(scope="session")
def stack(context: Mapping[str, Any]) -> Cairn:
    """As deployed to AWS, checked by cdk-nag."""
    stack = stack_of(context)
    Aspects.of(stack).add(AwsSolutionsChecks(verbose=True))
    return stack


@pytest.fixture(scope="session")
def template(stack: Cairn) -> Template:
    return Template.of(stack)


@pytest.fixture(scope="session")
def distribution(template: Template) -> dict[str, Any]:
    return config_of(template)


@pytest.fixture(scope="session")
def local_template(context: Mapping[str, Any]) -> Template:
    return Template.of(stack_of(context, dependencies="host"))


@pytest.fixture(scope="session")
def disposable_template(context: Mapping[str, Any]) -> Template:
    return Template.of(stack_of(context, removal_policy="destroy"))


@pytest.fixture(scope="session")
def unprotected_template(context: Mapping[str, Any]) -> Template:
    """As `make deploy` creates it, before anything is in it."""
    return Template.of(stack_of(context, protection="off"))


@pytest.fixture(scope="session")
def wider_template(context: Mapping[str, Any]) -> Template:
    """With one more platform in cdk.json."""
    return Template.of(stack_of(context, platforms={**context["platforms"], "fanvue": FANVUE}))


@pytest.fixture(scope="session")
def zoned_template(context: Mapping[str, Any]) -> Template:
    """For an operator whose cron() expressions are not of UTC."""
    return Template.of(stack_of(context, schedule_time_zone="Europe/Berlin"))


@pytest.fixture(scope="session")
def extended_template(context: Mapping[str, Any]) -> Template:
    """With one more capability: a public function that reads the stream, a queue, and a dead-letter queue."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stack_module, "Leaderboard", _LeaderboardAndDummy)
        return Template.of(stack_of(context))


@pytest.fixture(scope="session")
def findings(stack: Cairn) -> list[str]:
    """cdk-nag's errors and warnings."""
    annotations, anything = Annotations.from_stack(stack), Match.any_value()
    messages = [*annotations.find_error("*", anything), *annotations.find_warning("*", anything)]
    return [f"{message.id}: {message.entry.data}" for message in messages]


class _LeaderboardAndDummy(Leaderboard):
    """Creates the dummy where stack.py creates the leaderboard: after the shared constructs, before Monitoring."""

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        _Dummy(scope, "Dummy")


class _Dummy(Capability):
    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        function = Function(self, "dummy_function", description="Does nothing", timeout=Duration.seconds(3))
        function.add_public_url()
        self.tables.stats.feed(function, failures=DeadLetters(self, "DummyFailures"))
        overdue = Overdue("dummies", 60, "A dummy has waited a minute.")
        Queue(self, "Dummy", max_receives=3, overdue=overdue).feed(function)
