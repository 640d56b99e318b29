"""Where the operators' own commands are recorded. The functions' audit lines are in the functions' log groups."""

from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.capability import Capability
from infra.functions import AUDIT_RETENTION
from infra.outputs import output


class Audit(Capability):
    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        group = logs.LogGroup(self, "Operations", retention=AUDIT_RETENTION, removal_policy=self.settings.removal)
        output(self, "OperationsLogGroup", group.log_group_name, description="Has audit lines of operators' commands")
