"""What `homeport inspect` needs: the request that was kept, the weights that answered it, an interpreter with torch."""

import msgspec

from homeport.api.dialects import dialects
from homeport.bootstrap.capture import body_store
from homeport.bootstrap.packages import verify_package
from homeport.bootstrap.revision import revision
from homeport.bootstrap.storage import open_storage
from homeport.config.home import Home
from homeport.config.schema import Settings
from homeport.core.captured import Captured
from homeport.core.errors import ConfigError, InvalidRequest, NotFound
from homeport.core.types import CONVERSATIONS, Surface
from homeport.engines.base import EngineSetup
from homeport.engines.derived import DerivedFolder, derived_folder
from homeport.engines.interpreter import find_interpreter
from homeport.inspection.question import Question, question_of_chat, question_of_completion, unsupported
from homeport.packages.base import StoredPackage
from homeport.packages.layout import Store
from homeport.protocols.answers.readings import readings
from homeport.storage.ingest import ingest
from homeport.storage.traces import requests_of_trace

_ENGINE = "transformers"
_LIBRARIES = (("transformers",), ("torch",))


def find_captured(settings: Settings, home: Home, name: str) -> Captured:
    """The request with this id, or the last of the trace with this id.

    Raises:
        NotFound: inspect_unknown; it was not kept.
        StorageError: captured_unusable or captured_unreadable.
    """
    kept = body_store(settings, home)
    if found := kept.get(name):
        return found
    engine = open_storage(settings, home)
    ingest(engine, home.journal)
    for request_id in requests_of_trace(engine, name):
        if found := kept.get(request_id):
            return found
    raise NotFound(f"no request {ascii(name)[:80]} was kept", code="inspect_unknown", hint=_how_to_keep(settings))


def question_of(surface: Surface, body: bytes) -> Question:
    """What a request asks, in whichever words.

    Raises:
        ConfigError: inspect_request_unsupported.
    """
    if surface not in CONVERSATIONS | {Surface.COMPLETION}:
        raise unsupported(f"nothing is said on /v1/{surface.value}")
    dialect = dialects()[surface]
    try:
        inference = dialect.decode(surface, body)
        if surface is Surface.COMPLETION:
            return question_of_completion(inference.fields)
        return question_of_chat(inference.fields if surface is Surface.CHAT else dialect.as_chat(inference))
    except InvalidRequest as error:
        raise unsupported(error.message) from error


def question_of_captured(captured: Captured) -> Question:
    """What was asked, and what was answered. Raises ConfigError: inspect_request_unsupported."""
    question = question_of(captured.surface, captured.body)
    if not captured.answer:
        return question
    reading = readings()[captured.answered]
    if captured.stream:
        growing = reading.growing()
        growing.feed(captured.answer)
        answer = growing.answer(whole=False)
    else:
        answer = reading.whole(captured.answer)
    ended = answer.finish == "stop"
    if not answer.text and not ended:  # it called tools alone, or broke off: there is no text to look at
        return question
    return msgspec.structs.replace(question, answer=answer.text, ended=ended)


def inspected_package(settings: Settings, home: Home, name: str | None, captured: Captured | None) -> StoredPackage:
    """The package that is named; else the version that answered; else the only package there is.

    Raises:
        ConfigError: inspect_package_unclear.
        PackageError: it was not pulled, is not what was pulled, or is not trusted.
    """
    return verify_package(settings, home, name or _package_of(settings, home, captured))


def inspected_model(home: Home, package: StoredPackage) -> DerivedFolder:
    """What is run: the weights with the package's adapters added, as the engine transformers serves them.

    Raises:
        ConfigError: engine_package_unsuited; transformers cannot load the package.
    """
    setup = EngineSetup(
        name=_ENGINE, profile={}, package=package, derived=home.derived, url="", api_key="", port=0, token=""
    )
    return derived_folder(setup)


def served_the_same(settings: Settings, package: StoredPackage, captured: Captured) -> bool:
    """Whether the engine that answered would now be given the same bytes and options."""
    engine = settings.engines.get(captured.upstream)
    return engine is not None and revision(engine.engine, package.digest, engine.profile) == captured.revision


def inspecting_python(settings: Settings, named: str | None) -> str:
    """The interpreter that has torch: the one that is named, else that of an engine of transformers, else the one that
    such an engine would be given.
    """
    of_engines = [
        python
        for engine in settings.engines.values()
        if engine.engine == _ENGINE and isinstance(python := engine.profile.get("python"), str)
    ]
    return named or next(iter(of_engines), "") or str(find_interpreter(_ENGINE, None, _LIBRARIES).path)


def _package_of(settings: Settings, home: Home, captured: Captured | None) -> str:
    if captured is not None:
        engine = settings.engines.get(captured.upstream)
        if engine is None or engine.package is None:
            raise _unclear(f"{captured.target} at {captured.upstream} answered, whose weights are not here")
        store = Store(home.packages)
        versions = ((version, store.get(version)) for version in store.versions(engine.package))
        answered = (version for version, one in versions if one and served_the_same(settings, one, captured))
        return next(answered, engine.package)
    names = list(dict.fromkeys(engine.package for engine in settings.engines.values() if engine.package))
    if len(names) != 1:
        raise _unclear(f"the engines have {len(names)} packages")
    return names[0]


def _unclear(why: str) -> ConfigError:
    return ConfigError(
        why, code="inspect_package_unclear", hint="name a package: --package NAME; homeport package list"
    )


def _how_to_keep(settings: Settings) -> str:
    if not settings.capture.enabled:
        return "set capture.enabled: true in homeport.yaml; requests are kept from then on, and not before"
    left_out = "" if settings.capture.private else ", is private (capture.private)"
    return (
        f"it is older than capture.keep_days, too long, of another project{left_out}, was sent with "
        "Cache-Control: no-store, or nobody answered it"
    )
