"""The demo's webhook endpoint: everything that happens goes to a CRM of the sandbox."""

from __future__ import annotations

import httpx

from local.demo import checked, client
from local.settings import Settings

CRM = "demo"
_TIMEOUT_SECONDS = 10


def connect(settings: Settings, admin_key: str, transport: httpx.BaseTransport | None = None) -> str:
    """Make the endpoint as a person would, and tell the CRM its secret; a summary line."""
    url = f"{settings.sandbox_url}/crm/{CRM}"
    body = {"url": url, "events": ["*"], "format": "standard", "description": "demo CRM"}
    with client(settings, admin_key, transport) as api:
        secret = checked(api.post("/api/webhooks/endpoints", json=body)).json()["secret"]
    with httpx.Client(transport=transport, timeout=_TIMEOUT_SECONDS, trust_env=False) as sandbox:
        checked(sandbox.put(f"{settings.sandbox_url}/control/crm/{CRM}", json={"secret": secret}))
    return f"webhooks: all events go to the sandbox's CRM at {url}"
