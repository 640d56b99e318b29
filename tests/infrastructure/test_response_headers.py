"""What CloudFront adds to answers: who may frame a page, what it may load, and who may read it."""

from collections.abc import Mapping
from typing import Any

from tests.infrastructure.distribution import behavior_at, behaviors_of, directives_of, headers_of, policy_of
from tests.infrastructure.template import Template, stack_of, target

SECURITY = {
    "ContentSecurityPolicy",
    "ContentTypeOptions",
    "FrameOptions",
    "ReferrerPolicy",
    "StrictTransportSecurity",
}


def test_every_answer_carries_the_security_headers(template: Template, distribution: dict[str, Any]) -> None:
    policies = template.resources("AWS::CloudFront::ResponseHeadersPolicy")
    used = {target(behavior["ResponseHeadersPolicyId"]) for behavior in behaviors_of(distribution)}
    assert used == set(policies)
    for behavior in behaviors_of(distribution):
        framed = {"FrameOptions"} if behavior.get("PathPattern") == "/embed/*" else set()
        assert set(headers_of(template, behavior)["SecurityHeadersConfig"]) == SECURITY - framed


def test_any_site_may_frame_what_is_made_for_it_and_nothing_else(
    template: Template, distribution: dict[str, Any]
) -> None:
    for behavior in behaviors_of(distribution):
        security = headers_of(template, behavior)["SecurityHeadersConfig"]
        ancestors = directives_of(template, behavior).get("frame-ancestors")
        if behavior.get("PathPattern") == "/embed/*":
            assert (ancestors, security.get("FrameOptions")) == (None, None)
        else:
            assert (ancestors, security["FrameOptions"]) == ("'none'", {"FrameOption": "DENY", "Override": True})


def test_an_embedded_page_may_do_what_any_page_may(template: Template, distribution: dict[str, Any]) -> None:
    page, embed, live = (
        directives_of(template, behavior)
        for behavior in (
            distribution["DefaultCacheBehavior"],
            *(behavior_at(distribution, path) for path in ("/embed/*", "/live/*")),
        )
    )
    assert live == page
    assert embed == {name: value for name, value in page.items() if name != "frame-ancestors"}


def test_pages_of_any_site_may_load_our_modules_and_read_nothing_else_of_ours(
    template: Template, distribution: dict[str, Any]
) -> None:
    headers = {one.get("PathPattern", "*"): headers_of(template, one) for one in behaviors_of(distribution)}
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
    _, sockets = policy_of(template, distribution["DefaultCacheBehavior"])["Fn::Join"][1]
    assert directives_of(template, distribution["DefaultCacheBehavior"]) == {
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
    directives = directives_of(template, properties["DistributionConfig"]["DefaultCacheBehavior"])
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
    policies = {one.get("PathPattern", "*"): str(policy_of(template, one)) for one in behaviors_of(distribution)}
    assert [path for path, policy in policies.items() if "unsafe" in policy] == []
    for behavior in behaviors_of(distribution):
        directives = directives_of(template, behavior)
        assert {directives[name] for name in ("default-src", "base-uri", "form-action")} == {"'none'"}


def test_subdomains_of_the_operators_domain_are_not_bound_to_https(template: Template) -> None:
    for policy in template.resources("AWS::CloudFront::ResponseHeadersPolicy").values():
        config = policy["ResponseHeadersPolicyConfig"]["SecurityHeadersConfig"]["StrictTransportSecurity"]
        assert (config["IncludeSubdomains"], config["AccessControlMaxAgeSec"]) == (False, 365 * 24 * 3600)
