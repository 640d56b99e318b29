"""The alarms. Each names its section of docs/operations.md."""

from aws_cdk import Aws, Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from infra.capability import Capability
from infra.channels import Channels
from infra.creators import Creators
from infra.functions import Function
from infra.outputs import output, pascal
from infra.queues import DeadLetters, Queue
from infra.telegram import Telegram
from infra.usage import Usage
from infra.webhooks import Webhooks

MINUTE = Duration.minutes(1)
FIVE_MINUTES = Duration.minutes(5)


class Monitoring(Capability):
    """What is in the registry gets its alarms here; nothing has to be added for a new function or queue."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        channels: Channels,
        telegram: Telegram,
        webhooks: Webhooks,
        usage: Usage,
        creators: Creators,
    ) -> None:
        super().__init__(scope, construct_id)
        self._topic = self._alarm_topic()
        for dead_letters in self.registry.dead_letters:
            self._dead_letters(dead_letters)
        for queue in self.registry.queues:
            self._queue(queue)
        for function in self.registry.functions:
            self._function(function)
        for platform in self.platforms.all:
            self._platform(platform, channels.fetch_stats)
        self._telegram(telegram.notify)
        self._webhooks(webhooks.deliver_webhook)
        self._usage(usage.ingest_usage)
        self._creators(creators)

    def _dead_letters(self, dead_letters: DeadLetters) -> None:
        self._alarm(
            f"{dead_letters.name}NotEmpty",
            dead_letters.visible(),
            at_least=1,
            text=f"{dead_letters.name} holds work that failed.",
            section="dead-letters",
        )

    def _queue(self, queue: Queue) -> None:
        if overdue := queue.overdue:
            self._alarm(
                f"{pascal(overdue.messages)}Waiting",
                queue.oldest(),
                at_least=overdue.seconds,
                periods=3,
                text=overdue.text,
                section=f"{overdue.messages}-waiting",
            )

    def _function(self, function: Function) -> None:
        self._alarm(
            f"{function.id}Errors",
            function.resource.metric_errors(period=FIVE_MINUTES, statistic="Sum"),
            at_least=3,
            text=f"{function.name} raises errors.",
            section="function-errors",
        )
        self._alarm(
            f"{function.id}Throttles",
            function.resource.metric_throttles(period=FIVE_MINUTES, statistic="Sum"),
            at_least=1,
            periods=3,
            text=f"{function.name} is throttled: the account's Lambda concurrency is used up.",
            section="function-throttles",
        )
        if function.stream_of:
            self._alarm(
                f"{function.id}Behind",
                function.resource.metric("IteratorAge", statistic="Maximum", period=MINUTE),
                at_least=60_000,
                periods=3,
                text=f"{function.name} is more than a minute behind the {function.stream_of} table's stream.",
                section="stream-behind",
            )
        if function.queue_of:
            self._alarm(
                f"{function.id}Recursion",
                function.resource.metric("RecursiveInvocationsDropped", statistic="Sum", period=FIVE_MINUTES),
                at_least=1,
                text=f"Lambda dropped messages of {function.name}, because it took their chain for an endless loop.",
                section="recursion",
            )
        if function.public:
            self._alarm(
                f"{function.id}Http5xx",
                function.resource.metric("Url5xxCount", statistic="Sum", period=FIVE_MINUTES),
                at_least=3,
                text=f"{function.name} answers with server errors.",
                section="http-errors",
            )

    def _platform(self, platform: str, fetch_stats: Function) -> None:
        self._alarm(
            f"{pascal(platform)}FetchErrors",
            fetch_stats.metric("FetchErrors", dimensions={"platform": platform}),
            at_least=1,
            # Three of the last hour's fetches, at one every five minutes; a single failure need not wake anybody.
            periods=12,
            datapoints=3,
            text=f"Fetching from {platform} keeps failing.",
            section="fetch-errors",
        )

    def _telegram(self, notify: Function) -> None:
        self._alarm(
            "AlertsHeld",
            # A message that waits is replaced every 15 minutes, so the age of the queue's oldest does not show it.
            notify.metric("PostponedFor", statistic="Maximum").with_(period=Duration.minutes(15)),
            at_least=900,
            text="Telegram has held the bot, or a chat, for a quarter of an hour.",
            section="alerts-waiting",
        )
        self._alarm(
            "RefusalsDisbelieved",
            notify.metric("RefusalsDisbelieved").with_(period=FIVE_MINUTES),
            at_least=1,
            text="Telegram refuses many chats, or all: they stay subscribed, and are tried again.",
            section="refusals-disbelieved",
        )
        self._alarm(
            "AlertsRetryable",
            notify.metric("AlertsRetryable").with_(period=FIVE_MINUTES),
            at_least=3,
            text="Subscribers were not notified of a milestone, and may be tried again.",
            section="alerts-retryable",
        )

    def _webhooks(self, deliver_webhook: Function) -> None:
        self._alarm(
            "EndpointsDisabled",
            deliver_webhook.metric("EndpointsDisabled").with_(period=FIVE_MINUTES),
            at_least=1,
            text="A webhook endpoint only failed and was disabled; it gets nothing until a person resumes it.",
            section="endpoints-disabled",
        )
        self._alarm(
            "WebhooksOverdue",
            deliver_webhook.metric("OldestWebhook", statistic="Maximum").with_(period=FIVE_MINUTES),
            at_least=3600,
            periods=3,
            text="A webhook has been due for an hour: its endpoint does not answer, or is too slow.",
            section="webhooks-overdue",
        )
        self._alarm(
            "WebhooksFailed",
            deliver_webhook.metric("WebhooksFailed").with_(period=FIVE_MINUTES),
            at_least=1,
            text="Webhook messages were given up after their last attempt; `recover` sends them again.",
            section="webhooks-failed",
        )

    def _usage(self, ingest_usage: Function) -> None:
        self._alarm(
            "UsageNotStored",
            ingest_usage.metric("UsageNotStored").with_(period=FIVE_MINUTES),
            at_least=3,
            text="Usage events could not be stored; what sends them has to send them again.",
            section="usage-not-stored",
        )

    def _creators(self, creators: Creators) -> None:
        sync, roll_up = creators.sync_transactions, creators.roll_up_transactions
        quarter = Duration.minutes(15)
        self._alarm(
            "TransactionsOld",
            sync.metric("OldestSync", statistic="Maximum").with_(period=quarter),
            # Two syncs in a row are missing, at one every 15 minutes.
            at_least=2400,
            text="A creator's transactions have not been brought for 40 minutes.",
            section="transactions-old",
        )
        self._alarm(
            "AudiencesOld",
            sync.metric("OldestAudience", statistic="Maximum").with_(period=quarter),
            # Three in a row are missing, at one every five minutes.
            at_least=1200,
            text="A creator's subscribers and followers have not been fetched for 20 minutes.",
            section="transactions-old",
        )
        self._alarm(
            "CreatorsDisconnected",
            sync.metric("CreatorsDisconnected", statistic="Maximum").with_(period=quarter),
            at_least=1,
            text="A platform rejects a creator's credentials: a person has to connect the creator again.",
            section="creators-disconnected",
        )
        self._alarm(
            "RollupsDiffer",
            roll_up.metric("RollupDifferences").with_(period=quarter),
            at_least=1,
            text="Sums of transactions were not those of the rows; they have been made again.",
            section="rollups-differ",
        )

    def _alarm_topic(self) -> sns.Topic:
        topic = sns.Topic(self, "Alarms", display_name="Cairn alarms", enforce_ssl=True)
        # enforce_ssl adds a topic policy, which replaces the default policy that admits the account's alarms.
        topic.add_to_resource_policy(
            iam.PolicyStatement(
                sid="AlarmsOfThisAccount",
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}},
            )
        )
        if self.settings.alarm_email:
            topic.add_subscription(subscriptions.EmailSubscription(self.settings.alarm_email))
        output(self, "AlarmTopic", topic.topic_arn, description="Subscribe to it to be notified of alarms")
        return topic

    def _alarm(
        self,
        name: str,
        metric: cloudwatch.Metric,
        *,
        at_least: int,
        text: str,
        section: str,
        periods: int = 1,
        datapoints: int | None = None,
    ) -> None:
        alarm = cloudwatch.Alarm(
            self,
            name,
            metric=metric,
            threshold=at_least,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            evaluation_periods=periods,
            datapoints_to_alarm=datapoints,
            # All these metrics are silent when there is nothing to report.
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
            alarm_description=f"{text} See docs/operations.md#{section}",
        )
        alarm.add_alarm_action(actions.SnsAction(self._topic))
        alarm.add_ok_action(actions.SnsAction(self._topic))
