"""The systemd unit, as systemd-analyze reads and judges it."""

import os
import pathlib
import re
import tempfile
import unittest

from tools import PROGRAM, ROOT, check_config, tool

UNIT = (ROOT / "deploy/systemd/librechat-exporter.service").read_text()


def analyze(unit, *arguments):
    """systemd-analyze over a unit whose program is the one built here."""
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "librechat-exporter.service"
        file.write_text(unit.replace("/usr/local/bin/librechat-exporter", os.path.realpath(PROGRAM)))
        return tool("systemd-analyze", *arguments, str(file))


def settings(key):
    lines = (line.split("=", 1) for line in UNIT.splitlines() if "=" in line and not line.startswith("#"))
    return [value for name, value in lines if name == key]


class SystemdTest(unittest.TestCase):
    def test_systemd_has_nothing_to_say_against_the_unit(self):
        outcome = analyze(UNIT, "verify", "--man=no")
        self.assertEqual((outcome.returncode, outcome.stderr), (0, ""))

    def test_systemd_tells_a_misspelt_setting(self):
        outcome = analyze(UNIT.replace("NoNewPrivileges", "NoNewPriviledges"), "verify", "--man=no")
        self.assertIn("NoNewPriviledges", outcome.stderr)

    def test_the_unit_is_as_confined_as_the_documentation_says(self):
        outcome = analyze(UNIT, "security", "--offline=yes")
        (level,) = re.findall(r"Overall exposure level for librechat-exporter.service: ([\d.]+ \w+)", outcome.stdout)
        self.assertIn(f"librechat-exporter.service: {level}`", (ROOT / "deploy/README.md").read_text())

    def test_the_exporter_accepts_its_settings_and_guards_metrics(self):
        environment = dict(setting.split("=", 1) for setting in settings("Environment"))
        outcome = check_config(environment)
        self.assertEqual((outcome.returncode, outcome.stderr), (0, ""))
        self.assertIn("in this order: bearer", outcome.stdout)

    def test_every_secret_that_is_read_is_loaded(self):
        loaded = {credential.split(":")[0] for credential in settings("LoadCredential")}
        files = [setting.split("=", 1)[1] for setting in settings("Environment") if "_FILE=" in setting]
        self.assertEqual({file.removeprefix("%d/") for file in files}, loaded)
        self.assertEqual(len(loaded), 2)


if __name__ == "__main__":
    unittest.main()
