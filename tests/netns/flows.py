# SPDX-License-Identifier: Apache-2.0
"""Loads through a tunnel and what they got: TCP by iperf3, UDP one way with an
exact account of each packet, and a flow that judges losses as QUIC does."""
import contextlib
import json
import subprocess
import time

from lab import HOST
from netns import Failure, wait_for
from traffic import Stream

IPERF_PORT = 5201
SINK_PORT = 7100
OMIT = 2  # seconds until a flow counts
UDP_BYTES = 1300
HEADERS = 28
# A sender that takes three later packets for a loss and knows no time-based
# tolerance: what QUIC's packet threshold does (RFC 9002 §6.1.1), by TCP.
THRESHOLD = {'net__ipv4__tcp_recovery': 0, 'net__ipv4__tcp_reordering': 3,
             'net__ipv4__tcp_max_reordering': 3, 'net__ipv4__tcp_dsack': 0}
TOLERANT = {'net__ipv4__tcp_recovery': 1, 'net__ipv4__tcp_reordering': 3,
            'net__ipv4__tcp_max_reordering': 300, 'net__ipv4__tcp_dsack': 1}


def congestion_controls():
    with open('/proc/sys/net/ipv4/tcp_available_congestion_control',
              encoding='ascii') as file:
        return file.read().split()


def forget_metrics(lab, *names):
    """No flow is to start with what an earlier one has learnt."""
    for name in names:
        lab.sysctl(name, net__ipv4__tcp_no_metrics_save=1)


def tcp(lab, n, *, down=False, flows=1, seconds=8, control='cubic', omit=OMIT):
    """{'mbps', 'retransmits', 'intervals'} of what the receiver got, from LAN
    n to `host` or back."""
    port = str(IPERF_PORT + n)
    server = lab.start('host', f'iperf-{n}-{time.monotonic_ns()}', 'iperf3',
                       '-s', '-1', '-p', port)
    wait_for(lambda: f':{port}' in lab.run('host', 'ss', '-Hltn'), 5,
             'iperf3 listens')
    words = ['iperf3', '-c', HOST, '-p', port, '-J', '-t', str(seconds), '-O',
             str(omit), '-P', str(flows), '-C', control]
    if down:
        words.append('-R')
    try:
        result = subprocess.run(
            lab.inside(f'lan{n}', *words), capture_output=True, text=True,
            check=False, timeout=seconds + omit + 30)
        answer = json.loads(result.stdout or '{}')
    except subprocess.TimeoutExpired:
        answer = {'error': 'it did not end'}
    finally:
        lab.end(server)
    if 'error' in answer or 'end' not in answer:
        raise Failure(f'iperf3 {" ".join(words)}: {answer.get("error")}')
    return {'mbps': answer['end']['sum_received']['bits_per_second'] / 1e6,
            'retransmits': answer['end']['sum_sent'].get('retransmits'),
            'intervals': [round(i['sum']['bits_per_second'] / 1e6, 1)
                          for i in answer['intervals']]}


@contextlib.contextmanager
def packet_threshold(lab, *names):
    for name in names:
        lab.sysctl(name, **THRESHOLD)
    try:
        yield
    finally:
        for name in names:
            lab.sysctl(name, **TOLERANT)


def quic_like(lab, n, **options):
    with packet_threshold(lab, 'host', f'lan{n}'):
        return tcp(lab, n, **options)


class OneWay:
    """Numbered packets from one namespace to another, and what came."""

    used = 0

    def __init__(self, lab, n, *, down=False, pps=100, size=UDP_BYTES):
        program = lab.program('tests/netns/probe', 'probe')
        OneWay.used += 1
        port = SINK_PORT + OneWay.used % 1000
        inside = f'lan{n}'
        source, target = ('host', inside) if down else (inside, 'host')
        address = lab.lan_address(n) if down else HOST
        self.sink = Account(lab.start(
            target, f'sink-{n}-{OneWay.used}', program, 'sink', str(port),
            pipes=True), lab)
        self.sink.line()  # ready
        self.sender = Stream(lab, program, source, address, port=port,
                             pps=pps, size=size,
                             label=f'oneway-{n}-{OneWay.used}')

    def position(self):
        return self.sender.position()

    def pace(self, pps):
        self.sender.pace(pps)

    def report(self, first=0, end=None):
        end = self.position() if end is None else end
        return self.sink.ask(f'report {first} {end}')

    def settled(self, first=0, end=None, seconds=2):
        end = self.position() if end is None else end
        deadline = time.monotonic() + seconds
        while True:
            report = self.report(first, end)
            if not report['lost'] or time.monotonic() > deadline:
                return report
            time.sleep(0.05)

    def flowing(self, count=3, seconds=10):
        first = self.position()
        return wait_for(
            lambda: (lambda r: r['received'] >= count and r)(
                self.report(first)),
            seconds, f'packets to {self.sender.address}')['first-echo']

    def stop(self):
        self.sender.stop()
        self.sink.stop()


class Account(Stream):
    """The far end: asked as a sender is."""

    # pylint: disable-next=super-init-not-called
    def __init__(self, process, world):
        self.process = process
        self.world = world
        self.address = process.name

    def line(self):
        return self.process.popen.stdout.readline()


def udp(lab, n, mbps, *, down=False, seconds=8, size=UDP_BYTES):
    """A constant rate of inner bits (IP bytes): share that came, loss,
    one-way delay in ms, duplicates and overtaken packets."""
    pps = mbps * 1e6 / 8 / (size + HEADERS)
    one = OneWay(lab, n, down=down, pps=0, size=size)
    try:
        one.pace(min(pps, 100))
        one.flowing()
        one.pace(pps)
        time.sleep(1)  # the paths' estimates follow the load
        first, begun = one.position(), time.monotonic()
        before = one.report(first)
        time.sleep(seconds)  # the length of the measurement
        end, took = one.position(), time.monotonic() - begun
        one.pace(0)
        report = one.settled(first, end)
    finally:
        one.stop()
    trips = report.get('rtt-us', {})
    return {'offered': mbps,
            'mbps': report['received'] * (size + HEADERS) * 8 / took / 1e6,
            'lost': report['lost'] / max(1, report['sent']),
            'owd-ms': {k: v / 1000 for k, v in trips.items()},
            'duplicates': report['duplicates'] - before['duplicates'],
            'reordered': report['reordered'] - before['reordered'],
            'sent': report['sent']}
