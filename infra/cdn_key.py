"""The secret with which the distribution proves itself to the functions behind it.

CloudFormation writes the generated value into the distribution and into the functions' environment, so that no request
has to wait for Secrets Manager: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references.html
"""

from aws_cdk import RemovalPolicy
from aws_cdk import aws_secretsmanager as secretsmanager
from cdk_nag import NagPackSuppression, NagSuppressions
from constructs import Construct

from infra.capability import foundation


class CdnKey(Construct):
    """A secret for each generation: this one, which the distribution sends, and the one before, still accepted.

    Functions change before the distribution does. They have to accept what it sends until then.
    """

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        generation = foundation(self).settings.cdn_key_generation
        self._keys = [self._key(number) for number in (generation, generation - 1) if number > 0]

    @property
    def sent(self) -> str:
        """What the distribution sends."""
        return self._keys[0]

    @property
    def accepted(self) -> str:
        """What the functions accept, separated by spaces."""
        return " ".join(self._keys)

    def _key(self, generation: int) -> str:
        secret = secretsmanager.Secret(
            self,
            f"Generation{generation}",
            description=f"Key {generation} that proves a request is from Cairn's distribution",
            generate_secret_string=secretsmanager.SecretStringGenerator(exclude_punctuation=True, password_length=48),
            # Worth nothing without the distribution, and generated again with it.
            removal_policy=RemovalPolicy.DESTROY,
        )
        NagSuppressions.add_resource_suppressions(
            secret,
            [
                NagPackSuppression(
                    id="AwsSolutions-SMG4",
                    reason="The distribution and the functions have to change together: cdn_key_generation does that.",
                )
            ],
        )
        return secret.secret_value.unsafe_unwrap()
