"""browser, Telegram, a product ─► CloudFront ─► pages and the functions with a URL: one origin for all of them."""

from pathlib import Path

from aws_cdk import Duration
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_cloudfront_origins as origins
from cdk_nag import NagPackSuppression, NagSuppressions
from constructs import Construct

from infra.api import Api
from infra.capability import Capability, foundation
from infra.creators import Creators
from infra.functions import PublicUrl
from infra.names import account_wide
from infra.outputs import output
from infra.pages import Pages
from infra.realtime import Realtime
from infra.telegram import Telegram
from infra.usage import Usage
from infra.viewers import Viewers

CHANNEL_PAGES = Path(__file__).with_name("channel_pages.js")
VIEWER = Path(__file__).with_name("viewer.js")

INGEST_PATHS = ("/api/usage/track", "/api/usage/batch", "/api/usage/import")

# https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Content-Security-Policy
_CLOSED = "default-src 'none'; base-uri 'none'; form-action 'none'"
_NOTHING = f"{_CLOSED}; frame-ancestors 'none'"

_ERRORS = (400, 403, 404, 405, 414, 500, 501, 502, 503, 504)
"""What CloudFront would answer with for ten seconds, also where it caches nothing else, without asking the origin:
https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/custom-error-pages-expiration.html"""
_BEFORE_A_COLD_START = Duration.seconds(15)
"""A Lambda starts for up to 10 s before its function's time-out begins."""


class Cdn(Capability):
    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        pages: Pages,
        api: Api,
        telegram: Telegram,
        viewers: Viewers,
        usage: Usage,
        realtime: Realtime,
        creators: Creators,
    ) -> None:
        super().__init__(scope, construct_id)
        pictures = ("'self'", "data:", *(f"https://{host}" for host in self.settings.avatar_hosts))
        own = (
            "script-src 'self'; require-trusted-types-for 'script'; style-src 'self'; font-src 'self'; "
            f"manifest-src 'self'; img-src {' '.join(pictures)}; connect-src 'self' {realtime.origin}"
        )
        for_api = self._headers("ApiHeaders", "The API: JSON, which loads nothing", _NOTHING)
        for_pages = self._headers(
            "PagesHeaders", "Pages: our code, avatars of the hosts in avatar_hosts, our sockets", f"{_NOTHING}; {own}"
        )
        for_embeds = self._headers(
            "EmbedHeaders",
            "Pages that any site may frame: their content is the same for everyone",
            # No frame-ancestors: its * matches only http and https, and would block files, sandboxes and apps.
            f"{_CLOSED}; {own}",
            framed=True,
        )
        for_code = self._headers(
            "CodeHeaders", "Modules, for pages of any site: the files are public anyway", _NOTHING, shared=True
        )
        key = foundation(self).cdn_key.sent
        urls = (api.url, telegram.webhook_url, viewers.url, usage.ingest_url, creators.webhook_url)
        http, webhook, heartbeat, ingest, creator_webhook = (_origin(url, key) for url in urls)
        channel_pages = self._at_request("ChannelPages", CHANNEL_PAGES, "Maps every channel's page to the same object")
        viewer = self._at_request("ViewerAddress", VIEWER, "Tells the functions the viewer's address and host")
        domain = self.settings.domain_name
        distribution = cloudfront.Distribution(
            self,
            "Distribution",
            comment="Cairn: pages, API, webhooks of Telegram and creators, viewers, usage",
            certificate=acm.Certificate.from_certificate_arn(self, "Certificate", self.settings.certificate_arn)
            if domain
            else None,
            domain_names=[domain] if domain else None,
            minimum_protocol_version=cloudfront.SecurityPolicyProtocol.TLS_V1_2_2021 if domain else None,
            default_root_object="index.html",
            default_behavior=_cached(pages.origin, for_pages),
            # CloudFront uses the first match.
            additional_behaviors={
                "/api/telegram/webhook": _uncached(webhook, for_api, associations=viewer),
                "/hooks/creators/*": _uncached(creator_webhook, for_api, associations=viewer),
                "/api/viewer/*": _uncached(heartbeat, for_api, self._from_anywhere()),
                **{path: _uncached(ingest, for_api, associations=viewer) for path in INGEST_PATHS},
                # Files beside the pages: nobody needs a key for them, so no function is started for them.
                "/api/docs": _cached(pages.origin, for_pages),
                "/api/openapi.json": _cached(pages.origin, for_api),
                "/api/*": _uncached(http, for_api, associations=viewer),
                "/embed/*": _cached(pages.origin, for_embeds, channel_pages),
                "/live/*": _cached(pages.origin, for_pages, channel_pages),
                "/*.js": _cached(pages.origin, for_code),
            },
            error_responses=[
                cloudfront.ErrorResponse(http_status=status, ttl=Duration.seconds(0)) for status in _ERRORS
            ],
            http_version=cloudfront.HttpVersion.HTTP2_AND_3,
            price_class=cloudfront.PriceClass.PRICE_CLASS_100,
            web_acl_id=self.settings.web_acl_arn or None,
        )
        NagSuppressions.add_resource_suppressions(
            distribution,
            [
                NagPackSuppression(
                    id="AwsSolutions-CFR1", reason="Creators and their fans are everywhere: no country is kept out."
                ),
                NagPackSuppression(
                    id="AwsSolutions-CFR2",
                    reason="WAF has a monthly price that a small user need not pay. web_acl_arn in cdk.json adds one, "
                    "and the functions reject requests that do not come through the distribution. WAF cannot protect "
                    "the WebSocket API: docs/operations.md says what does.",
                ),
                NagPackSuppression(
                    id="AwsSolutions-CFR3",
                    reason="The audit trail has who signs in, writes or is refused by the API, and from which address; "
                    "CloudFront's logs would add who reads pages that anybody may read.",
                ),
                NagPackSuppression(
                    id="AwsSolutions-CFR4",
                    reason="AWS sets the TLS minimum of the cloudfront.net certificate; with domain_name in cdk.json, "
                    "and towards the functions, 1.2 is the minimum.",
                ),
            ],
        )
        given = distribution.distribution_domain_name
        output(self, "ApiUrl", f"https://{domain or given}", description="The one origin: pages, API, Telegram webhook")
        output(self, "DistributionDomainName", given, description="CloudFront's domain name of the origin")
        output(self, "DistributionId", distribution.distribution_id, description="To inspect or invalidate CloudFront")

    def _at_request(self, name: str, code: Path, comment: str) -> list[cloudfront.FunctionAssociation]:
        """A function that changes each request before CloudFront looks for its object."""
        function = cloudfront.Function(
            self,
            name,
            comment=comment,
            code=cloudfront.FunctionCode.from_file(file_path=str(code)),
            runtime=cloudfront.FunctionRuntime.JS_2_0,
        )
        at_request = cloudfront.FunctionEventType.VIEWER_REQUEST
        return [cloudfront.FunctionAssociation(event_type=at_request, function=function)]

    def _from_anywhere(self) -> cloudfront.OriginRequestPolicy:
        """What viewer_heartbeat receives of a request: no cookie, and the viewer's address as CloudFront sees it.

        Not X-Forwarded-For: a Lambda URL passes on its first entry, which the viewer can forge:
        https://speedrun.nobackspacecrew.com/blog/2026/03/06/obtaining-caller-ip-address-with-lambda-furls.html
        """
        return cloudfront.OriginRequestPolicy(
            self,
            "FromAnywhere",
            origin_request_policy_name=account_wide(self, "FromAnywhere"),
            comment="From pages of any site: no cookies, and the viewer's address",
            cookie_behavior=cloudfront.OriginRequestCookieBehavior.none(),
            header_behavior=cloudfront.OriginRequestHeaderBehavior.allow_list(
                "Access-Control-Request-Headers",
                "Access-Control-Request-Method",
                "CloudFront-Viewer-Address",
                "Content-Type",
                "Last-Event-ID",
                "Origin",
            ),
            query_string_behavior=cloudfront.OriginRequestQueryStringBehavior.all(),
        )

    def _headers(
        self, name: str, comment: str, policy: str, *, framed: bool = False, shared: bool = False
    ) -> cloudfront.ResponseHeadersPolicy:
        """HTTPS only, no sniffing, only the origin as referrer to other sites, and what a page may load.

        `framed` allows framing; `shared` lets pages of other sites read it.
        """
        return cloudfront.ResponseHeadersPolicy(
            self,
            name,
            response_headers_policy_name=account_wide(self, name),
            comment=comment,
            cors_behavior=cloudfront.ResponseHeadersCorsBehavior(
                access_control_allow_credentials=False,
                access_control_allow_headers=["*"],
                access_control_allow_methods=["GET", "HEAD"],
                access_control_allow_origins=["*"],
                origin_override=True,
            )
            if shared
            else None,
            custom_headers_behavior=cloudfront.ResponseCustomHeadersBehavior(
                custom_headers=[
                    cloudfront.ResponseCustomHeader(
                        header="Cross-Origin-Resource-Policy", value="cross-origin", override=True
                    )
                ]
            )
            if shared
            else None,
            security_headers_behavior=cloudfront.ResponseSecurityHeadersBehavior(
                content_security_policy=cloudfront.ResponseHeadersContentSecurityPolicy(
                    content_security_policy=policy, override=True
                ),
                frame_options=None
                if framed
                else cloudfront.ResponseHeadersFrameOptions(
                    frame_option=cloudfront.HeadersFrameOption.DENY, override=True
                ),
                strict_transport_security=cloudfront.ResponseHeadersStrictTransportSecurity(
                    # Not for subdomains: those of the operator's domain_name need not be Cairn's.
                    access_control_max_age=Duration.days(365),
                    include_subdomains=False,
                    override=True,
                ),
                content_type_options=cloudfront.ResponseHeadersContentTypeOptions(override=True),
                referrer_policy=cloudfront.ResponseHeadersReferrerPolicy(
                    referrer_policy=cloudfront.HeadersReferrerPolicy.STRICT_ORIGIN_WHEN_CROSS_ORIGIN, override=False
                ),
            ),
        )


def _origin(url: PublicUrl, key: str) -> cloudfront.IOrigin:
    """A Lambda URL; the key replaces what the viewer sent in its header.

    CloudFront waits longer than the function may take: it would send a GET without an answer again, twice.
    """
    return origins.HttpOrigin(
        url.host,
        protocol_policy=cloudfront.OriginProtocolPolicy.HTTPS_ONLY,
        custom_headers={"X-Cairn-Front": key},
        read_timeout=url.timeout.plus(_BEFORE_A_COLD_START),
    )


def _cached(
    origin: cloudfront.IOrigin,
    headers: cloudfront.ResponseHeadersPolicy,
    associations: list[cloudfront.FunctionAssociation] | None = None,
) -> cloudfront.BehaviorOptions:
    """Cached as long as each object's Cache-Control says."""
    return cloudfront.BehaviorOptions(
        origin=origin,
        allowed_methods=cloudfront.AllowedMethods.ALLOW_GET_HEAD,
        cache_policy=cloudfront.CachePolicy.CACHING_OPTIMIZED,
        compress=True,
        function_associations=associations,
        response_headers_policy=headers,
        viewer_protocol_policy=cloudfront.ViewerProtocolPolicy.REDIRECT_TO_HTTPS,
    )


def _uncached(
    origin: cloudfront.IOrigin,
    headers: cloudfront.ResponseHeadersPolicy,
    forwarded: cloudfront.IOriginRequestPolicy = cloudfront.OriginRequestPolicy.ALL_VIEWER_EXCEPT_HOST_HEADER,
    associations: list[cloudfront.FunctionAssociation] | None = None,
) -> cloudfront.BehaviorOptions:
    return cloudfront.BehaviorOptions(
        origin=origin,
        allowed_methods=cloudfront.AllowedMethods.ALLOW_ALL,
        cache_policy=cloudfront.CachePolicy.CACHING_DISABLED,
        function_associations=associations,
        origin_request_policy=forwarded,
        response_headers_policy=headers,
        viewer_protocol_policy=cloudfront.ViewerProtocolPolicy.REDIRECT_TO_HTTPS,
    )
