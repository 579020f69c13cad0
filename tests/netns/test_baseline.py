#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Six tunnels, end to end: that they are there, what they carry, and that
nothing else goes out by a WAN."""
import os
import re

import labtest
from lab import BASE_PORT, HOST, HOST6, Lab, VPS
from netns import wait_for

UNIT_CAPABILITIES = 1 << 12 | 1 << 0  # CAP_NET_ADMIN, CAP_CHOWN
THIRD = 3334  # three kinds of traffic, 10,000 packets


def established(tap, lab):
    with tap.case('six paths and six tunnels are up'):
        lab.edge.wait_for_all_up()
        status = lab.edge.status()
        assert len(status['tunnels']) == 6, status['tunnels']
        assert all(t['up'] for t in status['tunnels']), status['tunnels']
    for name in ('edge', 'vps'):
        with tap.case(f'ip shows six devices at the {name}'):
            text = lab.run(name, 'ip', '-br', 'a')
            found = re.findall(r'^mpq[1-6]\b', text, re.MULTILINE)
            assert len(found) == 6, text
            end = 1 if name == 'edge' else 2
            for n in lab.wans:
                assert f'10.200.{n}.{end}/30' in text, text
                assert f'fd00:200:{n}::{end}/64' in text, text


def sockets(tap, lab):
    with tap.case('ss shows six listeners, mpquic-data\'s'):
        lines = [line for line in lab.run('vps', 'ss', '-lunp').splitlines()
                 if re.search(r':4500[1-6]\b', line)]
        ports = {re.search(r':(4500[1-6])\b', line).group(1)
                 for line in lines}
        assert len(ports) == 6, lines
        assert all('mpquic-data' in line for line in lines), lines
    with tap.case('ss shows each socket of the edge on its own WAN'):
        text = lab.run('edge', 'ss', '-unap')
        lines = [line for line in text.splitlines() if 'mpquic' in line]
        for n in lab.wans:
            assert any(f'%wan{n}:' in line for line in lines), text
        assert all(re.search(r'%wan[1-6]:', line) for line in lines), text


def privileges(tap, lab):
    for node in (lab.edge, lab.vps):
        with tap.case(f'mpquic-data at {node.name} has no privilege'):
            with open(f'/proc/{node.data.pid}/status',
                      encoding='ascii') as file:
                status = dict(line.split(':', 1) for line in file)
            assert '0' not in status['Uid'].split(), status['Uid']
            for name in ('CapEff', 'CapPrm', 'CapInh', 'CapBnd', 'CapAmb'):
                assert int(status[name], 16) == 0, (name, status[name])


    for node in (lab.edge, lab.vps):
        with tap.case(f'mpquic-control at {node.name} has what its unit '
                      'grants, no more'):
            with open(f'/proc/{node.control.pid}/status',
                      encoding='ascii') as file:
                status = dict(line.split(':', 1) for line in file)
            assert int(status['CapEff'], 16) == UNIT_CAPABILITIES, status


def pings(tap, lab):
    for n in lab.wans:
        with tap.case(f'mpq{n} carries pings both ways, IPv4 and IPv6'):
            for where, address in (
                    ('edge', f'10.200.{n}.2'), ('vps', f'10.200.{n}.1'),
                    ('edge', f'fd00:200:{n}::2'), ('vps', f'fd00:200:{n}::1'),
                    (f'lan{n}', HOST), ('host', f'172.16.{n}.2'),
                    (f'lan{n}', HOST6), ('host', f'fd00:16:{n}::2')):
                got = lab.ping(where, address)
                assert got == 3, f'{where} -> {address}: {got} of 3'


def sizes(tap, lab):
    with tap.case('a packet of the tunnel\'s MTU fits'):
        mtu = int(re.search(r'mtu (\d+)', lab.run(
            'edge', 'ip', 'link', 'show', 'mpq1')).group(1))
        assert mtu == 1400, mtu
        text = lab.run('lan1', 'ping', '-c', '2', '-M', 'do', '-s',
                       str(mtu - 28), HOST, check=False)
        assert ' 2 received' in text, text
    with tap.case('a larger one is answered with packet too big'):
        text = lab.run('lan1', 'ping', '-c', '1', '-W', '2', '-M', 'do', '-s',
                       str(mtu - 27), HOST, check=False)
        assert re.search(rf'Frag needed|mtu ?= ?{mtu}', text), text
    with tap.case('a larger one is answered with packet too big, IPv6'):
        text = lab.run('lan1', 'ping', '-c', '1', '-W', '2', '-M', 'do', '-s',
                       str(mtu - 47), HOST6, check=False)
        assert 'Packet too big' in text or f'mtu' in text, text
    with tap.case('a TTL that ends on the way is answered'):
        for ttl in ('1', '2'):
            text = lab.run('lan1', 'ping', '-c', '1', '-W', '2', '-t', ttl,
                           HOST, check=False)
            assert 'exceeded' in text, text


def transfer(lab, n, reverse):
    server = lab.start('host', f'iperf3-{n}-{reverse}', 'iperf3', '-s', '-1')
    wait_for(lambda: ':5201' in lab.run('host', 'ss', '-ltn'), 5,
             'iperf3 listens')
    lab.run(f'lan{n}', 'iperf3', '-c', HOST, '-n', '4M',
            *(['-R'] if reverse else []))
    lab.end(server)


def only_quic(tap, lab):
    """10,000 packets of ICMP, TCP and UDP of a LAN1 host: criterion c."""
    lab.start_echo()
    inner = lab.capture('edge', 'mpq1')
    outer = lab.capture('edge', 'wan1')
    lab.run('lan1', 'ping', '-f', '-q', '-c', str(THIRD), HOST)
    stream = lab.stream(1, pps=2000, size=600)
    wait_for(lambda: stream.position() >= THIRD, 20, 'the UDP packets are out')
    stream.pace(0)
    sent = stream.settled()
    for reverse in (False, True):
        transfer(lab, 1, reverse)
    inner.stop()
    outer.stop()
    with tap.case('ICMP went by mpq1'):
        got = inner.count('icmp[icmptype] == icmp-echo and src 172.16.1.2')
        assert got >= THIRD, got
    with tap.case('UDP went by mpq1, and came back whole'):
        assert sent['lost'] == 0, sent
        got = inner.count('udp port 7007 and src 172.16.1.2')
        assert got == sent['sent'], (got, sent)
    with tap.case('TCP went by mpq1, both ways'):
        # Segments cross the TUN device merged: its bytes count, not packets.
        text = lab.run('edge', 'ip', '-s', 'link', 'show', 'mpq1')
        numbers = re.findall(r'^\s+(\d+)\s+\d+', text, re.MULTILINE)
        assert min(int(x) for x in numbers[:2]) > 4 << 20, text
    with tap.case('on WAN1 there was QUIC on 45001 and nothing else'):
        quic = outer.count(f'udp port {BASE_PORT + 1} and host {VPS}')
        other = outer.lines(f'not (udp port {BASE_PORT + 1} and host {VPS}) '
                            'and not arp and not icmp6 and not udp port 67')
        assert quic > 3000, quic
        assert not other, other
    with tap.case('no provider has seen a packet of the site'):
        assert lab.in_clear() == 0, lab.seen_in_clear()
        assert lab.counted('other') == lab.other_before, (
            lab.other_before, lab.seen_in_clear())
        assert lab.counted('quic')[1] > 3000, lab.counted('quic')


def separate(tap, lab):
    with tap.case('each LAN goes by its own tunnel'):
        before = lab.counted('quic')
        lab.run('lan4', 'ping', '-f', '-q', '-c', '500', HOST)
        after = lab.counted('quic')
        grown = {n: after[n] - before[n] for n in lab.wans}
        assert grown[4] >= 400, grown
        assert all(grown[n] < 100 for n in lab.wans if n != 4), grown


def ends(tap, lab):
    for node in (lab.edge, lab.vps):
        with tap.case(f'the daemons at {node.name} end when they are asked to'):
            node.stop()


def main():
    build, tap = labtest.begin()
    with Lab(build) as lab:
        lab.wait_for_addresses()
        lab.other_before = lab.counted('other')  # of when no address was there
        lab.start_daemons()
        for part in (established, sockets, privileges, pings, sizes,
                     only_quic, separate, ends):
            part(tap, lab)
    tap.done()


if __name__ == '__main__':
    os.umask(0o022)
    main()
