"""The systemd unit, under a systemd that is the first process of a container."""

import contextlib
import os
import unittest

from docker import ROOT, SERVERS, docker, eventually

IMAGE = "debian-stand-in"
TOKEN = "0123456789abcdef" * 4
# What systemd needs to make namespaces. Not `--privileged`, which asks for capabilities that this root may lack itself.
RIGHTS = [
    "--cap-add", "SYS_ADMIN", "--cap-add", "NET_ADMIN", "--cap-add", "SYS_PTRACE",
    "--security-opt", "seccomp=unconfined", "--security-opt", "apparmor=unconfined", "--security-opt", "systempaths=unconfined",
]
# What deploy/README.md has an administrator do, but for `sudo`, which this root has no need of.
INSTALL = f"""
set -e
install -d -m 700 /etc/librechat-exporter
echo {TOKEN} | install -m 600 /dev/stdin /etc/librechat-exporter/metrics-token
echo 'mongodb://127.0.0.1:27017/LibreChat' | install -m 600 /dev/stdin /etc/librechat-exporter/mongo-uri
systemctl daemon-reload
systemctl enable --now librechat-exporter
"""


@contextlib.contextmanager
def machine():
    name = "machine"
    docker(
        "run", "--detach", "--name", name, *RIGHTS, "--network", "none", "--cgroupns", "host", "--env", "container=docker",
        "--tmpfs", "/run", "--tmpfs", "/run/lock", "--tmpfs", "/tmp", "--volume", "/sys/fs/cgroup:/sys/fs/cgroup:rw",
        IMAGE,
        # On a machine systemd does this itself; without it credentials stay where they are mounted.
        "sh", "-c", "mount --make-rshared / && exec /sbin/init",
    )
    try:
        eventually(
            "systemd is up",
            lambda: docker("exec", name, "systemctl", "is-system-running", check=False).stdout.strip() in ("running", "degraded"),
        )
        yield lambda *command, check=True: docker("exec", name, *command, check=check)
    finally:
        docker("rm", "--force", "--volumes", name, check=False)


class SystemdTest(unittest.TestCase):
    def test_the_unit_starts_reloads_and_stops(self):
        with machine() as inside:
            docker("cp", str(SERVERS / "engine/bin/kill"), "machine:/usr/bin/kill")
            docker("cp", os.environ["PROGRAM"], "machine:/usr/local/bin/librechat-exporter")
            docker("cp", str(ROOT / "deploy/systemd/librechat-exporter.service"), "machine:/etc/systemd/system/")
            inside("bash", "-c", INSTALL)

            def journal():
                return inside("journalctl", "--no-pager", "--output", "cat", "--unit", "librechat-exporter").stdout

            def shown(name):
                return inside("systemctl", "show", "--value", "--property", name, "librechat-exporter").stdout.strip()

            self.assertEqual(shown("ActiveState"), "active", journal())
            # It serves, without a MongoDB too, and guards.
            healthcheck = ["/usr/local/bin/librechat-exporter", "healthcheck", "--url"]
            eventually("it is alive", lambda: inside(*healthcheck, "http://127.0.0.1:9087/livez", check=False).returncode == 0)
            ask = "exec 3<>/dev/tcp/127.0.0.1/9087; printf 'GET /metrics HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n{}\\r\\n' >&3; head -n 1 <&3"
            self.assertIn("401", inside("bash", "-c", ask.format("")).stdout)
            self.assertIn("200", inside("bash", "-c", ask.format(f"Authorization: Bearer {TOKEN}\\r\\n")).stdout)

            process = inside("cat", f"/proc/{shown('MainPID')}/status").stdout
            fields = dict(line.split(":\t", 1) for line in process.splitlines() if ":\t" in line)
            self.assertNotIn("0", fields["Uid"].split())
            self.assertEqual(int(fields["CapEff"], 16), 0)
            self.assertEqual(fields["NoNewPrivs"], "1")

            before = shown("MainPID")
            self.assertEqual(inside("systemctl", "reload", "librechat-exporter", check=False).returncode, 0, journal())
            self.assertEqual(shown("ActiveState"), "active", journal())
            self.assertEqual(shown("MainPID"), before)

            inside("systemctl", "stop", "librechat-exporter")
            self.assertEqual((shown("Result"), shown("ExecMainStatus")), ("success", "0"))

            # Settings that are wrong are no reason to try for ever.
            inside("bash", "-c", "echo 'METRICS_BEARER_TOKN=x' > /etc/librechat-exporter/environment")
            inside("systemctl", "start", "librechat-exporter", check=False)
            eventually("it gives up", lambda: shown("ActiveState") == "failed")
            self.assertEqual((shown("ExecMainStatus"), shown("NRestarts")), ("2", "0"))


if __name__ == "__main__":
    unittest.main()
