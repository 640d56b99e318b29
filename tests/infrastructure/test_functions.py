"""Conventions that hold for every function, and that each is the code it says it is."""

import importlib

from infra.packaging import ROOT
from tests.infrastructure.template import Template

NAMES = ["api", "detect_milestone", "fetch_stats", "notify", "record_history", "telegram_webhook"]


def test_the_template_has_the_functions_of_the_picture(template: Template) -> None:
    assert sorted(map(template.function_name, template.functions)) == NAMES


def test_every_folder_of_functions_is_deployed(template: Template) -> None:
    folders = [handler.parent.name for handler in (ROOT / "functions").glob("*/handler.py")]
    assert set(folders) <= {*map(template.function_name, template.functions)}


def test_every_handler_named_in_the_template_imports(template: Template) -> None:
    for function in template.functions.values():
        module, _, attribute = function["Handler"].rpartition(".")
        assert callable(getattr(importlib.import_module(module), attribute))


def test_every_function_is_found_under_its_own_dotted_path(template: Template) -> None:
    for logical_id, function in template.functions.items():
        assert function["Handler"] == f"functions.{template.function_name(logical_id)}.handler.handler"


def test_every_function_runs_on_the_same_python_without_tracing(template: Template) -> None:
    for function in template.functions.values():
        assert (function["Runtime"], function["Architectures"]) == ("python3.13", ["arm64"])
        assert "TracingConfig" not in function
        assert len(function["Layers"]) == 2


def test_every_function_reports_under_its_own_name(template: Template) -> None:
    for function in template.functions.values():
        environment = function["Environment"]["Variables"]
        assert environment["POWERTOOLS_METRICS_NAMESPACE"] == "Cairn"
        assert environment["POWERTOOLS_LOG_LEVEL"] == "INFO"


def test_a_function_is_told_of_a_table_or_queue_exactly_when_it_may_use_it(template: Template) -> None:
    grants = template.grants()
    used = {
        (name, f"{table.upper()}_TABLE")
        for logical_id, table in template.named("Table").items()
        for name, actions in grants[logical_id].items()
        if "dynamodb:GetRecords" not in actions
    } | {
        (name, f"{queue.upper()}_QUEUE_URL")
        for logical_id, queue in template.named("QueueUrl").items()
        for name, actions in grants[logical_id].items()
        if "sqs:SendMessage" in actions
    }
    told = {
        (template.function_name(logical_id), variable)
        for logical_id, function in template.functions.items()
        for variable in function["Environment"]["Variables"]
        if variable.endswith(("_TABLE", "_QUEUE_URL"))
    }
    assert told == used


def test_a_function_answers_before_what_is_waiting_for_it_gives_up(template: Template) -> None:
    """CloudFront waits 30 seconds for an origin."""
    timeouts = {
        template.function_name(logical_id): function["Timeout"] for logical_id, function in template.functions.items()
    }
    assert timeouts["api"] <= 30
    assert timeouts["telegram_webhook"] <= 10
