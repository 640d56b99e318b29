"""The one public origin: nothing is cached, everything is TLS, and each path goes where it should."""

from typing import Any

import pytest

from tests.infrastructure.template import Template, target

# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-cache-policies.html
CACHING_DISABLED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-origin-request-policies.html
ALL_VIEWER_EXCEPT_HOST_HEADER = "b689b0a8-53d0-40ab-baf2-68738e2966ac"


@pytest.fixture
def distribution(template: Template) -> dict[str, Any]:
    (properties,) = template.resources("AWS::CloudFront::Distribution").values()
    config: dict[str, Any] = properties["DistributionConfig"]
    return config


def test_telegrams_updates_go_to_the_webhook_and_all_else_to_the_api(
    template: Template, distribution: dict[str, Any]
) -> None:
    origins = {origin["Id"]: _function(template, origin["DomainName"]) for origin in distribution["Origins"]}
    paths = {
        behavior["PathPattern"]: origins[behavior["TargetOriginId"]] for behavior in distribution["CacheBehaviors"]
    }
    assert paths == {"/api/telegram/webhook": "telegram_webhook"}
    assert origins[distribution["DefaultCacheBehavior"]["TargetOriginId"]] == "api"


def test_nothing_is_cached_and_every_method_header_and_query_reaches_the_function(distribution: dict[str, Any]) -> None:
    for behavior in _behaviors(distribution):
        assert behavior["CachePolicyId"] == CACHING_DISABLED
        assert behavior["OriginRequestPolicyId"] == ALL_VIEWER_EXCEPT_HOST_HEADER
        assert {"GET", "HEAD", "OPTIONS", "PUT", "PATCH", "POST", "DELETE"} == set(behavior["AllowedMethods"])


def test_everything_is_tls(distribution: dict[str, Any]) -> None:
    assert {behavior["ViewerProtocolPolicy"] for behavior in _behaviors(distribution)} == {"redirect-to-https"}
    for origin in distribution["Origins"]:
        assert origin["CustomOriginConfig"] == {
            "OriginProtocolPolicy": "https-only",
            "OriginSSLProtocols": ["TLSv1.2"],
        }


def test_every_answer_carries_the_security_headers(template: Template, distribution: dict[str, Any]) -> None:
    ((logical_id, policy),) = template.resources("AWS::CloudFront::ResponseHeadersPolicy").items()
    assert {target(behavior["ResponseHeadersPolicyId"]) for behavior in _behaviors(distribution)} == {logical_id}
    assert set(policy["ResponseHeadersPolicyConfig"]["SecurityHeadersConfig"]) == {
        "ContentTypeOptions",
        "FrameOptions",
        "ReferrerPolicy",
        "StrictTransportSecurity",
    }


def _behaviors(distribution: dict[str, Any]) -> list[dict[str, Any]]:
    return [distribution["DefaultCacheBehavior"], *distribution["CacheBehaviors"]]


def _function(template: Template, domain: Any) -> str:
    """The function whose URL a domain name was cut from, by Select and Split."""
    while not (logical_id := target(domain)):
        operation = next(iter(domain))
        domain = domain[operation][1]
    return template.function_name(target(template.resources("AWS::Lambda::Url")[logical_id]["TargetFunctionArn"]))
