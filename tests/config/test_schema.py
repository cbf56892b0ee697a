"""What settings say once they are loaded."""

import pytest
from hypothesis import given
from hypothesis import settings as run
from hypothesis import strategies as st
from pydantic import ValidationError

from homeport.config.packages import PackageSettings, RegistrySettings, SourceSettings
from homeport.config.schema import EngineSettings, Settings, TargetSettings, TimeoutSettings
from homeport.core.money import format_usd
from homeport.core.types import Timeouts
from tests.config.conftest import BASE, LoadText

TWO_REAL_ONE_SIMULATED = """\
providers:
  a: {provider: x, api_key: "${A_KEY:-}"}
  b: {provider: x, api_key: "${B_KEY:-}${B_SUFFIX:-}"}
  free: {provider: x}
  demo: {provider: simulated}
tiers:
  - name: first
    targets: [{model: m-a, provider: a}, {model: m-demo, provider: demo}, {model: m-b, provider: b}]
  - name: second
    targets: [{model: n-b, provider: b}]
  - name: third
    targets: [{model: o-demo, provider: demo}, {model: o-free, provider: free}]
"""


def active(settings: Settings) -> list[tuple[str, str]]:
    return [(active.tier, active.target.public_name) for active in settings.active_targets()]


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, [("first", "m-demo"), ("third", "o-free")]),
        ({"A_KEY": "k"}, [("first", "m-a"), ("third", "o-free")]),
        ({"B_SUFFIX": "k"}, [("first", "m-b"), ("second", "n-b"), ("third", "o-free")]),
        ({"A_KEY": " \n"}, [("first", "m-demo"), ("third", "o-free")]),
    ],
)
def test_a_simulated_target_stands_in_only_where_nothing_real_is_on(
    load_text: LoadText, variables: dict[str, str], expected: list[tuple[str, str]]
) -> None:
    assert active(load_text(TWO_REAL_ONE_SIMULATED, variables)) == expected


def test_what_is_off_names_the_variables_to_set(load_text: LoadText) -> None:
    assert load_text(TWO_REAL_ONE_SIMULATED).switched_off() == (("a", ("A_KEY",)), ("b", ("B_KEY", "B_SUFFIX")))
    assert load_text(TWO_REAL_ONE_SIMULATED, {"A_KEY": "k"}).switched_off() == (("b", ("B_KEY", "B_SUFFIX")),)


def test_the_variables_to_set_survive_the_port_of_the_environment(load_text: LoadText) -> None:
    assert load_text(TWO_REAL_ONE_SIMULATED, port=9000).switched_off()[0] == ("a", ("A_KEY",))


@pytest.mark.parametrize(
    ("written", "on"), [("", True), (", api_key:", False), (", api_key: ''", False), (", api_key: k", True)]
)
def test_a_key_that_was_written_empty_switches_off(load_text: LoadText, written: str, on: bool) -> None:
    settings = load_text(BASE.replace("simulated", f"simulated{written}"))
    assert settings.providers["p"].on is on
    assert settings.switched_off() == (() if on else (("p", ()),))


def test_aliases_are_followed_to_their_end(load_text: LoadText) -> None:
    settings = load_text(BASE + "aliases: {a: b, b: c, c: auto, d: t, e: m}\n")
    assert settings.resolved_aliases() == {"a": "auto", "b": "auto", "c": "auto", "d": "t", "e": "m"}


def test_an_alias_loop_that_was_never_checked_still_ends() -> None:
    target = {"model": "m", "provider": "p"}
    settings = Settings.model_validate({"tiers": [{"name": "t", "targets": [target]}], "aliases": {"a": "b", "b": "a"}})
    assert set(settings.resolved_aliases().values()) <= {"a", "b"}


def test_defaults_of_a_target() -> None:
    engine = TargetSettings(model="m", engine="e")
    remote = TargetSettings(model="m", provider="p", name="public")
    assert (engine.public_name, engine.upstream, engine.surfaces) == ("m", "e", None)
    assert (remote.public_name, remote.upstream) == ("public", "p")


def test_timeouts_are_those_of_the_request_path() -> None:
    assert TimeoutSettings().bounds() == Timeouts()
    settings = TimeoutSettings(connect=1, first_token=2, between_tokens=3, total=4)
    assert settings.bounds() == Timeouts(connect=1, first_token=2, between_tokens=3, total=4)


def test_settings_do_not_change(load_text: LoadText) -> None:
    settings = load_text(BASE)
    with pytest.raises(ValidationError):
        settings.server.port = 1


def test_money_in_a_float_is_refused() -> None:
    with pytest.raises(ValidationError, match="exact amount"):
        EngineSettings.model_validate({"engine": "llamacpp", "hourly_cost_usd": 0.05})


@run(deadline=None)
@given(st.integers(0, 10**15))
def test_money_is_read_exactly(nanos: int) -> None:
    amount = format_usd(nanos)
    assert EngineSettings.model_validate({"engine": "llamacpp", "hourly_cost_usd": amount}).hourly_cost == nanos


@run(deadline=None)
@given(nanos=st.integers(0, 10**15))
def test_money_is_read_exactly_without_quotes(load_text: LoadText, nanos: int) -> None:
    settings = load_text(BASE.replace("0.05", format_usd(nanos)))
    assert settings.engines["e"].hourly_cost == nanos


def test_a_digest_is_kept_in_lower_case(load_text: LoadText) -> None:
    digest = "Ab" * 32
    settings = load_text(BASE + f"packages: {{w: {{source: /w.gguf, sha256: {digest}}}}}\n")
    assert settings.packages["w"].sha256 == digest.lower()


@pytest.mark.parametrize("source", ["w.gguf", "./a b/w.gguf", "/w", "file:///w", "a:b/w"])
def test_sources_that_are_taken(load_text: LoadText, source: str) -> None:
    assert load_text(BASE + f"packages: {{w: {{source: '{source}'}}}}\n").packages["w"].source == source


@pytest.mark.parametrize(
    "source",
    ["", " ", "pypi://", "pypi://a==1 -r x", "pypi://-r==1", "pypi://a==1/../b", "pypi://a>=1", "file://w", "hf://a"],
)
def test_sources_that_are_refused(source: str) -> None:
    with pytest.raises(ValidationError) as caught:
        PackageSettings.model_validate({"source": source, "sha256": "0" * 64, "file": "f"})
    assert [error["loc"] for error in caught.value.errors()] == [("source",)]


@pytest.mark.parametrize(
    "url",
    [
        "https://user:pass@h/v1",
        "https://user@h/v1",
        "https://h/v1?key=x",
        "https://h/v1#x",
        "https://",
        "https:///v1",
        "https://h:99999/v1",
        "https://[::1/v1",
        "https://h/a b",
        "https://h\n/v1",
        "https://good.example\\@evil.example/v1",
        "https://ex\u00e4mple/v1",
        "https://999.1.1.1/v1",
        "https://-h/v1",
        "https://h/" + "x" * 2048,
    ],
)
def test_urls_that_are_refused(url: str) -> None:
    with pytest.raises(ValidationError) as caught:
        EngineSettings.model_validate({"engine": "external", "hourly_cost_usd": 0, "url": url})
    assert [error["loc"] for error in caught.value.errors()] == [("url",)]


def test_a_target_may_have_bounds_of_its_own() -> None:
    slow = {"model": "m", "provider": "p", "timeouts": {"total": 900}}
    settings = Settings.model_validate({"tiers": [{"name": "t", "targets": [slow]}]})
    assert settings.tiers[0].targets[0].timeouts == TimeoutSettings(total=900)
    assert settings.longest_seconds() == 900
    assert (
        Settings.model_validate({"tiers": [{"name": "t", "targets": [{**slow, "timeouts": None}]}]}).longest_seconds()
        == 600
    )


def test_a_registry_is_told_one_thing_and_nothing_in_clear() -> None:
    RegistrySettings.model_validate({"username": "team", "password": "word"})
    for wrong in (
        {"username": "team", "token": "t"},
        {"insecure": True, "token": "t"},
        {"insecure": True, "username": "t"},
    ):
        with pytest.raises(ValidationError):
            RegistrySettings.model_validate(wrong)
    with pytest.raises(ValidationError):
        SourceSettings.model_validate({"hf_endpoint": "http://hub.example.org"})
    assert SourceSettings.model_validate({"hf_endpoint": "http://127.0.0.1:9"}).hf_endpoint == "http://127.0.0.1:9"


@pytest.mark.parametrize(
    "source",
    [
        "oci://registry.example.org/models/m:1.0",
        "oci://registry.example.org/models/m:1.0@sha256:12",
        "oci://me@registry.example.org/m:1.0",
        "https://me@host.example.org/m.gguf",
        "https://host.example.org/m.gguf#x",
        "hf://org/m@main/m.gguf",
        "hf://org/m@0123456789abcdef0123456789abcdef01234567",
    ],
)
def test_a_source_that_pins_nothing_is_refused(source: str) -> None:
    with pytest.raises(ValidationError):
        PackageSettings.model_validate({"source": source})


def test_pinned_sources_are_taken() -> None:
    commit, digest = "0123456789abcdef0123456789abcdef01234567", "0" * 64
    PackageSettings.model_validate({"source": f"oci://registry.example.org/models/m:1.0@sha256:{digest}"})
    PackageSettings.model_validate({"source": "oci://registry.example.org/models/m:1.0", "sha256": digest})
    PackageSettings.model_validate({"source": "https://host.example.org/m.gguf?x=1", "sha256": digest})
    PackageSettings.model_validate({"source": f"hf://org/m@{commit}/a/m.gguf", "sha256": digest})
