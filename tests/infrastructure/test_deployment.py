"""What the operator's command knows of the template is what the template is."""

from typing import Any

from operations.deployment import preflight, quotas
from operations.deployment.undo import KINDS
from tests.infrastructure.template import Template


def test_every_type_of_the_template_has_a_quota_or_a_reason_to_have_none(template: Template) -> None:
    types = {resource["Type"] for resource in template.body["Resources"].values()} | {"AWS::SNS::Subscription"}
    counted = {quota.type for quota in quotas.QUOTAS}
    assert types <= counted | quotas.NOT_COUNTED.keys()
    assert not counted & quotas.NOT_COUNTED.keys()


def test_a_new_account_has_room_for_two_stacks_by_every_default(template: Template) -> None:
    types = [resource["Type"] for resource in template.body["Resources"].values()]
    assert [quota.subject for quota in quotas.QUOTAS if 2 * types.count(quota.type) > quota.default] == []


def test_undo_knows_how_to_delete_everything_that_the_template_keeps(template: Template) -> None:
    kept = {
        resource["Type"]
        for resource in template.body["Resources"].values()
        if resource.get("DeletionPolicy", "Delete") != "Delete"
    }
    # A bucket's policy goes with the bucket.
    assert kept - {"AWS::S3::BucketPolicy"} == set(KINDS)


def test_the_bootstrap_version_is_the_one_that_the_template_demands(template: Template) -> None:
    rule: Any = template.body["Rules"]["CheckBootstrapVersion"]["Assertions"][0]["Assert"]
    ((too_old, _),) = (condition["Fn::Contains"] for condition in rule["Fn::Not"])
    assert max(map(int, too_old)) + 1 == preflight.BOOTSTRAP_VERSION
