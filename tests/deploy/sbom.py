"""sbom.py FILE TARGET: whether FILE is a CycloneDX bill of materials by its own schema, and names every package that
Cargo links into the program for TARGET."""

import json
import pathlib
import subprocess
import sys

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

path, target = sys.argv[1:]
text = pathlib.Path(path).read_text()
error = JsonStrictValidator(SchemaVersion.V1_5).validate_str(text)
if error:
    sys.exit(f"{path}: {error}")

tree = subprocess.run(
    ["cargo", "tree", "--locked", "--edges", "normal", "--target", target, "--prefix", "none", "--format", "{p}"],
    check=True,
    capture_output=True,
    text=True,
).stdout
linked = {tuple(line.split()[:2]) for line in tree.splitlines() if line}
listed = {(part["name"], f"v{part['version']}") for part in json.loads(text)["components"]}
program = {name for name in linked if name[0] == "librechat-exporter"}
if linked - program - listed:
    sys.exit(f"{path} lacks {sorted(linked - program - listed)}")
# Packages of features that nothing turns on are in Cargo's metadata and so in the bill; those of tests must not be.
if tests := {"rcgen", "pulldown-cmark", "clap_mangen"} & {name for name, _ in listed}:
    sys.exit(f"{path} has packages that only tests use: {sorted(tests)}")
if len(linked) < 100:
    sys.exit(f"cargo tree names only {len(linked)} packages for {target}")
print(f"{path}: CycloneDX 1.5, {len(listed)} packages, among them the {len(linked - program)} that are linked")
