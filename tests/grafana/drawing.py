"""Panels as SVG, of values that are already known. The colours of text and ground follow the reader's scheme."""

import math
from datetime import datetime, timezone
from xml.sax.saxutils import escape

from units import BYTES, written

COLUMN, LINE, GAP, HEAD = 50, 36, 8, 60
PALETTE = ("#4e86c6", "#f28e2b", "#4fa351", "#dd5560", "#a878b8", "#3fb0ac", "#d9b32c", "#a67c5b", "#e58aa8", "#8b93a1")
STYLE = """
svg{font:12px system-ui,-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif}
.ground{fill:#f3f4f6}.box{fill:#fff;stroke:#dcdfe4}.text{fill:#20242c}.dim{fill:#5c6470}.lines{stroke:#e3e5e9}
.empty{fill:#e8eaee}.blue{fill:#2f6fc1}.green{fill:#2b8a3e}.yellow{fill:#a87900}.orange{fill:#c45a00}.red{fill:#c9303f}
.end{text-anchor:end}.middle{text-anchor:middle}.bold{font-weight:600}.head{font-size:19px;font-weight:600}
@media (prefers-color-scheme:dark){
.ground{fill:#111217}.box{fill:#1a1d22;stroke:#2b3038}.text{fill:#dcdfe6}.dim{fill:#9aa2af}.lines{stroke:#2d323a}
.empty{fill:#2a2e36}.blue{fill:#6ea6f0}.green{fill:#69b96f}.yellow{fill:#e6bf4a}.orange{fill:#f59a4c}.red{fill:#f0707c}}
"""


def number(value):
    """A coordinate, as short as it can be."""
    text = f"{value:.1f}"
    return text[:-2] if text.endswith(".0") else text


def width(text, size=12):
    """About as wide as it will be."""
    return sum(0.36 if letter in "iljtfr.,:;'|()[] " else 0.95 if letter in "mwMW%" else 0.63 for letter in text) * size


def cut(text, room, size=12):
    if width(text, size) <= room:
        return text
    while text and width(text + "…", size) > room:
        text = text[:-1]
    return text.rstrip() + "…"


def label(x, y, text, style="text", size=None):
    sized = f' font-size="{size}"' if size else ""
    return f'<text x="{number(x)}" y="{number(y)}" class="{style}"{sized}>{escape(text)}</text>'


def rectangle(x, y, w, h, style="", more=""):
    style = f' class="{style}"' if style else ""
    return f'<rect x="{number(x)}" y="{number(y)}" width="{number(w)}" height="{number(h)}"{style}{more}/>'


def path(points):
    """A line through points, each step relative to the one before: short."""
    steps, (px, py) = [], (0, 0)
    for x, y in points:
        x, y = round(x, 1), round(y, 1)
        steps.append(f"{'l' if steps else 'M'}{number(x - px)} {number(y - py)}".replace(" -", "-"))
        px, py = x, y
    return "".join(steps)


def ticks(top, count=4):
    """About `count` round values from 0 to what is at or above `top`."""
    top = top if top > 0 else 1
    size = 10 ** math.floor(math.log10(top / count))
    step = next(size * factor for factor in (1, 2, 2.5, 5, 10) if size * factor * count >= top * 0.999)
    return [step * index for index in range(math.ceil(top / step - 1e-9) + 1)]


def clock(moment):
    return f"{datetime.fromtimestamp(moment, timezone.utc):%H:%M}"


def minutes(start, end):
    """The full minutes that are written below a panel."""
    step = next(step for step in (30, 60, 120, 300, 600, 1800, 3600, 14400) if (end - start) / step <= 6)
    return range(math.ceil(start / step) * step, int(end) + 1, step)


class Plot:
    """The area of a panel over time or over categories, with its value axis."""

    def __init__(self, box, top, unit, bottom):
        x, y, w, h = box
        # A power of 1024 of bytes, so that what is written is round.
        whole = max((factor for factor, _ in BYTES if factor <= top), default=1) if unit == "bytes" else 1
        self.values = [value * whole for value in ticks(top / whole)]
        names = [written(value, unit) for value in self.values]
        self.left = x + max(width(name, 11) for name in names) + 18
        self.right, self.top, self.bottom = x + w - 12, y + 36, y + h - bottom
        self.parts = []
        grid = ""
        for value, name in zip(self.values, names):
            at = self.y(value)
            grid += f"M{number(self.left)} {number(at)}H{number(self.right)}"
            self.parts.append(label(self.left - 6, at + 4, name, "dim end", 11))
        self.parts.insert(0, f'<path class="lines" d="{grid}"/>')

    def y(self, value):
        return self.bottom - (self.bottom - self.top) * min(value / self.values[-1], 1)

    def times(self, start, end):
        for moment in minutes(start, end - (end - start) * 20 / (self.right - self.left)):
            self.parts.append(label(self.x(moment, start, end), self.bottom + 16, clock(moment), "dim middle", 11))

    def x(self, moment, start, end):
        return self.left + (self.right - self.left) * (moment - start) / (end - start)


def legend(box, rows, items, unit, decimals):
    """Names with their means, as many as fit into the lines; `items` are (name, colour, mean)."""
    x, y, w, h = box
    columns = 2 if w > 450 else 1
    room = (w - 24) / columns
    shown = items if len(items) <= rows * columns else items[:rows * columns - 1]
    parts = []
    for index, (name, color, mean) in enumerate(shown):
        left = x + 12 + index % columns * room
        at = y + h - 10 - (rows - 1 - index // columns) * 18
        value = "mean " + written(mean, unit, decimals)
        space = room - 14 - width(value, 11) - 24
        parts += [rectangle(left, at - 8, 10, 8, more=f' fill="{color}"'),
                  label(left + 15, at, cut(name, space, 11), "text", 11),
                  label(left + room - 14, at, value, "dim end", 11)]
    if len(shown) < len(items):
        at = y + h - 10 - (rows - 1 - len(shown) // columns) * 18
        more = f"and {len(items) - len(shown)} more"
        parts.append(label(x + 12 + len(shown) % columns * room + 15, at, more, "dim", 11))
    return parts


def series(box, lines, span, unit, *, stack, decimals, colors, limit=None, draw="line"):
    """Lines over time; `lines` are (name, values), a value or None for each step of `span` = (start, end, step)."""
    start, end, step = span
    rows = min(3, math.ceil(len(lines) / (2 if box[2] > 450 else 1)))
    known = {name: [value for value in values if value is not None] for name, values in lines}
    means = {name: sum(values) / len(values) for name, values in known.items()}
    lines = sorted(lines, key=lambda line: -means[line[0]])
    count = len(lines[0][1])
    heights = [sum(values[at] or 0 for _, values in lines) if stack else max(values[at] or 0 for _, values in lines)
               for at in range(count)]
    plot = Plot(box, max(heights), unit, 32 + 18 * rows)
    plot.times(start, end)
    base = [0.0] * count
    across = [plot.x(start + step * at, start, end) for at in range(count)]
    for name, values in lines:
        color = colors(name)
        tops = [low + (value or 0) for low, value in zip(base, values)] if stack else values
        runs, run = [], []
        for at, top in enumerate(tops):
            if values[at] is None:
                runs, run = runs + [run], []
            else:
                run.append((across[at], plot.y(top), plot.y(base[at])))
        for run in filter(None, runs + [run]):
            above = [(x, top) for x, top, _ in run]
            below = [(x, bottom) for x, _, bottom in reversed(run)]
            if draw == "bars" or stack:
                plot.parts.append(f'<path d="{path(above + below)}z" fill="{color}" fill-opacity=".65"/>')
            else:
                plot.parts.append(f'<path d="{path(above)}" fill="none" stroke="{color}" stroke-width="1.6"/>')
        base = tops if stack else base
    if limit is not None and limit <= plot.values[-1]:
        at = number(plot.y(limit))
        plot.parts.append(f'<path d="M{number(plot.left)} {at}H{number(plot.right)}" stroke="#dd5560" '
                          'stroke-dasharray="5 4"/>')
    return plot.parts + legend(box, rows, [(name, colors(name), means[name]) for name, _ in lines], unit, decimals)


def stat(box, items, spark):
    """Large values; `items` are (name, text, colour), `spark` the values before, of one item."""
    x, y, w, h = box
    parts = []
    if spark and len(spark) > 1 and max(spark) > min(spark):
        low, high = min(spark), max(spark)
        points = [(x + 1 + (w - 2) * at / (len(spark) - 1), y + h - 3 - (h * 0.3) * (value - low) / (high - low))
                  for at, value in enumerate(spark)]
        ends = [(x + w - 1, y + h - 1), (x + 1, y + h - 1)]
        parts.append(f'<path d="{path(points + ends)}z" class="{items[0][2]}" fill-opacity=".18"/>')
    if len(items) == 1:
        _, text, color = items[0]
        size = min(34, (w - 32) / max(width(text, 1.1), 1))
        return parts + [label(x + w / 2, y + h / 2 + size * 0.45, text, f"{color} middle bold", number(size))]
    room = (w - 24) / len(items)
    for index, (name, text, color) in enumerate(items):
        middle = x + 12 + room * (index + 0.5)
        size = min(24, (room - 8) / max(width(text, 1.1), 1))
        parts += [label(middle, y + h / 2 + 12, text, f"{color} middle bold", number(size)),
                  label(middle, y + h / 2 + 34, cut(name, room - 8, 11), "dim middle", 11)]
    return parts


def bars(box, items):
    """Horizontal bars; `items` are (name, value, text, colour)."""
    x, y, w, h = box
    room = h - 44
    fitting = items[:max(1, int(room // 20))]
    height = min(40, room / len(fitting))
    names = min(w * 0.42, max(width(name, 12) for name, *_ in fitting) + 4)
    texts = max(width(text, 12) for _, _, text, _ in fitting) + 8
    left, length = x + 12 + names + 8, w - 32 - names - texts
    largest = max(max(abs(value) for _, value, *_ in fitting), 1e-12)
    parts = []
    for index, (name, value, text, color) in enumerate(fitting):
        at = y + 36 + index * height
        middle = at + height / 2 + 1
        part = length * max(value, 0) / largest
        parts += [label(x + 12 + names, middle + 4, cut(name, names), "text end"),
                  rectangle(left, at + 3, length, height - 6, "empty", ' rx="2"'),
                  rectangle(left, at + 3, part, height - 6, color, ' rx="2"'),
                  label(x + w - 12, middle + 4, text, f"{color} end")]
    return parts


def columns(box, items, unit):
    """Vertical bars; `items` are (name, value)."""
    plot = Plot(box, max(value for _, value in items), unit, 32)
    room = (plot.right - plot.left) / len(items)
    for index, (name, value) in enumerate(items):
        left = plot.left + room * index
        plot.parts.append(rectangle(left + room * 0.15, plot.y(value), room * 0.7, plot.bottom - plot.y(value), "blue"))
        if len(items) < 12 or index % 2 == 0:
            plot.parts.append(label(left + room / 2, plot.bottom + 16, name, "dim middle", 11))
    return plot.parts


def table(box, heads, rows):
    """`heads` are (heading, is a number); `rows` are lists of texts."""
    x, y, w, h = box
    fitting = rows[:max(1, int((h - 62) // 22))]
    widths = [max([width(head, 13), *(width(row[at]) for row in fitting)]) + 16 for at, (head, _) in enumerate(heads)]
    scale = (w - 24) / sum(widths)
    size = number(12 * min(1, max(scale, 0.75)))
    parts, at = [], y + 52
    for index, cells in enumerate([[head for head, _ in heads], *fitting]):
        left = x + 12
        for (_, is_number), cell, wide in zip(heads, cells, widths):
            style = "dim bold" if index == 0 else "text"
            room = wide * scale
            place = (left + room - 14, style + " end") if is_number else (left, style)
            parts.append(label(place[0], at, cut(cell, room - 8, float(size)), place[1], size))
            left += room
        at += 22
        if at < y + h and index < len(fitting):
            parts.append(f'<path class="lines" d="M{number(x + 12)} {number(at - 15.5)}H{number(x + w - 12)}"/>')
    return parts


def heatmap(box, rows, span, unit):
    """`rows` are (upper bound, counts), from the lowest bound up; the darker, the more."""
    start, end, step = span
    plot = Plot((box[0], box[1], box[2], box[3]), 1, "none", 32)
    names = [("+Inf" if math.isinf(bound) else written(bound, unit)) for bound, _ in rows]
    left = box[0] + max(width(name, 11) for name in names) + 18
    plot.left, plot.parts = left, []
    height = (plot.bottom - plot.top) / len(rows)
    largest = max(max(counts) for _, counts in rows) or 1
    wide = (plot.right - left) / len(rows[0][1])
    for level, (name, (_, counts)) in enumerate(zip(names, rows)):
        at = plot.bottom - height * (level + 1)
        plot.parts.append(label(left - 6, at + height / 2 + 4, name, "dim end", 11))
        for opacity in (0.25, 0.5, 0.75, 1):
            cells = "".join(f"M{number(left + wide * index)} {number(at)}h{number(wide - 1)}v{number(height - 1)}"
                            f"h-{number(wide - 1)}z" for index, count in enumerate(counts)
                            if count > 0 and min(int((count / largest) ** 0.5 * 4), 3) / 4 + 0.25 == opacity)
            if cells:
                plot.parts.append(f'<path d="{cells}" fill="#f28e2b" fill-opacity="{opacity}"/>')
    plot.times(start, end)
    return plot.parts


def place(grid):
    """The box of a panel on the page."""
    return (grid["x"] * COLUMN + GAP / 2, HEAD + grid["y"] * LINE + GAP / 2,
            grid["w"] * COLUMN - GAP, grid["h"] * LINE - GAP)


def panel(box, title, parts):
    x, y, w, h = box
    return "\n".join(['<g class="panel">', rectangle(x, y, w, h, "box", ' rx="4"'),
                      label(x + 12, y + 22, cut(title, w - 24, 13), "text bold", 13), *parts, "</g>"])


def page(title, about, panels, lines):
    wide, high = 24 * COLUMN, HEAD + lines * LINE + GAP / 2
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {number(high)}" role="img">',
        f"<title>{escape(title)}</title>", f"<style>{STYLE}</style>", rectangle(0, 0, wide, high, "ground"),
        label(GAP, 26, title, "head text"), label(GAP, 47, about, "dim"), *panels, "</svg>", ""])
