"""What is read of /proc."""

import os
import subprocess
import sys
from pathlib import Path

from bench import machine


def test_a_process_tree_has_the_children() -> None:
    with subprocess.Popen((sys.executable, "-c", "input()"), stdin=subprocess.PIPE) as child:
        try:
            assert child.pid in machine.tree(os.getpid())
            assert machine.tree(child.pid) == [child.pid]
            assert machine.rss_mb(os.getpid()) > machine.rss_mb(child.pid) > 0
        finally:
            child.communicate(b"\n")


def test_cpu_time_only_grows_and_work_makes_it_grow() -> None:
    before = machine.cpu_seconds(os.getpid())
    sum(range(2_000_000))
    assert machine.cpu_seconds(os.getpid()) > before


def test_cpu_time_of_ended_children_is_kept() -> None:
    before = machine.cpu_seconds(os.getpid())
    subprocess.run((sys.executable, "-c", "sum(range(20_000_000))"), check=True)
    assert machine.cpu_seconds(os.getpid()) - before >= 0.02


def test_a_process_that_is_gone_costs_nothing() -> None:
    with subprocess.Popen((sys.executable, "-c", "pass")) as child:
        child.wait()
    assert machine.rss_mb(child.pid) == 0
    assert machine.cpu_seconds(child.pid) == 0
    assert machine.tree(child.pid) == [child.pid]


def test_children_start_on_the_core_that_was_chosen() -> None:
    mine, core = os.sched_getaffinity(0), machine.choose_cores().load
    with machine.pinned(core):
        done = subprocess.run(
            (sys.executable, "-c", "import os; print(os.sched_getaffinity(0))"),
            capture_output=True,
            text=True,
            check=True,
        )
    assert done.stdout.strip() == str({core})
    assert os.sched_getaffinity(0) == mine


def test_a_file_that_is_opened_is_counted() -> None:
    before = machine.open_files(os.getpid())
    with Path(os.devnull).open():
        assert machine.open_files(os.getpid()) == before + 1


def test_the_description_names_what_the_figures_depend_on() -> None:
    assert {"cpu", "cores", "memory_mb", "kernel", "python", "load_average", "pinned"} == set(machine.describe())
