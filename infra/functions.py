"""What every Lambda function of Cairn has in common; its permissions and names come from the parts it is granted."""

from collections.abc import Mapping, Sequence

from aws_cdk import Duration, Fn
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from cdk_nag import NagPackSuppression, NagSuppressions
from constructs import Construct

from infra.outputs import output, pascal
from infra.packaging import ARCHITECTURE, RUNTIME, Packaging
from infra.settings import Settings

METRICS_NAMESPACE = "Cairn"


class Function(Construct):
    """`functions/<name>/handler.py` with a role and a log group of its own."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        description: str,
        settings: Settings,
        packaging: Packaging,
        timeout: Duration,
        memory_size: int = 512,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(scope, pascal(name))
        self.id = pascal(name)
        self.name = name
        log_group = logs.LogGroup(self, "Logs", retention=logs.RetentionDays.ONE_MONTH, removal_policy=settings.removal)
        # Not AWSLambdaBasicExecutionRole, which may write to every log group of the account.
        self.role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            description=f"What {name} may do, and no other function",
        )
        self.allow("logs:CreateLogStream", "logs:PutLogEvents", on=log_group.log_group_arn)
        self.resource = lambda_.Function(
            self,
            "Function",
            description=description,
            handler=f"functions.{name}.handler.handler",
            code=packaging.function(name),
            layers=packaging.layers,
            runtime=RUNTIME,
            architecture=ARCHITECTURE,
            memory_size=memory_size,
            timeout=timeout,
            role=self.role,
            log_group=log_group,
            tracing=lambda_.Tracing.DISABLED,
            environment={
                "POWERTOOLS_SERVICE_NAME": name,
                "POWERTOOLS_METRICS_NAMESPACE": METRICS_NAMESPACE,
                "POWERTOOLS_LOG_LEVEL": "INFO",
                **(environment or {}),
            },
        )
        NagSuppressions.add_resource_suppressions(
            self.resource,
            [
                NagPackSuppression(
                    id="AwsSolutions-L1",
                    reason="Python 3.13 is the design's choice, for its start-up; infra/packaging.py raises it.",
                )
            ],
        )
        output(self, f"{self.id}Function", self.resource.function_name, description=description)

    def allow(self, *actions: str, on: str | Sequence[str], when: Mapping[str, object] | None = None) -> None:
        resources = [on] if isinstance(on, str) else list(on)
        self.role.add_to_policy(iam.PolicyStatement(actions=list(actions), resources=resources, conditions=when))

    def tell(self, **environment: str) -> None:
        for name, value in environment.items():
            self.resource.add_environment(name, value)

    def open_to_all(self) -> str:
        """The host of a public Lambda URL, not signed by CloudFront: that would ask each POST for its body's hash."""
        url = self.resource.add_function_url(auth_type=lambda_.FunctionUrlAuthType.NONE)
        output(self, f"{self.id}FunctionUrl", url.url, description=f"Lambda URL of {self.name}, behind CloudFront")
        return Fn.parse_domain_name(url.url)

    def metric(
        self,
        name: str,
        *,
        dimensions: Mapping[str, str] | None = None,
        statistic: str = "Sum",
        label: str | None = None,
    ) -> cloudwatch.Metric:
        """One of Cairn's own, which the function writes to its log as EMF."""
        return cloudwatch.Metric(
            namespace=METRICS_NAMESPACE,
            metric_name=name,
            dimensions_map={"service": self.name, **(dimensions or {})},
            statistic=statistic,
            label=label,
        )
