"""The compose files, brought up. Grafana stays out: its image cannot be had without a registry."""

import json
import unittest

from docker import (
    ROOT, Project, docker, ends_within_a_second, eventually, image_name, inspect, named_image, process_status, query, status,
)

PROMETHEUS = "http://127.0.0.1:9090"
# The golden LibreChat of the tests, and two of the figures that it comes to.
GOLDEN = ROOT / "tests/golden/seed1"
USERS, MESSAGES = 30, 3000
LOAD = """
const fs = require('fs'), zlib = require('zlib');
for (const file of fs.readdirSync('/golden').filter((name) => name.endsWith('.jsonl.gz'))) {
  const lines = zlib.gunzipSync(fs.readFileSync('/golden/' + file)).toString().split('\\n').filter(Boolean);
  if (lines.length) db.getSiblingDB('LibreChat')[file.split('.')[0]].insertMany(lines.map((line) => EJSON.parse(line)));
}
"""
# LibreChat's own project as far as it matters: its name, its network, its services' names, the ports that it publishes.
LIBRECHAT = """
name: librechat
services:
  api:
    image: mongo
    container_name: LibreChat
    command: [sleep, infinity]
    ports: ['3080:3080']
  admin-panel:
    image: mongo
    command: [sleep, infinity]
    ports: ['3000:3000']
  mongodb:
    image: mongo
    container_name: chat-mongodb
    command: [mongod, --noauth]
    volumes: ['GOLDEN:/golden:ro']
""".replace("GOLDEN", str(GOLDEN)).replace("image: mongo", f"image: {named_image('mongo:')}")


class ComposeUpTest(unittest.TestCase):
    def assert_scraped(self):
        """Prometheus, in its container, has scraped the exporter with what its secret holds."""
        eventually("Prometheus scrapes", lambda: query(PROMETHEUS, 'up{job="librechat"}') == 1)
        self.assertGreater(query(PROMETHEUS, 'scrape_samples_scraped{job="librechat"}'), 0)

    def assert_confined(self, container):
        process = process_status(container)
        self.assertEqual(process["Uid"].split(), ["65532"] * 4)
        self.assertEqual(int(process["CapEff"], 16), 0)
        self.assertEqual(int(process["CapBnd"], 16), 0)
        self.assertEqual(process["NoNewPrivs"], "1")
        host = inspect(container)["HostConfig"]
        self.assertTrue(host["ReadonlyRootfs"])
        self.assertEqual(host["Memory"], 512 * 1024 * 1024)
        self.assertFalse(inspect(container)["State"]["OOMKilled"])

    def test_with_its_own_mongodb(self):
        with Project("compose.yaml") as project:
            project.secrets()
            project.up("mongodb", "exporter", "prometheus")
            exporter = project.container("exporter")
            self.assert_scraped()
            self.assert_confined(exporter)
            # It authenticates, and its role lets it read and no more.
            eventually("MongoDB answers it", lambda: query(PROMETHEUS, "librechat_up") == 1)

            said = docker("exec", exporter, "/librechat-exporter", "check-config").stdout
            self.assertIn("in this order: bearer", said)
            self.assertNotIn(project.secret("mongo_exporter_password"), said)
            self.assertNotIn(project.secret("metrics_token"), said)

            # A new token, in the same file, as deploy/README.md says.
            new = "f" * 64
            old = project.secret("metrics_token")
            (project.folder / "secrets/metrics_token").write_text(f"{new}\n")
            docker("kill", "--signal", "HUP", exporter)
            address = inspect(exporter)["NetworkSettings"]["Networks"]["librechat-exporter_monitoring"]["IPAddress"]
            url = f"http://{address}:9087/metrics"
            eventually("the new token is taken", lambda: status(url, new) == 200)
            self.assertEqual(status(url, old), 401)
            self.assertEqual(status(url), 401)
            self.assertEqual(inspect(exporter)["RestartCount"], 0)
            # Prometheus reads its own copy again for each scrape.
            eventually("a scrape with it", lambda: query(PROMETHEUS, 'min_over_time(up{job="librechat"}[35s])') == 1)
            usage = json.loads(docker("stats", "--no-stream", "--format", "{{json .}}", exporter).stdout)
            self.assertLess(float(usage["MemPerc"].rstrip("%")), 50)
            self.assertEqual(ends_within_a_second(exporter), 0)

    def librechat(self, project):
        """Starts the stand-in for LibreChat's project, with data, in the folder of `project`."""
        folder = project.folder / "LibreChat"
        folder.mkdir()
        (folder / "docker-compose.yml").write_text(LIBRECHAT)
        (folder / ".env").write_text("HOST=localhost\nPORT=3080\nBAN_DURATION=1000 * 60 * 60 * 2\n")
        librechat = Project()
        librechat.folder = folder
        project.others.append(librechat)
        librechat.compose("up", "--detach")
        ping = ["exec", "chat-mongodb", "mongosh", "--quiet", "--eval"]
        eventually("LibreChat's MongoDB answers", lambda: docker(*ping, "db.runCommand({ping: 1}).ok", check=False).returncode == 0)
        docker(*ping, LOAD)
        return librechat

    def test_beside_a_librechat(self):
        with Project("compose.yaml", "compose.librechat.yaml") as project:
            self.librechat(project)
            project.secrets("--mongo-uri", "mongodb://mongodb:27017/LibreChat")
            project.up("exporter", "prometheus")
            self.assert_scraped()
            self.assert_confined(project.container("exporter"))
            eventually("its users are there", lambda: query(PROMETHEUS, "librechat_user_count") == USERS)
            self.assertEqual(query(PROMETHEUS, "librechat_message_count"), MESSAGES)

    def test_as_an_override_of_librechats_own_file(self):
        with Project() as project:
            librechat = self.librechat(project)
            text = (ROOT / "deploy/compose/librechat.override.yaml").read_text()
            (librechat.folder / "docker-compose.override.yml").write_text(text)
            refused = librechat.compose("up", "--detach", check=False)
            self.assertIn("METRICS_BEARER_TOKEN", refused.stderr)
            token = "0123456789abcdef" * 4
            with (librechat.folder / ".env").open("a") as env:
                env.write(f"METRICS_BEARER_TOKEN={token}\n")
            librechat.up("librechat-exporter")
            eventually("it answers", lambda: status("http://127.0.0.1:9087/readyz") == 200)
            self.assertEqual(status("http://127.0.0.1:9087/metrics"), 401)
            self.assertEqual(status("http://127.0.0.1:9087/metrics", token), 200)
            self.assertEqual(ends_within_a_second(librechat.container("librechat-exporter")), 0)

    def test_the_demo(self):
        with Project("compose.demo.yaml") as project:
            project.up("exporter", "prometheus")
            self.assert_scraped()
            self.assert_confined(project.container("exporter"))
            self.assertGreater(query(PROMETHEUS, "librechat_user_count"), 0)
            self.assertEqual(inspect(project.container("exporter"))["Config"]["Image"], image_name())


if __name__ == "__main__":
    unittest.main()
