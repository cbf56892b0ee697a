"""Every metric, shipped or installed, must pass this suite. A new one adds its examples to `GOOD` and `BAD`."""

import math
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeport.core.discovery import discover
from homeport.core.errors import ConfigError
from homeport.embeddings.static import StaticEmbedder
from homeport.evaluation.metrics.base import NAME, Form, Message, Metric, Need, Sample, Score, ToolCall, Unit
from homeport.evaluation.referee import ProcessReferee
from homeport.evaluation.scorecard import METRICS, load_metrics, tidied

PROSE = (
    "The contract ends on the last day of June. Either side may give notice three months before that day. "
    "Where nobody does, it goes on for another year under the same terms. The rent is due on the first of each month."
)
PERSON = {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}}
TOOLS = {"lookup": {"type": "object", "required": ["city"], "properties": {"city": {"type": "string"}}}}


def asked(text: str) -> tuple[Message, ...]:
    return (Message("user", text),)


def called(name: str, arguments: str, **more: Any) -> Sample:
    return Sample(output="", tool_calls=(ToolCall(name, arguments),), **{"tools": TOOLS, **more})


def said(output: str, **more: Any) -> Sample:
    return Sample(output=output, **{"finish": "stop", **more})


GOOD: dict[str, list[Sample]] = {
    "bleu": [said("the cat sat on the mat", reference="the cat sat on the mat")],
    "embedding_similarity": [said("The dog is brown.", reference="The dog is brown.")],
    "exact_match": [said(" 42\n", reference="42")],
    "format": [
        said('{"name": "Ada"}', form=Form.OBJECT),
        said('{"name": "Ada"}', form=Form.SCHEMA, schema=PERSON),
        said("[1]", form=Form.SCHEMA),
    ],
    "language": [
        said(
            "The lease ends in June, and you can renew it for a year.", messages=asked("When does the lease end?" * 3)
        ),
        said(PROSE, messages=asked("How do I end this contract, and what is due by when?")),
        said(
            "Der Vertrag endet im Juni, und Sie können ihn nicht verlängern.",
            messages=asked("Wann endet der Vertrag und wie kann ich ihn verlängern, wenn das noch geht?"),
        ),
    ],
    "latency": [Sample(latency_ns=5_000_000)],
    "length": [Sample(output_tokens=7), said("one two three")],
    "refusal": [
        said("Paris."),
        said("I can help with that. I cannot recommend it, though."),
        called("lookup", "{}"),
        said("Das kann ich gern erklären."),
    ],
    "repetition": [said(PROSE), said("no " * 8), said('{"a": 1}, ' * 300, form=Form.OBJECT)],
    "rouge_1": [said("a b c", reference="a b c")],
    "rouge_2": [said("a b c", reference="a b c")],
    "rouge_l": [said("a b c", reference="a b c")],
    "tool_arguments": [called("lookup", '{"city": "Rome"}'), called("lookup", '{"city": "Rome"}', tools={})],
    "toxicity": [
        said("Scunthorpe assesses its classics."),
        said('He wrote "you are an idiot" to you.', messages=asked("Someone wrote: you are an idiot")),
    ],
    "truncation": [
        said(PROSE),
        said("yes", finish="length", max_tokens=1),
        said(PROSE + "\n\n- first the notice\n- then the keys and all that belongs to the flat"),
        said("def f(x):\n    return x + 1  # and so on, for a while, until it is long enough to be looked at"),
        said(f"{PROSE}\n```python\nprint(1)\n```"),
    ],
}
BAD: dict[str, list[tuple[Sample, str]]] = {
    "bleu": [(said("dogs bark", reference="the cat sat on the mat"), "")],
    "embedding_similarity": [(said("!?", reference="The dog is brown."), "")],
    "exact_match": [(said("forty-two", reference="42"), "different")],
    "format": [
        (said("Sure! Here it is: {}", form=Form.OBJECT), "no_json"),
        (said('```json\n{"name": "Ada"}\n```', form=Form.SCHEMA, schema=PERSON), "no_json"),
        (said("[]", form=Form.OBJECT), "no_object"),
        (said('{"name": 7}', form=Form.SCHEMA, schema=PERSON), "schema"),
        (said("", form=Form.OBJECT), "no_json"),
        (said("[" * 100_000, form=Form.OBJECT), "no_json"),
    ],
    "language": [
        (
            said("Der Vertrag endet im Juni, und Sie können ihn nicht verlängern.", messages=asked(PROSE)),
            "different",
        ),
        (said("契約は六月に終わりますので、更新の手続きをしてください。", messages=asked(PROSE)), "different"),
    ],
    "latency": [],
    "length": [(said(" \n"), "empty")],
    "refusal": [
        (said("I'm sorry, but I can't assist with that."), "refused"),
        (said("I’m sorry, but as an AI language model I cannot provide that."), "refused"),  # noqa: RUF001  as models write it
        (said("Es tut mir leid, aber dabei kann ich nicht helfen."), "refused"),
        (said("Je suis désolé, mais je ne peux pas répondre."), "refused"),
        (said("Lo siento, pero no puedo ayudarte con eso."), "refused"),
        (said("", finish="content_filter"), "filtered"),
    ],
    "repetition": [(said("the same again " * 100), "loop"), (said("ab" * 2_000), "loop")],
    "rouge_1": [(said("x y", reference="a b c"), "")],
    "rouge_2": [(said("c b a", reference="a b c"), "")],
    "rouge_l": [(said("x", reference="a b c"), "")],
    "tool_arguments": [
        (called("remove", "{}"), "unknown_tool"),
        (called("lookup", "{"), "no_json"),
        (called("lookup", "[]"), "no_object"),
        (called("lookup", '{"town": "Rome"}'), "schema"),
    ],
    "toxicity": [(said("Shut up, you piece of shit."), "abuse"), (said("WELL, FUCK."), "abuse")],
    "truncation": [
        (said("It goes on and", finish="length"), "length"),
        (said("It goes on and", finish="length", max_tokens=512), "length"),
        (
            said(f"{PROSE} And where the tenant has not returned all keys by then, the landlord may keep a part of"),
            "sentence",
        ),
        (said("```python\nprint(1)"), "open_code"),
    ],
}
NAMES = sorted(discover(METRICS))
KIB = 1 << 10
HOSTILE = [
    "a" * (1 << 20),
    "a " * (1 << 19),
    "\U0001f4a9\u200d" * (1 << 18),
    "e\u0301\u0300\u0302" * (1 << 17),
    "\x1b[2J\x1b]0;owned\x07" * 50_000,
    "\ud800" * 100_000,
    "\0" * (1 << 20),
    "{" * (1 << 20),
    '{"a":' * 200_000,
    "[[]," * 200_000,
    "```\n" * 200_000,
    ". " * 500_000,
    "I'm sorry " * 100_000,
    "leider " * 100_000,
    "als " + "ich " * 200_000,
    "https://" * 100_000,
    "@" * 500_000,
    "- " * 500_000,
    "中文" * 200_000,
    "ﷺ" * 200_000,
    "İ" * 500_000,
    "&lt;&amp;" * 100_000,
    "1.2,3-" * 150_000,
    "",
    " \n\t\u3000\u2028",
]


@pytest.fixture(scope="module")
def metrics() -> Iterator[dict[str, Metric]]:
    """All of them, with the real referee and the real embedder."""
    embedder = StaticEmbedder()
    with ProcessReferee() as referee:
        loaded = load_metrics(NAMES, referee=referee, embedder=lambda: embedder.embed)
        yield {metric.name: metric for metric in loaded}


def scored(metric: Metric, sample: Sample) -> Score | None:
    assert sample.has(metric.needs), "the example has what the metric needs"
    return metric.score(sample)


def test_every_metric_has_examples() -> None:
    assert set(NAMES) == set(GOOD) == set(BAD)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_good(metrics: dict[str, Metric], name: str) -> None:
    for sample in GOOD[name]:
        found = scored(metrics[name], sample)
        assert found is not None, sample
        assert found.passed is not False, (sample, found)
        if metrics[name].needs is Need.REFERENCE:
            assert math.isclose(found.value, 100 if metrics[name].unit is Unit.POINTS else 1, abs_tol=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_bad(metrics: dict[str, Metric], name: str) -> None:
    for sample, label in BAD[name]:
        found = scored(metrics[name], sample)
        assert found is not None, sample
        assert found.label == label, (sample, found)
        assert (found.passed is False) == bool(label)
        assert bool(found.why) == bool(label)
        if metrics[name].needs is Need.REFERENCE:
            assert found.value == 0


def hostile_samples(text: str) -> list[Sample]:
    return [
        Sample(output=text, messages=asked(text), reference=text, finish="stop"),
        Sample(output=text, messages=asked(PROSE), reference=PROSE, form=Form.OBJECT),
        Sample(output=text, messages=asked(PROSE), reference="", form=Form.SCHEMA, schema=PERSON, finish="length"),
        Sample(output=PROSE, messages=asked(text), reference=text, tool_calls=(ToolCall("lookup", text),), tools=TOOLS),
    ]


@pytest.mark.parametrize("name", NAMES)
def test_whatever_is_answered_it_is_scored_in_bounded_time(metrics: dict[str, Metric], name: str) -> None:
    """Half a second is for a loaded machine; a metric that goes back and forth over a megabyte takes minutes."""
    metric = metrics[name]
    for text in HOSTILE:
        for sample in hostile_samples(text):
            if not sample.has(metric.needs):
                continue
            begun = time.perf_counter()
            found = metric.score(sample)
            assert time.perf_counter() - begun < 0.5, text[:40]
            if found is not None:
                assert tidied(found) == found, "it can be stored as it is"


@pytest.mark.parametrize("name", NAMES)
def test_an_ordinary_answer_takes_less_than_five_milliseconds(metrics: dict[str, Metric], name: str) -> None:
    """Of 4 kB. The best of several, for other programs run too."""
    text, metric = (PROSE * 20)[: 4 * KIB], metrics[name]
    sample = Sample(
        output=f'{{"name": "{text}"}}' if metric.needs is Need.SCHEMA else text,
        messages=asked(text),
        reference=text[::-1],
        form=Form.SCHEMA if metric.needs is Need.SCHEMA else Form.ANY,
        schema=PERSON,
        tools=TOOLS,
        tool_calls=(ToolCall("lookup", f'{{"city": "{text}"}}'),) if metric.needs is Need.TOOLS else (),
        latency_ns=1,
    )
    taken = []
    for _ in range(9):
        begun = time.perf_counter()
        metric.score(sample)
        taken.append(time.perf_counter() - begun)
    assert min(taken) < 0.005


texts = st.text(max_size=400) | st.sampled_from([PROSE, "", "```", '{"name": 1}', "I cannot help", "der die das " * 5])
samples = st.builds(
    Sample,
    messages=st.lists(st.builds(Message, st.sampled_from(["system", "user", "assistant", "?"]), texts), max_size=3).map(
        tuple
    ),
    output=texts,
    tool_calls=st.lists(st.builds(ToolCall, st.sampled_from(["lookup", ""]), texts), max_size=2).map(tuple),
    finish=st.sampled_from(["", "stop", "length", "content_filter", "tool_calls", "?"]),
    form=st.sampled_from(Form),
    schema=st.none() | st.just(PERSON) | st.just({"type": "nonsense"}) | st.just({"$ref": "https://x.example/"}),
    tools=st.just({}) | st.just(TOOLS) | st.just({"lookup": {"type": 7}}),
    max_tokens=st.none() | st.integers(-5, 10**9),
    reference=texts,
    output_tokens=st.integers(0, 10**9),
    latency_ns=st.integers(-(10**9), 10**18),
)


@given(samples)
@settings(max_examples=60)
def test_the_same_sample_has_the_same_score_in_its_units(metrics: dict[str, Metric], sample: Sample) -> None:
    bounds = {Unit.PASS: 1.0, Unit.SHARE: 1.0, Unit.POINTS: 100.0}
    for metric in metrics.values():
        if not sample.has(metric.needs):
            continue
        found = metric.score(sample)
        assert found == metric.score(sample)
        if found is None:
            continue
        assert tidied(found) == found
        assert 0 <= found.value <= bounds.get(metric.unit, math.inf) or metric.name == "latency"
        if metric.unit is Unit.PASS:
            assert found.value == (1.0 if found.passed else 0.0)
        assert found.passed is not False or (found.label and found.why)


@pytest.mark.parametrize("name", NAMES)
def test_a_score_has_no_word_of_the_answer(metrics: dict[str, Metric], name: str) -> None:
    """Scores outlive what was said."""
    for sample, _ in BAD[name]:
        found = metrics[name].score(sample)
        secret = {word.lower() for word in re.findall(r"\w{5,}", sample.output or "")}
        assert found is not None
        assert not secret & set(re.findall(r"\w{5,}", found.why.lower())), found.why


@pytest.mark.parametrize("name", NAMES)
def test_names_versions_and_options(metrics: dict[str, Metric], name: str) -> None:
    metric = metrics[name]
    assert NAME.fullmatch(metric.name)
    assert metric.version >= 1
    with pytest.raises(ConfigError) as caught, ProcessReferee() as referee:
        load_metrics([name], referee=referee, embedder=lambda: StaticEmbedder().embed, options={name: {"no": 1}})
    assert caught.value.code == "metric_option_invalid"
    assert caught.value.hint


def test_every_metric_is_on_its_page() -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "quality-metrics.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)) == set(NAMES)
