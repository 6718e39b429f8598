"""``kanal train`` and ``kanal evaluate``: what they do with plain values; the words they print.

CommandError    it cannot be done; the message says why
"""

import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from config.settings import Settings
from gateway import components
from gateway.learning import measure, rows
from gateway.learning.measure import Prediction
from gateway.learning.rows import PURPOSES, Rows, RowsError
from gateway.models import registry
from gateway.models.registry import Card, ModelError, Score
from gateway.platform.disk import private_file

if TYPE_CHECKING:
    from router.learned import ModelWeights

_MOST = 10
_HEAD = ("", "top-1", "top-3", "cov@90", "cov@95", "ECE")


class CommandError(Exception):
    """It cannot be done; the message says why."""


def train(settings: Settings, csv: Path, *, region: str = "", address: bool = False) -> str:
    """Train on a CSV and make the model the one in use; return what to print."""
    parts = _parts(settings, region)
    return _learn(settings, parts, _read(csv, region, address), region)


def train_from(settings: Settings, rows: Rows, *, region: str = "") -> str:
    """Train on rows that were read elsewhere, such as the deployment's own history."""
    return _learn(settings, _parts(settings, region), rows, region)


def undo(settings: Settings, purpose: str = "agency") -> str:
    """Go back to the model before; return what to print."""
    try:
        card = registry.undo(registry.folder(settings), purpose)
    except ModelError as error:
        raise CommandError(str(error)) from None
    if card is None:
        return f"No {purpose} model is in use any more."
    return f"In use again: {describe(card)}"


def versions(settings: Settings) -> str:
    """List the trained models, the ones in use marked; return what to print."""
    folder = registry.folder(settings)
    lines = []
    for purpose in PURPOSES:
        try:
            used = registry.active(folder, purpose)
        except ModelError as error:
            lines.append(f"! {error}")
            used = None
        for card in registry.cards(folder, purpose):
            mark = "*" if used and card.version == used.version else " "
            lines.append(f"{mark} {describe(card)}")
    return "\n".join(lines) or "Nothing has been trained yet: the phrases decide."


def describe(card: Card) -> str:
    """Return a card on one line, with its score on the newest rows before it had learned them."""
    where = ", ".join(card.regions) or "everywhere"
    score = card.score
    return (
        f"{card.purpose} {card.version} ({where}): {card.rows} rows, {card.classes} classes, "
        f"top-1 {score.top1:.1%}, top-3 {score.top3:.1%}, "
        f"coverage {score.coverage_95:.0%} at 95 % precision, "
        f"calibration error {score.calibration_error:.3f}"
    )


def evaluate(
    settings: Settings,
    csv: Path,
    *,
    region: str = "",
    holdout: float = 0.0,
    untrained: bool = False,
    keep_villages: bool = False,
    address: bool = False,
    as_json: bool = False,
    html: Path | None = None,
) -> str:
    """Measure on a CSV; return what to print, and write ``html`` if it is named.

    ``holdout`` trains on the older rows in memory and measures that newest part; without it the
    model in use is measured, or the phrases if there is none or ``untrained``.
    """
    from gateway.learning import evaluate as doing
    from gateway.learning.page import page

    if not 0 <= holdout < 1:
        raise CommandError("--holdout is a part between 0 and 1, such as 0.25")
    parts = _parts(settings, region)
    found = _read(csv, region, address)
    try:
        if holdout:
            evaluation = doing.held_out(
                parts, found, holdout, progress, region=region, keep_villages=keep_villages
            )
        else:
            weights = None if untrained else _weights(settings, found.purpose)
            evaluation = doing.as_is(parts, found, weights, progress, keep_villages=keep_villages)
    except RowsError as error:
        raise CommandError(str(error)) from None
    if html:
        with private_file(html) as file:
            file.write(page(evaluation, csv.name).encode())
    return _as_json(evaluation) if as_json else _as_text(evaluation)


def progress(line: str) -> None:
    """Tell on standard error what is being done."""
    sys.stderr.write(f"kanal: {line}\n")
    sys.stderr.flush()


def _learn(settings: Settings, parts: components.Components, rows: Rows, region: str) -> str:
    from gateway.learning import train as doing

    try:
        trained = doing.train(parts, rows, progress, region=region)
        card = doing.keep(registry.folder(settings), trained, parts.routing.topics)
    except (RowsError, ModelError) as error:
        raise CommandError(str(error)) from None
    except OSError as error:
        raise CommandError(f"the model cannot be saved: {error}") from None
    lines = [f"In use: {describe(card)}"]
    if trained.unknown:
        names = ", ".join(trained.unknown[:_MOST])
        lines.append(f"{len(trained.unknown)} labels are in no register and were kept: {names}")
    return "\n".join(lines)


def _parts(settings: Settings, region: str) -> components.Components:
    parts = components.load(settings)
    if region and not parts.gazetteer.region(region):
        raise CommandError(f"there is no region {region!r}")
    return parts


def _read(csv: Path, region: str, address: bool) -> Rows:
    try:
        found = rows.read(csv, region=region, address=address)
    except RowsError as error:
        raise CommandError(str(error)) from None
    progress(f"{csv.name}: {len(found.rows)} rows, columns separated by {found.separated_by}")
    return found


def _weights(settings: Settings, purpose: str) -> "ModelWeights | None":
    try:
        loaded = registry.load(registry.folder(settings), purpose)
    except ModelError as error:
        raise CommandError(str(error)) from None
    return loaded[1] if loaded else None


def _as_text(found: Any) -> str:
    lines = [_facts(found), "", _line(_HEAD)]
    lines += [_line((way, *_cells(measure.score(a)))) for way, a in found.answers.items()]
    confusions = measure.confusions(found.answers[found.chief])[:_MOST]
    if confusions:
        lines += ["", f"Most common confusions of the {found.chief} (right | said | rows)"]
    lines += [
        f"  {found.names.get(gold, gold)} | {found.names.get(said, said) or '-'} | {count}"
        for gold, said, count in confusions
    ]
    return "\n".join(lines)


def _facts(found: Any) -> str:
    facts = [f"{found.rows} rows measured"]
    if found.trained_on:
        facts.append(f"trained on the {found.trained_on} older ones")
        facts.append(f"{found.unseen} with an answer that never occurred before")
    if found.unknown:
        facts.append(f"{len(found.unknown)} labels are in no register")
    return ", ".join(facts) + "."


def _cells(score: Score) -> tuple[str, ...]:
    shares = (score.top1, score.top3, score.coverage_90, score.coverage_95)
    return (*(f"{share:.1%}" for share in shares), f"{score.calibration_error:.3f}")


def _line(cells: Iterable[str]) -> str:
    name, *numbers = cells
    return f"{name:<22}" + "".join(f"{number:>9}" for number in numbers)


def _as_json(found: Any) -> str:
    chief = found.answers[found.chief]
    values = {
        "purpose": found.purpose,
        "rows": found.rows,
        "trained_on": found.trained_on,
        "unseen": found.unseen,
        "unknown_labels": list(found.unknown),
        "measured": found.chief,
        **_rounded(measure.score(chief)),
        "ways": {way: _rounded(measure.score(a)) for way, a in found.answers.items()},
        "reliability": _reliability(chief),
        "agencies": [
            {"id": key, "name": found.names.get(key, key), **_rounded(score)}
            for key, score in measure.by_agency(chief).items()
        ],
        "confusions": [
            {"right": gold, "said": said or None, "rows": count}
            for gold, said, count in measure.confusions(chief)
        ],
    }
    return json.dumps(values, ensure_ascii=False)


def _rounded(score: Score) -> dict[str, float]:
    return {name: round(value, 4) for name, value in score.model_dump().items()}


def _reliability(answers: Sequence[Prediction]) -> list[dict[str, float]]:
    return [
        {"rows": b.rows, "confidence": round(b.confidence, 4), "right": round(b.right, 4)}
        for b in measure.bins(answers)
    ]
