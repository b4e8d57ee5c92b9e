#!/usr/bin/env python3
"""Draws what `mydht sim modes --json` printed, for several sizes of one topology: share found, messages and median time of gets.

usage: bench/plot_modes.py OUTPUT.svg FILE...      each FILE: the lines of one or more runs
"""

import json
import math
import sys

PANELS = [("succeeded", "found, %"), ("messages", "messages a get"), ("median_ms", "median, ms")]
COLOURS = ["#1b6ca8", "#c8553d", "#3f7d3a", "#7a4fa3"]
WIDTH, HEIGHT, LEFT, TOP, GAP = 250, 190, 55, 40, 70


def read(paths):
    rows = []
    for path in paths:
        with open(path, encoding="utf-8") as lines:
            rows += [json.loads(line) for line in lines if line.startswith("{")]
    gets = [row for row in rows if row["query"] == "get"]
    if not gets:
        sys.exit("no gets in these files; give what mydht sim modes --json printed")
    if len({row["topology"] for row in gets}) > 1:
        sys.exit("these files are of several topologies; draw them one by one")
    return gets


def value(row, field):
    return 100 * row["succeeded"] / row["asked"] if field == "succeeded" else row[field]


def round_up(number):
    """The next of 1, 2, 5 times a power of ten: where an axis may end."""
    power = 10 ** math.floor(math.log10(max(number, 1)))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= number)


class Panel:
    def __init__(self, index, field, title, rows):
        self.field, self.title, self.rows = field, title, rows
        self.left = LEFT + index * (WIDTH + GAP)
        self.sizes = sorted({row["nodes"] for row in rows})
        self.top = 100 if field == "succeeded" else round_up(max(value(row, field) for row in rows))

    def x(self, nodes):
        low, high = math.log10(self.sizes[0]), math.log10(self.sizes[-1])
        share = (math.log10(nodes) - low) / (high - low) if high > low else 0.5
        return self.left + share * WIDTH

    def y(self, number):
        return TOP + HEIGHT * (1 - number / self.top)

    def svg(self, modes):
        out = [f'<text x="{self.left}" y="{TOP - 14}" font-weight="bold">{self.title}</text>',
               f'<path d="M{self.left} {TOP}V{TOP + HEIGHT}H{self.left + WIDTH}" fill="none" stroke="#444"/>']
        for part in range(5):
            number = self.top * part / 4
            out.append(f'<text x="{self.left - 6}" y="{self.y(number) + 4:.1f}" text-anchor="end">{number:g}</text>')
            out.append(f'<path d="M{self.left} {self.y(number):.1f}h{WIDTH}" stroke="#ddd"/>')
        for size in self.sizes:
            out.append(f'<text x="{self.x(size):.1f}" y="{TOP + HEIGHT + 16}" text-anchor="middle">{size}</text>')
        for mode, colour in zip(modes, COLOURS):
            points = sorted((row["nodes"], value(row, self.field)) for row in self.rows if row["mode"] == mode)
            path = " ".join(f"{self.x(nodes):.1f},{self.y(number):.1f}" for nodes, number in points)
            out.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
            out += [f'<circle cx="{self.x(nodes):.1f}" cy="{self.y(number):.1f}" r="3" fill="{colour}"/>'
                    for nodes, number in points]
        return out


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__.strip())
    rows = read(sys.argv[2:])
    modes = list(dict.fromkeys(row["mode"] for row in rows))
    width, height = LEFT + len(PANELS) * (WIDTH + GAP), TOP + HEIGHT + 60
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif" '
           f'font-size="12">', f'<rect width="{width}" height="{height}" fill="white"/>']
    for index, (field, title) in enumerate(PANELS):
        out += Panel(index, field, title, rows).svg(modes)
    for index, (mode, colour) in enumerate(zip(modes, COLOURS)):
        x = LEFT + index * 110
        out.append(f'<path d="M{x} {height - 18}h20" stroke="{colour}" stroke-width="2"/>')
        out.append(f'<text x="{x + 26}" y="{height - 14}">{mode}</text>')
    out.append(f'<text x="{width - GAP}" y="{height - 14}" text-anchor="end">nodes, {rows[0]["topology"]}</text></svg>')
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        file.write("\n".join(out) + "\n")


if __name__ == "__main__":
    main()
