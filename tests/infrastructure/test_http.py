"""The one public origin: pages and API side by side, everything TLS, and each path as open as it must be."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.infrastructure.template import Template, target

# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-cache-policies.html
CACHING_DISABLED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
CACHING_OPTIMIZED = "658327ea-f89d-4fab-a63d-7e88639e58f6"
# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-origin-request-policies.html
ALL_VIEWER_EXCEPT_HOST_HEADER = "b689b0a8-53d0-40ab-baf2-68738e2966ac"


@pytest.fixture
def distribution(template: Template) -> dict[str, Any]:
    (properties,) = template.resources("AWS::CloudFront::Distribution").values()
    config: dict[str, Any] = properties["DistributionConfig"]
    return config


def test_telegrams_updates_go_to_the_webhook_the_api_has_its_paths_and_all_else_are_pages(
    template: Template, distribution: dict[str, Any]
) -> None:
    origins = {origin["Id"]: _what(template, origin["DomainName"]) for origin in distribution["Origins"]}
    paths = [
        (behavior["PathPattern"], origins[behavior["TargetOriginId"]]) for behavior in distribution["CacheBehaviors"]
    ]
    # CloudFront takes the first pattern that matches.
    assert paths == [("/api/telegram/webhook", "telegram_webhook"), ("/api/docs", "api"), ("/api/*", "api")]
    assert origins[distribution["DefaultCacheBehavior"]["TargetOriginId"]] == "pages"
    assert distribution["DefaultRootObject"] == "index.html"


def test_the_api_is_not_cached_and_every_method_header_and_query_reaches_it(distribution: dict[str, Any]) -> None:
    for behavior in distribution["CacheBehaviors"]:
        assert behavior["CachePolicyId"] == CACHING_DISABLED
        assert behavior["OriginRequestPolicyId"] == ALL_VIEWER_EXCEPT_HOST_HEADER
        assert {"GET", "HEAD", "OPTIONS", "PUT", "PATCH", "POST", "DELETE"} == set(behavior["AllowedMethods"])


def test_pages_are_read_and_cached_as_long_as_they_say_themselves(distribution: dict[str, Any]) -> None:
    behavior = distribution["DefaultCacheBehavior"]
    assert behavior["CachePolicyId"] == CACHING_OPTIMIZED
    assert behavior["AllowedMethods"] == ["GET", "HEAD"]
    assert behavior["Compress"] is True


def test_no_answer_of_the_api_is_replaced_by_a_page(distribution: dict[str, Any]) -> None:
    """Error pages are a matter of the whole distribution, whatever the path."""
    assert "CustomErrorResponses" not in distribution


def test_everything_is_tls(distribution: dict[str, Any]) -> None:
    assert {behavior["ViewerProtocolPolicy"] for behavior in _behaviors(distribution)} == {"redirect-to-https"}
    for origin in distribution["Origins"]:
        if "S3OriginConfig" not in origin:
            assert origin["CustomOriginConfig"] == {
                "OriginProtocolPolicy": "https-only",
                "OriginSSLProtocols": ["TLSv1.2"],
            }


def test_the_pages_bucket_is_private_encrypted_and_read_by_this_distribution_alone(template: Template) -> None:
    ((logical_id, bucket),) = template.resources("AWS::S3::Bucket").items()
    ((distribution, _),) = template.resources("AWS::CloudFront::Distribution").items()
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    (policy,) = template.resources("AWS::S3::BucketPolicy").values()
    assert target(policy["Bucket"]) == logical_id
    statements = {statement["Effect"]: statement for statement in policy["PolicyDocument"]["Statement"]}
    denied, allowed = statements["Deny"], statements["Allow"]
    assert denied["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert allowed["Principal"] == {"Service": "cloudfront.amazonaws.com"}
    # Who may list is told that an object is not there; anybody else, that it is forbidden.
    assert set(allowed["Action"]) == {"s3:GetObject", "s3:ListBucket"}
    (source,) = allowed["Condition"]["StringEquals"].values()
    assert {"Ref": distribution} in source["Fn::Join"][1]


def test_every_answer_carries_the_security_headers(template: Template, distribution: dict[str, Any]) -> None:
    policies = template.resources("AWS::CloudFront::ResponseHeadersPolicy")
    used = {target(behavior["ResponseHeadersPolicyId"]) for behavior in _behaviors(distribution)}
    assert used == set(policies)
    for policy in policies.values():
        assert set(policy["ResponseHeadersPolicyConfig"]["SecurityHeadersConfig"]) == {
            "ContentSecurityPolicy",
            "ContentTypeOptions",
            "FrameOptions",
            "ReferrerPolicy",
            "StrictTransportSecurity",
        }


def test_a_page_runs_its_own_code_and_reaches_its_own_origin_and_sockets_and_nothing_else(
    template: Template, distribution: dict[str, Any]
) -> None:
    parts = _policy(template, distribution["DefaultCacheBehavior"])["Fn::Join"][1]
    text, sockets = parts
    directives = dict(directive.strip().partition(" ")[::2] for directive in text.split(";"))
    assert directives.pop("connect-src").strip() == "'self'"
    assert directives == {
        "default-src": "'none'",
        "frame-ancestors": "'none'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "script-src": "'self'",
        "require-trusted-types-for": "'script'",
        "style-src": "'self'",
        "font-src": "'self'",
        "manifest-src": "'self'",
        "img-src": "'self' https: data:",
    }
    (api,) = template.resources("AWS::ApiGatewayV2::Api")
    _, _, in_aws = sockets["Fn::If"]
    assert in_aws["Fn::Join"][1][:2] == ["wss://", {"Ref": api}]


def test_only_the_apis_own_page_has_code_in_it(template: Template, distribution: dict[str, Any]) -> None:
    policies = {one["PathPattern"]: _policy(template, one) for one in distribution["CacheBehaviors"]}
    assert [path for path, policy in policies.items() if "unsafe" in policy] == ["/api/docs"]
    assert all(policy.startswith("default-src 'none'; frame-ancestors 'none'") for policy in policies.values())


def _policy(template: Template, behavior: Mapping[str, Any]) -> Any:
    policy = template.resources("AWS::CloudFront::ResponseHeadersPolicy")[target(behavior["ResponseHeadersPolicyId"])]
    security = policy["ResponseHeadersPolicyConfig"]["SecurityHeadersConfig"]
    return security["ContentSecurityPolicy"]["ContentSecurityPolicy"]


def _behaviors(distribution: dict[str, Any]) -> list[dict[str, Any]]:
    return [distribution["DefaultCacheBehavior"], *distribution["CacheBehaviors"]]


def _what(template: Template, domain: Any) -> str:
    """The pages' bucket, or the function whose URL a domain name was cut from, by Select and Split."""
    while not (logical_id := target(domain)):
        operation = next(iter(domain))
        domain = domain[operation][1]
    if logical_id in template.resources("AWS::S3::Bucket"):
        return "pages"
    return template.function_name(target(template.resources("AWS::Lambda::Url")[logical_id]["TargetFunctionArn"]))
