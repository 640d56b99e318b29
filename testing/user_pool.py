"""A user pool in moto, which lacks RevokeToken and fails on an unknown refresh token.

For each pool moto derives the primes of the same key, which takes a tenth of a second; here it is cached.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from types import SimpleNamespace
from typing import Any

import boto3
from joserfc import jwk
from moto.cognitoidp import models
from moto.cognitoidp.responses import CognitoIdpJsonWebKeyResponse, CognitoIdpResponse
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.core.responses import EmptyResult
from moto.utilities.utils import load_resource

REGION = "us-east-1"
POOL_ID = f"{REGION}_people"
CLIENT_ID = "pages"
ISSUER = f"https://cognito-idp.{REGION}.amazonaws.com/{POOL_ID}"
PASSWORD = "Correct horse 1 battery!"
MODULES = ("leaderboard", "display", "analytics", "webhooks", "admin")


class UserPool:
    """The pool as in the template, with fixed ids."""

    def __init__(self) -> None:
        self.cognito = boto3.client("cognito-idp")
        pool_id = self.cognito.create_user_pool(PoolName="people")["UserPool"]["Id"]
        flows: Any = ["ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
        client = self.cognito.create_user_pool_client(
            UserPoolId=pool_id, ClientName="pages", ExplicitAuthFlows=flows, ReadAttributes=["name", "profile"]
        )
        pools = models.cognitoidp_backends[DEFAULT_ACCOUNT_ID][REGION].user_pools
        self._pool = pools[POOL_ID] = pools.pop(pool_id)
        self._pool.id = POOL_ID
        self._pool.clients[CLIENT_ID] = self._pool.clients.pop(client["UserPoolClient"]["ClientId"])
        self._pool.clients[CLIENT_ID].id = CLIENT_ID
        self._pool.refresh_tokens = defaultdict(lambda: None)
        for module in MODULES:
            self.cognito.create_group(UserPoolId=POOL_ID, GroupName=module)

    def add(
        self, name: str, *modules: str, password: str = PASSWORD, attributes: Mapping[str, str] | None = None
    ) -> None:
        """A user with these modules and a permanent password."""
        user_attributes: Any = [{"Name": key, "Value": value} for key, value in (attributes or {}).items()]
        self.cognito.admin_create_user(UserPoolId=POOL_ID, Username=name, UserAttributes=user_attributes)
        self.cognito.admin_set_user_password(UserPoolId=POOL_ID, Username=name, Password=password, Permanent=True)
        for module in modules:
            self.cognito.admin_add_user_to_group(UserPoolId=POOL_ID, Username=name, GroupName=module)

    def tokens(self, name: str, password: str = PASSWORD) -> Mapping[str, str]:
        """Cognito's result of signing in."""
        answer: Any = self.cognito.admin_initiate_auth(
            UserPoolId=POOL_ID,
            ClientId=CLIENT_ID,
            AuthFlow="ADMIN_USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": name, "PASSWORD": password},
        )
        return dict(answer["AuthenticationResult"])

    def revoked(self, refresh_token: str) -> bool:
        return self._pool.refresh_tokens.get(refresh_token) is None


def moto_keys() -> str:
    """Moto's signing key, as a pool publishes it."""
    return CognitoIdpJsonWebKeyResponse.json_web_key.decode()


def _revoke_token(response: CognitoIdpResponse) -> EmptyResult:
    token = response._get_param("Token")
    for pool in response.backend.user_pools.values():
        if token in pool.refresh_tokens:
            pool.refresh_tokens[token] = None
    return EmptyResult()


@cache
def _key() -> jwk.RSAKey:
    return jwk.RSAKey.import_key(load_resource("cognitoidp/resources/jwks-private.json"))


vars(models)["jwk"] = SimpleNamespace(RSAKey=SimpleNamespace(import_key=lambda _read: _key()))
setattr(CognitoIdpResponse, "revoke_token", _revoke_token)  # noqa: B010 - mypy knows that it does not exist
