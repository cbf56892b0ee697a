"""What answers by a model's name at an upstream, as a digest: another package, address or option is another model."""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

_SECRET = re.compile(
    r"(?:auth(?:orization)?|cookies?|credentials?|key|passw\w*|secrets?|signature|token)$", re.IGNORECASE
)


def revision(adapter: str, source: str, options: Mapping[str, Any]) -> str:
    """16 hexadecimal digits; of texts among the options whose name may be a secret's, only the name counts.

    Args:
        source: a package's digest, or an address.
    """
    told = json.dumps([adapter, source, _without_secrets(options)], sort_keys=True, default=str)
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def _without_secrets(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _hidden(str(name), inner) for name, inner in value.items()}
    return [_without_secrets(inner) for inner in value] if isinstance(value, list | tuple) else value


def _hidden(name: str, value: Any) -> Any:
    return None if isinstance(value, str) and _SECRET.search(name) else _without_secrets(value)
