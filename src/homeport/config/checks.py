"""What the parts of a file say of each other.

The checks read plain values, not models, so that they also run over a file some of whose values have
the wrong type: those are the schema's to report, and are passed over here.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from homeport.config.fields import NAME, REGISTRY
from homeport.config.issues import KeyPath, suggest
from homeport.config.privacy import BUILT_IN
from homeport.config.slo import EVERYTHING

AUTO = "auto"

_ALWAYS = "1970-01-01"
_BAD_NAME = "a name is 1 to 128 letters, digits and . _ : / -, and starts with a letter or digit"


class Problem(NamedTuple):
    """A contradiction at `path`: at its key where `at_key`, else at its value."""

    path: KeyPath
    message: str
    at_key: bool = False


class _Target(NamedTuple):
    path: KeyPath
    fields: Mapping[str, object]

    @property
    def tier(self) -> object:
        return self.path[1]

    @property
    def upstream(self) -> str | None:
        return _text(self.fields.get("engine") or self.fields.get("provider"))

    @property
    def name_key(self) -> str:
        return "model" if self.fields.get("name") is None else "name"

    @property
    def name(self) -> str | None:
        return _text(self.fields.get(self.name_key))


def check(data: Mapping[str, object]) -> Iterator[Problem]:
    """Every contradiction between the sections of a file."""
    yield from _check_keys(data)
    yield from _check_tier_names(data)
    yield from _check_packages(data)
    yield from _check_trust(data)
    yield from _check_targets(data)
    yield from _check_public_names(data)
    yield from _check_aliases(data)
    yield from _check_objectives(data)
    yield from _check_days(data)
    yield from _check_project_classes(data)
    yield from _check_cache_judge(data)
    yield from _check_judge(data)
    yield from _check_cache_routes(data)
    yield from _check_content(data)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _section(data: Mapping[str, object], name: str) -> Mapping[str, object]:
    section = data.get(name)
    return section if isinstance(section, dict) else {}


def _rows(data: Mapping[str, object], key: str, path: KeyPath = ()) -> Iterator[_Target]:
    rows = data.get(key)
    for index, row in enumerate(rows if isinstance(rows, list) else []):
        if isinstance(row, dict):
            yield _Target((*path, key, index), row)


def _targets(data: Mapping[str, object]) -> Iterator[_Target]:
    for tier in _rows(data, "tiers"):
        yield from _rows(tier.fields, "targets", tier.path)


def _tier_names(data: Mapping[str, object]) -> list[str]:
    return [name for tier in _rows(data, "tiers") if (name := _text(tier.fields.get("name"))) is not None]


def _public_names(data: Mapping[str, object]) -> list[str]:
    return [target.name for target in _targets(data) if target.name is not None]


def _check_keys(data: Mapping[str, object]) -> Iterator[Problem]:
    for section in ("packages", "engines", "providers", "aliases"):
        for name in _section(data, section):
            if not NAME.fullmatch(name):
                yield Problem((section, name), _BAD_NAME, at_key=True)
    for name in _section(data, "registries"):
        if not REGISTRY.fullmatch(name):
            yield Problem(("registries", name), "a registry is written host or host:port", at_key=True)
    for name in _section(data, "providers"):
        if name in _section(data, "engines"):
            yield Problem(("providers", name), "an engine has this name too; rename one of them", at_key=True)


def _check_tier_names(data: Mapping[str, object]) -> Iterator[Problem]:
    seen = set()
    for tier in _rows(data, "tiers"):
        name, path = _text(tier.fields.get("name")), (*tier.path, "name")
        if name is None:
            continue
        if not NAME.fullmatch(name):
            yield Problem(path, _BAD_NAME)
        elif name == AUTO:
            yield Problem(path, f'"{AUTO}" means any tier, so no tier can have this name')
        elif name in seen:
            yield Problem(path, f'an earlier tier is called "{name}" too')
        seen.add(name)


def _check_reference(path: KeyPath, value: object, data: Mapping[str, object], section: str) -> Iterator[Problem]:
    known = data.get(section) or {}
    # A section of the wrong type is reported by itself; saying that it holds nothing would mislead.
    if not isinstance(value, str) or not isinstance(known, dict) or value in known:
        return
    yield Problem(path, f'{section} has no "{value}"{suggest(value, known)}')


def _check_packages(data: Mapping[str, object]) -> Iterator[Problem]:
    for name, engine in _section(data, "engines").items():
        if isinstance(engine, dict):
            yield from _check_reference(("engines", name, "package"), engine.get("package"), data, "packages")


def _check_trust(data: Mapping[str, object]) -> Iterator[Problem]:
    trust = _section(data, "trust")
    known = _section(trust, "keys")
    for name in known:
        if not NAME.fullmatch(name):
            yield Problem(("trust", "keys", name), _BAD_NAME, at_key=True)
    for path, fields in _rows(trust, "rules", ("trust",)):
        keys = fields.get("keys")
        for index, name in enumerate(keys if isinstance(keys, list) else []):
            if isinstance(name, str) and name not in known:
                yield Problem((*path, "keys", index), f'trust.keys has no "{name}"{suggest(name, known)}')


def _check_targets(data: Mapping[str, object]) -> Iterator[Problem]:
    for path, fields in _targets(data):
        if (fields.get("engine") is None) == (fields.get("provider") is None):
            yield Problem(path, "write exactly one of engine and provider")
        yield from _check_reference((*path, "engine"), fields.get("engine"), data, "engines")
        yield from _check_reference((*path, "provider"), fields.get("provider"), data, "providers")


def _check_public_names(data: Mapping[str, object]) -> Iterator[Problem]:
    taken = dict.fromkeys(_tier_names(data), "a tier") | {AUTO: "any tier"}
    places: dict[tuple[object, str], set[str]] = {}
    for target in _targets(data):
        name, path = target.name, (*target.path, target.name_key)
        if name is None:
            continue
        if not NAME.fullmatch(name):
            yield Problem(path, _BAD_NAME if target.name_key == "name" else f"needs a `name` beside it: {_BAD_NAME}")
        elif name in taken and (target.tier, name) not in places:
            yield Problem(path, f'"{name}" is already the name of {taken[name]}; give this target another `name`')
        elif target.upstream in places.get((target.tier, name), ()):
            yield Problem(path, f'"{name}" is at this upstream already; a replica of it is at another')
        taken.setdefault(name, "a target of another tier")
        place = places.setdefault((target.tier, name), set())
        if target.upstream is not None:
            place.add(target.upstream)


def _check_aliases(data: Mapping[str, object]) -> Iterator[Problem]:
    aliases = _section(data, "aliases")
    taken = Counter([AUTO, *_tier_names(data), *_public_names(data)])
    for alias, name in aliases.items():
        path = ("aliases", alias)
        if alias in taken:
            yield Problem(path, "auto, a tier or a model has this name already", at_key=True)
        if not isinstance(name, str):
            continue
        if name not in taken and name not in aliases:
            known = [*taken, *aliases]
            yield Problem(path, f'"{name}" is not auto, a tier, a model or an alias{suggest(name, known)}')
        elif _loops(alias, aliases):
            yield Problem(path, "this alias leads back to itself")


def _loops(alias: str, aliases: Mapping[str, object]) -> bool:
    seen: set[str] = set()
    name: object = alias
    while isinstance(name, str) and name in aliases and name not in seen:
        seen.add(name)
        name = aliases[name]
    return name == alias


def _check_objectives(data: Mapping[str, object]) -> Iterator[Problem]:
    seen = set()
    for path, fields in _rows(data, "slo"):
        name, route = _text(fields.get("name")), _text(fields.get("route"))
        if name is not None and not NAME.fullmatch(name):
            yield Problem((*path, "name"), _BAD_NAME)
        elif name in seen:
            yield Problem((*path, "name"), f'an earlier objective is called "{name}" too')
        if name is not None:
            seen.add(name)
        yield from _check_route((*path, "route"), route or EVERYTHING, data)


def _check_route(path: KeyPath, route: str, data: Mapping[str, object]) -> Iterator[Problem]:
    named = _askable(data)
    if route == EVERYTHING and EVERYTHING in named:
        yield Problem(path, f'"{EVERYTHING}" means every request, and something has this name; rename that')
    elif route not in {EVERYTHING, *named}:
        known = [EVERYTHING, *named]
        yield Problem(path, f'"{route}" is not {EVERYTHING}, auto, a tier, a model or an alias{suggest(route, known)}')


def _askable(data: Mapping[str, object]) -> list[str]:
    """What callers can ask for."""
    return [AUTO, *_tier_names(data), *_public_names(data), *_section(data, "aliases")]


def _check_cache_routes(data: Mapping[str, object]) -> Iterator[Problem]:
    named = _askable(data)
    for path, fields in _rows(_section(data, "cache"), "routes", ("cache",)):
        models = fields.get("models")
        for index, model in enumerate(models if isinstance(models, list) else []):
            if isinstance(model, str) and model and model not in named:
                message = f'"{model}" is not auto, a tier, a model or an alias{suggest(model, named)}'
                yield Problem((*path, "models", index), message)


def _check_cache_judge(data: Mapping[str, object]) -> Iterator[Problem]:
    model = _text(_section(_section(data, "cache"), "judge").get("model"))
    models = _public_names(data)
    if model is not None and model not in models:
        yield Problem(("cache", "judge", "model"), f'"{model}" is not the name of a model{suggest(model, models)}')


def _check_judge(data: Mapping[str, object]) -> Iterator[Problem]:
    model = _text(_section(_section(data, "evaluation"), "judge").get("model"))
    named = _askable(data)
    if model is not None and model not in named:
        message = f'"{model}" is not auto, a tier, a model or an alias{suggest(model, named)}'
        yield Problem(("evaluation", "judge", "model"), message)


def _check_content(data: Mapping[str, object]) -> Iterator[Problem]:
    content = _section(_section(data, "telemetry"), "traces").get("content")
    if content is True and _section(data, "capture").get("enabled") is not True:
        yield Problem(
            ("telemetry", "traces", "content"),
            "spans hold what the section capture keeps, and it keeps nothing: write capture.enabled too",
        )


def _check_days(data: Mapping[str, object]) -> Iterator[Problem]:
    yield from _check_one_a_day(_rows(data, "prices"), "model", "price")
    yield from _check_one_a_day(_rows(data, "currencies"), "code", "rate")
    providers = _section(data, "providers")
    for name in providers:
        discounts = _rows(_section(providers, name), "discounts", ("providers", name))
        yield from _check_one_a_day(discounts, "", "discount")


def _check_project_classes(data: Mapping[str, object]) -> Iterator[Problem]:
    privacy = _section(data, "privacy")
    known = [*BUILT_IN, *_section(privacy, "classes")]
    for project, name in _section(privacy, "projects").items():
        if isinstance(name, str) and name not in known:
            path = ("privacy", "projects", project)
            yield Problem(path, f'"{name}" is not open, private or a class of privacy.classes{suggest(name, known)}')


def _check_one_a_day(rows: Iterable[_Target], key: str, what: str) -> Iterator[Problem]:
    """Of two lines that begin on the same day, nobody can say which is meant."""
    seen = set()
    for path, fields in rows:
        begins = (fields.get(key), str(fields.get("from", _ALWAYS)))
        if not isinstance(begins[0], str | None):
            continue
        if begins in seen:
            of = f" of {begins[0]}" if key else ""
            yield Problem((*path, "from"), f"an earlier {what}{of} begins on this day too; remove one of them")
        seen.add(begins)
