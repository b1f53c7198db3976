"""Draw `bench/wire.json`: what a Node client measured, side by side."""

import json
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot as plt

HERE = Path(__file__).parent
PANELS = (
    ("coldMs", "cold start, ms"),
    ("p50Us", "sequential p50, µs"),
    ("perSecond", "requests/s, 64 in flight"),
)


def main() -> None:
    """Write `bench/wire.png`."""
    rows = json.loads((HERE / "wire.json").read_text(encoding="utf-8"))
    names = [row["name"] for row in rows][::-1]
    figure, axes = plt.subplots(1, len(PANELS), figsize=(13, 3.2), sharey=True)
    for axis, (key, title) in zip(axes, PANELS, strict=True):
        values = [row[key] for row in rows][::-1]
        colours = ["#2f6f4f" if name.startswith("rpcbackend") else "#b9b4a7" for name in names]
        bars = axis.barh(names, values, color=colours)
        axis.bar_label(bars, fmt="{:,.0f}", padding=3, fontsize=8)
        axis.set_title(title, fontsize=10)
        axis.spines[["top", "right"]].set_visible(False)
        axis.margins(x=0.2)
    figure.tight_layout()
    figure.savefig(HERE / "wire.png", dpi=110)


if __name__ == "__main__":
    main()
