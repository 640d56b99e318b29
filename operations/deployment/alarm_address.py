"""Who gets the alarms by mail: asked at the first deployment, kept in cdk.json, where every later one finds it."""

from __future__ import annotations

import json
import re
from pathlib import Path

from operations.clients import Clients
from operations.deployment.console import Console
from operations.stack import OperationError, Stack
from operations.target import CDK_JSON

_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+")
_SETTING = re.compile(r'("alarm_email"\s*:\s*)""')
NOBODY = 'nobody gets them by mail: set "alarm_email" in cdk.json, and deploy again'


def ask(console: Console, cdk_json: Path = CDK_JSON) -> str:
    """The address, which is in cdk.json from then on; empty if the operator wants none."""
    console.say("Who shall get the alarms by mail? Without an address nobody does, but everything else works.")
    console.say('You can change it later: it is "alarm_email" in cdk.json.')
    while address := console.ask("Address (empty: nobody): "):
        if _ADDRESS.fullmatch(address):
            keep(address, cdk_json)
            return address
        console.say(f"{address} is not an address")
    return ""


def keep(address: str, cdk_json: Path = CDK_JSON) -> None:
    """Write the address to cdk.json and leave every other character of it; OperationError if it has one already."""
    before = cdk_json.read_text(encoding="utf-8")
    after, count = _SETTING.subn(lambda found: found[1] + json.dumps(address), before)
    if count != 1:
        raise OperationError(f'{cdk_json} has no empty "alarm_email"; put {address} there')
    unfinished = cdk_json.with_name(f"{cdk_json.name}.new")
    unfinished.write_text(after, encoding="utf-8")
    unfinished.replace(cdk_json)


def unconfirmed(clients: Clients, stack: Stack) -> list[str]:
    """The addresses that have not followed the link in AWS's mail yet, and get no alarm until then."""
    sns = clients.of("sns")
    pages = sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=stack.output("AlarmTopic"))
    return [
        subscription["Endpoint"]
        for page in pages
        for subscription in page["Subscriptions"]
        if subscription["SubscriptionArn"] == "PendingConfirmation"
    ]
