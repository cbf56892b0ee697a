"""Moderations in OpenAI's shape, and reranking in the shape that Jina, Cohere and vLLM share.

Source: https://platform.openai.com/docs/api-reference/moderations, https://jina.ai/reranker and
https://docs.vllm.ai, "Re-rank API".
"""

import random
import re
from typing import Any

from homeport.providers.simulated.openai import text_of, whole
from homeport.providers.simulated.text import count_tokens, digest
from homeport.sim.openai import OpenAI
from homeport.sim.reply import Knobs, Refused, Reply, Request, encode

_CATEGORIES = tuple(
    re.findall(
        r"\S+",
        """
        harassment harassment/threatening hate hate/threatening illicit illicit/violent self-harm self-harm/intent
        self-harm/instructions sexual sexual/minors violence violence/graphic
        """,
    )
)
_WORD = re.compile(r"\w+")


class Moderations:
    """A text is flagged for a category that it names, such as "violence"; its other scores are small."""

    def answer(self, request: Request, knobs: Knobs) -> Reply:
        fields = request.fields()
        given = fields.get("input")
        if not given or not isinstance(given, str | list):
            raise Refused(400, "missing required parameter: 'input'", "input")
        # A list of parts is one input; a list of texts is many.
        many = isinstance(given, list) and all(isinstance(one, str) for one in given)
        texts = given if many and isinstance(given, list) else [text_of(given)]
        model = knobs.model or str(fields.get("model") or "omni-moderation-latest")
        results = [_moderated(text, digest(knobs.seed, text)) for text in texts]
        body = {"id": f"modr-{digest(knobs.seed, *texts)[:24]}", "model": model, "results": results}
        return Reply(body=encode(body), tokens=sum(count_tokens(text) for text in texts))

    def refusal(self, refused: Refused) -> Reply:
        return OpenAI().refusal(refused)


class Rerank:
    """The more words of the query are in a document, the higher it is."""

    def answer(self, request: Request, knobs: Knobs) -> Reply:
        fields = request.fields()
        query, documents = fields.get("query"), fields.get("documents")
        if not isinstance(query, str) or not query:
            raise Refused(400, "query: a text is required", "query")
        if not isinstance(documents, list) or not documents:
            raise Refused(400, "documents: at least one is required", "documents")
        texts = [_document(document, at) for at, document in enumerate(documents)]
        model = str(fields.get("model") or "rerank-simulated")
        knobs.check_model(model)
        scores = [_relevance(query, text, digest(knobs.seed, model, query, text)) for text in texts]
        ranked = sorted(range(len(texts)), key=lambda at: -scores[at])[: whole(fields.get("top_n"), 0) or len(texts)]
        told = fields.get("return_documents") is not False
        results = [
            {"index": at, "relevance_score": scores[at], **({"document": {"text": texts[at]}} if told else {})}
            for at in ranked
        ]
        tokens = count_tokens(query) * len(texts) + sum(count_tokens(text) for text in texts)
        usage = {"usage": {"prompt_tokens": tokens, "total_tokens": tokens}} if knobs.usage else {}
        name = f"rerank-{digest(knobs.seed, model, query, *texts)[:24]}"
        return Reply(
            body=encode({"id": name, "model": knobs.model or model, **usage, "results": results}), tokens=tokens
        )

    def refusal(self, refused: Refused) -> Reply:
        return OpenAI().refusal(refused)


def _moderated(text: str, name: str) -> dict[str, Any]:
    dice = random.Random(name)  # noqa: S311  the same text gets the same scores
    lower = text.lower()
    flagged = {category: category in lower for category in _CATEGORIES}
    scores = {category: 0.97 if found else round(dice.random() / 100, 6) for category, found in flagged.items()}
    kinds = {category: ["text"] for category in _CATEGORIES}
    return {
        "flagged": any(flagged.values()),
        "categories": flagged,
        "category_scores": scores,
        "category_applied_input_types": kinds,
    }


def _document(document: Any, at: int) -> str:
    text = document.get("text") if isinstance(document, dict) else document
    if not isinstance(text, str):
        raise Refused(400, f"documents[{at}]: a text is required", f"documents[{at}]")
    return text


def _relevance(query: str, text: str, name: str) -> float:
    wanted = set(_WORD.findall(query.lower()))
    share = len(wanted & set(_WORD.findall(text.lower()))) / max(1, len(wanted))
    noise = random.Random(name).random()  # noqa: S311  the same texts get the same score
    return round(0.9 * share + 0.1 * noise, 6)
