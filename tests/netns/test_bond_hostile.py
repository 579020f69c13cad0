#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An edge with a good certificate that means harm: what it tries at a real
concentrator is refused in one way, bounded and counted, and the tunnels of
others do not notice.

   core: rogue-edge (rogue_edge/) === mpq9 of the peer "rogue"
   edge: mpq0, bonded, of the peer "edge"
"""
import json
import shutil

import labtest
from bonding import BONDED, BondLab
from lab import BASE_PORT, EDGE_NAME, HOST, SERVER_NAME, VPS
from netns import wait_for
from pki import Pki
from profiles import Link, Profile

ROGUE_NAME = 'rogue.example'
ROGUE = 9
CORE = '192.0.2.1'
PAIR = Profile('2x50', [Link(50, 20)] * 2)
REQUEST_REJECTED, MESSAGE_ERROR = 0x10b, 0x10e
GROWTH_KIB = 32 * 1024  # the packets of the pool, once they are used
LATER_KIB = 2 * 1024    # and nothing after that


class RogueLab(BondLab):
    """With a second peer at the concentrator, and its certificate."""

    def certificates(self):
        made = Pki(self.directory + '/pki')
        made.authority('ca')
        made.leaf('concentrator', 'ca', 'server', SERVER_NAME)
        made.leaf('edge', 'ca', 'client', EDGE_NAME)
        made.leaf('rogue', 'ca', 'client', ROGUE_NAME)
        shutil.copy(made.path('ca'), made.path('authority'))
        self.pki = made.directory

    def vps_config(self, outer=4):
        config = super().vps_config(outer)
        top = config['mpquic:mpquic']
        top['peer'].append({'name': 'rogue', 'certificate-name': ROGUE_NAME})
        top['tunnel'].append({
            'name': f'mpq{ROGUE}', 'path': [f'in{n}' for n in self.wans],
            'peer': 'rogue',
            'address': [{'ip': '10.200.9.2', 'prefix-length': 30}],
            'assign': ['10.200.9.1/32'],
            'remote-prefix': ['172.16.9.0/24']})
        return config

    def attack(self, label, seconds=90):
        """What rogue-edge says of each step."""
        process = self.start(
            'core', label, self.program('tests/netns/rogue_edge/rogue-edge'),
            VPS, str(BASE_PORT + 1), str(BASE_PORT + 2), SERVER_NAME, CORE,
            f'{self.pki}/rogue.pem', f'{self.pki}/rogue.key',
            f'{self.pki}/authority.pem')
        wait_for(lambda: not process.running(), seconds, 'the attack is over')
        return [json.loads(line) for line in process.output().splitlines()
                if line.startswith('{')]

    def counters(self):
        return self.tunnel(ROGUE, self.vps)['session']['counters']


def of(steps, name):
    return [step for step in steps if step['step'] == name]


def refusals(tap, steps):
    with tap.case('every wrong join is refused in the same way'):
        wrong = of(steps, 'refusals')
        assert len(wrong) == 5, steps
        assert {(w['over'], w['code'], w['reason']) for w in wrong} == {
            (True, REQUEST_REJECTED, wrong[0]['reason'])}, wrong
    with tap.case('any headers, and endless holes, are borne'):
        for name in ('headers', 'holes'):
            assert [s['over'] for s in of(steps, name)] == [False], steps
    with tap.case('capsules too long or too many end their connection'):
        said = {s['kind']: (s['over'], s['code'])
                for s in of(steps, 'capsules')}
        assert said == {'long': (True, MESSAGE_ERROR),
                        'endless': (True, MESSAGE_ERROR),
                        'policies': (True, REQUEST_REJECTED)}, said
    with tap.case('right joins without end are refused from some point on'):
        (joins,) = of(steps, 'joins')
        assert joins['accepted'] >= 10 and joins['refused'] >= 5, joins


def counted(tap, lab):
    with tap.case('it is all counted'):
        c = lab.counters()
        tap.diag(json.dumps(c))
        assert c['refused-joins'] >= 10, c
        assert c['refused-capsules'] >= 2, c
        assert c['refused-policies'] >= 1 and c['policies'] <= 200, c
        assert c['malformed'] > 100 and c['unknown-class'] > 100, c
        assert c['in-datagrams'] > 10000, c


def main():
    build, tap = labtest.begin()
    with RogueLab(build, wans=2, emulate=PAIR.emulate()) as lab:
        lab.come_up()
        lab.wait_for_traffic()
        lab.start_echo()
        before = lab.vps.resident_kib(lab.vps.data)
        pids = [lab.vps.data.pid, lab.vps.control.pid]
        connects = {n: lab.path(f'wan{n}').get('connects') for n in (1, 2)}
        stream = lab.stream(BONDED)
        stream.flowing(20)
        begun = stream.position()
        first = lab.attack('rogue-1')
        refusals(tap, first)
        counted(tap, lab)
        between = lab.vps.resident_kib(lab.vps.data)
        lab.attack('rogue-2')
        report = stream.settled(begun)
        stream.stop()
        tap.diag(str(report))
        after = lab.vps.resident_kib(lab.vps.data)
        with tap.case('another tunnel loses nothing beside it'):
            assert not report['lost'], report
            assert connects == {n: lab.path(f'wan{n}').get('connects')
                                for n in (1, 2)}
            assert lab.ping('lan0', HOST) == 3
        with tap.case('the concentrator lives on'):
            assert pids == [lab.vps.data.pid, lab.vps.control.pid]
            assert lab.vps.data.running() and lab.vps.control.running()
        if not lab.sanitized():  # whose quarantine keeps what was freed
            with tap.case('memory is bounded, and does not grow with time'):
                tap.diag(f'{before} KiB, {between}, {after}')
                assert between <= before + GROWTH_KIB, (before, between)
                assert after <= between + LATER_KIB, (between, after)
        with tap.case('the daemons end cleanly'):
            lab.edge.stop()
            lab.vps.stop()
    tap.done()


if __name__ == '__main__':
    main()
