#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The life of a bonded tunnel over three WANs: whichever path comes first,
paths that go and come back under traffic, both families, in order, nothing in
clear; and an edge of one path at the same concentrator.
"""
import labtest
from bonding import BONDED, BondLab
from flows import OneWay
from lab import HOST6
from netns import Failure, wait_for

WANS = 3
PPS = 200


def any_first(tap, lab):
    """Each path alone makes the tunnel; the others join it afterwards."""
    for n in lab.wans:
        with tap.case(f'the tunnel comes up with path {n} first'):
            others = [m for m in lab.wans if m != n]
            for m in others:
                lab.unplug(m, 'carrier')
            for node in (lab.edge, lab.vps):
                node.start()
            try:
                lab.edge.wait_for_state(f'wan{n}', 'up')
                lab.wait_for_traffic()
            finally:
                for m in others:
                    lab.replug(m, 'carrier')
            lab.wait_for_paths()
            lab.wait_for_traffic()
        for node in (lab.edge, lab.vps):
            node.stop()


def comes_and_goes(tap, lab, flows):
    """Whatever path is out, traffic passes; none of it out of order."""
    for n in lab.wans:
        for how in ('gone', 'hole'):
            with tap.case(f'traffic passes while path {n} is out ({how})'):
                lab.unplug(n, how)
                try:
                    for flow in flows:
                        flow.flowing(20, seconds=5)
                finally:
                    lab.replug(n, how)
                lab.edge.wait_for_state(f'wan{n}', 'up', seconds=20)
                for flow in flows:
                    flow.flowing(20, seconds=5)


def carries_both_families(tap, lab):
    with tap.case('IPv6 passes, and packets of the largest size'):
        assert lab.ping(f'lan{BONDED}', HOST6) == 3
        assert lab.ping(f'lan{BONDED}', '203.0.113.2', size=1372) == 3
    with tap.case('too large ones are told so, or cut'):
        assert lab.ping(f'lan{BONDED}', '203.0.113.2', size=3000) == 3


def one_path_only(tap, lab):
    """The same concentrator, its tunnel with all its listeners; the edge has
    a tunnel of one path now, which is plain CONNECT-IP."""
    for n in (2, 3):
        with tap.case(f'an edge with path {n} alone gets plain service'):
            lab.edge.stop()
            lab.bonded = [n]
            lab.edge.configure(lab.edge_config())
            lab.edge.start()
            lab.wait_for_paths()
            lab.wait_for_traffic()
            lab.bonded = list(lab.wans)


def main():
    build, tap = labtest.begin()
    with BondLab(build, wans=WANS) as lab:
        lab.wait_for_addresses()
        lab.start_daemons()
        with tap.case('a bonded tunnel comes up with all its paths'):
            lab.wait_for_paths()
            lab.wait_for_traffic()
        if tap.failed:
            raise Failure(lab.edge.control.output()[-3000:]
                          + lab.edge.data.output()[-3000:])
        carries_both_families(tap, lab)
        flows = [OneWay(lab, BONDED, down=down, pps=PPS, size=400)
                 for down in (False, True)]
        for flow in flows:
            flow.flowing()
        comes_and_goes(tap, lab, flows)
        with tap.case('nothing came twice or out of order'):
            for flow in flows:
                report = flow.settled()
                assert not report['duplicates'], report
                assert not report['reordered'], report
        for flow in flows:
            flow.stop()
        for node in (lab.edge, lab.vps):
            node.stop()
        any_first(tap, lab)
        for node in (lab.edge, lab.vps):
            node.start()
        lab.wait_for_paths()
        one_path_only(tap, lab)
        with tap.case('nothing went out in clear'):
            wait_for(lambda: lab.in_clear() == 0, 1, lab.seen_in_clear)
        with tap.case('the daemons end cleanly'):
            lab.edge.stop()
            lab.vps.stop()
    tap.done()


if __name__ == '__main__':
    main()
