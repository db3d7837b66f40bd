"""The parts of a Grafana dashboard, each a function from what differs to the JSON that Grafana wants.

A query is written with `{@}` where the variables of its dashboard go: `{@ model}` asks for the chosen models too,
`{@ side="user"}` for one value. Nothing here knows what a metric means.
"""

import re

SCHEMA_VERSION = 41  # of Grafana 12.0; later versions read it, and so does 11
WIDTH = 24
TAG = "librechat"
SOURCE = {"type": "prometheus", "uid": "${datasource}"}

# The label that a variable chooses by, where it is not of the variable's name.
LABELS = {"domain": "email_domain"}

NEUTRAL = [(None, "blue")]
GOOD_WHEN_LOW = [(None, "green"), (1, "yellow"), (5, "red")]


def selector(scope, text):
    """The matchers for `{@ …}`: those of the dashboard, then those of this query."""
    matchers = [f'{LABELS.get(name, name)}=~"${name}"' for name in scope]
    for item in filter(None, (item.strip() for item in text.split(","))):
        matchers.append(item if re.search(r"[=!~]", item) else f'{LABELS.get(item, item)}=~"${item}"')
    return "{" + ",".join(matchers) + "}"


def expand(scope, expression):
    return re.sub(r"\{@([^{}]*)\}", lambda match: selector(scope, match[1]), expression)


def target(expression, legend, index, *, instant=False, form="time_series"):
    query = {
        "refId": chr(ord("A") + index),
        "datasource": SOURCE,
        "editorMode": "code",
        "expr": expression,
        "format": form,
        "legendFormat": legend,
    }
    return query | ({"instant": True, "range": False} if instant else {"range": True})


def steps(thresholds):
    return {
        "mode": "absolute",
        "steps": [{"value": value, "color": color} for value, color in thresholds],
    }


def panel(kind, title, description, unit, targets, options, size, *, thresholds=NEUTRAL, color="thresholds",
          custom=None, mappings=None, overrides=(), **more):
    defaults = {"unit": unit, "color": {"mode": color}, "thresholds": steps(thresholds)}
    for key in ("min", "max", "decimals", "noValue"):
        if key in more:
            defaults[key] = more.pop(key)
    if mappings:
        defaults["mappings"] = mappings
    if custom:
        defaults["custom"] = custom
    return {
        "type": kind,
        "title": title,
        "description": description,
        "datasource": SOURCE,
        "gridPos": {"w": size[0], "h": size[1]},
        "fieldConfig": {"defaults": defaults, "overrides": list(overrides)},
        "options": options,
        "targets": targets,
    } | more


def reduced():
    return {"calcs": ["lastNotNull"], "fields": "", "values": False}


def words(**texts):
    """Mappings of values to (text, colour)."""
    options = {value.lstrip("_"): {"text": text, "color": color} for value, (text, color) in texts.items()}
    return [{"type": "value", "options": options}]


def stat(title, description, unit, expression, *, legend="", size=(4, 4), text="auto", graph="area", **more):
    options = {
        "reduceOptions": reduced(),
        "orientation": "auto",
        "textMode": text,
        "wideLayout": True,
        "colorMode": "value",
        "graphMode": graph,
        "justifyMode": "auto",
        "showPercentChange": False,
        "percentChangeColorMode": "standard",
    }
    targets = [target(expression, legend, 0)]
    return panel("stat", title, description, unit, targets, options, size, interval="1m", **more)


def fact(title, description, unit, expression, **more):
    """A figure whose past says nothing: no line behind it, and only the last value is asked for."""
    made = stat(title, description, unit, expression, graph="none", **more)
    made["targets"] = [target(expression, more.get("legend", ""), 0, instant=True)]
    return made


def series(title, description, unit, queries, *, size=(12, 8), stack=False, calcs=("mean", "max"), draw="line",
           **more):
    """Lines over time; `queries` are pairs of expression and legend."""
    custom = {
        "drawStyle": draw,
        "lineWidth": 1,
        "fillOpacity": 60 if stack else 10,
        "showPoints": "auto",
        "spanNulls": False,
        "stacking": {"mode": "normal" if stack else "none", "group": "A"},
    }
    if "thresholds" in more:
        custom["thresholdsStyle"] = {"mode": "dashed"}
    options = {
        "legend": {"displayMode": "table", "placement": "right" if size[0] > 12 else "bottom", "showLegend": True,
                   "calcs": list(calcs)},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    targets = [target(expression, legend, index) for index, (expression, legend) in enumerate(queries)]
    more.setdefault("min", 0)
    return panel("timeseries", title, description, unit, targets, options, size, custom=custom,
                 color="palette-classic-by-name", interval="1m", **more)


def bars(title, description, unit, expression, legend, *, size=(8, 8), top=12, **more):
    """The largest values now, one bar each."""
    options = {
        "reduceOptions": reduced(),
        "orientation": "horizontal",
        "displayMode": "basic",
        "valueMode": "color",
        "namePlacement": "auto",
        "sizing": "auto",
        "showUnfilled": True,
        "minVizWidth": 8,
        "minVizHeight": 16,
        "maxVizHeight": 48,
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": False, "calcs": []},
    }
    targets = [target(f"sort_desc(topk({top}, {expression}))", legend, 0, instant=True)]
    return panel("bargauge", title, description, unit, targets, options, size, **more)


def columns(title, description, unit, expression, label, *, size=(12, 8), mappings=None):
    """One column for each value of a label whose values sort as text."""
    options = {
        "orientation": "auto",
        "xField": label,
        "xTickLabelRotation": 0,
        "xTickLabelMaxLength": 12,
        "showValue": "auto",
        "stacking": "none",
        "groupWidth": 0.7,
        "barWidth": 0.9,
        "barRadius": 0,
        "fullHighlight": False,
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": False, "calcs": []},
        "tooltip": {"mode": "single", "sort": "none"},
    }
    targets = [target(expression, "", 0, instant=True, form="table")]
    named = [{"matcher": {"id": "byName", "options": label}, "properties": [{"id": "mappings", "value": mappings}]}]
    return panel("barchart", title, description, unit, targets, options, size, min=0,
                 custom={"fillOpacity": 80, "lineWidth": 1, "gradientMode": "none"},
                 overrides=named if mappings else (),
                 transformations=[
                     {"id": "organize", "options": {"excludeByName": {"Time": True}, "indexByName": {},
                                                    "renameByName": {}}},
                     {"id": "sortBy", "options": {"fields": {}, "sort": [{"field": label}]}},
                 ])


def table(title, description, labels, values, *, size=(12, 8)):
    """A row for each set of labels: `labels` are (label, heading), `values` (heading, unit, expression)."""
    targets = [target(expression, "", index, instant=True, form="table")
               for index, (_, _, expression) in enumerate(values)]
    field = (lambda index: f"Value #{chr(ord('A') + index)}") if len(values) > 1 else (lambda _: "Value")
    names = {label: heading for label, heading in labels}
    names |= {field(index): heading for index, (heading, _, _) in enumerate(values)}
    options = {
        "showHeader": True,
        "cellHeight": "sm",
        "sortBy": [{"displayName": values[0][0], "desc": True}],
    }
    overrides = [
        {"matcher": {"id": "byName", "options": heading}, "properties": [{"id": "unit", "value": unit}]}
        for heading, unit, _ in values
    ]
    order = {name: index for index, name in enumerate(names)}
    return panel("table", title, description, values[0][1], targets, options, size, overrides=overrides,
                 custom={"align": "auto", "filterable": True},
                 transformations=[
                     {"id": "merge", "options": {}},
                     {"id": "organize",
                      "options": {"excludeByName": {"Time": True}, "indexByName": order, "renameByName": names}},
                 ])


def heatmap(title, description, unit, expression, *, size=(12, 8)):
    """The buckets of a histogram over time."""
    options = {
        "calculate": False,
        "cellGap": 1,
        "color": {"mode": "scheme", "scheme": "Oranges", "fill": "dark-orange", "exponent": 0.5, "reverse": False,
                  "steps": 64},
        "exemplars": {"color": "rgba(255,0,255,0.7)"},
        "filterValues": {"le": 1e-9},
        "legend": {"show": True},
        "rowsFrame": {"layout": "auto"},
        "showValue": "never",
        "tooltip": {"mode": "single", "showColorScale": False, "yHistogram": False},
        "yAxis": {"axisPlacement": "left", "reverse": False, "unit": unit},
    }
    targets = [target(expression, "{{le}}", 0, form="heatmap")]
    return panel("heatmap", title, description, unit, targets, options, size, interval="1m")


def row(title):
    return {"type": "row", "title": title, "collapsed": False, "panels": [], "gridPos": {"w": WIDTH, "h": 1}}


def query_variable(name, label, query, *, all_value=None, description=""):
    chosen = {"text": ["All"], "value": ["$__all"], "selected": True}
    variable = {
        "type": "query",
        "name": name,
        "label": label,
        "description": description,
        "datasource": SOURCE,
        "query": {"query": query, "refId": "PrometheusVariableQueryEditor-VariableQuery", "qryType": 1},
        "refresh": 2,
        "sort": 5,
        "multi": True,
        "includeAll": True,
        "hide": 0,
        "current": chosen,
        "options": [],
    }
    # Without it Grafana asks for the values that it found, which keeps other jobs of the same Prometheus out.
    return variable | ({"allValue": all_value} if all_value else {})


def choice_variable(name, label, query, chosen, *, description=""):
    """One value at a time, `chosen` at first."""
    return query_variable(name, label, query, description=description) | {
        "multi": False,
        "includeAll": False,
        "current": {"text": chosen, "value": chosen, "selected": True},
    }


def data_source_variable():
    return {
        "type": "datasource",
        "name": "datasource",
        "label": "Data source",
        "description": "The Prometheus, or what speaks its language, that scrapes the exporter",
        "query": "prometheus",
        "refresh": 1,
        "multi": False,
        "includeAll": False,
        "hide": 0,
        "options": [],
    }


def placed(panels):
    """The panels from left to right and from top to bottom, each line as high as its highest."""
    x = y = height = 0
    for identity, made in enumerate(panels, start=1):
        place = made["gridPos"]
        if x + place["w"] > WIDTH or made["type"] == "row":
            x, y, height = 0, y + height, 0
        place |= {"x": x, "y": y}
        made["id"] = identity
        x += place["w"]
        height = max(height, place["h"])
        if made["type"] == "row":
            x, y, height = 0, y + place["h"], 0
    return panels


def dashboard(uid, title, description, *, variables, scope, panels, annotations=(), time="now-6h", refresh="1m"):
    for made in panels:
        for query in made.get("targets", ()):
            query["expr"] = expand(scope, query["expr"])
    return {
        "uid": uid,
        "id": None,
        "title": title,
        "description": description,
        "tags": [TAG],
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "timezone": "browser",
        "time": {"from": time, "to": "now"},
        "timepicker": {},
        "refresh": refresh,
        "links": [{
            "type": "dashboards", "title": "LibreChat", "tags": [TAG], "asDropdown": False, "icon": "external link",
            "includeVars": True, "keepTime": True, "targetBlank": False, "tooltip": "", "url": "",
        }],
        "annotations": {"list": [expanded_annotation(scope, annotation) for annotation in annotations]},
        "templating": {"list": [data_source_variable(), *variables]},
        "panels": placed(panels),
    }


def annotation(name, color, expression, text, *, enable=True):
    """A mark at the instant, in milliseconds, that is the query's value."""
    return {
        "name": name,
        "enable": enable,
        "hide": False,
        "iconColor": color,
        "datasource": SOURCE,
        "target": {"refId": "Anno", "expr": expression, "interval": "1m"},
        "titleFormat": name,
        "textFormat": text,
        "tagKeys": "job,instance",
        "useValueForTime": True,
    }


def expanded_annotation(scope, made):
    return made | {"target": made["target"] | {"expr": expand(scope, made["target"]["expr"])}}
