"""One page that follows a reading: each column is a station of its way, and what goes wrong is at the foot.

Viewers have a row of their own, since most of what they do is no reading.
"""

from collections.abc import Sequence

from aws_cdk import Aws, Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from infra.broadcasting import Broadcasting
from infra.detection import Detection
from infra.fetching import Fetching
from infra.functions import Function
from infra.history import History
from infra.http import Http
from infra.notifying import Notifying
from infra.outputs import output
from infra.platforms import Platforms
from infra.presence import Presence
from infra.queues import Queue, Queues
from infra.sockets import Sockets
from infra.turning import Turning

_FRAMES = ("FramesPosted", "SocketsGone", "SocketsDropped")


class Dashboard(Construct):
    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
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
        fetch, detect, notify = fetching.fetch_stats, detection.detect_milestone, notifying.notify
        broadcast, ws_connect = broadcasting.broadcast, sockets.ws_connect
        functions = [fetch, detect, history.record_history, notify, broadcast, ws_connect]
        viewer_heartbeat, count_viewers = presence.viewer_heartbeat, presence.count_viewers
        functions += [viewer_heartbeat, count_viewers]
        functions += [turning.turn_month, http.api, http.telegram_webhook]
        board = cloudwatch.Dashboard(
            self, "Dashboard", dashboard_name=Stack.of(self).stack_name, default_interval=Duration.hours(6)
        )
        board.add_widgets(
            _title("1 · fetch_stats", "The schedule, the refresh button and the API ask the platforms."),
            _title("2 · detect_milestone", "The stats table's stream is compared with the rules."),
            _title("3 · notify", "The notify queue becomes messages, within Telegram's limits."),
            _title("4 · broadcast", "The broadcast queue becomes frames on every socket of a room."),
            _title("5 · ws_connect", "Browsers come, join rooms and go."),
            _title("HTTP", "What people and Telegram ask of Cairn."),
        )
        board.add_widgets(
            _graph("Readings", fetch.metric("ReadingsStored"), fetch.metric("ReadingsUnchanged")),
            _graph("Milestones", detect.metric("MilestonesReached"), turning.turn_month.metric("RepsTurned")),
            _graph("Alerts", notify.metric("AlertsDelivered"), notify.metric("AlertsFailed")),
            _graph("Frames", *(broadcast.metric(name) for name in _FRAMES)),
            _graph("Sockets", *(sockets.metric(name, "Sum") for name in ("ConnectCount", "MessageCount"))),
            _graph("Requests", *(_of(f, "UrlRequestCount", "Sum") for f in (http.api, http.telegram_webhook))),
        )
        board.add_widgets(
            _graph("Time to fetch, ms", *_durations(fetch)),
            _graph("From reading to milestone, ms", *_percentiles(detect, "DetectionDelay")),
            _graph("From reading to message, ms", *_percentiles(notify, "DeliveryDelay")),
            _graph("From reading to frame, ms", *_percentiles(broadcast, "BroadcastDelay")),
            _graph("Time to answer a socket, ms", *_durations(ws_connect)),
            _graph("Latency, ms", *(_of(f, "UrlRequestLatency", "p99") for f in (http.api, http.telegram_webhook))),
        )
        board.add_widgets(
            _graph(
                "Fetch errors by platform",
                *(fetch.metric("FetchErrors", dimensions={"platform": name}, label=name) for name in platforms.all),
            ),
            _graph(
                "Behind the stream, ms",
                *(_of(f, "IteratorAge", "Maximum") for f in (detect, history.record_history)),
            ),
            _queue(queues.notify),
            _queue(queues.broadcast),
            _graph("Socket errors", *(sockets.metric(name, "Sum") for name in ("ClientError", "IntegrationError"))),
            _graph("Server errors", *(_of(f, "Url5xxCount", "Sum") for f in (http.api, http.telegram_webhook))),
        )
        board.add_widgets(
            _title("Viewers", "They come, beat, ask and go; whoever changes a count has it made anew."),
            _graph("Viewers' requests", _of(viewer_heartbeat, "UrlRequestCount", "Sum")),
            _graph(
                "Viewers' latency, ms",
                *(viewer_heartbeat.resource.metric("UrlRequestLatency", statistic=s, label=s) for s in ("p50", "p99")),
            ),
            _graph("Viewers' server errors", _of(viewer_heartbeat, "Url5xxCount", "Sum")),
            _graph("Time to count, ms", *_durations(count_viewers)),
            _queue(queues.count),
        )
        board.add_widgets(
            _graph(
                "Dead letters",
                *(letters.visible().with_(label=letters.name) for letters in queues.dead_letters),
                width=8,
            ),
            _graph("Function errors", *(_of(f, "Errors", "Sum") for f in functions), width=8),
            _graph("Function throttles", *(_of(f, "Throttles", "Sum") for f in functions), width=8),
        )
        output(
            self,
            "DashboardUrl",
            f"https://{Aws.REGION}.console.aws.amazon.com/cloudwatch/home#dashboards/dashboard/{Stack.of(self).stack_name}",
            description="The way of a reading, at a glance",
        )


def _title(name: str, says: str) -> cloudwatch.TextWidget:
    return cloudwatch.TextWidget(markdown=f"## {name}\n{says}", width=4, height=3)


def _graph(title: str, *metrics: cloudwatch.Metric, width: int = 4) -> cloudwatch.GraphWidget:
    return cloudwatch.GraphWidget(title=title, left=list(metrics), width=width)


def _queue(queue: Queue) -> cloudwatch.GraphWidget:
    return _graph(
        f"{queue.name} queue",
        queue.visible().with_(label="messages"),
        queue.oldest().with_(label="oldest, seconds"),
    )


def _of(function: Function, metric: str, statistic: str) -> cloudwatch.Metric:
    return function.resource.metric(metric, statistic=statistic, label=function.name)


def _durations(function: Function) -> Sequence[cloudwatch.Metric]:
    return [function.resource.metric_duration(statistic=s, label=s) for s in ("p50", "p99")]


def _percentiles(function: Function, metric: str) -> Sequence[cloudwatch.Metric]:
    return [function.metric(metric, statistic=s, label=s) for s in ("p50", "p99")]
