"""Who may sign in: a Cognito user pool, whose groups are the modules of Cairn that a person may use."""

from aws_cdk import Aws, CfnCondition, CfnParameter, Duration, Fn
from aws_cdk import aws_cognito as cognito
from cdk_nag import NagPackSuppression, NagSuppressions
from constructs import Construct

from infra.capability import Capability
from infra.functions import Function
from infra.outputs import output

MODULES = ("leaderboard", "display", "analytics", "webhooks", "admin")
_THREAT_PROTECTION = {
    "off": None,
    "audit": cognito.StandardThreatProtectionMode.AUDIT_ONLY,
    "enforce": cognito.StandardThreatProtectionMode.FULL_FUNCTION,
}


class Identity(Capability):
    """An operator adds people, who sign in with their name; only our server may check a password."""

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        threat_protection = _THREAT_PROTECTION[self.settings.threat_protection]
        self._pool = cognito.UserPool(
            self,
            "Pool",
            self_sign_up_enabled=False,
            sign_in_aliases=cognito.SignInAliases(username=True),
            sign_in_case_sensitive=False,
            # An operator sets a new password; Cairn has no addresses of people.
            account_recovery=cognito.AccountRecovery.NONE,
            # Codes of an authenticator app. Text messages would need phone numbers and a role that sends them.
            mfa=cognito.Mfa.OPTIONAL,
            mfa_second_factor=cognito.MfaSecondFactor(otp=True, sms=False),
            password_policy=cognito.PasswordPolicy(
                min_length=12, require_lowercase=True, require_uppercase=True, require_digits=True, require_symbols=True
            ),
            # CloudFormation resets what is not in the template whenever it changes the pool.
            feature_plan=cognito.FeaturePlan.PLUS if threat_protection else None,
            standard_threat_protection_mode=threat_protection,
            deletion_protection=self.settings.protected,
            removal_policy=self.settings.removal,
        )
        NagSuppressions.add_resource_suppressions(
            self._pool,
            [
                NagPackSuppression(
                    id="AwsSolutions-COG2",
                    reason="A TV on the wall signs in too. People turn on a second factor for themselves, at /account, "
                    "and the sign-in asks for its code.",
                ),
                NagPackSuppression(
                    id="AwsSolutions-COG8",
                    reason="Threat protection costs money per person and month; threat_protection in cdk.json turns it "
                    "on, and the API passes it each caller's address and headers.",
                ),
            ],
        )
        self._client = self._pool.add_client(
            "Client",
            auth_flows=cognito.AuthFlow(admin_user_password=True),
            disable_o_auth=True,
            generate_secret=False,
            prevent_user_existence_errors=True,
            enable_token_revocation=True,
            id_token_validity=Duration.hours(1),
            access_token_validity=Duration.hours(1),
            refresh_token_validity=Duration.days(90),
        )
        for module in MODULES:
            self._pool.add_group(module.capitalize(), group_name=module, description=f"People who may use {module}")
        self._keys_base = CfnParameter(
            self,
            "UserPoolJwksBase",
            default="",
            allowed_pattern=r"(https?://\S+[^/\s])?",
            description="Address that replaces Cognito's for the keys of sign-in tokens; empty in AWS",
        )
        self._keys_base.override_logical_id("UserPoolJwksBase")
        self._keys_moved = CfnCondition(
            self,
            "KeysMoved",
            expression=Fn.condition_not(Fn.condition_equals(self._keys_base.value_as_string, "")),
        )
        self._keys_moved.override_logical_id("UserPoolKeysMoved")
        output(self, "UserPoolId", self._pool.user_pool_id, description="The pool of people who may sign in")
        output(self, "UserPoolClientId", self._client.user_pool_client_id, description="The API's client of the pool")

    def grant_sign_in(self, function: Function) -> None:
        """Let a function check a name, password and code, refresh a session, and verify the pool's tokens.

        What people change of their own account needs their access token, and no permission of the function.
        """
        function.allow(
            "cognito-idp:AdminInitiateAuth", "cognito-idp:AdminRespondToAuthChallenge", on=self._pool.user_pool_arn
        )
        pool = self._pool.user_pool_id
        issuer = f"https://cognito-idp.{Aws.REGION}.{Aws.URL_SUFFIX}/{pool}"
        keys = Fn.condition_if(
            self._keys_moved.logical_id,
            f"{self._keys_base.value_as_string}/{pool}/.well-known/jwks.json",
            f"{issuer}/.well-known/jwks.json",
        )
        function.add_environment(
            USER_POOL_ID=pool,
            USER_POOL_CLIENT_ID=self._client.user_pool_client_id,
            USER_POOL_ISSUER=issuer,
            USER_POOL_JWKS_URL=keys.to_string(),
        )
