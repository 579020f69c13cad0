#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What happens to a WAN in the field without anybody unplugging it: the
carrier's NAT takes another port, the lease becomes another address, the
device is renamed. And the outer path over IPv6."""
import labtest
from lab import HOST, HOST6, Lab, VPS6
from netns import wait_for

PPS = 100


def rebinding(tap, lab, stream):
    with tap.case('a NAT that forgets its mapping: back within 2 s'):
        first = stream.position()
        lab.rebind(1, 40000)
        stream.flowing(seconds=5)
        report = stream.settled(first, stream.position())
        lost = report['lost'] / PPS
        tap.diag(f'lost {report["lost"]} packets, {lost:.2f} s')
        assert lost <= 2, report
    with tap.case('... and the tunnel was not dialled again for it'):
        paths = {p['name']: p for p in lab.edge.status()['paths']}
        assert paths['wan1']['state'] == 'up', paths['wan1']


def renumbering(tap, lab, stream):
    with tap.case('another address by DHCP: back within 2 s of it'):
        old = lab.address(1)
        lab.unplug(1, 'address')
        back = lab.replug(1, 'address', 201)
        assert lab.address(1) != old
        took = stream.flowing(seconds=10) - back
        tap.diag(f'back after {took * 1000:.0f} ms')
        assert took <= 2.0, took


def renaming(tap, lab):
    stream = lab.stream(2, pps=PPS)
    stream.flowing()
    with tap.case('a WAN that is renamed is a WAN that is not there'):
        lab.stop_dhcp_client(2)
        lab.rename('wan2', 'usb7')
        lab.edge.wait_for_state('wan2', 'no-link', seconds=5)
    with tap.case('... and comes back under its name'):
        lab.rename('usb7', 'wan2')
        lab.dhcp_client(2)
        stream.flowing(seconds=15)
        lab.edge.wait_for_state('wan2', 'up', seconds=10)
    with tap.case('... in clear: nothing'):
        assert lab.in_clear() == 0, lab.seen_in_clear()
    stream.stop()


def start_without_modem(build, tap):
    """Any path may be the first; a WAN without modem is a named state."""
    with Lab(build, wans=2) as lab:
        lab.wait_for_addresses()
        lab.unplug(1, 'gone')
        lab.start_daemons()
        with tap.case('without its first modem the second path comes up'):
            lab.edge.wait_for_state('wan2', 'up')
            assert lab.ping('lan2', HOST) == 3
        with tap.case('the WAN without a modem is a state with a reason'):
            assert lab.edge.states()['wan1'] == 'no-link'
            assert lab.edge.reason('wan1'), lab.edge.status()
        with tap.case('the modem is plugged in, and the path comes up'):
            lab.replug(1, 'gone')
            lab.edge.wait_for_state('wan1', 'up')
            assert lab.ping('lan1', HOST) == 3
        with tap.case('the daemons end cleanly'):
            lab.edge.stop()
            lab.vps.stop()


def outer_ipv6(build, tap):
    with Lab(build, wans=2) as lab:
        lab.wait_for_addresses()
        for n in lab.wans:
            wait_for(lambda n=n: f'2001:db8:{n}:' in lab.run(
                'edge', 'ip', '-br', '-6', 'addr', 'show', f'wan{n}'),
                20, f'wan{n} has an IPv6 address by SLAAC')
        lab.start_daemons(outer=6)
        with tap.case('the paths come up over IPv6'):
            lab.edge.wait_for_all_up()
            for path in lab.edge.status()['paths']:
                assert VPS6 in path['peer-address'], path
        with tap.case('they carry IPv4 and IPv6'):
            assert lab.ping('lan1', HOST) == 3
            assert lab.ping('lan2', HOST6) == 3
            assert lab.ping('host', 'fd00:16:1::2') == 3
        with tap.case('nothing went out in clear'):
            assert lab.in_clear() == 0, lab.seen_in_clear()
        with tap.case('the daemons end cleanly, IPv6'):
            lab.edge.stop()
            lab.vps.stop()


def main():
    build, tap = labtest.begin()
    with Lab(build, wans=2) as lab:
        lab.wait_for_addresses()
        lab.start_daemons()
        lab.start_echo()
        with tap.case('the tunnels come up'):
            lab.edge.wait_for_all_up()
        stream = lab.stream(1, pps=PPS)
        stream.flowing()
        rebinding(tap, lab, stream)
        renumbering(tap, lab, stream)
        renaming(tap, lab)
        with tap.case('the daemons of this lab end cleanly'):
            lab.edge.stop()
            lab.vps.stop()
    start_without_modem(build, tap)
    outer_ipv6(build, tap)
    tap.done()


if __name__ == '__main__':
    main()
