"""browser ─► WebSocket API ─► ws_connect ─► rooms; broadcast queue ─► broadcast ─► WebSocket rooms."""

from aws_cdk import Aws, CfnCondition, CfnParameter, Duration, Fn, Stack
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk.aws_apigatewayv2_integrations import WebSocketLambdaIntegration
from cdk_nag import NagPackSuppression, NagSuppressions, RegexAppliesTo
from constructs import Construct

from infra.capability import Capability, foundation
from infra.functions import Function
from infra.outputs import output

STAGE = "live"


class Realtime(Capability):
    """One WebSocket API. All its routes start ws_connect, which reads the route from the event."""

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        self.address_key = foundation(self).cdn_key.sent
        """The key of network tags, which nobody outside the account knows."""
        self.broadcast = Function(
            self,
            "broadcast",
            description="Sends an event to every socket of a room, in order",
            # A message that is being processed blocks its room.
            timeout=Duration.seconds(20),
            # One full CPU: posting is mostly TLS and JSON.
            memory_size=1769,
            environment={"AVATAR_HOSTS": self.settings.avatar_hosts_list},
        )
        self.ws_connect = Function(
            self,
            "ws_connect",
            description="Opens and closes sockets, admits them to rooms and replays missed events",
            # API Gateway's limit for an integration.
            timeout=Duration.seconds(29),
            audited=True,
            environment={"ADDRESS_KEY": self.address_key},
        )
        self._api = self._websocket_api()
        self._addresses()
        self._grant_ws_connect()
        self._grant_broadcast()
        output(self, "WebSocketUrl", self.url, description="Where browsers connect; a ticket goes in ?ticket=")

    def _websocket_api(self) -> apigateway.WebSocketApi:
        routes = WebSocketLambdaIntegration("Route", self.ws_connect.resource)
        api = apigateway.WebSocketApi(
            self,
            "Api",
            api_name=f"{Stack.of(self).stack_name}-sockets",
            description="Rooms that receive Cairn's events as they happen",
            connect_route_options=apigateway.WebSocketRouteOptions(integration=routes),
            disconnect_route_options=apigateway.WebSocketRouteOptions(integration=routes),
            # The function's return value for a frame is sent back on the same socket.
            default_route_options=apigateway.WebSocketRouteOptions(integration=routes, return_response=True),
        )
        stage = apigateway.WebSocketStage(
            self,
            "Stage",
            stage_name=STAGE,
            web_socket_api=api,
            auto_deploy=True,
            # Frames and posts to sockets share the account's 10,000 requests a second; posts need most of them.
            throttle=apigateway.ThrottleSettings(rate_limit=2000, burst_limit=1000),
        )
        NagSuppressions.add_resource_suppressions(
            api,
            [
                NagPackSuppression(
                    id="AwsSolutions-APIG4",
                    reason="Anybody may connect, since channels are public. ws_connect checks a ticket for every other "
                    "room; what it refuses is in the audit trail.",
                )
            ],
            apply_to_children=True,
        )
        NagSuppressions.add_resource_suppressions(
            stage,
            [
                NagPackSuppression(
                    id="AwsSolutions-APIG1",
                    reason="Access logs need a role for the whole account. ws_connect logs each socket that opens, "
                    "each replay and each close on our side; refused tickets and rooms are in the audit trail.",
                )
            ],
        )
        return api

    def _addresses(self) -> None:
        base = CfnParameter(
            self,
            "WebSocketBase",
            default="",
            allowed_pattern=r"(\S+[^/\s])?",
            description="Host and path that replace API Gateway's host, without TLS; empty in AWS",
        )
        base.override_logical_id("WebSocketBase")
        moved = CfnCondition(self, "Moved", expression=Fn.condition_not(Fn.condition_equals(base.value_as_string, "")))
        moved.override_logical_id("WebSocketsMoved")
        api, given = self._api.api_id, base.value_as_string
        host = f"{api}.execute-api.{Aws.REGION}.{Aws.URL_SUFFIX}"

        def either(local: str, in_aws: str) -> str:
            return Fn.condition_if(moved.logical_id, local, in_aws).to_string()

        self.url = either(f"ws://{given}/{api}/{STAGE}", f"wss://{host}/{STAGE}")
        self.origin = either(f"ws://{Fn.select(0, Fn.split('/', given))}", f"wss://{host}")
        """A page's Content-Security-Policy must allow connections to it."""
        self._connections_url = either(f"http://{given}/{api}/{STAGE}", f"https://{host}/{STAGE}")

    def _grant_ws_connect(self) -> None:
        tables, function = self.tables, self.ws_connect
        # It admits sockets to rooms, and only reads what a room has heard.
        tables.connections.grant(function, "GetItem", keys=("socket#*", "log#*"))
        tables.connections.grant(function, "Query", keys=("log#*",))
        tables.connections.grant(function, "PutItem", keys=("socket#*", "holder#*"))
        tables.connections.grant(function, "UpdateItem", keys=("socket#*", "room#*"))
        tables.connections.grant(function, "DeleteItem", keys=("room#*", "holder#*"))
        # A ticket is used by deleting it. UpdateItem would create one that does not exist.
        tables.sessions.grant(function, "DeleteItem", keys=("ticket#*",))
        tables.sessions.grant(function, "BatchGetItem", keys=("revoked#*",))
        tables.grant_presence(function)
        self.queues.count.grant_send(function)
        tables.grant_settings(function)
        self.grant_post(function)

    def _grant_broadcast(self) -> None:
        tables, queues, function = self.tables, self.queues, self.broadcast
        queues.broadcast.feed(function, batch_size=10)
        queues.broadcast.grant_send(function)
        tables.connections.grant(function, "GetItem", keys=("log#*",))
        tables.connections.grant(function, "Query", keys=("room#*", "holder#*"))
        # A closed socket is recorded, and a large room marked.
        tables.connections.grant(function, "PutItem", keys=("log#*", "room#*", "socket#*"))
        tables.connections.grant(function, "UpdateItem", keys=("log#*", "refreshes"))
        tables.connections.grant(function, "DeleteItem", keys=("room#*", "holder#*"))
        tables.connections.grant(function, "ConditionCheckItem")  # that a purged rep's celebration is suppressed
        # A channel's room is its viewers; a post finds out which of them have disconnected.
        tables.grant_presence(function)
        tables.presence.grant(function, "Query")
        queues.count.grant_send(function)
        tables.grant_board_reading(function, "by_score")
        tables.grant_settings(function)
        self.grant_post(function)

    def grant_post(self, function: Function) -> None:
        """Let a function send to the sockets of this API only, and close them."""
        self._grant(function, "POST", "DELETE")

    def grant_look_up(self, function: Function) -> None:
        """Let a function look up whether a socket is open."""
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
                    reason="API Gateway names sockets when they connect; these all belong to one stage of one API.",
                    applies_to=[RegexAppliesTo(regex=r"/\/live\/(POST|DELETE|GET)\/@connections\/\*$/")],
                )
            ],
            apply_to_children=True,
        )
        function.add_environment(CONNECTIONS_URL=self._connections_url)

    def metric(self, name: str, statistic: str) -> cloudwatch.Metric:
        """One of API Gateway's metrics of the API."""
        return cloudwatch.Metric(
            namespace="AWS/ApiGateway",
            metric_name=name,
            dimensions_map={"ApiId": self._api.api_id, "Stage": STAGE},
            statistic=statistic,
            label=name,
        )
