"""The model says that it cannot, may not or will not: at the beginning of the answer, for further on such words are
mostly a part of what was asked for. English as routing looks for it, and the usual openings of six more languages."""

import re

from homeport.evaluation.metrics.base import (
    Measure,
    Metric,
    MetricSetup,
    Need,
    NoOptions,
    Sample,
    Score,
    read_options,
    verdict,
)
from homeport.routing.defects import refuses

NAME = "refusal"
_BEGINNING = 300
_SORRY = r"\W{0,6}(?:%s)[^.!?\n]{0,80}?(?:%s)"
_IN_OTHER_LANGUAGES = re.compile(
    "|".join(
        _SORRY % (sorry, cannot)
        for sorry, cannot in (
            (
                r"es tut mir leid|tut mir leid|leider|ich bedau[e]?re|entschuldigung",
                r"kann ich|ich kann|darf ich|ich darf",
            ),
            (r"(?:je suis )?désolée?|je regrette|malheureusement", r"je ne (?:peux|suis pas)|je n'ai pas"),
            (r"lo siento|lamento|lamentablemente|me temo que", r"no (?:puedo|me es posible|tengo)"),
            (r"(?:mi dispiace|mi spiace|purtroppo)", r"non (?:posso|sono in grado|ho)"),
            (r"(?:desculpe|lamento|sinto muito|infelizmente)", r"não (?:posso|consigo|tenho)"),
            (r"(?:het spijt me|sorry|helaas)", r"ik (?:kan|mag)[^.!?\n]{0,40}?\b(?:niet|geen)|kan ik"),
        )
    ),
    re.IGNORECASE,
)


def create(setup: MetricSetup) -> Metric:
    read_options(NAME, setup, NoOptions)
    return Measure(name=NAME, measure=refusal, needs=Need.TEXT)


def refusal(sample: Sample) -> Score:
    """Failed where it refuses; what the provider filtered counts as a refusal too."""
    if sample.finish == "content_filter":
        return verdict("filtered", "the provider filtered it")
    begins = (sample.output or "")[:_BEGINNING]
    refused = not sample.tool_calls and (refuses(begins) or _IN_OTHER_LANGUAGES.match(begins) is not None)
    return verdict("refused" if refused else "", "it begins as a refusal does" if refused else "")
