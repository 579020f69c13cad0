#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Garbage for the listeners while a tunnel carries traffic (criterion g): no
crash, at most three bytes back for each that came, the tunnel keeps its
goodput, memory does not grow. 100,000 datagrams; a million with MPQUIC_SOAK=1.
"""
import json

import labtest
from lab import BASE_PORT, HOST, Lab, VPS
from netns import wait_for

RATE = '8M'
GROWTH_KIB = 8 * 1024
SECONDS = 6


def start_server(lab):
    server = lab.start('host', 'iperf3', 'iperf3', '-s')
    wait_for(lambda: ':5201' in lab.run('host', 'ss', '-ltn'), 5,
             'iperf3 listens')
    return server


def goodput(lab):
    """Bits a second of one TCP flow that the link, not this machine, bounds."""
    text = lab.run('lan1', 'iperf3', '-c', HOST, '-t', str(SECONDS), '-O', '2',
                   '-J', timeout=90)
    return json.loads(text)['end']['sum_received']['bits_per_second']


def start_garbage(lab, count, pps):
    """From the core, which no NAT hides and no link slows."""
    lab.garbage_runs = getattr(lab, 'garbage_runs', 0) + 1
    return lab.start('core', f'garbage-{lab.garbage_runs}',
                     lab.program('tests/netns/garbage/garbage'), VPS,
                     str(BASE_PORT + 1), str(BASE_PORT + len(lab.wans)),
                     str(count), str(pps), str(lab.garbage_runs))


def result(process, seconds):
    wait_for(lambda: not process.running(), seconds, 'the garbage is out')
    return json.loads(process.output().splitlines()[-1])


def main():
    build, tap = labtest.begin()
    count = 1000000 if labtest.long_form() else 100000
    with Lab(build, wans=2, emulate={
            1: f'rate={RATE},delay=10ms,queue=100ms'}) as lab:
        lab.wait_for_addresses()
        lab.start_daemons()
        with tap.case('the tunnels come up'):
            lab.edge.wait_for_all_up()
        start_server(lab)
        goodput(lab)  # the first has caches and estimates to fill
        undisturbed = goodput(lab)
        before = lab.vps.resident_kib(lab.vps.data)
        pids = [lab.vps.data.pid, lab.edge.data.pid]
        # Spread over the two measurements that it disturbs, then the rest.
        pps = 5000 if not lab.sanitized() else 2000
        disturbing = start_garbage(lab, pps * (SECONDS + 4), pps)
        disturbed = goodput(lab)
        undisturbed = (undisturbed + goodput(lab)) / 2
        counts = [result(disturbing, 60)]
        rest = count - counts[0]['sent']
        if rest > 0:
            counts.append(result(start_garbage(lab, rest, pps * 4), 600))
        tap.diag(f'{sum(c["sent"] for c in counts)} datagrams; goodput '
                 f'{disturbed / undisturbed:.3f} of the undisturbed')
        with tap.case('the tunnel keeps nine tenths of its goodput'):
            assert disturbed >= 0.9 * undisturbed, (disturbed, undisturbed)
        with tap.case('at most three bytes go out for one that came'):
            for one in counts:
                assert one['received-bytes'] <= 3 * one['sent-bytes'], one
                for kind, c in one['kinds'].items():
                    assert c['received-bytes'] <= 3 * c['sent-bytes'], (kind, c)
        with tap.case('what is well protected gets past the first checks'):
            # else the kinds behind them would have tested nothing
            passed = counts[0]['kinds']['forbidden-frame']
            assert passed['received'] > 0, passed
        with tap.case('both ends live on'):
            assert lab.vps.data.running() and lab.edge.data.running()
            assert pids == [lab.vps.data.pid, lab.edge.data.pid]
            assert set(lab.edge.states().values()) == {'up'}
            assert lab.ping('lan2', HOST) == 3
        if not lab.sanitized():  # whose quarantine keeps what was freed
            with tap.case('memory does not grow with it'):
                after = lab.vps.resident_kib(lab.vps.data)
                tap.diag(f'{before} KiB before, {after} after')
                assert after <= before + GROWTH_KIB, (before, after)
        with tap.case('the daemons end cleanly'):
            lab.edge.stop()
            lab.vps.stop()
    tap.done()


if __name__ == '__main__':
    main()
