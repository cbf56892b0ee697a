"""Moderation by recognizers alone: what private data a text holds, in the shape of OpenAI's moderation object.

Nothing here judges what a text means. OpenAI's categories are in the answer because clients read them;
they are false, with score 0 and no input type that they were applied to, and `homeport.not_judged` names them.

Source of the shape: OpenAI's API reference, "The moderation object".
"""

from typing import Any

from homeport.privacy.recognize import LIKELY, Finding, Recognizers

PREFIX = "homeport/"
NOT_JUDGED = (
    "harassment",
    "harassment/threatening",
    "hate",
    "hate/threatening",
    "illicit",
    "illicit/violent",
    "self-harm",
    "self-harm/instructions",
    "self-harm/intent",
    "sexual",
    "sexual/minors",
    "violence",
    "violence/graphic",
)
"""OpenAI's categories."""


def result(recognizers: Recognizers, findings: list[Finding]) -> dict[str, Any]:
    """One entry of `results`; a category's score is that of its surest finding."""
    scores = dict.fromkeys(recognizers.names, 0.0)
    for finding in findings:
        scores[finding.recognizer] = max(scores[finding.recognizer], finding.score)
    ours = {PREFIX + name: score for name, score in scores.items()}
    flags = {name: score >= LIKELY for name, score in ours.items()}
    return {
        "flagged": any(flags.values()),
        "categories": dict.fromkeys(NOT_JUDGED, False) | flags,
        "category_scores": dict.fromkeys(NOT_JUDGED, 0.0) | ours,
        "category_applied_input_types": {name: [] for name in NOT_JUDGED} | {name: ["text"] for name in ours},
        "homeport": {"not_judged": NOT_JUDGED, "findings": findings},
    }
