"""Values as Grafana writes them in its units, as far as the dashboards use these."""

from datetime import datetime, timezone

SHORT = ((1e12, " T"), (1e9, " B"), (1e6, " M"), (1e3, " K"))
BYTES = ((2**40, " TiB"), (2**30, " GiB"), (2**20, " MiB"), (2**10, " KiB"), (1, " B"))
TIME = ((31_536_000, " years"), (604_800, " weeks"), (86_400, " days"), (3_600, " hours"), (60, " min"), (1, " s"),
        (1e-3, " ms"), (1e-6, " µs"))


def number(value, decimals=None):
    if decimals is None:
        size = abs(value)
        decimals = 0 if size >= 100 or value == int(value) else 1 if size >= 10 else 2 if size >= 0.1 else 3
        return f"{value:.{decimals}f}".rstrip("0").rstrip(".") if decimals else f"{value:.0f}"
    return f"{value:.{decimals}f}"


def scaled(value, scale, decimals):
    for factor, name in scale:
        if abs(value) >= factor:
            return number(value / factor, decimals) + name
    return number(value, decimals)


def written(value, unit, decimals=None):
    match unit:
        case "currencyUSD":
            return "$" + scaled(value, SHORT, 2 if decimals is None else decimals)
        case "percent":
            return number(value, decimals) + " %"
        case "percentunit":
            return number(value * 100, decimals) + " %"
        case "s":
            return scaled(value, TIME, decimals) if value else "0 s"
        case "bytes":
            return scaled(value, BYTES, decimals)
        case "cpm":
            return scaled(value, SHORT, decimals) + " /min"
        case "dateTimeAsIso":
            return f"{datetime.fromtimestamp(value / 1000, timezone.utc):%Y-%m-%d %H:%M:%S}"
        case "short" | "none":
            return scaled(value, SHORT, decimals)
    raise ValueError(f"nobody writes {unit}")
