"""What is wrong with an answer is seen where it is, and nowhere else."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeport.core.routing import Answer, Prompt, Question
from homeport.core.types import Inference, Surface
from homeport.routing.defects import defect, repeats
from tests.fakes.facts import SetFacts, question

TOOLS = [{"type": "function", "function": {"name": "find", "parameters": {"type": "object", "required": ["id"]}}}]
LOOP = "The clause ends the contract and then the clause ends the contract. " * 12
PROSE = " ".join(f"Clause {number} says that party {number * 7} owes {number * 31} dollars." for number in range(40))


def asked(**fields: Any) -> Question:
    raw = {name: msgspec.Raw(json.dumps(value).encode()) for name, value in fields.items()}
    inference = Inference(
        surface=Surface.CHAT,
        model="auto",
        stream=False,
        wants_usage=False,
        input_chars=9,
        deterministic=False,
        fields=raw,
    )
    return question(inference, SetFacts(prompt=Prompt(schema="response_format" in fields)))


def said(text: str, finish: str = "stop", **more: Any) -> Answer:
    return Answer(text=text, finish=finish, **more)


JSON = {"response_format": {"type": "json_object"}}


@pytest.mark.parametrize(
    ("answer", "fields", "code"),
    [
        (said("Clause 9."), {}, ""),
        (said(" \n"), {}, "empty_answer"),
        (said("", whole=False), {}, ""),
        (said("Clause", "length"), {}, "truncated"),
        (said("Clause", "length"), {"max_tokens": 1}, ""),
        (said("Clause", "length"), {"max_completion_tokens": None}, "truncated"),
        (said("Clause", "content_filter"), {}, "refusal"),
        (said('{"a": 1}'), JSON, ""),
        (said('```json\n{"a": 1}\n```'), JSON, "invalid_json"),
        (said('{"a": '), JSON, "invalid_json"),
        (said('{"a": ', "length"), {**JSON, "max_tokens": 3}, ""),
        (said('{"a": ', "", whole=False), JSON, ""),
        (said("Sure! Here", "", whole=False), JSON, "invalid_json"),
        (said("Sure! Here", "", whole=False), {}, ""),
        (said("[" * 9_000), JSON, "invalid_json"),
        (said("\udc80"), JSON, "invalid_json"),
        (said(LOOP), {}, "repetition"),
        (said(LOOP, "", whole=False), {}, "repetition"),
        (said(PROSE), {}, ""),
        (said("", tools=("find",), tool_calls=('{"id": 3}',)), {"tools": TOOLS}, ""),
        (said("", tools=("find",), tool_calls=('{"name": 3}',)), {"tools": TOOLS}, "invalid_tool_call"),
        (said("", tools=("find",), tool_calls=('{"id": ',)), {"tools": TOOLS}, "invalid_tool_call"),
        (said("", tools=("find",), tool_calls=("[3]",)), {"tools": TOOLS}, "invalid_tool_call"),
        (said("", tools=("find",), tool_calls=('{"id": ',), whole=False), {"tools": TOOLS}, ""),
        (said("", "length", tools=("find",), tool_calls=('{"id": ',)), {"tools": TOOLS, "max_tokens": 3}, ""),
        (said("", tools=("send",), tool_calls=("{}",)), {"tools": TOOLS}, "unknown_tool"),
        (said("", tools=("find",), tool_calls=("{}",)), {}, "unknown_tool"),
        (said("", tools=("find",), tool_calls=("{}",)), {"tools": [{"type": "magic"}]}, ""),
        (said("Clause 9."), {"tools": TOOLS, "tool_choice": "required"}, "no_tool_call"),
        (said("Clause 9."), {"tools": TOOLS, "tool_choice": {"type": "any"}}, "no_tool_call"),
        (said("Clause 9."), {"tools": TOOLS, "tool_choice": "auto"}, ""),
        (said("Clause 9."), {"tool_choice": "required"}, ""),
        (said("Clause 9."), {"tools": TOOLS, "tool_choice": {"type": [[]]}}, ""),
    ],
)
def test_defects(answer: Answer, fields: dict[str, Any], code: str) -> None:
    assert defect(asked(**fields), answer) == code


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can't assist with that.",
        "I\N{RIGHT SINGLE QUOTATION MARK}m sorry, but I can\N{RIGHT SINGLE QUOTATION MARK}t help with that request.",
        "Sorry, I cannot answer this question.",
        "I am unable to open files.",
        "I apologize, but I am not able to browse the internet.",
        "As an AI language model, I don't have access to your calendar.",
        "Unfortunately, I do not have enough information to say.",
        "I don't know.",
        "\n**I cannot provide legal advice.**",
        "We're not able to process this document.",
    ],
)
def test_refusals(text: str) -> None:
    assert defect(asked(), said(text)) == "refusal"
    assert defect(asked(), said(text, "", whole=False)) == "refusal"


@pytest.mark.parametrize(
    "text",
    [
        "I can't believe how short the notice is: 30 days.",
        "I cannot stress enough that clause 9 ends it.",
        "The tenant says: I'm sorry, but I can't assist.",
        "Sorry for the delay. Clause 9 ends it.",
        "You cannot provide notice by email.",
        "I will not repeat the clause; it is number 9.",
        "I am able to help. Clause 9.",
        "Unfortunately, the contract ends in May.",
    ],
)
def test_what_only_sounds_like_a_refusal(text: str) -> None:
    assert defect(asked(), said(text)) == ""


def test_a_loop_without_spaces() -> None:
    assert repeats("契約は終了する。" * 40)
    assert not repeats("".join(chr(0x4E00 + 7 * place) for place in range(400)))
    assert not repeats("ha" * 50)


def test_a_list_is_no_loop() -> None:
    assert not repeats("\n".join(f"{number}. Item number {number}" for number in range(60)))


@settings(max_examples=300)
@given(
    text=st.text(max_size=400) | st.sampled_from(["I'm sorry, " * 200, "'" * 5_000, " " * 5_000, "as an ai " * 600]),
    finish=st.sampled_from(["stop", "length", "", "tool_calls", "x"]),
    calls=st.lists(st.text(max_size=12), max_size=3),
    whole=st.booleans(),
    tools=st.recursive(
        st.none() | st.text(max_size=4) | st.integers(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["name", "function", "parameters", "required", "input_schema", "type"]),
                inner,
                max_size=3,
            )
        ),
        max_leaves=10,
    ),
)
def test_nothing_is_raised(text: str, finish: str, calls: list[str], whole: bool, tools: Any) -> None:
    answer = Answer(text=text, finish=finish, tool_calls=tuple(calls), tools=tuple(calls), whole=whole)
    found = defect(asked(tools=tools, tool_choice=tools, **JSON), answer)
    assert found == defect(asked(tools=tools, tool_choice=tools, **JSON), answer)
