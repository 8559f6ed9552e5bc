#!/usr/bin/env python3
# /// script
# requires-python = ">=3.10"
# dependencies = ["matplotlib>=3.8", "pandas>=2.1", "scipy>=1.11"]
# ///
"""Draws a metric of a sweep against one of its axes, with 95 % intervals over the seeds.

Reads the table.csv of a sweep and writes one figure (.svg, .pdf or .png). It needs no other
file of this project: copy it and change STYLE, or the few lines of `draw`, for a figure in your own style. `sottovoce chart` draws
the same lines without Python.

    uv run scripts/plot-table.py results/NAME --x ensemble.share
    pipx run scripts/plot-table.py results/NAME/table.csv --x clip --y accuracy --series logit_bits --out figure.pdf
    python scripts/plot-table.py results/NAME --x clip --where logit_bits=28 --domain integer

`uv run` and `pipx run` install the packages that are named at the top; for `python` they must be installed.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import pandas
from scipy.stats import t as student_t

# The figure's style: any of matplotlib's rcParams.
STYLE = {
    "figure.dpi": 300,
    "font.family": "sans-serif",
    "font.size": 8,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.5,
    "lines.linewidth": 1.2,
    "lines.markersize": 3.5,
    "errorbar.capsize": 2,
    "legend.frameon": False,
    # Okabe and Ito's colours, which colour-blind readers can tell apart; from the eighth line on, other dashes.
    "axes.prop_cycle": matplotlib.cycler(linestyle=["-", "--", ":"])
    * matplotlib.cycler(
        color=["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000"],
        marker=["o", "s", "^", "D", "v", "P", "X"],
    ),
    # Text stays text, and the same table gives the same file.
    "svg.fonttype": "none",
    "svg.hashsalt": "sottovoce",
    "pdf.fonttype": 42,
}

# Units of the metrics on the figure's y axis.
LABELS = {
    "accuracy": "test accuracy (%)",
    "hidden_density": "hidden weights that are not zero (%)",
    "plaintext_bits": "plaintext modulus (bits)",
    "ciphertext_bits": "ciphertext modulus (bits)",
    "upload_bytes": "upload of a batch (bytes)",
    "answer_bytes": "answers of a batch (bytes)",
    "noise_budget_bits": "noise budget (bits)",
    "training_seconds": "training (s)",
    "encryption_seconds": "encryption (s)",
    "provider_seconds": "provider's evaluation (s)",
    "decryption_seconds": "decryption (s)",
}
PERCENT = {"accuracy", "hidden_density"}


class TableError(Exception):
    """The table or an argument is wrong."""


def read_table(path: pathlib.Path) -> tuple[pandas.DataFrame, list[str]]:
    """Returns the table with all cells as text, and its axes: the columns between `point` and `seed`."""
    path = path / "table.csv" if path.is_dir() else path
    try:
        # As text: pandas would convert values of axes such as `3-3-7` or `NA`.
        table = pandas.read_csv(path, dtype=str, keep_default_na=False)
    except FileNotFoundError:
        raise TableError(f"{path} does not exist; a sweep writes it as results/NAME/table.csv") from None
    except (pandas.errors.ParserError, pandas.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise TableError(f"{path} is not a CSV table: {error}") from None
    columns = list(table.columns)
    missing = [name for name in ("point", "seed", "voter", "domain") if name not in columns]
    if missing:
        raise TableError(f"{path} has no column `{missing[0]}`; it has {', '.join(columns)}")
    if table.empty:
        raise TableError(f"{path} has no rows: no point of the sweep has ended yet")
    return table, columns[columns.index("point") + 1 : columns.index("seed")]


def axis_named(name: str, axes: list[str]) -> str:
    """Finds an axis by its path or by the last part of its path."""
    found = [axis for axis in axes if name in (axis, axis.rsplit(".", 1)[-1])]
    if name in axes or len(found) == 1:
        return name if name in axes else found[0]
    listed = ", ".join(axes) or "none"
    problem = f"`{name}` may be {' or '.join(found)}" if found else f"there is no axis `{name}`"
    raise TableError(f"{problem}; the axes of this table are: {listed}")


def listed(values: pandas.Series) -> str:
    return ", ".join(dict.fromkeys(values))


def select(table: pandas.DataFrame, axes: list[str], arguments: argparse.Namespace) -> tuple[pandas.DataFrame, str, list[str]]:
    """Returns the rows to draw, the axis of x, and the columns that distinguish the lines."""
    x = axis_named(arguments.x, axes)
    series = [name if name in ("voter", "domain") else axis_named(name, axes) for name in arguments.series]
    chosen = {"voter": arguments.voter, "domain": arguments.domain}
    for condition in arguments.where:
        name, equals, value = condition.partition("=")
        if not equals:
            raise TableError(f"--where {condition} has no `=`; write --where AXIS=VALUE")
        chosen[axis_named(name, axes)] = value
    for column, value in chosen.items():
        if column in series:
            continue
        kept = table[table[column] == value]
        if kept.empty:
            raise TableError(f"no row has {column} = {value}; the rows have {listed(table[column])}")
        table = kept
    for axis in axes:
        if axis != x and axis not in series and table[axis].nunique() > 1:
            raise TableError(
                f"the axis `{axis}` has several values ({listed(table[axis])}): choose one with "
                f"--where {axis}=VALUE, or draw a line for each with --series {axis}"
            )
    return table, x, series


def summarise(table: pandas.DataFrame, x: str, y: str) -> pandas.DataFrame:
    """Mean and half of the 95 % interval (Student's t) of `y` for each value of `x`, in the table's order."""
    rows = []
    for value, group in table.groupby(x, sort=False):
        if group["seed"].duplicated().any():
            seed = group["seed"][group["seed"].duplicated()].iloc[0]
            raise TableError(f"{x} = {value} has several rows of seed {seed}; is the table two tables in one?")
        values = pandas.to_numeric(group[y], errors="coerce").dropna()
        if len(values) < len(group):
            raise TableError(f"`{y}` is empty or not a number in some rows of {x} = {value}")
        values = values * 100 if y in PERCENT else values
        count = len(values)
        # One seed has a mean and no interval.
        half = student_t.ppf(0.975, count - 1) * values.std(ddof=1) / count**0.5 if count > 1 else float("nan")
        rows.append((value, values.mean(), half, count))
    return pandas.DataFrame(rows, columns=["x", "mean", "half", "seeds"])


def draw(table: pandas.DataFrame, x: str, y: str, series: list[str], size: tuple[float, float]) -> plt.Figure:
    """One line for each combination of values of `series`."""
    figure, plot = plt.subplots(figsize=size, layout="constrained")
    numbers = pandas.to_numeric(table[x], errors="coerce").notna().all()
    # Values that are not numbers are drawn at equal distances, in the table's order.
    places = {value: float(value) if numbers else place for place, value in enumerate(table[x].unique())}
    groups = table.groupby(series, sort=False) if series else [((), table)]
    if len(groups) > len(STYLE["axes.prop_cycle"]):
        raise TableError(
            f"{len(groups)} lines cannot be distinguished; STYLE has {len(STYLE['axes.prop_cycle'])} kinds of line: "
            "use --where, or fewer --series"
        )
    for key, group in groups:
        line = summarise(group, x, y)
        line["place"] = line["x"].map(places)
        line = line.sort_values("place")
        names = (f"{name.rsplit('.', 1)[-1]} {value}" for name, value in zip(series, key))
        plot.errorbar(line["place"], line["mean"], yerr=line["half"], label=", ".join(names))
        for value, seeds in zip(line["x"], line["seeds"]):
            if seeds == 1:
                print(f"{x} = {value} {' '.join(key)}: one seed, so no interval", file=sys.stderr)
    if not numbers:
        plot.set_xticks(list(places.values()), list(places))
    plot.set_xlabel(x)
    plot.set_ylabel(LABELS.get(y, y))
    if series:
        # Above the axes: no line or interval lies behind it.
        for columns in range(min(3, len(groups)), 0, -1):
            legend = figure.legend(loc="outside upper center", ncols=columns)
            # A legend wider than the figure would be cut off.
            if columns == 1 or legend.get_window_extent().width <= figure.bbox.width:
                break
            legend.remove()
    return figure


def save(figure: plt.Figure, path: pathlib.Path) -> None:
    """Writes the figure to a temporary file and renames it, so that no partial file is left."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.partial")
    # Without the date, which would make every file different.
    metadata = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}.get(path.suffix, {})
    figure.savefig(partial, format=path.suffix[1:], metadata=metadata)
    os.replace(partial, path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=pathlib.Path, help="table.csv of a sweep, or the sweep's folder")
    parser.add_argument("--x", required=True, help="the axis to draw against: its path, or the last part of it")
    parser.add_argument("--y", default="accuracy", help="the metric, a column after `domain` (default: accuracy)")
    parser.add_argument("--series", action="append", default=[], help="an axis, `voter` or `domain`: one line for each value; may be repeated")
    parser.add_argument("--where", action="append", default=[], metavar="AXIS=VALUE", help="keep these rows only; may be repeated")
    parser.add_argument("--voter", default="ensemble", help="member-1, ..., or ensemble (default: ensemble)")
    parser.add_argument("--domain", default="encrypted", help="float, integer or encrypted (default: encrypted)")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("figure.svg"), help="the file to write or replace: .svg, .pdf or .png (default: figure.svg)")
    parser.add_argument("--width", type=float, default=84, help="width in mm (default: 84, a column of a paper)")
    parser.add_argument("--height", type=float, default=60, help="height in mm (default: 60)")
    arguments = parser.parse_args()
    if arguments.out.suffix not in (".svg", ".pdf", ".png"):
        parser.error(f"--out {arguments.out}: the name must end in .svg, .pdf or .png")
    for name in ("width", "height"):
        if not 20 <= getattr(arguments, name) <= 1000:
            parser.error(f"--{name} {getattr(arguments, name):g}: between 20 and 1000 mm are allowed")
    try:
        table, axes = read_table(arguments.table)
        metrics = list(table.columns)[list(table.columns).index("domain") + 1 :]
        if arguments.y not in metrics:
            raise TableError(f"there is no metric `{arguments.y}`; the metrics of this table are: {', '.join(metrics)}")
        table, x, series = select(table, axes, arguments)
        with plt.rc_context(STYLE):
            save(draw(table, x, arguments.y, series, (arguments.width / 25.4, arguments.height / 25.4)), arguments.out)
    except (TableError, OSError) as error:
        sys.exit(f"plot-table: {error}")
    print(arguments.out)


if __name__ == "__main__":
    main()
