"""A bar chart as SVG: a group for each contestant, a bar for each condition."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

from fairpoll.base.text import plain
from fairpoll.reports.charts import COLORS
from fairpoll.reports.svg import INK, WIDTH, inline

# In px at full width: the room for names, headings and the axis, and the height of a bar.
LEFT, HEAD, FOOT, RIGHT, BAR = 200, 62, 48, 60, 13
NAME_COLUMNS = 30


@dataclass(frozen=True)
class Bar:
    """One value of a contestant under a condition."""

    name: str
    condition: str
    value: float


def bar_chart(title: str, x_label: str, conditions: Sequence[str], bars: Sequence[Bar]) -> str:
    """An `<svg>` element; the groups come from top to bottom in the order of `bars`. No bars, no chart."""
    if not bars:
        return ""
    import matplotlib as mpl  # noqa: PLC0415 - takes half a second, and few commands draw
    from matplotlib.figure import Figure  # noqa: PLC0415

    names = list(dict.fromkeys(bar.name for bar in bars))
    pitch = BAR * (len(conditions) + 1)
    total = HEAD + pitch * len(names) + FOOT
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "fairpoll", "text.parse_math": False})
        figure = Figure(figsize=(WIDTH / 72, total / 72), dpi=72)
        figure.text(0, 1 - 16 / total, plain(title), size=16, weight="bold", color=INK)
        box = (LEFT / WIDTH, FOOT / total, (WIDTH - LEFT - RIGHT) / WIDTH, pitch * len(names) / total)
        top = max(*(bar.value for bar in bars), 1.0)
        axes = figure.add_axes(box, frameon=False, xlim=(0, top), ylim=(pitch * len(names), 0))
        for at, condition in enumerate(conditions):
            color = list(COLORS.values())[1 + at]
            places = {bar.name: bar.value for bar in bars if bar.condition == condition}
            for name, value in places.items():
                middle = names.index(name) * pitch + BAR * (at + 1)
                axes.barh(middle, value, BAR * 0.8, color=color, clip_on=False)
                axes.text(value + top / 150, middle, f"{value:.1f}", size=10, va="center", color=INK)
            x = (LEFT + at * (WIDTH - LEFT) / len(conditions)) / WIDTH
            figure.text(x, 1 - 42 / total, "\u25a0", size=16, color=color)
            figure.text(x + 16 / WIDTH, 1 - 42 / total, plain(condition), size=13, color=INK)
        axes.set_yticks(
            [pitch * (at + 0.5) for at in range(len(names))], [plain(n)[:NAME_COLUMNS] for n in names]
        )
        axes.tick_params(length=0, labelsize=12, colors=INK)
        axes.set_xlabel(plain(x_label), size=13, color=INK)
        out = io.StringIO()
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None})
    description = "; ".join(f"{bar.name}, {bar.condition}: {bar.value:.1f}" for bar in bars)
    return inline(out.getvalue(), title, plain(description))
