# SPDX-License-Identifier: Apache-2.0
"""The two tunnels that are compared, each as its makers mean it to be run:
default settings, one tunnel, 10.200.1.1 at the edge and 10.200.1.2 at the hub.
"""

import json
import os
import subprocess

from rig import HUB_ADDRESS, Failed, Missing, need_programs, wait_for

YANG = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..",
                                    "yang"))
EDGE_INNER = "10.200.1.1"
HUB_INNER = "10.200.1.2"


class Tunnel:
    """edge and hub: hosts; *_daemons: processes, the forwarding one first."""

    kind = None

    def __init__(self, rig, build):
        self.rig, self.build = rig, build
        self.check()
        self.edge, self.hub = rig.pair(self.kind)
        self.edge_daemons, self.hub_daemons = [], []

    def check(self):
        """Raises Missing when it cannot run here."""

    def start(self):
        self.bring_up()
        wait_for(f"{self.kind}: a ping through the tunnel", self.pings)

    def pings(self):
        for daemon in self.edge_daemons + self.hub_daemons:
            if daemon.poll() is not None:
                raise Failed(f"{self.kind}: {' '.join(daemon.args[4:])} "
                             f"ended with {daemon.returncode}:\n"
                             + self.logs())
        return self.edge.succeeds("ping", "-n", "-c", "1", "-W", "1",
                                  HUB_INNER)

    def logs(self):
        text = ""
        for name in sorted(os.listdir(self.rig.directory)):
            if name.endswith(".log"):
                with open(self.rig.path(name), encoding="utf-8") as log:
                    text += f"--- {name}\n{log.read()}"
        return text


class WireguardGo(Tunnel):
    kind = "wireguard-go"

    def check(self):
        need_programs("wireguard-go", "wg")

    def daemon(self, host, device):
        env = {"WG_PROCESS_FOREGROUND": "1", "LOG_LEVEL": "error"}
        p = host.spawn("wireguard-go", "wireguard-go", "-f", device, env=env)
        wait_for(f"wireguard-go: device {device}",
                 lambda: host.succeeds("ip", "link", "show", device) and
                 host.succeeds("wg", "show", device))
        return p

    def key(self, name):
        private = subprocess.run(("wg", "genkey"), check=True,
                                 capture_output=True).stdout
        with open(self.rig.path(name), "wb") as f:
            os.fchmod(f.fileno(), 0o600)
            f.write(private)
        return subprocess.run(("wg", "pubkey"), check=True, input=private,
                              capture_output=True).stdout.decode().strip()

    def configure(self, host, device, inner, key, *peer):
        host.run("wg", "set", device, "listen-port", "51820", "private-key",
                 self.rig.path(key), "peer", *peer)
        host.ip("address", "add", inner + "/30", "dev", device)
        host.ip("link", "set", device, "mtu", "1420", "up")

    def bring_up(self):
        # Control sockets are files: device names differ between the ends.
        edge_device = f"wge{os.getpid()}"
        hub_device = f"wgh{os.getpid()}"
        edge_key, hub_key = self.key("edge.key"), self.key("hub.key")
        self.edge_daemons = [self.daemon(self.edge, edge_device)]
        self.hub_daemons = [self.daemon(self.hub, hub_device)]
        self.configure(self.edge, edge_device, EDGE_INNER, "edge.key",
                       hub_key, "allowed-ips", "10.200.1.0/30", "endpoint",
                       HUB_ADDRESS + ":51820")
        self.configure(self.hub, hub_device, HUB_INNER, "hub.key",
                       edge_key, "allowed-ips", EDGE_INNER + "/32")


class Mpquic(Tunnel):
    kind = "mpquic"
    port = 45001
    edge_name = "edge.mpquic.internal"
    hub_name = "concentrator.mpquic.internal"

    def program(self, name):
        for folder in ("controlplane", "controlplane/mpqctl", "dataplane"):
            path = os.path.join(self.build, folder, name)
            if os.path.isfile(path) and os.access(path, os.X_OK):
                return os.path.abspath(path)
        raise Missing(f"no {name} in {self.build}: build it with meson and "
                      "ninja, or name its place with --build")

    def check(self):
        self.control = self.program("mpquic-control")
        self.data = self.program("mpquic-data")
        self.mpqctl = self.program("mpqctl")

    def make_certificates(self):
        directory = self.rig.path("certificates")
        subprocess.run((self.mpqctl, "cert", "init", directory), check=True,
                       capture_output=True)
        return directory

    def trust(self, end):
        return {"certificate": f"{self.certificates}/{end}.pem",
                "private-key": f"{self.certificates}/{end}.key",
                "authority": [f"{self.certificates}/authority.pem"]}

    def edge_configuration(self):
        return {
            "local": {"role": "edge"},
            "trust": self.trust("edge"),
            "path": [{"name": "wan1", "wan": "wan0",
                      "remote": {"address": HUB_ADDRESS, "port": self.port,
                                 "server-name": self.hub_name}}],
            "tunnel": [{"name": "mpq1", "path": ["wan1"],
                        "address": [{"ip": EDGE_INNER,
                                     "prefix-length": 30}]}],
        }

    def hub_configuration(self):
        return {
            "local": {"role": "concentrator"},
            "trust": self.trust("concentrator"),
            "peer": [{"name": "edge", "certificate-name": self.edge_name}],
            "path": [{"name": "p1", "listen": {"port": self.port}}],
            "tunnel": [{"name": "mpq1", "path": ["p1"], "peer": "edge",
                        "address": [{"ip": HUB_INNER, "prefix-length": 30}],
                        "assign": [EDGE_INNER + "/32"]}],
        }

    def daemons(self, host, configuration):
        """mpquic-data and mpquic-control of one end."""
        directory = self.rig.path(host.name)
        os.mkdir(directory)
        os.chmod(directory, 0o755)
        file = os.path.join(directory, "mpquic.json")
        with open(file, "w", encoding="utf-8") as f:
            json.dump({"mpquic:mpquic": configuration}, f, indent=1)
        state, runtime = directory + "/state", directory + "/run"
        os.mkdir(state)
        os.mkdir(runtime)
        os.chmod(runtime, 0o755)
        control = host.spawn("control", self.control, "--config", file,
                             "--state-dir", state, "--runtime-dir", runtime,
                             "--yang-dir", YANG, "--data-user", "nobody")
        data = host.spawn("data", self.data, "--socket",
                          runtime + "/data.sock", "--user", "nobody")
        return [data, control]

    def bring_up(self):
        self.certificates = self.make_certificates()
        self.hub_daemons = self.daemons(self.hub, self.hub_configuration())
        self.edge_daemons = self.daemons(self.edge, self.edge_configuration())


KINDS = {t.kind: t for t in (Mpquic, WireguardGo)}
