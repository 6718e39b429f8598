"""An evaluation as one self-contained page: numbers, reliability diagram, coverage curve."""

from collections.abc import Iterable, Sequence
from html import escape

from gateway.learning import measure
from gateway.learning.evaluate import Evaluation
from gateway.learning.measure import Prediction
from gateway.models.registry import Score

_SIZE, _EDGE = 320, 44
_COLOURS = ("#0b5cad", "#b3541e", "#5b6b7b")
_MOST_ROWS = 40
_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem;
color:#1b2733;background:#fff}
table{border-collapse:collapse;margin:1rem 0}
th,td{padding:.3rem .7rem;border-bottom:1px solid #d5dce3;text-align:right;
white-space:nowrap}
th:first-child,td:first-child{text-align:left;white-space:normal}
figure{display:inline-block;margin:0 1.5rem 1rem 0}
figcaption{font-weight:600;margin-bottom:.3rem}
svg{max-width:100%;height:auto}
text{font-size:11px;fill:#44525f}
"""


def page(found: Evaluation, title: str) -> str:
    """Return the page as HTML; it loads nothing from anywhere."""
    return (
        f'<!doctype html>\n<html lang="id"><head><meta charset="utf-8"><title>{escape(title)}'
        f'</title><meta name="viewport" content="width=device-width"><style>{_STYLE}</style>'
        f"</head><body><h1>{escape(title)}</h1>{_facts(found)}{_scores(found)}"
        f"{_reliability(found)}{_coverage(found)}{_agencies(found)}{_confusions(found)}"
        "</body></html>\n"
    )


def _facts(found: Evaluation) -> str:
    trained = f", dilatih dari {found.trained_on} baris lebih lama" if found.trained_on else ""
    unknown = f", {len(found.unknown)} label tidak dikenal" if found.unknown else ""
    return f"<p>{found.rows} baris diuji{trained}{unknown}.</p>"


def _scores(found: Evaluation) -> str:
    head = ("", "top-1", "top-3", "cakupan 90 %", "cakupan 95 %", "galat kalibrasi")
    rows = [(name, *_numbers(measure.score(answers))) for name, answers in found.answers.items()]
    return _table(head, rows)


def _numbers(score: Score) -> tuple[str, ...]:
    parts = (score.top1, score.top3, score.coverage_90, score.coverage_95)
    return (*(_percent(part) for part in parts), f"{score.calibration_error:.3f}")


def _agencies(found: Evaluation) -> str:
    groups = list(measure.by_agency(found.answers[found.chief]).items())[:_MOST_ROWS]
    rows = [
        (found.names.get(key, key), str(score.rows), _percent(score.top1), _percent(score.top3))
        for key, score in groups
    ]
    return "<h2>Per instansi</h2>" + _table(("instansi", "baris", "top-1", "top-3"), rows)


def _confusions(found: Evaluation) -> str:
    pairs = measure.confusions(found.answers[found.chief])[:_MOST_ROWS]
    rows = [
        (found.names.get(gold, gold), found.names.get(said, said) or "-", str(count))
        for gold, said, count in pairs
    ]
    return "<h2>Salah kirim tersering</h2>" + _table(("seharusnya", "dijawab", "baris"), rows)


def _reliability(found: Evaluation) -> str:
    lines = [
        [(each.confidence, each.right) for each in measure.bins(answers)]
        for answers in found.answers.values()
    ]
    dots = [
        f'<circle cx="{_x(each.confidence):.1f}" cy="{_y(each.right):.1f}" '
        f'r="{2 + 10 * (each.rows / max(1, found.rows)) ** 0.5:.1f}" fill="{_COLOURS[0]}" '
        f'fill-opacity=".35"><title>{each.rows} baris</title></circle>'
        for each in measure.bins(found.answers[found.chief])
    ]
    ideal = (
        f'<path d="M{_x(0):.1f} {_y(0):.1f}L{_x(1):.1f} {_y(1):.1f}" stroke="#9aa7b3" '
        'stroke-dasharray="4"/>'
    )
    parts = (ideal, *dots, *_paths(lines), _legend(found, left=False))
    return _figure("Diagram keandalan (reliability)", "keyakinan", "benar", parts)


def _coverage(found: Evaluation) -> str:
    lines = [_thinned(answers) for answers in found.answers.values()]
    marks = [
        f'<path d="M{_x(0):.1f} {_y(p):.1f}H{_x(1):.1f}" stroke="#9aa7b3" stroke-dasharray="2 4"/>'
        for p in (0.90, 0.95)
    ]
    parts = (*marks, *_paths(lines), _legend(found, left=True))
    return _figure("Kurva cakupan (coverage)", "bagian yang ditugaskan", "benar", parts)


def _thinned(answers: Sequence[Prediction]) -> list[tuple[float, float]]:
    points = measure.curve(answers)
    step = max(1, len(points) // 200)
    return [*points[::step], *points[-1:]]


def _paths(lines: Iterable[Sequence[tuple[float, float]]]) -> list[str]:
    return [
        f'<path d="M{" L".join(f"{_x(x):.1f} {_y(y):.1f}" for x, y in line)}" fill="none" '
        f'stroke="{colour}" stroke-width="2"/>'
        for line, colour in zip(lines, _COLOURS, strict=False)
        if line
    ]


def _legend(found: Evaluation, *, left: bool) -> str:
    x = _EDGE + 10 if left else _EDGE + _SIZE - 140
    return "".join(
        f'<text x="{x}" y="{_EDGE // 2 + _SIZE - 10 - 14 * at}" style="fill:{colour}">'
        f"{escape(name)}</text>"
        for at, (name, colour) in enumerate(zip(found.answers, _COLOURS, strict=False))
    )


def _figure(caption: str, across: str, up: str, parts: Iterable[str]) -> str:
    width, height = _SIZE + _EDGE + 12, _SIZE + _EDGE
    ticks = "".join(
        f'<text x="{_x(n / 5):.1f}" y="{_y(0) + 14:.1f}" text-anchor="middle">{n * 20}</text>'
        f'<text x="{_EDGE - 6}" y="{_y(n / 5) + 4:.1f}" text-anchor="end">{n * 20}</text>'
        for n in range(6)
    )
    frame = (
        f'<rect x="{_EDGE}" y="{_EDGE // 2}" width="{_SIZE}" height="{_SIZE}" fill="none" '
        f'stroke="#c3ccd5"/>{ticks}<text x="{_EDGE}" y="14">% {up}</text>'
        f'<text x="{_EDGE + _SIZE}" y="{_y(0) + 26:.1f}" text-anchor="end">% {across}</text>'
    )
    return (
        f"<figure><figcaption>{escape(caption)}</figcaption>"
        f'<svg role="img" aria-label="{escape(caption)}" viewBox="0 0 {width} {height + 8}" '
        f'width="{width}" height="{height + 8}">{frame}{"".join(parts)}</svg></figure>'
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    def line(tag: str, cells: Sequence[str]) -> str:
        return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"

    return f"<table>{line('th', head)}{''.join(line('td', row) for row in rows)}</table>"


def _percent(share: float) -> str:
    return f"{share * 100:.1f} %"


def _x(share: float) -> float:
    return _EDGE + share * _SIZE


def _y(share: float) -> float:
    return _EDGE / 2 + (1 - share) * _SIZE
