"""The one public origin: pages and API together, everything TLS, and each path only as open as necessary."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cairn.cdn import HOST_HEADER, KEY_HEADER, VIEWER_HEADER
from testing.functions import PUBLIC_FUNCTIONS
from tests.infrastructure.distribution import behavior_at, behaviors_of, headers_of, origin_of, policy_of
from tests.infrastructure.template import Template, stack_of, target

# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-cache-policies.html
CACHING_DISABLED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
CACHING_OPTIMIZED = "658327ea-f89d-4fab-a63d-7e88639e58f6"
# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-origin-request-policies.html
ALL_VIEWER_EXCEPT_HOST_HEADER = "b689b0a8-53d0-40ab-baf2-68738e2966ac"
PAGES = {"/api/docs", "/api/openapi.json", "/embed/*", "/live/*", "/*.js"}
CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/c0ffee00-1111-2222-3333-444444444444"
NODE = Path(sys.executable).with_name("node")


def test_telegrams_updates_hooks_viewers_and_usage_go_to_their_functions_the_api_has_its_paths_and_all_else_are_pages(
    template: Template, distribution: dict[str, Any]
) -> None:
    origins = {origin["Id"]: origin_of(template, origin["DomainName"]) for origin in distribution["Origins"]}
    paths = [
        (behavior["PathPattern"], origins[behavior["TargetOriginId"]]) for behavior in distribution["CacheBehaviors"]
    ]
    # CloudFront uses the first pattern that matches.
    assert paths == [
        ("/api/telegram/webhook", "telegram_webhook"),
        ("/hooks/creators/*", "creator_webhook"),
        ("/api/viewer/*", "viewer_heartbeat"),
        ("/api/usage/track", "ingest_usage"),
        ("/api/usage/batch", "ingest_usage"),
        ("/api/usage/import", "ingest_usage"),
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
    assert target(behavior_at(distribution, "/api/viewer/*")["OriginRequestPolicyId"]) == logical_id
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


def test_a_domain_of_the_operators_is_the_one_origin(
    template: Template, distribution: dict[str, Any], context: Mapping[str, Any]
) -> None:
    assert not {"Aliases", "ViewerCertificate"} & distribution.keys()
    named = Template.of(stack_of(context, domain_name="cairn.example.com", certificate_arn=CERTIFICATE))
    (properties,) = named.resources("AWS::CloudFront::Distribution").values()
    assert properties["DistributionConfig"]["Aliases"] == ["cairn.example.com"]
    assert properties["DistributionConfig"]["ViewerCertificate"] == {
        "AcmCertificateArn": CERTIFICATE,
        "MinimumProtocolVersion": "TLSv1.2_2021",
        "SslSupportMethod": "sni-only",
    }
    assert named.body["Outputs"]["ApiUrl"]["Value"] == "https://cairn.example.com"
    domain_name = template.body["Outputs"]["DistributionDomainName"]["Value"]
    assert named.body["Outputs"]["DistributionDomainName"]["Value"] == domain_name, "what the DNS record points to"
    page, pages = properties["DistributionConfig"]["DefaultCacheBehavior"], distribution["DefaultCacheBehavior"]
    assert policy_of(named, page) == policy_of(template, pages)


def test_functions_learn_the_viewers_address_and_host_from_the_distribution_whatever_its_headers_claim(
    template: Template, distribution: dict[str, Any]
) -> None:
    functions = template.resources("AWS::CloudFront::Function")
    told = {
        behavior["PathPattern"]: functions[target(association["FunctionARN"])]["FunctionCode"]
        for behavior in distribution["CacheBehaviors"]
        for association in behavior.get("FunctionAssociations", [])
        if behavior["PathPattern"].startswith("/api/")
    }
    usage = {"/api/usage/track", "/api/usage/batch", "/api/usage/import"}
    assert set(told) == {"/api/telegram/webhook", "/api/*"} | usage
    host = {"host": {"value": "d1.cloudfront.net"}}
    claimed = {VIEWER_HEADER: {"value": "203.0.113.1"}, HOST_HEADER: {"value": "evil.example"}}
    forged = {"viewer": {"ip": "2001:db8::7"}, "request": {"headers": host | claimed}}
    true = {VIEWER_HEADER: {"value": "2001:db8::7"}, HOST_HEADER: {"value": "d1.cloudfront.net"}}
    for code in told.values():
        script = f"{code}\nconsole.log(JSON.stringify(handler({json.dumps(forged)})))"
        printed = subprocess.run([NODE, "--eval", script], capture_output=True, text=True, check=True).stdout
        assert json.loads(printed) == {"headers": host | true}
    # Where that function is not, the headers must not pass.
    (policy,) = template.resources("AWS::CloudFront::OriginRequestPolicy").values()
    headers = policy["OriginRequestPolicyConfig"]["HeadersConfig"]["Headers"]
    assert not {VIEWER_HEADER, HOST_HEADER} & {header.lower() for header in headers}


def test_only_the_function_itself_allows_pages_of_any_site_to_read_its_responses(
    template: Template, distribution: dict[str, Any]
) -> None:
    """Browsers reject a header that is sent twice."""
    assert [url for url in template.resources("AWS::Lambda::Url").values() if "Cors" in url] == []
    assert "CorsConfig" not in headers_of(template, behavior_at(distribution, "/api/viewer/*"))


def test_pages_are_read_only_and_cached_as_long_as_their_own_headers_say(distribution: dict[str, Any]) -> None:
    for behavior in behaviors_of(distribution):
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
        if (associations := behavior.get("FunctionAssociations"))
        and not behavior["PathPattern"].startswith(("/api/", "/hooks/"))
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
    for response in distribution["CustomErrorResponses"]:
        assert response.keys() == {"ErrorCode", "ErrorCachingMinTTL"}


def test_an_error_is_over_when_its_cause_is(distribution: dict[str, Any]) -> None:
    """By default CloudFront answers with an error for ten seconds, also on paths that are not cached.

    https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/HTTPStatusCodes.html
    """
    kept = {response["ErrorCode"]: response["ErrorCachingMinTTL"] for response in distribution["CustomErrorResponses"]}
    assert kept == dict.fromkeys((400, 403, 404, 405, 414, 500, 501, 502, 503, 504), 0)


def test_cloudfront_waits_longer_than_a_function_may_start_and_run_and_not_longer_than_it_can(
    template: Template, distribution: dict[str, Any]
) -> None:
    """It sends a GET again when its time is up, and a Lambda may start for ten seconds before the function's begin.

    https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/DownloadDistValuesOrigin.html
    """
    timeouts = {template.function_name(name): function["Timeout"] for name, function in template.functions.items()}
    waits = {
        origin_of(template, origin["DomainName"]): origin["CustomOriginConfig"]["OriginReadTimeout"]
        for origin in distribution["Origins"]
        if "CustomOriginConfig" in origin
    }
    assert set(waits) == set(PUBLIC_FUNCTIONS)
    for name, seconds in waits.items():
        assert timeouts[name] + 10 < seconds <= 60


def test_everything_is_tls(distribution: dict[str, Any]) -> None:
    assert {behavior["ViewerProtocolPolicy"] for behavior in behaviors_of(distribution)} == {"redirect-to-https"}
    for origin in distribution["Origins"]:
        if "S3OriginConfig" not in origin:
            assert origin["CustomOriginConfig"]["OriginProtocolPolicy"] == "https-only"
            assert origin["CustomOriginConfig"]["OriginSSLProtocols"] == ["TLSv1.2"]


def test_the_pages_bucket_is_private_encrypted_and_read_by_this_distribution_alone(
    template: Template, distribution: dict[str, Any]
) -> None:
    ((logical_id, bucket),) = template.resources("AWS::S3::Bucket").items()
    ((cloudfront, _),) = template.resources("AWS::CloudFront::Distribution").items()
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    (policy,) = template.resources("AWS::S3::BucketPolicy").values()
    assert target(policy["Bucket"]) == logical_id
    denied, allowed = sorted(policy["PolicyDocument"]["Statement"], key=lambda statement: statement["Effect"] != "Deny")
    assert (denied["Effect"], allowed["Effect"]) == ("Deny", "Allow")
    assert denied["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert allowed["Principal"] == {"Service": "cloudfront.amazonaws.com"}
    (source,) = allowed["Condition"]["StringEquals"].values()
    assert {"Ref": cloudfront} in source["Fn::Join"][1]
    # The requests are signed, or the bucket could not tell whose they are.
    (origin,) = (origin for origin in distribution["Origins"] if "S3OriginConfig" in origin)
    signing = template.resources("AWS::CloudFront::OriginAccessControl")[target(origin["OriginAccessControlId"])]
    assert signing["OriginAccessControlConfig"]["SigningBehavior"] == "always"


def test_a_page_that_does_not_exist_is_a_404_of_s3(template: Template) -> None:
    """MiniStack answers 404 in any case. S3 does so only for who may list the bucket, and 403 for everybody else.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
    """
    ((bucket, _),) = template.resources("AWS::S3::Bucket").items()
    (policy,) = template.resources("AWS::S3::BucketPolicy").values()
    (allowed,) = (one for one in policy["PolicyDocument"]["Statement"] if one["Effect"] == "Allow")
    assert set(allowed["Action"]) == {"s3:GetObject", "s3:ListBucket"}
    arn = {"Fn::GetAtt": [bucket, "Arn"]}
    assert allowed["Resource"] == [arn, {"Fn::Join": ["", [arn, "/*"]]}], "the list is of the bucket, not of an object"


def _sent_keys(template: Template) -> dict[str, Any]:
    """The function behind each origin, and the key that the distribution sends to it."""
    (distribution,) = template.resources("AWS::CloudFront::Distribution").values()
    sent = {}
    for origin in distribution["DistributionConfig"]["Origins"]:
        if "S3OriginConfig" not in origin:
            (header,) = origin["OriginCustomHeaders"]
            assert header["HeaderName"].lower() == KEY_HEADER
            sent[origin_of(template, origin["DomainName"])] = header["HeaderValue"]
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
