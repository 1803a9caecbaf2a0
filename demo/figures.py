"""What the demo draws, with matplotlib, in colours that colour-blind people can tell apart."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from io import StringIO
from pathlib import Path
from string import Template

import matplotlib as mpl

mpl.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter
from questions import SHOWN, Bill, Row
from words import month_labels, month_name, shown, signed

# Okabe and Ito's, in an order in which neighbours differ in lightness too.
COLORS = ("#0072b2", "#e69f00", "#56b4e9", "#d55e00", "#f0e442", "#009e73")
OTHERS, INK, RULE = "#cccccc", "#1a1a1a", "#d9d9d9"
THOUSAND = 1000

DRAWING = Template("""\
<figure class="wide" id="$id"><svg $box role="img" aria-labelledby="$id-title $id-description">
<title id="$id-title">$title</title><desc id="$id-description">$description</desc>
$content</figure>""")

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


def year(bill: Bill, png: Path) -> str:
    """Draw the cost of each month by service, for the page and as a picture."""
    figure = _months(bill)
    title = "Monthly cost by service"
    extent = f"{len(bill.costs)} stacked bars, each marked with the total in Azure's balance."
    drawing = _svg(figure, "bill", title, f"{extent} The table below has the numbers.")
    # On the page, the heading says so.
    figure.suptitle(f"{title}, in thousands of {bill.currency}", x=0.01, ha="left", fontsize=14)
    figure.savefig(png, dpi=130)
    return drawing


def _months(bill: Bill) -> Figure:
    """Stack each month by service with all others on top, and mark what its balance states."""
    figure, axes = plt.subplots(figsize=(10.4, 5), layout="constrained")
    months = list(bill.costs)
    totals = [0.0] * len(months)
    for service, color in [*zip(bill.services, COLORS, strict=False), ("Others", OTHERS)]:
        heights = [
            by_service.get(service, 0) if service in bill.services else sum(by_service.values()) - below
            for by_service, below in zip(bill.costs.values(), totals, strict=True)
        ]
        axes.bar(range(len(months)), heights, 0.8, totals, label=service, color=color, edgecolor="white", linewidth=0.8)
        totals = [below + height for below, height in zip(totals, heights, strict=True)]
    stated = [bill.balances[month] for month in months]
    axes.plot(stated, "D", color=INK, markersize=6, markeredgecolor="white", label="Azure's balance")
    for place, (month, total) in enumerate(zip(months, totals, strict=True)):
        words = f"{total / THOUSAND:.1f}" + bill.so_far(month).replace(" ", "\n", 1)
        box = {"facecolor": "white", "edgecolor": "none", "pad": 1}
        axes.annotate(words, (place, total), (0, 7), textcoords="offset points", ha="center", va="bottom", bbox=box)
    axes.set_xticks(range(len(months)), month_labels(months))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value / THOUSAND:.0f}"))
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(length=0)
    axes.grid(axis="y", color=RULE, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.margins(x=0.01, y=0.08)
    handles, labels = axes.get_legend_handles_labels()
    axes.legend(handles[::-1], labels[::-1], loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    return figure


def restatements(bill: Bill) -> str:
    """Draw for the page what was restated; nothing if no amount was."""
    found = [row for row in bill.answers["restated"].rows if row["amount_difference"]][:SHOWN]
    if not found:
        return ""
    return _svg(
        _before_and_now(found), "restated", "Restated amounts, before and now", "The table below has the numbers."
    )


def _before_and_now(found: Sequence[Row]) -> Figure:
    """Draw each amount before and now, all to one scale, which does not begin at zero."""
    figure, several = plt.subplots(len(found), figsize=(6.6, 0.95 * len(found)), layout="constrained", squeeze=False)
    reach = 1.45 * max(float(abs(row["amount_difference"])) for row in found)
    for axes, row in zip(several[:, 0], found, strict=True):
        before, after = float(row["amount_before"]), float(row["amount"])
        middle, side = (before + after) / 2, 1 if after > before else -1
        arrow = {"arrowstyle": "-|>", "color": INK, "linewidth": 1.5, "shrinkA": 7, "shrinkB": 7}
        axes.annotate("", (after, 0), (before, 0), arrowprops=arrow)
        axes.plot(before, 0, "o", markersize=12, color="white", markeredgecolor=COLORS[0], markeredgewidth=2.5)
        axes.plot(after, 0, "o", markersize=13, color=COLORS[3])
        ends = (("before", before, row["rows_before"], -side), ("now", after, row["rows"], side))
        for word, amount, rows, away in ends:
            axes.annotate(
                f"{word} {shown(amount)}\n{rows:,} row{'s' * (rows != 1)}", (amount, 0), (14 * away, 0),
                textcoords="offset points", ha="left" if away > 0 else "right", va="center",
            )  # fmt: skip
        difference = signed(row["amount_difference"])
        axes.annotate(difference, (middle, 0), (0, 9), textcoords="offset points", ha="center", weight="bold")
        axes.set_xlim(middle - reach, middle + reach)
        axes.set_ylim(-1, 1.4)
        axes.set_yticks([0], [f"{month_name(row['month'])}\n{row['dataset']}"])
        axes.set_xticks([])
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
    return figure


def _svg(figure: Figure, name: str, title: str, description: str) -> str:
    """Return a figure as inline SVG, which fills the width and can be read out."""
    file = StringIO()
    figure.savefig(file, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    attributes, _, content = file.getvalue().partition("<svg")[2].partition(">")
    (box,) = re.findall(r'viewBox="[^"]+"', attributes)
    return DRAWING.substitute(
        box=box,
        id=name,
        title=escape(title),
        description=escape(description),
        # Two figures on a page must not share an id.
        content=re.sub(r'(?<= id=")|(?<=href="#)|(?<=url\(#)', f"{name}-", content),
    )
