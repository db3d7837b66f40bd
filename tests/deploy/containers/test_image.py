"""The image that was built from the Dockerfile: what is in it, and how it runs and ends."""

import io
import json
import os
import pathlib
import subprocess
import tarfile
import tempfile
import unittest

from docker import ROOT, docker, ends_within_a_second, healthy, image_name, inspect, process_status, run

# As compose.yaml and the manifests run it.
CONFINED = ["--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--memory", "512m"]


class ImageTest(unittest.TestCase):
    def tearDown(self):
        docker("rm", "--force", "exporter", check=False)

    def test_it_holds_the_program_and_no_other(self):
        docker("create", "--name", "exporter", image_name())
        content = subprocess.run(["docker", "export", "exporter"], check=True, capture_output=True).stdout
        with tarfile.open(fileobj=io.BytesIO(content)) as files:
            programs = [file.name for file in files if file.isfile() and file.mode & 0o111]
        # An empty one is what Docker itself puts in place.
        programs = [name for name in programs if not name.startswith((".dockerenv", "dev/", "etc/"))]
        self.assertEqual(programs, ["librechat-exporter"])

    def test_its_program_is_static_and_says_the_commit(self):
        outcome = subprocess.run(
            ["readelf", "--wide", "--program-headers", "--dynamic", os.environ["PROGRAM"]],
            check=True, capture_output=True, text=True,
        )
        self.assertNotIn("INTERP", outcome.stdout)
        self.assertNotIn("NEEDED", outcome.stdout)
        self.assertIn(os.environ["REVISION"], docker("run", "--rm", image_name(), "--version").stdout)

    def test_the_program_for_archives_is_that_of_the_image(self):
        with tempfile.TemporaryDirectory() as folder:
            options = {"DOCKER_BUILD_OPTIONS": "--network none"}
            run(ROOT / "deploy/release/programs.sh", folder, "linux/amd64", env=options)
            program = pathlib.Path(folder) / "linux_amd64/librechat-exporter"
            self.assertEqual(program.read_bytes(), pathlib.Path(os.environ["PROGRAM"]).read_bytes())

    def test_its_labels_name_source_version_and_license(self):
        (image,) = json.loads(docker("image", "inspect", image_name()).stdout)
        labels = image["Config"]["Labels"]
        repository = image_name().removeprefix("ghcr.io/").rsplit(":", 1)[0]
        self.assertEqual(labels["org.opencontainers.image.source"], f"https://github.com/{repository}")
        self.assertEqual(labels["org.opencontainers.image.licenses"], "MIT")
        self.assertEqual(len(labels["org.opencontainers.image.revision"]), 40)
        self.assertEqual(image["Config"]["User"], "65532:65532")

    def test_it_runs_as_nobody_in_particular_without_rights_and_ends_when_asked(self):
        docker("run", "--detach", "--name", "exporter", "--network", "none", "--health-interval", "1s", *CONFINED, image_name(), "demo")
        healthy("exporter")
        process = process_status("exporter")
        self.assertEqual(process["Uid"].split(), ["65532"] * 4)
        self.assertEqual(process["Gid"].split(), ["65532"] * 4)
        for capabilities in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            self.assertEqual(int(process[capabilities], 16), 0, capabilities)
        self.assertEqual(process["NoNewPrivs"], "1")
        self.assertEqual(process["Seccomp"], "2")
        root = pathlib.Path(f"/proc/{inspect('exporter')['State']['Pid']}/mounts").read_text().splitlines()[0].split()
        self.assertEqual(root[1], "/")
        self.assertIn("ro", root[3].split(","))
        self.assertEqual(ends_within_a_second("exporter"), 0)
        self.assertFalse(inspect("exporter")["State"]["OOMKilled"])

    def test_the_health_check_tells_a_server_that_is_none(self):
        docker("run", "--detach", "--name", "exporter", "--network", "none", *CONFINED, image_name(), "demo")
        healthy("exporter")
        self.assertEqual(docker("exec", "exporter", "/librechat-exporter", "healthcheck").returncode, 0)
        wrong = ["/librechat-exporter", "healthcheck", "--url", "http://127.0.0.1:1/health"]
        self.assertEqual(docker("exec", "exporter", *wrong, check=False).returncode, 1)

    def test_wrong_settings_end_it_with_2(self):
        outcome = docker("run", "--name", "exporter", *CONFINED, image_name(), check=False)
        self.assertEqual(outcome.returncode, 2)
        self.assertIn("MONGO_URI", outcome.stderr)


if __name__ == "__main__":
    unittest.main()
