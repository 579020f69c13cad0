#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The demonstration (deploy/demo): what a person sees of a lab in which six
tunnels come up, carry traffic, and lose and regain a modem.

Usage: demo.py BUILD --show | --keep | --down

Each claim is checked; exit 0 only if all of them held.
"""
import json
import os
import sys
import time

import labtest
import kept
from lab import HOST, Lab, VPS
from netns import Failure, wait_for

LINKS = {1: 'rate=200M,delay=18ms', 2: 'rate=100M,delay=22ms,jitter=4ms',
         3: 'rate=100M,delay=20ms,jitter=2ms', 4: 'rate=50M,delay=30ms',
         5: 'rate=30M,delay=28ms,jitter=5ms', 6: 'rate=20M,delay=45ms'}
UNPLUGGED = 3
NEW_ADDRESS = 177
OUTAGE = 3.0
PPS = 250
UP_WITHIN = 20
BACK_WITHIN = 2.0  # and 3 RTT, of the address being back
TTY = sys.stdout.isatty()


def paint(code, text):
    return f'\033[{code}m{text}\033[0m' if TTY else text


def bold(text):
    return paint('1', text)


def green(text):
    return paint('32', text)


def red(text):
    return paint('31', text)


def dim(text):
    return paint('2', text)


STATE_COLOURS = {'up': green, 'connecting': dim, 'no-link': red, 'down': red,
                 'no-carrier': red, 'no-address': dim, 'refused': red}


class Show:
    """What stands on the screen, and whether all held."""

    def __init__(self):
        self.failed = []
        self.number = 0
        self.drawn = 0

    def chapter(self, title):
        self.number += 1
        self.drawn = 0
        print(f'\n{bold(f"{self.number}. {title}")}', flush=True)

    def say(self, text):
        print('   ' + text, flush=True)

    def check(self, good, text):
        print(f'   {green("held") if good else red("FAILED")}  {text}',
              flush=True)
        if not good:
            self.failed.append(text)

    def draw(self, lines):
        """A picture that replaces the one before where that is possible."""
        if TTY and self.drawn:
            sys.stdout.write(f'\033[{self.drawn}A\033[J')
        if TTY or lines:
            for line in lines:
                print('   ' + line)
        self.drawn = len(lines)
        sys.stdout.flush()


def picture(lab, since):
    """A line a tunnel: name, WAN, state, address, how long after the start."""
    paths = {path['name']: path for path in
             lab.edge.status().get('paths', [])}
    lines, n_up = [], 0
    for n in lab.wans:
        path = paths.get(f'wan{n}', {})
        state = path.get('state', '...')
        n_up += state == 'up'
        colour = STATE_COLOURS.get(state, dim)
        rtt = path.get('rtt-us')
        lines.append(
            f'mpq{n}  wan{n}  {lab.address(n) or "no address":15} '
            f'{"NAT" if lab.natted(n) else "   "}  -> {VPS}:4500{n}  '
            + colour(f'{state:10}')
            + (f' RTT {rtt / 1000:.2f} ms' if state == 'up' and rtt else '')
            + (f' {path.get("reason", "")}' if state != 'up' else ''))
    lines.append(f'{n_up}/{len(lab.wans)} up, '
                 f'{time.monotonic() - since:.1f} s')
    return lines, n_up


def watch_until_up(lab, show, since, seconds=UP_WITHIN):
    shown = None
    while True:
        lines, n_up = picture(lab, since)
        done = n_up == len(lab.wans)
        late = time.monotonic() - since > seconds
        # Without a terminal, only what has changed is worth a line.
        if TTY or done or late or n_up != shown:
            show.draw(lines if TTY or done or late else lines[-1:])
        shown = n_up
        if done or late:
            return done
        time.sleep(0.1)


def begin(lab, show):
    show.chapter('The lab')
    show.say(f'{len(lab.namespaces)} network namespaces: six LANs, the edge, '
             'six providers, the Internet,')
    show.say('the concentrator, a host behind it; each WAN is an emulated '
             'satellite or LTE link')
    lab.wait_for_addresses()
    for n in lab.wans:
        show.say(f'wan{n}  {lab.address(n):15} by DHCP  '
                 + dim(LINKS[n].replace(',', ', ').replace('=', ' ')
                       + (', behind NAT' if lab.natted(n) else '')))


def tunnels(lab, show):
    show.chapter('Six tunnels come up')
    since = time.monotonic()
    lab.start_daemons()
    show.check(watch_until_up(lab, show, since),
               f'six of six within {UP_WITHIN} s')
    for node, side in ((lab.edge, 'edge'), (lab.vps, 'concentrator')):
        user = os.stat(f'/proc/{node.data.pid}').st_uid
        show.check(user != 0, f'mpquic-data at the {side} runs as uid {user}, '
                   'without a capability')


def pings(lab, show):
    show.chapter('Pings, both ways, on each')
    for n in lab.wans:
        there = lab.ping('edge', f'10.200.{n}.2')
        back = lab.ping('vps', f'10.200.{n}.1')
        through = lab.ping(f'lan{n}', HOST)
        show.check(there == back == through == 3,
                   f'mpq{n}: edge to concentrator {there}/3, back {back}/3, '
                   f'a LAN{n} host to the host beyond {through}/3')


def tcp(lab, show):
    show.chapter('TCP of a LAN1 host, and what WAN1 sees of it')
    wan = lab.capture('edge', 'wan1')
    server = lab.start('host', 'iperf3', 'iperf3', '-s', '-1')
    wait_for(lambda: ':5201' in lab.run('host', 'ss', '-ltn'), 5,
             'iperf3 listens')
    result = json.loads(lab.run('lan1', 'iperf3', '-c', HOST, '-t', '3', '-J'))
    rate = result['end']['sum_received']['bits_per_second'] / 1e6
    wan.stop()
    lab.end(server)
    show.say(f'{rate:.0f} Mbit/s through mpq1')
    quic = wan.count('udp port 45001')
    other = wan.count('not udp port 45001 and not arp and not icmp6 '
                      'and not port 67')
    for line in wan.lines('udp port 45001', 2):
        show.say(dim(line[:76]))
    show.check(rate > 1, 'the transfer worked')
    show.check(quic > 100 and other == 0,
               f'on WAN1: {quic} packets of UDP port 45001, {other} others')


def unplug(lab, show):
    show.chapter(f'WAN{UNPLUGGED} is unplugged, {PPS} packets a second on '
                 'each tunnel')
    lab.start_echo()
    streams = {n: lab.stream(n, pps=PPS) for n in lab.wans}
    for stream in streams.values():
        stream.flowing()
    first = {n: s.position() for n, s in streams.items()}
    old = lab.address(UNPLUGGED)
    gone = lab.unplug(UNPLUGGED, 'gone')
    lab.edge.wait_for_state(f'wan{UNPLUGGED}', 'no-link', seconds=5)
    show.say(f'the modem is gone: wan{UNPLUGGED} is '
             f'{red(lab.edge.states()[f"wan{UNPLUGGED}"])}: '
             f'{lab.edge.reason(f"wan{UNPLUGGED}")}')
    time.sleep(OUTAGE)  # the outage itself
    middle = streams[UNPLUGGED].position()
    back = lab.replug(UNPLUGGED, 'gone', NEW_ADDRESS)
    new = lab.address(UNPLUGGED)
    show.say(f'plugged in again, with an address {back - gone:.1f} s after: '
             f'{old} is now {new}')
    echo = streams[UNPLUGGED].flowing()
    lab.edge.wait_for_state(f'wan{UNPLUGGED}', 'up', seconds=10)
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
    edge, vps = lab.full('edge'), lab.full('vps')
    program = lab.program('controlplane/mpqctl/mpqctl')
    print(f'''
The lab is still running. Look around:

  ip netns exec {edge} ip -br addr
  ip netns exec {edge} {program} --socket {lab.edge.socket()}
  ip netns exec {edge} {program} --socket {lab.edge.socket()} events --follow
  ip netns exec {vps} {program} --socket {lab.vps.socket()}
  ip netns exec {lab.full("lan1")} ping {HOST}
  ip netns exec {edge} tcpdump -ni wan1
  ip -n {edge} link del wan4                 (and see what mpqctl says)
  ls {lab.directory}            (logs, configurations)

End it:  deploy/demo --down''')


def show_all(build, keep):
    show = Show()
    lab = Lab(build, keep=keep, emulate=LINKS)
    with lab:
        if keep:
            kept.write(lab)  # should this be killed half-way
        try:
            for part in (begin, tunnels, pings, tcp, unplug):
                part(lab, show)
        except Failure as failure:
            show.check(False, str(failure))
        if not keep:
            lab.edge.check_logs()
            lab.vps.check_logs()
        if keep:
            kept.write(lab)
            look_around(lab)
    if show.failed:
        print(f'\n{red(bold("Not all held:"))}')
        for text in show.failed:
            print(f'  {text}')
        return 1
    print(f'\n{green(bold("All held."))}')
    return 0


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
