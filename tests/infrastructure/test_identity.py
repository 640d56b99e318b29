"""Who may sign in, and how: only people whom an operator added, and only through our server."""

from collections.abc import Mapping
from typing import Any

import pytest

from cairn.identity.user_pool import POLICY
from tests.infrastructure.template import Template, stack_of


@pytest.fixture
def pool(template: Template) -> dict[str, Any]:
    (properties,) = template.resources("AWS::Cognito::UserPool").values()
    return dict(properties)


@pytest.fixture
def client(template: Template) -> dict[str, Any]:
    (properties,) = template.resources("AWS::Cognito::UserPoolClient").values()
    return dict(properties)


def test_nobody_signs_up_and_only_a_server_of_ours_may_try_a_password(
    pool: dict[str, Any], client: dict[str, Any]
) -> None:
    assert pool["AdminCreateUserConfig"] == {"AllowAdminCreateUserOnly": True}
    assert client["ExplicitAuthFlows"] == ["ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
    assert client["AllowedOAuthFlowsUserPoolClient"] is False
    assert "GenerateSecret" not in client or client["GenerateSecret"] is False


def test_a_wrong_name_looks_like_a_wrong_password_and_a_session_can_be_ended(client: dict[str, Any]) -> None:
    assert client["PreventUserExistenceErrors"] == "ENABLED"
    assert client["EnableTokenRevocation"] is True


def test_a_token_is_valid_for_an_hour_and_a_session_for_ninety_days(client: dict[str, Any]) -> None:
    assert set(client["TokenValidityUnits"].values()) == {"minutes"}
    assert client["IdTokenValidity"] == client["AccessTokenValidity"] == 60
    assert client["RefreshTokenValidity"] == 90 * 24 * 60


def test_people_may_turn_on_codes_of_an_app_and_nothing_sends_text_messages(pool: dict[str, Any]) -> None:
    assert pool["MfaConfiguration"] == "OPTIONAL"
    assert pool["EnabledMfas"] == ["SOFTWARE_TOKEN_MFA"]
    assert "SmsConfiguration" not in pool


def test_the_rule_for_passwords_that_people_read_is_the_pools(pool: dict[str, Any]) -> None:
    rule = pool["Policies"]["PasswordPolicy"]
    assert f"{rule['MinimumLength']} characters or more" in POLICY
    assert all(rule[f"Require{kind}"] for kind in ("Lowercase", "Uppercase", "Numbers", "Symbols"))


def test_threat_protection_is_one_line_of_cdk_json(pool: dict[str, Any], context: Mapping[str, Any]) -> None:
    assert "UserPoolAddOns" not in pool
    (guarded,) = (
        Template.of(stack_of(context, threat_protection="enforce")).resources("AWS::Cognito::UserPool").values()
    )
    assert guarded["UserPoolAddOns"] == {"AdvancedSecurityMode": "ENFORCED"}
    assert guarded["UserPoolTier"] == "PLUS"


def test_the_groups_are_the_modules(template: Template) -> None:
    groups = template.resources("AWS::Cognito::UserPoolGroup").values()
    assert {group["GroupName"] for group in groups} == {"leaderboard", "display", "analytics", "webhooks", "admin"}
