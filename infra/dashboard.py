"""One page that follows a reading: a column for each function on its path, and all failures at the bottom.

Viewers have their own row, since most of their requests store no reading; so do webhooks, which are for other systems,
usage, which a product sends, and creators, whose transactions have rows of their own.
"""

from collections.abc import Iterable, Sequence

from aws_cdk import Aws, Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from infra.capability import Capability
from infra.channels import Channels
from infra.creators import Creators
from infra.functions import Function
from infra.leaderboard import Leaderboard
from infra.outputs import output
from infra.queues import Queue
from infra.readings import Readings
from infra.realtime import Realtime
from infra.telegram import Telegram
from infra.usage import Usage
from infra.viewers import Viewers
from infra.webhooks import Webhooks

_ALERTS = ("AlertsDelivered", "AlertsFailed", "AlertsRetryable", "RefusalsDisbelieved")
_WEBHOOKS = ("WebhooksSent", "WebhooksRecovered", "WebhookAttemptsFailed", "WebhooksFailed")
_USAGE_BY_TYPE = """SEARCH('{Cairn,service,type} MetricName="UsageEvents"', 'Sum', 300)"""
"""The types are a setting, so their metrics are found as they come."""
_FRAMES = ("FramesPosted", "SocketsGone", "SocketsDropped")


class Dashboard(Capability):
    """A function or queue that has no place here by name is shown with the others of its kind."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        channels: Channels,
        readings: Readings,
        telegram: Telegram,
        realtime: Realtime,
        viewers: Viewers,
        leaderboard: Leaderboard,
        webhooks: Webhooks,
        usage: Usage,
        creators: Creators,
    ) -> None:
        super().__init__(scope, construct_id)
        fetch, detect, notify = channels.fetch_stats, readings.detect_milestone, telegram.notify
        broadcast, ws_connect, month_rollover = realtime.broadcast, realtime.ws_connect, leaderboard.month_rollover
        viewer_heartbeat, count_viewers = viewers.viewer_heartbeat, viewers.count_viewers
        functions, queues = self.registry.functions, self.queues
        ingest_usage = usage.ingest_usage
        sync, roll_up = creators.sync_transactions, creators.roll_up_transactions
        own_row = (viewer_heartbeat, usage.ingest_usage, creators.creator_webhook)
        http = [function for function in functions if function.public and function not in own_row]
        readers = [function for function in functions if function.stream_of]
        deliver_webhook = webhooks.deliver_webhook
        shown = (queues.notify, queues.broadcast, queues.count, queues.webhook, queues.creators)
        others = [queue for queue in self.registry.queues if queue.overdue and queue not in shown]
        name = f"{Stack.of(self).stack_name}-{Aws.REGION}"
        board = cloudwatch.Dashboard(self, "Dashboard", dashboard_name=name, default_interval=Duration.hours(6))
        board.add_widgets(
            _title("1 · fetch_stats", "The schedule, the refresh button and the API request fetches."),
            _title("2 · detect_milestone", "Compares the readings of the stats table's stream with the rules."),
            _title("3 · notify", "Sends the alerts of the notify queue, within Telegram's limits."),
            _title("4 · broadcast", "Sends the events of the broadcast queue to every socket of a room."),
            _title("5 · ws_connect", "Browsers connect, join rooms and disconnect."),
            _title("HTTP", "Requests from people, machines and Telegram."),
        )
        board.add_widgets(
            _graph("Readings", fetch.metric("ReadingsStored"), fetch.metric("ReadingsUnchanged")),
            _graph(
                "Milestones",
                detect.metric("MilestonesReached"),
                readings.check_milestones.metric("MilestonesMissed"),
                month_rollover.metric("RepsTurned"),
            ),
            _graph("Alerts", *(notify.metric(name) for name in _ALERTS)),
            _graph("Frames", *(broadcast.metric(name) for name in _FRAMES)),
            _graph("Sockets", *(realtime.metric(name, "Sum") for name in ("ConnectCount", "MessageCount"))),
            _graph("Requests", *_each(http, "UrlRequestCount", "Sum")),
        )
        board.add_widgets(
            _graph("Time to fetch, ms", *_durations(fetch)),
            _graph("From reading to milestone, ms", *_percentiles(detect, "DetectionDelay")),
            _graph("From reading to message, ms", *_percentiles(notify, "DeliveryDelay")),
            _graph("From reading to frame, ms", *_percentiles(broadcast, "BroadcastDelay")),
            _graph("Time to answer a socket, ms", *_durations(ws_connect)),
            _graph("Latency, ms", *_each(http, "UrlRequestLatency", "p99")),
        )
        board.add_widgets(
            _graph(
                "Fetch errors by platform",
                *(
                    fetch.metric("FetchErrors", dimensions={"platform": name}, label=name)
                    for name in self.platforms.all
                ),
            ),
            _graph("Behind the stream, ms", *_each(readers, "IteratorAge", "Maximum")),
            _queue(queues.notify),
            _queue(queues.broadcast),
            _graph("Socket errors", *(realtime.metric(name, "Sum") for name in ("ClientError", "IntegrationError"))),
            _graph("Server errors", *_each(http, "Url5xxCount", "Sum")),
        )
        board.add_widgets(
            _title("Viewers", "They join, send heartbeats, request counts and leave; each change starts a count."),
            _graph("Viewers' requests", *_each([viewer_heartbeat], "UrlRequestCount", "Sum")),
            _graph("Viewers' latency, ms", *_latencies(viewer_heartbeat)),
            _graph("Viewers' server errors", *_each([viewer_heartbeat], "Url5xxCount", "Sum")),
            _graph("Time to count, ms", *_durations(count_viewers)),
            _queue(queues.count),
        )
        board.add_widgets(
            _title("Webhooks", "Events for the endpoints that want them; what cannot be sent now is due later."),
            _graph("Webhooks", *(deliver_webhook.metric(name) for name in _WEBHOOKS)),
            _graph("From event to 2xx, ms", *_percentiles(deliver_webhook, "WebhookDelay")),
            _graph("Due for, seconds", deliver_webhook.metric("OldestWebhook", statistic="Maximum")),
            _graph("Time to send, ms", *_durations(deliver_webhook)),
            _queue(queues.webhook),
        )
        board.add_widgets(
            _title("Usage", "What a product's users do: counted at once; detection and webhooks come after."),
            _graph("Usage events", cloudwatch.MathExpression(expression=_USAGE_BY_TYPE, using_metrics={}, label="")),
            _graph("Usage not counted", *(ingest_usage.metric(name) for name in ("UsageRejected", "UsageNotStored"))),
            _graph("Usage requests", *_each([ingest_usage], "UrlRequestCount", "Sum")),
            _graph("Usage latency, ms", *_latencies(ingest_usage)),
            _graph("Usage server errors", *_each([ingest_usage], "Url5xxCount", "Sum")),
        )
        board.add_widgets(
            _title("Creators", "Their transactions are brought and summed; a webhook's payment counts at once."),
            _graph("Syncs", *(sync.metric(name) for name in ("CreatorsSynced", "SyncsFailed", "CreatorsDisconnected"))),
            _graph(
                "Age of the oldest, seconds",
                *(sync.metric(name, statistic="Maximum") for name in ("OldestSync", "OldestAudience")),
            ),
            _graph(
                "Rows",
                sync.metric("RowsVanished"),
                roll_up.metric("DaysRolledUp"),
                roll_up.metric("RollupDifferences"),
                creators.creator_webhook.metric("PaymentsPushed"),
            ),
            _graph("Webhook's requests", *_each([creators.creator_webhook], "UrlRequestCount", "Sum")),
            _queue(queues.creators),
        )
        if others:
            board.add_widgets(*map(_queue, others))
        board.add_widgets(
            _graph(
                "Dead letters",
                *(letters.visible().with_(label=letters.name) for letters in self.registry.dead_letters),
                width=8,
            ),
            _graph("Function errors", *_each(functions, "Errors", "Sum"), width=8),
            _graph("Function throttles", *_each(functions, "Throttles", "Sum"), width=8),
        )
        output(
            self,
            "DashboardUrl",
            f"https://{Aws.REGION}.console.aws.amazon.com/cloudwatch/home#dashboards/dashboard/{name}",
            description="The path of a reading on one page",
        )


def _title(name: str, text: str) -> cloudwatch.TextWidget:
    return cloudwatch.TextWidget(markdown=f"## {name}\n{text}", width=4, height=3)


def _graph(title: str, *metrics: cloudwatch.IMetric, width: int = 4) -> cloudwatch.GraphWidget:
    return cloudwatch.GraphWidget(title=title, left=list(metrics), width=width)


def _queue(queue: Queue) -> cloudwatch.GraphWidget:
    return _graph(
        f"{queue.name} queue",
        queue.visible().with_(label="messages"),
        queue.oldest().with_(label="oldest, seconds"),
    )


def _each(functions: Iterable[Function], metric: str, statistic: str) -> Sequence[cloudwatch.Metric]:
    """The metric of each function, labelled with its name."""
    return [function.resource.metric(metric, statistic=statistic, label=function.name) for function in functions]


def _latencies(function: Function) -> Sequence[cloudwatch.Metric]:
    return [function.resource.metric("UrlRequestLatency", statistic=s, label=s) for s in ("p50", "p99")]


def _durations(function: Function) -> Sequence[cloudwatch.Metric]:
    return [function.resource.metric_duration(statistic=s, label=s) for s in ("p50", "p99")]


def _percentiles(function: Function, metric: str) -> Sequence[cloudwatch.Metric]:
    return [function.metric(metric, statistic=s, label=s) for s in ("p50", "p99")]
