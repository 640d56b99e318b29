"""The body for GoHighLevel: one object of texts, numbers and booleans, in which every key is always there. Pure.

A workflow's fields are picked from a sample that somebody selected, and are lost when the structure changes; arrays
cannot be picked, and a contact is found by e-mail or telephone number. So every body begins with the same keys in the
same order, whatever its type: those of `HEAD`, then those of all types of the catalogue. What a product publishes
beyond them follows in alphabetical order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from cairn.clock import iso
from cairn.codec import to_json
from cairn.errors import NoContactError
from cairn.webhooks.catalogue import CATALOGUE
from cairn.webhooks.fields import metadata, snake
from cairn.webhooks.model import EPOCH, Contact, Endpoint, Event

HEAD = (
    *("event", "event_id", "message_id", "timestamp", "sample", "subject", "sequence", "template"),
    *("full_name", "first_name", "last_name", "email", "phone"),
)
UNKNOWN = ""
"""For what is not known or not of this type. With null, the key could not be picked from a sample."""
_SAMPLES = {"sequence": 1, "template": "name_of_a_template", "lifetime_total": 25_400}
"""Of what no example of the catalogue has."""


def body(
    event: Event, endpoint: Endpoint, *, template: str | None, message_id: str, sample: bool = False
) -> dict[str, Any]:
    """NoContactError when neither the event nor the endpoint has an e-mail or a telephone number."""
    contact = _contact(event, endpoint)
    first, _, last = (contact.name or "").strip().partition(" ")
    head = {
        "event": event.type,
        "event_id": event.id,
        "message_id": message_id,
        "timestamp": iso(event.at),
        "sample": sample,
        "subject": event.subject,
        "sequence": event.sequence,
        "template": template,
        "full_name": contact.name,
        "first_name": first,
        "last_name": last.strip(),
        "email": contact.email,
        "phone": contact.phone,
    }
    values = _flat(event)
    values.pop("subject", None)
    own = {f"data_{key}" if key in head else key: values[key] for key in sorted(values.keys() - set(_catalogue_keys()))}
    fields = {**head, **{key: values.get(key) for key in _catalogue_keys()}, **own}
    unknown = _examples() if sample else {}
    return {key: unknown.get(key, UNKNOWN) if value in (None, UNKNOWN) else value for key, value in fields.items()}


def body_keys() -> tuple[str, ...]:
    """The keys of the body of every type of the catalogue, in their order."""
    return (*HEAD, *_catalogue_keys())


def _contact(event: Event, endpoint: Endpoint) -> Contact:
    """The event's, or the endpoint's; never the name of one with the address of the other."""
    for contact in (event.contact, endpoint.default_contact):
        if contact and contact.reachable:
            return contact
    raise NoContactError(
        "GoHighLevel needs an e-mail or a telephone number; the event's contact has none, nor has the endpoint's "
        "defaultContact"
    )


def _flat(event: Event) -> dict[str, Any]:
    """An event's fields without objects and lists.

    Of an object that the catalogue declares, only the declared fields: those of `metrics` differ from subject to
    subject.
    """
    known = CATALOGUE.get(event.type)
    declared = {snake(name): of for name, of in known.schema["properties"].items()} if known else {}
    flat: dict[str, Any] = {}
    for name, value in metadata(event).items():
        inner = declared.get(name, {})
        if inner.get("type") == "object" and isinstance(value, Mapping):
            fields = {field: value[field] for field in inner.get("properties", ()) if field in value}
            flat |= dict(_spread(name, fields))
        else:
            flat |= dict(_spread(name, value))
    return flat


def _spread(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    key = snake(name) or "field"
    if isinstance(value, Mapping):
        for inner, item in value.items():
            yield from _spread(f"{key}_{inner}", item)
    elif isinstance(value, list | tuple):
        yield key, ", ".join(map(_in_a_list, value))
    else:
        yield key, value


def _in_a_list(value: Any) -> str:
    if isinstance(value, Mapping) and isinstance(value.get("label"), str):
        return str(value["label"])
    return value if isinstance(value, str) else to_json(value)


@cache
def _catalogue_keys() -> tuple[str, ...]:
    found: list[str] = []
    for type_ in CATALOGUE.values():
        for name, field in type_.schema["properties"].items():
            if field.get("type") != "object":
                found.append(snake(name))
            found += [f"{snake(name)}_{snake(inner)}" for inner in field.get("properties", ())]
    return tuple(key for key in dict.fromkeys(found) if key not in HEAD)


@cache
def _examples() -> Mapping[str, Any]:
    """A value for each key, so that each can be picked, whichever type the sample is of."""
    examples: dict[str, Any] = {}
    for type_ in reversed(list(CATALOGUE.values())):
        flat = _flat(Event("", type_.name, EPOCH, None, type_.example))
        examples |= {key: value for key, value in flat.items() if value is not None}
    return {**examples, **_SAMPLES}
