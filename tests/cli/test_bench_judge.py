"""`homeport bench judge` on made-up recordings, and on files that are none."""

from pathlib import Path

import pytest

from tests.cli.terminal import Terminal
from tests.evaluation.judge_files import battles, verdicts

FAST = ("--draws", "1000", "--labels", "60")


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    return Terminal(tmp_path / "home")


def test_one_object_is_told(terminal: Terminal, tmp_path: Path) -> None:
    path = battles(tmp_path / "battles.csv", {"good": 0.8, "bad": 0.05})
    told = terminal.told("bench", "judge", str(path), *FAST, "--labels", "80", "--pool", "500")
    assert (told["draws"], told["pool"], told["labels"], told["met"]) == (1_000, 500, [60, 80], True)
    good, bad = told["tasks"]
    assert (good["judge"], good["rows"], good["prompting"]) == ("good", 300, "")
    assert good["whole"]["kappa"]["value"] > 0.6 > bad["whole"]["kappa"]["value"]
    for cell in (*good["cells"], *bad["cells"]):
        assert 0.93 <= cell["corrected"]["coverage"] <= 0.97
        assert cell["corrected"]["width"] <= cell["human_only"]["width"]
        assert set(cell["judge_only"]) == {"coverage", "width"}
    assert [cell["verdict"] for cell in bad["cells"]] == ["judge unusable"] * 2
    assert [target["met"] for target in told["targets"]] == [True] * 4


def test_a_table_is_shown_with_what_was_not_measured(terminal: Terminal, tmp_path: Path) -> None:
    few = verdicts(tmp_path / "few.csv", {"[red]x[/blue]": 0.5}, rows=49)
    many = verdicts(tmp_path / "many.csv", {"[red]y[/blue]": 0.8})
    shown = terminal.run("bench", "judge", str(few), str(many), *FAST)
    assert "[red]y[/blue]" in shown
    assert "d [red]x[/blue] plain was not measured: 49 rows are labelled, 50 are needed" in shown
    assert "corrected coverage is within 0.93 and 0.97: 1 of 1" in shown
    assert "nothing to judge it by" in shown


def test_what_is_missed_is_an_exit_code(terminal: Terminal, tmp_path: Path) -> None:
    """People say yes once in 60 rows: of 10 labels intervals are so wide that they hold it too often."""
    lines = ["dataset,item,human_label,judge,prompting,verdict_ab,verdict_ba_unswapped"]
    lines += [f"d,{place},{1 if place == 0 else 2},j,p,1,2" for place in range(60)]
    path = tmp_path / "rare.csv"
    path.write_text("\n".join(lines))
    said = terminal.ask("bench", "judge", str(path), "--draws", "1000", "--labels", "10")
    assert said.exit_code == 1
    assert "MISSED by d j p, 10 labels" in said.output


def test_what_cannot_be_is_refused(terminal: Terminal, tmp_path: Path) -> None:
    path = str(battles(tmp_path / "battles.csv", {"j": 0.5}))
    few = str(battles(tmp_path / "few.csv", {"j": 0.5}, rows=20))

    def code(*arguments: str) -> str:
        return terminal.ask("bench", "judge", *arguments).code

    assert code(str(tmp_path / "none")) == "recording_invalid"
    assert code(path, str(tmp_path)) == "recording_invalid"
    assert code(few) == "recording_too_short"
    assert code(path, "--labels", "60", "--pool", "50") == "labels_too_many"
    for wrong in (("--draws", "999"), ("--labels", "9"), ("--labels", "nan"), ("--pool", "0"), ("--seed", "-1")):
        assert code(path, *wrong) == "usage"
