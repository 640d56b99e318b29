"""What all Lambda functions have in common. Their permissions and variables come from what they are granted."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from aws_cdk import Duration, Fn
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from cdk_nag import NagPackSuppression, NagSuppressions
from constructs import Construct

from infra.capability import foundation
from infra.outputs import output, pascal
from infra.packaging import ARCHITECTURE, RUNTIME

METRICS_NAMESPACE = "Cairn"
_LOG_LEVEL = "INFO"
"""Also of lines without a level, such as those of metrics: with another one, Lambda would drop them."""
AUDIT_RETENTION = logs.RetentionDays.ONE_YEAR


@dataclass(frozen=True)
class PublicUrl:
    """The host of a Lambda URL, and how long its function may take to answer."""

    host: str
    timeout: Duration


class Function(Construct):
    """`functions/<name>/handler.py` with its own role and log group."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        description: str,
        timeout: Duration,
        memory_size: int = 512,
        includes: str = "",
        environment: Mapping[str, str] | None = None,
        endless_chain: bool = False,
        audited: bool = False,
    ) -> None:
        """`endless_chain`: its messages lead to others, without end or for days, and Lambda must not stop it.

        `audited`: its log has lines of the audit trail, which are kept longer.
        """
        super().__init__(scope, pascal(name))
        stack = foundation(self)
        stack.registry.functions.append(self)
        self.id = pascal(name)
        self.name = name
        self._timeout = timeout
        self.public = False
        self.stream_of: str | None = None
        """The table whose stream starts the function."""
        self.queue_of: str | None = None
        """The queue that starts the function."""
        retention = AUDIT_RETENTION if audited else logs.RetentionDays.ONE_MONTH
        log_group = logs.LogGroup(self, "Logs", retention=retention, removal_policy=stack.settings.removal)
        if audited:
            output(self, f"{self.id}LogGroup", log_group.log_group_name, description=f"Has audit lines of {name}")
        # Not AWSLambdaBasicExecutionRole, which may write to every log group of the account.
        self.role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            description=f"What {name} may do, and no other function",
        )
        self._policy: iam.ManagedPolicy | None = None
        self.allow("logs:CreateLogStream", "logs:PutLogEvents", on=log_group.log_group_arn)
        self.resource = lambda_.Function(
            self,
            "Function",
            description=description,
            handler=f"functions.{name}.handler.handler",
            code=stack.packaging.function(name, includes=includes),
            layers=stack.packaging.layers,
            runtime=RUNTIME,
            architecture=ARCHITECTURE,
            memory_size=memory_size,
            timeout=timeout,
            role=self.role,
            log_group=log_group,
            # Of Lambda's own lines only those of failures: the others are most of a log's size, and metrics have them.
            # Lines of ours, which are JSON already, pass unchanged, and so do their metrics.
            # https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-logformat.html
            logging_format=lambda_.LoggingFormat.JSON,
            system_log_level_v2=lambda_.SystemLogLevel.WARN,
            application_log_level_v2=lambda_.ApplicationLogLevel(_LOG_LEVEL),
            tracing=lambda_.Tracing.DISABLED,
            reserved_concurrent_executions=stack.settings.reserved_concurrency.get(name),
            # By default Lambda drops a message when its chain has started the function about 16 times.
            # https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html
            recursive_loop=lambda_.RecursiveLoop.ALLOW if endless_chain else None,
            environment={
                "POWERTOOLS_SERVICE_NAME": name,
                "POWERTOOLS_METRICS_NAMESPACE": METRICS_NAMESPACE,
                "POWERTOOLS_LOG_LEVEL": _LOG_LEVEL,
                **(environment or {}),
            },
        )
        NagSuppressions.add_resource_suppressions(
            self.resource,
            [
                NagPackSuppression(
                    id="AwsSolutions-L1",
                    reason="Python 3.13 is chosen for its fast start; infra/packaging.py names the version.",
                )
            ],
        )
        output(self, f"{self.id}Function", self.resource.function_name, description=description)

    def allow(self, *actions: str, on: str | Sequence[str], when: Mapping[str, object] | None = None) -> None:
        resources = [on] if isinstance(on, str) else list(on)
        statement = iam.PolicyStatement(actions=list(actions), resources=resources, conditions=when)
        if self._policy:
            self._policy.add_statements(statement)
        else:
            self.role.add_to_policy(statement)

    @contextmanager
    def apart(self, name: str) -> Iterator[None]:
        """Put what the function is granted within into a managed policy of its own.

        A role's inline policies have 10,240 characters in total. A managed one has 6,144 more, and a role has up to
        ten of them. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
        """
        self._policy = iam.ManagedPolicy(
            self.role, name, description=f"What {self.name} may do besides: {name}", roles=[self.role]
        )
        try:
            yield
        finally:
            self._policy = None

    def add_environment(self, **variables: str) -> None:
        for name, value in variables.items():
            self.resource.add_environment(name, value)

    def add_public_url(self) -> PublicUrl:
        """A public Lambda URL, whose function rejects requests without the distribution's key.

        CloudFront does not sign: each POST would need the hash of its body.
        """
        self.public = True
        stack = foundation(self)
        self.add_environment(CDN_KEYS=stack.cdn_key.accepted, DIRECT_CALLS=stack.settings.direct_calls)
        url = self.resource.add_function_url(auth_type=lambda_.FunctionUrlAuthType.NONE)
        output(self, f"{self.id}FunctionUrl", url.url, description=f"Lambda URL of {self.name}, behind CloudFront")
        return PublicUrl(Fn.parse_domain_name(url.url), self._timeout)

    def metric(
        self,
        name: str,
        *,
        dimensions: Mapping[str, str] | None = None,
        statistic: str = "Sum",
        label: str | None = None,
    ) -> cloudwatch.Metric:
        """One of Cairn's own metrics, which the function writes to its log as EMF."""
        return cloudwatch.Metric(
            namespace=METRICS_NAMESPACE,
            metric_name=name,
            dimensions_map={"service": self.name, **(dimensions or {})},
            statistic=statistic,
            label=label,
        )
