"""The platforms: the address of each is a parameter, which the local cloud changes; its keys are in a secret."""

from aws_cdk import CfnParameter
from aws_cdk import aws_secretsmanager as secretsmanager
from cdk_nag import NagPackSuppression, NagSuppressions
from constructs import Construct

from infra.capability import foundation
from infra.functions import Function
from infra.outputs import output, pascal
from infra.settings import PlatformSettings


class Platforms(Construct):
    """One line a platform, in cdk.json."""

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        platforms = foundation(self).settings.platforms
        self.all = {name: Platform(self, name, settings) for name, settings in platforms.items()}
        self.telegram = self.all["telegram"]
        self.creator = self.all["creator"]
        """Where creators earn; the others host channels."""

    def grant_call(self, function: Function) -> None:
        """Let a function call the platforms that host channels."""
        for platform in self.all.values():
            if platform is not self.creator:
                platform.grant_call(function)


class Platform(Construct):
    """A platform's address and keys.

    The stack creates the secret as `{}` and never writes to it again: CloudFormation overwrites a secret's value when
    the value in the template changes. A missing or empty key means that the platform is not in use. To set the keys:
    `aws secretsmanager put-secret-value --secret-id <output YoutubeSecret> --secret-string '{"YOUTUBE_API_KEY": "…"}'`.
    """

    def __init__(self, scope: Construct, name: str, settings: PlatformSettings) -> None:
        super().__init__(scope, pascal(name))
        self.name = name
        self._addresses = {"API_URL": self._address("ApiUrl", settings.url, f"Base of {name}'s API")}
        if settings.auth_url:
            self._addresses["AUTH_URL"] = self._address("AuthUrl", settings.auth_url, f"Base of {name}'s OAuth server")
        secret = secretsmanager.CfnSecret(
            self,
            "Secret",
            description=f"Keys for {name}: a JSON object of {', '.join(settings.keys)}",
            secret_string="{}",  # noqa: S106 - an empty object, see above
        )
        secret.apply_removal_policy(foundation(self).settings.removal)
        NagSuppressions.add_resource_suppressions(
            secret,
            [
                NagPackSuppression(
                    id="AwsSolutions-SMG4", reason="The platform issues the keys; docs/operations.md explains rotation."
                )
            ],
        )
        # In AWS the same as Ref; MiniStack's Ref is the name, which no policy can grant.
        self._secret_arn = secret.attr_id
        output(self, f"{pascal(name)}Secret", self._secret_arn, description=f"Secret with the keys for {name}")

    def _address(self, construct_id: str, default: str, description: str) -> str:
        parameter = CfnParameter(
            self, construct_id, default=default, description=description, allowed_pattern=r"https?://\S+"
        )
        parameter.override_logical_id(f"{pascal(self.name)}{construct_id}")
        return parameter.value_as_string

    def grant_keys(self, function: Function) -> None:
        function.allow("secretsmanager:GetSecretValue", on=self._secret_arn)
        function.add_environment(**{f"{self.name.upper()}_SECRET": self._secret_arn})

    def grant_call(self, function: Function) -> None:
        self.grant_keys(function)
        function.add_environment(**{f"{self.name.upper()}_{which}": url for which, url in self._addresses.items()})
