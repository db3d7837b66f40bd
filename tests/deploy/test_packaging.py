"""The manual pages and completions, read by what will read them. That they are current is for tests/packaging.rs."""

import pathlib
import subprocess
import tempfile
import unittest

from tools import ROOT, run, tool

MANUAL = sorted((ROOT / "deploy/man").glob("*.1"))
COMPLETIONS = ROOT / "deploy/completions"
BASH = COMPLETIONS / "librechat-exporter.bash"


def completed(*words):
    """What bash offers for the last of these words."""
    script = f"""
        source {BASH}
        set -- "$@"
        COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
        function=$(complete -p librechat-exporter | sed -E 's/.*-F ([^ ]+).*/\\1/')
        "$function" librechat-exporter "${{@: -1}}" "${{@: -2:1}}"
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    outcome = subprocess.run(["bash", "-euc", script, "bash", *words], capture_output=True, text=True, check=True)
    return outcome.stdout.split()


class PackagingTest(unittest.TestCase):
    def test_mandoc_has_nothing_to_say_against_the_manual(self):
        self.assertEqual(len(MANUAL), 9)
        outcome = tool("mandoc", "-T", "lint", "-W", "warning", *MANUAL)
        self.assertEqual((outcome.returncode, outcome.stdout + outcome.stderr), (0, ""))

    def test_mandoc_tells_a_broken_page(self):
        with tempfile.NamedTemporaryFile("w", suffix=".1") as file:
            file.write(MANUAL[0].read_text().replace(".SH SYNOPSIS", ".SHH SYNOPSIS"))
            file.flush()
            self.assertNotEqual(tool("mandoc", "-T", "lint", "-W", "warning", file.name).returncode, 0)

    def test_the_shells_parse_their_completions(self):
        parsers = {
            "librechat-exporter.bash": lambda file: run("bash", "-n", file),
            "_librechat-exporter": lambda file: tool("zsh", "-n", file),
            "librechat-exporter.fish": lambda file: tool("fish", "--no-config", "--no-execute", file),
        }
        self.assertEqual({path.name for path in COMPLETIONS.iterdir()}, set(parsers))
        for name, parse in parsers.items():
            with self.subTest(name=name), tempfile.TemporaryDirectory() as folder:
                outcome = parse(COMPLETIONS / name)
                self.assertEqual((outcome.returncode, outcome.stderr), (0, ""))
                broken = pathlib.Path(folder) / name
                broken.write_text((COMPLETIONS / name).read_text() + "\nif (((\n")
                self.assertNotEqual(parse(broken).returncode, 0)

    def test_bash_completes_commands_and_options(self):
        self.assertEqual(completed("librechat-exporter", "he"), ["healthcheck", "help"])
        self.assertEqual(completed("librechat-exporter", "check"), ["check-config"])
        self.assertEqual(completed("librechat-exporter", "once", "--a"), ["--at"])


if __name__ == "__main__":
    unittest.main()
