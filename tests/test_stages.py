from __future__ import annotations

import pytest

from wheatstone.stages import Stages


def test_progress_is_reported_from_start_to_end() -> None:
    reports: list[tuple[str, float]] = []
    stages = Stages(lambda name, fraction: reports.append((name, fraction)))
    with stages.stage("decode") as advance:
        advance(0.5)
    assert reports == [("decode", 0.0), ("decode", 0.5), ("decode", 1.0)]


@pytest.mark.parametrize(("told", "heard"), [(-1.0, 0.0), (7, 1.0), (float("nan"), 0.0), (float("inf"), 1.0)])
def test_progress_is_a_share_whatever_a_model_says(told: float, heard: float) -> None:
    reports: list[float] = []
    Stages(lambda _name, fraction: reports.append(fraction)).report("work", told)
    assert reports == [heard]


def test_stages_are_listed_in_the_order_they_began() -> None:
    stages = Stages()
    with stages.stage("outer"), stages.stage("inner"):
        pass
    with stages.stage("last"):
        pass
    assert list(stages.seconds) == ["outer", "inner", "last"]


def test_a_stage_that_runs_twice_adds_up() -> None:
    stages = Stages()
    with stages.stage("write"):
        pass
    first_s = stages.seconds["write"]
    with stages.stage("write"):
        pass
    assert stages.seconds["write"] > first_s > 0


def test_a_stage_that_fails_is_timed_but_not_reported_as_done() -> None:
    reports: list[float] = []
    stages = Stages(lambda _name, fraction: reports.append(fraction))
    with pytest.raises(KeyError), stages.stage("decode"):
        raise KeyError
    assert stages.seconds["decode"] > 0
    assert reports == [0.0]
