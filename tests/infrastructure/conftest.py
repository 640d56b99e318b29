"""Each kind of stack is synthesised once for all tests, and without its zips: their hashes come from the source."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from aws_cdk import App, Aspects
from aws_cdk.assertions import Annotations, Match
from cdk_nag import AwsSolutionsChecks

from infra.packaging import ROOT
from infra.settings import Settings
from infra.stack import Cairn
from tests.infrastructure.template import Template

FANVUE = {"url": "https://api.fanvue.com", "keys": ["FANVUE_API_KEY"]}


@pytest.fixture(scope="session")
def context() -> dict[str, Any]:
    context: dict[str, Any] = json.loads((ROOT / "cdk.json").read_text())["context"]
    return context


@pytest.fixture(scope="session")
def stack(context: Mapping[str, Any]) -> Cairn:
    """As it goes to AWS, under the eye of cdk-nag."""
    stack = _stack(context)
    Aspects.of(stack).add(AwsSolutionsChecks(verbose=True))
    return stack


@pytest.fixture(scope="session")
def template(stack: Cairn) -> Template:
    return Template.of(stack)


@pytest.fixture(scope="session")
def local_template(context: Mapping[str, Any]) -> Template:
    return Template.of(_stack(context, dependencies="host"))


@pytest.fixture(scope="session")
def disposable_template(context: Mapping[str, Any]) -> Template:
    return Template.of(_stack(context, removal_policy="destroy"))


@pytest.fixture(scope="session")
def wider_template(context: Mapping[str, Any]) -> Template:
    """With one platform more in cdk.json."""
    return Template.of(_stack(context, platforms={**context["platforms"], "fanvue": FANVUE}))


@pytest.fixture(scope="session")
def zoned_template(context: Mapping[str, Any]) -> Template:
    """Of an operator who lives somewhere."""
    return Template.of(_stack(context, time_zone="Europe/Berlin"))


@pytest.fixture(scope="session")
def findings(stack: Cairn) -> list[str]:
    """What cdk-nag has to say, errors and warnings alike."""
    annotations, anything = Annotations.from_stack(stack), Match.any_value()
    messages = [*annotations.find_error("*", anything), *annotations.find_warning("*", anything)]
    return [f"{message.id}: {message.entry.data}" for message in messages]


def _stack(context: Mapping[str, Any], **chosen: object) -> Cairn:
    settings = Settings.from_context({**context, **chosen}.get)
    app = App(context={**context, "aws:cdk:bundling-stacks": []}, analytics_reporting=False)
    return Cairn(app, settings.stack_name, settings=settings)
