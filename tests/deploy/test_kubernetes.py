"""The Kubernetes manifests and the Helm chart: rendered by Helm's own library, checked against Kubernetes' schemas, the
restricted Pod Security Standard, and the running exporter."""

import copy
import json
import pathlib
import re
import tarfile
import tempfile
import unittest

import kubernetes_validate
import yaml
from helm_python import chart, disable_logging, errors

from tools import ROOT, TOKEN, check_config, documents, eventually, exporter, status

# Helm says of every link in the chart that it follows it, each time.
disable_logging()
PLAIN = ROOT / "deploy/kubernetes"
CHART = ROOT / "deploy/helm/librechat-exporter"
NAME = "librechat-exporter"
# The oldest and the newest that the fetched schemas have, and that the chart's kubeVersion lets in.
VERSIONS = ["1.25", "1.30", "1.37"]
FULL = yaml.safe_load((pathlib.Path(__file__).parent / "full-values.yaml").read_text())
# https://kubernetes.io/docs/concepts/security/pod-security-standards/
VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}


def by_kind(objects):
    """The objects by their kind, of which there is one each, but for ConfigMaps, which get their name beside it."""
    found = {}
    for document in objects:
        kind = document["kind"]
        if kind == "ConfigMap":
            kind += " " + document["metadata"]["name"]
        assert kind not in found, kind
        found[kind] = document
    return found


def plain():
    """The manifests, with the one that is not applied with the rest."""
    return by_kind([document for file in sorted(PLAIN.rglob("*.yaml")) for document in documents(file)])


def rendered(values=None, name=NAME):
    with chart.Chart.load(CHART) as loaded:
        loaded.validate_schema(values)
        files = loaded.render(values, name=name, namespace="librechat")
    texts = [text for path, text in files.items() if path.endswith(".yaml")]
    return by_kind([document for text in texts for document in yaml.safe_load_all(text) if document])


def all_sets():
    guarded = {"networkPolicy": policy_of(plain())}
    return {"manifests": plain(), "chart": rendered(guarded), "chart, full values": rendered(FULL, "chat")}


def policy_of(objects):
    """The chart's values for the NetworkPolicy among these objects."""
    spec = objects["NetworkPolicy"]["spec"]
    to_mongodb = spec["egress"][-1]
    return {
        "enabled": True,
        "metricsFrom": spec["ingress"][0]["from"],
        "mongodb": {"to": to_mongodb["to"], "port": to_mongodb["ports"][0]["port"]},
    }


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
                # Of the Prometheus Operator, not of Kubernetes; they have tests of their own.
                if kind in ("ServiceMonitor", "PrometheusRule"):
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
        by_hand, made = plain(), rendered({"networkPolicy": policy_of(plain())})
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
            {"networkPolicy": {"enabled": True}},
            {"networkPolicy": {"enabled": True, "metricsFrom": []}},
            {"prometheusRule": {"enabled": True, "budgetUsd": "1000"}},
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

    def test_without_values_nothing_cuts_the_exporter_off(self):
        self.assertEqual(set(rendered()), {"Deployment", "Service", "ServiceAccount"})
        self.assertIn("optional", str(next(PLAIN.rglob("networkpolicy.yaml"))))

    def test_without_an_address_of_mongodb_the_policy_limits_only_who_scrapes(self):
        peers = [{"ipBlock": {"cidr": "192.0.2.0/24"}}]
        policy = rendered({"networkPolicy": {"enabled": True, "metricsFrom": peers}})["NetworkPolicy"]["spec"]
        self.assertEqual(policy["policyTypes"], ["Ingress"])
        self.assertEqual(policy["ingress"], [{"from": peers, "ports": [{"port": "metrics"}]}])
        self.assertNotIn("egress", policy)
        for origin, objects in all_sets().items():
            self.assertEqual(objects["NetworkPolicy"]["spec"]["policyTypes"], ["Ingress", "Egress"], origin)

    def test_the_rules_of_the_chart_are_those_beside_it(self):
        # The one by hand is checked by tests/prometheus/rules.rs.
        (by_hand,) = documents(ROOT / "prometheus/operator/prometheusrule.yml")
        made = rendered({"prometheusRule": {"enabled": True}})["PrometheusRule"]
        self.assertEqual(made["apiVersion"], by_hand["apiVersion"])
        self.assertEqual(made["spec"], by_hand["spec"])
        full = rendered(FULL, "chat")["PrometheusRule"]
        self.assertEqual(full["metadata"]["labels"]["release"], "prometheus")
        (budget,) = [group for group in full["spec"]["groups"] if group["name"] == "librechat-budget-value"]
        (by_hand,) = documents(ROOT / "prometheus/rules/budget.yml")
        (expected,) = by_hand["groups"]
        self.assertEqual(budget["rules"][0]["record"], expected["rules"][0]["record"])
        self.assertEqual(budget["rules"][0]["expr"], "vector(250.5)")
        self.assertNotIn("PrometheusRule", rendered())

    def test_the_dashboards_of_the_chart_are_those_beside_it(self):
        files = {file.name: json.loads(file.read_text()) for file in (ROOT / "grafana/dashboards").glob("*.json")}
        maps = [document for kind, document in rendered(FULL, "chat").items() if kind.startswith("ConfigMap ")]
        found = {name: json.loads(text) for document in maps for name, text in document["data"].items()}
        self.assertEqual(found, files)
        self.assertGreaterEqual(len(found), 5)
        for document in maps:
            # Kubernetes takes a megabyte; `kubectl apply` notes all of it in an annotation, which may have a quarter.
            self.assertLess(len(json.dumps(document)), 256 * 1024, document["metadata"]["name"])
            self.assertLessEqual(len(document["metadata"]["name"]), 63)
            self.assertEqual(document["metadata"]["labels"]["grafana_dashboard"], "yes")
            self.assertEqual(document["metadata"]["annotations"], {"grafana_folder": "LibreChat"})

    def test_a_packaged_chart_brings_rules_and_dashboards_along(self):
        with tempfile.TemporaryDirectory() as folder, chart.Chart.load(CHART) as loaded:
            archive = pathlib.Path(loaded.save(folder))
            # A release of Helm is kept in a Secret, which takes a megabyte, compressed as this is.
            self.assertLess(archive.stat().st_size, 512 * 1024)
            with tarfile.open(archive) as packed:
                kept = {member.name: member for member in packed}
            for file in ("files/rules/alerts.yml", "files/rules/recording.yml", "files/dashboards/overview.json", "README.md"):
                self.assertTrue(kept[f"{NAME}/{file}"].isfile(), file)
                self.assertGreater(kept[f"{NAME}/{file}"].size, 500)

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
