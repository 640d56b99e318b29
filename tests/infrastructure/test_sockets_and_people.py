"""What browsers connect to, and who may sign in: as open as the design says, and no further."""

from typing import Any

import pytest

from tests.infrastructure.template import Template, target


@pytest.fixture
def pool(template: Template) -> dict[str, Any]:
    (properties,) = template.resources("AWS::Cognito::UserPool").values()
    return dict(properties)


@pytest.fixture
def client(template: Template) -> dict[str, Any]:
    (properties,) = template.resources("AWS::Cognito::UserPoolClient").values()
    return dict(properties)


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


def test_nobody_signs_up_and_only_a_server_of_ours_may_try_a_password(
    pool: dict[str, Any], client: dict[str, Any]
) -> None:
    assert pool["AdminCreateUserConfig"] == {"AllowAdminCreateUserOnly": True}
    assert client["ExplicitAuthFlows"] == ["ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
    assert client["AllowedOAuthFlowsUserPoolClient"] is False
    assert "GenerateSecret" not in client or client["GenerateSecret"] is False


def test_a_wrong_name_is_not_told_from_a_wrong_password_and_a_session_can_be_ended(client: dict[str, Any]) -> None:
    assert client["PreventUserExistenceErrors"] == "ENABLED"
    assert client["EnableTokenRevocation"] is True


def test_a_token_is_good_for_an_hour_and_a_session_for_ninety_days(client: dict[str, Any]) -> None:
    assert set(client["TokenValidityUnits"].values()) == {"minutes"}
    assert client["IdTokenValidity"] == client["AccessTokenValidity"] == 60
    assert client["RefreshTokenValidity"] == 90 * 24 * 60


def test_the_groups_are_the_modules(template: Template) -> None:
    groups = template.resources("AWS::Cognito::UserPoolGroup").values()
    assert {group["GroupName"] for group in groups} == {"leaderboard", "analytics", "admin"}
