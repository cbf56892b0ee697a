"""Where heads look."""

import numpy as np
from msgspec.structs import replace

from homeport.inspection.findings import Inside
from homeport.inspection.heads import Head
from homeport.inspection.maps import EARLIER, busiest_head, has_head, head_maps, links
from tests.fakes.inside import HEADS, LAYERS, findings, inside


def looking(found: Inside, head: Head, at: int, to: int, weight: float = 0.9) -> Inside:
    attention = found.attention.copy()
    start = found.findings.window_start
    attention[head.layer, head.head, at - start] = 0
    attention[head.layer, head.head, at - start, to - start + 1] = weight
    return replace(found, attention=attention)


def test_every_head_has_a_map() -> None:
    maps = head_maps(inside())
    assert [one.head for one in maps] == [Head(layer, head) for layer in range(LAYERS) for head in range(HEADS)]
    assert all(one.image.startswith("data:image/png;base64,") for one in maps)


def test_a_link_is_a_position_and_its_weight() -> None:
    found = looking(inside(), Head(2, 1), at=3, to=1)
    (link,) = links(found, Head(2, 1), 3)
    assert (link.position, round(link.weight, 2)) == (1, 0.9)


def test_what_is_before_the_window_is_one_place() -> None:
    found = inside(findings(window=3))
    told = links(found, Head(0, 0), 5)
    assert (told[0].position, round(told[0].weight, 2)) == (EARLIER, 0.5)
    assert {link.position for link in told[1:]} <= {4, 5}
    assert links(found, Head(0, 0), 1) == ()


def test_the_busiest_head_looks_at_something_else_than_the_beginning_and_itself() -> None:
    found = inside()
    first = found.findings.first_answer - 1
    found = looking(found, Head(0, 0), at=first, to=0, weight=1.0)
    found = looking(found, Head(0, 1), at=first, to=first, weight=1.0)
    assert busiest_head(looking(found, Head(2, 1), at=first, to=2, weight=0.99)) == Head(2, 1)


def test_a_run_of_one_token_has_a_busiest_head_too() -> None:
    assert has_head(inside(), busiest_head(inside(findings(prompt=("a",), answer=()))))


def test_heads_that_are_not_there() -> None:
    assert not has_head(inside(), Head(LAYERS, 0))
    assert not has_head(inside(), Head(0, HEADS))


def test_there_is_room_for_some_layers_of_many() -> None:
    found = findings()
    many = 400
    model = replace(found.model, layers=many, heads=16)
    noise = np.random.default_rng(2).random((many, 16, 60, 61)).astype(np.float16)
    maps = head_maps(Inside(findings=replace(found, model=model), attention=noise))
    layers = sorted({one.head.layer for one in maps})
    assert sum(len(one.image) for one in maps) < 6_500_000
    assert 0 < len(layers) < many
    assert layers[0] == 0
