"""Who may sign in: a Cognito user pool, whose groups are the modules of Cairn that a person may use."""

from aws_cdk import Aws, CfnCondition, CfnParameter, Duration, Fn
from aws_cdk import aws_cognito as cognito
from cdk_nag import NagPackSuppression, NagSuppressions
from constructs import Construct

from infra.functions import Function
from infra.outputs import output
from infra.settings import Settings

MODULES = ("leaderboard", "analytics", "admin")


class People(Construct):
    """People are added by an operator and sign in by name; only our own server may try a password."""

    def __init__(self, scope: Construct, construct_id: str, *, settings: Settings) -> None:
        super().__init__(scope, construct_id)
        self._pool = cognito.UserPool(
            self,
            "Pool",
            self_sign_up_enabled=False,
            sign_in_aliases=cognito.SignInAliases(username=True),
            sign_in_case_sensitive=False,
            # An operator sets a new one; Cairn knows nobody's address.
            account_recovery=cognito.AccountRecovery.NONE,
            mfa=cognito.Mfa.OFF,
            password_policy=cognito.PasswordPolicy(
                min_length=12, require_lowercase=True, require_uppercase=True, require_digits=True, require_symbols=True
            ),
            deletion_protection=settings.production,
            removal_policy=settings.removal,
        )
        NagSuppressions.add_resource_suppressions(
            self._pool,
            [
                NagPackSuppression(
                    id="AwsSolutions-COG2",
                    reason="A TV on the wall signs in too; whoever wants a second factor turns it on in the pool.",
                ),
                NagPackSuppression(
                    id="AwsSolutions-COG8",
                    reason="Threat protection has a monthly price a person; it can be turned on any time.",
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
            self._pool.add_group(module.capitalize(), group_name=module, description=f"Who may use {module}")
        self._keys_base = CfnParameter(
            self,
            "UserPoolJwksBase",
            default="",
            allowed_pattern=r"(https?://\S+[^/\s])?",
            description="Where the keys of sign-in tokens are read instead of at Cognito; empty in AWS",
        )
        self._keys_base.override_logical_id("UserPoolJwksBase")
        self._keys_moved = CfnCondition(
            self,
            "KeysMoved",
            expression=Fn.condition_not(Fn.condition_equals(self._keys_base.value_as_string, "")),
        )
        self._keys_moved.override_logical_id("UserPoolKeysMoved")
        output(self, "UserPoolId", self._pool.user_pool_id, description="Who may sign in")
        output(self, "UserPoolClientId", self._client.user_pool_client_id, description="As what the API signs them in")

    def grant_sign_in(self, function: Function) -> None:
        """Let a function try a name and password, refresh what came of it, and know the pool's tokens."""
        function.allow("cognito-idp:AdminInitiateAuth", on=self._pool.user_pool_arn)
        pool = self._pool.user_pool_id
        issuer = f"https://cognito-idp.{Aws.REGION}.{Aws.URL_SUFFIX}/{pool}"
        keys = Fn.condition_if(
            self._keys_moved.logical_id,
            f"{self._keys_base.value_as_string}/{pool}/.well-known/jwks.json",
            f"{issuer}/.well-known/jwks.json",
        )
        function.tell(
            USER_POOL_ID=pool,
            USER_POOL_CLIENT_ID=self._client.user_pool_client_id,
            USER_POOL_ISSUER=issuer,
            USER_POOL_JWKS_URL=keys.to_string(),
        )
