"""What the tests here share: Docker and Compose by their own command lines, and what they say as Python values."""

import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[3]
# Only a hang meets it: the machine may be busy.
DEADLINE = 240
SERVERS = pathlib.Path(os.environ["SERVERS"])


def run(*command, cwd=None, env=None, check=True):
    outcome = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        timeout=DEADLINE,
    )
    assert not check or outcome.returncode == 0, f"{command}: {outcome.stdout}{outcome.stderr}"
    return outcome


def docker(*arguments, check=True):
    return run("docker", *arguments, check=check)


def inspect(container):
    (found,) = json.loads(docker("inspect", container).stdout)
    return found


def named_image(beginning):
    """The image of compose.yaml whose name begins like this."""
    lines = (ROOT / "compose.yaml").read_text().splitlines()
    return next(line.split("image: ")[1] for line in lines if f"image: {beginning}" in line)


def image_name():
    return named_image("ghcr.io/")


def eventually(what, ask):
    """Asks until the answer is true, and gives it."""
    end = time.monotonic() + DEADLINE
    while not (answer := ask()):
        assert time.monotonic() < end, f"{what}: not within {DEADLINE} s"
        time.sleep(0.1)
    return answer


def healthy(container):
    def state():
        found = inspect(container)["State"]
        assert found["Running"], docker("logs", container, check=False).stderr
        return found["Health"]["Status"] == "healthy"

    eventually(f"{container} is healthy", state)


def status(url, token=None):
    """The status of an answer, or None where nothing answers."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=10) as response:
            return response.status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return None


def query(prometheus, expression):
    """The value of the one series that Prometheus has for an expression, or None."""
    url = f"{prometheus}/api/v1/query?{urllib.parse.urlencode({'query': expression})}"
    try:
        with urllib.request.urlopen(url, timeout=10) as response:
            found = json.load(response)["data"]["result"]
    except OSError:
        return None
    return float(found[0]["value"][1]) if len(found) == 1 else None


def ends_within_a_second(container):
    """Has Docker end a container, and kill it a second later: the exit code tells which it was."""
    docker("stop", "--time", "1", container)
    return inspect(container)["State"]["ExitCode"]


def process_status(container):
    """The main process as this kernel sees it: /proc/PID/status."""
    text = pathlib.Path(f"/proc/{inspect(container)['State']['Pid']}/status").read_text()
    return dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)


class Project:
    """A compose project in a copy of the repository's files for it, so that its secrets are its own."""

    def __init__(self, *files):
        self.files = [part for file in files for part in ("--file", file)]
        # Ended after this one, which uses their networks.
        self.others = []

    def __enter__(self):
        self.stack = contextlib.ExitStack()
        self.folder = pathlib.Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        # Docker's users have to get at what is mounted.
        self.folder.chmod(0o755)
        for name in ("compose.yaml", "compose.librechat.yaml", "compose.demo.yaml"):
            shutil.copy(ROOT / name, self.folder)
        for name in ("deploy/compose", "prometheus/rules", "grafana"):
            shutil.copytree(ROOT / name, self.folder / name)
        return self

    def __exit__(self, *error):
        for project in [self, *self.others] if self.files else self.others:
            project.compose("down", "--volumes", "--timeout", "1", check=False)
        self.stack.close()

    def secrets(self, *arguments):
        run("bash", "deploy/compose/secrets.sh", *arguments, cwd=self.folder)

    def secret(self, name):
        return (self.folder / "secrets" / name).read_text().strip()

    def compose(self, *arguments, check=True):
        return run(SERVERS / "tools/docker-compose", *self.files, *arguments, cwd=self.folder, check=check)

    def up(self, *services):
        """Starts services, the image as it is there, and waits for their health checks."""
        outcome = self.compose("up", "--detach", "--no-build", "--wait", *services, check=False)
        if outcome.returncode != 0:
            raise AssertionError(outcome.stderr + self.compose("logs", check=False).stdout)

    def container(self, service):
        return self.compose("ps", "--quiet", service).stdout.strip()
