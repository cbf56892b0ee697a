"""The report: one HTML page that needs nothing else, has no script, and cannot be given one by what it shows."""

from collections.abc import Mapping, Sequence
from math import exp
from typing import TYPE_CHECKING, Any

import msgspec

from homeport.inspection import charts
from homeport.inspection.findings import Findings, Inside, Token
from homeport.inspection.heads import Head, Scaled
from homeport.inspection.maps import EARLIER, HeadMap, Link, busiest_head, head_maps, links, map_of
from homeport.inspection.visible import shown, visible

if TYPE_CHECKING:
    from markupsafe import Markup

_MOST_RENDERED = 40_000
_MOST_PLACES = 24
_SHADES = 9


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """What is looked into, in words.

    Attributes:
        title: such as the id of the request.
        data_class: of the request; the page says it.
        facts: what else is known: name and value, in order.
        recorded: what was answered then; None where that is not known.
    """

    title: str
    data_class: str
    facts: tuple[tuple[str, str], ...]
    recorded: str | None = None


def render(inside: Inside, subject: Subject, head: Head | None, change: Sequence[Scaled]) -> str:
    """The page.

    Args:
        head: whose attention is shown large; None for the busiest one.

    Raises:
        EngineError: inspect_plots_missing.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, loader=PackageLoader("homeport.inspection", "templates")
    )
    environment.filters.update(visible=visible, plain=_plain, nats=_nats, percent=_percent, shade=_shade)
    return environment.get_template("report.html").render(**_page(inside, subject, head, change))


def _page(inside: Inside, subject: Subject, head: Head | None, change: Sequence[Scaled]) -> Mapping[str, Any]:
    findings = inside.findings
    chosen = head or (change[0].head if change else busiest_head(inside))
    return {
        "subject": subject,
        "found": findings,
        "rendered": shown(findings.rendered, _MOST_RENDERED),
        "rendered_cut": len(findings.rendered) > _MOST_RENDERED,
        "dropped": findings.prompt_tokens - findings.first_answer,
        "recorded": None if subject.recorded is None else shown(subject.recorded, _MOST_RENDERED),
        "greedy": shown("".join(token.text for token in findings.greedy), _MOST_RENDERED),
        "parting": parting(findings),
        "places": _places(findings),
        "layers": by_layer(head_maps(inside)),
        "chosen": map_of(inside, chosen),
        "links": [_linked(inside, chosen, place) for place, _ in _places(findings)],
        "plots": _plots(findings),
        "change": change,
        "changed": _changed(findings),
        "lens": list(enumerate(findings.lens, start=1))[::-1],
        "sweep": sorted(findings.sweep, key=lambda one: -abs(one.difference)),
    }


def parting(findings: Findings) -> Mapping[str, Any] | None:
    """Where what the model says by itself leaves the answer; None where it never does."""
    for place, (token, said) in enumerate(zip(findings.answer, findings.greedy, strict=False)):
        if token.id != said.id:
            other = next((one.logprob for one in token.top if one.id == said.id), None)
            return {"place": place, "token": token, "said": said, "logprob": other}
    return None


def by_layer(maps: Sequence[HeadMap]) -> Mapping[int, Sequence[HeadMap]]:
    told: dict[int, list[HeadMap]] = {}
    for one in maps:
        told.setdefault(one.head.layer, []).append(one)
    return told


def _places(findings: Findings) -> list[tuple[int, Token]]:
    """The first tokens of the answer, with their positions."""
    answer = list(enumerate(findings.tokens))[findings.first_answer :]
    return answer[:_MOST_PLACES]


def _linked(inside: Inside, head: Head, place: int) -> Mapping[str, Any]:
    """What the head looks at where a token is chosen: at the position before it."""
    tokens = inside.findings.tokens
    found = [(_name(tokens, link), link.weight) for link in links(inside, head, place - 1)]
    return {"token": tokens[place], "links": found}


def _name(tokens: Sequence[Token], link: Link) -> str:
    if link.position == EARLIER:
        return "all before the window"
    return f"{link.position} {visible(tokens[link.position].text)}"


def _plots(findings: Findings) -> Mapping[str, "Markup"]:
    from markupsafe import Markup

    specs = {"norms": charts.norms_plot(findings), "lens": charts.lens_plot(findings)}
    if findings.answer:
        specs["answer"] = charts.answer_plot(findings)
    if findings.change is not None and findings.answer:
        specs["change"] = charts.change_plot(findings)
    if findings.sweep:
        specs["sweep"] = charts.sweep_plot(findings)
    # The page's policy lets nothing run that might be missed there.
    return {name: Markup(charts.draw(spec)) for name, spec in specs.items()}  # noqa: S704  vl-convert escapes texts


def _changed(findings: Findings) -> Mapping[str, Any] | None:
    if findings.change is None:
        return None
    after = findings.change
    said = "".join(token.text for token in after.greedy)
    before = "".join(token.text for token in findings.greedy)
    return {
        "before": findings.answer_logprob,
        "after": sum(after.logprobs),
        "said": shown(said, _MOST_RENDERED),
        "same": said == before,
        "rows": [(token, now) for token, now in zip(findings.answer, after.logprobs, strict=True)][:_MOST_PLACES],
    }


def _plain(text: str) -> str:
    return " ".join(shown(text, 200).split())


def _nats(value: float | None) -> str:
    return "\u2013" if value is None else f"{value:.3f}"


def _percent(logprob: float | None) -> str:
    return "\u2013" if logprob is None else f"{exp(min(0.0, logprob)):.1%}"


def _shade(logprob: float | None) -> int:
    """From 0, hardly likely, to 9, certain."""
    return _SHADES if logprob is None else round(exp(min(0.0, logprob)) * _SHADES)
