"""Charts as SVG text, from plain data.

Every label is inert text. Equal input gives equal bytes. `svg` embeds a chart in a page.

Conventions: produced messages are "neutral" (a wide pale band under the other lines), the sync consumer is
"orange", the async consumer "blue". Lines that may cover one another, such as counts, are dashed; ages,
which have the shape of a sawtooth, are solid.
"""

import io
import textwrap
import threading
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from fairpoll.base.text import plain
from fairpoll.reports.svg import INK, WIDTH, inline
from fairpoll.scenarios.model import CONTROL
from fairpoll.verdicts.series import Point, thin

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Points = Sequence[Point] | npt.NDArray[np.float64]
Color = Literal["neutral", "orange", "blue", "green", "purple"]
Style = Literal["solid", "dashed", "dotted"]

# Each at least 3.6:1 against white and against the dark log's #1c2227; also distinct for the colour-blind.
COLORS: dict[Color, str] = {
    "neutral": INK,
    "orange": "#dd6010",
    "blue": "#1f83c9",
    "green": "#0c9270",
    "purple": "#b868ae",
}
DASHES = {"solid": "-", "dashed": (0, (5, 2.5)), "dotted": (0, (1.5, 2))}
# Arguments of Axes.annotate: an offset in px from a point of the axes.
AXES_PX: Any = {"xycoords": "axes fraction", "textcoords": "offset pixels"}

# The picture's measures, in px at its full width.
LEFT, HEADING, GAP, FOOT = 62, 30, 20, 50
PANEL_HEIGHT, ONLY_PANEL_HEIGHT, LINE_HEIGHT = 160, 260, 16
LABEL_COLUMNS = 24  # characters; longer labels take a second line, then an ellipsis
VERTICES = 2_700  # of all lines together: about 35 kB, which leaves room for the rest within 50 kB
LARGEST = 1e15  # larger values are drawn as this one: coordinates would lose whole units, then overflow

# The colours of the built-in consumers; other consumers take one of the others.
KNOWN_COLORS: dict[str, Color] = {CONTROL: "orange", "async": "blue"}
OTHER_COLORS: tuple[Color, ...] = ("green", "purple")

# matplotlib's settings are global to the process: one chart is drawn at a time.
_drawing = threading.Lock()


@dataclass(frozen=True)
class Series:
    """One line. Points may be unsorted; those that are not finite are omitted.

    A `step` line keeps each value until the next point, and the last one to the end of the chart: a count
    that stayed 0 is `[(0, 0)]`. Without points the label has "no data".
    """

    label: str
    points: Points
    color: Color = "blue"
    style: Style = "solid"
    step: bool = False


@dataclass(frozen=True)
class Limit:
    """A horizontal line; with `shaded`, the part of a series above it is shaded."""

    value: float
    label: str
    shaded: bool = True


@dataclass(frozen=True)
class Panel:
    """One plot of a chart, with a y axis of its own that begins at 0."""

    title: str
    y_label: str
    series: Sequence[Series]
    limit: Limit | None = None


def panels(title: str, x_label: str, stack: Sequence[Panel]) -> str:
    """Plots one above the other on one x axis, each with its own y axis, as an `<svg>` element."""
    # With a limit each line is drawn twice: itself, and as the edge of its shading.
    lines = sum(len(panel.series) * (2 if panel.limit else 1) for panel in stack)
    data = [
        [thin(_clean(series.points), VERTICES // max(lines, 1)) for series in panel.series] for panel in stack
    ]
    with _drawing, warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # the browser has the fonts
        drawn = _draw(title, x_label, stack, data)
    return inline(drawn, title, _description(stack, data))


def _short(text: str, columns: int) -> str:
    text = plain(text)
    return text if len(text) <= columns else text[: columns - 1] + "…"


def _clean(points: Points) -> npt.NDArray[np.float64]:
    together = np.asarray(points, float).reshape(-1, 2)
    finite = together[np.isfinite(together).all(axis=1)]
    in_order: npt.NDArray[np.float64] = finite[np.argsort(finite[:, 0], kind="stable")]
    return in_order.clip(-LARGEST, LARGEST)


def _label_lines(panel: Panel, data: list[list[Point]]) -> list[list[str]]:
    """The texts at the lines' ends, the limit's last, each on one or two lines."""
    named = zip(panel.series, data, strict=True)
    texts = [series.label if points else f"{series.label}: no data" for series, points in named]
    texts += [panel.limit.label] if panel.limit else []
    return [textwrap.wrap(plain(text), LABEL_COLUMNS, max_lines=2, placeholder="…") for text in texts]


def _draw(title: str, x_label: str, stack: Sequence[Panel], data: list[list[list[Point]]]) -> str:
    """Matplotlib's SVG document, drawn in INK and with its own ids."""
    import matplotlib as mpl  # noqa: PLC0415 - takes half a second, and few commands draw
    from matplotlib.figure import Figure  # noqa: PLC0415
    from matplotlib.textpath import TextPath  # noqa: PLC0415

    with mpl.rc_context():
        mpl.rcdefaults()  # ignores this machine's matplotlibrc
        mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "fairpoll", "text.parse_math": False})
        mpl.rcParams.update(dict.fromkeys(("text.color", "xtick.color", "ytick.color"), INK))
        sides = [_label_lines(panel, lines) for panel, lines in zip(stack, data, strict=True)]
        texts = [line for side in sides for label in side for line in label]
        widest = max((TextPath((0, 0), text, size=13).get_extents().width for text in texts), default=0)
        usual = PANEL_HEIGHT if len(stack) > 1 else ONLY_PANEL_HEIGHT
        heights = [max(usual, sum(map(_label_size, side))) for side in sides]
        total = HEADING + sum(heights) + sum(map(_heading, stack)) + GAP * (len(stack) - 1) + FOOT
        figure = Figure(figsize=(WIDTH / 72, total / 72), dpi=72)  # at 72 dpi a point is a pixel
        figure.text(0, 1 - 16 / total, _short(title, 100), size=16, weight="bold")
        xs = [x for lines in data for points in lines for x, _ in points] or [0.0]
        span = (min(xs), max(xs) if max(xs) > min(xs) else min(xs) + (abs(min(xs)) or 1.0))
        width, floor = WIDTH - LEFT - 42 - widest, total - HEADING
        for panel, lines, side, height in zip(stack, data, sides, heights, strict=True):
            floor -= _heading(panel) + height
            box = (LEFT / WIDTH, floor / total, width / WIDTH, height / total)
            axes = figure.add_axes(box, xlim=span, frameon=False)
            _draw_panel(axes, panel, lines, side)
            axes.tick_params(labelbottom=panel is stack[-1])
            floor -= GAP
        if stack:
            axes.set_xlabel(_short(x_label, 100), size=13, color=INK, labelpad=6)
        out = io.StringIO()
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None})
    return out.getvalue()


def _draw_panel(axes: "Axes", panel: Panel, data: list[list[Point]], side: list[list[str]]) -> None:
    """The plot, its heading above it, and each line's label at its right-hand end."""
    _scale(axes, panel, data)
    left, right = axes.get_xlim()
    axes.annotate(_short(panel.title, 90), (0, 1), (-LEFT, 26), **AXES_PX, size=14, weight="bold")
    axes.annotate(_short(panel.y_label, 90), (0, 1), (-LEFT, 9), **AXES_PX, size=12, alpha=0.75)
    ends: list[tuple[float, dict[str, Any]]] = []
    for rank, (series, points) in enumerate(zip(panel.series, data, strict=True), start=3):
        band = series.color == "neutral"
        look: dict[str, Any] = {
            "color": COLORS[series.color],
            "linestyle": DASHES[series.style],
            "linewidth": 6 if band else 2.2,
            "alpha": 0.28 if band else 1,
            "solid_capstyle": "butt",
        }
        drawn = [*points, (right, points[-1][1])] if points and series.step else points
        ends.append((drawn[-1][1] if drawn else 0.0, look))
        if not drawn:
            continue
        x, y = zip(*drawn, strict=True)
        axes.plot(x, y, drawstyle="steps-post" if series.step else "default", zorder=rank, **look)
        if drawn[0] == drawn[-1]:
            dot: Any = {"linewidth": 7, "solid_capstyle": "round", "zorder": rank}  # all cap, hardly any line
            axes.plot((x[0], x[0] + (right - left) / 5_000), (y[0], y[0]), color=COLORS[series.color], **dot)
        if panel.limit and panel.limit.shaded and not band:
            shade = _above(drawn, panel.limit.value, series.step)
            axes.fill(
                *zip(*shade, strict=True), color=COLORS[series.color], alpha=0.16, linewidth=0, zorder=2
            )
    if panel.limit:
        look = {"color": INK, "linewidth": 1.3, "linestyle": (0, (2, 2))}
        axes.plot((left, right), (panel.limit.value,) * 2, zorder=9, **look)
        ends.append((panel.limit.value, look))
    _, floor_px, width, height = axes.bbox.bounds
    wanted = [axes.transData.transform((right, y))[1] - floor_px for y, _ in ends]
    for middle, lines, (_, look) in zip(
        _spread(wanted, [*map(_label_size, side)], height), side, ends, strict=True
    ):
        swatch = [1 + 8 / width, 1 + 30 / width], [middle / height] * 2
        axes.plot(*swatch, transform=axes.transAxes, **look)
        for row, text in enumerate(lines):
            above = middle + (len(lines) - 1 - 2 * row) * LINE_HEIGHT / 2
            axes.annotate(text, (1, 0), (36, above), **AXES_PX, size=13, va="center_baseline")
    for artist in (*axes.lines, *axes.patches, *axes.get_xgridlines(), *axes.get_ygridlines()):
        artist.set_clip_on(False)  # all of it lies inside the limits; a clip would cost an id each


def _above(points: list[Point], limit: float, step: bool) -> list[Point]:
    """The outline of the area between a line and the limit below it, with corners where they cross."""
    outline = [(points[0][0], limit)]
    for (x, y), (next_x, next_y) in pairwise(points):
        outline.append((x, max(y, limit)))
        if step:
            outline.append((next_x, max(y, limit)))
        elif (y - limit) * (next_y - limit) < 0:
            outline.append((x + (next_x - x) * (limit - y) / (next_y - y), limit))
    x, y = points[-1]
    return [*outline, (x, max(y, limit)), (x, limit)]


def _scale(axes: "Axes", panel: Panel, data: list[list[Point]]) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator  # noqa: PLC0415

    ys = [0.0, *(y for points in data for _, y in points), *([panel.limit.value] if panel.limit else [])]
    low, high = min(ys), max(ys)
    room = (high - low) * 0.04 or 1.0
    axes.set_ylim(low - (room if low < 0 else 0), high + room)
    axes.xaxis.set_major_locator(MaxNLocator(9, steps=[1, 1.5, 2, 3, 5, 6, 10], integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))
    axes.xaxis.set_major_formatter(FuncFormatter(_number))
    axes.yaxis.set_major_formatter(FuncFormatter(_number))
    axes.tick_params(length=0, labelsize=12, pad=6)
    axes.grid(color=INK, alpha=0.14, linewidth=0.8)
    axes.axhline(0, color=INK, alpha=0.55, linewidth=1)


def _number(value: float, _position: int | None = None) -> str:
    """A number for an axis: 0.5, 1,200, 3.4M, 2e+15."""
    if abs(value) < 1e6:
        return f"{value:,.6g}"
    return f"{value / 1e6:,.6g}M" if abs(value) < 1e12 else f"{value:.3g}"


def _heading(panel: Panel) -> float:
    return 44 if panel.title else 28


def _label_size(lines: list[str]) -> float:
    return (len(lines) + 0.25) * LINE_HEIGHT


def _spread(wanted: list[float], sizes: list[float], height: float) -> list[float]:
    """Middles near the wanted ones, so that labels do not overlap and stay in the panel if they fit."""
    raised = _raise(wanted, sizes)
    lowered = _raise([height - middle for middle in raised], sizes)  # the same again, upside down
    return [height - middle for middle in lowered]


def _raise(middles: list[float], sizes: list[float]) -> list[float]:
    free, raised = -LINE_HEIGHT / 2, list(middles)
    # The first of those that end at the same height is on top.
    for index in sorted(range(len(middles)), key=lambda index: (middles[index], -index)):
        raised[index] = max(middles[index], free + sizes[index] / 2)
        free = raised[index] + sizes[index] / 2
    return raised


def _description(stack: Sequence[Panel], data: list[list[list[Point]]]) -> str:
    """The chart in words, for screen readers."""
    sentences = []
    for panel, lines in zip(stack, data, strict=True):
        parts = [
            f"{series.label} ends at {_number(points[-1][1])}, highest {_number(max(y for _, y in points))}"
            if points
            else f"{series.label} has no data"
            for series, points in zip(panel.series, lines, strict=True)
        ]
        parts += [panel.limit.label] if panel.limit else []
        sentences.append(plain(f"{panel.title} {panel.y_label}: {'; '.join(parts)}."))
    return " ".join(sentences)
