#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a bonded tunnel makes of two emulated links of 20 Mbit/s and 40 ms, by
ratios of one run: their sum, order, and classes that do not disturb one
another. tests/bench/bond has the figures.
"""
import time

import flows
import labtest
from bonding import BONDED, BondLab
from profiles import Link, Profile

PAIR = Profile('2x20', [Link(20, 40)] * 2)
CRITICAL = {'name': 'critical', 'priority': 7,
            'steering-mode': 'smallest-delay'}


def rules(name):
    """Our one-way flows are of class `name`, both ways."""
    return [{'name': 'udp', 'class': name, 'protocol': 'udp'}]


def aggregate(tap, lab, seconds):
    got = {}
    for down in (False, True):
        for tunnel in (1, BONDED):
            got[down, tunnel] = flows.tcp(lab, tunnel, down=down,
                                          seconds=seconds)['mbps']
    for down, word in ((False, 'up'), (True, 'down')):
        ratio = got[down, BONDED] / max(0.1, got[down, 1])
        tap.ok(ratio > 1.5, f'one TCP flow {word} has more than 1.5 times '
               'what one path gives', f'{ratio}: {got}')


def udp_whole(tap, lab, seconds):
    for down, word in ((False, 'up'), (True, 'down')):
        with tap.case(f'UDP {word} at 0.7 of the sum arrives whole, once and '
                      'in order'):
            report = flows.udp(lab, BONDED, 28, down=down, seconds=seconds)
            assert report['lost'] <= 0.001, report
            assert not report['duplicates'], report
            assert not report['reordered'], report


def isolation(tap, lab, seconds):
    """Bulk takes all there is; what is critical does not notice."""
    lab.classes, lab.rules = [CRITICAL], rules('critical')
    lab.recommit()
    flow = flows.OneWay(lab, BONDED, down=True, pps=100, size=200)
    flow.flowing()
    first = flow.position()
    time.sleep(2)  # the length of the measurement
    still = flow.settled(first)
    first = flow.position()
    bulk = flows.tcp(lab, BONDED, down=True, flows=8, seconds=seconds)
    # without bulk's slow start, and its end
    loaded = flow.settled(first + 250, flow.position() - 100)
    flow.stop()
    added = loaded['rtt-us']['p95'] - still['rtt-us']['p95']
    tap.diag(f'critical p95 {still["rtt-us"]["p95"] / 1000:.1f} ms, under '
             f'bulk {added / 1000:+.1f} ms; bulk {bulk["mbps"]:.1f} Mbit/s, '
             f'{loaded["lost"]} of {loaded["sent"]} lost')
    with tap.case('a critical class keeps its packets under bulk'):
        assert loaded['lost'] <= loaded['sent'] * 0.02, loaded
    with tap.case('a critical class waits less than one queue of bulk'):
        assert added < 60000, (still['rtt-us'], loaded['rtt-us'])
    with tap.case('bulk has the rest'):
        assert bulk['mbps'] > 20, bulk


def main():
    build, tap = labtest.begin()
    with BondLab(build, wans=2, alone=[1], emulate=PAIR.emulate(),
                 real_time=True) as lab:
        lab.come_up()
        flows.forget_metrics(lab, 'host', 'lan0', 'lan1')
        for tunnel in (BONDED, 1):
            lab.wait_for_traffic(tunnel)
        long_form = labtest.long_form()
        aggregate(tap, lab, 4)
        udp_whole(tap, lab, 3)
        isolation(tap, lab, 20 if long_form else 4)
        with tap.case('the emulator missed nothing'):
            assert not lab.emulator.missed(), lab.emulator.statistics()
        with tap.case('the daemons end cleanly'):
            lab.edge.stop()
            lab.vps.stop()
    tap.done()


if __name__ == '__main__':
    main()
