#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A path that was gone and is back: how soon it is used, and has its share; and
that none is stuck after many short silences. With MPQUIC_SOAK=1 outages of 1,
30 and 300 s and a thousand flaps, within the issue's bounds (criterion f).

    test_bond_return.py BUILD [returns] [flaps]
"""
import random
import sys
import time

import labtest
from bond_load import Traffic, Watch
from bonding import BondLab
from netns import Failure, wait_for
from profiles import Link, Profile

RATE, RTT = 20, 40
PAIR = Profile('2x20', [Link(RATE, RTT)] * 2)
BOTH = 1.4 * RATE     # a load that needs both links
FLAP = (0.05, 0.4)    # seconds of silence, and of peace after it
EACH = 50             # flaps until the paths are looked at
CARRIES = 0.1 * RATE


def returns(tap, lab, outages):
    traffic = Traffic(lab, 1, BOTH)
    used, full = [], []
    for seconds in outages:
        lab.begin_anew()
        traffic.flowing()
        time.sleep(4)  # both links have their share
        watch = Watch(lab, 1)
        time.sleep(1)
        share = watch.mbps()
        lab.unplug(1, 'hole')
        time.sleep(seconds)
        back = lab.replug(1, 'hole')
        watch.mbps()
        used.append(watch.reaches(share / 10, back, 70))
        full.append(watch.reaches(share * 0.8, back, 70))
        tap.diag(f'back after {seconds} s: in use {used[-1]} s, '
                 f'full share ({share:.1f} Mbit/s) {full[-1]} s')
    traffic.stop()
    limits = (1 + 3 * RTT / 1000, 5) if labtest.long_form() else (5, 15)
    tap.ok(all(u is not None and u <= limits[0] for u in used),
           f'a path that returned is used within {limits[0]} s', str(used))
    tap.ok(all(f is not None and f <= limits[1] for f in full),
           f'a path that returned has its share within {limits[1]} s',
           str(full))


def flap(lab, rng):
    n = rng.choice((1, 2))
    lab.hole(n, True)
    time.sleep(rng.uniform(*FLAP))
    lab.hole(n, False)
    time.sleep(rng.uniform(*FLAP))


def recovered(lab):
    """Seconds until each path carries something again."""
    begun = time.monotonic()
    for n in lab.wans:
        lab.edge.wait_for_state(f'wan{n}', 'up', seconds=70)
        watch = Watch(lab, n)
        wait_for(lambda w=watch: w.mbps() > CARRIES, 70,
                 f'path {n} carries traffic', interval=0.1)
    return time.monotonic() - begun


def flaps(tap, lab, count):
    lab.begin_anew()
    traffic = Traffic(lab, 1, BOTH)
    traffic.flowing()
    rng = random.Random(1)
    begun, took = time.monotonic(), []
    with tap.case(f'no path is stuck after {count} flaps'):
        for i in range(count):
            flap(lab, rng)
            if (i + 1) % EACH == 0 or i + 1 == count:
                took.append(recovered(lab))
        traffic.flowing()
    tap.diag(f'{count} flaps of {FLAP[0]} to {FLAP[1]} s, as long apart, in '
             f'{time.monotonic() - begun:.0f} s; both paths carry again after '
             f'at most {max(took, default=0):.1f} s: '
             f'{[round(t, 1) for t in took]}')
    traffic.stop()


def main():
    build, tap = labtest.begin()
    parts = sys.argv[2:] or ['returns', 'flaps']
    long_form = labtest.long_form()
    with BondLab(build, wans=2, emulate=PAIR.emulate(),
                 real_time=True) as lab:
        lab.come_up()
        lab.wait_for_traffic()
        try:
            if 'returns' in parts:
                returns(tap, lab, (1, 30, 300) if long_form else (1,))
            if 'flaps' in parts:
                flaps(tap, lab, 1000 if long_form else 10)
        except Failure as failure:
            tap.ok(False, 'all runs were made', str(failure))
        with tap.case('the daemons end cleanly'):
            lab.edge.stop()
            lab.vps.stop()
    tap.done()


if __name__ == '__main__':
    main()
