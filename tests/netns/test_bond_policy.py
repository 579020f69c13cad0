#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A policy changed under load, again and again: no packet is lost, no tunnel
goes down, and the change holds soon, both ways (criterion i). Twenty changes
here, a thousand with MPQUIC_SOAK=1.
"""
import statistics
import time

import flows
import labtest
from bonding import BONDED, BondLab
from netns import wait_for
from profiles import Link, Profile

PAIR = Profile('2x20', [Link(20, 20)] * 2)
PPS = 500
WITHIN = 0.1
PACKETS = 5  # on the new path: it holds


def pinned(n):
    """All UDP by path n while that is there."""
    return ([{'name': 'pinned', 'steering-mode': 'active-standby',
              'prefer': [f'wan{n}']}],
            [{'name': 'udp', 'class': 'pinned', 'protocol': 'udp'}])


def carried(lab, n):
    """(frames up, frames down) that entered link n so far."""
    link = lab.emulator.statistics()['links'][str(n)]
    return link['up']['received'], link['down']['received']


def change(lab, n):
    """Seconds from asking for the commit until both directions take path n,
    and what the commit itself took."""
    lab.classes, lab.rules = pinned(n)
    lab.edge.mpqctl('load', lab.edge.write_config(lab.edge_config(),
                                                  'next.json'))
    before = carried(lab, n)
    begun = time.monotonic()
    lab.edge.mpqctl('commit')
    committed = time.monotonic()
    before = tuple(max(a, 0) for a in before)

    def holds():
        up, down = carried(lab, n)
        return up - before[0] > PACKETS and down - before[1] > PACKETS
    wait_for(holds, 5, f'both directions take path {n}', interval=0.002)
    return time.monotonic() - begun, committed - begun


def main():
    build, tap = labtest.begin()
    count = 1000 if labtest.long_form() else 20
    with BondLab(build, wans=2, emulate=PAIR.emulate(),
                 real_time=True) as lab:
        lab.classes, lab.rules = pinned(1)
        lab.come_up()
        lab.wait_for_traffic()
        pair = [flows.OneWay(lab, BONDED, down=down, pps=PPS, size=200)
                for down in (False, True)]
        for flow in pair:
            flow.flowing(20)
        connects = {n: lab.path(f'wan{n}').get('connects') for n in (1, 2)}
        first = [flow.position() for flow in pair]
        took, commits, failed = [], [], []
        for i in range(count):
            try:
                held, committed = change(lab, 2 - i % 2)
                took.append(held)
                commits.append(committed)
            except Exception as error:  # pylint: disable=broad-except
                failed.append(f'{i}: {error}')
                break
        tap.ok(not failed, f'each of {count} changes holds, both ways',
               '\n'.join(failed))
        if took:
            tap.diag(f'in force after p50 {statistics.median(took) * 1000:.0f}'
                     f' max {max(took) * 1000:.0f} ms of {len(took)}; the '
                     f'commit itself {statistics.median(commits) * 1000:.0f} '
                     f'ms')
        for flow, begun, word in zip(pair, first, ('up', 'down')):
            report = flow.settled(begun)
            tap.ok(not report['lost'], f'no packet is lost, {word}',
                   str(report))
            tap.ok(not report['duplicates'] and not report['reordered'],
                   f'none comes twice or out of order, {word}', str(report))
        with tap.case('no path connected anew'):
            now = {n: lab.path(f'wan{n}').get('connects') for n in (1, 2)}
            assert now == connects, (connects, now)
        if labtest.long_form():
            tap.ok(took and max(took) <= WITHIN,
                   'a change holds within 100 ms', str(sorted(took)[-20:]))
        for flow in pair:
            flow.stop()
        with tap.case('the daemons end cleanly'):
            lab.edge.stop()
            lab.vps.stop()
    tap.done()


if __name__ == '__main__':
    main()
