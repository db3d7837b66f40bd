"""The Kubernetes manifests and the Helm chart: rendered by Helm's own library, checked against Kubernetes' schemas, the
restricted Pod Security Standard, and the running exporter."""

import copy
import pathlib
import re
import tempfile
import unittest

import kubernetes_validate
import yaml
from helm_python import chart, errors

from tools import ROOT, TOKEN, check_config, documents, eventually, exporter, status

PLAIN = ROOT / "deploy/kubernetes"
CHART = ROOT / "deploy/helm/librechat-exporter"
NAME = "librechat-exporter"
# The oldest and the newest that the fetched schemas have, and that the chart's kubeVersion lets in.
VERSIONS = ["1.25", "1.30", "1.37"]
FULL = yaml.safe_load((pathlib.Path(__file__).parent / "full-values.yaml").read_text())
# https://kubernetes.io/docs/concepts/security/pod-security-standards/
VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}


def by_kind(objects):
    found = {document["kind"]: document for document in objects}
    assert len(found) == len(objects)
    return found


def plain():
    return by_kind([document for file in sorted(PLAIN.glob("*.yaml")) for document in documents(file)])


def rendered(values=None, name=NAME):
    with chart.Chart.load(CHART) as loaded:
        loaded.validate_schema(values)
        files = loaded.render(values, name=name, namespace="librechat")
    texts = [text for path, text in files.items() if path.endswith(".yaml")]
    return by_kind([document for text in texts for document in yaml.safe_load_all(text) if document])


def all_sets():
    return {"manifests": plain(), "chart": rendered(), "chart, full values": rendered(FULL, "chat")}


def unrestricted(pod):
    """What in a Pod's specification breaks the restricted Pod Security Standard."""
    found = [key for key in ("hostNetwork", "hostPID", "hostIPC") if pod.get(key)]
    whole = pod.get("securityContext", {})
    for container in pod["containers"] + pod.get("initContainers", []):
        own = container.get("securityContext", {})
        either = {**whole, **own}
        capabilities = own.get("capabilities", {})
        found += [
            what
            for what, bad in {
                "privileged": own.get("privileged"),
                "allowPrivilegeEscalation": own.get("allowPrivilegeEscalation") is not False,
                "runAsNonRoot": either.get("runAsNonRoot") is not True,
                "runAsUser": either.get("runAsUser") == 0,
                "seccompProfile": either.get("seccompProfile", {}).get("type") not in ("RuntimeDefault", "Localhost"),
                "capabilities": capabilities.get("drop") != ["ALL"] or capabilities.get("add"),
                "hostPort": any(port.get("hostPort") for port in container.get("ports", [])),
            }.items()
            if bad
        ]
    for volume in pod.get("volumes", []):
        found += [kind for kind in set(volume) - {"name"} if kind not in VOLUMES]
    return found


def pod(objects):
    return objects["Deployment"]["spec"]["template"]["spec"]


def environment(objects):
    (container,) = pod(objects)["containers"]
    return {variable["name"]: variable["value"] for variable in container["env"]}


class KubernetesTest(unittest.TestCase):
    def test_kubernetes_schemas_accept_every_object(self):
        for origin, objects in all_sets().items():
            for kind, document in objects.items():
                # Of the Prometheus Operator, not of Kubernetes; it has a test of its own.
                if kind == "ServiceMonitor":
                    continue
                for version in VERSIONS:
                    with self.subTest(origin=origin, kind=kind, version=version):
                        kubernetes_validate.validate(document, version, strict=True)

    def test_kubernetes_schemas_refuse_a_misspelt_field(self):
        document = copy.deepcopy(plain()["Deployment"])
        document["spec"]["template"]["spec"]["enableServiceLink"] = False
        with self.assertRaises(kubernetes_validate.ValidationError):
            kubernetes_validate.validate(document, VERSIONS[-1], strict=True)

    def test_pods_meet_the_restricted_standard_and_write_nothing(self):
        for origin, objects in all_sets().items():
            with self.subTest(origin=origin):
                self.assertEqual(unrestricted(pod(objects)), [])
                self.assertTrue(pod(objects)["containers"][0]["securityContext"]["readOnlyRootFilesystem"])
                for mount in pod(objects)["containers"][0]["volumeMounts"]:
                    self.assertTrue(mount["readOnly"])

    def test_the_restricted_standard_is_really_asked_for(self):
        loose = copy.deepcopy(pod(plain()))
        del loose["securityContext"]
        loose["containers"][0]["securityContext"] = {"privileged": True}
        loose["hostNetwork"] = True
        loose["volumes"].append({"name": "node", "hostPath": {"path": "/"}})
        self.assertEqual(
            set(unrestricted(loose)),
            {"hostNetwork", "privileged", "allowPrivilegeEscalation", "runAsNonRoot", "seccompProfile", "capabilities", "hostPath"},
        )

    def test_no_pod_gets_a_token_of_kubernetes(self):
        for origin, objects in all_sets().items():
            with self.subTest(origin=origin):
                self.assertIs(pod(objects)["automountServiceAccountToken"], False)
                self.assertIs(objects["ServiceAccount"]["automountServiceAccountToken"], False)
                self.assertEqual(pod(objects)["serviceAccountName"], objects["ServiceAccount"]["metadata"]["name"])

    def test_selectors_and_ports_meet(self):
        for origin, objects in all_sets().items():
            with self.subTest(origin=origin):
                labels = objects["Deployment"]["spec"]["template"]["metadata"]["labels"].items()
                selectors = [
                    objects["Deployment"]["spec"]["selector"]["matchLabels"],
                    objects["Service"]["spec"]["selector"],
                    objects["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"],
                ]
                for selector in selectors:
                    self.assertLessEqual(selector.items(), labels)
                ports = {port["name"]: port["containerPort"] for port in pod(objects)["containers"][0]["ports"]}
                self.assertEqual(ports, {"http": 9087, "metrics": 9088})
                self.assertEqual({port["targetPort"] for port in objects["Service"]["spec"]["ports"]}, set(ports))
                (rule,) = objects["NetworkPolicy"]["spec"]["ingress"]
                self.assertIn(rule["ports"], ([{"port": "metrics"}], [{"port": 9088}]))
                self.assertIs(objects["Service"]["spec"]["publishNotReadyAddresses"], True)

    def test_the_chart_makes_what_the_manifests_say(self):
        by_hand, made = plain(), rendered()
        self.assertEqual(set(by_hand), set(made))
        self.assertEqual(environment(by_hand), {k: v for k, v in environment(made).items() if k != "PORT"})
        for objects in (by_hand, made):
            del pod(objects)["containers"][0]["env"]
        self.assertEqual(pod(by_hand), pod(made))
        for key in ("replicas", "strategy", "progressDeadlineSeconds"):
            self.assertEqual(by_hand["Deployment"]["spec"][key], made["Deployment"]["spec"][key])
        self.assertEqual(by_hand["Service"]["spec"]["ports"], made["Service"]["spec"]["ports"])
        self.assertEqual(by_hand["NetworkPolicy"]["spec"]["egress"], made["NetworkPolicy"]["spec"]["egress"])

    def test_the_exporter_accepts_its_settings_and_guards_metrics(self):
        for origin, objects in all_sets().items():
            with self.subTest(origin=origin):
                outcome = check_config(environment(objects))
                self.assertEqual((outcome.returncode, outcome.stderr), (0, ""))
                self.assertIn("bearer", outcome.stdout.split("in this order:")[1])

    def test_only_readiness_asks_about_mongodb(self):
        (container,) = pod(plain())["containers"]
        ports = {port["name"]: index for index, port in enumerate(container["ports"])}
        probes = {
            name: (ports[container[name]["httpGet"]["port"]], container[name]["httpGet"]["path"])
            for name in ("startupProbe", "livenessProbe", "readinessProbe")
        }
        env = environment(plain())
        # Nobody is at the MongoDB of these settings.
        with exporter("serve", env) as listening:
            answers = {name: status(listening[port], path) for name, (port, path) in probes.items()}
            self.assertEqual(answers, {"startupProbe": 200, "livenessProbe": 200, "readinessProbe": 503})
            self.assertEqual(status(listening[1], "/metrics", TOKEN), 200)
            self.assertEqual(status(listening[1], "/metrics"), 401)
            self.assertEqual(status(listening[0], "/metrics", TOKEN), 404)
        with exporter("demo", env) as listening:
            port, path = probes["readinessProbe"]
            eventually("demo is ready", lambda: status(listening[port], path) == 200)


class ChartTest(unittest.TestCase):
    def test_helm_lints_the_chart_without_a_warning(self):
        for values in (None, FULL):
            report = chart.lint(CHART, values, strict=True)
            self.assertEqual(report["errors"], [])
            # 1 is a remark: the chart has no icon.
            self.assertEqual([message for message in report["messages"] if message["severity"] > 1], [])

    def test_helm_lint_tells_a_broken_template(self):
        with tempfile.TemporaryDirectory() as folder:
            with chart.Chart.load(CHART) as loaded:
                broken = pathlib.Path(loaded.save_dir(folder))
            template = broken / "templates/service.yaml"
            template.write_text(template.read_text().replace("nindent", "nindnt", 1))
            self.assertTrue(chart.lint(broken, strict=True)["errors"])

    def test_the_schema_refuses_secrets_ports_and_unknown_values(self):
        refused = [
            {"env": {"METRICS_BEARER_TOKEN": TOKEN}},
            {"env": {"PORT": "80"}},
            {"secret": {"files": {"MONGO_URI": "mongo-uri"}}},
            {"image": {"tag": "latest"}},
            {"image": {"digest": "sha256:0"}},
            {"service": {"metricsPort": 0}},
            {"replicaCount": 2},
        ]
        with chart.Chart.load(CHART) as loaded:
            for values in refused:
                with self.subTest(values=values), self.assertRaises(errors.HelmValuesError):
                    loaded.validate_schema(values)
            loaded.validate_schema({"env": {"LOG_LEVEL": "debug"}})

    def test_full_values_reach_the_objects(self):
        objects = rendered(FULL, "chat")
        (container,) = pod(objects)["containers"]
        self.assertEqual(container["image"], f"registry.example.com/librechat-exporter@{FULL['image']['digest']}")
        self.assertEqual(environment(objects)["REFRESH_INTERVAL"], "1m")
        self.assertEqual(objects["Deployment"]["metadata"]["name"], "figures")
        self.assertEqual(pod(objects)["volumes"][0]["secret"]["secretName"], "secrets-of-the-exporter")
        for key in ("nodeSelector", "tolerations", "affinity", "priorityClassName", "imagePullSecrets"):
            self.assertEqual(pod(objects)[key], FULL[key])
        self.assertEqual(container["resources"], FULL["resources"])
        self.assertEqual(objects["NetworkPolicy"]["spec"]["egress"][-1], FULL["networkPolicy"]["extraEgress"][0])

    def test_the_service_monitor_scrapes_the_metrics_port_with_the_token(self):
        (endpoint,) = rendered(FULL, "chat")["ServiceMonitor"]["spec"]["endpoints"]
        # The one by hand is checked by tests/real/operator.rs.
        (by_hand,) = documents(ROOT / "prometheus/operator/servicemonitor.yml")
        (expected,) = by_hand["spec"]["endpoints"]
        token = {"name": "secrets-of-the-exporter", "key": "token"}
        self.assertEqual(endpoint, {**expected, "interval": "1m", "authorization": {"credentials": token}})
        default = rendered({"serviceMonitor": {"enabled": True}})["ServiceMonitor"]["spec"]
        self.assertEqual(default["endpoints"], [expected])
        labels = plain()["Service"]["metadata"]["labels"].items()
        self.assertLessEqual(by_hand["spec"]["selector"]["matchLabels"].items(), labels)
        self.assertNotIn("ServiceMonitor", rendered())

    def test_what_is_turned_off_is_not_made(self):
        values = {"networkPolicy": {"enabled": False}, "serviceAccount": {"create": False}}
        objects = rendered(values)
        self.assertEqual(set(objects), {"Deployment", "Service"})
        self.assertEqual(pod(objects)["serviceAccountName"], "default")

    def test_the_versions_are_those_of_the_program(self):
        program = next(line for line in (ROOT / "Cargo.toml").read_text().splitlines() if line.startswith("version = "))
        version = program.split('"')[1]
        (repository,) = re.findall(r'^repository = "https://github.com/(.*)"', (ROOT / "Cargo.toml").read_text(), re.M)
        image = f"ghcr.io/{repository}"
        described = yaml.safe_load((CHART / "Chart.yaml").read_text())
        self.assertEqual(described["appVersion"], version)
        for objects in (plain(), rendered()):
            self.assertEqual(pod(objects)["containers"][0]["image"], f"{image}:{version}")
        for file in ("compose.yaml", "compose.demo.yaml", "deploy/compose/librechat.override.yaml"):
            self.assertIn(f"image: {image}:{version}\n", (ROOT / file).read_text())


if __name__ == "__main__":
    unittest.main()
