"""ROUGE and BLEU give the values that were published, or that one can work out by hand."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.evaluation.metrics.base import Sample
from homeport.evaluation.metrics.bleu import sentence_bleu, tokens
from homeport.evaluation.metrics.grams import longest_common
from homeport.evaluation.metrics.rouge_1 import rouge_1
from homeport.evaluation.metrics.rouge_2 import rouge_2
from homeport.evaluation.metrics.rouge_l import rouge_l

words = st.lists(st.sampled_from("abcd"), max_size=12)


def pair(output: str, reference: str) -> Sample:
    return Sample(output=output, reference=reference)


def test_rouge_of_the_readme_of_rouge_score() -> None:
    """google-research/rouge: 'The quick brown fox jumps over the lazy dog', 'The quick brown dog jumps on the log.'"""
    sample = pair("The quick brown dog jumps on the log.", "The quick brown fox jumps over the lazy dog")
    assert math.isclose(rouge_1(sample).value, 0.7058823529411764)
    assert math.isclose(rouge_l(sample).value, 0.5882352941176471)
    assert math.isclose(rouge_2(sample).value, 2 * 2 / (7 + 8))


@pytest.mark.parametrize(
    ("output", "two", "longest"),
    [("police kill the gunman", 1 / 3, 0.75), ("the gunman kill police", 1 / 3, 0.5)],
)
def test_rouge_of_the_example_of_lin_2004(output: str, two: float, longest: float) -> None:
    """Section 3.1: for ROUGE-2 both are as good, ROUGE-L tells them apart."""
    sample = pair(output, "police killed the gunman")
    assert math.isclose(rouge_2(sample).value, two)
    assert math.isclose(rouge_l(sample).value, longest)


def slow_lcs(one: list[str], other: list[str]) -> int:
    row = [0] * (len(other) + 1)
    for token in one:
        before, row = row, [0] * (len(other) + 1)
        for at, there in enumerate(other):
            row[at + 1] = before[at] + 1 if token == there else max(row[at], before[at + 1])
    return row[-1]


@given(words, words)
def test_the_longest_common_subsequence_is_that_of_the_table(one: list[str], other: list[str]) -> None:
    assert longest_common(one, other) == slow_lcs(one, other) == longest_common(other, one)


@pytest.mark.parametrize(
    ("output", "reference", "value"),
    [
        # sacrebleu, test/test_sentence_bleu.py: exponential smoothing, effective order, tokens of 13a.
        (
            "Producția de zahăr primă va fi exprimată în ceea ce privește zahărul alb;",
            "producţia de zahăr brut se exprimă în zahăr alb;",
            8.493,
        ),
        ("this is a cat", "okay thanks", 0.0),
        ("a test", "a test", 100.0),
        ("test", "a test", 100 * math.exp(1 - 2 / 1)),
        ("", "a test", 0.0),
        ("a test", "", 0.0),
        # 4 of 4, 3 of 3, 2 of 2, 1 of 1, and the brevity of 4 words for 6.
        ("the cat sat on", "the cat sat on the mat", 100 * math.exp(1 - 6 / 4)),
        # 3 of 4, 2 of 3, 1 of 2, and 1 / (2 * 1) for none of 1.
        ("this is a fest", "this is a test", 100 * (3 / 4 * 2 / 3 * 1 / 2 * 1 / 2) ** 0.25),
    ],
)
def test_bleu(output: str, reference: str, value: float) -> None:
    assert math.isclose(sentence_bleu(output, reference), value, abs_tol=1e-3)


@pytest.mark.parametrize(
    ("text", "taken_apart"),
    [
        ("Hello, world!", "Hello , world !"),
        ("It costs $1,234.50.", "It costs $ 1,234.50 ."),
        ("a well-known 10-year plan", "a well-known 10 - year plan"),
        ("&quot;x&amp;y&quot;", '" x & y "'),
        ("two-\nfold\nline", "twofold line"),
    ],
)
def test_tokens_are_those_of_mteval_v13a(text: str, taken_apart: str) -> None:
    assert tokens(text) == taken_apart.split()


@given(st.text(max_size=80), st.text(max_size=80))
def test_bleu_has_bounds(output: str, reference: str) -> None:
    assert 0 <= sentence_bleu(output, reference) <= 100
