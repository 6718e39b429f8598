"""The benchmark runs: a handful of messages through both contestants on the embedded stack."""

import json
import subprocess
import sys
from pathlib import Path

from bench.__main__ import ABOUT, STACKS
from bench.table import CONTESTANTS, MEASURES, Series
from bench.trial import Trial

ROOT = Path(__file__).parent.parent.parent
FEW = 20


def test_both_contestants_bring_every_message_to_its_agency() -> None:
    few = ("--messages", str(FEW), "--connections", "4", "--rounds", "1", "--seconds", "20")
    command = [sys.executable, "-m", "bench", "--json", "--only", "embedded", *few]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, done.stderr
    (found,) = json.loads(done.stdout)
    assert [trial["contestant"] for trial in found["trials"]] == list(CONTESTANTS)
    for trial in found["trials"]:
        assert (trial["accepted"], trial["refused"], trial["arrived"]) == (FEW, 0, FEW)
        assert trial["reports_per_second"] > 0
        assert 0 < trial["ack_p50_ms"] <= trial["ack_p99_ms"]
        assert trial["peak_rss_mb"]["up"] > 10
    assert found["times_better"].keys() == {name for name, _, _ in MEASURES}


def _trial(contestant: str, rate: float, wait: float, arrived: int = 10) -> Trial:
    return Trial(contestant, 10, 0, arrived, rate, rate, wait, wait, {"up": 500.0}, {"up": 90.0})


def test_a_ratio_is_of_neighbours_and_above_one_where_kanal_is_better() -> None:
    rounds = [("kanal", 100, 5), ("obvious", 50, 10), ("obvious", 10, 30), ("kanal", 30, 10)]
    series = Series("any", [_trial(name, rate, wait) for name, rate, wait in rounds])
    better = series.as_json()["times_better"]
    assert better["reports/s, door to agency queue"] == [2, 3]
    assert better["acknowledgement p50, ms"] == [2, 3]
    assert "2.50 [2.00 - 3.00]" in "\n".join(series.lines())


def test_what_did_not_arrive_is_said() -> None:
    series = Series("any", [_trial("kanal", 1, 1), _trial("obvious", 1, 1, arrived=7)])
    assert "7 of the 10 it accepted" in "\n".join(series.lines())


def test_the_explanation_has_no_gap() -> None:
    said = ABOUT.format(connections=64, messages=10, seconds=7.0, rounds=3)
    assert "10 messages or 7 s per run" in said
    assert STACKS == ("embedded", "services")
