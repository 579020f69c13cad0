#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A bonded tunnel over two emulated links of 20 Mbit/s and 40 ms, of which one
swallows what is longer than 1430 bytes, as an LTE network may: packets that are
too large for it go by the other, and TCP learns to use both.
"""
import flows
import labtest
from bonding import BONDED, BondLab
from netns import wait_for
from profiles import Link, Profile

PAIR = Profile('2x20', [Link(20, 40)] * 2)
NARROW_BYTES = 1430
LARGE = 1372  # with IPv4 and UDP as much as the tunnel's MTU


def listen(lab, wanted):
    for name in ('host', 'lan0'):
        lab.sysctl(name, net__ipv4__ip_no_pmtu_disc=0 if wanted else 2)


def narrow(node):
    return [p['narrow-bytes'] for p in node.status()['paths']
            if 'narrow-bytes' in p]


def udp_whole(tap, lab, seconds):
    """By shares: the narrow path would be given half of it. Who sends does not
    listen to ICMP; else its kernel would cut the packets."""
    listen(lab, False)
    lab.classes = [{'name': 'even', 'steering-mode': 'load-balancing'}]
    lab.rules = [{'name': 'udp', 'class': 'even', 'protocol': 'udp'}]
    lab.recommit()
    for down, word in ((False, 'up'), (True, 'down')):
        with tap.case(f'UDP {word} of the tunnel\'s MTU arrives whole'):
            report = flows.udp(lab, BONDED, 10, down=down, seconds=seconds,
                               size=LARGE)
            assert report['lost'] <= 0.001, report
            assert not report['duplicates'], report
    listen(lab, True)


def aggregate(tap, lab, seconds):
    got = {}
    for down in (False, True):
        for tunnel in (1, BONDED):
            got[down, tunnel] = flows.tcp(lab, tunnel, down=down,
                                          seconds=seconds)['mbps']
    for down, word in ((False, 'up'), (True, 'down')):
        ratio = got[down, BONDED] / max(0.1, got[down, 1])
        tap.ok(ratio > 1.4, f'one TCP flow {word} has more than 1.4 times '
               'what the wide path gives', f'{ratio}: {got}')


def main():
    build, tap = labtest.begin()
    with BondLab(build, wans=2, alone=[1], emulate=PAIR.emulate(),
                 real_time=True) as lab:
        lab.ip('isp2', f'link set lan0 mtu {NARROW_BYTES}')
        lab.come_up()
        flows.forget_metrics(lab, 'host', 'lan0', 'lan1')
        for tunnel in (BONDED, 1):
            lab.wait_for_traffic(tunnel)
        with tap.case('status tells which path is narrower than the tunnel'):
            for node in (lab.edge, lab.vps):
                wait_for(lambda n=node: narrow(n), 10, 'narrow-bytes')
                found = narrow(node)
                assert len(found) == 1, found
                assert NARROW_BYTES - 130 < found[0] < LARGE, found
        udp_whole(tap, lab, 3)
        aggregate(tap, lab, 5)
        with tap.case('the emulator missed nothing'):
            assert not lab.emulator.missed(), lab.emulator.statistics()
        with tap.case('the daemons end cleanly'):
            lab.edge.stop()
            lab.vps.stop()
    tap.done()


if __name__ == '__main__':
    main()
