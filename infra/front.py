"""browser, Telegram ─► CloudFront ─► pages, api, telegram_webhook, viewer_heartbeat: one origin for all of them."""

from collections.abc import Mapping
from pathlib import Path

from aws_cdk import Duration
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_cloudfront_origins as origins
from cdk_nag import NagPackSuppression, NagSuppressions
from constructs import Construct

from infra.http import Http
from infra.outputs import output
from infra.pages import Pages
from infra.presence import Presence
from infra.sockets import Sockets

CHANNEL_PAGES = Path(__file__).with_name("channel_pages.js")

# https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Content-Security-Policy
_CLOSED = "default-src 'none'; base-uri 'none'; form-action 'none'"
_NOTHING = f"{_CLOSED}; frame-ancestors 'none'"
_SWAGGER = (
    f"{_NOTHING}; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src 'self' data:; connect-src 'self'"
)


class Front(Construct):
    def __init__(
        self, scope: Construct, construct_id: str, *, http: Http, presence: Presence, pages: Pages, sockets: Sockets
    ) -> None:
        super().__init__(scope, construct_id)
        own = (
            "script-src 'self'; require-trusted-types-for 'script'; style-src 'self'; font-src 'self'; "
            f"manifest-src 'self'; img-src 'self' https: data:; connect-src 'self' {sockets.origin}"
        )
        for_api = self._headers("ApiHeaders", "The API: JSON, which loads nothing", _NOTHING)
        for_docs = self._headers("DocsHeaders", "The API's page: Swagger's code stands in it", _SWAGGER)
        for_pages = self._headers(
            "PagesHeaders", "Pages: their own code, avatars from anywhere, our sockets", f"{_NOTHING}; {own}"
        )
        for_embeds = self._headers(
            "EmbedHeaders",
            "Pages that any site may frame: nothing in them is for one person alone",
            # No frame-ancestors at all: its * stands for http and https alone, and keeps out files, sandboxes and apps.
            f"{_CLOSED}; {own}",
            framed=True,
        )
        for_code = self._headers(
            "CodeHeaders", "Modules, for pages of any site: they are in public as they are", _NOTHING, shared=True
        )
        api, webhook = (_origin(host) for host in (http.api_host, http.webhook_host))
        viewers = _origin(presence.host, {"X-Cairn-Front": presence.front_key})
        channel_pages = cloudfront.Function(
            self,
            "ChannelPages",
            comment="A page about a channel is one object, whichever channel",
            code=cloudfront.FunctionCode.from_file(file_path=str(CHANNEL_PAGES)),
            runtime=cloudfront.FunctionRuntime.JS_2_0,
        )
        distribution = cloudfront.Distribution(
            self,
            "Distribution",
            comment="Cairn: pages, API, Telegram webhook, viewers",
            default_root_object="index.html",
            default_behavior=_cached(pages.origin, for_pages),
            # The first that matches counts.
            additional_behaviors={
                "/api/telegram/webhook": _uncached(webhook, for_api),
                "/api/viewer/*": _uncached(viewers, for_api, self._from_anywhere()),
                "/api/docs": _uncached(api, for_docs),
                "/api/*": _uncached(api, for_api),
                "/embed/*": _cached(pages.origin, for_embeds, channel_pages),
                "/live/*": _cached(pages.origin, for_pages, channel_pages),
                "/*.js": _cached(pages.origin, for_code),
            },
            http_version=cloudfront.HttpVersion.HTTP2_AND_3,
            price_class=cloudfront.PriceClass.PRICE_CLASS_100,
        )
        NagSuppressions.add_resource_suppressions(
            distribution,
            [
                NagPackSuppression(id="AwsSolutions-CFR1", reason="Creators and their fans are everywhere."),
                NagPackSuppression(
                    id="AwsSolutions-CFR2",
                    reason="WAF has a monthly price that a small user need not pay; it can be added any time.",
                ),
                NagPackSuppression(
                    id="AwsSolutions-CFR3",
                    reason="The functions keep logs of their own, with the trace id that CloudFront's would lack.",
                ),
                NagPackSuppression(
                    id="AwsSolutions-CFR4",
                    reason="With the cloudfront.net certificate AWS fixes the minimum; your own domain raises it.",
                ),
            ],
        )
        domain = distribution.distribution_domain_name
        output(self, "ApiUrl", f"https://{domain}", description="The one origin: pages, API, Telegram webhook")
        output(self, "DistributionDomainName", domain, description="CloudFront's name of the origin")
        output(self, "DistributionId", distribution.distribution_id, description="To invalidate or look at CloudFront")

    def _from_anywhere(self) -> cloudfront.OriginRequestPolicy:
        """What viewer_heartbeat is told of a request: no cookie, and the viewer's address as CloudFront has it.

        Not by X-Forwarded-For, of which a Lambda URL hands on the first entry, whatever the viewer wrote there:
        https://speedrun.nobackspacecrew.com/blog/2026/03/06/obtaining-caller-ip-address-with-lambda-furls.html
        """
        return cloudfront.OriginRequestPolicy(
            self,
            "FromAnywhere",
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
        """HTTPS only, no sniffing, no referrer to other sites, and what a page may load.

        No framing unless `framed`; `shared` is for what pages of other sites may read.
        """
        return cloudfront.ResponseHeadersPolicy(
            self,
            name,
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
                    access_control_max_age=Duration.days(365), include_subdomains=True, override=True
                ),
                content_type_options=cloudfront.ResponseHeadersContentTypeOptions(override=True),
                referrer_policy=cloudfront.ResponseHeadersReferrerPolicy(
                    referrer_policy=cloudfront.HeadersReferrerPolicy.STRICT_ORIGIN_WHEN_CROSS_ORIGIN, override=False
                ),
            ),
        )


def _origin(host: str, headers: Mapping[str, str] | None = None) -> cloudfront.IOrigin:
    """A Lambda URL, with what is put on every request to it, in the place of what the viewer may have sent."""
    return origins.HttpOrigin(
        host, protocol_policy=cloudfront.OriginProtocolPolicy.HTTPS_ONLY, custom_headers=dict(headers or {}) or None
    )


def _cached(
    origin: cloudfront.IOrigin, headers: cloudfront.ResponseHeadersPolicy, renames: cloudfront.Function | None = None
) -> cloudfront.BehaviorOptions:
    """As long as each object's own Cache-Control says."""
    association = renames and cloudfront.FunctionAssociation(
        event_type=cloudfront.FunctionEventType.VIEWER_REQUEST, function=renames
    )
    return cloudfront.BehaviorOptions(
        origin=origin,
        allowed_methods=cloudfront.AllowedMethods.ALLOW_GET_HEAD,
        cache_policy=cloudfront.CachePolicy.CACHING_OPTIMIZED,
        compress=True,
        function_associations=[association] if association else None,
        response_headers_policy=headers,
        viewer_protocol_policy=cloudfront.ViewerProtocolPolicy.REDIRECT_TO_HTTPS,
    )


def _uncached(
    origin: cloudfront.IOrigin,
    headers: cloudfront.ResponseHeadersPolicy,
    passes: cloudfront.IOriginRequestPolicy = cloudfront.OriginRequestPolicy.ALL_VIEWER_EXCEPT_HOST_HEADER,
) -> cloudfront.BehaviorOptions:
    return cloudfront.BehaviorOptions(
        origin=origin,
        allowed_methods=cloudfront.AllowedMethods.ALLOW_ALL,
        cache_policy=cloudfront.CachePolicy.CACHING_DISABLED,
        origin_request_policy=passes,
        response_headers_policy=headers,
        viewer_protocol_policy=cloudfront.ViewerProtocolPolicy.REDIRECT_TO_HTTPS,
    )
