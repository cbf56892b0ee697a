"""One decorated function in a file is a metric; a file that is none is refused with a reason."""

import math
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from homeport.core.errors import ConfigError
from homeport.evaluation.custom import Need, Sample, Score, Unit, load_file, metric
from homeport.evaluation.scorecard import Scorecard

WHOLE = """
    from homeport.evaluation.custom import Sample, Score, metric

    @metric
    def says_when(sample: Sample) -> bool:
        return "June" in sample.output

    @metric(name="commas", version=3, unit="number")
    def count(sample):
        return sample.output.count(",")

    @metric(needs="nothing", unit="ms")
    def first(sample):
        return Score(sample.ttft_ns / 1e6) if sample.stream else None
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "metrics.py"
    path.write_text(dedent(text))
    return path


def test_functions_of_a_file_are_metrics(tmp_path: Path) -> None:
    commas, first, says_when = load_file(written(tmp_path, WHOLE))
    assert (commas.name, commas.version, commas.unit, commas.needs) == ("commas", 3, Unit.NUMBER, Need.TEXT)
    assert (first.needs, says_when.unit) == (Need.NOTHING, Unit.PASS)
    sample = Sample(output="In June, or later, or never.")
    assert commas.score(sample) == Score(2.0)
    assert first.score(sample) is None
    assert says_when.score(sample) == Score(1.0, True)
    assert says_when.score(Sample(output="no")) == Score(0.0, False, "failed")
    assert not [*tmp_path.rglob("*.pyc")], "nothing is written beside it"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x = 1",
        "this is no Python",
        "raise SystemError('no')",
        "import no_such_package",
        "from homeport.evaluation.custom import metric\n@metric(name='Bad Name')\ndef f(sample): return 1",
        "from homeport.evaluation.custom import metric\n@metric(unit='miles')\ndef f(sample): return 1",
        "from homeport.evaluation.custom import metric\n@metric(needs='luck')\ndef f(sample): return 1",
        "from homeport.evaluation.custom import metric\n@metric(version=0)\ndef f(sample): return 1",
        "from homeport.evaluation.custom import metric\na = metric(lambda sample: 1)",
        "from homeport.evaluation.custom import metric as m\n@m(name='a')\ndef f(s): ...\n@m(name='a')\ndef g(s): ...",
    ],
)
def test_what_is_no_file_of_metrics_is_refused_with_its_name(tmp_path: Path, text: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load_file(path)
    assert caught.value.code == "metric_file_invalid"
    assert str(path) in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("name", ["missing.py", ".", "a.txt"])
def test_a_file_that_is_not_there(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_file(tmp_path / name)
    assert caught.value.code == "metric_file_invalid"


def answering(what: Any) -> Scorecard:
    return Scorecard([metric(name="own")(lambda _: what)], lambda: 0)


@pytest.mark.parametrize("odd", ["seven", math.nan, math.inf, [], 1e300, Score(math.nan), object()])
def test_a_function_that_says_nothing_sensible_is_told_as_broken(odd: Any) -> None:
    card = answering(odd).score(Sample(output=""))
    assert (card.scored, card.broken) == ((), ("own",))


@pytest.mark.parametrize(("said", "value"), [(True, 1.0), (False, 0.0), (3, 3.0), (2.5, 2.5), (Score(7), 7.0)])
def test_what_a_function_may_say(said: Any, value: float) -> None:
    [one] = answering(said).score(Sample(output="")).scored
    assert one.score.value == value
