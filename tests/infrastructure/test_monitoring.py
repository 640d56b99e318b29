"""Every failure raises an alarm, and every alarm names its section of the operations page."""

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest

from cairn.workspace.document import DEFAULTS
from infra.packaging import ROOT
from tests.infrastructure.template import Properties, Template, target

DASHBOARD_WIDTH = 24


@pytest.fixture
def alarms(template: Template) -> list[Properties]:
    return list(template.resources("AWS::CloudWatch::Alarm").values())


def test_an_alarm_watches_every_place_where_failures_end(template: Template, alarms: list[Properties]) -> None:
    ends = {
        logical_id for logical_id, name in template.named("Url").items() if name.endswith(("DeadLetters", "Failures"))
    }
    watched = [
        target(alarm["Dimensions"][0]["Value"])
        for alarm in alarms
        if alarm["MetricName"] == "ApproximateNumberOfMessagesVisible" and alarm["Threshold"] == 1
    ]
    assert sorted(watched) == sorted(ends)


def test_an_alarm_watches_every_function_for_errors_and_throttles(template: Template, alarms: list[Properties]) -> None:
    for metric in ("Errors", "Throttles"):
        assert _functions_watched(alarms, metric) == set(template.functions)


def test_an_alarm_watches_every_reader_of_a_stream_for_falling_behind(
    template: Template, alarms: list[Properties]
) -> None:
    readers = {
        target(mapping["FunctionName"])
        for mapping in template.resources("AWS::Lambda::EventSourceMapping").values()
        if "StartingPosition" in mapping
    }
    assert _functions_watched(alarms, "IteratorAge") == readers


def test_an_alarm_watches_every_function_that_a_queue_starts_for_a_chain_that_lambda_ended(
    template: Template, alarms: list[Properties]
) -> None:
    readers = {
        target(mapping["FunctionName"])
        for mapping in template.resources("AWS::Lambda::EventSourceMapping").values()
        if "StartingPosition" not in mapping
    }
    assert _functions_watched(alarms, "RecursiveInvocationsDropped") == readers


def test_an_alarm_watches_every_public_function_for_server_errors(template: Template, alarms: list[Properties]) -> None:
    urls = template.resources("AWS::Lambda::Url").values()
    assert _functions_watched(alarms, "Url5xxCount") == {target(url["TargetFunctionArn"]) for url in urls}


def test_an_alarm_watches_every_platform_for_fetch_errors(context: Mapping[str, Any], alarms: list[Properties]) -> None:
    dimensions = [
        {dimension["Name"]: dimension["Value"] for dimension in alarm["Dimensions"]}
        for alarm in alarms
        if (alarm["Namespace"], alarm["MetricName"]) == ("Cairn", "FetchErrors")
    ]
    assert dimensions == [{"platform": name, "service": "fetch_stats"} for name in context["platforms"]]


def test_a_new_function_queue_and_dead_letter_queue_are_monitored_without_a_line_elsewhere(
    template: Template, extended_template: Template
) -> None:
    kind = "AWS::CloudWatch::Alarm"
    added = extended_template.resources(kind).keys() - template.resources(kind).keys()
    alarms = [extended_template.resources(kind)[logical_id] for logical_id in added]
    (function,) = extended_template.functions.keys() - template.functions.keys()
    urls = extended_template.named("Url")
    queue, letters, failures = (
        next(logical_id for logical_id, name in urls.items() if name == wanted)
        for wanted in ("DummyQueue", "DummyDeadLetters", "DummyFailures")
    )
    assert {(alarm["MetricName"], target(alarm["Dimensions"][0]["Value"])) for alarm in alarms} == {
        *((metric, function) for metric in ("Errors", "Throttles", "IteratorAge", "Url5xxCount")),
        ("RecursiveInvocationsDropped", function),
        ("ApproximateAgeOfOldestMessage", queue),
        ("ApproximateNumberOfMessagesVisible", letters),
        ("ApproximateNumberOfMessagesVisible", failures),
    }
    shown = {
        widget["properties"]["title"]: {value for metric in widget["properties"]["metrics"] for value in metric[:-1]}
        for widget in _widgets(extended_template)
        if widget["type"] == "metric"
    }
    assert {title for title, values in shown.items() if function in values} == {
        *("Requests", "Latency, ms", "Server errors", "Behind the stream, ms"),
        *("Function errors", "Function throttles"),
    }
    assert queue in shown["Dummy queue"]
    assert {letters, failures} <= shown["Dead letters"]


def test_every_alarm_says_what_is_wrong_and_which_section_of_the_operations_page_helps(
    alarms: list[Properties],
) -> None:
    headings = re.findall(r"^#+ (.+)$", (ROOT / "docs" / "operations.md").read_text(), re.MULTILINE)
    sections = {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}
    for alarm in alarms:
        text = re.fullmatch(r"[^.]+\. See docs/operations\.md#([a-z0-9-]+)", alarm["AlarmDescription"])
        assert text, alarm["AlarmDescription"]
        assert text[1] in sections, alarm["AlarmDescription"]


def test_every_alarm_reaches_the_topic_when_it_goes_off_and_when_it_is_over(
    template: Template, alarms: list[Properties]
) -> None:
    (topic,) = template.resources("AWS::SNS::Topic")
    for alarm in alarms:
        assert alarm["AlarmActions"] == alarm["OKActions"] == [{"Ref": topic}]
        assert alarm["TreatMissingData"] == "notBreaching"


def test_a_queue_whose_messages_wait_too_long_is_noticed_and_a_count_may_wait_for_a_viewer_to_time_out(
    template: Template, context: Mapping[str, Any], alarms: list[Properties]
) -> None:
    names = template.named("QueueUrl")
    limits = {
        names[target(alarm["Dimensions"][0]["Value"])]: alarm["Threshold"]
        for alarm in alarms
        if alarm["MetricName"] == "ApproximateAgeOfOldestMessage"
    }
    assert set(limits) == {"Notify", "Broadcast", "Count", "Webhook", "Creators"}
    assert limits["Count"] >= DEFAULTS.viewer_timeout + 2 * 60


def test_the_topic_lets_this_accounts_alarms_in(template: Template) -> None:
    (policy,) = template.resources("AWS::SNS::TopicPolicy").values()
    allowed = [s for s in policy["PolicyDocument"]["Statement"] if s["Effect"] == "Allow"]
    assert [(s["Principal"], s["Action"]) for s in allowed] == [
        ({"Service": "cloudwatch.amazonaws.com"}, "sns:Publish")
    ]
    assert allowed[0]["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}


def test_the_dashboard_follows_a_reading_from_left_to_right(template: Template) -> None:
    widgets = _widgets(template)
    titles = sorted((w["x"], w["properties"]["markdown"]) for w in widgets if w["type"] == "text")
    assert [re.match(r"## (\d · )?(\w+)", title)[2] for _, title in titles] == [  # type: ignore[index]  # it matches
        "fetch_stats",
        "Creators",
        "Usage",
        "Viewers",
        "Webhooks",
        "detect_milestone",
        "notify",
        "broadcast",
        "ws_connect",
        "HTTP",
    ]
    assert all(widget["x"] + widget["width"] <= DASHBOARD_WIDTH for widget in widgets)


def test_the_dashboard_shows_every_metric_that_cairn_reports(template: Template) -> None:
    (dashboard,) = template.resources("AWS::CloudWatch::Dashboard").values()
    body = str(dashboard["DashboardBody"])
    for metric in (
        "ReadingsStored",
        "ReadingsUnchanged",
        "FetchErrors",
        "MilestonesReached",
        "DetectionDelay",
        "AlertsDelivered",
        "AlertsFailed",
        "DeliveryDelay",
        "FramesPosted",
        "SocketsGone",
        "SocketsDropped",
        "RepsTurned",
        "BroadcastDelay",
        "WebhooksSent",
        "WebhooksFailed",
        "WebhookDelay",
        "OldestWebhook",
        "UsageRejected",
        "UsageNotStored",
        *("CreatorsSynced", "SyncsFailed", "CreatorsDisconnected", "OldestSync", "OldestAudience", "RowsVanished"),
        *("DaysRolledUp", "RollupDifferences", "PaymentsPushed"),
    ):
        assert f'"Cairn","{metric}"' in body
    shown = [metric for widget in _widgets(template) for metric in widget["properties"].get("metrics", ())]
    (search,) = [metric[0] for metric in shown if isinstance(metric[0], dict)]
    assert search["expression"] == """SEARCH('{Cairn,service,type} MetricName="UsageEvents"', 'Sum', 300)"""


def _functions_watched(alarms: list[Properties], metric: str) -> set[str]:
    return {target(alarm["Dimensions"][0]["Value"]) for alarm in alarms if alarm["MetricName"] == metric}


def _widgets(template: Template) -> list[dict[str, Any]]:
    """Of the dashboard, with logical ids where CloudFormation puts names."""
    (dashboard,) = template.resources("AWS::CloudWatch::Dashboard").values()
    _, parts = dashboard["DashboardBody"]["Fn::Join"]
    body = json.loads("".join(part if isinstance(part, str) else target(part) for part in parts))
    widgets: list[dict[str, Any]] = body["widgets"]
    return widgets
