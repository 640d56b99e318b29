"""The one public origin: pages and API together, everything TLS, and each path only as open as necessary."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from cairn.cdn import KEY_HEADER
from testing.functions import PUBLIC_FUNCTIONS
from tests.infrastructure.template import Template, stack_of, target

# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-cache-policies.html
CACHING_DISABLED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
CACHING_OPTIMIZED = "658327ea-f89d-4fab-a63d-7e88639e58f6"
# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-origin-request-policies.html
ALL_VIEWER_EXCEPT_HOST_HEADER = "b689b0a8-53d0-40ab-baf2-68738e2966ac"
PAGES = {"/api/docs", "/api/openapi.json", "/embed/*", "/live/*", "/*.js"}
SECURITY = {
    "ContentSecurityPolicy",
    "ContentTypeOptions",
    "FrameOptions",
    "ReferrerPolicy",
    "StrictTransportSecurity",
}
NODE = Path(sys.executable).with_name("node")


@pytest.fixture
def distribution(template: Template) -> dict[str, Any]:
    (properties,) = template.resources("AWS::CloudFront::Distribution").values()
    config: dict[str, Any] = properties["DistributionConfig"]
    return config


def test_telegrams_updates_go_to_the_webhook_viewers_to_heartbeats_the_api_has_its_paths_and_all_else_are_pages(
    template: Template, distribution: dict[str, Any]
) -> None:
    origins = {origin["Id"]: _what(template, origin["DomainName"]) for origin in distribution["Origins"]}
    paths = [
        (behavior["PathPattern"], origins[behavior["TargetOriginId"]]) for behavior in distribution["CacheBehaviors"]
    ]
    # CloudFront uses the first pattern that matches.
    assert paths == [
        ("/api/telegram/webhook", "telegram_webhook"),
        ("/api/viewer/*", "viewer_heartbeat"),
        ("/api/docs", "pages"),
        ("/api/openapi.json", "pages"),
        ("/api/*", "api"),
        ("/embed/*", "pages"),
        ("/live/*", "pages"),
        ("/*.js", "pages"),
    ]
    assert origins[distribution["DefaultCacheBehavior"]["TargetOriginId"]] == "pages"
    assert distribution["DefaultRootObject"] == "index.html"


def test_the_api_is_not_cached_and_every_method_header_and_query_reaches_it(distribution: dict[str, Any]) -> None:
    for behavior in distribution["CacheBehaviors"]:
        if behavior["PathPattern"] not in PAGES:
            assert behavior["CachePolicyId"] == CACHING_DISABLED
            assert {"GET", "HEAD", "OPTIONS", "PUT", "PATCH", "POST", "DELETE"} == set(behavior["AllowedMethods"])
        if behavior["PathPattern"] not in PAGES | {"/api/viewer/*"}:
            assert behavior["OriginRequestPolicyId"] == ALL_VIEWER_EXCEPT_HOST_HEADER


def test_viewer_heartbeat_receives_no_cookie_and_the_viewers_address_from_cloudfront_itself(
    template: Template, distribution: dict[str, Any]
) -> None:
    """A Lambda URL passes on the first entry of X-Forwarded-For, which the viewer can forge."""
    ((logical_id, policy),) = template.resources("AWS::CloudFront::OriginRequestPolicy").items()
    assert target(_behavior(distribution, "/api/viewer/*")["OriginRequestPolicyId"]) == logical_id
    config = policy["OriginRequestPolicyConfig"]
    assert config["CookiesConfig"] == {"CookieBehavior": "none"}
    assert config["QueryStringsConfig"] == {"QueryStringBehavior": "all"}
    assert config["HeadersConfig"]["HeaderBehavior"] == "whitelist"
    assert {"CloudFront-Viewer-Address", "Content-Type", "Last-Event-ID", "Origin"} < set(
        config["HeadersConfig"]["Headers"]
    )


def test_every_function_with_a_url_rejects_what_does_not_come_through_this_distribution(template: Template) -> None:
    """That the functions do reject it, tests/integration/test_cdn.py tests, for each of them."""
    public = {
        template.function_name(target(url["TargetFunctionArn"]))
        for url in template.resources("AWS::Lambda::Url").values()
    }
    assert set(_sent_keys(template)) == public == set(PUBLIC_FUNCTIONS)
    variables = _cdn_variables(template)
    assert set(variables) == public
    for name, key in _sent_keys(template).items():
        assert variables[name] == {"CDN_KEYS": key, "DIRECT_CALLS": "reject"}
    (key,) = map(json.dumps, {str(key): key for key in _sent_keys(template).values()}.values())
    assert "{{resolve:secretsmanager:" in key
    assert "StackId" not in key, "who knows a name of the stack's must not know its key"


def test_the_keys_secret_is_generated_and_in_no_template(template: Template) -> None:
    (generated,) = (
        secret for secret in template.resources("AWS::SecretsManager::Secret").values() if "SecretString" not in secret
    )
    assert generated["GenerateSecretString"] == {"ExcludePunctuation": True, "PasswordLength": 48}


def test_while_the_key_is_rotated_the_one_before_is_still_accepted(
    template: Template, context: Mapping[str, Any]
) -> None:
    """CloudFormation changes the functions first, and then the distribution, which takes minutes."""
    rotated = Template.of(stack_of(context, cdn_key_generation=2))
    before, after = _sent_keys(template)["api"], _sent_keys(rotated)["api"]
    assert before != after
    accepted = json.dumps(_cdn_variables(rotated)["api"]["CDN_KEYS"])
    assert target(after) in accepted
    assert target(before) in accepted


def test_an_older_distribution_that_sends_no_key_can_be_upgraded(context: Mapping[str, Any]) -> None:
    upgrading = Template.of(stack_of(context, direct_calls="allow"))
    assert {variables["DIRECT_CALLS"] for variables in _cdn_variables(upgrading).values()} == {"allow"}


def test_a_web_acl_is_one_line_of_cdk_json(distribution: dict[str, Any], context: Mapping[str, Any]) -> None:
    assert "WebACLId" not in distribution
    arn = "arn:aws:wafv2:us-east-1:123456789012:global/webacl/cairn/1"
    (guarded,) = Template.of(stack_of(context, web_acl_arn=arn)).resources("AWS::CloudFront::Distribution").values()
    assert guarded["DistributionConfig"]["WebACLId"] == arn


def test_functions_learn_the_viewers_address_from_the_distribution_whatever_its_headers_claim(
    template: Template, distribution: dict[str, Any]
) -> None:
    functions = template.resources("AWS::CloudFront::Function")
    told = {
        behavior["PathPattern"]: functions[target(association["FunctionARN"])]["FunctionCode"]
        for behavior in distribution["CacheBehaviors"]
        for association in behavior.get("FunctionAssociations", [])
        if behavior["PathPattern"].startswith("/api/")
    }
    assert set(told) == {"/api/telegram/webhook", "/api/*"}
    forged = {"viewer": {"ip": "2001:db8::7"}, "request": {"headers": {"x-cairn-viewer": {"value": "203.0.113.1"}}}}
    for code in told.values():
        script = f"{code}\nconsole.log(JSON.stringify(handler({json.dumps(forged)})))"
        printed = subprocess.run([NODE, "--eval", script], capture_output=True, text=True, check=True).stdout
        assert json.loads(printed) == {"headers": {"x-cairn-viewer": {"value": "2001:db8::7"}}}
    # Where that function is not, the header must not pass.
    (policy,) = template.resources("AWS::CloudFront::OriginRequestPolicy").values()
    headers = policy["OriginRequestPolicyConfig"]["HeadersConfig"]["Headers"]
    assert "x-cairn-viewer" not in {header.lower() for header in headers}


def test_only_the_function_itself_allows_pages_of_any_site_to_read_its_responses(
    template: Template, distribution: dict[str, Any]
) -> None:
    """Browsers reject a header that is sent twice."""
    assert [url for url in template.resources("AWS::Lambda::Url").values() if "Cors" in url] == []
    assert "CorsConfig" not in _headers(template, _behavior(distribution, "/api/viewer/*"))


def test_pages_are_read_only_and_cached_as_long_as_their_own_headers_say(distribution: dict[str, Any]) -> None:
    for behavior in _behaviors(distribution):
        if behavior.get("PathPattern") in PAGES | {None}:
            assert behavior["CachePolicyId"] == CACHING_OPTIMIZED
            assert behavior["AllowedMethods"] == ["GET", "HEAD"]
            assert behavior["Compress"] is True


def test_a_page_about_a_channel_is_one_object_whichever_channel(
    template: Template, distribution: dict[str, Any]
) -> None:
    used = {
        behavior["PathPattern"]: [(one["EventType"], target(one["FunctionARN"])) for one in associations]
        for behavior in distribution["CacheBehaviors"]
        if (associations := behavior.get("FunctionAssociations")) and not behavior["PathPattern"].startswith("/api/")
    }
    (logical_id,) = {logical_id for ((_, logical_id),) in used.values()}
    assert used == {path: [("viewer-request", logical_id)] for path in ("/embed/*", "/live/*")}
    function = template.resources("AWS::CloudFront::Function")[logical_id]
    assert function["AutoPublish"] is True
    assert function["FunctionConfig"]["Runtime"] == "cloudfront-js-2.0"
    uris = {
        "/live/demo": "/live",
        "/embed/demo": "/embed",
        "/embed/youtube:UC_x-1.~%40": "/embed",
        "/live/demo.js": "/live",
        "/live/demo/": "/live",
        "/live/": "/live",
        "/live/a/b": "/live",
        "/live": "/live",
        "/alive/demo": "/alive/demo",
    }
    results = f"{json.dumps(list(uris))}.map((uri) => handler({{ request: {{ uri }} }}).uri)"
    script = f"{function['FunctionCode']}\nconsole.log(JSON.stringify({results}))"
    printed = subprocess.run([NODE, "--eval", script], capture_output=True, text=True, check=True).stdout
    assert json.loads(printed) == list(uris.values())


def test_no_answer_of_the_api_is_replaced_by_a_page(distribution: dict[str, Any]) -> None:
    """Error pages apply to the whole distribution; they cannot be limited to a path."""
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
    # With the permission to list, S3 answers 404 for a missing object; without, 403.
    assert set(allowed["Action"]) == {"s3:GetObject", "s3:ListBucket"}
    (source,) = allowed["Condition"]["StringEquals"].values()
    assert {"Ref": distribution} in source["Fn::Join"][1]


def test_every_answer_carries_the_security_headers(template: Template, distribution: dict[str, Any]) -> None:
    policies = template.resources("AWS::CloudFront::ResponseHeadersPolicy")
    used = {target(behavior["ResponseHeadersPolicyId"]) for behavior in _behaviors(distribution)}
    assert used == set(policies)
    for behavior in _behaviors(distribution):
        framed = {"FrameOptions"} if behavior.get("PathPattern") == "/embed/*" else set()
        assert set(_headers(template, behavior)["SecurityHeadersConfig"]) == SECURITY - framed


def test_any_site_may_frame_what_is_made_for_it_and_nothing_else(
    template: Template, distribution: dict[str, Any]
) -> None:
    for behavior in _behaviors(distribution):
        security = _headers(template, behavior)["SecurityHeadersConfig"]
        ancestors = _directives(template, behavior).get("frame-ancestors")
        if behavior.get("PathPattern") == "/embed/*":
            assert (ancestors, security.get("FrameOptions")) == (None, None)
        else:
            assert (ancestors, security["FrameOptions"]) == ("'none'", {"FrameOption": "DENY", "Override": True})


def test_an_embedded_page_may_do_what_any_page_may(template: Template, distribution: dict[str, Any]) -> None:
    page, embed, live = (
        _directives(template, behavior)
        for behavior in (
            distribution["DefaultCacheBehavior"],
            *(_behavior(distribution, path) for path in ("/embed/*", "/live/*")),
        )
    )
    assert live == page
    assert embed == {name: value for name, value in page.items() if name != "frame-ancestors"}


def test_pages_of_any_site_may_load_our_modules_and_read_nothing_else_of_ours(
    template: Template, distribution: dict[str, Any]
) -> None:
    headers = {one.get("PathPattern", "*"): _headers(template, one) for one in _behaviors(distribution)}
    shared = {path: config for path, config in headers.items() if {"CorsConfig", "CustomHeadersConfig"} & set(config)}
    assert set(shared) == {"/*.js"}
    cors = shared["/*.js"]["CorsConfig"]
    assert cors["AccessControlAllowOrigins"] == {"Items": ["*"]}
    assert cors["AccessControlAllowCredentials"] is False
    assert set(cors["AccessControlAllowMethods"]["Items"]) == {"GET", "HEAD"}
    (resource_policy,) = shared["/*.js"]["CustomHeadersConfig"]["Items"]
    assert (resource_policy["Header"], resource_policy["Value"]) == ("Cross-Origin-Resource-Policy", "cross-origin")


def test_a_page_runs_its_own_code_and_reaches_its_own_origin_and_sockets_and_nothing_else(
    template: Template, distribution: dict[str, Any]
) -> None:
    _, sockets = _policy(template, distribution["DefaultCacheBehavior"])["Fn::Join"][1]
    assert _directives(template, distribution["DefaultCacheBehavior"]) == {
        "connect-src": "'self'",
        "default-src": "'none'",
        "frame-ancestors": "'none'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "script-src": "'self'",
        "require-trusted-types-for": "'script'",
        "style-src": "'self'",
        "font-src": "'self'",
        "manifest-src": "'self'",
        "img-src": "'self' data:",
    }
    (api,) = template.resources("AWS::ApiGatewayV2::Api")
    _, _, in_aws = sockets["Fn::If"]
    assert in_aws["Fn::Join"][1][:2] == ["wss://", {"Ref": api}]


def test_pictures_come_from_the_hosts_that_the_operator_named_and_from_nowhere_else(context: Mapping[str, Any]) -> None:
    template = Template.of(stack_of(context, avatar_hosts=["pictures.example.com", "cdn.example.org"]))
    (properties,) = template.resources("AWS::CloudFront::Distribution").values()
    directives = _directives(template, properties["DistributionConfig"]["DefaultCacheBehavior"])
    assert directives["img-src"] == "'self' data: https://pictures.example.com https://cdn.example.org"
    hosts = {
        template.function_name(name): function["Environment"]["Variables"].get("AVATAR_HOSTS")
        for name, function in template.functions.items()
    }
    assert {name for name, value in hosts.items() if value == "pictures.example.com,cdn.example.org"} == {
        "api",
        "broadcast",
        "detect_milestone",
    }


def test_no_page_has_code_in_it(template: Template, distribution: dict[str, Any]) -> None:
    policies = {one.get("PathPattern", "*"): str(_policy(template, one)) for one in _behaviors(distribution)}
    assert [path for path, policy in policies.items() if "unsafe" in policy] == []
    for behavior in _behaviors(distribution):
        directives = _directives(template, behavior)
        assert {directives[name] for name in ("default-src", "base-uri", "form-action")} == {"'none'"}


def _sent_keys(template: Template) -> dict[str, Any]:
    """The function behind each origin, and the key that the distribution sends to it."""
    (distribution,) = template.resources("AWS::CloudFront::Distribution").values()
    sent = {}
    for origin in distribution["DistributionConfig"]["Origins"]:
        if "S3OriginConfig" not in origin:
            (header,) = origin["OriginCustomHeaders"]
            assert header["HeaderName"].lower() == KEY_HEADER
            sent[_what(template, origin["DomainName"])] = header["HeaderValue"]
    return sent


def _cdn_variables(template: Template) -> dict[str, dict[str, Any]]:
    """What each function knows of the distribution, of those that know anything."""
    variables = {
        template.function_name(logical_id): function["Environment"]["Variables"]
        for logical_id, function in template.functions.items()
    }
    return {
        name: {variable: known[variable] for variable in ("CDN_KEYS", "DIRECT_CALLS")}
        for name, known in variables.items()
        if "CDN_KEYS" in known
    }


def _headers(template: Template, behavior: Mapping[str, Any]) -> Mapping[str, Any]:
    policy = template.resources("AWS::CloudFront::ResponseHeadersPolicy")[target(behavior["ResponseHeadersPolicyId"])]
    config: Mapping[str, Any] = policy["ResponseHeadersPolicyConfig"]
    return config


def _policy(template: Template, behavior: Mapping[str, Any]) -> Any:
    return _headers(template, behavior)["SecurityHeadersConfig"]["ContentSecurityPolicy"]["ContentSecurityPolicy"]


def _directives(template: Template, behavior: Mapping[str, Any]) -> dict[str, str]:
    """The directives of a policy, without the sockets' origin at its end: only CloudFormation knows that."""
    policy = _policy(template, behavior)
    text = policy if isinstance(policy, str) else policy["Fn::Join"][1][0]
    return {name: value.strip() for name, _, value in (part.strip().partition(" ") for part in text.split(";"))}


def _behavior(distribution: Mapping[str, Any], path: str) -> Mapping[str, Any]:
    (behavior,) = (one for one in distribution["CacheBehaviors"] if one["PathPattern"] == path)
    return dict(behavior)


def _behaviors(distribution: dict[str, Any]) -> list[dict[str, Any]]:
    return [distribution["DefaultCacheBehavior"], *distribution["CacheBehaviors"]]


def _what(template: Template, domain: Any) -> str:
    """`pages` for the bucket, or the function from whose URL Select and Split cut the domain name."""
    while not (logical_id := target(domain)):
        operation = next(iter(domain))
        domain = domain[operation][1]
    if logical_id in template.resources("AWS::S3::Bucket"):
        return "pages"
    return template.function_name(target(template.resources("AWS::Lambda::Url")[logical_id]["TargetFunctionArn"]))
