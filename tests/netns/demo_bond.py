# SPDX-License-Identifier: Apache-2.0
"""The demonstration's chapters about the bonded tunnel mpq0: one TCP flow over
six WANs, what mpqctl tells of it, a class with copies and a ping while one WAN
after the other is unplugged under load. The checks are ratios with room for a
busy machine."""
import json
import os
import re
import textwrap
import time

import flows
from bonding import BONDED
from lab import HOST
from netns import Failure, wait_for
from show import GONE, THERE, bar, bold, dim, red, spark

FLOW_PORT = 40000
SECONDS = 5
OMIT = 4              # before them, until a flow counts
MORE_THAN_ONE = 1.4   # times what the best WAN gives alone
LAST = 6              # stays plugged in while all others go
APART = 1.6           # seconds between two unpluggings
STEP = 0.4            # seconds a character
LOAD = 7              # TCP flows
PPS = 100
PING_APART = 0.1
PING_SILENT = 2.5     # at most, around an unplugging
PING_ANSWERED = 0.7
CRITICAL = {'name': 'critical', 'steering-mode': 'redundant', 'copies': 3,
            'priority': 7}
COPIED = {'name': 'control', 'class': 'critical', 'protocol': 'udp'}
NO_LTE = {'name': 'default', 'exclude': ['wan3', 'wan4', 'wan5', 'wan6']}


class Tcp:
    """iperf3 from LAN n to `host`, while something else is done."""

    def __init__(self, lab, n, seconds, *words):
        self.lab, self.n, self.seconds = lab, n, seconds
        port = str(flows.IPERF_PORT + 20 + n)
        self.server = lab.start('host', f'iperf3-{n}-{time.monotonic_ns()}',
                                'iperf3', '-s', '-1', '-p', port)
        wait_for(lambda: f':{port}' in lab.run('host', 'ss', '-Hltn'), 5,
                 'iperf3 listens')
        self.port = int(port)
        self.begun = time.monotonic()
        self.client = lab.start(f'lan{n}', f'iperf3-{n}-client', 'iperf3',
                                '-c', HOST, '-p', port, '-J', '-t',
                                str(seconds), *words, pipes=True)

    def result(self):
        """(Mbit/s that came, Mbit/s of each interval as the LAN saw it)"""
        text = self.client.popen.communicate(timeout=self.seconds + 30)[0]
        self.lab.end(self.client)
        self.lab.end(self.server)
        answer = json.loads(text or '{}')
        if 'error' in answer or 'end' not in answer:
            raise Failure(f'iperf3: {answer.get("error", "no answer")}')
        return (answer['end']['sum_received']['bits_per_second'] / 1e6,
                [interval['sum']['bits_per_second'] / 1e6
                 for interval in answer['intervals']])


def alone_and_bonded(lab, show):
    """Also what WAN 1 sees of a tunnel, and what mpqctl says of a bond."""
    show.chapter('One TCP flow: by one WAN, and by all six')
    flows.forget_metrics(lab, 'host', 'lan0', 'lan1')
    wan = lab.capture('edge', 'wan1')
    one = Tcp(lab, 1, SECONDS, '-O', str(OMIT)).result()[0]
    wan.stop()
    tcp = Tcp(lab, BONDED, SECONDS, '-O', str(OMIT), '--cport',
              str(FLOW_PORT))
    time.sleep(OMIT + SECONDS / 2)
    status = lab.edge.mpqctl('status')[1]
    answer = lab.edge.mpqctl(*question(tcp))[1]
    session = lab.tunnel().get('session', {})
    six = tcp.result()[0]
    whole = sum(lab.rates.values())
    for name, rate, link in (('mpq1, wan1', one, lab.rates[1]),
                             ('mpq0, all', six, whole)):
        show.say(f'{name:10}  {bar(rate, whole)} {bold(f"{rate:.0f} Mbit/s")} '
                 + dim(f'of {link}'))
    show.check(one > 1 and six > MORE_THAN_ONE * one,
               f'the bond carries {six / max(one, 0.1):.1f} times as much: '
               f'more than {MORE_THAN_ONE}')
    quic = wan.count('udp portrange 45001-45016')
    other = wan.count('not udp portrange 45001-45016 and not arp and not '
                      'icmp6 and not port 67')
    show.check(quic > 100 and other == 0,
               f'WAN1 saw {quic} packets of UDP to the concentrator, '
               f'{other} others')
    explained(show, tcp, status, answer, session)


def question(tcp):
    return ('explain', 'mpq0', 'tcp', f'{tcp_source(tcp)}:{FLOW_PORT}',
            f'{HOST}:{tcp.port}')


def tcp_source(tcp):
    return tcp.lab.lan_address(tcp.n)


def explained(show, tcp, status, answer, session):
    show.chapter('What it tells of itself')
    show.command('mpqctl status')
    for line in members(status):
        show.say(line)
    show.say()
    show.command('mpqctl ' + ' '.join(question(tcp)))
    for line in answer.splitlines()[1:]:
        for part in textwrap.wrap(line.strip(), 74, subsequent_indent=' ' * 7):
            show.say(part)
    usable = [m for m in session.get('members', []) if m.get('usable')]
    show.check(len(usable) == len(tcp.lab.bonded),
               f'{len(usable)} of {len(tcp.lab.bonded)} paths carry mpq0')
    show.check('pinned' in answer or 'spread' in answer,
               'the flow is known, with its paths and the reason')


def members(status):
    """Of the bonded tunnel's table what goes out, as far as 80 columns have
    room for it."""
    text = status[status.find('mpq0: session'):].split('\n\n')[0]
    lines = text.splitlines()
    yield lines[0]
    for line in lines[1:]:
        cut = line.split()
        if line.startswith('MEMBER'):
            end = line.find('LOSS') + 4
            yield dim(line[:end])
        elif cut and cut[0].startswith('wan'):
            yield line[:end]


def policy(lab, show):
    show.chapter('What may not be lost is copied: a class, a rule, committed '
                 'live')
    lab.classes, lab.rules = [CRITICAL], [COPIED]
    file = lab.edge.write_config(lab.edge_config(), 'next.json')
    show.command('mpqctl load next.json && mpqctl commit')
    lab.edge.mpqctl('load', file)
    for line in lab.edge.mpqctl('commit')[1].splitlines():
        show.say(line)


class Ping:
    """A ping through mpq0, and when each answer came."""

    def __init__(self, lab, seconds):
        self.lab = lab
        self.begun = time.time()
        self.process = lab.start(
            'lan0', 'ping', 'ping', '-n', '-D', '-i', str(PING_APART), '-W',
            '2', '-c', str(int(seconds / PING_APART)), HOST, pipes=True)

    def answers(self):
        """Seconds since its start, of each."""
        text = self.process.popen.communicate(timeout=60)[0]
        self.lab.end(self.process)
        return [float(at) - self.begun for at in
                re.findall(r'^\[([0-9.]+)\] \d+ bytes', text, re.M)]


def longest(times, end):
    marks = [0] + times + [end]
    return max(after - before for before, after in zip(marks, marks[1:]))


def cuts(lab):
    """[(WAN, how)]: modems that vanish, and networks that fall silent."""
    return [(n, 'hole' if n % 2 == 0 else 'gone') for n in lab.wans
            if n != LAST]


def unplugged_in_turn(lab, show):
    policy(lab, show)
    show.chapter('Under load, one WAN after the other is unplugged')
    copied = [flows.OneWay(lab, BONDED, down=down, pps=PPS, size=200)
              for down in (False, True)]
    for flow in copied:
        flow.flowing(20)
    first = [flow.position() for flow in copied]
    lasts = APART * (len(cuts(lab)) + 2)
    ping = Ping(lab, lasts)
    load = Tcp(lab, BONDED, int(lasts + 0.9), '-R', '-P', str(LOAD), '-i',
               str(STEP))
    gone = {}
    for n, how in cuts(lab):
        time.sleep(max(0, load.begun + APART * (len(gone) + 1)
                       - time.monotonic()))
        gone[n] = (lab.unplug(n, how) - load.begun, how)
    time.sleep(max(0, load.begun + lasts - time.monotonic()))
    reports = [flow.settled(begun) for flow, begun in zip(copied, first)]
    answers = ping.answers()
    timeline(lab, show, gone, answers, load.result()[1], lasts)
    judge(show, reports, answers, lasts)
    for flow in copied:
        flow.stop()
    return_all(lab, show)


def timeline(lab, show, gone, answers, rates, lasts):
    steps = int(lasts / STEP)
    for n in lab.wans:
        there, how = gone.get(n, (lasts, ''))
        count = min(steps, round(there / STEP))
        show.say(f'wan{n}  {THERE * count}{red(GONE * (steps - count))}  '
                 + dim({'hole': 'falls silent', 'gone': 'its device goes',
                        '': 'stays'}[how]))
    heard = {int(at / STEP) for at in answers}
    show.say('ping  ' + ''.join(THERE if i in heard else red(GONE)
                                for i in range(steps)))
    show.say(f'TCP   {spark(rates[:steps], max(rates, default=1))}  '
             + dim(f'{LOAD} flows down, at most '
                   f'{max(rates, default=0):.0f} Mbit/s'))


def judge(show, reports, answers, lasts):
    for report, way in zip(reports, ('up', 'down')):
        show.check(not report['lost'] and not report['duplicates'],
                   f'class critical, {way}: {report["sent"]} packets, '
                   f'{report["lost"]} lost, {report["duplicates"]} twice')
    sent = int(lasts / PING_APART)
    silent = longest(answers, lasts)
    show.check(len(answers) > PING_ANSWERED * sent and silent < PING_SILENT,
               f'the ping went on: {len(answers)} of {sent} answered, never '
               f'silent for longer than {silent:.1f} s')


def return_all(lab, show):
    for n, how in cuts(lab):
        lab.replug(n, how)
    lab.wait_for_paths(30)
    for n in lab.bonded:
        lab.wait_for_member(n, seconds=30)
    show.say('plugged in again; both ends use all six again')


def events(lab, show):
    """Of the modem that died last."""
    show.chapter('All of it was told')
    words = 'tunnel mpq0, path wan3:'
    show.command(f"mpqctl events | grep '{words}'")
    lines = [line for line in lab.edge.mpqctl('events')[1].splitlines()
             if words in line]
    gone = max((i for i, line in enumerate(lines) if '-> away' in line),
               default=0)
    for line in lines[gone:]:
        show.say(textwrap.shorten(line[11:23] + line[24:], 76,
                                  placeholder=' ..'))
    show.check(len(lines) > 1 and '-> away' in lines[gone]
               and '-> used' in lines[-1],
               "wan3's going is among them, its return, and its use")


def write_policies(lab):
    """What to try, into the lab's folder."""
    lab.classes, lab.rules = [CRITICAL, NO_LTE], [COPIED]
    lab.edge.write_config(lab.edge_config(), '../satellites-only.json')
    lab.classes, lab.rules = [CRITICAL], [COPIED]
    lab.edge.write_config(lab.edge_config(), '../all-wans.json')


def write_shell(lab):
    """Functions with which a person looks around; the name of the file."""
    name = os.path.join(lab.directory, 'shell')
    programs = os.path.dirname(lab.program('controlplane/mpqctl/mpqctl'))
    with open(name, 'w', encoding='utf-8') as file:
        file.write(f'LAB={lab.directory}\nPATH={programs}:$PATH\n')
        for node in (lab.edge, lab.vps):
            file.write(f'{node.name}() {{ MPQUIC_SOCKET={node.socket()} '
                       f'ip netns exec {lab.full(node.name)} "$@"; }}\n')
        for inside in ['host'] + [f'lan{n}' for n in lab.lans]:
            file.write(f'{inside}() {{ ip netns exec {lab.full(inside)} '
                       '"$@"; }\n')
    return name


def keep(lab):
    """What a person finds in the lab that is left running."""
    write_policies(lab)
    lab.start('host', 'iperf3', 'iperf3', '-s')
    return write_shell(lab)
