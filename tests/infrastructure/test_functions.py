"""The conventions that hold for every function, and that each one's handler exists."""

import importlib
from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

import pytest

from infra.packaging import ROOT
from infra.settings import SettingsError
from tests.infrastructure.template import Template, stack_of

NAMES = [
    *("api", "broadcast", "check_milestones", "count_viewers", "creator_webhook", "day_rollover", "deliver_webhook"),
    "detect_milestone",
    *(
        "erase_retired_reps",
        "erase_users",
        "fetch_stats",
        "ingest_usage",
        "month_rollover",
        "notify",
        "record_history",
        "roll_up_transactions",
        "sync_transactions",
        "telegram_webhook",
        "viewer_heartbeat",
    ),
    "ws_connect",
]
STREAM = {f"dynamodb:{action}" for action in ("DescribeStream", "GetRecords", "GetShardIterator", "ListStreams")}


def test_the_template_has_the_functions_of_the_picture(template: Template) -> None:
    assert sorted(map(template.function_name, template.functions)) == NAMES


def test_every_folder_of_functions_is_deployed(template: Template) -> None:
    folders = [handler.parent.name for handler in (ROOT / "functions").glob("*/handler.py")]
    assert set(folders) <= {*map(template.function_name, template.functions)}


def test_every_handler_named_in_the_template_imports(template: Template) -> None:
    for function in template.functions.values():
        module, _, attribute = function["Handler"].rpartition(".")
        assert callable(getattr(importlib.import_module(module), attribute))


def test_every_setting_that_a_function_reads_is_set_and_no_other(template: Template) -> None:
    for logical_id, function in template.functions.items():
        name = template.function_name(logical_id)
        given = {
            variable for variable in function["Environment"]["Variables"] if not variable.startswith("POWERTOOLS_")
        }
        read = {field.name.upper() for settings in _settings_of(name) for field in fields(settings)}
        if {"TELEGRAM_SECRET", "CREATOR_SECRET"} & given:  # the platforms' adapters read their own
            read |= {variable for variable in given if variable.endswith(("_SECRET", "_API_URL", "_AUTH_URL"))}
        assert given == read, name


def test_every_function_is_found_under_its_own_dotted_path(template: Template) -> None:
    for logical_id, function in template.functions.items():
        assert function["Handler"] == f"functions.{template.function_name(logical_id)}.handler.handler"


def test_every_function_runs_on_the_same_python_without_tracing(template: Template) -> None:
    for function in template.functions.values():
        assert (function["Runtime"], function["Architectures"]) == ("python3.13", ["arm64"])
        assert "TracingConfig" not in function
        assert len(function["Layers"]) == 2


def test_concurrency_is_kept_for_the_functions_that_the_operator_names_and_by_default_for_none(
    template: Template, context: Mapping[str, Any]
) -> None:
    def reserved(found: Template) -> dict[str, int]:
        functions = {
            name.partition("Function")[0]: one for name, one in found.resources("AWS::Lambda::Function").items()
        }
        return {
            name: one["ReservedConcurrentExecutions"]
            for name, one in functions.items()
            if "ReservedConcurrentExecutions" in one
        }

    assert reserved(template) == {}, "a new account has ten, and cannot reserve any"
    chosen = Template.of(stack_of(context, reserved_concurrency={"detect_milestone": 10}))
    assert list(reserved(chosen).values()) == [10]
    with pytest.raises(SettingsError, match="detect_milestones"):
        stack_of(context, reserved_concurrency={"detect_milestones": 10})


def test_every_function_reports_under_its_own_name(template: Template) -> None:
    for function in template.functions.values():
        environment = function["Environment"]["Variables"]
        assert environment["POWERTOOLS_METRICS_NAMESPACE"] == "Cairn"
        assert environment["POWERTOOLS_LOG_LEVEL"] == "INFO"


def test_lambda_writes_only_failures_of_its_own_into_a_log_and_keeps_every_line_of_ours(template: Template) -> None:
    """A line without a level, such as one of metrics, counts as INFO; Powertools and Lambda have to agree.

    https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html
    """
    for function in template.functions.values():
        logging = function["LoggingConfig"]
        assert (logging["LogFormat"], logging["SystemLogLevel"]) == ("JSON", "WARN")
        level = function["Environment"]["Variables"]["POWERTOOLS_LOG_LEVEL"]
        assert logging["ApplicationLogLevel"] == level == "INFO"


def test_a_function_has_the_variable_of_a_table_or_queue_exactly_when_it_may_use_it(template: Template) -> None:
    grants = template.grants()
    used = {
        (name, f"{table.upper()}_TABLE")
        for logical_id, table in template.named("Table").items()
        for name, actions in grants.get(logical_id, {}).items()
        if actions - STREAM
    } | {
        (name, f"{queue.upper()}_QUEUE_URL")
        for logical_id, queue in template.named("QueueUrl").items()
        for name, actions in grants[logical_id].items()
        if "sqs:SendMessage" in actions
    }
    variables = {
        (template.function_name(logical_id), variable)
        for logical_id, function in template.functions.items()
        for variable in function["Environment"]["Variables"]
        if variable.endswith(("_TABLE", "_QUEUE_URL"))
    }
    assert variables == used


def test_a_function_answers_before_what_is_waiting_for_it_gives_up(template: Template) -> None:
    """API Gateway waits 29 seconds for a WebSocket's route. How long CloudFront waits, test_cdn.py tests."""
    timeouts = {
        template.function_name(logical_id): function["Timeout"] for logical_id, function in template.functions.items()
    }
    assert timeouts["api"] <= 30
    assert timeouts["telegram_webhook"] <= 10
    assert timeouts["viewer_heartbeat"] <= 10
    assert timeouts["ws_connect"] <= 29
    assert timeouts["ingest_usage"] <= 30


def test_functions_that_use_sockets_have_their_address_and_those_that_answer_browsers_the_public_one(
    template: Template,
) -> None:
    variables = {
        (template.function_name(logical_id), variable)
        for logical_id, function in template.functions.items()
        for variable in function["Environment"]["Variables"]
        if variable in ("CONNECTIONS_URL", "WEBSOCKET_URL")
    }
    assert variables == {
        ("ws_connect", "CONNECTIONS_URL"),
        ("broadcast", "CONNECTIONS_URL"),
        ("count_viewers", "CONNECTIONS_URL"),
        ("api", "WEBSOCKET_URL"),
        ("viewer_heartbeat", "WEBSOCKET_URL"),
    }


def _settings_of(function: str) -> Iterator[Any]:
    for path in sorted((ROOT / "functions" / function).glob("*.py")):
        module = importlib.import_module(f"functions.{function}.{path.stem}")
        if "Settings" in vars(module) and module.Settings.__module__ == module.__name__:
            yield module.Settings
