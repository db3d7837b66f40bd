#!/usr/bin/env python3
"""Draws the main panels of each dashboard of what a Prometheus has, as SVG: what a reader gets, without Grafana.

    pictures.py PROMETHEUS_URL MINUTES FOLDER

What is asked for, the units and the words are those of the dashboards; in their variables all is chosen, but for the
job. A panel that has nothing to show ends it. `tests/run every_panel` runs it (docs/dashboards.md says how).
"""

import copy
import json
import math
import re
import sys
import urllib.parse
import urllib.request
import xml.etree.ElementTree
from pathlib import Path

import drawing
from build import DASHBOARDS
from panels import WIDTH, placed
from units import written

MAX_POINTS = 75
RATE_INTERVAL = "1m"
# What is chosen where only one can be.
WINDOW = "30d"

# Of each dashboard, whose figures are drawn, their jobs (a regular expression), and the panels by title, from left to
# right. Of two panels with one title, the first mention is the first.
MAIN = {
    "overview": ("the demo", "demo", (
        "Registered users", "Active now", "Active in 24 hours", "Messages in 24 hours", "Cost in 24 hours",
        "Figures read",
        "Rated well", "Errors", "Users of 30 days", "New users", "Cost in 30 days", "Age of the figures",
        "Messages", "Messages by endpoint", "Cost by model", "Answers by model", "Errors", "Time to answer", "Ratings",
        "Models")),
    "cost": ("the demo", "demo", (
        "24 hours", "7 days", "30 days", "A month at this pace", "In all", "In the time shown",
        "Cost by model", "Cost by purpose", "By model, $window", "By agent, $window", "By domain, $window",
        "By group, $window", "Models, $window", "Tokens by kind", "Length of answers", "Prompt cache", "Output of input")),
    "users": ("the demo", "demo", (
        "Users, $window", "Cost, $window", "Tokens, $window", "Questions, $window",
        "Cost of the users chosen, $window", "Questions of the users chosen, $window", "Credits of the users chosen",
        "Last seen of the users chosen", "Cost of a day", "Questions of a day", "Tokens by kind, $window",
        "Credits")),
    "quality": ("the demo", "demo", (
        "Rated well", "Rated at all", "Ratings given",
        "Net satisfaction by model", "Net satisfaction by agent", "Reasons given", "Ratings by domain",
        "Errors", "Unfinished", "Share of failed answers", "Errors by model",
        "Time to answer", "Answers by the time they took",
        "Turns that wait", "Oldest turn that waits", "Deliveries of triggers", "Runs of schedules",
        "MCP calls", "MCP users", "MCP share", "Web searches",
        "Calls of tools", "Failed calls", "Time of a call", "MCP tools")),
    "adoption": ("the demo", "demo", (
        "Registered", "New", "Active in 30 days", "Active in 7 days", "Stayed", "Messages of a user",
        "Every day", "Every week", "Every month", "Verified", "By use",
        "Active users", "Active users by domain", "By hour", "By weekday", "Domains", "Groups",
        "Sign-in", "Active now by domain", "Tags", "Files", "Agents", "Length of conversations")),
    "exporter": ("two demos and of a MongoDB with odd documents", ".*", (
        "Scraped", "Refreshes", "MongoDB", "Age of the figures", "Guarded", "First fold", "Builds",
        "Time of a refresh", "Documents read", "Decisions", "Refused", "Methods", "Refused in the time shown",
        "Odd documents", "Label values dropped", "Indexes that would help",
        "Issuer's keys", "Keys are", "Age of the keys", "Certificate expires in", "Leaked keys", "Files read again",
        "CPU", "Memory", "Open files")),
}


class Data:
    """What a Prometheus has of the last minutes."""

    def __init__(self, url, minutes, jobs):
        self.url, self.seconds = url, minutes * 60
        self.step = max(1, math.ceil(self.seconds / MAX_POINTS))
        self.end = int(float(self.ask("query", query="vector(time())")[0]["value"][1]))
        self.start = self.end - self.seconds // self.step * self.step
        # So that no other program of the same Prometheus is drawn.
        found = {result["metric"]["job"] for result in self.ask("query", query=f'librechat_up{{job=~"{jobs}"}}')}
        self.job = "|".join(sorted(found))

    def ask(self, path, **parameters):
        address = f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(address, timeout=60) as answer:
            return json.load(answer)["data"]["result"]

    def expression(self, text):
        text = text.replace("$__rate_interval", RATE_INTERVAL).replace("$__range", f"{self.seconds}s")
        chosen = {"job": self.job, "window": WINDOW}
        return re.sub(r'"\$(\w+)"', lambda match: json.dumps(chosen.get(match[1], ".*")), text)

    def now(self, target):
        """Pairs of labels and value."""
        results = self.ask("query", query=self.expression(target["expr"]), time=self.end)
        pairs = [(result["metric"], float(result["value"][1])) for result in results]
        return [(labels, value) for labels, value in pairs if math.isfinite(value)]

    def past(self, target):
        """Pairs of labels and values, one, or None, for each step."""
        results = self.ask("query_range", query=self.expression(target["expr"]), start=self.start, end=self.end,
                           step=self.step)
        pairs = []
        for result in results:
            known = {round((at - self.start) / self.step): float(value) for at, value in result["values"]}
            values = [known.get(at) for at in range((self.end - self.start) // self.step + 1)]
            values = [value if value is not None and math.isfinite(value) else None for value in values]
            if any(value is not None for value in values):
                pairs.append((result["metric"], values))
        return pairs

    @property
    def span(self):
        return self.start, self.end, self.step


class Colors:
    """A colour for each name among those of one kind, the same one in every picture."""

    def __init__(self):
        self.known = {}

    def of(self, kind):
        names = self.known.setdefault(kind, [])

        def color(name):
            if name not in names:
                names.append(name)
            return drawing.PALETTE[names.index(name) % len(drawing.PALETTE)]
        return color


def name(target, labels):
    return re.sub(r"\{\{(\w+)\}\}", lambda match: labels.get(match[1], ""), target["legendFormat"]).strip()


def look(defaults, value):
    """The text and the colour of a value."""
    for mapping in defaults.get("mappings", ()):
        found = mapping["options"].get(f"{value:g}")
        if found:
            return found["text"], found["color"]
    steps = defaults["thresholds"]["steps"]
    color = [step["color"] for step in steps if step["value"] is None or value >= step["value"]][-1]
    return written(value, defaults["unit"], defaults.get("decimals")), color


def table(panel, data):
    names = panel["transformations"][-1]["options"]["renameByName"]
    units = {item["matcher"]["options"]: item["properties"][0]["value"] for item in panel["fieldConfig"]["overrides"]}
    labels = [label for label in names if not label.startswith("Value")]
    values = [heading for label, heading in names.items() if label.startswith("Value")]
    rows = {}
    for heading, target in zip(values, panel["targets"]):
        for found, value in data.now(target):
            rows.setdefault(tuple(found.get(label, "") for label in labels), {})[heading] = value
    ordered = sorted(rows.items(), key=lambda row: -row[1].get(values[0], -math.inf))
    heads = [(names[label], False) for label in labels] + [(heading, True) for heading in values]
    cells = [[*key, *(written(row[heading], units[heading]) if heading in row else "" for heading in values)]
             for key, row in ordered]
    return heads, cells


def inside(panel, data, colors, box):
    """The parts of a panel; nothing when it has nothing to show."""
    defaults, target = panel["fieldConfig"]["defaults"], panel["targets"][0]
    unit, decimals = defaults["unit"], defaults.get("decimals")
    match panel["type"]:
        case "stat" if target.get("instant"):
            found = [(name(target, labels), *look(defaults, value)) for labels, value in data.now(target)]
            return found and drawing.stat(box, found, None)
        case "stat":
            found = [[value for value in values if value is not None] for _, values in data.past(target)]
            spark = found and panel["options"]["graphMode"] == "area" and found[0]
            return found and drawing.stat(box, [("", *look(defaults, found[0][-1]))], spark)
        case "timeseries":
            lines = [(name(target, labels), values)
                     for target in panel["targets"] for labels, values in data.past(target)]
            custom, steps = defaults["custom"], defaults["thresholds"]["steps"]
            kind = " ".join(target["legendFormat"] for target in panel["targets"])
            return lines and drawing.series(
                box, lines, data.span, unit, stack=custom["stacking"]["mode"] == "normal", decimals=decimals,
                colors=colors.of(kind), limit=steps[-1]["value"] if "thresholdsStyle" in custom else None,
                draw=custom["drawStyle"])
        case "bargauge":
            found = [(name(target, labels), value, *look(defaults, value)) for labels, value in data.now(target)]
            return found and drawing.bars(box, found)
        case "barchart":
            field = panel["options"]["xField"]
            mapped = {value: option["text"] for override in panel["fieldConfig"]["overrides"]
                      for mapping in override["properties"][0]["value"] for value, option in mapping["options"].items()}
            found = sorted((labels[field], value) for labels, value in data.now(target))
            return found and drawing.columns(box, [(mapped.get(key, key), value) for key, value in found], unit)
        case "table":
            heads, rows = table(panel, data)
            return rows and drawing.table(box, heads, rows)
        case "heatmap":
            found = sorted((float(labels["le"]), values) for labels, values in data.past(target))
            rows, below = [], [0.0] * len(found[0][1] if found else ())
            for bound, values in found:
                rows.append((bound, [(value or 0) - less for value, less in zip(values, below)]))
                below = [value or 0 for value in values]
            while rows and max(rows[-1][1]) <= 0:
                rows.pop()
            return rows and drawing.heatmap(box, rows, data.span, unit)
    raise ValueError(f"nobody draws {panel['type']}")


def picture(module, url, minutes, colors):
    what, jobs, titles = MAIN[module.__name__]
    data = Data(url, minutes, jobs)
    left = [panel for panel in copy.deepcopy(module.DASHBOARD["panels"]) if panel["type"] != "row"]
    chosen = []
    for title in titles:
        chosen.append(left.pop(next(index for index, panel in enumerate(left) if panel["title"] == title)))
    lines = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in placed(chosen))
    if sum(panel["gridPos"]["w"] * panel["gridPos"]["h"] for panel in chosen) != lines * WIDTH:
        sys.exit(f"{module.__name__}: these panels leave holes on the page")
    drawn = []
    for panel in chosen:
        box = drawing.place(panel["gridPos"])
        parts = inside(panel, data, colors, box)
        if not parts:
            sys.exit(f"{module.__name__} / {panel['title']} shows nothing")
        drawn.append(drawing.panel(box, panel["title"].replace("$window", WINDOW), parts))
    about = (f"The last {minutes} minutes of {what} as Prometheus has them (UTC), "
             "drawn by tests/grafana/pictures.py: Grafana's own look differs.")
    return drawing.page(module.DASHBOARD["title"], about, drawn, lines)


def main(url, minutes, folder):
    colors = Colors()
    for module in DASHBOARDS:
        text = picture(module, url, int(minutes), colors)
        xml.etree.ElementTree.fromstring(text)
        (Path(folder) / f"{module.__name__}.svg").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
