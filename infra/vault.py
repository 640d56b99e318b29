"""The key of KMS that encrypts what must not be read in a table: addresses, header values and secrets of webhooks, and
credentials of creators and agencies at their platforms.

Our code encrypts, each endpoint and each owner of credentials with a data key of its own. Not the table: DynamoDB would
decrypt for everybody who may read it.
"""

from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from infra.capability import foundation
from infra.functions import Function
from infra.names import account_wide
from infra.outputs import output

_ADMINISTRATION = (
    *("CancelKeyDeletion", "DescribeKey", "DisableKey", "DisableKeyRotation", "EnableKey", "EnableKeyRotation"),
    *("GetKeyPolicy", "GetKeyRotationStatus", "ListGrants", "ListKeyPolicies", "ListKeyRotations", "ListResourceTags"),
    *("PutKeyPolicy", "RevokeGrant", "RotateKeyOnDemand", "ScheduleKeyDeletion", "TagResource", "UntagResource"),
    *("CreateAlias", "UpdateAlias", "DeleteAlias", "UpdateKeyDescription"),
)
"""What IAM policies of the account may allow: everything but the key's use, so that no administrator decrypts by a
broad policy. Changing this policy is the way to it, and CloudTrail shows that."""


class Vault(Construct):
    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        settings = foundation(self).settings
        account = iam.AccountRootPrincipal()
        administration = iam.PolicyStatement(
            sid="Administration",
            principals=[account],
            actions=[f"kms:{one}" for one in _ADMINISTRATION],
            resources=["*"],
        )
        self._key = kms.Key(
            self,
            "Key",
            description="Encrypts secrets of webhooks, and credentials at platforms",
            # A data key stays readable: KMS keeps the old material.
            # https://docs.aws.amazon.com/kms/latest/developerguide/rotate-keys.html
            enable_key_rotation=True,
            removal_policy=settings.removal,
            policy=iam.PolicyDocument(statements=[administration]),
        )
        # The alias goes with the stack, also where the key stays: another stack of this name needs it.
        kms.Alias(self, "Alias", alias_name=f"alias/{account_wide(self, 'webhooks')}", target_key=self._key)
        output(
            self,
            "WebhookKey",
            self._key.key_arn,
            description="Key of KMS for secrets and credentials",
        )

    def grant_seal(self, function: Function) -> None:
        """Let a function encrypt for a new endpoint, and decrypt."""
        self._grant(function, "kms:GenerateDataKey", "kms:Decrypt")

    def grant_open(self, function: Function) -> None:
        """Let a function decrypt."""
        self._grant(function, "kms:Decrypt")

    def _grant(self, function: Function, *actions: str) -> None:
        function.allow(*actions, on=self._key.key_arn)
        function.add_environment(WEBHOOK_KEY=self._key.key_arn)
        principal = iam.ArnPrincipal(function.role.role_arn)
        self._key.add_to_resource_policy(
            iam.PolicyStatement(sid=function.id, principals=[principal], actions=list(actions), resources=["*"])
        )
