"""Small charts as inline SVG text for the evaluation's page: lines and bars, coloured by the page's own CSS variables.

It knows no measures, and no interaction but each mark's title, which browsers show on hovering.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

WIDTH, HEIGHT = 420, 250
LEFT, RIGHT, TOP, BOTTOM = 58, 12, 12, 42
COLOURS = ("var(--one)", "var(--two)", "var(--three)", "var(--four)")

Line = tuple[str, Sequence[tuple[float, float]]]


def round_up(value: float) -> float:
    """The next number up whose quarters are round, for an axis.

    >>> round_up(33), round_up(0.7), round_up(0)
    (40.0, 0.8, 1.0)
    """
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 4, 8, 10) if value <= step * power * (1 + 1e-9))


def _x(value: float, high: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * value / high


def _y(value: float, high: float) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / high


def _frame(x_label: str, y_label: str, x_ticks: Sequence[tuple[float, str]], y_high: float, y_unit: str) -> list[str]:
    parts = []
    for i in range(5):
        value = y_high * i / 4
        y = _y(value, y_high)
        text = f"{100 * value:.0f}" if y_unit == "%" else f"{value:,.0f}" if y_high >= 100 else f"{value:.3g}"
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{text}</text>')
    for x, text in x_ticks:
        parts.append(f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{escape(text)}</text>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(f'<text x="{middle}" y="{HEIGHT - 6}" text-anchor="middle">{escape(x_label)}</text>')
    centre = (TOP + HEIGHT - BOTTOM) / 2
    label = escape(y_label)
    parts.append(f'<text transform="rotate(-90 12 {centre})" x="12" y="{centre}" text-anchor="middle">{label}</text>')
    return parts


def _svg(title: str, parts: Sequence[str]) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">'
        f"<title>{escape(title)}</title>{''.join(parts)}</svg>"
    )


def line_chart(
    title: str,
    lines: Sequence[Line],
    *,
    x_label: str,
    y_label: str,
    diagonal: bool = False,
    marker: tuple[float, str] | None = None,
    dots: bool = False,
    y_high: float | None = None,
) -> str:
    """Lines over [0, 1]; y from 0 to what is needed, at most 1. `marker`: a named x; `diagonal`: where x is y."""
    ys = [y for _, points in lines for _, y in points]
    high = y_high or min(max(round(max(ys, default=1.0) * 1.15 + 0.05, 1), 0.1), 1.0)
    ticks = [(_x(i / 4, 1), f"{25 * i}") for i in range(5)]
    parts = _frame(x_label, y_label, ticks, high, "%")
    if diagonal:
        x0, y0, x1, y1 = _x(0, 1), _y(0, high), _x(1, 1), _y(1, high)
        parts.append(f'<line class="hint" x1="{x0:.1f}" y1="{y0:.1f}" x2="{x1:.1f}" y2="{y1:.1f}"/>')
    for (name, points), colour in zip(lines, COLOURS, strict=False):
        path = " ".join(f"{_x(x, 1):.1f},{_y(y, high):.1f}" for x, y in points)
        parts.append(f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="{path}"/>')
        if dots:
            parts += [
                f'<circle cx="{_x(x, 1):.1f}" cy="{_y(y, high):.1f}" r="4" fill="{colour}">'
                f"<title>{escape(name)}: {100 * x:.0f} % → {100 * y:.0f} %</title></circle>"
                for x, y in points
            ]
    if marker:
        x = _x(marker[0], 1)
        parts.append(f'<line class="hint" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>')
        anchor = "end" if marker[0] > 0.6 else "start"
        shift = -5 if marker[0] > 0.6 else 5
        parts.append(f'<text x="{x + shift:.1f}" y="{TOP + 12}" text-anchor="{anchor}">{escape(marker[1])}</text>')
    return _svg(title, parts)


def bar_chart(
    title: str, groups: Sequence[tuple[str, Sequence[float]]], names: Sequence[str], *, x_label: str, y_label: str
) -> str:
    """Bars side by side: one group a label, one bar a name."""
    high = round_up(max((value for _, values in groups for value in values), default=0.0))
    step = (WIDTH - LEFT - RIGHT) / max(len(groups), 1)
    ticks = [(LEFT + step * (i + 0.5), label) for i, (label, _) in enumerate(groups)]
    parts = _frame(x_label, y_label, ticks, high, "")
    width = step * 0.8 / max(len(names), 1)
    for i, (label, values) in enumerate(groups):
        for j, (name, value) in enumerate(zip(names, values, strict=True)):
            x, y = LEFT + step * (i + 0.1) + width * j, _y(value, high)
            parts.append(
                f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width - 1, 1):.1f}" height="{_y(0, high) - y:.1f}" '
                f'fill="{COLOURS[j]}"><title>{escape(name)}, {escape(label)}: {value:.4g}</title></rect>'
            )
    return _svg(title, parts)
