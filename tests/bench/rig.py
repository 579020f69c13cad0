# SPDX-License-Identifier: Apache-2.0
"""Namespaces and processes of a benchmark, and that nothing of them is left.

    edge namespace                    hub namespace
      wan0 10.99.0.1/24 ---- veth ---- wan0 10.99.0.2/24

Names carry our process id; processes are ended by the ids that were recorded
when they were started."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

WAIT_S = 15  # until something that should come up has failed

EDGE_ADDRESS = "10.99.0.1"
HUB_ADDRESS = "10.99.0.2"


class Missing(Exception):
    """What has to be there before anything can run; the text says what."""


class Failed(Exception):
    """What did not work once it ran; the text says what."""


def need_programs(*names):
    lacking = [n for n in names if not shutil.which(n)]
    if lacking:
        raise Missing(f"not found: {', '.join(lacking)}; run "
                      "deploy/install-deps build lab bench")


def run(*command):
    r = subprocess.run(command, stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT, text=True, check=False)
    if r.returncode:
        raise Failed(f"{' '.join(command)}: {r.stdout.strip()}")
    return r.stdout


def wait_for(what, question):
    """Polls until question() is true."""
    end = time.monotonic() + WAIT_S
    while not question():
        if time.monotonic() > end:
            raise Failed(f"{what}: not within {WAIT_S} s")
        time.sleep(0.05)


class Host:
    """A network namespace and what runs in it."""

    def __init__(self, rig, name):
        self.rig, self.name = rig, name
        run("ip", "netns", "add", name)

    def wrap(self, *command):
        return ("ip", "netns", "exec", self.name) + command

    def ip(self, *arguments):
        return run("ip", "-n", self.name, *arguments)

    def run(self, *command):
        return run(*self.wrap(*command))

    def succeeds(self, *command):
        return subprocess.run(self.wrap(*command), check=False,
                              stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL).returncode == 0

    def spawn(self, label, *command, env=None):
        """Starts a daemon; `ip netns exec` becomes it, so the id is its own."""
        return self.rig.spawn(f"{self.name}.{label}", self.wrap(*command), env)


class Rig:
    def __init__(self, keep_logs=None):
        self.keep_logs = keep_logs
        self.hosts, self.processes = [], []
        self.directory = None

    def __enter__(self):
        self.directory = tempfile.mkdtemp(prefix="mpquic-bench-")
        os.chmod(self.directory, 0o755)  # mpquic-data is not root
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda n, _: sys.exit(128 + n))
        return self

    def __exit__(self, *_):
        for process, log in reversed(self.processes):
            self.end(process)
            log.close()
        for host in self.hosts:
            subprocess.run(("ip", "netns", "del", host.name), check=False)
        if self.keep_logs:
            os.makedirs(self.keep_logs, exist_ok=True)
            for name in os.listdir(self.directory):
                if name.endswith(".log"):
                    shutil.copy(self.path(name), self.keep_logs)
        shutil.rmtree(self.directory)

    @staticmethod
    def end(process):
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def path(self, name):
        return os.path.join(self.directory, name)

    def spawn(self, label, command, env=None):
        log = open(self.path(label + ".log"), "w", encoding="utf-8")
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL,
                                   stdout=log, stderr=log,
                                   env=dict(os.environ, **(env or {})))
        self.processes.append((process, log))
        return process

    def log_of(self, host, label):
        with open(self.path(f"{host.name}.{label}.log"),
                  encoding="utf-8") as log:
            return log.read()

    def host(self, label):
        host = Host(self, f"mpqb{os.getpid()}-{label}")
        self.hosts.append(host)
        host.ip("link", "set", "lo", "up")
        return host

    def pair(self, kind):
        """An edge and a hub, joined."""
        edge, hub = self.host(f"{kind}-edge"), self.host(f"{kind}-hub")
        run("ip", "link", "add", "wan0", "netns", edge.name,
            "type", "veth", "peer", "name", "wan0", "netns", hub.name)
        for host, address in ((edge, EDGE_ADDRESS), (hub, HUB_ADDRESS)):
            host.ip("address", "add", address + "/24", "dev", "wan0")
            host.ip("link", "set", "wan0", "up")
        return edge, hub
