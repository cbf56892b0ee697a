"""The program that runs a model and looks inside. It runs in the interpreter that has torch and transformers, where
Homeport need not be installed.

One JSON line on standard input says what to do (`Job`, in run.py). Progress, and an error if there is one, are JSON
lines on standard output; the numbers are two files in the job's folder: `findings.json` and `attention.npz`.
The end of standard input means that whoever asked is gone.

The logit lens is nostalgebraist's ("interpreting GPT: the logit lens", 2020): what the model would say if it ended
after a layer. Heads are scaled where they enter the output projection, as in Michel et al., "Are Sixteen Heads Really
Better than One?" (2019); 0 removes one.
"""

import contextlib
import json
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from homeport.engines.children.folder import ready_folder

_LEAST_LOGPROB = -1e4
_CHUNK = 64
_MOST_WEIGHTS = 20_000_000

Scales = Mapping[int, Mapping[int, float]]
"""By layer: the factor of each head that is changed."""


def say(**fields: Any) -> None:
    sys.stdout.write(json.dumps(fields) + "\n")
    sys.stdout.flush()


def fail(message: str, *, code: str) -> NoReturn:
    say(error=code, message=message[:2_000])
    sys.exit(1)


class Model:
    """A causal language model whose attention can be read and changed."""

    def __init__(self, job: Mapping[str, Any]) -> None:
        import torch
        import transformers

        self.torch = torch
        torch.set_num_threads(int(job["threads"]))
        torch.manual_seed(0)
        folder = ready_folder(job["model"])
        safe: Mapping[str, Any] = {"local_files_only": True, "trust_remote_code": False}
        self.tokenizer = transformers.AutoTokenizer.from_pretrained(folder, **safe)
        self.model = transformers.AutoModelForCausalLM.from_pretrained(
            folder, dtype=getattr(torch, job["dtype"]), use_safetensors=True, attn_implementation="eager", **safe
        ).eval()
        self.versions = {"torch": str(torch.__version__), "transformers": str(transformers.__version__)}
        self._find_parts()

    def _find_parts(self) -> None:
        decoder = self.model.get_decoder() if hasattr(self.model, "get_decoder") else None
        self.layers = list(getattr(decoder, "layers", ()))
        self.norm: Any = getattr(decoder, "norm", None)
        self.unembed = self.model.get_output_embeddings()
        config = self.model.config.get_text_config()
        self.heads = int(getattr(config, "num_attention_heads", 0))
        built = [layer for layer in self.layers if hasattr(getattr(layer, "self_attn", None), "o_proj")]
        if not built or len(built) < len(self.layers) or self.norm is None or self.unembed is None or not self.heads:
            fail(
                f"{type(self.model).__name__} is not built as Llama and its like are", code="inspect_model_unsupported"
            )
        ends = [self.tokenizer.eos_token_id, self.model.generation_config.eos_token_id]
        self.ends = {one for end in ends for one in (end if isinstance(end, list) else [end]) if one is not None}

    def logits(self, ids: Sequence[int]) -> Any:
        """Of every position: [tokens, vocabulary], float32."""
        told = self.model(input_ids=self.torch.tensor([list(ids)]), use_cache=False)
        return told.logits[0].float()

    def greedy(self, ids: Sequence[int], most: int) -> list[int]:
        """The likeliest next token, again and again."""
        said: list[int] = []
        asked, past = self.torch.tensor([list(ids)]), None
        while len(said) < most:
            told = self.model(input_ids=asked, past_key_values=past, use_cache=True)
            past = told.past_key_values
            said.append(int(told.logits[0, -1].argmax()))
            if said[-1] in self.ends:
                break
            asked = self.torch.tensor([said[-1:]])
        return said

    @contextlib.contextmanager
    def scaled(self, scales: Scales) -> Iterator[None]:
        """Heads are multiplied by their factors meanwhile; without any, nothing is hooked in."""
        hooks = [
            self.layers[layer].self_attn.o_proj.register_forward_pre_hook(self._scaling(factors))
            for layer, factors in scales.items()
        ]
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    def _scaling(self, factors: Mapping[int, float]) -> Callable[[Any, Any], Any]:
        def scale(projection: Any, inputs: Any) -> Any:
            mixed = inputs[0]
            width = mixed.shape[-1] // self.heads
            factor = self.torch.ones(mixed.shape[-1], dtype=mixed.dtype)
            for head, by in factors.items():
                factor[head * width : (head + 1) * width] = by
            return (mixed * factor, *inputs[1:])

        return scale

    def text(self, token: int) -> str:
        """What a token says; the piece of the vocabulary where it is a part of a character."""
        piece = self.tokenizer.convert_ids_to_tokens(token)
        if isinstance(piece, str) and piece.startswith("\u2581"):
            return piece.replace("\u2581", " ")
        said = self.tokenizer.decode([token], clean_up_tokenization_spaces=False)
        return str(piece) if "\ufffd" in said or not said else str(said)


class Recorder:
    """What is seen of one run: attention of the last positions, the norm of each state, the logit lens.

    Args:
        window: the last so many positions whose attention is kept; what comes before is added up.
        positions: at which the lens looks.
    """

    def __init__(self, model: Model, window: int, positions: Sequence[int]) -> None:
        self.model = model
        self.window = window
        self.positions = list(positions)
        self.attention: list[Any] = []
        self.norms: list[list[float]] = []
        self.lens: list[Any] = []
        self.row_error = 0.0

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        layers = self.model.layers
        hooks = [layers[0].register_forward_pre_hook(self._before, with_kwargs=True)]
        hooks += [layer.register_forward_hook(self._after_layer) for layer in layers]
        hooks += [layer.self_attn.register_forward_hook(self._after_attention) for layer in layers]
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    def _before(self, layer: Any, inputs: Any, named: Any) -> None:
        self._note_norms(inputs[0] if inputs else named["hidden_states"])

    def _after_layer(self, layer: Any, inputs: Any, output: Any) -> None:
        state = output[0] if isinstance(output, tuple) else output
        self._note_norms(state)
        self.lens.append(self.model.unembed(self.model.norm(state[:, self.positions]))[0].float())

    def _note_norms(self, state: Any) -> None:
        self.norms.append([round(float(norm), 4) for norm in state[0].float().norm(dim=-1)])

    def _after_attention(self, attention: Any, inputs: Any, output: Any) -> None:
        weights = output[1] if isinstance(output, tuple) and len(output) > 1 else None
        if weights is None:
            fail("its attention does not tell its weights", code="inspect_model_unsupported")
        weights = weights[0].float()
        self.row_error = max(self.row_error, float((weights.sum(-1) - 1).abs().max()))
        start = max(0, weights.shape[-1] - self.window)
        rows = weights[:, start:]
        earlier = rows[:, :, :start].sum(-1, keepdim=True)
        self.attention.append(self.model.torch.cat([earlier, rows[:, :, start:]], dim=-1))


class Inspection:
    """One job: what is asked, what is answered, and what is seen of it."""

    def __init__(self, job: Mapping[str, Any], model: Model) -> None:
        self.job = job
        self.model = model
        self.torch = model.torch
        self.rendered = self._render()
        tokenizer = model.tokenizer
        asked = tokenizer(self.rendered, add_special_tokens=job["messages"] is None)["input_ids"]
        self.whole = len(asked)
        most = int(job["max_tokens"])
        self.asked = [int(token) for token in asked[-most:]]
        if not self.asked:
            fail("the prompt has no token", code="inspect_prompt_empty")

    def _render(self) -> str:
        job = self.job
        if job["messages"] is None:
            return str(job["prompt"])
        options = {"tools": job["tools"]} if job["tools"] else {}
        try:
            # transformers renders templates in Jinja's immutable sandbox.
            rendered = self.model.tokenizer.apply_chat_template(
                job["messages"], tokenize=False, add_generation_prompt=True, **options
            )
        except Exception as error:  # noqa: BLE001  a template may be anybody's, and fails as it likes
            fail(f"the chat template cannot say these messages: {error}", code="inspect_template_failed")
        return str(rendered)

    def run(self) -> None:
        job, model = self.job, self.model
        most = int(job["max_answer"])
        say(step="answering")
        greedy = model.greedy(self.asked, most)
        answer, cut = self._recorded(most) if job["answer"] is not None else (greedy, False)
        self.ids = [*self.asked, *answer]
        self.first = len(self.asked)
        self.answer = answer
        places = list(range(self.first - 1, len(self.ids) - 1))
        window = min(int(job["window"]), _most_positions(len(model.layers) * model.heads))
        recorder = Recorder(model, window, places[: int(job["lens_positions"])] or [self.first - 1])
        say(step="looking inside")
        with recorder.watching():
            self.logits = model.logits(self.ids)
        self.own = self._logprobs(self.logits)
        findings = {
            "versions": model.versions,
            "model": {"kind": type(model.model).__name__, "layers": len(model.layers), "heads": model.heads},
            "dtype": job["dtype"],
            "rendered": self.rendered,
            "prompt_tokens": self.whole,
            "first_answer": self.first,
            "answer_cut": cut,
            "tokens": self._tokens(),
            "greedy": [{"id": token, "text": model.text(token)} for token in greedy],
            "norms": recorder.norms,
            "lens": self._lens(recorder),
            "window_start": max(0, len(self.ids) - window),
            "checks": self._checks(recorder),
            "change": self._change() if job["change"] else None,
            "sweep": self._sweep(),
        }
        folder = Path(job["folder"])
        (folder / "findings.json").write_text(json.dumps(findings))
        self._save_attention(folder, recorder)

    def _recorded(self, most: int) -> tuple[list[int], bool]:
        said = self.model.tokenizer(self.job["answer"], add_special_tokens=False)["input_ids"]
        tokens = [int(token) for token in said[:most]]
        if self.job["ended"] and len(said) < most and self.model.tokenizer.eos_token_id is not None:
            tokens.append(int(self.model.tokenizer.eos_token_id))
        return tokens, len(said) > most

    def _logprobs(self, logits: Any) -> list[float]:
        """Of each token of the answer, in nats."""
        rows = logits[self.first - 1 : len(self.ids) - 1]
        if not len(rows):
            return []
        chosen = self.torch.tensor(self.answer).unsqueeze(-1)
        return [float(value) for value in rows.log_softmax(-1).gather(-1, chosen)[:, 0]]

    def _tokens(self) -> list[dict[str, Any]]:
        special = set(self.model.tokenizer.all_special_ids)
        rows = [self._token(self.ids[0], special, None)]
        for start in range(0, len(self.ids) - 1, _CHUNK):
            block = self.logits[start : min(start + _CHUNK, len(self.ids) - 1)].log_softmax(-1)
            rows += [self._token(self.ids[start + at + 1], special, row) for at, row in enumerate(block)]
        return rows

    def _token(self, token: int, special: set[int], row: Any) -> dict[str, Any]:
        told = {"id": token, "text": self.model.text(token), "special": token in special}
        if row is None:
            return {**told, "logprob": None, "entropy": None, "rank": None, "top": []}
        entropy = float(-(row.exp() * row.clamp(min=_LEAST_LOGPROB)).sum())
        rank = int((row > row[token]).sum())
        return {
            **told,
            "logprob": _number(row[token]),
            "entropy": round(entropy, 5),
            "rank": rank,
            "top": self._top(row),
        }

    def _top(self, row: Any) -> list[dict[str, Any]]:
        best = row.topk(min(int(self.job["top"]), row.shape[-1]))
        return [
            {"id": int(token), "text": self.model.text(int(token)), "logprob": _number(value)}
            for value, token in zip(best.values, best.indices, strict=True)
        ]

    def _lens(self, recorder: Recorder) -> list[list[dict[str, Any]]]:
        """By layer and by position: what it would say, and where the token that came stands."""
        layers = []
        for logits in recorder.lens:
            rows = logits.log_softmax(-1)
            layers.append([self._seen(row, position) for row, position in zip(rows, recorder.positions, strict=True)])
        return layers

    def _seen(self, row: Any, position: int) -> dict[str, Any]:
        token = self.ids[position + 1] if position + 1 < len(self.ids) else int(row.argmax())
        rank = int((row > row[token]).sum())
        return {"logprob": _number(row[token]), "rank": rank, "top": self._top(row)[:3]}

    def _checks(self, recorder: Recorder) -> dict[str, Any]:
        last = recorder.lens[-1] - self.logits[recorder.positions]
        every = {layer: dict.fromkeys(range(self.model.heads), 1.0) for layer in range(len(self.model.layers))}
        return {
            "attention_row_error": recorder.row_error,
            "lens_last_layer_error": float(last.abs().max()),
            "no_change_is_the_same": self._is_the_same({}),
            "scale_one_is_the_same": self._is_the_same(every),
        }

    def _is_the_same(self, scales: Scales) -> bool:
        """Whether another run has the same logits, bit for bit."""
        with self.model.scaled(scales):
            return bool(self.torch.equal(self.model.logits(self.ids), self.logits))

    def _change(self) -> dict[str, Any]:
        scales: dict[int, dict[int, float]] = {}
        for layer, head, factor in self.job["change"]:
            self._check_head(layer, head)
            scales.setdefault(layer, {})[head] = factor
        say(step="changing heads")
        with self.model.scaled(scales):
            logits = self.model.logits(self.ids)
            said = self.model.greedy(self.asked, int(self.job["max_answer"]))
        return {
            "logprobs": [round(value, 5) for value in self._logprobs(logits)],
            "greedy": [{"id": token, "text": self.model.text(token)} for token in said],
        }

    def _sweep(self) -> list[dict[str, Any]]:
        wanted = self.job["sweep"]
        if wanted is None:
            return []
        layers = range(len(self.model.layers)) if wanted == "all" else [int(wanted)]
        pairs = [(layer, head) for layer in layers for head in range(self.model.heads)]
        told = []
        for done, (layer, head) in enumerate(pairs):
            self._check_head(layer, head)
            say(step="removing each head", done=done, total=len(pairs))
            with self.model.scaled({layer: {head: 0.0}}):
                without = self._logprobs(self.model.logits(self.ids))
            told.append({"layer": layer, "head": head, "difference": round(sum(without) - sum(self.own), 5)})
        return told

    def _check_head(self, layer: int, head: int) -> None:
        layers, heads = len(self.model.layers), self.model.heads
        if not (0 <= layer < layers and 0 <= head < heads):
            fail(f"{layer}.{head}: layers are 0 to {layers - 1}, heads 0 to {heads - 1}", code="inspect_head_unknown")

    def _save_attention(self, folder: Path, recorder: Recorder) -> None:
        import numpy

        whole = self.torch.stack(recorder.attention).half().numpy()
        numpy.savez_compressed(folder / "attention.npz", attention=whole)


def _most_positions(maps: int) -> int:
    """How many positions so many maps may have, so that all together stay small."""
    return max(16, int((_MOST_WEIGHTS / maps) ** 0.5))


def _number(value: Any) -> float:
    return round(max(float(value), _LEAST_LOGPROB), 5)


def _exit_at_end_of_input() -> None:
    while os.read(0, 4096):  # not through sys.stdin, whose lock would be held when the interpreter ends
        pass
    os._exit(1)


def main() -> None:
    job = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_exit_at_end_of_input, daemon=True).start()
    say(step="loading the model")
    try:
        import torch

        model = Model(job)
    except ImportError as error:
        fail(f"{sys.executable} lacks a library: {error}", code="inspect_library_missing")
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        fail(f"transformers cannot load the weights: {error}", code="inspect_weights_unreadable")
    with torch.inference_mode():
        Inspection(job, model).run()
    say(step="done")


if __name__ == "__main__":
    main()
