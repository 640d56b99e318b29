"""Alarms, each of which names its section of docs/operations.md, and the dashboard."""

from aws_cdk import Aws, Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from infra.broadcasting import Broadcasting
from infra.dashboard import Dashboard
from infra.detection import Detection
from infra.fetching import Fetching
from infra.history import History
from infra.http import Http
from infra.notifying import Notifying
from infra.outputs import output, pascal
from infra.platforms import Platforms
from infra.presence import Presence
from infra.queues import Queues
from infra.settings import Settings
from infra.sockets import Sockets
from infra.turning import Turning


class Watching(Construct):
    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        platforms: Platforms,
        queues: Queues,
        fetching: Fetching,
        detection: Detection,
        history: History,
        notifying: Notifying,
        sockets: Sockets,
        presence: Presence,
        broadcasting: Broadcasting,
        turning: Turning,
        http: Http,
    ) -> None:
        super().__init__(scope, construct_id)
        self._topic = self._alarm_topic(settings)
        readers = [detection.detect_milestone, history.record_history]
        public = [http.api, http.telegram_webhook, presence.viewer_heartbeat]
        others = [fetching.fetch_stats, notifying.notify, broadcasting.broadcast]
        others += [sockets.ws_connect, presence.count_viewers, turning.turn_month]

        for dead_letters in queues.dead_letters:
            self._alarm(
                f"{dead_letters.name}NotEmpty",
                dead_letters.visible(),
                at_least=1,
                says=f"{dead_letters.name} holds work that could not be done.",
                section="dead-letters",
            )
        for reader in readers:
            self._alarm(
                f"{reader.id}Behind",
                reader.resource.metric("IteratorAge", statistic="Maximum", period=MINUTE),
                at_least=60_000,
                periods=3,
                says=f"{reader.name} is more than a minute behind the stats table's stream.",
                section="stream-behind",
            )
        for platform in platforms.all:
            self._alarm(
                f"{pascal(platform)}FetchErrors",
                fetching.fetch_stats.metric("FetchErrors", dimensions={"platform": platform}),
                at_least=1,
                # Three five-minute fetches of the last hour; one that fails alone is not worth waking anybody.
                periods=12,
                datapoints=3,
                says=f"Fetching from {platform} keeps failing.",
                section="fetch-errors",
            )
        self._alarm(
            "AlertsWaiting",
            queues.notify.oldest(),
            at_least=900,
            periods=3,
            says="An alert has waited a quarter of an hour to be sent.",
            section="alerts-waiting",
        )
        self._alarm(
            "BroadcastsWaiting",
            queues.broadcast.oldest(),
            at_least=60,
            periods=3,
            says="An event has waited a minute to be told to its room.",
            section="broadcasts-waiting",
        )
        self._alarm(
            "CountsWaiting",
            queues.count.oldest(),
            # A count that is due when the next viewer may be gone waits that long, and there is always one.
            at_least=settings.viewer_timeout + 240,
            periods=3,
            says="A channel's viewers have not been counted for minutes.",
            section="counts-waiting",
        )
        for function in [*readers, *public, *others]:
            self._alarm(
                f"{function.id}Errors",
                function.resource.metric_errors(period=FIVE_MINUTES, statistic="Sum"),
                at_least=3,
                says=f"{function.name} raises errors.",
                section="function-errors",
            )
            self._alarm(
                f"{function.id}Throttles",
                function.resource.metric_throttles(period=FIVE_MINUTES, statistic="Sum"),
                at_least=1,
                periods=3,
                says=f"{function.name} is throttled: the account's Lambda concurrency is used up.",
                section="function-throttles",
            )
        for function in public:
            self._alarm(
                f"{function.id}Http5xx",
                function.resource.metric("Url5xxCount", statistic="Sum", period=FIVE_MINUTES),
                at_least=3,
                says=f"{function.name} answers with server errors.",
                section="http-errors",
            )
        Dashboard(
            self,
            "Dashboard",
            platforms=platforms,
            queues=queues,
            fetching=fetching,
            detection=detection,
            history=history,
            notifying=notifying,
            sockets=sockets,
            presence=presence,
            broadcasting=broadcasting,
            turning=turning,
            http=http,
        )

    def _alarm_topic(self, settings: Settings) -> sns.Topic:
        topic = sns.Topic(self, "Alarms", display_name="Cairn alarms", enforce_ssl=True)
        # A policy of one's own replaces the one that lets the account's alarms in.
        topic.add_to_resource_policy(
            iam.PolicyStatement(
                sid="AlarmsOfThisAccount",
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}},
            )
        )
        if settings.alarm_email:
            topic.add_subscription(subscriptions.EmailSubscription(settings.alarm_email))
        output(self, "AlarmTopic", topic.topic_arn, description="Subscribe to it to hear of alarms")
        return topic

    def _alarm(
        self,
        name: str,
        metric: cloudwatch.Metric,
        *,
        at_least: int,
        says: str,
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
            # None of these metrics is reported while there is nothing to report.
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
            alarm_description=f"{says} See docs/operations.md#{section}",
        )
        alarm.add_alarm_action(actions.SnsAction(self._topic))
        alarm.add_ok_action(actions.SnsAction(self._topic))


MINUTE = Duration.minutes(1)
FIVE_MINUTES = Duration.minutes(5)
