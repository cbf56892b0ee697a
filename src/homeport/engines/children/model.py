"""A model that transformers loaded, and the tokens that it says next."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers

from homeport.engines.children.asked import Refused, Sampling

_PREFILL = 512
"""Tokens of a prompt that are read at once: it bounds the memory, and is the same for every prompt."""


@dataclass(frozen=True)
class Step:
    """A token, its log-probability under the model (None for the first of a prompt), and the likeliest there."""

    token: int
    logprob: float | None
    top: tuple[tuple[int, float], ...] = ()


class Model:
    """Weights and tokenizer of a folder.

    Args:
        dtype: `float32`, `bfloat16` or `float16`.
        deterministic: only operations that give the same numbers each time; others raise.
    """

    def __init__(self, folder: Path, *, dtype: str, threads: int, deterministic: bool) -> None:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(deterministic)
        safe: Mapping[str, Any] = {"local_files_only": True, "trust_remote_code": False}
        self.tokenizer = transformers.AutoTokenizer.from_pretrained(folder, **safe)
        self._model = transformers.AutoModelForCausalLM.from_pretrained(
            folder, dtype=getattr(torch, dtype), use_safetensors=True, attn_implementation="sdpa", **safe
        ).eval()
        self._ends = _ends(self._model, self.tokenizer)
        self._seats = int(self._model.get_input_embeddings().num_embeddings)

    def render(self, messages: list[dict[str, Any]]) -> str:
        """The prompt of a chat, by the package's template; transformers renders it in Jinja's sandbox."""
        if not self.tokenizer.chat_template:
            raise Refused("the package has no chat template; use /v1/completions", code="no_chat_template")
        try:
            text: str = self.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        except Exception as error:  # noqa: BLE001 - a template raises whatever its author wrote
            raise Refused(f"the chat template refuses: {error}", code="template_refused", param="messages") from None
        return text

    def encode(self, text: str, *, special: bool) -> list[int]:
        """Token ids; `special` adds what the tokenizer puts before a plain prompt."""
        ids: list[int] = self.tokenizer(text, add_special_tokens=special)["input_ids"]
        return ids

    def decode(self, tokens: Sequence[int]) -> str:
        text: str = self.tokenizer.decode(tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return text

    def spell(self, token: int) -> str:
        """One token as it is shown beside its log-probability; special ones by their name."""
        text: str = self.tokenizer.decode([token], clean_up_tokenization_spaces=False)
        return text

    def check(self, ids: Sequence[int]) -> None:
        """Refuse tokens that the model has no place for."""
        if not all(token < self._seats for token in ids):
            raise Refused(f"a token id is not below {self._seats}", param="prompt")

    def prompt_steps(self, ids: Sequence[int], top: int) -> list[Step]:
        """The log-probabilities of a prompt."""
        steps = [Step(ids[0], None)]
        with torch.inference_mode():
            for start, rows in self._read(ids, past=transformers.DynamicCache(), every=True):
                logprobs = torch.log_softmax(rows.float(), dim=-1)
                for row, token in zip(logprobs, ids[start + 1 : start + 1 + len(rows)], strict=False):
                    steps.append(_step(row, token, top))
        return steps

    def generate(
        self, ids: Sequence[int], sampling: Sampling, top: int | None, cancelled: Callable[[], bool]
    ) -> Iterator[Step]:
        """Tokens without end, or until the model ends; the one that ends it is not told."""
        random = torch.Generator().manual_seed(sampling.seed % 2**63) if sampling.seed is not None else None
        said: dict[int, int] = {}
        past = transformers.DynamicCache()
        with torch.inference_mode():
            *_, (_, rows) = self._read(ids, past, every=False)
            while not cancelled():
                logits = rows[-1].float()
                token = _choose(logits, sampling, said, random)
                if token in self._ends and not sampling.ignore_eos:
                    return
                yield _step(torch.log_softmax(logits, dim=-1), token, top) if top is not None else Step(token, None)
                said[token] = said.get(token, 0) + 1
                *_, (_, rows) = self._read([token], past, every=False)

    def _read(self, ids: Sequence[int], past: Any, *, every: bool) -> Iterator[tuple[int, Any]]:
        """Where a part of the tokens begins, and its logits: of each place, or of the last."""
        for start in range(0, len(ids), _PREFILL):
            part = torch.tensor([ids[start : start + _PREFILL]])
            out = self._model(input_ids=part, past_key_values=past, use_cache=True, logits_to_keep=0 if every else 1)
            yield start, out.logits[0]


def _step(logprobs: Any, token: int, top: int) -> Step:
    values, places = torch.topk(logprobs, top) if top else (torch.empty(0), torch.empty(0))
    likeliest = tuple(zip((int(place) for place in places), (float(value) for value in values), strict=True))
    return Step(token, float(logprobs[token]), likeliest)


def _choose(logits: Any, sampling: Sampling, said: Mapping[int, int], random: Any) -> int:
    if said and (sampling.frequency_penalty or sampling.presence_penalty):
        logits = logits.clone()
        for token, times in said.items():
            logits[token] -= sampling.presence_penalty + times * sampling.frequency_penalty
    if sampling.temperature == 0:
        return int(torch.argmax(logits))
    likely, places = torch.sort(torch.softmax(logits / sampling.temperature, dim=-1), descending=True)
    if sampling.top_k > 0:
        likely = likely[: sampling.top_k]
    # The first one always stays, and every one before which less than top_p is.
    kept = (likely.cumsum(0) - likely) < max(sampling.top_p, 1e-9)
    return int(places[torch.multinomial(likely * kept, 1, generator=random)])


def _ends(model: Any, tokenizer: Any) -> frozenset[int]:
    named = model.generation_config.eos_token_id
    ends = named if isinstance(named, list) else [named]
    return frozenset(token for token in (*ends, tokenizer.eos_token_id) if token is not None)
