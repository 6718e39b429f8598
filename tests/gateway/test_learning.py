"""Training, going back, evaluating: on a small town's made-up history."""

import asyncio
import contextlib
import json
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from skops import io
from typer.testing import CliRunner

from config.settings import Settings, load
from gateway import checks, components
from gateway.assembly import assemble
from gateway.cli import app
from gateway.learning import command, measure
from gateway.learning import train as training
from gateway.learning.command import CommandError
from gateway.learning.history import learnable
from gateway.learning.measure import Prediction
from gateway.learning.network import telling
from gateway.learning.rows import COLUMNS, DELIMITERS, RowsError, read
from gateway.learning.samples import SampleReader, own_id
from gateway.models import registry
from gateway.models.active import ActiveModels
from gateway.models.registry import Card, Draft, ModelError
from gateway.process import Kanal
from normalizer.report import Agency, Assignment, Outcome, Reason, Status
from router.blend import ScoringInput
from router.learned import LearnedRanker, Model
from tests.gateway import learning_rows
from tests.gateway.learning_rows import REGION, written
from tests.router import test_kinds
from tests.router.making import place, report

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)


def settings(home: Path) -> Settings:
    return load(server={"data_dir": str(home)})


@cache
def parts() -> components.Components:
    return components.load(load())


def quiet(_: str) -> None:
    """Hear what is being done."""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with one trained model of Samarinda, not to be changed."""
    home = tmp_path_factory.mktemp("trained")
    command.train(settings(home), learning_rows.history(home / "rows.csv"), region=REGION)
    return home


@pytest.fixture
def home(trained: Path, tmp_path: Path) -> Path:
    """A copy of the trained data folder, to be changed."""
    shutil.copytree(trained, tmp_path / "home")
    return tmp_path / "home"


def card(home: Path) -> Card:
    found = registry.active(home / "models", "agency")
    assert found
    return found


def asked(home: Path, text: str, codes: Sequence[str] = (REGION,)) -> tuple[str, float]:
    """Ask the model in use."""
    routing = parts().routing
    learned = registry.scorer(home / "models", routing.register)
    assert isinstance(learned, LearnedRanker)
    whole = report(text, [place(code) for code in codes])
    reading = routing.topics.lexicon.read(text)
    found = learned.rank([ScoringInput(whole, reading, routing.topics.rank(reading), [])])[0]
    return found[0].agency.id, found[0].confidence


# rows


def test_rows_are_sorted_by_the_day_they_came_in(tmp_path: Path) -> None:
    rows = read(learning_rows.history(tmp_path / "a.csv", rows=5)).rows
    assert [int(row.text.split()[-1]) for row in rows] == [0, 1, 2, 3, 4]


def test_rows_without_a_day_stay_in_the_order_of_the_file(tmp_path: Path) -> None:
    path = written(
        tmp_path / "a.csv",
        ["text", "agency", "received"],
        [["b", "X", "2025-02-01"], ["a", "X", ""], ["", "X", ""], ["c", "", ""]],
    )
    assert [row.text for row in read(path, region="64.72").rows] == ["b", "a"]


def test_a_row_keeps_its_own_region_and_may_gain_its_address(tmp_path: Path) -> None:
    path = written(
        tmp_path / "a.csv",
        ["text", "agency", "region", "address"],
        [["t", "X", "35.78", "Jl. Satu"], ["u", "X", "", ""]],
    )
    found = read(path, region="64.72", address=True).rows
    assert [(row.text, row.region) for row in found] == [("t\nJl. Satu", "35.78"), ("u", "64.72")]


PLAIN = "text,agency,region\nJalan rusak; parah,Dinas PU,64.72\n"
OFFICE = "Isi Laporan;Instansi\nJalan rusak, parah;Dinas PU\n"


@pytest.mark.parametrize(
    ("content", "text", "separated_by"),
    [
        (PLAIN.encode(), "Jalan rusak; parah", "commas"),
        (PLAIN.encode("utf-8-sig"), "Jalan rusak; parah", "commas"),
        (PLAIN.replace("\n", "\r\n").encode("utf-16"), "Jalan rusak; parah", "commas"),
        (PLAIN.replace("\n", "\r").encode(), "Jalan rusak; parah", "commas"),
        (b"\xfe\xff" + PLAIN.encode("utf-16-be"), "Jalan rusak; parah", "commas"),
        (b"Text, AGENCY \na,b\n", "a", "commas"),
        (b"text , agency\na,b\n", "a", "commas"),
        (b'"Text","Agency"\na,b\n', "a", "commas"),
        (b"text;agency\na, b;c\n", "a, b", "semicolons"),
        (b'text;agency;"a,b,c"\na, b;c;d\n', "a, b", "semicolons"),
        (b"sep=;\ntext;agency\na;b\n", "a", "semicolons"),
        (b'\xef\xbb\xbf"SEP=,"\r\ntext,agency\r\na,b\r\n', "a", "commas"),
        (b"sep=^\ntext^agency\na;b^c\n", "a;b", "'^'"),
        (b"text\tagency\na, b\tc\n", "a, b", "tabs"),
        (b"sep=\t\ntext\tagency\na, b\tc\n", "a, b", "tabs"),
        (b"agency|text\nc|a, b\n", "a, b", "bars"),
        (OFFICE.encode(), "Jalan rusak, parah", "semicolons"),
        (OFFICE.encode("utf-16"), "Jalan rusak, parah", "semicolons"),
        (b"NO\tURAIAN_LAPORAN\tOPD\n1\ta\tb\n", "a", "tabs"),
        (b"no,laporan,text,agency\n1,x,a,b\n", "a", "commas"),
        (b"no;aduan;disposisi\n1;a\n2;b;c\n\n", "b", "semicolons"),
    ],
)
def test_a_table_is_read_as_offices_have_it(
    tmp_path: Path, content: bytes, text: str, separated_by: str
) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    found = read(path)
    assert ([row.text for row in found.rows], found.separated_by) == ([text], separated_by)


def test_every_name_of_a_column_is_known_in_every_table(tmp_path: Path) -> None:
    names = [name for column in COLUMNS.values() for name in column]
    assert len(names) == len(set(names))
    path = tmp_path / "a.csv"
    for delimiter in DELIMITERS:
        for text, agency in product(COLUMNS["text"], COLUMNS["agency"]):
            path.write_text(f"{text.upper()}{delimiter}{agency.title()}\na b{delimiter}c\n")
            assert [(row.text, row.label) for row in read(path).rows] == [("a b", "c")]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"isi;where\na;b\n", "no column agency (or kind) (columns are separated by semicolons)"),
        (b"\xff\xfet", "not UTF-16"),
        (b"", "line 1: there is no column text"),
        (b"text,where\na,b\n", "line 1: there is no column agency"),
        (b"text,agency\n,\n", "no row has both text and agency"),
        (b"text,agency\n\xff\xfe,x\n", "not UTF-8"),
        (None, "No such file"),
    ],
)
def test_a_file_that_cannot_be_learned_from_says_why(
    tmp_path: Path, content: bytes | None, said: str
) -> None:
    path = tmp_path / "a.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RowsError, match=re.escape(said)):
        read(path)


@given(st.binary(max_size=200))
def test_no_file_breaks_the_reading(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    for head in (b"text,agency\n", b"", b"sep=", b"\xff\xfe"):
        path.write_bytes(head + content)
        with contextlib.suppress(RowsError):
            assert read(path).rows


# labels


@pytest.mark.parametrize(
    ("label", "region", "learned", "known"),
    [
        ("Dinas Perhubungan", "64.72", "regency:dinas-perhubungan", True),
        ("Dinas Perhubungan Kota Samarinda", "", "regency:dinas-perhubungan", True),
        ("6472-dinas-perhubungan", "", "regency:dinas-perhubungan", True),
        ("PT PLN (Persero)", "64.72", "national:pln", True),
        ("Kecamatan Sambutan", "64.72", "kantor-wilayah", True),
        ("Kelurahan Yang Tidak Ada", "64.72", "kantor-wilayah", True),
        ("Badan Urusan Dermaga", "64.72", "6472-badan-urusan-dermaga", False),
        ("Badan Urusan Dermaga", "", "x-badan-urusan-dermaga", False),
    ],
)
def test_labels_mean_agencies(label: str, region: str, learned: str, known: bool) -> None:
    reader = SampleReader(parts(), "agency")
    found = reader.label(label, region)
    assert (found.learned, found.known) == (learned, known)


@given(st.text(max_size=200), st.sampled_from(["", "64", "64.72", "64.72.01.1001"]))
def test_a_made_up_id_is_always_a_valid_one(label: str, region: str) -> None:
    assert Agency(id=own_id(label, region), name="x")


# training


def test_what_was_learned_is_said_again(trained: Path) -> None:
    assert asked(trained, "perahu tambat sembarangan")[0] == "6472-badan-urusan-dermaga"
    assert asked(trained, "antrean puskesmas lama")[0] == "6472-dinas-kesehatan"
    assert asked(trained, "surat pengantar lurah")[0] == "kantor-wilayah"


@pytest.mark.parametrize("written_rows", [learning_rows.history, learning_rows.kinds])
def test_a_trained_model_is_the_one_the_trainer_saw(
    written_rows: Callable[..., Path], tmp_path: Path
) -> None:
    rows = read(written_rows(tmp_path / "rows.csv", rows=60))
    reader = SampleReader(parts(), rows.purpose)
    samples = reader.read(rows.rows, quiet)
    made = training.teach(rows.purpose, samples, [REGION], quiet)
    model = Model(made.weights)
    expected = made.fitted.probabilities(samples)
    found = [model.probabilities(sample.words, sample.matches) for sample in samples]
    assert np.abs(np.stack(found) - expected).max() < 1e-4


def test_columns_of_one_class_weigh_more_than_columns_of_all() -> None:
    rows = csr_matrix([[1, 1, 0], [1, 1, 0], [1, 0, 1], [1, 0, 0]], dtype=np.float32)
    weights = telling(rows, np.array([0, 0, 1, 1]), 2)
    assert weights[0] < weights[2] < weights[1]
    assert np.mean(weights**2) == pytest.approx(1)


def test_training_twice_gives_the_same_model(trained: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    command.train(settings(other), trained / "rows.csv", region=REGION)
    one, two = (registry.load(home / "models", "agency") for home in (trained, other))
    assert one
    assert two
    assert (one[1].table == two[1].table).all()
    assert one[1].terms == two[1].terms


def test_the_card_says_what_it_was_made_of(trained: Path) -> None:
    found = card(trained)
    assert (found.rows, found.classes, found.regions) == (200, 5, (REGION,))
    assert found.score.top1 > 0.9
    assert found.score.rows == 40
    assert "64.72" in command.versions(settings(trained))


def test_the_archive_opens_without_trusting_anything(trained: Path) -> None:
    path = trained / "models" / "agency" / card(trained).version / registry.ARCHIVE
    assert io.get_untrusted_types(file=path) == []
    assert set(io.load(path)) >= {"classes", "terms", "linear", "networks"}


def test_a_model_of_many_regions_names_the_office_of_each_place(tmp_path: Path) -> None:
    rows = learning_rows.history(tmp_path / "rows.csv", region=True)
    with rows.open("a", encoding="utf-8") as file:
        file.write("lampu jalan padam,Dinas Perhubungan,2025-03-01T00:00:00,\n")
    command.train(settings(tmp_path), rows)
    assert card(tmp_path).regions == ()
    assert asked(tmp_path, "lampu jalan padam", ["35.78"])[0] == "3578-dinas-perhubungan"


@pytest.mark.parametrize(
    ("rows", "said"),
    [(3, "at least 20 rows"), (0, "no row has both")],
)
def test_too_little_is_refused_and_changes_nothing(home: Path, rows: int, said: str) -> None:
    before = card(home)
    path = learning_rows.history(home / "few.csv", rows=rows)
    with pytest.raises(CommandError, match=said):
        command.train(settings(home), path, region=REGION)
    assert card(home) == before


def test_an_unknown_region_is_refused(home: Path) -> None:
    with pytest.raises(CommandError, match=r"no region '99\.99'"):
        command.train(settings(home), home / "rows.csv", region="99.99")


# versions


def test_undo_goes_back_step_by_step(home: Path) -> None:
    first = card(home)
    command.train(settings(home), learning_rows.history(home / "b.csv", seed=8), region=REGION)
    second = card(home)
    assert second.replaces == first.version
    assert command.versions(settings(home)).count("*") == 1
    assert first.version in command.undo(settings(home))
    assert card(home) == first
    assert "No agency model is in use" in command.undo(settings(home))
    assert registry.active(home / "models", "agency") is None
    with pytest.raises(CommandError, match="nothing to undo"):
        command.undo(settings(home))


def test_a_router_at_work_follows_what_becomes_active(home: Path) -> None:
    folder = home / "models" / "agency"
    version = (folder / "active").read_text()
    (folder / "active").unlink()
    made = components.load(settings(home))

    def in_use() -> object:
        return made.routing.scorer

    assert in_use() is None
    (folder / "active").write_text(version)
    made.trained.refresh()
    first = in_use()
    assert isinstance(first, LearnedRanker)
    made.trained.refresh()
    assert in_use() is first  # nothing new: nothing is loaded again

    (folder / "active").write_text("../..")
    with structlog.testing.capture_logs() as logged:
        made.trained.refresh()
        made.trained.refresh()
    assert [line["log_level"] for line in logged] == ["error"]
    assert in_use() is first

    (folder / "active").unlink()
    made.trained.refresh()
    assert in_use() is None


async def test_a_running_gateway_takes_up_what_was_trained_meanwhile(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.assembly.tasks.LOOK_AGAIN", 0.01)
    taken = asyncio.Event()

    class Noticed(ActiveModels):
        def refresh(self) -> None:
            super().refresh()
            if parts.routing.scorer:
                loop.call_soon_threadsafe(taken.set)

    loop = asyncio.get_running_loop()
    wanted = settings(tmp_path / "running")
    parts = components.load(wanted)
    assert parts.routing.scorer is None
    noticed = replace(parts, trained=Noticed(wanted, parts.routing))
    kanal = Kanal(assemble(wanted, parts=noticed))
    await kanal.start(("worker",))
    try:
        shutil.move(home / "models", registry.folder(wanted))
        await asyncio.wait_for(taken.wait(), 60)
    finally:
        await kanal.stop()


@pytest.mark.parametrize("damaged", [False, True])
def test_commands_answer_on_standard_output_alone(
    home: Path, tmp_path: Path, damaged: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model that is taken into use, or cannot be, is nothing that a script reads."""
    if damaged:
        (home / "models" / "agency" / "active").write_text("../..")
    (tmp_path / "kanal.toml").write_text(f'[server]\ndata_dir = "{home}"\n')
    monkeypatch.chdir(tmp_path)
    asked = ("explain", "lampu jalan mati", "--region", REGION, "--json")
    ended = CliRunner().invoke(app, asked)
    assert ended.exit_code == 0
    assert json.loads(ended.stdout)["agency"]["id"] == "6472-dinas-perhubungan"
    assert ("not used" in ended.stderr) == damaged
    checked = CliRunner().invoke(app, ("check", "--json"))
    assert [bool(fault) for fault in json.loads(checked.stdout)] == [True] * damaged


class Killed(BaseException):
    """The process dies here."""


@pytest.mark.parametrize(
    "step",
    ["_pack", "_digest", "sync_folder", "os.rename", "_activate", "os.replace"],
)
def test_dying_in_the_middle_leaves_the_old_model_in_use(
    home: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    before = card(home)
    held = registry.load(home / "models", "agency")
    assert held

    def die(*_: Any, **__: Any) -> None:
        raise Killed

    draft = Draft("agency", 1, before.score, "", held[1], lambda path: path.touch())
    with monkeypatch.context() as patch:
        patch.setattr(f"gateway.models.registry.{step}", die)
        with pytest.raises(Killed):
            registry.save(home / "models", draft)
    assert card(home) == before
    assert asked(home, "antrean puskesmas lama")[0] == "6472-dinas-kesehatan"
    made = registry.save(home / "models", draft)
    assert card(home) == made


def change_card(home: Path, **values: object) -> None:
    path = home / "models" / "agency" / card(home).version / "card.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"format": 1}, "has format 1, this Kanal reads 2"),
        ({"scikit_learn": "1.2.3"}, "was trained with scikit-learn 1.2.3"),
        ({"score": None}, "is damaged"),
        ({"files": {"weights.npz": "0" * 64}}, "is not the file the card speaks of"),
    ],
)
def test_a_model_that_does_not_fit_is_refused_in_words(
    home: Path, values: dict[str, object], said: str
) -> None:
    change_card(home, **values)
    with pytest.raises(ModelError, match=re.escape(said)):
        registry.load(home / "models", "agency")


def test_kinds_of_which_none_is_a_report_are_refused_in_words(home: Path) -> None:
    folder = home / "models"
    weights = test_kinds.weights()
    registry.save(
        folder, Draft("kind", 1, card(home).score, "", weights, lambda path: path.touch())
    )
    assert registry.kinds(folder, ("keluhan",)) is not None
    assert checks.model_faults(settings(home)) == []
    with pytest.raises(ModelError, match=r"none of its kinds .* name one in \[routing\] reports"):
        registry.kinds(folder, ("complaint",))
    strange = load(server={"data_dir": str(home)}, routing={"reports": ["complaint"]})
    [fault] = checks.model_faults(strange)
    assert "[routing] reports" in str(fault)


@pytest.mark.parametrize("name", [registry.WEIGHTS, registry.ARCHIVE, "card.json"])
@pytest.mark.parametrize("damage", [b"", b"{", b"PK\x03\x04garbage"])
def test_a_damaged_file_is_noticed(home: Path, name: str, damage: bytes) -> None:
    (home / "models" / "agency" / card(home).version / name).write_bytes(damage)
    with pytest.raises(ModelError, match="train again"):
        registry.load(home / "models", "agency")


@pytest.mark.parametrize("name", ["../../etc", "", "nowhere"])
def test_a_pointer_to_nothing_is_refused(home: Path, name: str) -> None:
    (home / "models" / "agency" / "active").write_text(name)
    with pytest.raises(ModelError):
        registry.load(home / "models", "agency")


def test_training_and_undo_mend_what_is_damaged(home: Path) -> None:
    first = card(home)
    folder = home / "models" / "agency"
    (folder / "active").write_text("../..")
    command.train(settings(home), home / "rows.csv", region=REGION)
    second = card(home)
    assert second.replaces == ""
    (folder / second.version / "card.json").write_text("{")
    assert first.version in command.undo(settings(home))
    assert card(home) == first


def test_without_training_there_is_no_model(tmp_path: Path) -> None:
    assert registry.load(tmp_path, "agency") is None
    assert registry.scorer(tmp_path, parts().routing.register) is None
    assert "the phrases decide" in command.versions(settings(tmp_path))


# evaluating


def test_the_newest_rows_are_held_out_and_measured_beside_the_obvious(
    trained: Path, tmp_path: Path
) -> None:
    page = tmp_path / "page.html"
    path = trained / "rows.csv"
    found = json.loads(
        command.evaluate(
            settings(tmp_path), path, region=REGION, holdout=0.25, as_json=True, html=page
        )
    )
    assert (found["rows"], found["trained_on"]) == (50, 150)
    assert found["top1"] > 0.9
    assert found["unknown_labels"] == ["Badan Urusan Dermaga"]
    assert list(found["ways"]) == ["model", "TF-IDF + linear SVM", "phrases (untrained)"]
    assert found["ways"]["phrases (untrained)"]["top1"] < found["top1"]
    written_page = page.read_text("utf-8")
    assert written_page.count("<svg") == 2
    assert "http" not in written_page.replace("http://www.w3.org", "")
    assert not (tmp_path / "models").exists()


def test_the_model_in_use_is_measured_without_holding_out(trained: Path) -> None:
    path, used = trained / "rows.csv", settings(trained)
    said = command.evaluate(used, path, region=REGION)
    assert "200 rows measured" in said
    assert said.splitlines()[3].startswith("model ")
    untrained = command.evaluate(used, path, region=REGION, untrained=True)
    assert "\nmodel " not in untrained
    assert "phrases (untrained)" in untrained


def test_villages_count_one_by_one_when_asked_to(tmp_path: Path) -> None:
    rows = [["surat pengantar lurah", "Kecamatan Sambutan"]] * 2
    path = written(tmp_path / "a.csv", ["text", "agency"], rows)
    both = [
        json.loads(
            command.evaluate(
                settings(tmp_path), path, region=REGION, keep_villages=keep, as_json=True
            )
        )["agencies"][0]["id"]
        for keep in (False, True)
    ]
    assert both == ["kantor-wilayah", "647207-kecamatan"]


def test_kinds_of_message_are_learned_and_measured_too(tmp_path: Path) -> None:
    path = learning_rows.kinds(tmp_path / "kinds.csv")
    found = json.loads(command.evaluate(settings(tmp_path), path, holdout=0.25, as_json=True))
    assert found["top1"] > 0.9
    assert "In use: kind" in command.train(settings(tmp_path), path)
    again = json.loads(command.evaluate(settings(tmp_path), path, as_json=True))
    assert again["measured"] == "model"
    assert registry.active(tmp_path / "models", "agency") is None


@pytest.mark.parametrize("holdout", [1.0, -0.1, 0.001])
def test_a_holdout_that_leaves_nothing_is_refused(trained: Path, holdout: float) -> None:
    with pytest.raises(CommandError):
        command.evaluate(settings(trained), trained / "rows.csv", holdout=holdout)


# numbers


def answers(*pairs: tuple[bool, float]) -> list[Prediction]:
    return [Prediction("a", ("a",) if right else ("b", "a"), sure) for right, sure in pairs]


def test_the_numbers_of_a_small_table() -> None:
    table = answers((True, 0.9), (True, 0.9), (False, 0.6), (True, 0.3))
    found = measure.score(table)
    assert (found.rows, found.top1, found.top3) == (4, 0.75, 1.0)
    assert (found.coverage_90, found.coverage_95) == (0.5, 0.5)
    assert found.calibration_error == pytest.approx((0.1 * 2 + 0.6 + 0.7) / 4)
    assert measure.confusions(table) == [("a", "b", 1)]


def test_rows_that_are_equally_sure_stand_or_fall_together() -> None:
    assert measure.coverage(answers((True, 0.9), (False, 0.9)), 0.9) == 0.0
    assert measure.score([]).top1 == 0.0


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 1)), min_size=1, max_size=60))
def test_scores_stay_in_range_and_stricter_covers_less(rows: list[tuple[bool, float]]) -> None:
    found = measure.score(answers(*rows))
    assert 0 <= found.calibration_error <= 1
    assert found.coverage_95 <= found.coverage_90 <= 1
    assert sum(each.rows for each in measure.bins(answers(*rows))) == len(rows)


# history


def decided(by: str, status: Status, agency: str | None = "6472-dinas-pu") -> Any:
    made = Assignment(
        decision=Outcome.ASSIGN if agency else Outcome.TRIAGE,
        agency=Agency(id=agency, name=agency) if agency else None,
        confidence=1.0,
        reasons=(Reason(rule="operator", text="x"),),
        by=by,
        at=NOW,
    )
    return report("jalan rusak", [place(REGION)], assignment=made, status=status)


@pytest.mark.parametrize(
    ("whole", "kept"),
    [
        (decided("operator:sari", Status.FORWARDED), True),
        (decided("router", Status.ANSWERED), True),
        (decided("router", Status.FORWARDED), False),
        (decided("router", Status.TRIAGE, None), False),
        (report("belum diputuskan"), False),
    ],
)
def test_history_is_what_a_person_stood_by(whole: Any, kept: bool) -> None:
    rows = learnable([whole]).rows
    assert [(row.label, row.region) for row in rows] == [("6472-dinas-pu", REGION)] * kept
