"""The e-mail that the sandbox's CRM would send: for each template, of each format, once for each message."""

from __future__ import annotations

import json
from typing import get_args

import pytest

from cairn.webhooks.formats import render
from cairn.webhooks.model import Contact, Format
from cairn.workspace.document import Workspace
from local.sandbox.crm_mail import TEMPLATES, Mail, mail_of
from testing.webhooks import ADA, endpoint, event
from tests.unit.sandbox.helpers import Sandbox
from tests.unit.sandbox.test_crm import KEY, SECRET, deliveries, signed
from tests.unit.sandbox.test_page import page

HUNDRED = {"label": "100 replies", "title": "100 replies"}


def sent(template: str | None, format_: Format = "standard", contact: Contact | None = ADA) -> bytes:
    """A body as Cairn sends it."""
    happened = event(HUNDRED, type="milestone_reached", contact=contact)
    return render(happened, endpoint(format_), template=template, message_id="msg_1").content


@pytest.mark.parametrize("format_", get_args(Format))
def test_a_message_of_each_format_is_a_reason_for_the_e_mail_of_its_template(format_: Format) -> None:
    mail = mail_of(sent("century_club", format_).decode())
    assert mail == Mail(
        "century_club",
        "ada@example.com",
        "Welcome to the century club",
        "Hi Ada,\n\nYou have written 100 replies.",
    )


def test_there_is_an_e_mail_for_each_template_of_the_settings() -> None:
    assert {rule["template"] for rule in Workspace().webhook_templates} == set(TEMPLATES)
    assert len({subject for subject, _ in TEMPLATES.values()}) == len(TEMPLATES)


def test_a_template_of_the_operators_own_is_named_with_what_happened() -> None:
    mail = mail_of(sent("win_back").decode())
    assert mail is not None
    assert (mail.subject, mail.text) == ("Template win_back", "Hi Ada,\n\n100 replies")


def test_nobody_is_written_to_without_a_template_an_address_or_in_a_sample() -> None:
    assert mail_of(sent(None).decode()) is None
    anonymous = mail_of(sent("century_club", contact=None).decode())
    assert anonymous is not None
    assert (anonymous.to, anonymous.text.partition("\n")[0]) == (None, "Hi,")
    sample = render(event(HUNDRED), endpoint(), template="century_club", message_id="msg_1", sample=True).content
    assert mail_of(sample.decode()) is None


@pytest.mark.parametrize("body", ["", "no JSON", "[]", '"text"', '{"data": 1}', '{"metadata": [], "template": 7}'])
def test_any_other_body_is_no_reason_for_one(body: str) -> None:
    assert mail_of(body) is None


@pytest.mark.anyio
async def test_a_message_is_a_reason_for_one_e_mail_however_often_it_comes(sandbox: Sandbox) -> None:
    await sandbox.control("PUT", "/crm/demo", {"secret": SECRET})
    body = sent("century_club")

    async def deliver(webhook_id: str = "msg_1", key: bytes = KEY) -> None:
        headers = signed(body, sandbox.world.clock.now(), webhook_id=webhook_id, key=key)
        await sandbox.client.post("/crm/demo", content=body, headers=headers)

    await deliver("msg_forged", b"another key")
    await sandbox.control("POST", "/crm/demo/failure", {"mode": "status", "status": 503, "requests": 1})
    for _ in range(3):
        await deliver()
    found = await deliveries(sandbox)
    assert [one["mail"] and one["mail"]["to"] for one in found] == [None, None, "ada@example.com", None]
    assert json.loads(found[2]["body"])["data"]["template"] == "century_club"
    text = (await page(sandbox)).text
    assert text.count("E-mail to ada@example.com") == 1
    assert "Welcome to the century club" in text
