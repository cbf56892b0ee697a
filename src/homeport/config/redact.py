"""The configuration as it can be shown, and what tells one from another."""

import hashlib
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from homeport.config.schema import Settings
from homeport.core.money import Nano, format_usd

MASK = "***"


def shown(settings: Settings) -> dict[str, Any]:
    """The settings for JSON, defaults filled in, without secrets.

    Every key of an upstream is masked, and so is every text in a place that may hold a secret:
    the options of adapters, the profiles of engines and the URL of the database.
    """
    document: dict[str, Any] = _shown(settings)
    return document


def digest_of(settings: Settings) -> str:
    """Equal for equal settings, secrets included; nothing can be read from it. `sha256:` and hexadecimal digits."""
    plain = msgspec.json.encode(settings.model_dump(), enc_hook=_plain, order="deterministic")
    return f"sha256:{hashlib.sha256(plain).hexdigest()}"


def _shown(value: Any) -> Any:
    if isinstance(value, BaseModel):
        fields = type(value).model_fields
        return {field.alias or name: _field(field, getattr(value, name)) for name, field in fields.items()}
    if isinstance(value, Mapping):
        return {str(key): _shown(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_shown(item) for item in value]
    if isinstance(value, Decimal | date):
        return str(value)
    return _masked(value) if isinstance(value, SecretStr) else value


def _field(field: FieldInfo, value: Any) -> Any:
    if "usd" in (field.alias or "").split("_") and isinstance(value, int):
        return format_usd(Nano(value))
    return _shown(value) if field.repr else _masked(value)


def _masked(value: Any) -> Any:
    if isinstance(value, SecretStr):
        return MASK if value.get_secret_value() else ""
    if isinstance(value, Mapping):
        return {str(key): _masked(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(item) for item in value]
    return value if value is None or isinstance(value, bool | int | float) else MASK


def _plain(value: Any) -> Any:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    raise NotImplementedError(type(value).__name__)
