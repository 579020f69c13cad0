# SPDX-License-Identifier: Apache-2.0
"""Transfers through a tunnel and what they cost its daemons."""

import json
import os
import re
import statistics
import subprocess

from rig import Failed, wait_for
from tunnels import EDGE_INNER, HUB_INNER

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGESIZE")
PORT = "5201"
UDP_BYTES = "200"
LOSS = 0.01


def cpu_seconds(daemons):
    ticks = 0
    for daemon in daemons:
        with open(f"/proc/{daemon.pid}/stat", encoding="utf-8") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        ticks += int(fields[11]) + int(fields[12])  # utime, stime
    return ticks / TICKS


def rss_mib(daemons):
    pages = 0
    for daemon in daemons:
        with open(f"/proc/{daemon.pid}/statm", encoding="utf-8") as f:
            pages += int(f.read().split()[1])
    return pages * PAGE / 2**20


def serve(tunnel):
    """One iperf3 server for the whole run, on the hub's inner address."""
    tunnel.hub.spawn("iperf3", "iperf3", "-s", "-B", HUB_INNER, "-p", PORT)
    wait_for("iperf3 server", lambda: HUB_INNER + ":" + PORT in
             tunnel.hub.run("ss", "-Hltn"))


def iperf(tunnel, seconds, *options):
    command = tunnel.edge.wrap("iperf3", "-c", HUB_INNER, "-p", PORT, "-J",
                               "-t", str(seconds), *options)
    for _ in range(3):  # the server may still be closing the last one
        r = subprocess.run(command, capture_output=True, text=True,
                           check=False, timeout=seconds + 60)
        try:
            result = json.loads(r.stdout)
        except ValueError:
            result = {"error": r.stdout + r.stderr}
        if "error" not in result:
            return result["end"]
    raise Failed(f"{tunnel.kind}: iperf3 {' '.join(options)}: "
                 f"{result['error']}\n{tunnel.logs()}")


class Measurement:
    """One repeat: everything once, through one tunnel."""

    def __init__(self, tunnel, ramp, seconds):
        self.tunnel, self.ramp, self.seconds = tunnel, ramp, seconds
        self.sample = {}

    def transfer(self, name, *options):
        """iperf3's summary; the CPU of both ends goes into the sample as
        seconds, to be divided by what was carried."""
        t = self.tunnel
        edge, hub = cpu_seconds(t.edge_daemons), cpu_seconds(t.hub_daemons)
        end = iperf(t, self.seconds, *options)
        self.sample[name + "_edge_cpu"] = cpu_seconds(t.edge_daemons) - edge
        self.sample[name + "_hub_cpu"] = cpu_seconds(t.hub_daemons) - hub
        return end

    def per(self, name, units):
        for end in ("_edge_cpu", "_hub_cpu"):
            self.sample[name + end] /= units

    def tcp(self, name, *options):
        received = self.transfer(name, *options)["sum_received"]
        if not received["bytes"]:
            raise Failed(f"{self.tunnel.kind}: {name}: no byte arrived")
        self.sample[name + "_mbps"] = received["bits_per_second"] / 1e6
        self.per(name, received["bytes"] / 1e9)

    def udp(self, name, sender, receiver, address):
        """A sender that goes ever faster: the rate of the fastest step of
        which less than LOSS was lost."""
        t = self.tunnel
        edge, hub = cpu_seconds(t.edge_daemons), cpu_seconds(t.hub_daemons)
        with subprocess.Popen(receiver.wrap(self.ramp, "receive", address,
                                            PORT), text=True,
                              stdout=subprocess.PIPE) as process:
            if process.stdout.readline() != "ready\n":
                raise Failed("the receiver of UDP did not start")
            sent = json.loads(sender.run(self.ramp, "send", address, PORT,
                                         UDP_BYTES))
            got = json.loads(process.stdout.readline())
        if not sum(got):
            raise Failed(f"{t.kind}: {name}: no packet arrived")
        self.sample[name + "_edge_cpu"] = cpu_seconds(t.edge_daemons) - edge
        self.sample[name + "_hub_cpu"] = cpu_seconds(t.hub_daemons) - hub
        self.per(name, sum(got) / 1e6)
        self.sample[name + "_pps"] = max(
            (g / s for n, s, g in zip(sent["sent"], sent["seconds"], got)
             if n and g >= n * (1 - LOSS)), default=0)
        self.sample[name + "_most_pps"] = max(
            g / s for s, g in zip(sent["seconds"], got))

    def ping(self):
        text = self.tunnel.edge.run("ping", "-n", "-c", "50", "-i", "0.01",
                                    HUB_INNER)
        times = [float(t) for t in re.findall(r"time=([\d.]+)", text)]
        self.sample["rtt_us"] = statistics.median(times) * 1000

    def memory(self):
        t = self.tunnel
        self.sample["edge_rss_mib"] = rss_mib(t.edge_daemons)
        self.sample["hub_rss_mib"] = rss_mib(t.hub_daemons)
        self.sample["edge_data_rss_mib"] = rss_mib(t.edge_daemons[:1])
        self.sample["hub_data_rss_mib"] = rss_mib(t.hub_daemons[:1])

    def take(self):
        self.ping()
        self.tcp("tcp_up")
        self.tcp("tcp_down", "-R")
        t = self.tunnel
        self.udp("udp_up", t.edge, t.hub, HUB_INNER)
        self.udp("udp_down", t.hub, t.edge, EDGE_INNER)
        self.memory()
        return self.sample


def medians(samples):
    return {key: statistics.median(s[key] for s in samples)
            for key in samples[0]}
