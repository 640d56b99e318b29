"""What each function's role allows, by the template; and a check that functions in tests do nothing else.

MiniStack enforces policies without `dynamodb:LeadingKeys` and `dynamodb:Attributes`, and moto enforces none.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from testing import functions
from testing.iam import Request, Statement, allows

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".local" / "grants"
_NAMES = ("Table", "QueueUrl", "Url", "Secret", "WebhookKey")
"""The endings of the outputs that name a table, a queue, a dead-letter queue, a secret or the key of KMS."""
_MODULE = "AWS::Lambda::Function"


@dataclass(frozen=True)
class Grants:
    """The statements of each function's role. A resource's ARN is written `arn:{name of its output}`."""

    statements: Mapping[str, Sequence[Statement]]

    @classmethod
    def of(cls, template: Mapping[str, Any]) -> Grants:
        """Those of a synthesised template."""
        resources = template["Resources"]
        names = {
            _target(output["Value"]): name for name, output in template["Outputs"].items() if name.endswith(_NAMES)
        }
        roles: dict[str, list[Statement]] = {}
        functions_by_role = {
            _target(one["Properties"]["Role"]): one["Properties"]["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"]
            for one in resources.values()
            if one["Type"] == _MODULE
        }
        for one in resources.values():
            if one["Type"] not in ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"):
                continue
            for statement in one["Properties"]["PolicyDocument"]["Statement"]:
                plain = dict(statement) | {"Resource": [_arn(arn, names) for arn in _many(statement["Resource"])]}
                for role in one["Properties"]["Roles"]:
                    if function := functions_by_role.get(_target(role)):
                        roles.setdefault(function, []).append(Statement.of(plain))
        return cls(roles)

    def who_may(self, action: str, resource: str, **context: Sequence[str]) -> set[str]:
        """The functions whose role allows this; `keys` and `attributes` are those of the request's items."""
        request = Request(action, f"arn:{resource}", _context(context))
        return {function for function, statements in self.statements.items() if allows(statements, request)}


_CONDITION_KEYS = {"keys": "dynamodb:LeadingKeys", "attributes": "dynamodb:Attributes"}


def _context(given: Mapping[str, Sequence[str]]) -> Mapping[str, Sequence[str]]:
    return {_CONDITION_KEYS[name]: values for name, values in given.items()}


def _target(value: Any) -> str:
    """The logical id in a Ref or GetAtt."""
    match value:
        case {"Ref": str(logical_id)} | {"Fn::GetAtt": [str(logical_id), _]}:
            return logical_id
        case _:
            return ""


def _arn(value: Any, names: Mapping[str, str]) -> str:
    match value:
        case str():
            return value
        case {"Fn::Join": [_, list(parts)]}:
            return "".join(_arn(part, names) for part in parts)
        case {"Ref": str(logical_id)} | {"Fn::GetAtt": [str(logical_id), _]} if logical_id in names:
            return f"arn:{names[logical_id]}"
        case {"Ref": str(logical_id)} | {"Fn::GetAtt": [str(logical_id), _]}:
            return logical_id if logical_id.startswith("AWS::") else f"arn:{logical_id}"
    raise NotImplementedError(f"an ARN made by {value}")


def _many(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


# -- enforced in tests


class AccessDeniedError(AssertionError):
    """A function made a call that its role does not allow: AWS would answer AccessDeniedException."""


@cache
def grants_of_this_checkout() -> Grants:
    """Synthesised once for each state of `infra` and `cdk.json`, since that takes seconds."""
    sources = [ROOT / "cdk.json", *sorted((ROOT / "infra").glob("*"))]
    digest = hashlib.sha256(b"\0".join(path.read_bytes() for path in sources if path.is_file())).hexdigest()
    kept = CACHE / f"{digest}.json"
    if not kept.is_file():
        CACHE.mkdir(parents=True, exist_ok=True)
        unfinished = CACHE / f"{digest}.{os.getpid()}"
        unfinished.write_text(json.dumps(_synthesised()), encoding="utf-8")
        unfinished.replace(kept)
    return Grants.of(json.loads(kept.read_text(encoding="utf-8")))


def _synthesised() -> dict[str, Any]:
    from aws_cdk import App
    from aws_cdk.assertions import Template

    from infra.settings import Settings
    from infra.stack import Cairn

    context = json.loads((ROOT / "cdk.json").read_text(encoding="utf-8"))["context"]
    settings = Settings.from_context(context.get)
    app = App(context={**context, "aws:cdk:bundling-stacks": []}, analytics_reporting=False)
    template = Template.from_stack(Cairn(app, settings.stack_name, settings=settings)).to_json()
    return {part: template[part] for part in ("Resources", "Outputs")}


@contextmanager
def enforced() -> Iterator[None]:
    """In the block, each call of a function in the tests' account is compared with its role."""
    functions.before_call = _check
    try:
        yield
    finally:
        functions.before_call = None


def _check(function: str, service: str, operation: str, request: Mapping[str, Any]) -> None:
    if service == "sqs" and str(request["QueueUrl"]).endswith("/failures"):  # in the template each has one of its own
        request = {"QueueUrl": f"{request['QueueUrl']}/{_FAILURES[function]}"}
    for one in requests(service, operation, request):
        if not _allowed(function, one.action, one.resource, tuple((k, tuple(v)) for k, v in one.context.items())):
            raise AccessDeniedError(f"the role of {function} in infra/ does not allow {one}")


@cache
def _allowed(function: str, action: str, resource: str, context: tuple[tuple[str, tuple[str, ...]], ...]) -> bool:
    statements = grants_of_this_checkout().statements.get(function)
    # A function that only a test has, has no role.
    return statements is None or allows(statements, Request(action, resource, dict(context)))


_FAILURES = {
    "detect_milestone": "DetectionFailuresUrl",
    "record_history": "HistoryFailuresUrl",
    "roll_up_transactions": "RollupFailuresUrl",
}
_WRITES = {"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem", "ConditionCheck": "ConditionCheckItem"}
_WITHOUT_IAM = {
    ("cognito-idp", operation)
    for operation in (
        *("AssociateSoftwareToken", "ChangePassword", "GetUser", "GlobalSignOut"),
        *("RevokeToken", "SetUserMFAPreference", "VerifySoftwareToken"),
    )
}
"""What a person's own token allows, no matter who sends it.

https://docs.aws.amazon.com/cognito/latest/developerguide/authentication-flows-public-server-side.html
"""


def requests(service: str, operation: str, given: Mapping[str, Any]) -> Iterator[Request]:
    """What IAM decides about, for a call of a function, whose request is as it is sent."""
    if (service, operation) in _WITHOUT_IAM:
        return
    if service == "dynamodb":
        yield from _of_dynamodb(operation, given)
    elif service == "sqs":
        queue = str(given["QueueUrl"]).rsplit("/", 1)[-1].removesuffix(".fifo")
        name = queue if queue.endswith("Url") else f"{queue.capitalize()}QueueUrl"
        yield Request(f"sqs:{operation.removesuffix('Batch')}", f"arn:{name}")
    elif service == "secretsmanager":
        yield Request(f"secretsmanager:{operation}", f"arn:{_pascal(str(given['SecretId']))}")
    elif service == "kms":
        yield Request(f"kms:{operation}", "arn:WebhookKey")
    elif service == "cognito-idp":
        yield Request(f"cognito-idp:{operation}", f"arn:{_POOL}")
    else:
        raise NotImplementedError(f"the grants of {service} {operation}")


_POOL = "PeoplePoolC64A4D1E"


def _of_dynamodb(operation: str, given: Mapping[str, Any]) -> Iterator[Request]:
    if operation == "TransactWriteItems":
        for action in given["TransactItems"]:
            ((kind, one),) = action.items()
            yield _of_item(_WRITES[kind], one)
    elif operation == "TransactGetItems":
        yield from (_of_item("GetItem", action["Get"]) for action in given["TransactItems"])
    elif operation == "BatchGetItem":
        for table, wanted in given["RequestItems"].items():
            keys = tuple(sorted({_leading(key) for key in wanted["Keys"]}))
            yield Request("dynamodb:BatchGetItem", f"arn:{_pascal(table)}", {"dynamodb:LeadingKeys": keys})
    elif operation == "Query":
        index = f"/index/{given['IndexName']}" if "IndexName" in given else ""
        key = {"dynamodb:LeadingKeys": (_queried(given),)}
        yield Request("dynamodb:Query", f"arn:{_pascal(given['TableName'])}{index}", key)
    elif operation == "Scan":
        yield Request("dynamodb:Scan", f"arn:{_pascal(given['TableName'])}")
    else:
        yield _of_item(operation, given)


def _of_item(action: str, given: Mapping[str, Any]) -> Request:
    item = given.get("Key") or given["Item"]
    context: dict[str, tuple[str, ...]] = {"dynamodb:LeadingKeys": (_leading(item),)}
    if action == "UpdateItem":
        context["dynamodb:Attributes"] = tuple(sorted({*item, *_attributes(given)}))
    return Request(f"dynamodb:{action}", f"arn:{_pascal(given['TableName'])}", context)


def _leading(key: Mapping[str, Any]) -> str:
    value = key.get("pk") or key["subject"]
    return str(value["S"])


def _queried(given: Mapping[str, Any]) -> str:
    """The partition key, which is the only one that a query compares with `=`."""
    (value,) = re.findall(r"= ?(:\w+)", given["KeyConditionExpression"])[:1]
    return str(given["ExpressionAttributeValues"][value]["S"])


_WORD = re.compile(r"#\w+|(?<![:\w])[A-Za-z_]\w*")
_KEYWORDS = {
    *("SET", "ADD", "REMOVE", "DELETE", "AND", "OR", "NOT", "BETWEEN", "IN", "size", "contains", "begins_with"),
    *("attribute_exists", "attribute_not_exists", "if_not_exists", "list_append"),
}


def _attributes(given: Mapping[str, Any]) -> set[str]:
    names: Mapping[str, str] = given.get("ExpressionAttributeNames", {})
    texts = " ".join(str(given.get(f"{part}Expression", "")) for part in ("Update", "Condition"))
    return {names.get(word, word) for word in _WORD.findall(texts)} - _KEYWORDS


def _pascal(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))
