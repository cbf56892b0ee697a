"""Where two answers part."""

from hypothesis import given
from hypothesis import strategies as st

from homeport.evaluation.answers import Answer, Runner, Token, least_margin
from homeport.evaluation.checks import Verdict
from homeport.evaluation.parity import Divergence, Parity, Step, compare, diverge
from homeport.evaluation.results import Build
from homeport.evaluation.suites import Judged
from tests.evaluation.test_results import suite
from tests.fakes.answering import answer

A, B = Build(name="a"), Build(name="b")


def token(text: str, logprob: float, *runners: tuple[str, float]) -> Token:
    return Token(text, logprob, tuple(Runner(*runner) for runner in runners))


def judged(*answers: Answer, passed: bool = True) -> list[Judged]:
    cases = suite(len(answers)).cases
    return [Judged(case=c, answer=a, verdict=Verdict(passed)) for c, a in zip(cases, answers, strict=True)]


def parity_of(a: Answer, b: Answer) -> Parity:
    return compare("s", A, B, judged(a), judged(b))


def test_the_first_token_that_differs_is_told_with_both_log_probabilities() -> None:
    a = Answer(
        text="it is so", tokens=(token("it", -0.1), token(" is", -0.5, (" was", -0.75), (" be", -3)), token(" so", -1))
    )
    b = Answer(text="it was", tokens=(token("it", -0.2), token(" was", -0.6, (" is", -0.61))))
    assert diverge(a, b) == Divergence(
        position=1,
        before="it",
        a=Step(token=" is", logprob=-0.5, margin=0.25, other=-0.75),
        b=Step(token=" was", logprob=-0.6, margin=-0.6 + 0.61, other=-0.61),
    )


def test_an_answer_that_ends_earlier_parts_there() -> None:
    parted = diverge(answer("one", " two"), answer("one"))
    assert parted is not None
    assert (parted.position, parted.a.token, parted.b) == (1, " two", Step(token=""))


def test_what_the_other_does_not_tell_is_not_invented() -> None:
    parted = diverge(answer("x", other="z"), answer("y"))
    assert parted is not None
    assert (parted.a.other, parted.b.other, parted.b.margin) == (None, None, None)


def test_one_text_cut_into_other_tokens_is_the_same_answer() -> None:
    assert diverge(answer("ab", "c"), answer("a", "bc")) is None


def test_without_tokens_only_the_place_in_the_text_is_known() -> None:
    found = parity_of(Answer(text="it is"), answer("it was"))
    [case] = found.cases
    assert case.divergence is not None
    assert (case.divergence.position, case.divergence.before) == (None, "it ")
    assert (found.first_tokens.of, found.answers.of) == (0, 1)


def test_an_empty_answer_parts_at_the_first_token() -> None:
    parted = diverge(Answer(text=""), answer("x"))
    assert parted is not None
    assert (parted.position, parted.b.token) == (0, "x")


def test_prompts_are_compared_where_both_tell_them() -> None:
    def same(a: str | None, b: str | None, count: int = 3) -> bool | None:
        one, other = answer("x", rendered=a, prompt_tokens=3), answer("x", rendered=b, prompt_tokens=count)
        return parity_of(one, other).cases[0].same_prompt

    assert same("p", "p") is True
    assert same("p", "q") is False
    assert same("p", "p", 4) is False, "two tokenizers cut one text in two ways"
    assert same("p", "p", 0) is True, "an engine that does not count"
    assert same(None, "p") is None


def test_shares_are_counted_over_the_cases() -> None:
    a = judged(answer("x"), answer("y"), answer("z", " 1"))
    b = judged(answer("x"), answer("n"), answer("z", " 2"), passed=False)
    found = compare("s", A, B, a, b)
    shares = (found.verdicts, found.answers, found.first_tokens, found.prompts)
    assert [(share.hits, share.of) for share in shares] == [(0, 3), (1, 3), (2, 3), (0, 0)]


words = st.lists(st.sampled_from(["a", "b", " c"]), max_size=6)


@given(words, words)
def test_parting_is_the_same_from_both_sides(one: list[str], other: list[str]) -> None:
    there, back = diverge(answer(*one), answer(*other)), diverge(answer(*other), answer(*one))
    if there is None or back is None:
        assert "".join(one) == "".join(other)
        assert there is back
        return
    assert (there.position, there.a, there.b) == (back.position, back.b, back.a)
    assert there.position is not None
    assert one[: there.position] == other[: there.position]
    assert one[there.position : there.position + 1] != other[there.position : there.position + 1]


def test_the_least_margin_is_that_of_the_least_sure_token() -> None:
    assert least_margin((token("a", -0.5, ("b", -2)), token("a", -0.5, ("b", -0.75)), token("a", -1))) == 0.25
    assert least_margin((token("a", -1),)) is None
