"""The settings as a form: groups, and one of the ways to sign in."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from singer_sdk.exceptions import ConfigValidationError

from tap_azure_ea.settings import CONFIG_JSONSCHEMA, SECRETS

SIGN_IN = "sign_in"
METHOD = "credential"
NOT_AT_ALL, READY_TOKEN = "none", "access_token"
# They are told by the form alone: the tap sees whether there is a token.
NO_METHODS = ((METHOD, NOT_AT_ALL), (METHOD, READY_TOKEN))

GROUPS = {
    "enrollment": ("Enrollment", ("enrollment_number", "api_key", SIGN_IN)),
    "reading": (
        "What to read",
        (
            "start_date",
            "end_date",
            "subscription_ids",
            "scope",
            "usage_format",
            "usage_granularity",
            "restate_periods",
            "charge_id",
            "fail_on_difference",
        ),
    ),
    "rate_card": (
        "Rate card",
        ("rate_card_offer", "rate_card_currency", "rate_card_locale", "rate_card_region"),
    ),
    "place": (
        "Where it is",
        ("cloud", "ea_reporting_url", "management_url", "login_url", "invoice_directory", "sandbox"),
    ),
}
# Each way to sign in: what it is called, and its settings, those that it needs first.
METHODS = {
    NOT_AT_ALL: ("None: the EA Reporting API alone", (), ()),
    "client_secret": ("Client secret", ("tenant_id", "client_id", "client_secret"), ()),
    "client_certificate": (
        "Client certificate",
        ("tenant_id", "client_id", "client_certificate_path"),
        ("client_certificate_password",),
    ),
    "workload_identity": ("Workload identity federation", (), ("tenant_id", "client_id")),
    "managed_identity": ("Managed identity", (), ("client_id",)),
    "azure_cli": ("Azure CLI", (), ("tenant_id",)),
    "default": ("Whatever is there", (), ("tenant_id", "client_id")),
    READY_TOKEN: ("Ready access token", (READY_TOKEN,), ()),
}
KEPT = ("title", "description", "default", "enum", "examples", "items", "minimum")
DAY = {"format": "date", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$", "examples": ["2026-01-31"]}

_logger = logging.getLogger("tap-azure-ea")


def specification() -> dict[str, Any]:
    """Return the form of all settings but those of the SDK, which shape Singer messages."""
    properties = {
        name: {**_property(name), "order": order, "group": group}
        for order, (group, name) in enumerate((group, name) for group, (_, names) in GROUPS.items() for name in names)
    }
    schema = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Azure Enterprise Agreement",
        "type": "object",
        "groups": [{"id": group, "title": title} for group, (title, _) in GROUPS.items()],
        "required": [],
        "additionalProperties": True,
        "properties": properties,
    }
    return {"connectionSpecification": schema, "supportsIncremental": True}


def flat(config: object) -> dict[str, Any]:
    """Return what a filled-in form says, as the tap's settings; raise ``ConfigValidationError`` if it is not one."""
    if not isinstance(config, Mapping):
        raise ConfigValidationError("the settings are not a JSON object")
    sign_in = config.get(SIGN_IN) or {METHOD: NOT_AT_ALL}
    if problems := list(_of(sign_in)):
        raise ConfigValidationError("; ".join(problems))
    method = sign_in[METHOD]
    _, needed, more = METHODS[method]
    given = {**_known(config, [name for _, names in GROUPS.values() for name in names])}
    given |= _known(sign_in, [METHOD, *needed, *more], f" of {SIGN_IN} by {method}")
    return {name: value for name, value in given.items() if (name, value) not in NO_METHODS and name != SIGN_IN}


def secrets(config: object) -> tuple[str, ...]:
    """Return the secrets among the settings, wherever they stand."""
    if not isinstance(config, Mapping):
        return ()
    nested = [found for value in config.values() for found in secrets(value)]
    return tuple(nested) + tuple(value for name, value in config.items() if name in SECRETS and isinstance(value, str))


def _property(name: str) -> dict[str, Any]:
    if name == SIGN_IN:
        return {
            "title": "Sign-in with Microsoft Entra",
            "description": "How to sign in, for all but the EA Reporting API.",
            "type": "object",
            "oneOf": [_option(*method) for method in METHODS.items()],
        }
    schema = CONFIG_JSONSCHEMA["properties"][name]
    (kind,) = {schema["type"]} if isinstance(schema["type"], str) else {*schema["type"]} - {"null"}
    found = {"type": kind, **{key: schema[key] for key in KEPT if key in schema}}
    if name.endswith("_date"):
        found |= DAY
    return {**found, "airbyte_secret": True} if schema.get("secret") else found


def _option(method: str, said: tuple[str, tuple[str, ...], tuple[str, ...]]) -> dict[str, Any]:
    title, needed, more = said
    properties = {METHOD: {"type": "string", "const": method, "default": method, "order": 0}}
    for order, name in enumerate((*needed, *more), start=1):
        properties[name] = {**_property(name), "order": order}
    return {"title": title, "type": "object", "required": [METHOD, *needed], "properties": properties}


def _of(sign_in: object) -> Iterator[str]:
    """Tell what is wrong with the way to sign in."""
    method = sign_in.get(METHOD) if isinstance(sign_in, Mapping) else None
    if not isinstance(sign_in, Mapping) or not isinstance(method, str) or method not in METHODS:
        yield f"{SIGN_IN} needs {METHOD}, which is one of {', '.join(METHODS)}"
        return
    _, needed, _ = METHODS[method]
    yield from (f"{name} is not set, which signing in by {method} needs" for name in needed if not sign_in.get(name))


def _known(given: Mapping[str, Any], known: Collection[str], where: str = "") -> dict[str, Any]:
    """Return the settings that there are; Airbyte itself adds some whose names begin with underscores."""
    for name in given:
        if name not in known and not name.startswith("__"):
            _logger.warning("There is no setting %s%s: it is ignored", name, where)
    return {name: value for name, value in given.items() if name in known}
