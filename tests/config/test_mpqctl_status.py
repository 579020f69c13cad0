#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""mpqctl status: what it draws, and how it fits a terminal.

Usage: test_mpqctl_status.py TOP MPQCTL
"""
import contextlib
import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import termios

from called import (
    DIR, ENVIRONMENT, MPQCTL, SOCKET, ago, contains, control, equal, mpqctl,
    run, started, wait_until)


class Status:
    """Counters that grow by 125000 bytes with each call, in and out."""

    def __init__(self):
        self.calls = 0

    def __call__(self, parameters):
        equal(parameters, {})
        self.calls += 1
        count = 1000000 + 125000 * self.calls
        return {
            'version': '0.1.0', 'role': 'edge', 'name': 'ship-1',
            'generation': 12,
            'data-plane': {'connected': True, 'pid': 4711, 'restarts': 2},
            'certificate': {'subject': 'CN=ship-1',
                            'not-after': '2028-01-01T00:00:00Z'},
            'alarms': [{'what': 'certificate', 'message': 'ends in 6 days'}],
            'tunnels': [
                {'name': 'mpq1', 'up': True, 'reason': '', 'since': ago(312),
                 'path': 'wan1', 'peer-address': '198.51.100.1:45001',
                 'in-bytes': count, 'out-bytes': count},
                {'name': 'mpq2', 'up': False, 'reason': 'path wan2 is no-link',
                 'since': ago(90061), 'path': 'wan2', 'in-bytes': 0,
                 'out-bytes': 0}],
            'paths': [
                {'name': 'wan1', 'wan': 'eth1', 'state': 'up', 'reason': 'x',
                 'since': ago(312), 'rtt-us': 38210, 'loss-ppm': 200,
                 'in-bytes': count, 'out-bytes': count},
                {'name': 'wan2', 'wan': 'usb0', 'state': 'no-link',
                 'reason': 'no device usb0', 'since': ago(12), 'rtt-us': 9,
                 'loss-ppm': 0, 'in-bytes': 0, 'out-bytes': 0}],
            'listeners': [],
        }


def status_cases(tap):
    with tap.case('status shows tunnels and paths'):
        with control(Status=Status()) as server:
            result = mpqctl('status')
        equal((result.returncode, result.stderr), (0, ''))
        equal(len(server.calls), 2)
        lines = result.stdout.splitlines()
        equal(lines[0], 'edge ship-1: 1 of 2 tunnels up, generation 12, data '
              'plane running (pid 4711), 2 restarts, mpquic 0.1.0')
        equal(lines[1], 'ALARM certificate: ends in 6 days')
        assert re.match(r'mpq1  up    5m1[2-9]s  by wan1  to 198.51.100.1:45001'
                        r'  in [12]\.\d Mbit/s  out [12]\.\d Mbit/s$', lines[2]), lines
        assert re.match(r'mpq2  down  1d01h  by wan2 .* in 0 bit/s  .*out 0 '
                        r'bit/s +path wan2 is no-link$', lines[3]), lines
        equal(lines[4], '')
        assert re.match(r'PATH  WAN   STATE    SINCE      RTT   LOSS +IN +OUT  '
                        r'REASON$', lines[5]), lines
        assert re.match(r'wan1  eth1  up       5m1\ds  38.2 ms  0.02%  '
                        r'[12]\.\d Mbit/s  [12]\.\d Mbit/s$', lines[6]), lines
        assert re.match(r'wan2  usb0  no-link +1[2-9]s        -      - +- +-  '
                        r'no device usb0$', lines[7]), lines
        equal(len(lines), 8)
    with tap.case('status columns are aligned'):
        with control(Status=Status()):
            lines = mpqctl('status').stdout.splitlines()[5:]
        ends = [lines[0].index('OUT') + 3, lines[1].rindex('/s') + 2,
                lines[2].index('-  no device') + 1]
        equal(len(set(ends)), 1)
    with tap.case('no verb is status'):
        with control(Status=Status()):
            contains(mpqctl().stdout, 'edge ship-1: 1 of 2 tunnels up')
    with tap.case('status --json is the reply'):
        answer = Status()({})
        with control(Status=lambda p: answer):
            result = mpqctl('status', '--json')
        equal(json.loads(result.stdout), answer)
    with tap.case('a path that came between the samples has no rate'):
        whole, part = Status()({}), Status()({})
        part['paths'] = []
        answers = [part, whole]
        with control(Status=lambda p: answers.pop(0)):
            lines = mpqctl('status').stdout.splitlines()
        assert re.match(r'wan1 .* 0.02% +- +-$', lines[6]), lines
    with tap.case('a concentrator shows where paths come from, and whose'):
        answer = {'role': 'concentrator', 'name': 'hub', 'generation': 3,
                  'data-plane': {'connected': False}, 'tunnels': [],
                  'paths': [{'name': 'l1', 'state': 'up', 'tunnel': 't',
                             'peer-address': '192.0.2.9:1', 'since': ago(1)}],
                  'listeners': [{'name': 'l1', 'local-address': '[::]:45001',
                                 'connections': 1}]}
        with control(Status=lambda p: answer):
            text = mpqctl('status').stdout
        contains(text, 'concentrator hub: 0 of 0 tunnels up', 'NOT CONNECTED',
                 'PATH  TUNNEL  FROM ', 'l1    t       192.0.2.9:1  up',
                 'LISTENER  ADDRESS     CONNECTIONS',
                 'l1        [::]:45001            1')
    with tap.case('a path that is narrower than its tunnel says so'):
        answer = Status()({})
        answer['paths'][0]['narrow-bytes'] = 1343
        answer['paths'][1]['narrow-bytes'] = 1280  # of before it went
        with control(Status=lambda p: answer):
            text = mpqctl('status').stdout
        contains(text, "carries packets of up to 1343 bytes, less than the "
                 "tunnel's MTU", '  no device usb0')
        assert '1280' not in text, text
    with tap.case('a disabled tunnel is no fault'):
        answer = Status()({})
        answer['tunnels'][1].update(enabled=False, reason='by configuration')
        with control(Status=lambda p: answer):
            text = mpqctl('status').stdout
        contains(text, '1 of 2 tunnels up (1 disabled), generation',
                 'mpq2  disabled  1d01h', 'by configuration')
    with tap.case('an empty status is no crash'):
        with control(Status=lambda p: {}):
            result = mpqctl('status')
        equal(result.returncode, 0)
        contains(result.stdout, '0 of 0 tunnels up')
    with tap.case('ill-typed members are no crash'):
        answer = {'role': 7, 'tunnels': [None, 3, {'name': [], 'up': 'x'}],
                  'paths': [[], {'state': 5, 'rtt-us': 'x'}],
                  'listeners': {}, 'alarms': [1], 'data-plane': []}
        with control(Status=lambda p: answer):
            equal(mpqctl('status').returncode, 0)
    with tap.case('control characters do not reach the terminal'):
        answer = Status()({})
        answer['name'] = 'x\x1b[2J\ny'
        answer['paths'][1]['reason'] = 'CN=\x1b]0;owned\x07'
        answer['alarms'][0]['message'] = '\x1b[31m'
        with control(Status=lambda p: answer):
            text = mpqctl('status').stdout
        assert '\x1b' not in text and '\x07' not in text, text
        contains(text, 'x?[2J?y', 'CN=?]0;owned?')


class Bonded:
    """A bonded tunnel, whose first path takes three quarters of it."""

    def __init__(self, edge=True):
        self.calls = 0
        self.edge = edge

    def member(self, number, **more):
        return {'path': f'wan{number + 1}' if self.edge else '', 'id': number,
                'usable': True, 'state': 'used', 'reason': 'by then',
                'since': ago(312), 'rtt-us': 38210, 'one-way-offset-us': 0,
                'jitter-us': 1200, 'queueing-us': 3100, 'loss-ppm': 200,
                'in-one-way-offset-us': 7000, 'in-jitter-us': 800,
                'in-queueing-us': 0, 'in-loss-ppm': 0,
                'capacity-bps': 20000000, 'capacity-proven': number == 0,
                'repaired': 4, **more}

    def __call__(self, parameters):
        self.calls += 1
        count = 30000 * self.calls
        return {'role': 'edge', 'name': 'ship-1', 'tunnels': [{
            'name': 'mpq0', 'up': True, 'path': 'wan1', 'since': ago(312),
            'session': {
                'state': 'up', 'members': [
                    self.member(0, **{'in-bytes': count,
                                      'out-bytes': 3 * count,
                                      'restored': 6}),
                    self.member(1, **{'one-way-offset-us': 21000,
                                      'in-bytes': count,
                                      'out-bytes': count}),
                    {'path': 'wan3' if self.edge else '', 'id': 2,
                     'usable': False, 'state': 'silent', 'since': ago(9),
                     'reason': 'no answer for 120 ms', 'out-bytes': 7}],
                'classes': [
                    {'name': 'default', 'mode': 'auto', 'out-bytes': count,
                     'dropped': 1, 'repaired': 2, 'copies': 0, 'queue-us': 900,
                     'delivered': 5000, 'late': 3, 'duplicate': 4, 'held': 50,
                     'waited-max-us': 12300}],
                'rules': [{'name': 'voice', 'packets': 10, 'bytes': 1280},
                          {'name': '', 'packets': 90, 'bytes': count}]}}]}


def bonded_cases(tap):
    with tap.case('status shows what a session makes of its paths'):
        with control(Status=Bonded()):
            result = mpqctl('status')
        equal((result.returncode, result.stderr), (0, ''))
        lines = result.stdout.splitlines()
        contains(lines[1], 'by wan1, wan2  ')
        equal(lines[2:4], ['', 'mpq0: session up, 2 of 3 paths carry it'])
        equal(lines[4].split(),
              ['MEMBER', 'STATE', 'SINCE', 'RTT', 'RATE', 'SHARE', 'CAPACITY',
               'LOSS', 'OFFSET', 'JITTER', 'QUEUE', 'REPAIRED', 'REASON'])
        for line, wanted in zip(lines[5:], (
                r'wan1 +used +5m1\ds  38.2 ms  out +\d+\.\d .bit/s +75%  '
                r' ?20.0 Mbit/s  0.02%   0.0 ms  1.2 ms  3.1 ms +4$',
                r' +in +\d+\.\d .bit/s +50% +0.00%   7.0 ms  0.8 ms  0.0 ms +6$',
                r'wan2 +used .* out +\d+\.\d .bit/s +25% +>20.0 Mbit/s .* '
                r'21.0 ms .* 4$',
                r' +in .* 50% .*$',
                r'wan3 +silent +\d+s +- +out +0 bit/s +0% .* no answer for '
                r'120 ms$')):
            assert re.match(wanted, line), (wanted, line)
    with tap.case('a concentrator numbers the paths of a session'):
        with control(Status=Bonded(edge=False)):
            lines = mpqctl('status').stdout.splitlines()
        contains(lines[1], 'by path 0, path 1  ')
        assert re.match(r'path 0 +used .* 75% ', lines[5]), lines
        assert re.match(r'path 1 +used .* 25% ', lines[7]), lines
        assert re.match(r'path 2 +silent ', lines[9]), lines
    with tap.case('status shows classes and rules'):
        with control(Status=Bonded()):
            lines = mpqctl('status').stdout.splitlines()[10:]
        equal(lines[1].split(),
              ['CLASS', 'MODE', 'OUT', 'QUEUE', 'DROPPED', 'REPAIRED',
               'COPIES', 'DELIVERED', 'HELD', 'LONGEST', 'LATE', 'DUPLICATE'])
        assert re.match(r'default +auto +\d+\.\d kbit/s +0.9 ms +1 +2 +0 +5000 '
                        r'+50 +12.3 ms +3 +4$', lines[2]), lines
        equal(lines[4].split(), ['RULE', 'PACKETS', 'BYTES', 'OUT'])
        assert re.match(r'voice +10 +1280 +0 bit/s$', lines[5]), lines
        assert re.match(r'\(none matches\) +90 +60000 +\d+\.\d kbit/s$',
                        lines[6]), lines
        equal(len(lines), 7)
    with tap.case('status --json has all of a session'):
        answer = Bonded()({})
        with control(Status=lambda p: answer):
            equal(json.loads(mpqctl('status', '--json').stdout), answer)
    with tap.case('a session that nobody is in is not drawn'):
        tunnel = {'name': 'mpq0', 'up': True, 'session': {
            'state': 'down', 'members': [], 'classes': [{'name': 'default'}]}}
        with control(Status=lambda p: {'tunnels': [tunnel]}):
            assert 'session' not in mpqctl('status').stdout
    with tap.case('an ill-typed session is no crash'):
        for session in (None, [], {}, 'up', {'members': 3, 'classes': {},
                                             'rules': 'x'},
                        {'state': 7, 'members': [None, [], {'path': 4},
                                                 {'usable': True}],
                         'classes': [1, {}], 'rules': [None, {'name': []}]}):
            tunnel = {'name': 'mpq0', 'paths': 3, 'session': session}
            with control(Status=lambda p, t=tunnel: {'tunnels': [t]}):
                equal((session, mpqctl('status').returncode), (session, 0))


def on_terminal(columns=0, words=('status',), **environment):
    """What is written to a terminal of this width (0: it does not say)."""
    parent, child = pty.openpty()
    fcntl.ioctl(child, termios.TIOCSWINSZ,
                struct.pack('HHHH', 24, columns, 0, 0))
    process = subprocess.Popen([MPQCTL, *words], stdout=child,
                               stderr=child, env={**ENVIRONMENT, **environment})
    os.close(child)
    text = b''
    with contextlib.suppress(OSError):  # EIO: the child's end is closed
        while data := os.read(parent, 65536):
            text += data
    os.close(parent)
    process.wait()
    return text.decode()


def everything(parameters):
    """Of both kinds of tunnel, with a reason that is long; always the same."""
    reason = 'there is no device usb0: the modem is unplugged, or has another '
    status = Status()(parameters)
    status['tunnels'] += Bonded()(parameters)['tunnels']
    for entry in status['tunnels'][1], status['paths'][1]:
        entry['reason'] = reason + 'name'
    for entry in (*status['tunnels'], *status['paths'],
                  *status['tunnels'][2]['session']['members']):
        entry['since'] = ago(90061)
    return status


def width_cases(tap):
    def words(text):
        return sorted(text.replace('REASON', '').split())
    with tap.case('a narrow terminal gets lines that fit, with all of it'), \
            control(Status=everything):
        whole = mpqctl('status').stdout
        assert max(map(len, whole.splitlines())) > 120, whole
        for columns in (132, 100, 80, 60, 50):
            text = on_terminal(columns, NO_COLOR='1')
            longest = max(map(len, text.splitlines()))
            assert longest <= columns, f'{columns}: {longest}\n{text}'
            equal(words(text), words(whole))
            assert re.search('in 0 bit/s +out 0 bit/s', text), text
    with tap.case('a wide terminal, or one that says no width, gets long lines'):
        with control(Status=everything):
            whole = mpqctl('status').stdout
            for columns in (0, 200):
                equal(on_terminal(columns, NO_COLOR='1').split('\r\n'),
                      whole.split('\n'))
    with tap.case('help, hints and explanations fit a narrow terminal, too'):
        path = os.path.join(DIR, 'any.json')
        with open(path, 'w', encoding='utf-8') as file:
            file.write('{}')
        hints = {'hints': [{'path': "/mpquic:mpquic/path[name='wan1']/wan",
                            'message': 'it is ' + 'very ' * 20 + 'long.'}]}
        flow = ('explain', 'mpq0', 'tcp', '172.16.0.2:40000',
                '203.0.113.2:5221')
        with control(Check=lambda p: hints, Explain=lambda p: {
                'class': 'default', 'mode': 'auto', 'state': 'pinned',
                'paths': ['wan1'], 'why': 'It is ' + 'very ' * 20 + 'good.'}):
            for verb in ('help',), ('help', 'cert', 'init'), ('check', path), \
                    flow:
                text, whole = on_terminal(80, verb), mpqctl(*verb).stdout
                longest = max(map(len, text.splitlines()))
                assert 50 < longest <= 80, f'{longest}\n{text}'
                equal(text.split(), whole.split())
                assert max(map(len, whole.splitlines())) > 80, whole
    with tap.case('what is wrapped in colour ends in colour'):
        with control(Status=everything):
            text = on_terminal(24)
        contains(text, '\x1b[31mALARM certificate: ends\r\n  in 6 days\x1b[0m')


def terminal_cases(tap):
    with tap.case('colour only on a terminal and not with NO_COLOR'):
        with control(Status=Status()):
            coloured = on_terminal()
            plain = on_terminal(NO_COLOR='1')
            dumb = on_terminal(TERM='dumb')
        contains(coloured, '\x1b[32mup\x1b[0m', '\x1b[31mno-link\x1b[0m')
        assert '\x1b' not in plain and '\x1b' not in dumb, plain + dumb
    with tap.case('colour does not move the columns'):
        with control(Status=Status()):
            bare = [re.sub('\x1b\\[[0-9]*m', '', line)
                    for line in on_terminal().splitlines()]
        equal(bare[5].index('STATE'), bare[7].index('no-link'))
    with tap.case('status --watch draws again, over a restart of the server'):
        status = Status()
        with started('status', '--watch', '--socket', SOCKET + '2') as process:
            process.wait(10)
        equal(process.returncode, 3)  # at first it has to be there
        with contextlib.ExitStack() as stack:
            first = stack.enter_context(control(Status=status))
            process = stack.enter_context(started('status', '--watch'))
            wait_until(lambda: status.calls >= 2, 'two pictures')
            first.close()
            stack.enter_context(control(Status=status))
            before = status.calls
            # The second call comes when the first one's picture is out.
            wait_until(lambda: status.calls >= before + 2, 'another picture')
            process.terminate()
            out, _ = process.communicate()
        assert out.count('edge ship-1') >= 3, out


if __name__ == '__main__':
    run(status_cases, bonded_cases, terminal_cases, width_cases)
