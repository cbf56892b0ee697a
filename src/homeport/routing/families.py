"""The kind of a task, as far as it can be seen at a glance: answers of one kind are sure of themselves alike."""

import re
from enum import StrEnum

from homeport.core.routing import Prompt

_READ_CHARS = 4_000
_CODE = re.compile(
    r"```|\bdef \w+\(|\bfunction\b|\bclass \w+|#include|\bSELECT\b.{1,200}\bFROM\b"
    r"|\bpython\b|\bjavascript\b|\bcode\b|=>|\);",
    re.IGNORECASE,
)
_CHOICE = re.compile(r"(?:^|\n)[ \t]{0,8}\(?A[).:]\s.{0,600}?\n[ \t]{0,8}\(?B[).:]\s", re.DOTALL)
_EXTRACTION = re.compile(
    r"\b(?:extract|json|classify|label|categori[sz]e|fields?|entit(?:y|ies)|summari[sz]e|translate)\b", re.IGNORECASE
)
_MATH = re.compile(
    r"\d\s*[-+*/^=x]\s*\d|\\frac|\$[^$]{1,80}\$"
    r"|\b(?:solve|equation|calculate|compute|how (?:much|many)|sum of|percent)\b",
    re.IGNORECASE,
)
_ASKED = re.compile(
    r"^\s*(?:what|who|when|where|which|why|how|is|are|was|were|do|does|did|can)\b[^\n]{0,300}\?\s*$", re.IGNORECASE
)


class Family(StrEnum):
    """Kinds of tasks; the first that fits."""

    EXTRACTION = "extraction"
    CHOICE = "choice"
    CODE = "code"
    MATH = "math"
    QUESTION = "question"
    CHAT = "chat"


def family_of(prompt: Prompt) -> Family:
    """From what the last user's turn says, and whether JSON or a tool is asked for."""
    if prompt.schema:
        return Family.EXTRACTION
    return family_of_text(next((turn.text for turn in reversed(prompt.turns) if turn.role == "user"), ""))


def family_of_text(text: str) -> Family:
    read = text if len(text) <= _READ_CHARS else f"{text[: _READ_CHARS // 2]}\n{text[-_READ_CHARS // 2 :]}"
    kinds = (
        (_CHOICE, Family.CHOICE),
        (_CODE, Family.CODE),
        (_EXTRACTION, Family.EXTRACTION),
        (_MATH, Family.MATH),
        (_ASKED, Family.QUESTION),
    )
    return next((family for pattern, family in kinds if pattern.search(read)), Family.CHAT)
