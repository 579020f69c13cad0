#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The demonstration (deploy/demo): what a person sees of a lab in which a
bonded tunnel over six WANs and one tunnel a WAN come up, carry traffic, and
lose and regain modems. The chapters about the bond are in demo_bond.py.

Usage: demo.py BUILD --show | --keep | --down

Each claim is checked; exit 0 only if all of them held.
"""
import os
import re
import sys
import time

import demo_bond
import kept
import labtest
from bonding import ALONE_PORT, BondLab
from lab import HOST, VPS
from netns import Failure
from show import Show, TTY, dim, green, red

# Two satellite links and four of LTE.
LINKS = {1: 'rate=20M,delay=20ms,jitter=2ms',
         2: 'rate=20M,delay=22ms,jitter=2ms',
         3: 'rate=10M,delay=25ms,jitter=4ms', 4: 'rate=10M,delay=27ms',
         5: 'rate=10M,delay=28ms,jitter=4ms', 6: 'rate=10M,delay=30ms'}
SATELLITES = 1, 2
UNPLUGGED = 3
NEW_ADDRESS = 177
OUTAGE = 2.0
PPS = 250
UP_WITHIN = 20
BACK_WITHIN = 2.0  # and 3 RTT, of the address being back

STATE_COLOURS = {'up': green, 'connecting': dim, 'no-link': red, 'down': red,
                 'no-carrier': red, 'no-address': dim, 'refused': red}


def alone(n, path, lab):
    """The line of a 1:1 tunnel."""
    state, rtt = path.get('state', '...'), path.get('rtt-us')
    colour = STATE_COLOURS.get(state, dim)
    return (f'mpq{n}  wan{n}  {lab.address(n) or "no address":12} '
            f'{"NAT" if lab.natted(n) else "   "}  -> {VPS}:{ALONE_PORT + n}  '
            + colour(f'{state:10}')
            + (f' RTT {rtt / 1000:.1f} ms' if state == 'up' and rtt else '')
            + (f' {path.get("reason", "")}' if state != 'up' else ''))


def picture(lab, since):
    """A line a tunnel, and how many of them are up."""
    status = lab.edge.status()
    paths = {path['name']: path for path in status.get('paths', [])}
    session = next((tunnel.get('session', {}) for tunnel in
                    status.get('tunnels', []) if tunnel['name'] == 'mpq0'), {})
    used = {m['path'] for m in session.get('members', []) if m['usable']}
    n_up = len(used) == len(lab.bonded)
    lines = ['mpq0  ' + ' '.join((green if f'wan{n}' in used else dim)
                                 (f'wan{n}') for n in lab.bonded)
             + f'  bonded: {len(used)} of {len(lab.bonded)} carry it']
    for n in lab.alone:
        path = paths.get(f'one{n}', {})
        n_up += path.get('state') == 'up'
        lines.append(alone(n, path, lab))
    lines.append(f'{n_up} of {len(lab.lans)} up, '
                 f'{time.monotonic() - since:.1f} s')
    return lines, n_up


def watch_until_up(lab, show, since, seconds=UP_WITHIN):
    while True:
        lines, n_up = picture(lab, since)
        done = n_up == len(lab.lans)
        late = time.monotonic() - since > seconds
        # Without a terminal, only how it ends is worth showing.
        if TTY or done or late:
            show.draw(lines)
        if done or late:
            return done
        time.sleep(0.1)


def begin(lab, show):
    show.chapter('The lab')
    show.say(f'{len(lab.namespaces)} network namespaces: seven LANs, the edge, '
             'six providers, the Internet,')
    show.say('the concentrator, a host behind it; each WAN is an emulated '
             'link of its own')
    lab.wait_for_addresses()
    for n in lab.wans:
        show.say(f'wan{n}  {"satellite" if n in SATELLITES else "LTE":9}  '
                 f'{lab.address(n):13} by DHCP  '
                 + dim(LINKS[n].replace(',', ', ').replace('=', ' ')
                       + (', behind NAT' if lab.natted(n) else '')))


def tunnels(lab, show):
    show.chapter('Seven tunnels come up: one a WAN, and mpq0 over all six')
    since = time.monotonic()
    lab.start_daemons()
    show.check(watch_until_up(lab, show, since),
               f'seven of seven within {UP_WITHIN} s')
    for node, side in ((lab.edge, 'edge'), (lab.vps, 'concentrator')):
        user = os.stat(f'/proc/{node.data.pid}').st_uid
        show.check(user != 0, f'mpquic-data at the {side} runs as uid {user}, '
                   'without a capability')


def pings(lab, show):
    show.chapter('Pings on each: edge to concentrator, back, and LAN to the '
                 'host beyond')
    for n in lab.lans:
        there = lab.ping('edge', f'10.200.{n}.2')
        back = lab.ping('vps', f'10.200.{n}.1')
        through = lab.ping(f'lan{n}', HOST)
        show.check(there == back == through == 3,
                   f'mpq{n}: {there}/3, {back}/3, {through}/3')


def unplug(lab, show):
    show.chapter(f'A modem dies and comes back: WAN{UNPLUGGED}, {PPS} packets '
                 'a second on each tunnel')
    lab.start_echo()
    streams = {n: lab.stream(n, pps=PPS) for n in lab.lans}
    for stream in streams.values():
        stream.flowing()
    first = {n: s.position() for n, s in streams.items()}
    old = lab.address(UNPLUGGED)
    gone = lab.unplug(UNPLUGGED, 'gone')
    lab.edge.wait_for_state(f'one{UNPLUGGED}', 'no-link', seconds=5)
    show.say(f'{red(lab.edge.states()[f"one{UNPLUGGED}"])}: '
             f'{lab.edge.reason(f"one{UNPLUGGED}")}')
    time.sleep(OUTAGE)  # the outage itself
    middle = streams[UNPLUGGED].position()
    back = lab.replug(UNPLUGGED, 'gone', NEW_ADDRESS)
    new = lab.address(UNPLUGGED)
    show.say(f'plugged in again, with an address {back - gone:.1f} s after: '
             f'{old} is now {new}')
    echo = streams[UNPLUGGED].flowing()
    lab.edge.wait_for_state(f'one{UNPLUGGED}', 'up', seconds=10)
    took = echo - back
    for n, stream in streams.items():
        end = stream.position()
        report = stream.settled(first[n], end)
        if n != UNPLUGGED:
            show.check(report['lost'] == 0,
                       f'mpq{n}: {report["sent"]} packets and their echoes, '
                       f'{report["lost"]} lost')
        else:
            show.say(f'mpq{n}: {report["lost"]} of {report["sent"]} lost, '
                     f'{report["lost"] / PPS:.1f} s of its traffic')
    show.check(old != new, 'the modem came back with another address')
    rtt = lab_rtt(streams[UNPLUGGED], middle)
    show.check(took <= BACK_WITHIN + 3 * rtt,
               f'mpq{UNPLUGGED} carried traffic again {took * 1000:.0f} ms '
               'after its address was there')
    for stream in streams.values():
        stream.stop()


def lab_rtt(stream, first):
    return stream.report(first).get('rtt-us', {}).get('p50', 0) / 1e6


def look_around(lab):
    print(f'''
The lab is still running. Look around:

  . {demo_bond.keep(lab)}
                                   commands for this shell: edge, vps, host and
                                   lan0 to lan{lab.wans[-1]} run what follows them there
  edge mpqctl                      and: mpqctl help, mpqctl events --follow
  vps mpqctl                       the concentrator
  lan0 ping {HOST}            by the bond; lan1 by WAN 1 alone
  edge ip link del wan4            unplugs it: see what ping and mpqctl say

Traffic, and where it goes; then leave the LTE links alone, while it flows:

  lan0 iperf3 -t 60 -c {HOST} >/dev/null &
  edge mpqctl status --watch
  edge mpqctl load $LAB/satellites-only.json
  edge mpqctl diff
  edge mpqctl commit               (and back: load $LAB/all-wans.json, commit)

Logs, configurations, certificates: {lab.directory}
End it:  deploy/demo --down''')


def show_all(build, keep):
    show = Show()
    begun = time.monotonic()
    wans = len(LINKS)
    lab = BondLab(build, wans=wans, alone=range(1, wans + 1), keep=keep,
                  emulate=LINKS, real_time=True)
    lab.rates = {n: int(re.search(r'rate=(\d+)M', shape).group(1))
                 for n, shape in LINKS.items()}
    with lab:
        if keep:
            kept.write(lab)  # should this be killed half-way
        try:
            for part in (begin, tunnels, pings, demo_bond.alone_and_bonded,
                         demo_bond.unplugged_in_turn, unplug,
                         demo_bond.events):
                part(lab, show)
        except Failure as failure:
            show.check(False, str(failure))
        if not keep:
            lab.edge.check_logs()
            lab.vps.check_logs()
        code = show.verdict(time.monotonic() - begun)
        if keep:
            look_around(lab)
            kept.write(lab)
    return code


def main():
    if len(sys.argv) != 3 or sys.argv[2] not in ('--show', '--keep', '--down'):
        sys.exit(__doc__)
    if sys.argv[2] == '--down':
        print('the lab is down' if kept.end() else 'no lab was running')
        return 0
    why = labtest.missing()
    if why:
        print(f'demo: {why}', file=sys.stderr)
        return 1
    if sys.argv[2] == '--keep' and kept.end():
        print('the lab that was kept before is down')
    return show_all(os.path.abspath(sys.argv[1]), sys.argv[2] == '--keep')


if __name__ == '__main__':
    sys.exit(main())
