"""Nothing is lost: what starts a function, what retries it, and where the work ends if the retries fail."""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from cairn.aws.streams import TRIED_FOR
from testing.event_sources import RETRIED_FOR
from tests.infrastructure.template import Properties, Template, target


def test_the_template_gives_each_function_what_the_picture_says_starts_it(template: Template) -> None:
    sources = template.named("Table") | template.named("QueueUrl")
    assert sorted(
        (sources[target(mapping["EventSourceArn"])], template.function_name(target(mapping["FunctionName"])))
        for mapping in _mappings(template)
    ) == [
        ("Broadcast", "broadcast"),
        ("Count", "count_viewers"),
        ("Creators", "roll_up_transactions"),
        ("Creators", "sync_transactions"),
        ("Fetch", "fetch_stats"),
        ("Notify", "notify"),
        ("Stats", "detect_milestone"),
        ("Stats", "record_history"),
        ("Webhook", "deliver_webhook"),
    ]


def test_lambda_stops_every_endless_chain_except_those_of_counts_of_alerts_that_wait_of_webhooks_and_syncs(
    template: Template,
) -> None:
    """By default it terminates a chain after about 16 invocations."""
    allowed = {
        template.function_name(logical_id)
        for logical_id, function in template.functions.items()
        if function.get("RecursiveLoop", "Terminate") != "Terminate"
    }
    assert allowed == {"count_viewers", "deliver_webhook", "notify", "sync_transactions"}


def test_every_event_source_reports_which_of_a_batch_failed(template: Template) -> None:
    for mapping in _mappings(template):
        assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_a_stream_is_read_from_the_start_split_at_a_failure_and_given_up_by_age_after_the_function_would(
    template: Template,
) -> None:
    """A number of tries is used up within minutes of an outage. Lambda tries nothing that is older than the age, so
    what it gives up takes the records of the same minute with it."""
    for mapping in _stream_mappings(template):
        assert mapping["StartingPosition"] == "TRIM_HORIZON"
        assert mapping["BisectBatchOnFunctionError"] is True
        assert mapping["MaximumRetryAttempts"] == -1
        age = timedelta(seconds=mapping["MaximumRecordAgeInSeconds"])
        assert timedelta(hours=1) <= TRIED_FOR <= age - timedelta(minutes=30)
        assert age < timedelta(hours=24), "how long DynamoDB keeps a record"
        assert age == RETRIED_FOR, "the tests' own mapping gives up at the same age"
        assert target(mapping["DestinationConfig"]["OnFailure"]["Destination"]) in _dead_letters(template)


def test_ten_batches_of_a_shard_are_detected_at_a_time(template: Template) -> None:
    """A thousand reps who change at once wait for calls, not for each other; Lambda keeps the order of each item."""
    factors = {
        template.function_name(target(mapping["FunctionName"])): mapping.get("ParallelizationFactor", 1)
        for mapping in _stream_mappings(template)
    }
    # A creator's transactions and the end of the first sync come in the order in which they were written.
    assert factors == {"detect_milestone": 10, "record_history": 2, "roll_up_transactions": 1}


def test_only_writes_of_a_reading_start_a_function(template: Template) -> None:
    for mapping in _stream_mappings(template):
        patterns = [json.loads(each["Pattern"]) for each in mapping["FilterCriteria"]["Filters"]]
        wanted: dict[str, object] = {"eventName": ["INSERT", "MODIFY"]}
        if template.function_name(target(mapping["FunctionName"])) == "roll_up_transactions":
            # Its own writes would start it again, without end.
            wanted["dynamodb"] = {"Keys": {"pk": {"S": [{"prefix": "transactions#"}]}}}
        assert patterns == [wanted]


def test_no_stream_has_more_readers_than_dynamodb_allows(template: Template) -> None:
    streams = [target(mapping["EventSourceArn"]) for mapping in _stream_mappings(template)]
    assert all(streams.count(stream) <= 2 for stream in streams)


def test_a_message_starts_a_function_alone_and_a_bounded_number_run_concurrently(template: Template) -> None:
    for mapping in _queue_mappings(template):
        if not _in_order(template, mapping):
            assert mapping["BatchSize"] == 1
            assert mapping["ScalingConfig"]["MaximumConcurrency"] >= 2


def test_events_of_a_room_counts_of_a_channel_and_lanes_of_an_endpoint_keep_their_order_and_none_waits(
    template: Template,
) -> None:
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/high-throughput-fifo.html"""
    mappings = [mapping for mapping in _queue_mappings(template) if _in_order(template, mapping)]
    sizes = {template.function_name(target(mapping["FunctionName"])): mapping["BatchSize"] for mapping in mappings}
    assert sizes == {"broadcast": 10, "count_viewers": 10, "deliver_webhook": 1}
    queues = template.resources("AWS::SQS::Queue")
    for mapping in mappings:
        assert "ScalingConfig" not in mapping
        queue = queues[target(mapping["EventSourceArn"])]
        assert queue["DeduplicationScope"] == "messageGroup"
        assert queue["FifoThroughputLimit"] == "perMessageGroupId"
        assert "ContentBasedDeduplication" not in queue
        assert queues[target(queue["RedrivePolicy"]["deadLetterTargetArn"])]["FifoQueue"] is True


def test_the_number_of_notifiers_is_the_operators(template: Template, context: Mapping[str, Any]) -> None:
    (mapping,) = (m for m in _queue_mappings(template) if template.function_name(target(m["FunctionName"])) == "notify")
    assert mapping["ScalingConfig"]["MaximumConcurrency"] == context["notify_concurrency"]


def test_a_message_stays_hidden_six_times_as_long_as_its_function_may_take(template: Template) -> None:
    queues = template.resources("AWS::SQS::Queue")
    for mapping in _queue_mappings(template):
        function = template.functions[target(mapping["FunctionName"])]
        assert queues[target(mapping["EventSourceArn"])]["VisibilityTimeout"] >= 6 * function["Timeout"]


def test_every_queue_ends_in_dead_letters_and_is_redriven_there_after_bounded_tries(template: Template) -> None:
    fed = {target(mapping["EventSourceArn"]) for mapping in _queue_mappings(template)}
    queues = template.resources("AWS::SQS::Queue")
    assert fed | _dead_letters(template) == set(queues)
    tries = {}
    for mapping in _queue_mappings(template):
        redrive = queues[target(mapping["EventSourceArn"])]["RedrivePolicy"]
        assert target(redrive["deadLetterTargetArn"]) in _dead_letters(template)
        tries[template.function_name(target(mapping["FunctionName"]))] = redrive["maxReceiveCount"]
    assert tries == {
        "notify": 30,  # with the longest back-off, seven hours of an outage of Telegram's
        "broadcast": 30,
        "count_viewers": 30,
        "deliver_webhook": 30,
        "sync_transactions": 30,
        "fetch_stats": 5,  # the next schedule fetches every channel anyway
    }


def test_dead_letters_are_kept_as_long_as_sqs_can_and_messages_as_long_as_they_may_wait(template: Template) -> None:
    """A waiting alert's copies wait for three days, and an event may be repeated within twenty."""
    days = {True: 14, False: 4}
    for logical_id, queue in template.resources("AWS::SQS::Queue").items():
        assert queue["MessageRetentionPeriod"] == days[logical_id in _dead_letters(template)] * 24 * 3600


def test_the_schedule_fetches_as_often_as_the_operator_says_and_keeps_what_it_could_not_start(
    template: Template,
) -> None:
    assert _schedules(template)["fetch_stats"]["ScheduleExpression"] == {"Ref": "FetchSchedule"}
    for schedule in _schedules(template).values():
        assert json.loads(schedule["Target"]["Input"]) == {"source": "schedule"}
        assert target(schedule["Target"]["DeadLetterConfig"]["Arn"]) in _dead_letters(template)
        assert schedule["Target"]["RetryPolicy"]["MaximumRetryAttempts"] > 0


def test_the_months_rollover_ticks_when_a_month_can_begin_in_any_time_zone(template: Template) -> None:
    """When it does, the function finds in the settings; zones differ by whole quarters of an hour."""
    assert _schedules(template)["month_rollover"]["ScheduleExpression"] == "cron(0/5 * * * ? *)"


def test_cron_expressions_are_of_the_operators_time_zone(zoned_template: Template) -> None:
    for schedule in _schedules(zoned_template).values():
        assert schedule["ScheduleExpressionTimezone"] == "Europe/Berlin"


def test_what_was_given_up_is_looked_for_as_often_as_the_operator_says(
    template: Template, context: Mapping[str, Any]
) -> None:
    assert context["milestone_check_schedule"] == "rate(2 hours)"
    assert _schedules(template)["check_milestones"]["ScheduleExpression"] == context["milestone_check_schedule"]


def test_a_fetch_or_a_sweep_of_creators_that_fails_for_good_is_kept(template: Template) -> None:
    configs = list(template.resources("AWS::Lambda::EventInvokeConfig").values())
    functions = {template.function_name(target(config["FunctionName"])) for config in configs}
    assert functions == {"fetch_stats", "sync_transactions"}
    for config in configs:
        assert target(config["DestinationConfig"]["OnFailure"]["Destination"]) in _dead_letters(template)


def test_creators_are_synced_as_often_as_the_operator_says(template: Template, context: Mapping[str, Any]) -> None:
    assert _schedules(template)["sync_transactions"]["ScheduleExpression"] == {"Ref": "SyncSchedule"}
    assert template.body["Parameters"]["SyncSchedule"]["Default"] == context["sync_schedule"] == "rate(15 minutes)"


@pytest.mark.parametrize("platform", ["youtube", "telegram", "instagram", "creator"])
def test_a_platform_is_moved_by_a_parameter_whose_default_is_the_real_one(
    template: Template, context: Mapping[str, Any], platform: str
) -> None:
    parameter = template.body["Parameters"][f"{platform.capitalize()}ApiUrl"]
    assert parameter["Default"] == context["platforms"][platform]["url"]
    used = [f["Environment"]["Variables"].get(f"{platform.upper()}_API_URL") for f in template.functions.values()]
    assert {"Ref": f"{platform.capitalize()}ApiUrl"} in used


def test_the_oauth_server_of_creators_is_moved_by_a_parameter_too(
    template: Template, context: Mapping[str, Any]
) -> None:
    assert template.body["Parameters"]["CreatorAuthUrl"]["Default"] == context["platforms"]["creator"]["auth_url"]
    addresses = [f["Environment"]["Variables"].get("CREATOR_AUTH_URL") for f in template.functions.values()]
    assert {"Ref": "CreatorAuthUrl"} in addresses


def _mappings(template: Template) -> list[Properties]:
    return list(template.resources("AWS::Lambda::EventSourceMapping").values())


def _stream_mappings(template: Template) -> list[Properties]:
    return [m for m in _mappings(template) if target(m["EventSourceArn"]) in template.resources("AWS::DynamoDB::Table")]


def _queue_mappings(template: Template) -> list[Properties]:
    return [m for m in _mappings(template) if target(m["EventSourceArn"]) in template.resources("AWS::SQS::Queue")]


def _in_order(template: Template, mapping: Properties) -> bool:
    queue = template.resources("AWS::SQS::Queue")[target(mapping["EventSourceArn"])]
    return bool(queue.get("FifoQueue"))


def _schedules(template: Template) -> dict[str, Properties]:
    """Name of the started function to its schedule."""
    schedules = template.resources("AWS::Scheduler::Schedule").values()
    return {template.function_name(target(schedule["Target"]["Arn"])): schedule for schedule in schedules}


def _dead_letters(template: Template) -> set[str]:
    names = template.named("Url")
    return {logical_id for logical_id, name in names.items() if name.endswith(("DeadLetters", "Failures"))}
