"""The distribution in a template, with the queries that its tests share."""

from collections.abc import Mapping
from typing import Any

from tests.infrastructure.template import Template, target


def config_of(template: Template) -> dict[str, Any]:
    (properties,) = template.resources("AWS::CloudFront::Distribution").values()
    config: dict[str, Any] = properties["DistributionConfig"]
    return config


def headers_of(template: Template, behavior: Mapping[str, Any]) -> Mapping[str, Any]:
    policy = template.resources("AWS::CloudFront::ResponseHeadersPolicy")[target(behavior["ResponseHeadersPolicyId"])]
    config: Mapping[str, Any] = policy["ResponseHeadersPolicyConfig"]
    return config


def policy_of(template: Template, behavior: Mapping[str, Any]) -> Any:
    return headers_of(template, behavior)["SecurityHeadersConfig"]["ContentSecurityPolicy"]["ContentSecurityPolicy"]


def directives_of(template: Template, behavior: Mapping[str, Any]) -> dict[str, str]:
    """The directives of a policy, without the sockets' origin at its end: only CloudFormation knows that."""
    policy = policy_of(template, behavior)
    text = policy if isinstance(policy, str) else policy["Fn::Join"][1][0]
    return {name: value.strip() for name, _, value in (part.strip().partition(" ") for part in text.split(";"))}


def behavior_at(distribution: Mapping[str, Any], path: str) -> Mapping[str, Any]:
    (behavior,) = (one for one in distribution["CacheBehaviors"] if one["PathPattern"] == path)
    return dict(behavior)


def behaviors_of(distribution: dict[str, Any]) -> list[dict[str, Any]]:
    return [distribution["DefaultCacheBehavior"], *distribution["CacheBehaviors"]]


def origin_of(template: Template, domain: Any) -> str:
    """`pages` for the bucket, or the function from whose URL Select and Split cut the domain name."""
    while not (logical_id := target(domain)):
        operation = next(iter(domain))
        domain = domain[operation][1]
    if logical_id in template.resources("AWS::S3::Bucket"):
        return "pages"
    return template.function_name(target(template.resources("AWS::Lambda::Url")[logical_id]["TargetFunctionArn"]))
