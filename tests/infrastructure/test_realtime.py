"""The WebSocket API that browsers connect to."""

import pytest

from tests.infrastructure.template import Template, target


def test_every_route_is_ws_connects_and_a_frame_is_answered_with_what_it_returns(template: Template) -> None:
    routes = {route["RouteKey"]: route for route in template.resources("AWS::ApiGatewayV2::Route").values()}
    assert set(routes) == {"$connect", "$disconnect", "$default"}
    assert {route["AuthorizationType"] for route in routes.values()} == {"NONE"}
    assert routes["$default"]["RouteResponseSelectionExpression"] == "$default"
    (response,) = template.resources("AWS::ApiGatewayV2::RouteResponse").values()
    assert template.resources("AWS::ApiGatewayV2::Route")[target(response["RouteId"])]["RouteKey"] == "$default"
    (integration,) = template.resources("AWS::ApiGatewayV2::Integration").values()
    assert integration["IntegrationType"] == "AWS_PROXY"


def test_clients_cannot_use_up_the_requests_that_posting_to_sockets_needs(template: Template) -> None:
    """10,000 a second in all: https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html"""
    (stage,) = template.resources("AWS::ApiGatewayV2::Stage").values()
    assert stage["StageName"] == "live"
    assert stage["DefaultRouteSettings"]["ThrottlingRateLimit"] <= 5000
    assert stage["DefaultRouteSettings"]["ThrottlingBurstLimit"] <= 5000


@pytest.mark.parametrize("parameter", ["WebSocketBase", "UserPoolJwksBase"])
def test_only_the_local_cloud_moves_the_sockets_and_the_keys(template: Template, parameter: str) -> None:
    assert template.body["Parameters"][parameter]["Default"] == ""
    assert {"Fn::Not": [{"Fn::Equals": [{"Ref": parameter}, ""]}]} in template.body["Conditions"].values()
