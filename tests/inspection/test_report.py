"""The report: what it says, that it needs nothing else, and that what it shows cannot break it."""

import re
from html.parser import HTMLParser
from typing import Any

import pytest
from msgspec.structs import replace

from homeport.core.errors import EngineError
from homeport.inspection import charts
from homeport.inspection.findings import Findings, Removed
from homeport.inspection.heads import Head, Scaled
from homeport.inspection.report import Subject, parting, render
from tests.fakes.inside import ANSWER, changed, findings, inside

SUBJECT = Subject(title="req_1", data_class="open", facts=(("Package", "tiny 1"),), recorded="".join(ANSWER))
HOSTILE = (
    "<script>alert(1)</script>",
    "</code></td></table><img src=x onerror=alert(1)>",
    '" onmouseover="alert(1)',
    "{{ 7 * 7 }}{% include 'x' %}",
    "a\u202eb\u2066c",
    "🙂👩\u200d🚀",
    "e" + "\u0301" * 40,
    "\x00\x1b[31m\x85\u2028",
    "]]><svg/onload=alert(1)>",
    "datum.x + 1",
)


class Page(HTMLParser):
    """The elements of a page, and that they are closed."""

    _EMPTY = frozenset({"meta", "img", "br", "hr", "input"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.ids: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self._EMPTY:
            self.open.append(tag)
        self.ids += [value for name, value in attrs if name == "id" and value]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def page_of(found: Findings | None = None, **changes: Any) -> str:
    return render(inside(found), replace(SUBJECT, **changes), None, ())


def check_harmless(page: str) -> Page:
    """It holds together, asks for nothing from elsewhere, and runs nothing."""
    read = Page(page)
    assert read.open == []
    assert len(read.ids) == len(set(read.ids))
    for tag, attributes in read.tags:
        assert tag not in {"script", "iframe", "object", "embed", "link", "form", "base", "foreignobject"}
        assert not [name for name in attributes if name.startswith("on")]
        for name in ("src", "href", "xlink:href"):
            assert (attributes.get(name) or "#").startswith(("#", "data:image/png;base64,"))
    assert "default-src 'none'" in page
    assert not re.search(r"url\((?!#)|@import", page)
    return read


def test_it_says_what_was_asked_and_answered() -> None:
    page = page_of()
    check_harmless(page)
    for words in ("req_1", "&lt;|start|&gt;", "·nine", "TinyForCausalLM: 3 layers, 2 heads", "tiny 1", "bit for bit"):
        assert words in page


def test_every_picture_has_words() -> None:
    images = [attributes for tag, attributes in Page(page_of()).tags if tag == "img"]
    assert len(images) == 7
    assert all(attributes["alt"] for attributes in images)
    plots = [attributes for _, attributes in Page(page_of()).tags if attributes.get("class") == "plot"]
    assert len(plots) == 4
    assert all(attributes["aria-label"] and attributes["tabindex"] == "0" for attributes in plots)


def test_links_lead_somewhere() -> None:
    read = Page(page_of())
    targets = {(attributes.get("href") or "").removeprefix("#") for tag, attributes in read.tags if tag == "a"}
    assert targets <= set(read.ids)
    assert {"main", "answer", "head-2-1"} <= targets


def test_private_data_is_said_to_be() -> None:
    assert "may not leave" in page_of(data_class="private")
    assert "may not leave" not in page_of()


def test_what_was_cut_is_said_to_be() -> None:
    cut = replace(findings(), prompt_tokens=10_004, answer_cut=True)
    page = page_of(cut)
    assert "10,004 tokens, of which only the last 4 were run" in page
    assert "only its first 3 tokens" in page
    assert "were run: these" not in page_of()


def test_a_window_of_attention_is_said_to_be_one() -> None:
    page = page_of(findings(window=3))
    assert "The last 3 positions are shown" in page
    assert "all before the window" in page


def test_where_the_answers_part() -> None:
    found = findings()
    other = replace(found.greedy[1], id=77, text=" other")
    told = parting(replace(found, greedy=(found.greedy[0], other)))
    assert told is not None
    assert (told["place"], told["token"].text, told["logprob"]) == (1, " nine", -1.5)
    assert parting(found) is None
    assert "They part at token 1" in page_of(replace(found, greedy=(found.greedy[0], other)))


def test_a_changed_head_is_told_with_its_effect() -> None:
    page = render(inside(changed(findings())), SUBJECT, None, (Scaled(Head(1, 1), 0.0),))
    check_harmless(page)
    assert "goes from -1.500 to -2.250 nats: <strong>-0.750</strong>" in page
    assert "something else" in page
    assert "<h3>Head 1.1</h3>" in page


def test_the_same_answer_is_said_to_be() -> None:
    page = render(inside(changed(findings(), said="".join(ANSWER))), SUBJECT, None, (Scaled(Head(0, 0), 1.0),))
    assert "now says the same:" in page


def test_a_sweep_of_all_layers_is_a_map() -> None:
    everything = tuple(
        Removed(layer=layer, head=head, difference=layer - head) for layer in range(3) for head in range(2)
    )
    page = page_of(replace(findings(), sweep=everything))
    check_harmless(page)
    assert '<th scope="row">2.0</th><td>+2.000</td>' in page


@pytest.mark.parametrize("text", HOSTILE)
def test_what_it_shows_cannot_break_it(text: str) -> None:
    found = changed(findings(prompt=(text, text), answer=(text, text, "")), said=text)
    found = replace(found, versions={text: text}, model=replace(found.model, kind=text))
    page = render(
        inside(found),
        Subject(title=text, data_class=text, facts=((text, text),), recorded=text),
        Head(0, 0),
        (Scaled(Head(0, 0), 0.0),),
    )
    check_harmless(page)
    assert ("{{·7·*·7·}}" in page) == ("{{" in text)
    assert not re.search("[\u202a-\u202e\u2066-\u2069\u2028\x00\x1b\x85]", page)


def test_a_long_prompt_stays_small() -> None:
    words = tuple(f" word{place}" for place in range(2_048))
    found = replace(findings(prompt=words, answer=tuple("x" * 256)), rendered="y" * 1_000_000)
    page = page_of(found)
    check_harmless(page)
    assert len(page.encode()) < 5_000_000
    assert "Only the beginning is shown" in page


def test_a_model_that_says_nothing_has_a_report() -> None:
    page = render(inside(findings(answer=(), sweep=False)), replace(SUBJECT, recorded=None), None, ())
    check_harmless(page)
    assert "There is no answer" in page


def test_colours_are_the_pages_own() -> None:
    drawn = charts.draw(charts.answer_plot(findings()))
    assert 'class="fill-first"' in drawn
    assert "#03" not in drawn
    assert "#01" not in drawn


def test_lines_say_what_they_are_of_and_bars_of_which_head() -> None:
    names = ("first token", "prompt", "answer")
    assert all(f">{name}<" in charts.draw(charts.norms_plot(findings())) for name in names)
    assert ">mean of the answer<" in charts.draw(charts.lens_plot(findings()))
    assert ">1</text>" in charts.draw(charts.sweep_plot(findings()))


def test_without_what_draws_plots_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "vl_convert", None)
    with pytest.raises(EngineError) as refused:
        page_of()
    assert refused.value.code == "inspect_plots_missing"
