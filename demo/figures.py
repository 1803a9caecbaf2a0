"""What the demo draws, with matplotlib, in colours that colour-blind people can tell apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import matplotlib as mpl

mpl.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter
from words import month_labels, shown, signed

# Okabe and Ito's, in an order in which neighbours differ in lightness too.
COLORS = ("#0072b2", "#e69f00", "#56b4e9", "#d55e00", "#f0e442", "#009e73")
OTHERS, INK, FAINT, RULE = "#cccccc", "#1a1a1a", "#595959", "#d9d9d9"
THOUSAND = 1000

plt.rcParams |= {
    "font.size": 11,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    # Text stays text: it can be found, and is set in the font of the page.
    "svg.fonttype": "none",
    # The same bill makes the same file.
    "svg.hashsalt": "bill",
}


def bill(costs: Mapping[str, Mapping[str, float]], balances: Mapping[str, float], services: Sequence[str]) -> Figure:
    """Draw the cost of each month, stacked by service with all others on top, and what its balance states."""
    figure, axes = plt.subplots(figsize=(10.4, 5), layout="constrained")
    totals = [0.0] * len(costs)
    for service, color in [*zip(services, COLORS, strict=True), ("Others", OTHERS)]:
        heights = [
            by_service.get(service, 0) if service in services else sum(by_service.values()) - below
            for by_service, below in zip(costs.values(), totals, strict=True)
        ]
        axes.bar(range(len(costs)), heights, 0.8, totals, label=service, color=color, edgecolor="white", linewidth=0.8)
        totals = [below + height for below, height in zip(totals, heights, strict=True)]
    stated = [balances[month] for month in costs]
    axes.plot(stated, "D", color=INK, markersize=6, markeredgecolor="white", label="Azure's balance")
    for place, total in enumerate(totals):
        words = f"{total / THOUSAND:.1f}" + ("\nso far" if place == len(totals) - 1 else "")
        box = {"facecolor": "white", "edgecolor": "none", "pad": 1}
        axes.annotate(words, (place, total), (0, 7), textcoords="offset points", ha="center", va="bottom", bbox=box)
    axes.set_xticks(range(len(costs)), month_labels(list(costs)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value / THOUSAND:.0f}"))
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(length=0)
    axes.grid(axis="y", color=RULE, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.margins(x=0.01, y=0.08)
    handles, labels = axes.get_legend_handles_labels()
    axes.legend(handles[::-1], labels[::-1], loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    return figure


@dataclass(frozen=True)
class Restatement:
    """An amount and its number of rows, before and after."""

    name: str
    before: float
    rows_before: int
    after: float
    rows: int


def restatements(found: Sequence[Restatement]) -> Figure:
    """Draw each amount before and after, all to one scale, which does not begin at zero."""
    figure, several = plt.subplots(len(found), figsize=(6.6, 0.95 * len(found)), layout="constrained", squeeze=False)
    reach = 1.45 * max(abs(each.after - each.before) for each in found)
    for axes, each in zip(several[:, 0], found, strict=True):
        before, after = each.before, each.after
        middle, side = (before + after) / 2, 1 if after > before else -1
        arrow = {"arrowstyle": "-|>", "color": INK, "linewidth": 1.5, "shrinkA": 7, "shrinkB": 7}
        axes.annotate("", (after, 0), (before, 0), arrowprops=arrow)
        axes.plot(before, 0, "o", markersize=12, color="white", markeredgecolor=COLORS[0], markeredgewidth=2.5)
        axes.plot(after, 0, "o", markersize=13, color=COLORS[3])
        for word, amount, rows, away in (("before", before, each.rows_before, -side), ("now", after, each.rows, side)):
            axes.annotate(
                f"{word} {shown(amount)}\n{rows:,} row{'s' * (rows != 1)}", (amount, 0), (14 * away, 0),
                textcoords="offset points", ha="left" if away > 0 else "right", va="center",
            )  # fmt: skip
        axes.annotate(
            signed(after - before), (middle, 0), (0, 9), textcoords="offset points", ha="center", weight="bold"
        )
        axes.set_xlim(middle - reach, middle + reach)
        axes.set_ylim(-1, 1.4)
        axes.set_yticks([0], [each.name])
        axes.set_xticks([])
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
    return figure
