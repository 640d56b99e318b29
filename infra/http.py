"""browser, Telegram ─► CloudFront ─► api, telegram_webhook."""

from aws_cdk import Duration, Fn
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_cloudfront_origins as origins
from aws_cdk import aws_lambda as lambda_
from cdk_nag import NagPackSuppression, NagSuppressions
from constructs import Construct

from infra.functions import Function
from infra.outputs import output
from infra.packaging import Packaging
from infra.platforms import Platforms
from infra.queues import Queues
from infra.settings import Settings
from infra.tables import Tables


class Http(Construct):
    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        packaging: Packaging,
        platforms: Platforms,
        tables: Tables,
        queues: Queues,
    ) -> None:
        super().__init__(scope, construct_id)
        self.api = Function(
            self,
            "api",
            description="The HTTP API: channels, readings, milestones, refresh and sync",
            settings=settings,
            packaging=packaging,
            timeout=Duration.seconds(30),
            # Lambda gives CPU by memory, and validation and the OpenAPI document are all CPU.
            memory_size=1024,
            environment={
                "REFRESH_AGE_SECONDS": str(settings.refresh_age_seconds),
                "STALE_AFTER_SECONDS": str(settings.stale_after_seconds),
                "LADDERS": settings.ladders_json,
                "TIME_ZONE": settings.time_zone,
            },
        )
        tables.stats.grant(self.api, "GetItem", "BatchGetItem", "PutItem", "DeleteItem")
        tables.milestones.grant(self.api, "Query", "BatchGetItem", indexes=("by_time",))
        tables.history.grant(self.api, "Query")
        tables.audience.grant(self.api, "GetItem", "Query")
        tables.channels.grant(self.api, "Query", "GetItem", "BatchGetItem", "PutItem", "UpdateItem", "DeleteItem")
        queues.fetch.grant_send(self.api)
        platforms.grant_call(self.api)

        self.telegram_webhook = Function(
            self,
            "telegram_webhook",
            description="Answers the bot's commands: /start, /stop, /status, /help",
            settings=settings,
            packaging=packaging,
            timeout=Duration.seconds(10),
            environment={
                "STALE_AFTER_SECONDS": str(settings.stale_after_seconds),
                "LADDERS": settings.ladders_json,
                "TIME_ZONE": settings.time_zone,
            },
        )
        tables.audience.grant(self.telegram_webhook, "GetItem", "PutItem", "UpdateItem", "DeleteItem")
        tables.channels.grant(self.telegram_webhook, "Query", "BatchGetItem")
        tables.stats.grant(self.telegram_webhook, "BatchGetItem")
        tables.milestones.grant(self.telegram_webhook, "BatchGetItem")
        queues.notify.grant_send(self.telegram_webhook)
        platforms.telegram.grant_keys(self.telegram_webhook)

        self._one_origin()

    def _one_origin(self) -> None:
        """CloudFront, so that the API and later the pages share an origin."""
        headers = cloudfront.ResponseHeadersPolicy(
            self,
            "Headers",
            comment="HTTPS only, no sniffing, no framing, no referrer to other sites",
            security_headers_behavior=cloudfront.ResponseSecurityHeadersBehavior(
                strict_transport_security=cloudfront.ResponseHeadersStrictTransportSecurity(
                    access_control_max_age=Duration.days(365), include_subdomains=True, override=True
                ),
                content_type_options=cloudfront.ResponseHeadersContentTypeOptions(override=True),
                # A page that is made to be embedded answers with its own header.
                frame_options=cloudfront.ResponseHeadersFrameOptions(
                    frame_option=cloudfront.HeadersFrameOption.DENY, override=False
                ),
                referrer_policy=cloudfront.ResponseHeadersReferrerPolicy(
                    referrer_policy=cloudfront.HeadersReferrerPolicy.STRICT_ORIGIN_WHEN_CROSS_ORIGIN, override=False
                ),
            ),
        )
        distribution = cloudfront.Distribution(
            self,
            "Distribution",
            comment="Cairn: API, Telegram webhook",
            default_behavior=_uncached(self._address(self.api, "ApiFunctionUrl"), headers),
            additional_behaviors={
                "/api/telegram/webhook": _uncached(
                    self._address(self.telegram_webhook, "TelegramWebhookFunctionUrl"), headers
                ),
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
        output(self, "ApiUrl", f"https://{domain}", description="The one origin: API, Telegram webhook")
        output(self, "DistributionDomainName", domain, description="CloudFront's name of the origin")
        output(self, "DistributionId", distribution.distribution_id, description="To invalidate or look at CloudFront")

    def _address(self, function: Function, name: str) -> str:
        """A public Lambda URL, not signed by CloudFront: that would ask each POST for the hash of its body."""
        url = function.resource.add_function_url(auth_type=lambda_.FunctionUrlAuthType.NONE)
        output(self, name, url.url, description=f"Lambda URL of {function.name}, behind CloudFront")
        return Fn.parse_domain_name(url.url)


def _uncached(domain: str, headers: cloudfront.ResponseHeadersPolicy) -> cloudfront.BehaviorOptions:
    return cloudfront.BehaviorOptions(
        origin=origins.HttpOrigin(domain, protocol_policy=cloudfront.OriginProtocolPolicy.HTTPS_ONLY),
        allowed_methods=cloudfront.AllowedMethods.ALLOW_ALL,
        cache_policy=cloudfront.CachePolicy.CACHING_DISABLED,
        origin_request_policy=cloudfront.OriginRequestPolicy.ALL_VIEWER_EXCEPT_HOST_HEADER,
        response_headers_policy=headers,
        viewer_protocol_policy=cloudfront.ViewerProtocolPolicy.REDIRECT_TO_HTTPS,
    )
