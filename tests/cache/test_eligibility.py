"""What is never cached, and what only the very same request will do for."""

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from homeport.cache.eligibility import MOST_BYTES, MOST_CHARS
from homeport.core.caching import CacheRule, Sharing
from homeport.core.types import Surface
from tests.cache.asking import EXACT, QUESTION, RULE, asked, chat, why_not

SAMPLED = msgspec.structs.replace(RULE, sampled=True)
TURNS = msgspec.structs.replace(RULE, multi_turn=True)
FUNCTION = {"type": "function", "function": {"name": "f"}}
BEFORE = [{"role": "user", "content": "Which plans are there?"}, {"role": "assistant", "content": "Two: S and L."}]
PICTURE = {"type": "image_url", "image_url": {"url": "https://a.example/b.png"}}


def responses(given: Any = QUESTION, **fields: Any) -> dict[str, Any]:
    return {"model": "m", "input": given, **fields}


def messages(content: Any = QUESTION, *before: Any, **fields: Any) -> dict[str, Any]:
    return {"model": "m", "max_tokens": 9, "messages": [*before, {"role": "user", "content": content}], **fields}


NEVER: list[tuple[str, dict[str, Any], Surface]] = [
    ("stateful", responses(previous_response_id="resp_1"), Surface.RESPONSES),
    ("stateful", responses(conversation="conv_1"), Surface.RESPONSES),
    ("stateful", responses(conversation={"id": "conv_1"}), Surface.RESPONSES),
    ("stateful", responses(background=True), Surface.RESPONSES),
    ("stateful", responses(store=True), Surface.RESPONSES),
    ("stateful", responses(prompt={"id": "pmpt_1"}), Surface.RESPONSES),
    ("stateful", responses([{"type": "item_reference", "id": "msg_1"}]), Surface.RESPONSES),
    ("stateful", chat(store=True), Surface.CHAT),
    ("stateful", messages(container="c1"), Surface.MESSAGES),
    ("live_tools", responses(tools=[{"type": "web_search"}]), Surface.RESPONSES),
    ("live_tools", responses(tools=[FUNCTION, {"type": "mcp", "server_label": "x"}]), Surface.RESPONSES),
    ("live_tools", responses(tools=[{"type": "file_search"}]), Surface.RESPONSES),
    ("live_tools", responses(tools=[{"type": "code_interpreter"}]), Surface.RESPONSES),
    ("live_tools", messages(tools=[{"type": "web_search_20250305", "name": "web_search"}]), Surface.MESSAGES),
    ("live_tools", messages(mcp_servers=[{"url": "https://a.example"}]), Surface.MESSAGES),
    ("live_tools", chat(web_search_options={"search_context_size": "low"}), Surface.CHAT),
    ("live_tools", chat(tools=[{"type": "openrouter:web_search"}]), Surface.CHAT),
    ("live_tools", chat(plugins=[{"id": "web"}]), Surface.CHAT),
    ("audio", chat(modalities=["text", "audio"], audio={"voice": "alloy"}), Surface.CHAT),
    ("audio", chat(modalities=["image"]), Surface.CHAT),
    ("sampled", chat(temperature=0.01), Surface.CHAT),
    ("sampled", chat(n=2), Surface.CHAT),
    ("sampled", {"model": "m", "prompt": "x", "best_of": 3}, Surface.COMPLETION),
    ("sampled", responses(temperature=1), Surface.RESPONSES),
    ("sampled", messages(temperature=1), Surface.MESSAGES),
    ("surface", {"model": "m", "input": "x"}, Surface.MODERATION),
    ("too_large", chat("x" * MOST_BYTES), Surface.CHAT),
    ("unreadable", chat(modalities=None, best_of="many"), Surface.CHAT),
]


@pytest.mark.parametrize(("reason", "body", "surface"), NEVER)
def test_what_is_never_cached(reason: str, body: dict[str, Any], surface: Surface) -> None:
    assert why_not(body, surface, EXACT) == why_not(body, surface) == reason


def test_without_a_rule_nothing_is() -> None:
    assert why_not(chat(), rule=CacheRule()) == "no_rule"


CACHED: list[tuple[dict[str, Any], Surface]] = [
    (chat(), Surface.CHAT),
    (chat(temperature=0), Surface.CHAT),
    (chat(temperature=0.0, n=2), Surface.CHAT),
    (chat(temperature=None, n=None), Surface.CHAT),
    (chat(top_p=0.5, seed=7, logprobs=True), Surface.CHAT),
    (chat(store=False, modalities=["text"], web_search_options=None, plugins=[]), Surface.CHAT),
    (chat(tools=[]), Surface.CHAT),
    (chat(response_format={"type": "json_object"}), Surface.CHAT),
    (responses(background=False, conversation=None, previous_response_id=None), Surface.RESPONSES),
    (messages(system="Be brief.", metadata={"user_id": "u"}), Surface.MESSAGES),
]


@pytest.mark.parametrize(("body", "surface"), CACHED)
def test_what_other_words_may_be_answered_by(body: dict[str, Any], surface: Surface) -> None:
    assert why_not(body, surface) == ""


def test_a_rule_may_take_what_is_sampled() -> None:
    assert asked(chat(temperature=0.7), rule=SAMPLED).text == QUESTION
    assert asked(chat(n=3), rule=SAMPLED).text == QUESTION


EXACT_ONLY: list[tuple[str, dict[str, Any], Surface]] = [
    ("surface", {"model": "m", "prompt": "Who?"}, Surface.COMPLETION),
    ("surface", {"model": "m", "input": "Who?"}, Surface.EMBEDDING),
    ("surface", {"model": "m", "query": "Who?", "documents": ["I"]}, Surface.RERANK),
    ("empty", chat(""), Surface.CHAT),
    ("empty", chat(" \n\t\u00a0\u3000"), Surface.CHAT),
    ("empty", chat("?!... —"), Surface.CHAT),
    ("empty", chat([{"type": "text", "text": ""}]), Surface.CHAT),
    ("empty", responses(""), Surface.RESPONSES),
    ("empty", messages(""), Surface.MESSAGES),
    ("too_long", chat("why " * (MOST_CHARS // 4) + "s"), Surface.CHAT),
    ("too_long", chat(QUESTION, {"role": "system", "content": "x" * 200_000}), Surface.CHAT),
    ("tools", chat(tools=[FUNCTION]), Surface.CHAT),
    ("tools", chat(functions=[{"name": "f"}]), Surface.CHAT),
    ("tools", messages(tools=[{"name": "f", "input_schema": {}}]), Surface.MESSAGES),
    ("tools", responses(tools=[{"type": "function", "name": "f"}]), Surface.RESPONSES),
    ("tools", chat(QUESTION, {"role": "tool", "tool_call_id": "1", "content": "5"}), Surface.CHAT),
    ("tools", chat(QUESTION, {"role": "function", "name": "f", "content": "5"}), Surface.CHAT),
    (
        "tools",
        chat(QUESTION, {"role": "assistant", "content": "", "tool_calls": [{"id": "1", "function": {"name": "f"}}]}),
        Surface.CHAT,
    ),
    ("tools", messages([{"type": "tool_result", "tool_use_id": "1", "content": "5"}]), Surface.MESSAGES),
    ("tools", responses([{"type": "function_call_output", "call_id": "1", "output": "5"}]), Surface.RESPONSES),
    ("parts", chat([{"type": "text", "text": QUESTION}, PICTURE]), Surface.CHAT),
    ("parts", chat([PICTURE]), Surface.CHAT),
    ("parts", chat(QUESTION, {"role": "user", "content": [PICTURE]}), Surface.CHAT),
    ("parts", chat([{"type": "text", "text": "Who is"}, {"type": "text", "text": "Ann?"}]), Surface.CHAT),
    ("parts", chat([{"type": "text", "text": "Who?", "cache_control": {"type": "ephemeral"}}]), Surface.CHAT),
    ("parts", chat([]), Surface.CHAT),
    ("parts", {"model": "m", "messages": [{"role": "user"}]}, Surface.CHAT),
    ("parts", {"model": "m", "messages": [{"role": "user", "content": QUESTION, "name": "Bob"}]}, Surface.CHAT),
    ("parts", {"model": "m", "messages": [{"role": "root", "content": QUESTION}]}, Surface.CHAT),
    ("parts", messages([{"type": "document", "source": {"type": "text", "data": "x"}}]), Surface.MESSAGES),
    ("parts", messages([{"type": "input_text", "text": QUESTION}]), Surface.MESSAGES),
    ("parts", responses([{"type": "reasoning", "summary": []}]), Surface.RESPONSES),
    ("not_last", {"model": "m", "messages": [BEFORE[0], {"role": "assistant", "content": "Sure:"}]}, Surface.CHAT),
    ("not_last", {"model": "m", "messages": [BEFORE[0], {"role": "system", "content": "Now!"}]}, Surface.CHAT),
    ("unreadable", responses([]), Surface.RESPONSES),
    ("conversation", chat("Which one has a larger disk?", *BEFORE), Surface.CHAT),
    ("conversation", chat("Which one has a larger disk?", BEFORE[0]), Surface.CHAT),
    ("unprintable", chat("Who is Ann\u200b?"), Surface.CHAT),
    ("fresh", chat("What is the weather in Oslo?"), Surface.CHAT),
]


@pytest.mark.parametrize(("reason", "body", "surface"), EXACT_ONLY)
def test_what_only_the_very_same_will_do_for(reason: str, body: dict[str, Any], surface: Surface) -> None:
    found = asked(body, surface)
    assert (found.semantic, found.text) == (reason, "")
    assert why_not(body, surface, EXACT) == "off"


def test_instructions_are_no_conversation() -> None:
    system = [{"role": "system", "content": "Be brief."}, {"role": "developer", "content": "In English."}]
    assert why_not(chat(QUESTION, *system)) == ""


def test_in_conversations_words_may_stand_for_others_where_the_rule_says_so_and_they_stand_alone() -> None:
    assert asked(chat("Who founded the city of Oslo?", *BEFORE), rule=TURNS).text
    assert why_not(chat("And the larger plan?", *BEFORE), rule=TURNS) == "follow_up"


def test_who_shares_with_others_does_not_speak_of_themselves() -> None:
    for sharing in Sharing:
        rule = msgspec.structs.replace(RULE, sharing=sharing)
        alone = sharing is Sharing.KEY
        assert why_not(chat("Cancel my subscription"), rule=rule) == ("" if alone else "personal")
        assert why_not(chat("Cancel the subscription"), rule=rule) == ""


def test_the_page_has_a_row_for_each_reason() -> None:
    page = (Path(__file__).parents[2] / "docs/explanation/cache-keys.md").read_text()
    rows = set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE))
    told = {reason for reason, *_ in (*NEVER, *EXACT_ONLY)}
    assert rows == told | {"no_rule", "off", "no_embedder", "private", "batch", "follow_up", "personal"}
