"""Who may answer: names, keys, data classes and surfaces."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.core.errors import HomeportError, InvalidRequest, NotFound, NotPermitted
from homeport.core.types import DataClass, Inference, Key, Surface, Target
from homeport.routing.eligibility import Catalogue, eligible, permitted
from tests.fakes.facts import question
from tests.fakes.house import target

OWN = target("own", tier="home", local=True)
SMALL = target("small", tier="mid")
LARGE = target("large", tier="mid", surfaces=frozenset({Surface.CHAT}))
CATALOGUE = Catalogue([OWN, SMALL, LARGE], {"gpt-4o": "large", "default": "auto", "cheap": "mid"})
ANYONE = Key(id="k", name="k")


def inference(model: str = "auto", surface: Surface = Surface.CHAT) -> Inference:
    return Inference(
        surface=surface,
        model=model,
        stream=False,
        wants_usage=False,
        input_chars=1,
        deterministic=False,
        fields={},
    )


def names(model: str = "auto", key: Key = ANYONE, data_class: DataClass = DataClass.OPEN, **more: Any) -> list[str]:
    mask = eligible(CATALOGUE, question(inference(model, **more)), key, data_class)
    return [target.name for target in mask.targets]


@pytest.mark.parametrize(
    ("model", "targets", "pinned"),
    [
        ("auto", ["own", "small", "large"], False),
        ("default", ["own", "small", "large"], False),
        ("mid", ["small", "large"], False),
        ("cheap", ["small", "large"], False),
        ("home", ["own"], False),
        ("small", ["small"], True),
        ("gpt-4o", ["large"], True),
    ],
)
def test_names(model: str, targets: list[str], pinned: bool) -> None:
    found, is_pinned = CATALOGUE.resolve(model)
    assert [target.name for target in found] == targets
    assert is_pinned is pinned
    assert names(model) == targets


@pytest.mark.parametrize("model", ["gone", "", "AUTO", "auto ", "own\n", "../own", "x" * 10_000, "\ud800"])
def test_a_name_that_nothing_has(model: str) -> None:
    with pytest.raises(NotFound) as caught:
        names(model)
    assert (caught.value.code, caught.value.param) == ("model_not_found", "model")
    assert len(caught.value.message) < 400
    assert "\n" not in caught.value.message


def test_a_model_that_is_called_like_a_tier_is_the_model() -> None:
    catalogue = Catalogue([target("a", tier="b"), target("b", tier="c")], {})
    found, pinned = catalogue.resolve("b")
    assert ([target.name for target in found], pinned) == (["b"], True)


def test_every_rule_removes_what_it_must() -> None:
    key = Key(id="k", name="k", models=frozenset({"own", "large"}))
    mask = eligible(CATALOGUE, question(inference()), key, DataClass.PRIVATE)
    assert [target.name for target in mask.targets] == ["own"]
    embed = eligible(CATALOGUE, question(inference(surface=Surface.EMBEDDING)), ANYONE, DataClass.OPEN)
    assert [target.name for target in embed.targets] == [
        target.name for target in CATALOGUE.targets if target.name != "large"
    ]


@pytest.mark.parametrize(
    ("key", "allowed"),
    [
        ({}, ["own", "small", "large"]),
        ({"models": frozenset({"large"})}, ["large"]),
        ({"tiers": frozenset({"mid"})}, ["small", "large"]),
        ({"tiers": frozenset({"mid"}), "models": frozenset({"own", "small"})}, ["small"]),
    ],
)
def test_keys(key: dict[str, Any], allowed: list[str]) -> None:
    assert names(key=Key(id="k", name="k", **key)) == allowed


REFUSED: list[tuple[dict[str, Any], type[HomeportError], str]] = [
    ({"model": "large", "key": Key(id="k", name="k", tiers=frozenset({"home"}))}, NotPermitted, "model_not_permitted"),
    ({"key": Key(id="k", name="k", models=frozenset({"gone"}))}, NotPermitted, "model_not_permitted"),
    ({"model": "mid", "data_class": DataClass.PRIVATE}, NotPermitted, "private_model_is_remote"),
    ({"model": "large", "surface": Surface.EMBEDDING}, InvalidRequest, "surface_not_supported"),
]


@pytest.mark.parametrize(("request_", "kind", "code"), REFUSED)
def test_nobody_is_left(request_: dict[str, Any], kind: type[HomeportError], code: str) -> None:
    with pytest.raises(kind) as caught:
        names(**request_)
    assert caught.value.code == code
    assert caught.value.hint


def test_permission_comes_before_privacy() -> None:
    """A key that may not use a model learns nothing else about it."""
    with pytest.raises(NotPermitted):
        names("large", Key(id="k", name="k", models=frozenset({"own"})), DataClass.PRIVATE)


some_targets = st.lists(
    st.builds(
        target,
        st.sampled_from("abcdef"),
        tier=st.sampled_from(["t", "u", "a"]),
        local=st.booleans(),
        surfaces=st.frozensets(st.sampled_from(Surface)),
    ),
    unique_by=lambda target: target.name,
)


@given(
    some_targets,
    st.sampled_from(["auto", *"abcdefgtu"]),
    st.sampled_from(Surface),
    st.sampled_from(DataClass),
    st.frozensets(st.sampled_from("abc")),
    st.frozensets(st.sampled_from("tu")),
)
def test_nobody_is_eligible_who_breaks_a_rule(
    targets: list[Target],
    model: str,
    surface: Surface,
    data_class: DataClass,
    models: frozenset[str],
    tiers: frozenset[str],
) -> None:
    key = Key(id="k", name="k", models=models, tiers=tiers)
    try:
        mask = eligible(Catalogue(targets, {}), question(inference(model, surface)), key, data_class)
    except HomeportError:
        return
    assert mask.targets
    assert list(mask.targets) == [target for target in targets if target in mask.targets], "the order is kept"
    for one in mask.targets:
        assert permitted(key, one)
        assert one.answers(surface) in one.surfaces
        assert one.local or data_class is DataClass.OPEN
        assert model in {"auto", one.name, one.tier}


def test_an_empty_catalogue() -> None:
    with pytest.raises(HomeportError):
        eligible(Catalogue([], {}), question(inference()), ANYONE, DataClass.OPEN)


def test_deciding_changes_nothing() -> None:
    asked = question(inference())
    assert eligible(CATALOGUE, asked, ANYONE, DataClass.OPEN) == eligible(CATALOGUE, asked, ANYONE, DataClass.OPEN)
    assert asked.inference == inference()
