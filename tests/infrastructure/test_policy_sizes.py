"""IAM's quotas of policies, with names as long as CloudFormation makes them.

White space does not count. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
"""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from tests.infrastructure.template import INLINE, MANAGED, Template, target

MOST_INLINE = 10_240
"""Characters of all of a role's inline policies together."""
MOST_MANAGED = 6_144
"""Characters of a managed policy."""
MOST_ATTACHED = 10
"""Managed policies of a role."""
LONGEST_PREFIX = "arn:aws:secretsmanager:ap-southeast-2:123456789012:table/"
STACK = "Cairn-production"


def resolved(value: Any) -> Any:
    """A policy's document with texts as long as CloudFormation puts in."""
    match value:
        case {"Ref": str(name)} | {"Fn::GetAtt": [str(name), _]} if len(value) == 1:
            known = {"AWS::Partition": "aws", "AWS::Region": "ap-southeast-2", "AWS::AccountId": "123456789012"}
            return known.get(name, f"{LONGEST_PREFIX}{STACK}-{name}-ABCDEFGHIJKL")
        case {"Fn::Join": [str(between), list(parts)]}:
            return between.join(resolved(part) for part in parts)
        case dict():
            return {key: resolved(one) for key, one in value.items()}
        case list():
            return [resolved(one) for one in value]
    return value


def size(policy: Any) -> int:
    text = json.dumps(resolved(policy["PolicyDocument"]), separators=(",", ":"))
    assert "Fn::" not in text
    return len(text)


def test_a_roles_inline_policies_fit_into_what_iam_allows(template: Template) -> None:
    sizes: Counter[str] = Counter()
    for policy in template.resources(INLINE).values():
        for role in policy["Roles"]:
            sizes[target(role)] += size(policy)
    assert {role: found for role, found in sizes.items() if found > MOST_INLINE} == {}
    assert max(sizes.values()) > 5_000, "the largest is the API's"


def test_a_managed_policy_fits_into_what_iam_allows_and_a_role_has_few(template: Template) -> None:
    managed = template.resources(MANAGED)
    assert managed
    assert {name: found for name, one in managed.items() if (found := size(one)) > MOST_MANAGED} == {}
    attached = Counter(target(role) for one in managed.values() for role in one["Roles"])
    assert max(attached.values()) <= MOST_ATTACHED


@pytest.mark.parametrize("policy", [INLINE, MANAGED])
def test_what_a_function_may_do_is_read_from_policies_of_both_kinds(template: Template, policy: str) -> None:
    """Or a grant in one of them would be hidden from all other tests."""
    documents = [one["PolicyDocument"]["Statement"] for one in template.resources(policy).values()]
    known = {statement.actions for _, statement in template.policies()}
    for statement in (one for document in documents for one in document):
        actions = statement["Action"]
        assert ((actions,) if isinstance(actions, str) else tuple(actions)) in known
