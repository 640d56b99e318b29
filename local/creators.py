"""The demo's agency: the sandbox's three creators, whose past is synced in silence and who go on earning."""

from __future__ import annotations

import httpx

from local.demo import checked, client
from local.sandbox.demo import creators
from local.settings import Settings

AGENCY = "Demo agency"
_PLATFORM, _CURRENCY = "fanvue", "USD"


def sign(settings: Settings, admin_key: str, transport: httpx.BaseTransport | None = None) -> str:
    """Make the agency and its creators as a person would, and press Sync Data; a summary line."""
    if "creator" not in settings.sandboxed:
        return "no demo creators without the sandbox's Fanvue"
    with client(settings, admin_key, transport) as api:
        agency = checked(api.post("/api/agencies", json={"name": AGENCY})).json()["id"]
        made = [
            checked(api.post("/api/creators", json={"agencyId": agency, **_body(one)})).json() for one in creators()
        ]
        checked(api.post("/api/analytics/sync", json={}))
    names = ", ".join(creator["name"] for creator in made)
    return f"{AGENCY}: {names} earn at the sandbox's Fanvue; see {settings.api_url}/revenue"


def _body(creator: dict[str, str]) -> dict[str, str]:
    return {"platform": _PLATFORM, "currency": _CURRENCY, **creator}
