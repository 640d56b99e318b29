"""What a local cloud chooses differently, as a parameter whose default is cdk.json's."""

from aws_cdk import CfnParameter
from constructs import Construct

from infra.capability import foundation


class Parameters(Construct):
    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        self.initial_settings = CfnParameter(
            self,
            "InitialSettings",
            default=foundation(self).settings.initial_settings_json,
            allowed_pattern=r"\{.*\}",
            description="Settings that hold until a person saves others, as JSON by name",
        )
        self.initial_settings.override_logical_id("InitialSettings")
