"""What each function could change if somebody ran their own code in it, decided by the policies as IAM decides.

`test_access.py` lists the actions on each table; here it is what they amount to, partition key by partition key.
"""

import re
from collections.abc import Iterator, Mapping

import pytest

from testing.grants import Grants
from tests.infrastructure.template import Template
from tests.upgrade.kinds import KINDS

WRITES = (
    *("PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem"),
    *("PartiQLInsert", "PartiQLUpdate", "PartiQLDelete"),
    *("ImportTable", "RestoreTableFromBackup", "RestoreTableToPointInTime", "ReplicateSettings", "UpdateTable"),
    *("DeleteTable", "UpdateTimeToLive", "PutResourcePolicy", "DeleteResourcePolicy", "UpdateContinuousBackups"),
)
CREATES = ("PutItem", "UpdateItem", "BatchWriteItem", "PartiQLInsert", "PartiQLUpdate", "ImportTable")
WITHOUT_A_KEY = ("Scan", "PartiQLSelect", "PartiQLInsert", "PartiQLUpdate", "PartiQLDelete", "BatchWriteItem")
PUT, UPDATE, DELETE = "PutItem", "UpdateItem", "DeleteItem"
BOARD = {"api", "detect_milestone", "month_rollover", "erase_retired_reps"}
TELEGRAM = {"notify", "telegram_webhook"}
CHATS = {PUT: TELEGRAM, UPDATE: TELEGRAM, DELETE: TELEGRAM}
WATCHING = {"viewer_heartbeat", "count_viewers", "ws_connect", "broadcast"}

MAY_CHANGE: Mapping[tuple[str, str], Mapping[str, set[str]]] = {
    ("Stats", "channel:youtube:UC1"): {PUT: {"fetch_stats", "api"}, DELETE: {"api"}},
    ("Stats", "channel:live:demo"): {
        PUT: {"fetch_stats", "api", "viewer_heartbeat", "count_viewers"},
        DELETE: {"api"},
    },
    ("Stats", "rep:1"): {PUT: BOARD},
    ("Stats", "user:1"): {PUT: {"api", "day_rollover", "ingest_usage"}},
    ("Milestones", "channel:youtube:UC1"): {PUT: {"detect_milestone"}, UPDATE: {"detect_milestone"}},
    ("Milestones", "rep:1"): {
        PUT: {"detect_milestone"},
        UPDATE: {"detect_milestone", "erase_retired_reps"},
        DELETE: {"erase_retired_reps"},
    },
    ("Milestones", "user:1"): {
        PUT: {"detect_milestone"},
        UPDATE: {"detect_milestone", "api", "erase_users"},
        DELETE: {"api"},
    },
    ("Milestones", "check"): {PUT: {"detect_milestone", "check_milestones"}, UPDATE: {"detect_milestone"}},
    ("Milestones", "badges"): {PUT: {"detect_milestone", "api"}, UPDATE: {"detect_milestone"}},
    ("History", "channel:youtube:UC1"): {PUT: {"record_history"}},
    ("History", "rep:1"): {PUT: {"record_history"}, DELETE: {"erase_retired_reps"}},
    ("History", "user:1"): {
        PUT: {"record_history"},
        UPDATE: {"record_history", "api", "ingest_usage"},
        DELETE: {"api", "erase_users"},
    },
    ("Channels", "channels"): {PUT: {"api"}, UPDATE: {"api", "fetch_stats"}, DELETE: {"api"}},
    ("Channels", "checks#youtube"): {PUT: {"api", "fetch_stats"}, UPDATE: {"api"}, DELETE: {"api"}},
    ("Channels", "starts#youtube"): {PUT: {"api"}, UPDATE: {"api", "fetch_stats"}, DELETE: {"api"}},
    ("Channels", "pauses"): {PUT: {"api"}, UPDATE: {"api", "fetch_stats"}, DELETE: {"api"}},
    **{("Audience", key): CHATS for key in ("subscribers", "suspended", "aliases", "counts", "slots")},
    ("Audience", "delivery#1"): {PUT: {"notify"}, UPDATE: {"notify"}, DELETE: {"notify"}},
    ("Audience", "keys"): {},
    ("Leaderboard", "board"): {DELETE: {"erase_retired_reps"}},
    ("Leaderboard", "board#2026-11"): {UPDATE: {"erase_retired_reps"}},
    ("Leaderboard", "ranks#"): {},
    ("Leaderboard", "ids"): {UPDATE: {"api"}},
    ("Board", "board"): {PUT: BOARD},
    ("Board", "board#2026-11"): {PUT: BOARD, UPDATE: {"erase_retired_reps"}},
    ("Board", "count"): {UPDATE: BOARD},
    ("Board", "moved"): {},
    ("Connections", "socket#1"): {PUT: {"ws_connect", "broadcast"}, UPDATE: {"ws_connect"}},
    ("Connections", "room#tv-display"): {
        PUT: {"broadcast"},
        UPDATE: {"ws_connect"},
        DELETE: {"ws_connect", "broadcast"},
    },
    ("Connections", "log#tv-display"): {PUT: {"broadcast"}, UPDATE: {"broadcast"}},
    ("Connections", "holder#person:ada"): {PUT: {"ws_connect"}, DELETE: {"ws_connect", "broadcast"}},
    ("Connections", "refreshes"): {UPDATE: {"broadcast", "detect_milestone"}},
    ("Connections", "ticket#ab"): {},
    ("Presence", "demo"): {UPDATE: WATCHING, DELETE: WATCHING},
    ("Presence", "demo#0.0"): {UPDATE: WATCHING, DELETE: WATCHING},
    ("Presence", "demo#1.0"): {UPDATE: WATCHING, DELETE: WATCHING},
    ("Presence", "address#ab"): {UPDATE: WATCHING, DELETE: WATCHING},
    ("Signins", "address#ab#ada"): {PUT: {"api"}, UPDATE: {"api"}, DELETE: {"api"}},
    ("Keys", "keys"): {},
    ("Keys", "migrations"): {},
    ("Sessions", "ticket#ab"): {PUT: {"api"}, DELETE: {"ws_connect"}},
    ("Sessions", "revoked#ab"): {PUT: {"api"}},
    ("Sessions", "revoked#session#1"): {PUT: {"api"}},
    ("Webhooks", "endpoints"): {PUT: {"api"}, UPDATE: {"api", "deliver_webhook"}, DELETE: {"api"}},
    ("Webhooks", "events#2026-11-30#1"): {PUT: {"deliver_webhook", "api"}, UPDATE: {"api", "erase_users"}},
    ("Webhooks", "endpoint#ep_1"): {PUT: {"deliver_webhook"}, UPDATE: {"api", "deliver_webhook"}},
    ("Webhooks", "response#msg_1"): {PUT: {"deliver_webhook"}, DELETE: {"api", "erase_users"}},
    ("Webhooks", "sequence#rep:17"): {UPDATE: {"deliver_webhook"}},
    ("Webhooks", "sweep"): {PUT: {"deliver_webhook", "api"}},
    ("Webhooks", "publication#key:1"): {PUT: {"api"}, UPDATE: {"api"}},
    ("Webhooks", "feedback#ep_1"): {UPDATE: {"api"}, DELETE: {"erase_users"}},
    ("Usage", "event#ab#cd"): {PUT: {"ingest_usage"}},
    ("Usage", "user#1"): {
        PUT: {"api"},
        UPDATE: {"api", "day_rollover", "detect_milestone", "ingest_usage"},
        DELETE: {"api", "erase_users"},
    },
    ("Usage", "erasures"): {PUT: {"api"}, UPDATE: {"api", "erase_users"}, DELETE: {"api", "erase_users"}},
    ("Usage", "totals"): {PUT: {"day_rollover"}, UPDATE: {"ingest_usage"}},
}
"""Who may change which items, and how; an item that a function may change only in part is in a test of its own."""


@pytest.fixture(scope="module")
def grants(template: Template) -> Grants:
    return Grants.of(template.body)


@pytest.mark.parametrize(("table", "key"), MAY_CHANGE)
def test_an_item_is_changed_only_by_those_whose_work_it_is(grants: Grants, table: str, key: str) -> None:
    found = {action: _who(grants, action, table, key) for action in WRITES}
    assert {action: functions for action, functions in found.items() if functions} == MAY_CHANGE[table, key]


def test_every_kind_of_item_is_in_the_list() -> None:
    for kind in KINDS:
        table = kind.table.removesuffix("_TABLE").capitalize()
        pattern = re.escape(kind.pk).replace(r"\{\}", ".*").replace(r"\{hex\}", "[0-9a-f]+")
        assert [key for name, key in MAY_CHANGE if name == table and re.fullmatch(pattern, key)], kind.name


def test_only_an_operator_can_create_or_revoke_an_api_key(grants: Grants) -> None:
    for action in WRITES:
        assert not _who(grants, action, "Keys", "keys"), action
        assert not _who(grants, action, "Keys", "anything else"), action


def test_only_who_is_called_with_an_api_key_looks_it_up_and_no_function_can_list_them(grants: Grants) -> None:
    assert _who(grants, "GetItem", "Keys", "keys") == {"api", "ingest_usage"}
    for action in ("Query", "Scan", "BatchGetItem", "PartiQLSelect", "ExportTableToPointInTime"):
        assert not _who(grants, action, "Keys", "keys"), action


def test_only_the_api_can_issue_a_ticket(grants: Grants) -> None:
    issuers = {function for action in CREATES for function in _who(grants, action, "Sessions", "ticket#ab")}
    assert issuers == {"api"}


def test_ws_connect_can_use_a_ticket_and_neither_read_nor_make_nor_prolong_one(grants: Grants) -> None:
    assert _who(grants, "DeleteItem", "Sessions", "ticket#ab") == {"ws_connect"}
    for action in ("GetItem", "Query", "Scan", "BatchGetItem", *CREATES):
        assert "ws_connect" not in _who(grants, action, "Sessions", "ticket#ab"), action


def test_notify_changes_nothing_but_chats_and_the_progress_of_its_messages(grants: Grants) -> None:
    chats = {("Audience", key) for key in ("subscribers", "suspended", "aliases", "counts", "slots", "delivery#1")}
    assert {(table, key) for _, table, key in _changes(grants, "notify")} == chats


def test_notify_can_count_an_alerts_deliveries_and_change_nothing_else_of_a_milestone(grants: Grants) -> None:
    """Neither raise a high-water mark, which would silence a milestone, nor award a badge."""
    tally = ["pk", "sk", "total", "delivered", "failed"]
    for key in ("rep:1", "badges"):
        assert "notify" in _who(grants, UPDATE, "Milestones", key, *tally)
        for attribute in ("height", "told", "silent", "event_id", "value", "listing", "#sales-rookie"):
            assert "notify" not in _who(grants, UPDATE, "Milestones", key, "pk", "sk", attribute), attribute


def test_telegram_webhook_changes_nothing_but_subscriptions_and_the_pace_of_replies(grants: Grants) -> None:
    assert {(table, key) for _, table, key in _changes(grants, "telegram_webhook")} == {
        ("Audience", key) for key in ("subscribers", "suspended", "aliases", "counts", "slots")
    }


def test_ws_connect_can_admit_a_socket_and_say_nothing_in_a_room(grants: Grants) -> None:
    assert "ws_connect" not in {one for action in WRITES for one in _who(grants, action, "Connections", "log#room")}
    assert "ws_connect" not in grants.who_may("sqs:SendMessage", "BroadcastQueueUrl")


def test_the_public_viewer_heartbeat_changes_nothing_but_viewers_and_their_counts(grants: Grants) -> None:
    assert {(table, key) for _, table, key in _changes(grants, "viewer_heartbeat")} == {
        ("Stats", "channel:live:demo"),
        *(("Presence", key) for name, key in MAY_CHANGE if name == "Presence"),
    }


def test_ingest_usage_changes_nothing_but_users_their_days_and_the_ids_of_their_events(grants: Grants) -> None:
    assert {(table, key) for _, table, key in _changes(grants, "ingest_usage")} == {
        ("Stats", "user:1"),
        ("History", "user:1"),
        ("Usage", "event#ab#cd"),
        ("Usage", "user#1"),
        ("Usage", "totals"),
    }


def test_day_rollover_changes_nothing_but_users_their_profiles_and_the_sums(grants: Grants) -> None:
    assert {(table, key) for _, table, key in _changes(grants, "day_rollover")} == {
        ("Stats", "user:1"),
        ("Usage", "user#1"),
        ("Usage", "totals"),
    }


def test_no_function_can_give_back_what_was_revoked(grants: Grants) -> None:
    for key in ("revoked#ab", "revoked#session#1"):
        for action in ("DeleteItem", "UpdateItem", "BatchWriteItem", "PartiQLDelete"):
            assert not _who(grants, action, "Sessions", key), action


def test_only_detection_announces_a_milestone_beside_who_carries_the_announcement_on(grants: Grants) -> None:
    """`notify` cuts an alert into parts, `broadcast` an event into shards; the bot's replies wait for their turn,
    `api` sends which sockets to close, and `deliver_webhook` tells the owner of an endpoint. `erase_users` tells
    endpoints of users who were erased, when `api` could not."""
    notify = {"detect_milestone", "notify", "telegram_webhook", "deliver_webhook"}
    assert grants.who_may("sqs:SendMessage", "NotifyQueueUrl") == notify
    broadcast = {"detect_milestone", "broadcast", "api", "deliver_webhook"}
    assert grants.who_may("sqs:SendMessage", "BroadcastQueueUrl") == broadcast
    webhooks = {"detect_milestone", "deliver_webhook", "api", "erase_users"}
    assert grants.who_may("sqs:SendMessage", "WebhookQueueUrl") == webhooks


def test_only_the_functions_of_rooms_post_to_sockets_or_close_them(template: Template, grants: Grants) -> None:
    (api,) = template.resources("AWS::ApiGatewayV2::Api")
    prefix = f"AWS::Partition:execute-api:AWS::Region:AWS::AccountId:arn:{api}/live"
    by_method = {
        method: grants.who_may("execute-api:ManageConnections", f"{prefix}/{method}/@connections/any")
        for method in ("POST", "DELETE", "GET")
    }
    rooms = {"ws_connect", "broadcast"}
    assert by_method == {"POST": rooms, "DELETE": rooms, "GET": {"count_viewers"}}


@pytest.mark.parametrize(
    "action",
    [
        *("iam:PassRole", "iam:PutRolePolicy", "sts:AssumeRole"),
        *("lambda:InvokeFunction", "lambda:UpdateFunctionCode", "lambda:UpdateFunctionConfiguration"),
        *("s3:PutObject", "s3:DeleteObject", "secretsmanager:PutSecretValue", "secretsmanager:UpdateSecret"),
        *("cognito-idp:AdminCreateUser", "cognito-idp:AdminAddUserToGroup", "cognito-idp:AdminSetUserPassword"),
        *("sqs:PurgeQueue", "sqs:SetQueueAttributes", "sqs:StartMessageMoveTask"),
        *("cloudfront:CreateInvalidation", "scheduler:CreateSchedule", "logs:DeleteLogGroup", "kms:PutKeyPolicy"),
        *("kms:CreateGrant", "kms:ScheduleKeyDeletion", "kms:DisableKey"),
    ],
)
def test_no_function_may_do_what_only_operators_do(grants: Grants, action: str) -> None:
    resources = {
        arn for statements in grants.statements.values() for statement in statements for arn in statement.resources
    }
    for arn in resources:
        assert not grants.who_may(action, arn.removeprefix("arn:")), arn


def test_no_function_may_use_an_action_that_names_no_key(grants: Grants) -> None:
    """`ForAllValues` conditions hold for a request without the key: such an action would reach every item.

    `check_milestones` reads every subject, `day_rollover` every user, and of the stats table they may; `erase_users`
    every event that webhooks sent.
    """
    found = {
        (action, table): functions
        for action in WITHOUT_A_KEY
        for table in {table for table, _ in MAY_CHANGE}
        if (functions := grants.who_may(f"dynamodb:{action}", f"{table}Table"))
    }
    assert found == {("Scan", "Stats"): {"check_milestones", "day_rollover"}, ("Scan", "Webhooks"): {"erase_users"}}


def test_check_milestones_can_ask_for_another_look_at_a_reading_and_change_nothing_of_it(grants: Grants) -> None:
    assert "check_milestones" in _who(grants, UPDATE, "Stats", "rep:1", "subject", "recheck", "as_of")
    for attribute in ("metrics", "details", "name", "peaks"):
        assert "check_milestones" not in _who(grants, UPDATE, "Stats", "rep:1", "subject", "recheck", attribute)


def _who(grants: Grants, action: str, table: str, key: str, *attributes: str) -> set[str]:
    """Of those who may not change every attribute, only those who may change these."""
    return grants.who_may(f"dynamodb:{action}", f"{table}Table", keys=[key], attributes=[*attributes] or ["any"])


def _changes(grants: Grants, function: str) -> Iterator[tuple[str, str, str]]:
    for table, key in MAY_CHANGE:
        for action in WRITES:
            if function in _who(grants, action, table, key):
                yield action, table, key
