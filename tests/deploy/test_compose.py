"""The compose files, as Docker Compose itself reads them (it checks them against the Compose specification's schema)."""

import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

from tools import ROOT, check_config, documents, parsed, tool

BASE = ["--file", "compose.yaml"]
BESIDE = [*BASE, "--file", "compose.librechat.yaml"]
DEMO = ["--file", "compose.demo.yaml"]
OVERRIDE = ROOT / "deploy/compose/librechat.override.yaml"
# LibreChat's compose file as far as the override joins it.
LIBRECHAT = "services:\n  api: {image: librechat, ports: ['3080:3080']}\n  mongodb: {image: mongo}\n"


def config(files, env=None):
    return parsed(tool("docker-compose", *files, "config", "--format", "json", env=env))


def merged_with_librechat(env):
    """The override beside a LibreChat's compose file, as Compose reads both."""
    with tempfile.TemporaryDirectory() as folder:
        (pathlib.Path(folder) / "docker-compose.yml").write_text(LIBRECHAT)
        shutil.copy(OVERRIDE, pathlib.Path(folder) / "docker-compose.override.yml")
        return tool("docker-compose", "--project-directory", folder, "config", "--format", "json", env=env, cwd=folder)


def mounts(service):
    """Where the repository's folders and files are for a service: the path there, and the one here."""
    volumes = config(BASE)["services"][service]["volumes"]
    return {volume["target"]: volume["source"] for volume in volumes if volume["type"] == "bind"}


def made_secrets(*arguments):
    """What deploy/compose/secrets.sh makes, by name."""
    with tempfile.TemporaryDirectory() as folder:
        copy = pathlib.Path(folder) / "deploy/compose/secrets.sh"
        copy.parent.mkdir(parents=True)
        shutil.copy(ROOT / "deploy/compose/secrets.sh", copy)
        for _ in range(2):
            subprocess.run(["bash", copy, *arguments], check=True, capture_output=True)
        files = (pathlib.Path(folder) / "secrets").iterdir()
        return {file.name: file.read_text().strip() for file in files}


class ComposeTest(unittest.TestCase):
    def test_compose_refuses_a_key_that_the_specification_does_not_have(self):
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            file.write((ROOT / "compose.yaml").read_text().replace("read_only:", "read-only:"))
            file.flush()
            outcome = tool("docker-compose", "--file", file.name, "config", "--quiet")
        self.assertNotEqual(outcome.returncode, 0)
        self.assertIn("read-only", outcome.stderr)

    def test_every_service_is_confined_watched_and_pinned(self):
        for files in (BASE, BESIDE, DEMO):
            services = config(files)["services"]
            self.assertGreaterEqual(len(services), 3)
            for name, service in services.items():
                with self.subTest(service=name, files=files):
                    self.assertTrue(service["read_only"])
                    self.assertEqual(service["cap_drop"], ["ALL"])
                    self.assertNotIn("cap_add", service)
                    self.assertNotIn("privileged", service)
                    self.assertEqual(service["security_opt"], ["no-new-privileges:true"])
                    self.assertIn("test", service["healthcheck"])
                    self.assertRegex(service["image"], r":v?\d+\.\d+\.\d+$")
                    for port in service.get("ports", []):
                        self.assertEqual(port["host_ip"], "127.0.0.1")

    def test_no_secret_stands_in_the_environment(self):
        for files in (BASE, BESIDE, DEMO):
            for name, service in config(files)["services"].items():
                for variable, value in (service.get("environment") or {}).items():
                    if re.search("PASSWORD|TOKEN|SECRET|URI", variable):
                        with self.subTest(service=name):
                            self.assertTrue(variable.endswith("_FILE"), variable)
                            self.assertTrue(value.startswith("/run/secrets/"), value)
                            granted = [secret["source"] for secret in service["secrets"]]
                            self.assertIn(value.removeprefix("/run/secrets/"), granted)

    def test_every_mounted_file_is_in_the_repository(self):
        for files in (BASE, DEMO):
            mounted = 0
            for name, service in config(files)["services"].items():
                for volume in service.get("volumes", []):
                    if volume["type"] == "bind":
                        path = pathlib.Path(volume["source"]).relative_to(ROOT)
                        self.assertTrue((ROOT / path).exists(), f"{name}: {path}")
                        self.assertTrue(volume["read_only"], path)
                        mounted += 1
            self.assertGreaterEqual(mounted, 4)

    def test_the_ports_of_this_machine_can_be_chosen_and_are_none_of_librechats(self):
        for files in (BASE, BESIDE, DEMO):
            for env, expected in (
                ({}, {"grafana": "3001", "prometheus": "9090"}),
                ({"GRAFANA_PORT": "3300", "PROMETHEUS_PORT": "9900"}, {"grafana": "3300", "prometheus": "9900"}),
            ):
                services = config(files, env)["services"]
                published = {
                    name: port["published"] for name, service in services.items() for port in service.get("ports", [])
                }
                self.assertEqual(published, expected)
                # Its API's and its admin panel's.
                self.assertFalse({"3080", "3000"} & set(published.values()))

    def test_the_override_is_short_and_joins_librechats_own_file(self):
        lines = OVERRIDE.read_text().splitlines()
        self.assertLessEqual(len(lines), 11)
        self.assertIn(f"```yaml\n{OVERRIDE.read_text()}```", (ROOT / "docs/getting-started.md").read_text())
        token = "0123456789abcdef0123456789abcdef"
        project = parsed(merged_with_librechat({"METRICS_BEARER_TOKEN": token}))
        service = project["services"]["librechat-exporter"]
        self.assertNotIn("build", service)
        self.assertEqual(service["image"], config(BASE)["services"]["exporter"]["image"])
        self.assertEqual(service["ports"][0]["host_ip"], "127.0.0.1")
        self.assertEqual(set(service["networks"]), set(project["services"]["mongodb"]["networks"]))
        outcome = check_config(service["environment"])
        self.assertEqual((outcome.returncode, outcome.stderr), (0, ""))
        self.assertIn("reads the database LibreChat at mongodb:27017", outcome.stdout)
        self.assertIn("in this order: bearer", outcome.stdout)

    def test_the_override_without_a_token_starts_nothing(self):
        for env in ({}, {"METRICS_BEARER_TOKEN": ""}):
            outcome = merged_with_librechat(env)
            self.assertNotEqual(outcome.returncode, 0)
            self.assertIn("METRICS_BEARER_TOKEN", outcome.stderr)

    def test_the_demo_opens_on_the_overview_for_anybody_and_needs_no_file_of_secrets(self):
        project = config(DEMO)
        self.assertFalse(project.get("secrets"))
        services = project["services"]
        self.assertEqual(services["exporter"]["command"], ["demo"])
        self.assertNotIn("ports", services["exporter"])
        environment = services["grafana"]["environment"]
        self.assertEqual(environment["GF_AUTH_ANONYMOUS_ENABLED"], "true")
        self.assertEqual(environment["GF_AUTH_ANONYMOUS_ORG_ROLE"], "Viewer")
        home = environment["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
        here = {volume["target"]: volume["source"] for volume in services["grafana"]["volumes"]}
        folder, name = home.rsplit("/", 1)
        self.assertIn("Overview", (pathlib.Path(here[folder]) / name).read_text())

    def test_the_script_leaves_every_secret_readable_for_the_containers(self):
        with tempfile.TemporaryDirectory() as folder:
            copy = pathlib.Path(folder) / "deploy/compose/secrets.sh"
            copy.parent.mkdir(parents=True)
            shutil.copy(ROOT / "deploy/compose/secrets.sh", copy)
            # One made by hand, as openssl and `chmod 600` leave it.
            mine = pathlib.Path(folder) / "secrets/metrics_token"
            mine.parent.mkdir()
            mine.write_text("a token of my own\n")
            mine.chmod(0o600)
            said = subprocess.run(["bash", copy], check=True, capture_output=True, text=True).stdout
            self.assertEqual(mine.read_text(), "a token of my own\n")
            self.assertEqual(mine.parent.stat().st_mode & 0o777, 0o700)
            for file in mine.parent.iterdir():
                self.assertEqual(file.stat().st_mode & 0o777, 0o644, file)
            self.assertIn("The containers may read these files", said)

    def test_the_script_makes_the_secrets_that_are_read(self):
        self.assertEqual(set(made_secrets()), set(config(BASE)["secrets"]))
        uri = "mongodb://mongodb:27017/LibreChat"
        beside = made_secrets("--mongo-uri", uri)
        self.assertEqual(set(beside), set(config(BESIDE)["secrets"]))
        self.assertEqual(beside["mongo_uri"], uri)

    def test_secrets_differ_from_each_other_and_from_run_to_run(self):
        first, second = made_secrets(), made_secrets()
        self.assertEqual(len(set(first.values()) | set(second.values())), 2 * len(first))

    def test_the_exporter_accepts_its_settings_and_guards_metrics(self):
        for files, made in ((BASE, made_secrets()), (BESIDE, made_secrets("--mongo-uri", "mongodb://mongodb/LibreChat"))):
            environment = config(files)["services"]["exporter"]["environment"]
            values = {
                name: made[value.removeprefix("/run/secrets/")]
                for name, value in environment.items()
                if name.endswith("_FILE")
            }
            outcome = check_config(environment, values)
            self.assertEqual((outcome.returncode, outcome.stderr), (0, ""))
            self.assertIn("reads the database LibreChat at mongodb:27017", outcome.stdout)
            self.assertIn("in this order: bearer", outcome.stdout)

    def test_beside_librechat_there_is_no_second_mongodb(self):
        beside = config(BESIDE)
        self.assertEqual(set(beside["services"]), {"exporter", "prometheus", "grafana"})
        self.assertEqual(set(beside["services"]["exporter"]["networks"]), {"librechat", "monitoring"})
        self.assertEqual(beside["networks"]["librechat"]["name"], "librechat_default")
        self.assertTrue(beside["networks"]["librechat"]["external"])
        for name in ("prometheus", "grafana"):
            self.assertEqual(set(beside["services"][name]["networks"]), {"monitoring"})

    def test_prometheus_accepts_the_configuration_of_the_demo(self):
        text = (ROOT / "deploy/compose/prometheus.demo.yml").read_text()
        self.assertIn("targets: ['exporter:9087']", text)
        with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
            file.write(text.replace("/etc/prometheus/librechat/", f"{ROOT}/prometheus/rules/"))
            file.flush()
            outcome = tool("promtool", "check", "config", file.name)
        self.assertEqual(outcome.returncode, 0, outcome.stdout + outcome.stderr)

    def test_prometheus_accepts_its_configuration(self):
        with tempfile.TemporaryDirectory() as folder:
            token = pathlib.Path(folder) / "metrics_token"
            token.write_text("a token of the tests")
            text = (ROOT / "deploy/compose/prometheus.yml").read_text()
            text = text.replace("/run/secrets/metrics_token", str(token))
            for there, here in mounts("prometheus").items():
                text = text.replace(f"{there}/", f"{here}/")
            file = pathlib.Path(folder) / "prometheus.yml"
            file.write_text(text)
            outcome = tool("promtool", "check", "config", str(file))
            self.assertEqual(outcome.returncode, 0, outcome.stdout + outcome.stderr)
            for rules in ("recording.yml", "alerts.yml"):
                self.assertRegex(outcome.stdout, rf"/{rules}\n *SUCCESS: [1-9]\d* rules found")
            token.unlink()
            self.assertNotEqual(tool("promtool", "check", "config", str(file)).returncode, 0)

    def test_prometheus_scrapes_the_service_at_its_port(self):
        services = config(BASE)["services"]
        text = (ROOT / "deploy/compose/prometheus.yml").read_text()
        self.assertIn("targets: ['exporter:9087']", text)
        self.assertIn("exporter", services)
        shared = set(services["exporter"]["networks"]) & set(services["prometheus"]["networks"])
        self.assertEqual(shared, {"monitoring"})

    def test_grafana_finds_prometheus_and_the_dashboards(self):
        provisioned = mounts("grafana")
        here = pathlib.Path(provisioned["/etc/grafana/provisioning"])
        (sources,) = documents(here / "datasources/prometheus.yaml")
        (source,) = sources["datasources"]
        self.assertEqual(source["url"], "http://prometheus:9090")
        services = config(BASE)["services"]
        self.assertTrue(set(services["grafana"]["networks"]) & set(services["prometheus"]["networks"]))
        (providers,) = documents(here / "dashboards/librechat.yaml")
        for provider in providers["providers"]:
            folder = pathlib.Path(provisioned[provider["options"]["path"]])
            self.assertGreaterEqual(len(list(folder.glob("*.json"))), 5)
        # The dashboards' panels are checked against the types of this very release.
        _, version = services["grafana"]["image"].split(":")
        self.assertIn(f"@grafana/schema@{version}", (ROOT / "tests/servers/fetch.sh").read_text())


if __name__ == "__main__":
    unittest.main()
