"""A synthesised template, with the queries that the tests share."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from aws_cdk import App, Stack
from aws_cdk.assertions import Template as Synthesised

from infra.settings import Settings
from infra.stack import Cairn

Properties = Mapping[str, Any]
INLINE, MANAGED = "AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"


@dataclass(frozen=True)
class Statement:
    """One statement of a policy. CloudFormation allows one value in place of a list; here it is always a tuple."""

    effect: str
    actions: tuple[str, ...]
    resources: tuple[Any, ...]
    conditions: Mapping[str, Any]


@dataclass(frozen=True)
class Template:
    body: Mapping[str, Any]

    @classmethod
    def of(cls, stack: Stack) -> "Template":
        return cls(Synthesised.from_stack(stack).to_json())

    def resources(self, kind: str) -> dict[str, Properties]:
        """Logical id to properties, of the resources of one type."""
        return {
            logical_id: r.get("Properties", {}) for logical_id, r in self.body["Resources"].items() if r["Type"] == kind
        }

    def named(self, suffix: str) -> dict[str, str]:
        """Logical id to name, for the outputs called `<Name><suffix>`: StatsTable is `Stats`."""
        outputs = {name: target(output["Value"]) for name, output in self.body["Outputs"].items()}
        return {logical_id: name.removesuffix(suffix) for name, logical_id in outputs.items() if name.endswith(suffix)}

    @property
    def functions(self) -> dict[str, Properties]:
        """Logical id to properties of the Lambda functions."""
        return self.resources("AWS::Lambda::Function")

    def function_name(self, logical_id: str) -> str:
        name: str = self.functions[logical_id]["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"]
        return name

    def policies(self) -> Iterator[tuple[str, Statement]]:
        """Each statement of each role's policies, inline and managed, with the role's logical id."""
        for policy in (*self.resources(INLINE).values(), *self.resources(MANAGED).values()):
            for statement in policy["PolicyDocument"]["Statement"]:
                for role in policy["Roles"]:
                    yield (
                        target(role),
                        Statement(
                            effect=statement["Effect"],
                            actions=tuple(_many(statement["Action"])),
                            resources=tuple(_many(statement["Resource"])),
                            conditions=statement.get("Condition", {}),
                        ),
                    )

    def grants(self) -> dict[str, dict[str, set[str]]]:
        """Logical id of a resource to the functions that may use it and their actions; an index counts as its table."""
        functions = {
            target(properties["Role"]): self.function_name(logical_id)
            for logical_id, properties in self.functions.items()
        }
        reached: dict[str, dict[str, set[str]]] = {}
        for role, statement in self.policies():
            for resource in statement.resources if role in functions else ():
                actions = reached.setdefault(target(resource), {}).setdefault(functions[role], set())
                actions.update(statement.actions)
        return reached


def target(value: Any) -> str:
    """The logical id in a Ref, a GetAtt, or a Join that contains one; empty for plain text."""
    match value:
        case {"Ref": str(logical_id)} | {"Fn::GetAtt": [str(logical_id), _]}:
            return "" if logical_id.startswith("AWS::") else logical_id
        case {"Fn::Join": [_, list(parts)]}:
            return next((logical_id for part in parts if (logical_id := target(part))), "")
        case _:
            return ""


def _many(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def stack_of(context: Mapping[str, Any], **chosen: object) -> Cairn:
    """The stack with these settings in place of the context's."""
    settings = Settings.from_context({**context, **chosen}.get)
    app = App(context={**context, "aws:cdk:bundling-stacks": []}, analytics_reporting=False)
    return Cairn(app, settings.stack_name, settings=settings)
