"""Least privilege: the permissions are listed here a second time, and compared with the template."""

import re
from collections.abc import Mapping

from tests.infrastructure.template import Template, target

STREAM = {"DescribeStream", "GetRecords", "GetShardIterator", "ListStreams"}
READ_ITEMS = {"GetItem", "BatchGetItem"}
WRITE_ITEM = {"PutItem", "UpdateItem"}
CONSUME = {"ReceiveMessage", "DeleteMessage", "ChangeMessageVisibility", "GetQueueAttributes"}
SEND = {"SendMessage"}
HTTP_METHODS = ("DELETE", "GET", "PATCH", "POST", "PUT")
PRESENCE = {"GetItem", "UpdateItem", "DeleteItem"}
BOARD = READ_ITEMS | WRITE_ITEM | {"Query"}

FOLLOW_SETTINGS = (
    *("api", "broadcast", "check_milestones", "count_viewers", "deliver_webhook", "detect_milestone"),
    *("day_rollover", "erase_retired_reps"),
    *("fetch_stats", "ingest_usage", "month_rollover", "notify", "record_history", "telegram_webhook"),
    *("roll_up_transactions", "sync_transactions", "viewer_heartbeat", "ws_connect"),
)

TABLES: Mapping[str, Mapping[str, set[str]]] = {
    "Stats": {
        "fetch_stats": {"GetItem", "BatchGetItem", "PutItem"},
        "detect_milestone": STREAM | {"GetItem", "PutItem"},
        "record_history": STREAM,
        "check_milestones": {"Scan", "UpdateItem"},
        "day_rollover": {"GetItem", "PutItem", "Scan"},
        "month_rollover": {"GetItem", "PutItem"},
        "erase_retired_reps": READ_ITEMS | {"PutItem"},
        "viewer_heartbeat": {"GetItem", "PutItem"},
        "count_viewers": {"GetItem", "PutItem"},
        "ingest_usage": {"GetItem", "BatchGetItem", "PutItem"},
        "roll_up_transactions": {"GetItem", "PutItem"},
        "erase_users": {"GetItem"},
        "api": READ_ITEMS | {"PutItem", "DeleteItem"},
        "telegram_webhook": {"BatchGetItem"},
    },
    "Milestones": {
        "detect_milestone": WRITE_ITEM | {"Query", "BatchGetItem"},
        "check_milestones": {"BatchGetItem", "GetItem", "PutItem"},
        "notify": {"GetItem", "UpdateItem"},
        "erase_retired_reps": {"Query", "GetItem", "UpdateItem", "DeleteItem"},
        "erase_users": {"Query", "UpdateItem"},
        "api": WRITE_ITEM | {"Query", "BatchGetItem", "DeleteItem"},
        "telegram_webhook": {"BatchGetItem"},
    },
    "History": {
        "record_history": WRITE_ITEM,
        "day_rollover": {"BatchGetItem"},
        "ingest_usage": {"BatchGetItem", "UpdateItem"},
        "erase_retired_reps": {"Query", "DeleteItem"},
        "erase_users": {"Query", "DeleteItem"},
        "viewer_heartbeat": {"Query"},
        "api": {"Query", "UpdateItem", "DeleteItem"},
    },
    "Audience": {
        "notify": {"GetItem", "Query", "DeleteItem"} | WRITE_ITEM,
        "api": {"GetItem", "Query"},
        "telegram_webhook": {"GetItem", "DeleteItem"} | WRITE_ITEM,
    },
    "Channels": {
        "fetch_stats": READ_ITEMS | WRITE_ITEM | {"Query"},
        "viewer_heartbeat": READ_ITEMS | {"Query"},
        "api": READ_ITEMS | WRITE_ITEM | {"Query", "DeleteItem"},
        "telegram_webhook": {"Query", "BatchGetItem"},
    },
    "Leaderboard": {
        "api": {"Query", "UpdateItem"},
        "detect_milestone": {"Query"},
        "month_rollover": {"Query"},
        "erase_retired_reps": READ_ITEMS | {"Query", "UpdateItem", "DeleteItem"},
        "broadcast": {"Query"},
    },
    "Board": {
        "api": BOARD,
        "detect_milestone": BOARD,
        "month_rollover": BOARD,
        "erase_retired_reps": BOARD,
        "broadcast": {"GetItem", "Query"},
    },
    "Connections": {
        "ws_connect": {"GetItem", "Query", "DeleteItem"} | WRITE_ITEM,
        "broadcast": {"GetItem", "Query", "DeleteItem", "ConditionCheckItem"} | WRITE_ITEM,
        "detect_milestone": {"UpdateItem"},
    },
    "Signins": {"api": {"GetItem", "DeleteItem"} | WRITE_ITEM},
    "Keys": {"api": {"GetItem"}, "ingest_usage": {"GetItem"}},
    "Sessions": {"api": {"PutItem", "BatchGetItem"}, "ws_connect": {"DeleteItem", "BatchGetItem"}},
    "Settings": {
        **{function: {"GetItem"} for function in FOLLOW_SETTINGS},
        "api": {"GetItem", "Query", "PutItem"},
    },
    "Webhooks": {
        "api": READ_ITEMS | WRITE_ITEM | {"Query", "DeleteItem"},
        "deliver_webhook": READ_ITEMS | WRITE_ITEM | {"Query"},
        "erase_users": READ_ITEMS | {"Scan", "Query", "UpdateItem", "DeleteItem"},
    },
    "Usage": {
        "erase_users": {"GetItem", "Query", "UpdateItem", "DeleteItem"},
        "api": READ_ITEMS | WRITE_ITEM | {"Query", "DeleteItem"},
        "ingest_usage": {"GetItem"} | WRITE_ITEM,
        "detect_milestone": {"GetItem", "UpdateItem"},
        "day_rollover": {"GetItem", "Query"} | WRITE_ITEM,
    },
    "Creators": {
        "api": READ_ITEMS | WRITE_ITEM | {"Query", "ConditionCheckItem", "DeleteItem"},
        "fetch_stats": READ_ITEMS | {"Query", "UpdateItem"},
        "sync_transactions": READ_ITEMS | WRITE_ITEM | {"Query", "DeleteItem"},
        "roll_up_transactions": STREAM | {"GetItem", "Query", "DeleteItem"} | WRITE_ITEM,
        "creator_webhook": {"GetItem", "Query"} | WRITE_ITEM,
    },
    "Presence": {
        "viewer_heartbeat": PRESENCE | {"Query"},
        "count_viewers": PRESENCE | {"Query"},
        "ws_connect": PRESENCE,
        "broadcast": PRESENCE | {"Query"},
    },
}
QUEUES: Mapping[str, Mapping[str, set[str]]] = {
    "FetchQueue": {"fetch_stats": CONSUME | SEND, "api": SEND},
    "NotifyQueue": {
        "detect_milestone": SEND,
        "notify": CONSUME | SEND,
        "telegram_webhook": SEND,
        "deliver_webhook": SEND,
    },
    "BroadcastQueue": {"detect_milestone": SEND, "broadcast": CONSUME | SEND, "api": SEND, "deliver_webhook": SEND},
    "CountQueue": {
        "ws_connect": SEND,
        "viewer_heartbeat": SEND,
        "broadcast": SEND,
        "count_viewers": CONSUME | SEND,
    },
    "CreatorsQueue": {"sync_transactions": CONSUME | SEND, "creator_webhook": SEND, "api": SEND},
    "WebhookQueue": {"detect_milestone": SEND, "deliver_webhook": CONSUME | SEND, "api": SEND, "erase_users": SEND},
    "FetchDeadLetters": {},
    "NotifyDeadLetters": {},
    "BroadcastDeadLetters": {},
    "CountDeadLetters": {},
    "WebhookDeadLetters": {},
    "CreatorsDeadLetters": {},
    "ScheduleFailures": {},
    "FetchFailures": {"fetch_stats": SEND},
    "DetectionFailures": {"detect_milestone": SEND},
    "HistoryFailures": {"record_history": SEND},
    "RollupFailures": {"roll_up_transactions": SEND},
    "SyncFailures": {"sync_transactions": SEND},
}
KEYS: Mapping[str, set[str]] = {
    "Youtube": {"fetch_stats", "api"},
    "Telegram": {"fetch_stats", "api", "notify", "telegram_webhook"},
    "Instagram": {"fetch_stats", "api"},
    "Creator": {"fetch_stats", "sync_transactions", "creator_webhook"},
}

SCANNED = ("CheckMilestones", "DayRollover", "EraseUsers")

VAULT: Mapping[str, set[str]] = {
    "api": {"kms:GenerateDataKey", "kms:Decrypt"},
    "sync_transactions": {"kms:GenerateDataKey", "kms:Decrypt"},
    "deliver_webhook": {"kms:Decrypt"},
    "fetch_stats": {"kms:Decrypt"},
}


def test_every_table_is_reached_only_by_the_functions_granted_it(template: Template) -> None:
    assert _reached(template, template.named("Table"), "dynamodb") == TABLES


def test_functions_that_count_viewers_store_no_other_subjects_readings(template: Template) -> None:
    """One of them is public."""
    (stats,) = (logical_id for logical_id, name in template.named("Table").items() if name == "Stats")
    roles = {target(properties["Role"]): name for name, properties in _functions(template).items()}
    live = {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["channel:live:*"]}}
    writes = {
        roles[role]: statement.conditions
        for role, statement in template.policies()
        if "dynamodb:PutItem" in statement.actions and any(target(one) == stats for one in statement.resources)
    }
    assert {name for name, condition in writes.items() if condition == live} == {"viewer_heartbeat", "count_viewers"}


def test_every_queue_is_reached_only_by_the_functions_granted_it(template: Template) -> None:
    queues = {
        logical_id: name
        for logical_id, name in template.named("Url").items()
        if logical_id in template.resources("AWS::SQS::Queue")
    }
    assert _reached(template, queues, "sqs") == QUEUES


def test_keys_are_read_only_by_the_functions_that_call_their_platform(template: Template) -> None:
    reached = _reached(template, template.named("Secret"), "secretsmanager")
    assert {name: set(functions) for name, functions in reached.items()} == KEYS
    assert {frozenset(actions) for functions in reached.values() for actions in functions.values()} == {
        frozenset({"GetSecretValue"})
    }


def test_only_functions_of_rooms_may_post_to_sockets_and_count_viewers_may_look_them_up_in_this_stack_alone(
    template: Template,
) -> None:
    (api,) = template.resources("AWS::ApiGatewayV2::Api")
    manage = {"execute-api:ManageConnections"}
    assert template.grants()[api] == {"ws_connect": manage, "broadcast": manage, "count_viewers": manage}
    methods: dict[str, set[str]] = {}
    roles = {target(properties["Role"]): name for name, properties in _functions(template).items()}
    for role, statement in template.policies():
        if set(statement.actions) == manage:
            methods[roles[role]] = {method for method in HTTP_METHODS if f"/{method}/" in str(statement.resources)}
    assert methods == {"ws_connect": {"POST", "DELETE"}, "broadcast": {"POST", "DELETE"}, "count_viewers": {"GET"}}


def test_the_key_of_webhooks_secrets_is_used_by_those_functions_alone_also_by_the_keys_own_policy(
    template: Template,
) -> None:
    """The key's policy lets the account's IAM policies administer it: none of them, however broad, lets decrypt."""
    ((logical_id, key),) = template.resources("AWS::KMS::Key").items()
    assert template.grants()[logical_id] == VAULT
    roles = {target(properties["Role"]): name for name, properties in _functions(template).items()}
    by_policy: dict[str, set[str]] = {}
    for statement in key["KeyPolicy"]["Statement"]:
        principal = target(statement["Principal"]["AWS"])
        actions = {statement["Action"]} if isinstance(statement["Action"], str) else set(statement["Action"])
        by_policy[roles.get(principal, "the account")] = actions
    account = by_policy.pop("the account")
    assert by_policy == VAULT
    assert not [one for one in account if re.search(r"crypt|GenerateDataKey|Grant$|\*", one) and "Revoke" not in one]


def test_only_the_api_may_try_a_password(template: Template) -> None:
    (pool,) = template.resources("AWS::Cognito::UserPool")
    assert template.grants()[pool] == {
        "api": {"cognito-idp:AdminInitiateAuth", "cognito-idp:AdminRespondToAuthChallenge"}
    }


def test_a_function_reaches_nothing_but_tables_queues_keys_sockets_people_and_its_own_log(template: Template) -> None:
    known = {logical_id for suffix in ("Table", "Url", "Secret") for logical_id in template.named(suffix)}
    for kind in ("AWS::ApiGatewayV2::Api", "AWS::Cognito::UserPool", "AWS::KMS::Key"):
        known |= {*template.resources(kind)}
    logs = {target(function["LoggingConfig"]["LogGroup"]): name for name, function in _functions(template).items()}
    others = {logical_id: functions for logical_id, functions in template.grants().items() if logical_id not in known}
    assert others == {
        logical_id: {name: {"logs:CreateLogStream", "logs:PutLogEvents"}} for logical_id, name in logs.items()
    }


def test_each_function_has_a_role_and_a_log_of_its_own(template: Template) -> None:
    for part in ("Role", "LoggingConfig"):
        owned = [str(function[part]) for function in template.functions.values()]
        assert len(set(owned)) == len(owned)


def test_no_role_uses_a_policy_that_aws_may_widen(template: Template) -> None:
    """The managed policies are the stack's own: no other role has them, and AWS changes none of them."""
    for logical_id, policy in template.resources("AWS::IAM::ManagedPolicy").items():
        assert len(policy["Roles"]) == 1, logical_id
        assert "Users" not in policy, logical_id
        assert "Groups" not in policy, logical_id
    for logical_id, role in template.resources("AWS::IAM::Role").items():
        assert "ManagedPolicyArns" not in role, logical_id


def test_no_policy_of_a_role_has_a_wildcard(template: Template) -> None:
    """Except for all sockets of one stage: API Gateway names them when they connect."""
    for role, statement in template.policies():
        assert "*" not in str(statement.actions), role
        resources = re.sub(r"/live/(POST|DELETE|GET)/@connections/\*", "", str(statement.resources))
        assert "*" not in resources, role


def test_only_what_needs_every_item_may_read_a_whole_table(template: Template) -> None:
    scans = [role for role, statement in template.policies() if "dynamodb:Scan" in statement.actions]
    assert len(scans) == len(SCANNED)
    assert all(any(function in role for role in scans) for function in SCANNED)


def test_only_the_public_functions_may_be_called_by_anybody_and_only_by_their_urls(template: Template) -> None:
    permissions = [p for p in template.resources("AWS::Lambda::Permission").values() if p["Principal"] == "*"]
    by_url = {
        (template.function_name(target(permission["FunctionName"])), permission["Action"])
        for permission in permissions
        if permission.get("FunctionUrlAuthType") == "NONE" or permission.get("InvokedViaFunctionUrl")
    }
    assert len(by_url) == len(permissions)
    assert by_url == {
        (function, action)
        for function in ("api", "creator_webhook", "ingest_usage", "telegram_webhook", "viewer_heartbeat")
        for action in ("lambda:InvokeFunctionUrl", "lambda:InvokeFunction")
    }


def test_only_the_websocket_api_calls_ws_connect(template: Template) -> None:
    (api,) = template.resources("AWS::ApiGatewayV2::Api")
    permissions = [p for p in template.resources("AWS::Lambda::Permission").values() if p["Principal"] != "*"]
    for permission in permissions:
        assert permission["Principal"] == "apigateway.amazonaws.com"
        assert template.function_name(target(permission["FunctionName"])) == "ws_connect"
        assert {"Ref": api} in permission["SourceArn"]["Fn::Join"][1]
    assert len(permissions) == len(template.resources("AWS::ApiGatewayV2::Route"))


def test_services_act_only_for_this_account_and_this_stack(template: Template) -> None:
    roles = template.resources("AWS::IAM::Role").values()
    trusts = [statement for role in roles for statement in role["AssumeRolePolicyDocument"]["Statement"]]
    services = {statement["Principal"]["Service"]: statement.get("Condition") for statement in trusts}
    assert services == {
        "lambda.amazonaws.com": None,
        "scheduler.amazonaws.com": {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}},
    }


def _functions(template: Template) -> dict[str, Mapping[str, Mapping[str, object]]]:
    return {template.function_name(logical_id): properties for logical_id, properties in template.functions.items()}


def _reached(template: Template, names: Mapping[str, str], service: str) -> dict[str, dict[str, set[str]]]:
    grants = template.grants()
    return {
        name: {
            function: {action.removeprefix(f"{service}:") for action in actions}
            for function, actions in grants.get(logical_id, {}).items()
        }
        for logical_id, name in names.items()
    }
