#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What copies save, and what repair costs (criterion e): a redundant class loses
nothing while one of two paths loses 30 %; what is sent again is a small share
of what is sent, and nothing on clean links. With MPQUIC_SOAK=1 a million
packets, and links that lose 1 to 5 %.

    test_bond_repair.py BUILD [copies] [repairs]
"""
import statistics
import sys
import time

import flows
import labtest
from bonding import BONDED, BondLab
from netns import Failure
from profiles import PROFILES, Link, Profile

COPIED = {'name': 'copied', 'priority': 6, 'steering-mode': 'redundant'}
ALL_UDP = [{'name': 'udp', 'class': 'copied', 'protocol': 'udp'}]
COPY_BYTES = 100
SHARE = 0.5      # of the sum, offered as UDP
EXTRA = 0.10     # of what is sent, on average
CLEAN = [PROFILES['2x20'], PROFILES['het3']]
LOSSY = [PROFILES['2x20-l1'], PROFILES['het3-l1']] + [
    Profile(f'2x20-l{loss}', [Link(20, 40, loss=loss)] * 2)
    for loss in (2, 3, 5)]


def copied(tap, lab, count, pps):
    """A third of what goes by one path is lost; both ways at once."""
    lab.classes, lab.rules = [COPIED], ALL_UDP
    lab.recommit()
    lab.emulator.set('2', loss='30%')
    pair = [flows.OneWay(lab, BONDED, down=down, pps=pps, size=COPY_BYTES)
            for down in (False, True)]
    for flow in pair:
        flow.flowing(50)
    first = [flow.position() for flow in pair]
    time.sleep(count / pps)  # the length of the measurement
    ends = [flow.position() for flow in pair]
    for flow, word, begin, end in zip(pair, ('up', 'down'), first, ends):
        report = flow.settled(begin, end)
        tap.diag(f'redundant, 30 % loss on one of two paths, {word}: '
                 f'{report["lost"]} of {report["sent"]} lost, '
                 f'{report["duplicates"]} twice, {report["reordered"]} out of '
                 'order')
        with tap.case(f'a redundant class loses nothing {word} while one path '
                      'loses 30 %'):
            assert report['lost'] <= report['sent'] / 10000, report
            assert not report['duplicates'], report
            assert not report['reordered'], report
        flow.stop()


def sent(lab, node):
    """(packets, of which sent again) of all paths of this end's session; the
    load's packets are of one size."""
    members = lab.tunnel(node=node)['session']['members']
    return (sum(m['out-packets'] for m in members),
            sum(m['repaired'] for m in members))


def extra(before, after):
    packets, again = (b - a for a, b in zip(before, after))
    return again / max(1, packets - again)


def udp_load(lab, profile, seconds):
    """[share sent again up, down]: a constant rate both ways at once."""
    pair = [flows.OneWay(lab, BONDED, down=down, pps=SHARE * sum(
        profile.rates(down)) * 1e6 / 8 / (flows.UDP_BYTES + flows.HEADERS))
            for down in (False, True)]
    for flow in pair:
        flow.flowing(50)
    time.sleep(2)  # the paths' estimates follow the load
    before = [sent(lab, node) for node in (lab.edge, lab.vps)]
    time.sleep(seconds)  # the length of the measurement
    after = [sent(lab, node) for node in (lab.edge, lab.vps)]
    for flow in pair:
        flow.stop()
    return [extra(a, b) for a, b in zip(before, after)]


def tcp_load(lab, seconds):
    """The same of 8 TCP flows down, which fill the links."""
    before = sent(lab, lab.vps)
    flows.tcp(lab, BONDED, down=True, flows=8, seconds=seconds)
    return [extra(before, sent(lab, lab.vps))]


def repairs(tap, build, profiles, seconds):
    """[share of what was sent that was sent again]."""
    shares = []
    for profile in profiles:
        with BondLab(build, wans=len(profile.links),
                     emulate=profile.emulate(), real_time=True) as lab:
            lab.come_up()
            lab.wait_for_traffic()
            udp = udp_load(lab, profile, seconds)
            tcp = tcp_load(lab, seconds) if labtest.long_form() else []
            lossy = any(link.loss for link in profile.links)
            shares += udp + (tcp if lossy else [])
            tap.diag(f'{profile.name}: sent again of what was sent: UDP at '
                     f'{SHARE} of the sum up {udp[0]:.4f}, down {udp[1]:.4f}'
                     + (f'; 8 TCP down {tcp[0]:.4f}' if tcp else ''))
            lab.edge.stop()
            lab.vps.stop()
    return shares


def main():
    build, tap = labtest.begin()
    parts = sys.argv[2:] or ['copies', 'repairs']
    long_form = labtest.long_form()
    try:
        if 'copies' in parts:
            with BondLab(build, wans=2, emulate=PROFILES['2x20'].emulate(),
                         real_time=True) as lab:
                lab.come_up()
                lab.wait_for_traffic()
                if long_form:
                    copied(tap, lab, 1000000, 2500)
                else:
                    copied(tap, lab, 1000, 500)
                lab.edge.stop()
                lab.vps.stop()
        if 'repairs' in parts:
            clean = repairs(tap, build, CLEAN if long_form else CLEAN[:1],
                            10 if long_form else 3)
            tap.ok(not any(clean), 'on clean links nothing is sent again',
                   str(clean))
            lossy = repairs(tap, build, LOSSY if long_form else LOSSY[2:3],
                            10 if long_form else 3)
            tap.ok(statistics.mean(lossy) <= EXTRA and all(lossy),
                   'on lossy links a tenth more is sent at most, on average',
                   str(lossy))
    except Failure as failure:
        tap.ok(False, 'all runs were made', str(failure))
    tap.done()


if __name__ == '__main__':
    main()
