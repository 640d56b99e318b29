"""Users who are put and erased by a client that repeats what was not answered, and what must be left of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from cairn.clock import now
from cairn.identity.api_keys import ApiKeys
from cairn.webhooks.model import Endpoint
from testing.account import Account
from testing.api import event
from testing.functions import InvocationFailedError
from testing.mentions import mentions
from testing.product import Product
from testing.webhook_site import WebhookSite, webhook_site
from tests.crash.channels.way import items, silence
from tests.crash.explorer import Verdict

TRIES = 4
"""More than there are failures."""
ADA: dict[str, Any] = {"name": "Zora Quill", "email": "zora@quill.example", "dailyGoal": 3}
WORDS = ("Zora", "zora@quill.example")


@dataclass
class Lives:
    site: WebhookSite
    crm: Endpoint
    product: Product
    key: str
    wrong: list[str] = field(default_factory=list)

    @property
    def account(self) -> Account:
        return self.site.account

    def call(self, method: str, path: str, body: Any = None, *, tries: int = TRIES) -> Any:
        """The answer, of status below 500, in one of so many tries; None if there is none."""
        for _ in range(tries):
            self.account.clock.sleep(1)
            headers = {"authorization": f"Bearer {self.key}", "content-type": "application/json"}
            sent = None if body is None else json.dumps(body)
            try:
                answer = self.account.invoke("api", event(method, path, headers=headers, body=sent))
            except InvocationFailedError:
                continue
            if answer["statusCode"] < 500:
                return answer
        return None

    def put(self, **fields: Any) -> bool:
        answer = self.call("PUT", "/api/users/ada", fields)
        return answer is not None and answer["statusCode"] == 200

    def lived(self) -> None:
        """A user with days, a freeze and webhook events, all of which have settled."""
        assert self.put(**ADA)
        assert self.call("POST", "/api/users/ada/freezes", {"reason": "Zora was ill"})
        assert self.product.tracked("ada", count=12)
        self.account.settle()
        self.account.clock.sleep(86_400)
        assert self.product.tracked("ada", count=2)
        self.account.settle()
        self.site.publish("acme.hello", {"name": "Zora Quill"}, subject="user:ada")
        self.site.settle()

    def erase_users(self) -> bool:
        """The hourly run; whether it ended well."""
        try:
            self.account.invoke("erase_users", {"source": "schedule"})
        except InvocationFailedError:
            return False
        return True

    def pass_a_day(self) -> None:
        """Let a little more than a day pass: messages are delivered, and erase_users runs at times."""
        for hours in (0, 1, 25, 1):
            self.account.clock.sleep(hours * 3600)
            self.account.sweep.put({"source": "schedule"})
            self.site.settle()
            self.erase_users()

    def told(self) -> list[str]:
        """The ids of the messages that told the CRM of the erasure."""
        received = self.site.receiver(self.crm).received
        return [one.headers["webhook-id"] for one in received if json.loads(one.content)["type"] == "user_deleted"]

    def erased(self) -> Verdict:
        """All is erased, and the CRM was told, in one message."""
        lost = [] if self.told() else ["the CRM was not told"]
        wrong = [*self.wrong, *(f"{table} has {item}" for table, item in mentions(*WORDS))]
        if len(set(self.told())) > 1:
            wrong.append(f"the CRM was told {len(set(self.told()))} times")
        wrong += [f"history has {item}" for item in items("HISTORY_TABLE")]
        wrong += [f"erasure under way: {item}" for item in items("USAGE_TABLE") if item["pk"] == "erasures"]
        contact = [
            json.loads(one.content)["data"].get("contact")
            for one in self.site.receiver(self.crm).received
            if json.loads(one.content)["type"] == "user_deleted"
        ]
        wrong += [f"the CRM was told of {one}" for one in contact if (one or {}).get("email") != ADA["email"]]
        readings = [item for item in items("STATS_TABLE") if item["subject"] == "user:ada"]
        wrong += [f"stats has {one}" for one in readings if "erased_at" not in one.get("details", {})]
        return Verdict(tuple(lost), tuple(wrong))


@contextmanager
def lives() -> Iterator[Lives]:
    """A fresh account with a CRM that wants all events."""
    with silence(), webhook_site() as site:
        keys = ApiKeys(site.account.cloud.table("KEYS_TABLE"))
        key = keys.create("operator", ("admin",), now())
        yield Lives(site, site.endpoint(), Product(site.account.cloud), key)
