#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What `mpqctl status --json` says of each path of a bonded tunnel against what
the emulator was set to, after ten seconds of load (criterion j): the edge
speaks of the way up, the concentrator of the way down. Here with twice the
issue's tolerances, with MPQUIC_SOAK=1 with its own and on more links.

Full paths are judged for capacity, part of the load goes over all of them as
copies to judge jitter and loss: under a full queue jitter is the queue's.
"""
import time

import flows
import labtest
from bonding import BONDED, BondLab
from netns import Failure
from profiles import Link, Profile

FULL = 1.05  # of what fits
PART = 0.4   # of what fits the slowest
SECONDS = 10
# The emulator's delay wanders over +-J from one random point to the next, and
# of that the mean difference of two that have nothing to do with each other,
# which is what jitter means here (dataplane/bond/jitter.h), is this part.
WANDERING = 0.54
COPIES = {'name': 'copies', 'steering-mode': 'redundant'}
ALL_UDP = {'name': 'all', 'class': 'copies', 'protocol': 'udp'}
SHORT = [Profile('pair', [Link(20, 40), Link(10, 80)]),
         Profile('jittery', [Link(20, 40, jitter=5, loss=2),
                             Link(20, 60, jitter=10)])]
LONG = SHORT + [
    Profile('one lossy', [Link(20, 40), Link(10, 80, loss=2)]),
    Profile('mixed', [Link(50, 30), Link(20, 60), Link(10, 120)]),
    Profile('lossy', [Link(20, 40, loss=1), Link(20, 40, loss=5)]),
    Profile('more jittery', [Link(20, 60, jitter=20), Link(10, 80, jitter=10,
                                                           loss=1)]),
]


def tolerances(link, lost, down, factor, full):
    """{field: (truth, how far off it may be)}. Under load there are queues in
    the links too, so the link's own round trip is the least; where the delay
    wanders, the least is up to its double less, and seldom reached."""
    rate = link.rate if down else link.up()
    jitter = WANDERING * link.jitter * 1000
    truths = {'rtt-min-us': (link.rtt * 1000 - 2 * jitter,
                             factor * max(1000, 0.05 * link.rtt * 1000)
                             + 2 * jitter),
              'loss-ppm': (lost * 1e6, factor * 2000)}
    if full:
        truths['capacity-bps'] = (rate * 1e6, factor * 0.1 * rate * 1e6)
    elif jitter:
        truths['jitter-us'] = (jitter, factor * 0.2 * jitter)
    return truths


def members(lab, down):
    """By the number of the WAN."""
    session = lab.tunnel(node=lab.vps if down else lab.edge).get('session', {})
    return {lab.bonded[m['id']]: m for m in session.get('members', [])}


def frames(lab, way):
    """{WAN: (frames that came, those that the link lost)}: chance does not
    lose exactly the share that was set, and a queue that is full loses too."""
    links = lab.emulator.statistics()['links']
    return {n: (links[str(n)][way]['received'],
                sum(links[str(n)][way][what]
                    for what in ('lost', 'burst-lost', 'queue-full')))
            for n in lab.wans}


def load_of(lab, profile, down, full):
    rates = profile.rates(down)
    mbps = FULL * sum(rates) if full else PART * min(rates)
    return flows.OneWay(lab, BONDED, down=down,
                        pps=mbps * 1e6 / 8 / (flows.UDP_BYTES + flows.HEADERS
                                              + 70))


def told(tap, lab, profile, down, full, factor):
    way = 'down' if down else 'up'
    load = load_of(lab, profile, down, full)
    load.flowing()
    before = frames(lab, way)
    time.sleep(SECONDS)  # "within ten seconds of load"
    said, after = members(lab, down), frames(lab, way)
    load.stop()
    for n, link in enumerate(profile.links, 1):
        member = said.get(n, {})
        tap.diag(f'{profile.name} {way} wan{n}: {member}')
        came, lost = (b - a for a, b in zip(before[n], after[n]))
        for field, (truth, off) in tolerances(
                link, lost / max(came, 1), down, factor, full).items():
            value = member.get(field)
            tap.ok(value is not None and abs(value - truth) <= off,
                   f'{profile.name}, {"full" if full else "in part"}, {way}: '
                   f'{field} of path {n} is true',
                   f'{value}, not {truth:.0f} +- {off:.0f}')


def judge(tap, lab, profile, factor):
    jittery = any(link.jitter for link in profile.links)
    for down in (False, True):
        if not jittery:
            told(tap, lab, profile, down, True, factor)
    if jittery:
        lab.classes, lab.rules = [COPIES], [ALL_UDP]
        lab.recommit()
        for down in (False, True):
            told(tap, lab, profile, down, False, factor)


def main():
    build, tap = labtest.begin()
    for profile in LONG if labtest.long_form() else SHORT:
        with BondLab(build, wans=len(profile.links),
                     emulate=profile.emulate(), real_time=True) as lab:
            try:
                lab.come_up()
                lab.wait_for_traffic()
                judge(tap, lab, profile, 1 if labtest.long_form() else 2)
            except Failure as failure:
                tap.ok(False, f'{profile.name}: it was measured', str(failure))
            with tap.case('the daemons end cleanly'):
                lab.edge.stop()
                lab.vps.stop()
    tap.done()


if __name__ == '__main__':
    main()
