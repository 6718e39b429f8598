"""No word that a person reads stands in code or in a template: it stands in ``config``."""

import ast
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CODE = [path for room in ("gateway", "adapters", "router") for path in (ROOT / room).rglob("*.py")]
TEMPLATES = sorted((ROOT / "gateway").rglob("*.html"))
_SPOKEN = """
ada adalah akan anda atau bahwa balas baris belum berkas bila coba dapat dari dengan di diterima
gangguan hanya harus hari ini instansi isi itu jam kami karena kata ke kembali kepada kirim
laporan lagi lalu lampiran masuk menit muat nomor oleh pada pelapor permintaan pesan petugas
pilih sandi sedang sudah surat tanpa terlalu terlapor tidak tulis tunggu untuk wilayah yang
"""
SPOKEN = frozenset(_SPOKEN.split())
"""Words that Indonesian sentences are made of, and English ones are not."""
SINKS = {
    "Conflict", "ConsoleError", "HTMLResponse", "HTTPException", "PlainTextResponse", "Reason",
    "answer", "draw", "page", "piece", "render", "say",
}  # fmt: skip
"""Calls whose strings people read."""
SHOWN = {"text", "subject", "title", "detail", "error", "advice", "paused", "label", "caption"}
"""Arguments whose strings people read, of any call of ``FILLED``."""
FILLED = {"Letter", "Notification", "Outgoing", "Reason", *SINKS}
ATTRIBUTES = {"alt", "aria-label", "placeholder", "title"}
ALLOWED = {
    # The name of an agency, which has one name in every language, as those in config/agencies.
    ("router/blend.py", "Kantor kelurahan/desa atau kecamatan setempat"),
}
FOR_PROGRAMMERS = {"reference.html"}
"""Drawn from the OpenAPI document, whose words are those of the code."""
BRANDS = {"Kanal", "· Kanal", "English", "Bahasa Indonesia", "ID", "EN", "Esc"} | {
    "EN, English", "ID, Bahasa Indonesia",
}  # fmt: skip
"""Names, and languages in their own words, which are the same in every language."""


def sentences(source: str) -> Iterator[tuple[int, str]]:
    """Yield what a person would read in a piece of Python."""
    tree = ast.parse(source)
    quiet = _docstrings(tree) | _patterns(tree)
    for node in ast.walk(tree):
        if id(node) not in quiet and isinstance(node, ast.Constant | ast.JoinedStr):
            text = _text(node)
            if len(_words(text)) > 1 and SPOKEN & {word.lower() for word in _words(text)}:
                yield node.lineno, text
        if isinstance(node, ast.Call) and _name(node.func) in FILLED:
            given = [keyword.value for keyword in node.keywords if keyword.arg in SHOWN]
            given += node.args if _name(node.func) in SINKS else []
            yield from ((n.lineno, _text(n)) for n in given if len(_words(_text(n))) > 1)


def _docstrings(tree: ast.AST) -> set[int]:
    return {id(n.value) for n in ast.walk(tree) if isinstance(n, ast.Expr)}


def _patterns(tree: ast.AST) -> set[int]:
    """Return what is matched against a text: regular expressions, words in sets and lists."""
    matched: set[int] = set()
    for node in ast.walk(tree):
        inside = isinstance(node, ast.Set | ast.Tuple | ast.List | ast.Dict | ast.Compare)
        if isinstance(node, ast.Call):
            inside = _name(node.func) in {"compile", "frozenset", "split", "_any", "startswith"}
        if inside:
            matched |= {id(n) for n in ast.walk(node) if _is_pattern(n) or not _is_prose(n)}
    return matched


def _is_pattern(node: ast.AST) -> bool:
    return bool(re.search(r"[|\\]|\(\?|\.\*", _text(node)))


def _is_prose(node: ast.AST) -> bool:
    """Tell a sentence from a phrase of a list: it begins like one, ends like one or is filled."""
    text = _text(node)
    return bool(re.match(r"[A-Z\[]", text) or re.search(r"[.!?{]", text))


def _text(node: ast.AST) -> str:
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) or "{}" for part in node.values)
    return ""


def _words(text: str) -> list[str]:
    """List the words of a text: no key, path, placeholder or number."""
    plain = (each.strip(".,:;!?…()[]“”\"'—-+") for each in text.split())
    return [each for each in plain if re.fullmatch(r"[^\W\d_]{2,}(?:-[^\W\d_]+)*", each)]


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


class _Reader(HTMLParser):
    """Collects what is read on a page: text, and attributes that are shown or spoken."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._silent = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._silent = tag in ("style", "script")
        self.found += [value or "" for name, value in attrs if name in ATTRIBUTES]

    def handle_endtag(self, tag: str) -> None:
        self._silent = False

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.found.append(data)


def literals(template: str) -> list[str]:
    """List the words in a template that do not come from ``config``."""
    spoken = re.findall(r"\{\{.*?\}\}|\{%.*?%\}", template, re.DOTALL)
    quoted = [text for each in spoken for text in re.findall(r'"([^"<>=]*)"', each)]
    reader = _Reader()
    reader.feed(re.sub(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", "", template, flags=re.DOTALL))
    texts = [" ".join(text.split()) for text in reader.found]
    texts += [text for text in quoted if len(_words(text)) > 1 or re.search(r"[A-Z][a-z]", text)]
    return [t for t in texts if _words(t) and t not in BRANDS and '="' not in t]


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_sentence_stands_in_code(path: Path) -> None:
    name = str(path.relative_to(ROOT))
    found = [
        (line, text) for line, text in sentences(path.read_text()) if (name, text) not in ALLOWED
    ]
    assert found == [], "put it into config/ in both languages"


READ = [path for path in TEMPLATES if path.name not in FOR_PROGRAMMERS]


@pytest.mark.parametrize("path", READ, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_word_stands_in_a_template(path: Path) -> None:
    assert literals(path.read_text()) == [], "put it into config/ in both languages"


@pytest.mark.parametrize(
    "planted",
    [
        'raise Conflict("Laporan ini sudah ditutup.")',
        'raise HTTPException(404, "there is no such report")',
        'NOTE = "Surat terlalu panjang; sebagian dipotong."',
        'TABLE = {"closed": "Laporan ini sudah ditutup."}',
        'text = f"Topik: {name}, dari laporan sebelumnya"',
        'Reason(rule="topic", text=f"About {name} or so")',
        'Letter(id=id, text="Your report was received.")',
        'pages.page("done.html", text="All is done now.")',
    ],
)
def test_a_sentence_in_code_is_found(planted: str) -> None:
    assert list(sentences(planted))


@pytest.mark.parametrize(
    "quiet",
    [
        '"""Laporan ini sudah ditutup."""',
        'SIGN = re.compile(r"(?:laporan|aduan) (?:ini|itu)\\b")',
        'WORDS = frozenset({"laporan baru", "tidak jadi"})',
        'HTTPException(404, "not_with_agency")',
        'log.info("the report was not read", count=3)',
        'raise Forged("the signature does not fit")',
    ],
)
def test_what_nobody_reads_is_left_alone(quiet: str) -> None:
    assert list(sentences(quiet)) == []


@pytest.mark.parametrize(
    ("planted", "found"),
    [
        ("<p>Belum ada.</p>", ["Belum ada."]),
        ('<img alt="Lampiran {{ n }}">', ["Lampiran"]),
        ('{{ "Ke instansi" if each else t.other }}', ["Ke instansi"]),
        ('<button title="{{ hint.send }}">{{ t.send }}</button> · {{ n }} %', []),
        ("<style>body { color: red }</style>{# a comment #}<h1>Kanal</h1>", []),
    ],
)
def test_a_word_in_a_template_is_found(planted: str, found: list[str]) -> None:
    assert literals(planted) == found
