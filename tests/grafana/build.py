#!/usr/bin/env python3
"""Writes grafana/dashboards/*.json of the tables beside this file; `--check` only says whether they are current.

The JSON is what Grafana reads; the tables are what people read and change. A panel is a dozen lines of JSON, so that
what a change of the tables does to it can be reviewed. The files are generated, and so may be longer than the 500 lines
of the house; a test holds them against these tables.
"""

import json
import sys
from pathlib import Path

import adoption
import cost
import exporter
import overview
import quality
import users

FOLDER = Path(__file__).resolve().parents[2] / "grafana" / "dashboards"
DASHBOARDS = (overview, cost, users, quality, adoption, exporter)
COLUMNS = 140


def text(value, indent=0):
    """JSON whose lines are as full as they may be: small members of an object share one."""
    flat = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, (dict, list)) or len(flat) + indent <= COLUMNS:
        return flat
    if isinstance(value, dict):
        items = [f"{json.dumps(key)}: {text(item, indent + 1)}" for key, item in value.items()]
    else:
        items = [text(item, indent + 1) for item in value]
    lines = []
    for item in items:
        shares = lines and "\n" not in item + lines[-1] and indent + len(lines[-1]) + len(item) + 3 <= COLUMNS
        if shares:
            lines[-1] += f", {item}"
        else:
            lines.append(item)
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    space = "\n" + " " * (indent + 1)
    return opening + space + f",{space}".join(lines) + "\n" + " " * indent + closing


def main(arguments):
    stale = []
    for module in DASHBOARDS:
        path = FOLDER / f"{module.__name__}.json"
        wanted = text(module.DASHBOARD) + "\n"
        if arguments == ["--check"]:
            if not path.exists() or path.read_text(encoding="utf-8") != wanted:
                stale.append(path.name)
        else:
            path.write_text(wanted, encoding="utf-8")
    unknown = {path.name for path in FOLDER.glob("*.json")} - {f"{module.__name__}.json" for module in DASHBOARDS}
    if stale or unknown:
        sys.exit(f"not what tests/grafana/build.py makes: {', '.join(sorted(unknown.union(stale)))}")


if __name__ == "__main__":
    main(sys.argv[1:])
