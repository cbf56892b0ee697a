"""How heads are named on the command line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.core.errors import ConfigError
from homeport.inspection.heads import Head, Scaled, read_changes, read_head, read_scaled, read_sweep


@given(st.integers(0, 9_999), st.integers(0, 9_999))
def test_a_head_is_read_as_it_is_written(layer: int, head: int) -> None:
    assert read_head(str(Head(layer, head))) == Head(layer, head)


def test_a_factor_follows_the_head() -> None:
    assert read_scaled("5.3=0.5") == Scaled(Head(5, 3), 0.5)
    assert read_scaled("5.3=-1") == Scaled(Head(5, 3), -1.0)


def test_what_is_removed_is_scaled_by_nothing() -> None:
    assert read_changes(["1.0"], ["2.1=2"]) == (Scaled(Head(1, 0), 0.0), Scaled(Head(2, 1), 2.0))


@pytest.mark.parametrize("text", ["", "5", "5.", "a.b", "5.3.1", "-1.0", "\u0665.\u0663", "99999.0", "5.3=1"])
def test_what_names_no_head_is_refused(text: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read_head(text)
    assert refused.value.code == "inspect_head_unknown"


@pytest.mark.parametrize("text", ["5.3", "5.3=", "5.3=x", "5.3=nan", "5.3=inf", "5.3=1e9", "x=1"])
def test_what_is_no_factor_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        read_scaled(text)


def test_a_head_is_changed_once() -> None:
    with pytest.raises(ConfigError):
        read_changes(["5.3"], ["5.3=0.5"])


@pytest.mark.parametrize(("text", "layer"), [("0", 0), ("12", 12), ("all", None)])
def test_a_sweep_is_over_a_layer_or_over_all(text: str, layer: int | None) -> None:
    assert read_sweep(text) == layer


@pytest.mark.parametrize("text", ["", "ALL", "-1", "1.2", "10000", "²"])
def test_what_is_no_layer_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        read_sweep(text)
