"""The template's tables; tests/infrastructure compares these definitions with the template."""

from __future__ import annotations

from typing import Any

_PAIR: dict[str, Any] = {
    "AttributeDefinitions": [
        {"AttributeName": "pk", "AttributeType": "S"},
        {"AttributeName": "sk", "AttributeType": "S"},
    ],
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
}
TABLES: dict[str, dict[str, Any]] = {
    "SIGNINS_TABLE": {
        "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
    },
    "STATS_TABLE": {
        "AttributeDefinitions": [{"AttributeName": "subject", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "subject", "KeyType": "HASH"}],
        "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    },
    "MILESTONES_TABLE": {
        "AttributeDefinitions": [
            *_PAIR["AttributeDefinitions"],
            {"AttributeName": "listing", "AttributeType": "S"},
            {"AttributeName": "achieved", "AttributeType": "S"},
        ],
        "KeySchema": _PAIR["KeySchema"],
        "GlobalSecondaryIndexes": [
            {
                "IndexName": "by_time",
                "KeySchema": [
                    {"AttributeName": "listing", "KeyType": "HASH"},
                    {"AttributeName": "achieved", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    },
    "HISTORY_TABLE": _PAIR,
    "AUDIENCE_TABLE": _PAIR,
    "CHANNELS_TABLE": _PAIR,
    "LEADERBOARD_TABLE": {
        "AttributeDefinitions": [*_PAIR["AttributeDefinitions"], {"AttributeName": "score", "AttributeType": "N"}],
        "KeySchema": _PAIR["KeySchema"],
        "LocalSecondaryIndexes": [
            {
                "IndexName": "by_score",
                "KeySchema": [
                    {"AttributeName": "pk", "KeyType": "HASH"},
                    {"AttributeName": "score", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    },
    "BOARD_TABLE": {
        "AttributeDefinitions": [
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "N"},
            {"AttributeName": "score", "AttributeType": "N"},
        ],
        "KeySchema": _PAIR["KeySchema"],
        "LocalSecondaryIndexes": [
            {
                "IndexName": index,
                "KeySchema": [
                    {"AttributeName": "pk", "KeyType": "HASH"},
                    {"AttributeName": "score", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": projection},
            }
            for index, projection in (("by_score", "ALL"), ("ranks", "KEYS_ONLY"))
        ],
    },
    "CONNECTIONS_TABLE": _PAIR,
    "PRESENCE_TABLE": _PAIR,
    "KEYS_TABLE": _PAIR,
    "SESSIONS_TABLE": _PAIR,
    "SETTINGS_TABLE": _PAIR,
    "USAGE_TABLE": {
        "AttributeDefinitions": [
            *_PAIR["AttributeDefinitions"],
            {"AttributeName": "due_partition", "AttributeType": "S"},
            {"AttributeName": "due_at", "AttributeType": "S"},
            {"AttributeName": "listing", "AttributeType": "S"},
            {"AttributeName": "active", "AttributeType": "S"},
        ],
        "KeySchema": _PAIR["KeySchema"],
        "GlobalSecondaryIndexes": [
            {
                "IndexName": index,
                "KeySchema": [
                    {"AttributeName": partition, "KeyType": "HASH"},
                    {"AttributeName": sort, "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": projection},
            }
            for index, partition, sort, projection in (
                ("due", "due_partition", "due_at", "KEYS_ONLY"),
                ("by_activity", "listing", "active", "ALL"),
            )
        ],
    },
    "CREATORS_TABLE": {
        "AttributeDefinitions": [*_PAIR["AttributeDefinitions"], {"AttributeName": "first_at", "AttributeType": "N"}],
        "KeySchema": _PAIR["KeySchema"],
        "GlobalSecondaryIndexes": [
            {
                "IndexName": "by_first_payment",
                "KeySchema": [
                    {"AttributeName": "pk", "KeyType": "HASH"},
                    {"AttributeName": "first_at", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
        ],
        "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    },
    "WEBHOOKS_TABLE": {
        "AttributeDefinitions": [
            *_PAIR["AttributeDefinitions"],
            {"AttributeName": "due_endpoint", "AttributeType": "S"},
            {"AttributeName": "due_at", "AttributeType": "S"},
        ],
        "KeySchema": _PAIR["KeySchema"],
        "GlobalSecondaryIndexes": [
            {
                "IndexName": "due",
                "KeySchema": [
                    {"AttributeName": "due_endpoint", "KeyType": "HASH"},
                    {"AttributeName": "due_at", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
        ],
    },
}
