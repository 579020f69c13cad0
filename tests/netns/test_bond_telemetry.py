#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What `mpqctl status --json` says of each path of a bonded tunnel against what
the emulator was set to, after ten seconds of load (criterion j): here with
twice the issue's tolerances, with MPQUIC_SOAK=1 with its own and on more links.
"""
import time

import flows
import labtest
from bonding import BONDED, BondLab
from netns import Failure
from profiles import Link, Profile

LOAD = 1.05  # of what fits: the capacity of a path that is not full is a guess
SECONDS = 10
SHORT = [Profile('pair', [Link(20, 40), Link(10, 80)])]
LONG = SHORT + [
    Profile('one lossy', [Link(20, 40), Link(10, 80, loss=2)]),
    Profile('mixed', [Link(50, 30), Link(20, 60), Link(10, 120)]),
    Profile('lossy', [Link(20, 40, loss=1), Link(20, 40, loss=5)]),
    Profile('jittery', [Link(20, 40, jitter=5), Link(20, 60, jitter=10)]),
]


def tolerances(link, lost, factor):
    """{field: (truth, how far off it may be)}. Under such load there are queues
    in the links too, so the link's own round trip is the least."""
    return {'rtt-min-us': (link.rtt * 1000,
                           factor * max(1000, 0.05 * link.rtt * 1000)),
            'loss-ppm': (lost * 1e6, factor * 2000),
            'capacity-bps': (link.up() * 1e6, factor * 0.1 * link.up() * 1e6)}


def members(lab):
    session = lab.tunnel().get('session', {})
    return {m['path']: m for m in session.get('members', [])}


def frames(lab):
    """{WAN: (frames that came for the way up, those that it lost)}: chance
    does not lose exactly the share that was set."""
    links = lab.emulator.statistics()['links']
    return {n: (links[str(n)]['up']['received'], links[str(n)]['up']['lost'])
            for n in lab.wans}


def told(tap, lab, profile, factor):
    """The edge speaks of the way up, so the load goes up."""
    pps = LOAD * sum(profile.rates(False)) * 1e6 / 8 / (
        flows.UDP_BYTES + flows.HEADERS + 70)
    load = flows.OneWay(lab, BONDED, pps=pps)
    load.flowing()
    before = frames(lab)
    time.sleep(SECONDS)  # "within ten seconds of load"
    said, after = members(lab), frames(lab)
    load.stop()
    for n, link in enumerate(profile.links, 1):
        member = said.get(f'wan{n}', {})
        tap.diag(f'{profile.name} wan{n}: {member}')
        came, lost = (b - a for a, b in zip(before[n], after[n]))
        for field, (truth, off) in tolerances(link, lost / came,
                                              factor).items():
            value = member.get(field)
            tap.ok(value is not None and abs(value - truth) <= off,
                   f'{profile.name}: {field} of path {n} is true',
                   f'{value}, not {truth:.0f} +- {off:.0f}')


def main():
    build, tap = labtest.begin()
    for profile in LONG if labtest.long_form() else SHORT:
        with BondLab(build, wans=len(profile.links),
                     emulate=profile.emulate(), real_time=True) as lab:
            try:
                lab.come_up()
                lab.wait_for_traffic()
                told(tap, lab, profile, 1 if labtest.long_form() else 2)
            except Failure as failure:
                tap.ok(False, f'{profile.name}: it was measured', str(failure))
            with tap.case('the daemons end cleanly'):
                lab.edge.stop()
                lab.vps.stop()
    tap.done()


if __name__ == '__main__':
    main()
