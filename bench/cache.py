"""`make bench-cache`: what semantic caches serve, right and wrong, side by side; writes bench/results/cache.json.

GPTCache and RedisVL run live, as they are and each in an environment of its own, with all-MiniLM-L6-v2 in float32 as
their embedder; so does cosine >= .95 alone. Homeport's verifier runs with the static embedder, which is the default,
and with the MiniLM extra. Each pair is alone: the one question is kept with its answer, the other is asked.

- fow-cache 0.1.0: 300 pairs that have the same answer, 300 traps (negation, entity, number, scope).
- GPTCache's own 999 pairs of a sentence and its rewording, which are the same; then each rewording is asked of all
  other sentences, where whatever is served is of another question.
- with --pairs, a file of your own: JSON lines of {"a": asked, "b": kept, "same_answer", "category"}.

At last, what the balanced mode leaves open is put to small models, as the asynchronous judge does.
"""

import argparse
import hashlib
import json
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from rich.console import Console
from rich.table import Table

from bench import minilm, results
from bench.cache_figures import Outcome, figures, per_cent
from bench.cache_homeport import Decided, run_homeport, run_plain
from bench.cache_judge import Doubted, ask_judges, gain
from bench.cache_pairs import Crowd, Pair, find_mock, parse_pairs, read_fow, read_mock, texts_of
from bench.cache_rivals import Contender, Work, run_gptcache, run_redisvl
from bench.kept import cache_folder
from bench.machine import describe
from bench.native import BenchmarkError
from bench.targets import Target, all_met, judge
from homeport.config.load import read_environment
from homeport.core.errors import HomeportError
from homeport.embeddings.choose import Model, open_embedder

if TYPE_CHECKING:
    from numpy import float32
    from numpy.typing import NDArray

FOW, MOCK = "fow", "mock"
TARGETS = (
    Target(figure="balanced_static_hit_percent", bound=33, at_least=True),
    Target(figure="balanced_static_wrong_percent", bound=1.5),
    Target(figure="balanced_minilm_hit_percent", bound=36, at_least=True),
    Target(figure="balanced_minilm_wrong_percent", bound=1.5),
    Target(figure="strict_static_hit_percent", bound=22, at_least=True),
    Target(figure="strict_static_wrong_percent", bound=0),
    Target(figure="contenders_not_measured", bound=0),
)


class Measured(msgspec.Struct, frozen=True):
    """What each contender did, why others did not run, and what the judges were asked."""

    contenders: dict[str, Contender]
    skipped: dict[str, str]
    judged: dict[str, Any]


def main(arguments: Sequence[str]) -> int:
    """0 if every target is met."""
    parser = argparse.ArgumentParser(prog="make bench-cache", description=__doc__)
    parser.add_argument("--pairs", type=Path, action="append", default=[], help="another file of pairs")
    parser.add_argument("--no-judge", action="store_true", help="ask no small model")
    options = parser.parse_args(arguments)
    console, began = results.make_console(), time.monotonic()
    sets, crowd = _read(options.pairs)
    pairs = [pair for name in sets for pair in sets[name]]
    with tempfile.TemporaryDirectory() as folder:
        work = Work(texts_of(pairs, crowd), Path(folder) / "vectors.npy", pairs, crowd)
        measured = _measure(work, len(sets[FOW]), not options.no_judge, console)
    told = {name: _figures(contender, sets) for name, contender in measured.contenders.items()}
    verdicts = judge(TARGETS, _targets(told, measured.skipped))
    for name in sets:
        console.print(_table(name, sets[name], told))
    _show_judges(console, measured.judged)
    for name, reason in measured.skipped.items():
        console.print(f"{name} did not run: {reason}", markup=False)
    results.show_verdicts(console, verdicts)
    missed = [verdict.line() for verdict in verdicts if not verdict.met]
    report = {
        "machine": describe(),
        "seconds": round(time.monotonic() - began),
        "embedder_of_rivals": f"{minilm.NAME} in float32, of {minilm.WHEEL}",
        "contenders": {name: {"about": measured.contenders[name].about, **told[name]} for name in told},
        "skipped": measured.skipped,
        "judges": measured.judged,
        "missed": missed,
    }
    console.print(f"missed: {missed or 'nothing'}; {results.write('cache.json', report)}", markup=False)
    return 0 if all_met(verdicts) else 1


def _read(files: Sequence[Path]) -> tuple[dict[str, list[Pair]], Crowd]:
    mock, crowd = read_mock(json.loads(find_mock().read_text(encoding="utf-8")))
    more = {str(path): parse_pairs(path.read_text(encoding="utf-8").splitlines()) for path in files}
    return {FOW: read_fow(), MOCK: mock, **more}, crowd


def _measure(work: Work, fow: int, judged: bool, console: Console) -> Measured:
    vectors = _vectors(work.texts)
    np.save(work.vectors, vectors)
    contenders: dict[str, Contender] = {}
    skipped: dict[str, str] = {}
    for name, run in {"GPTCache": run_gptcache, "RedisVL": run_redisvl}.items():
        console.print(f"{name} ...")
        try:
            contenders |= run(work)
        except BenchmarkError as error:
            skipped[name] = str(error)
    contenders["cosine .95"] = run_plain(vectors, minilm.NAME, work)
    decided: Decided | None = None
    names: set[str] = set()
    for model in Model:
        console.print(f"Homeport, {model} ...")
        try:
            embedder = open_embedder(model, _home())
            if embedder.name in names:
                raise BenchmarkError(f"it is {embedder.name} again")
            names.add(embedder.name)
            found = run_homeport(embedder, model.value, work)
        except (BenchmarkError, HomeportError) as error:
            skipped[f"Homeport, {model}"] = str(error)
            continue
        contenders |= found.contenders
        decided = decided or found
    told = _judge(decided, contenders, work.pairs[:fow]) if judged and decided else {}
    return Measured(contenders, skipped, told)


def _judge(decided: Decided, contenders: Mapping[str, Contender], fow: Sequence[Pair]) -> dict[str, Any]:
    """Of the fow set and the static embedder."""
    doubted = [
        Doubted(doubt.pair.asked, doubt.pair.kept, doubt.pair.same_answer)
        for doubt in decided.doubts
        if doubt.place < len(fow)
    ]
    outcomes = contenders[f"Homeport balanced, {Model.STATIC}"].pairs[: len(fow)]
    rights = sum(pair.same_answer for pair in fow)
    wrong = sum(one.served and not one.right for one in outcomes)
    return {
        name: {
            **gain(told, rights=rights, traps=len(fow) - rights, served_wrong=wrong),
            "seconds_a_pair": round(seconds, 3),
        }
        for name, (told, seconds) in ask_judges(doubted).items()
    }


def _figures(contender: Contender, sets: Mapping[str, Sequence[Pair]]) -> dict[str, Any]:
    found, start = {}, 0
    for name, pairs in sets.items():
        outcomes: list[Outcome] = contender.pairs[start : start + len(pairs)]
        found[name] = figures([*outcomes, *(contender.crowd if name == MOCK else ())])
        start += len(pairs)
    return found


def _targets(told: Mapping[str, Mapping[str, Any]], skipped: Mapping[str, str]) -> dict[str, float | None]:
    found: dict[str, float | None] = {"contenders_not_measured": len(skipped)}
    for mode in ("strict", "balanced"):
        for model in Model:
            rates = told.get(f"Homeport {mode}, {model}", {}).get(FOW, {})
            for short, name in (("hit", "hit_rate"), ("wrong", "wrong_serve_rate")):
                rate = rates.get(name)
                found[f"{mode}_{model}_{short}_percent"] = None if rate is None else 100 * rate
    return found


def _table(name: str, pairs: Sequence[Pair], told: Mapping[str, Mapping[str, Any]]) -> Table:
    shown = next(iter(told.values()))[name]["by_category"]
    title = f"{name}: {len(pairs)} pairs; per cent served, with 95 % intervals"
    table = Table("", "should hit", "wrong", "precision", "P-CHR AUC", "recall at 1/2/5 % wrong", *shown, title=title)
    for contender, sets in told.items():
        rates = sets[name]
        recall = "/".join("-" if one is None else f"{100 * one:.0f}" for one in rates["recall_at_wrong"].values())
        cells = [per_cent(one, "wrong_serve" if one["hit_rate"] is None else "hit") for one in _of(rates, shown)]
        precision = "-" if rates["precision"] is None else f"{100 * rates['precision']:.1f}"
        auc = f"{rates['p_chr_auc']:.3f}"
        table.add_row(contender, per_cent(rates, "hit"), per_cent(rates, "wrong_serve"), precision, auc, recall, *cells)
    return table


def _of(rates: Mapping[str, Any], categories: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [rates["by_category"][name] for name in categories]


def _show_judges(console: Console, judged: Mapping[str, Mapping[str, Any]]) -> None:
    for name, told in judged.items():
        auc = "-" if told["auroc"] is None else f"{told['auroc']:.2f}"
        console.print(
            f"judge {name}: of {told['asked']} open pairs {told['of_them_the_same']} are the same; "
            f"AUROC {auc}; {told['hits_gained']} hits gained, {told['wrong_added']} wrong answers added; "
            f"{told['seconds_a_pair']} s a pair"
        )


def _vectors(texts: Sequence[str]) -> "NDArray[float32]":
    """Of all-MiniLM-L6-v2, kept between runs: 3,000 texts take a minute."""
    digest = hashlib.sha256("\0".join((minilm.WHEEL, *texts)).encode()).hexdigest()[:16]
    path = cache_folder() / f"minilm-{digest}.npy"
    if not path.exists():
        np.save(path, minilm.find_minilm().embed(texts))
    found: NDArray[float32] = np.load(path)
    return found


def _home() -> Path:
    return read_environment().home


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
