#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Nothing of a LAN leaves in clear, whatever happens: the cases that leaked
with the obvious routing (a table whose default is the tunnel), and some more.

Every provider counts what it gets from the site beside QUIC (lab.in_clear()).
Each case sends 60 packets of each family from a LAN1 host while the trouble
lasts. A check that the counter counts comes first: without our rules, the
same packets do arrive there.
"""
import contextlib
import json

import labtest
from lab import HOST, HOST6, Lab
from netns import Failure, wait_for

PACKETS = 60


def send(lab):
    """ICMP and UDP of both families from LAN1; answers do not matter."""
    for address in (HOST, HOST6):
        lab.run('lan1', 'ping', '-c', str(PACKETS // 2), '-i', '0.005', '-W',
                '0.2', '-q', '-n', address, check=False)
    for stream in (lab.stream(1, HOST, pps=500), lab.stream(1, HOST6, pps=500)):
        wait_for(lambda s=stream: s.position() >= PACKETS // 2, 10,
                 'the packets are out')
        stream.stop()


def carries(lab, n=1):
    return lab.ping(f'lan{n}', HOST, count=1) == 1


@contextlib.contextmanager
def trouble(tap, lab, name):
    """Nothing in clear while the body's trouble lasts."""
    with tap.case(f'nothing in clear: {name}'):
        before = lab.counted('clear')
        yield
        send(lab)
        after = lab.counted('clear')
        assert after == before, f'before {before}, after {after}'


def recovers(tap, lab, name, seconds=10):
    with tap.case(f'carries traffic again: {name}'):
        wait_for(lambda: carries(lab), seconds, 'LAN1 reaches the host')


def lan_rules(lab, family):
    """Our rules for lan1, as words for `ip rule del`."""
    text = lab.run('edge', 'ip', '-j', family, 'rule', 'show')
    return [str(rule['priority']) for rule in json.loads(text)
            if rule.get('iif') == 'lan1']


def counter_counts(tap, lab):
    with tap.case('the counter counts: before mpquic runs, packets do leave'):
        send(lab)
        assert lab.in_clear() > PACKETS, lab.counted('clear')


def tunnel_trouble(tap, lab):
    with trouble(tap, lab, 'the path is down'):
        lab.unplug(1, 'hole')
    lab.replug(1, 'hole')
    recovers(tap, lab, 'the path is back')
    with trouble(tap, lab, 'the device is down'):
        lab.ip('edge', 'link set mpq1 down')
    recovers(tap, lab, 'the device was set down')
    with trouble(tap, lab, 'the device is deleted'):
        lab.ip('edge', 'link del mpq1')
    recovers(tap, lab, 'the device was deleted')


def rule_trouble(tap, lab):
    with trouble(tap, lab, 'our rules are deleted by another'):
        for family in ('-4', '-6'):
            priorities = lan_rules(lab, family)
            assert priorities, f'no rule for lan1 with {family}'
            for priority in priorities:
                lab.run('edge', 'ip', family, 'rule', 'del', 'priority',
                        priority)
    with tap.case('deleted rules are restored'):
        for family in ('-4', '-6'):
            wait_for(lambda f=family: lan_rules(lab, f), 5,
                     f'a rule for lan1 with {family}')
    recovers(tap, lab, 'rules were deleted')
    with trouble(tap, lab, 'all rules are flushed'):
        for family in ('-4', '-6'):
            lab.run('edge', 'ip', family, 'rule', 'flush')
            for table in ('main', 'default'):
                lab.run('edge', 'ip', family, 'rule', 'add', 'lookup', table,
                        'priority', '32766' if table == 'main' else '32767',
                        check=False)
    recovers(tap, lab, 'rules were flushed')


def guard_trouble(tap, lab):
    """Rules and guard do not lean on one another."""
    with trouble(tap, lab, 'the packet filter is flushed by another'):
        lab.run('edge', 'nft', 'flush', 'ruleset')
    recovers(tap, lab, 'the packet filter was flushed')


def route_trouble(tap, lab):
    gateway = f'{lab.network(1)}.1'
    with trouble(tap, lab, 'TunnelVision: routes pushed by DHCP'):
        lab.ip('edge', f'route add 0.0.0.0/1 via {gateway} dev wan1',
               f'route add 128.0.0.0/1 via {gateway} dev wan1',
               f'route add {HOST}/32 via {gateway} dev wan1',
               f'route add {HOST6}/128 via 2001:db8:1::1 dev wan1')
    recovers(tap, lab, 'with TunnelVision routes there')
    lab.ip('edge', f'route del {HOST}/32', f'route del {HOST6}/128',
           'route del 0.0.0.0/1', 'route del 128.0.0.0/1')
    with trouble(tap, lab, 'LocalNet: the WAN claims the far network'):
        lab.ip('edge', 'addr add 203.0.113.77/24 dev wan1',
               'addr add 2001:db8:ff::77/64 dev wan1')
    recovers(tap, lab, 'with the LocalNet address there')
    lab.ip('edge', 'addr del 203.0.113.77/24 dev wan1',
           'addr del 2001:db8:ff::77/64 dev wan1')


def process_trouble(tap, lab):
    with trouble(tap, lab, 'mpquic-data is killed'):
        lab.edge.kill_data()
    lab.edge.start_data()
    recovers(tap, lab, 'mpquic-data was killed')
    with trouble(tap, lab, 'mpquic-control is killed'):
        lab.edge.kill_control()
    lab.edge.start_control()
    recovers(tap, lab, 'mpquic-control was killed')
    with trouble(tap, lab, 'both are killed'):
        lab.edge.kill_control()
        lab.edge.kill_data()
    with trouble(tap, lab, 'both are dead and the device is deleted'):
        lab.run('edge', 'ip', 'link', 'del', 'mpq1', check=False)
    lab.edge.start()
    recovers(tap, lab, 'both were killed', seconds=15)
    with trouble(tap, lab, 'both were stopped as an operator stops them'):
        lab.edge.stop()
    lab.edge.start()
    recovers(tap, lab, 'both were stopped', seconds=15)


def answers_of_the_edge(tap, lab):
    """What the edge's own kernel says to somebody beyond the tunnel."""
    with tap.case('answers from a tunnel address leave by no WAN'):
        clear = lab.in_clear()
        for address in ('10.200.1.1', 'fd00:200:1::1'):
            lab.ping('host', address)
        assert lab.in_clear() == clear, lab.seen_in_clear()
    with tap.case('ICMP errors about what came for a LAN neither'):
        errors = ('-c', '3', '-i', '0.2', '-W', '1', '-n', '-s', '400')
        for target in ('172.16.1.2', 'fd00:16:1::2'):  # ends at the edge
            lab.run('host', 'ping', *errors, '-t', '2', target, check=False)
        for target in ('172.16.1.99', 'fd00:16:1::99'):  # nobody is there
            lab.run('host', 'ping', *errors, '-w', '4', target, check=False)
        assert lab.in_clear() == clear, lab.seen_in_clear()
        dropped = lab.edge.status()['guards']['answer-mpq1']
        assert int(dropped['packets']) >= 12, dropped


def injected(tap, lab):
    """CVE-2019-14899: who shares the WAN probes for tunnel addresses."""
    with tap.case('packets to tunnel addresses from a WAN are dropped'):
        wan = lab.address(2)
        lab.ip('isp2', f'route add 10.200.2.0/30 via {wan}',
               f'route add 172.16.2.0/24 via {wan}')
        assert lab.ping('isp2', wan, count=1) == 1, 'the WAN itself answers'
        for target in ('10.200.2.1', '172.16.2.2'):
            got = lab.ping('isp2', target, count=3)
            assert got == 0, f'{target} answered {got} of 3'
        lab.ip('isp2', 'route del 10.200.2.0/30', 'route del 172.16.2.0/24')


def main():
    build, tap = labtest.begin()
    with Lab(build, wans=2) as lab:
        lab.wait_for_addresses()
        wait_for(lambda: '2001:db8:1:' in lab.run('edge', 'ip', '-br', '-6',
                                                  'addr', 'show', 'wan1'),
                 20, 'wan1 has an IPv6 address by SLAAC')
        lab.start_echo()
        counter_counts(tap, lab)
        lab.start_daemons()
        try:
            lab.edge.wait_for_all_up()
        except Failure as failure:
            tap.ok(False, 'the tunnels come up', str(failure))
            tap.done()
        for part in (tunnel_trouble, rule_trouble, guard_trouble,
                     route_trouble, process_trouble, injected,
                     answers_of_the_edge):
            part(tap, lab)
        with tap.case('no sanitizer complained'):
            lab.edge.check_logs()
            lab.vps.check_logs()
    tap.done()


if __name__ == '__main__':
    main()
