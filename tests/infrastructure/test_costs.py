"""What the page of costs reads from the template (bench/costs/deployed.py)."""

from typing import Any

from bench.costs.deployed import PLATFORM_LINES, Deployed
from tests.infrastructure.template import Template


def test_costs_are_computed_from_the_template_as_it_is_deployed(template: Template) -> None:
    deployed = Deployed.of(template.body["Resources"])
    functions = [one for one in template.functions.values() if str(one.get("Handler")).startswith("functions.")]
    assert len(deployed.memory) == len(functions)
    assert deployed.memory["broadcast"] == 1769
    assert deployed.alarms >= len(template.resources("AWS::CloudWatch::Alarm"))
    assert deployed.dashboards == len(template.resources("AWS::CloudWatch::Dashboard"))
    assert deployed.secrets == len(template.resources("AWS::SecretsManager::Secret"))
    assert (deployed.queues, deployed.fifo_queues) == (3, 3)
    assert (deployed.user_pool, deployed.senders) == ("ESSENTIALS", 8)


def test_tables_use_the_key_that_costs_nothing(template: Template) -> None:
    assert Deployed.of(template.body["Resources"]).tables_with_kms == 0


def alarm(**properties: Any) -> dict[str, Any]:
    return {"Type": "AWS::CloudWatch::Alarm", "Properties": properties}


def resources(**more: Any) -> dict[str, Any]:
    return {"Pool": {"Type": "AWS::Cognito::UserPool", "Properties": {"UserPoolTier": "PLUS"}}, **more}


def test_an_alarm_is_billed_by_the_metrics_that_it_watches() -> None:
    metrics = [{"Id": "a", "MetricStat": {}}, {"Id": "b", "MetricStat": {}}, {"Id": "c", "Expression": "a + b"}]
    found = Deployed.of(resources(One=alarm(MetricName="m"), Two=alarm(Metrics=metrics)))
    assert (found.alarms, found.user_pool) == (3, "PLUS")


def test_lambda_writes_its_own_lines_unless_every_function_keeps_them_back() -> None:
    def function(name: str, level: str | None) -> dict[str, Any]:
        logging = {"LoggingConfig": {"SystemLogLevel": level}} if level else {}
        return {
            "Type": "AWS::Lambda::Function",
            "Properties": {"Handler": f"functions.{name}.handler.handler", "MemorySize": 256, **logging},
        }

    quiet = resources(A=function("a", "WARN"), B=function("b", "WARN"))
    assert Deployed.of(quiet).platform_lines == 0
    assert Deployed.of(quiet | {"B": function("b", None)}).platform_lines == PLATFORM_LINES
