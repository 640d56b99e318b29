"""browser ─► WebSocket API ─► ws_connect ─► connections table, presence table."""

from aws_cdk import Aws, CfnCondition, CfnParameter, Duration, Fn, Stack
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk.aws_apigatewayv2_integrations import WebSocketLambdaIntegration
from cdk_nag import NagPackSuppression, NagSuppressions, RegexAppliesTo
from constructs import Construct

from infra.functions import Function
from infra.outputs import output
from infra.packaging import Packaging
from infra.queues import Queues
from infra.settings import Settings
from infra.tables import Tables
from infra.viewers import Viewers

STAGE = "live"


class Sockets(Construct):
    """One WebSocket API, whose every route is ws_connect's: it reads in the event which one it was."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        packaging: Packaging,
        viewers: Viewers,
        tables: Tables,
        queues: Queues,
    ) -> None:
        super().__init__(scope, construct_id)
        self.ws_connect = Function(
            self,
            "ws_connect",
            description="Opens and closes sockets, lets them into rooms and replays what they missed",
            settings=settings,
            packaging=packaging,
            # What API Gateway waits for an integration.
            timeout=Duration.seconds(29),
        )
        routes = WebSocketLambdaIntegration("Route", self.ws_connect.resource)
        self._api = apigateway.WebSocketApi(
            self,
            "Api",
            api_name=f"{Stack.of(self).stack_name}-sockets",
            description="Rooms in which Cairn's events are told as they happen",
            connect_route_options=apigateway.WebSocketRouteOptions(integration=routes),
            disconnect_route_options=apigateway.WebSocketRouteOptions(integration=routes),
            # What the function returns for a frame is the answer on the same socket.
            default_route_options=apigateway.WebSocketRouteOptions(integration=routes, return_response=True),
        )
        stage = apigateway.WebSocketStage(
            self,
            "Stage",
            stage_name=STAGE,
            web_socket_api=self._api,
            auto_deploy=True,
            # Frames and posts to sockets share the account's 10,000 requests a second; most are to be left for posts.
            throttle=apigateway.ThrottleSettings(rate_limit=2000, burst_limit=1000),
        )
        NagSuppressions.add_resource_suppressions(
            self._api,
            [
                NagPackSuppression(
                    id="AwsSolutions-APIG4",
                    reason="Anybody may connect, for channels are public; ws_connect asks for a ticket room by room.",
                )
            ],
            apply_to_children=True,
        )
        NagSuppressions.add_resource_suppressions(
            stage,
            [
                NagPackSuppression(
                    id="AwsSolutions-APIG1",
                    reason="Access logs need a role for the whole account; ws_connect logs what happens.",
                )
            ],
        )
        self._addresses()
        tables.connections.grant(self.ws_connect, "Query", "GetItem", "PutItem", "UpdateItem", "DeleteItem")
        tables.grant_presence(self.ws_connect)
        queues.count.grant_send(self.ws_connect)
        viewers.tell(self.ws_connect, "VIEWER_JOINS_PER_MINUTE")
        self.grant_post(self.ws_connect)
        output(self, "WebSocketUrl", self.url, description="Where browsers connect; a ticket goes in ?ticket=")

    def _addresses(self) -> None:
        base = CfnParameter(
            self,
            "WebSocketBase",
            default="",
            allowed_pattern=r"(\S+[^/\s])?",
            description="Host and path in the place of API Gateway's own host, without TLS; empty in AWS",
        )
        base.override_logical_id("WebSocketBase")
        moved = CfnCondition(self, "Moved", expression=Fn.condition_not(Fn.condition_equals(base.value_as_string, "")))
        moved.override_logical_id("WebSocketsMoved")
        api, given = self._api.api_id, base.value_as_string
        host = f"{api}.execute-api.{Aws.REGION}.{Aws.URL_SUFFIX}"

        def either(here: str, in_aws: str) -> str:
            return Fn.condition_if(moved.logical_id, here, in_aws).to_string()

        self.url = either(f"ws://{given}/{api}/{STAGE}", f"wss://{host}/{STAGE}")
        self.origin = either(f"ws://{Fn.select(0, Fn.split('/', given))}", f"wss://{host}")
        """What a page's Content-Security-Policy must let it connect to."""
        self._connections_url = either(f"http://{given}/{api}/{STAGE}", f"https://{host}/{STAGE}")

    def grant_post(self, function: Function) -> None:
        """Let a function send to this API's sockets, and close them; to no other's."""
        self._grant(function, "POST", "DELETE")

    def grant_ask(self, function: Function) -> None:
        """Let a function ask whether a socket is open."""
        self._grant(function, "GET")

    def _grant(self, function: Function, *methods: str) -> None:
        arns = [
            Stack.of(self).format_arn(
                service="execute-api",
                resource=self._api.api_id,
                resource_name=f"{STAGE}/{method}/@connections/*",
            )
            for method in methods
        ]
        function.allow("execute-api:ManageConnections", on=arns)
        NagSuppressions.add_resource_suppressions(
            function.role,
            [
                NagPackSuppression(
                    id="AwsSolutions-IAM5",
                    reason="API Gateway makes up the names of sockets as they come; these are all of one API's stage.",
                    applies_to=[RegexAppliesTo(regex=r"/\/live\/(POST|DELETE|GET)\/@connections\/\*$/")],
                )
            ],
            apply_to_children=True,
        )
        function.tell(CONNECTIONS_URL=self._connections_url)

    def metric(self, name: str, statistic: str) -> cloudwatch.Metric:
        """One that API Gateway reports of the API."""
        return cloudwatch.Metric(
            namespace="AWS/ApiGateway",
            metric_name=name,
            dimensions_map={"ApiId": self._api.api_id, "Stage": STAGE},
            statistic=statistic,
            label=name,
        )
