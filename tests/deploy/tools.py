"""What the tests here share: the repository, the fetched tools, and the exporter itself."""

import contextlib
import json
import os
import pathlib
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = os.environ["PROGRAM"]
TOKEN = "0123456789abcdef0123456789abcdef"
SECRETS = {
    "MONGO_URI_FILE": "mongodb://mongodb:27017/LibreChat",
    "METRICS_BEARER_TOKEN_FILE": TOKEN,
    "METRICS_BASIC_AUTH_PASSWORD_FILE": "a password of the tests",
}
# Only a hang meets it.
DEADLINE = 60


def run(*command, env=None, cwd=ROOT):
    """Runs a command to its end; `env` is all of its environment but for PATH and HOME."""
    env = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", **(env or {})}
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=DEADLINE)


def tool(name, *arguments, env=None, cwd=ROOT):
    """Runs a fetched tool; `env` as for `run`."""
    servers = pathlib.Path(os.environ["SERVERS"])
    folder = next(folder for folder in ("tools", "bin") if (servers / folder / name).exists())
    # Of the same release as this machine, unlike those in tools/.
    libraries = {"LD_LIBRARY_PATH": os.environ["SERVERS_LIBRARIES"]} if folder == "bin" else {}
    return run(servers / folder / name, *arguments, env={**libraries, **(env or {})}, cwd=cwd)


def documents(path):
    return [document for document in yaml.safe_load_all(path.read_text()) if document is not None]


@contextlib.contextmanager
def with_secrets(env, values=SECRETS):
    """The same variables, with those that end in _FILE naming files that exist here."""
    with tempfile.TemporaryDirectory() as folder:
        here = {}
        for name, value in env.items():
            if name.endswith("_FILE"):
                file = pathlib.Path(folder) / name
                file.touch(mode=0o600)
                file.write_text(values[name])
                value = str(file)
            here[name] = value
        yield here


def check_config(env, values=SECRETS):
    """What `check-config` says of these variables."""
    with with_secrets(env, values) as here, tempfile.TemporaryDirectory() as folder:
        return run(PROGRAM, "check-config", env=here, cwd=folder)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def status(port, path, token=None):
    """The status of an answer, or None where nothing answers."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}")
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return None


def eventually(what, ask):
    """Asks until the answer is true."""
    end = time.monotonic() + DEADLINE
    while not ask():
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {DEADLINE} s")
        time.sleep(0.02)


@contextlib.contextmanager
def exporter(command, env):
    """The exporter with these variables on ports of this machine: yields those of PORT and METRICS_PORT."""
    ports = [free_port(), free_port()]
    with with_secrets(env) as here, tempfile.TemporaryDirectory() as folder:
        here |= {"HOST": "127.0.0.1", "PORT": str(ports[0]), "METRICS_PORT": str(ports[1])}
        process = subprocess.Popen([PROGRAM, command], cwd=folder, env=here, stderr=subprocess.DEVNULL)
        try:
            eventually(f"{command} answers", lambda: process.poll() is not None or status(ports[0], "/livez") == 200)
            assert process.poll() is None, f"{command} ended with {process.returncode}"
            yield ports
        finally:
            process.kill()
            process.wait()


def parsed(outcome):
    assert outcome.returncode == 0, outcome.stderr
    return json.loads(outcome.stdout)
