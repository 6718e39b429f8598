"""Trained models on disk: versions side by side, one of them active, changed in one step.

``<folder>/<purpose>/<version>/`` holds ``weights.npz`` (all the gateway loads), ``model.skops``
(what scikit-learn made, to look into) and ``card.json``; ``<folder>/<purpose>/active`` names the
version that is used. A version is complete before it can be named, and the name is replaced whole:
a process that dies in between leaves the old one active.

ModelError      a model cannot be used; the message says why and what to do
"""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version as installed
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from config.settings import Settings
from gateway.platform.clock import wall
from gateway.platform.disk import private_file, private_folder, sync_folder

if TYPE_CHECKING:
    from router.kinds import Kinds
    from router.learned import LearnedRanker, ModelWeights
    from router.register import Register

FORMAT = 2
PURPOSES = ("agency", "kind")
_ACTIVE, _CARD = "active", "card.json"
WEIGHTS, ARCHIVE = "weights.npz", "model.skops"
_ARRAYS = ("seen", "rarity", "table", "bias", "output", "prior", "sharpness", "calibration")
_LISTS = ("classes", "regions", "families", "terms", "topics")


class ModelError(Exception):
    """A model cannot be used; the message says why and what to do."""


class Score(BaseModel):
    """How a model did on its own newest rows before it had learned them."""

    model_config = ConfigDict(frozen=True)

    rows: int
    top1: float
    top3: float
    coverage_90: float
    coverage_95: float
    calibration_error: float


class Card(BaseModel):
    """card.json: what a version is and where it comes from."""

    model_config = ConfigDict(frozen=True)

    format: int
    version: str
    purpose: str
    created: AwareDatetime
    rows: int
    classes: int
    regions: tuple[str, ...]
    terms: int
    scikit_learn: str
    phrases: str
    """Digest of the phrases it was trained with; other phrases make it less sure, not wrong."""
    score: Score
    replaces: str = ""
    """The version that was active before."""
    files: Mapping[str, str]
    """SHA-256 of every other file."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A model to be saved; ``archive`` writes ``model.skops``."""

    purpose: str
    rows: int
    score: Score
    phrases: str
    weights: "ModelWeights"
    archive: Callable[[Path], None]


def folder(settings: Settings) -> Path:
    """Return where a deployment's models are kept: ``[routing] models``, or in its data folder."""
    chosen = settings.routing.models
    return Path(chosen) if chosen else settings.server.data_dir / "models"


def scorer(folder: Path, register: "Register") -> "LearnedRanker | None":
    """Return the agency model in use, ready to rank; None if there is none. Raises ModelError."""
    loaded = load(folder, "agency")
    if loaded is None:
        return None
    from router.learned import LearnedRanker

    return LearnedRanker(loaded[1], register)


def kinds(folder: Path, reports: Collection[str]) -> "Kinds | None":
    """Return the model of kinds in use, None if there is none. Raises ``ModelError``.

    ``reports`` are the kinds that are reports.
    """
    loaded = load(folder, "kind")
    if loaded is None:
        return None
    from router.kinds import Kinds

    try:
        return Kinds(loaded[1], reports)
    except ValueError as error:
        path = folder / "kind" / loaded[0].version
        raise ModelError(f"{path}: {error}; name one in [routing] reports") from None


def scikit_learn() -> str:
    """Return the installed scikit-learn's version, without importing it."""
    return installed("scikit-learn")


def active(folder: Path, purpose: str) -> Card | None:
    """Return the card of the version in use, None if there is none. Raises ``ModelError``."""
    name = active_name(folder, purpose)
    return card(folder, purpose, name) if name else None


def active_name(folder: Path, purpose: str) -> str:
    """Return the name of the version in use, "" if there is none. Raises ``ModelError``."""
    return _active_name(folder / purpose)


def card(folder: Path, purpose: str, version: str) -> Card:
    """Return the card of a version. Raises ``ModelError`` if the version cannot be used."""
    path = folder / purpose / version / _CARD
    try:
        values = json.loads(path.read_bytes())
        if values.get("format") != FORMAT:
            raise _refused(path, f"has format {values.get('format')}, this Kanal reads {FORMAT}")
        found = Card.model_validate(values)
    except OSError as error:
        raise _refused(path, error.strerror or str(error)) from None
    except (ValueError, AttributeError, ValidationError):
        raise _refused(path, "is damaged") from None
    if _minor(found.scikit_learn) != _minor(scikit_learn()):
        raise _refused(
            path,
            f"was trained with scikit-learn {found.scikit_learn}, installed is {scikit_learn()}",
        )
    return found


def cards(folder: Path, purpose: str) -> list[Card]:
    """List the versions that can be used, oldest first."""
    found = []
    for path in sorted((folder / purpose).glob(f"*/{_CARD}")):
        try:
            found.append(card(folder, purpose, path.parent.name))
        except ModelError:
            continue
    return found


def load(folder: Path, purpose: str) -> "tuple[Card, ModelWeights] | None":
    """Load the version in use, None if there is none. Raises ``ModelError``."""
    found = active(folder, purpose)
    if found is None:
        return None
    home = folder / purpose / found.version
    for name, digest in found.files.items():
        if _digest(home / name) != digest:
            raise _refused(home / name, "is not the file the card speaks of")
    return found, _unpack(home / WEIGHTS)


def save(folder: Path, draft: Draft) -> Card:
    """Write a new version and make it the one in use, or leave everything as it was."""
    home = folder / draft.purpose
    private_folder(home)
    building = Path(tempfile.mkdtemp(prefix=".new-", dir=home))
    try:
        made = _write(home, building, draft)
        os.rename(building, home / made.version)
        sync_folder(home)
    except BaseException:
        shutil.rmtree(building, ignore_errors=True)
        raise
    _activate(home, made.version)
    return made


def undo(folder: Path, purpose: str) -> Card | None:
    """Go back to the version before; None says that the phrases alone decide again.

    Raises ``ModelError`` when no version is in use or the one before cannot be used.
    """
    home = folder / purpose
    name = _active_name(home)
    if not name:
        raise ModelError(f"no {purpose} model is in use: there is nothing to undo")
    before = _before(folder, purpose, name)
    if not before:
        (home / _ACTIVE).unlink()
        sync_folder(home)
        return None
    found = card(folder, purpose, before)
    _activate(home, before)
    return found


def _before(folder: Path, purpose: str, version: str) -> str:
    """Return the version that another one replaced; the newest usable one if its card is lost."""
    try:
        values = json.loads((folder / purpose / version / _CARD).read_bytes())
        return str(values.get("replaces", ""))
    except (OSError, ValueError, AttributeError):
        others = [card.version for card in cards(folder, purpose) if card.version != version]
        return others[-1] if others else ""


def _write(home: Path, building: Path, draft: Draft) -> Card:
    draft.archive(building / ARCHIVE)
    _pack(building / WEIGHTS, draft.weights)
    created = wall()
    made = Card(
        format=FORMAT,
        version=_free_name(home, created),
        purpose=draft.purpose,
        created=created,
        rows=draft.rows,
        classes=len(draft.weights.classes),
        regions=draft.weights.regions,
        terms=len(draft.weights.terms),
        scikit_learn=scikit_learn(),
        phrases=draft.phrases,
        score=draft.score,
        replaces=_replaced(home),
        files={name: _digest(building / name) for name in (ARCHIVE, WEIGHTS)},
    )
    with private_file(building / _CARD) as file:
        file.write((made.model_dump_json(indent=2) + "\n").encode())
    for path in building.iterdir():
        path.chmod(0o600)
        _sync(path)
    sync_folder(building)
    return made


def _replaced(home: Path) -> str:
    """Return the version in use, "" where that cannot be told: training mends that."""
    try:
        return _active_name(home)
    except ModelError:
        return ""


def _free_name(home: Path, created: datetime) -> str:
    name, number = f"{created:%Y%m%d-%H%M%S}", 1
    while (home / f"{name}-{number}").exists():
        number += 1
    return f"{name}-{number}"


def _activate(home: Path, version: str) -> None:
    """Name the version in use: written aside, then put in place whole."""
    handle, aside = tempfile.mkstemp(prefix=".active-", dir=home)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(version + "\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(aside, home / _ACTIVE)
    sync_folder(home)


def _active_name(home: Path) -> str:
    try:
        name = (home / _ACTIVE).read_text("utf-8").strip()
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError):
        raise _refused(home / _ACTIVE, "cannot be read") from None
    if Path(name).name != name or not name:
        raise _refused(home / _ACTIVE, "names no version")
    return name


def _pack(path: Path, weights: "ModelWeights") -> None:
    import numpy as np

    words = {name: getattr(weights, name) for name in _LISTS} | {"names": dict(weights.names)}
    text = np.frombuffer(json.dumps(words, ensure_ascii=False).encode(), np.uint8)
    arrays: dict[str, Any] = {name: getattr(weights, name) for name in _ARRAYS}
    np.savez(path, words=text, **arrays)


def _unpack(path: Path) -> "ModelWeights":
    import numpy as np

    from router.learned import ModelWeights

    try:
        with np.load(path, allow_pickle=False) as file:
            words = json.loads(file["words"].tobytes())
            arrays: dict[str, Any] = {
                name: np.ascontiguousarray(file[name], np.float32) for name in _ARRAYS
            }
        parts: dict[str, Any] = {name: tuple(words[name]) for name in _LISTS}
        return ModelWeights(names=words["names"], **parts, **arrays)
    except (OSError, ValueError, KeyError, BadZipFile):
        raise _refused(path, "is damaged") from None


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise _refused(path, error.strerror or str(error)) from None


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])


def _refused(path: Path, why: str) -> ModelError:
    return ModelError(f"{path}: {why}; train again (kanal train CSV) or go back (--undo)")
