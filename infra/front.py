"""browser, Telegram ─► CloudFront ─► pages, api, telegram_webhook: one origin for all of them."""

from aws_cdk import Duration
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_cloudfront_origins as origins
from cdk_nag import NagPackSuppression, NagSuppressions
from constructs import Construct

from infra.http import Http
from infra.outputs import output
from infra.pages import Pages
from infra.sockets import Sockets

# https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Content-Security-Policy
_NOTHING = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
_SWAGGER = (
    f"{_NOTHING}; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src 'self' data:; connect-src 'self'"
)


class Front(Construct):
    def __init__(self, scope: Construct, construct_id: str, *, http: Http, pages: Pages, sockets: Sockets) -> None:
        super().__init__(scope, construct_id)
        own = (
            f"{_NOTHING}; script-src 'self'; require-trusted-types-for 'script'; style-src 'self'; font-src 'self'; "
            f"manifest-src 'self'; img-src 'self' https: data:; connect-src 'self' {sockets.origin}"
        )
        for_api = self._headers("ApiHeaders", "The API: JSON, which loads nothing", _NOTHING)
        for_docs = self._headers("DocsHeaders", "The API's page: Swagger's code stands in it", _SWAGGER)
        for_pages = self._headers("PagesHeaders", "Pages: their own code, avatars from anywhere, our sockets", own)
        api, webhook = (
            origins.HttpOrigin(host, protocol_policy=cloudfront.OriginProtocolPolicy.HTTPS_ONLY)
            for host in (http.api_host, http.webhook_host)
        )
        distribution = cloudfront.Distribution(
            self,
            "Distribution",
            comment="Cairn: pages, API, Telegram webhook",
            default_root_object="index.html",
            default_behavior=cloudfront.BehaviorOptions(
                origin=pages.origin,
                allowed_methods=cloudfront.AllowedMethods.ALLOW_GET_HEAD,
                # As long as each object's own Cache-Control says.
                cache_policy=cloudfront.CachePolicy.CACHING_OPTIMIZED,
                compress=True,
                response_headers_policy=for_pages,
                viewer_protocol_policy=cloudfront.ViewerProtocolPolicy.REDIRECT_TO_HTTPS,
            ),
            # The first that matches counts.
            additional_behaviors={
                "/api/telegram/webhook": _uncached(webhook, for_api),
                "/api/docs": _uncached(api, for_docs),
                "/api/*": _uncached(api, for_api),
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

    def _headers(self, name: str, comment: str, policy: str) -> cloudfront.ResponseHeadersPolicy:
        """HTTPS only, no sniffing, no framing, no referrer to other sites, and what a page may load."""
        return cloudfront.ResponseHeadersPolicy(
            self,
            name,
            comment=comment,
            security_headers_behavior=cloudfront.ResponseSecurityHeadersBehavior(
                # A page that is made to be embedded answers with its own two headers.
                content_security_policy=cloudfront.ResponseHeadersContentSecurityPolicy(
                    content_security_policy=policy, override=False
                ),
                frame_options=cloudfront.ResponseHeadersFrameOptions(
                    frame_option=cloudfront.HeadersFrameOption.DENY, override=False
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


def _uncached(origin: cloudfront.IOrigin, headers: cloudfront.ResponseHeadersPolicy) -> cloudfront.BehaviorOptions:
    return cloudfront.BehaviorOptions(
        origin=origin,
        allowed_methods=cloudfront.AllowedMethods.ALLOW_ALL,
        cache_policy=cloudfront.CachePolicy.CACHING_DISABLED,
        origin_request_policy=cloudfront.OriginRequestPolicy.ALL_VIEWER_EXCEPT_HOST_HEADER,
        response_headers_policy=headers,
        viewer_protocol_policy=cloudfront.ViewerProtocolPolicy.REDIRECT_TO_HTTPS,
    )
