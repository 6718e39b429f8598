"""Draw the PNG icons beside ``lapor.svg``: ``python -m gateway.portals.citizen.draw_icons``.

The same picture as the SVG, which some home screens cannot show. Needed only when it changes.
"""

from pathlib import Path

from PIL import Image, ImageDraw

FOLDER = Path(__file__).parent / "static"
ACCENT, PAPER = "#0b5c7a", "#ffffff"
GRID = 48
"""The SVG's view box."""
FINE = 4
"""Drawn this much larger, then made smaller: Pillow draws hard edges."""


def draw_icon(size: int, *, maskable: bool = False) -> Image.Image:
    """Draw the icon; a maskable one has no corners and a wide rim that a launcher may cut off."""
    unit = size * FINE / GRID
    picture = Image.new("RGBA", (size * FINE, size * FINE))
    pen = ImageDraw.Draw(picture)
    whole = (0, 0, size * FINE - 1, size * FINE - 1)
    pen.rounded_rectangle(whole, 0 if maskable else 10 * unit, fill=ACCENT)
    scale, shift = (0.72, GRID * 0.14) if maskable else (1.0, 0.0)

    def at(*points: float) -> list[float]:
        return [(each * scale + shift) * unit for each in points]

    pen.rounded_rectangle(at(9, 13, 39, 33), 3 * scale * unit, fill=PAPER)
    pen.polygon(at(17, 32, 17, 40, 26, 32), fill=PAPER)
    tick = at(16, 23.5, 21.5, 29, 32, 18.5)
    width = 3.5 * scale * unit
    pen.line(tick, fill=ACCENT, width=round(width), joint="curve")
    for x, y in (tick[:2], tick[-2:]):
        pen.ellipse((x - width / 2, y - width / 2, x + width / 2, y + width / 2), fill=ACCENT)
    small = picture.resize((size, size), Image.Resampling.LANCZOS)
    return small.quantize(32)


def main() -> None:
    """Write all icons."""
    draw_icon(192).save(FOLDER / "lapor-192.png", optimize=True)
    draw_icon(512).save(FOLDER / "lapor-512.png", optimize=True)
    draw_icon(512, maskable=True).save(FOLDER / "lapor-maskable-512.png", optimize=True)


if __name__ == "__main__":
    main()
