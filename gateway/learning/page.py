"""An evaluation as one self-contained page: numbers, reliability diagram, coverage curve."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from config.words import Language, words
from gateway.learning import measure
from gateway.learning.evaluate import Evaluation
from gateway.learning.measure import Prediction
from gateway.models.registry import Score

_TEMPLATES = Path(__file__).parent / "templates"
_LANGUAGE: Language = "id"
_SIZE, _EDGE = 320, 44
_COLOURS = ("#0b5cad", "#b3541e", "#5b6b7b")
_MOST_ROWS = 40


def page(evaluation: Evaluation, name: str) -> str:
    """Return the page as HTML; it loads nothing from anywhere. ``name`` says what was measured."""
    env = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.globals.update(
        t=words("console").table("evaluation", _LANGUAGE),
        language=_LANGUAGE,
        found=evaluation,
        colours=_COLOURS,
        size=_SIZE,
        edge=_EDGE,
        x=_x,
        y=_y,
    )
    return env.get_template("evaluation.html").render(
        title=words("console").say("evaluation.title", _LANGUAGE, name=name),
        scores=list(_scores(evaluation)),
        bins=measure.bins(evaluation.answers[evaluation.chief]),
        reliability=[
            [(each.confidence, each.right) for each in measure.bins(answers)]
            for answers in evaluation.answers.values()
        ],
        coverage=[_thinned(answers) for answers in evaluation.answers.values()],
        agencies=list(_agencies(evaluation)),
        confusions=list(_confusions(evaluation)),
    )


def _scores(evaluation: Evaluation) -> Iterator[tuple[str, ...]]:
    for name, answers in evaluation.answers.items():
        yield (name, *_numbers(measure.score(answers)))


def _numbers(score: Score) -> tuple[str, ...]:
    parts = (score.top1, score.top3, score.coverage_90, score.coverage_95)
    return (*(_percent(part) for part in parts), f"{score.calibration_error:.3f}")


def _agencies(evaluation: Evaluation) -> Iterator[tuple[str, ...]]:
    for key, score in list(measure.by_agency(evaluation.answers[evaluation.chief]).items())[
        :_MOST_ROWS
    ]:
        name = evaluation.names.get(key, key)
        yield name, str(score.rows), _percent(score.top1), _percent(score.top3)


def _confusions(evaluation: Evaluation) -> Iterator[tuple[str, ...]]:
    for gold, said, count in measure.confusions(evaluation.answers[evaluation.chief])[:_MOST_ROWS]:
        yield evaluation.names.get(gold, gold), evaluation.names.get(said, said) or "-", str(count)


def _thinned(answers: Sequence[Prediction]) -> list[tuple[float, float]]:
    points = measure.curve(answers)
    step = max(1, len(points) // 200)
    return [*points[::step], *points[-1:]]


def _percent(share: float) -> str:
    return f"{share * 100:.1f} %"


def _x(share: float) -> str:
    return f"{_EDGE + share * _SIZE:.1f}"


def _y(share: float, below: int = 0) -> str:
    return f"{_EDGE / 2 + (1 - share) * _SIZE + below:.1f}"
