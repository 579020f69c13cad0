#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""mpqctl against a stand-in for mpquic-control.

Usage: test_mpqctl.py TOP MPQCTL
"""
import contextlib
import datetime
import fcntl
import json
import os
import pty
import re
import shutil
import signal
import socket
import stat
import struct
import subprocess
import sys
import tempfile
import termios
import time

TOP, MPQCTL = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
sys.path.insert(0, os.path.join(TOP, 'tests'))
sys.path.insert(0, os.path.join(TOP, 'tests', 'config'))
from fake_control import FakeControl, Refusal  # noqa: E402
from tap import Skip, Tap  # noqa: E402

DIR = tempfile.mkdtemp(prefix='mpqctl-test-')
SOCKET = os.path.join(DIR, 'control.sock')
ENVIRONMENT = {'PATH': os.environ['PATH'], 'TERM': 'xterm', 'LC_ALL': 'C.UTF-8',
               'MPQUIC_SOCKET': SOCKET}
for name in ('ASAN_OPTIONS', 'UBSAN_OPTIONS', 'LSAN_OPTIONS'):
    if name in os.environ:
        ENVIRONMENT[name] = os.environ[name]


def ago(seconds):
    """And half a second: time() may be a tick behind what now() says."""
    then = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(
        seconds=seconds + 0.5)
    return then.strftime('%Y-%m-%dT%H:%M:%SZ')


def mpqctl(*arguments, stdin=None, **environment):
    return subprocess.run([MPQCTL, *arguments], text=True, input=stdin,
                          capture_output=True, timeout=20, check=False,
                          env={**ENVIRONMENT, **environment})


@contextlib.contextmanager
def control(**answers):
    server = FakeControl(SOCKET, answers)
    try:
        yield server
    finally:
        server.close()


@contextlib.contextmanager
def started(*arguments, **environment):
    """mpqctl that stays; ended by its pid."""
    process = subprocess.Popen([MPQCTL, *arguments], text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               env={**ENVIRONMENT, **environment})
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def wait_until(question, what, seconds=10):
    end = time.monotonic() + seconds
    while not question():
        assert time.monotonic() < end, f'in {seconds} s not: {what}'
        time.sleep(0.02)


def equal(found, wanted):
    assert found == wanted, f'found:  {found!r}\nwanted: {wanted!r}'


def contains(text, *parts):
    for part in parts:
        assert part in text, f'{part!r} is not in:\n{text}'


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


FLOW = ['mpq0', 'tcp', '10.1.0.5:40000', '192.0.2.9:443']


def explain_cases(tap):
    answer = {'rule': 'shells', 'class': 'interactive', 'mode': 'auto',
              'state': 'spread', 'paths': ['wan1', 'wan2'],
              'reason': 'idle-capacity', 'since': ago(12), 'bps': 18200000,
              'idle-us': 3000, 'flow': '1a2b3c4d',
              'why': 'It filled wan1 for 200 ms while wan2 was idle.'}
    with tap.case('explain tells class, paths and the reason'):
        with control(Explain=lambda p: answer) as server:
            result = mpqctl('explain', *FLOW, '--dscp', 'ef')
        equal((result.returncode, result.stderr), (0, ''))
        assert re.match(
            r'tcp 10.1.0.5:40000 -> 192.0.2.9:443 by mpq0, dscp ef\n'
            r'  class  interactive, by rule shells; steering mode auto\n'
            r'  paths  spread over wan1, wan2 for 1[2-9]s, 18.2 Mbit/s, last '
            r'packet 3.0 ms ago\n'
            r'  why    It filled wan1 for 200 ms while wan2 was idle.\n$',
            result.stdout), result.stdout
        equal(server.calls, [('Explain', {
            'tunnel': 'mpq0', 'protocol': 'tcp', 'source': '10.1.0.5',
            'source-port': 40000, 'destination': '192.0.2.9',
            'destination-port': 443, 'dscp': 'ef'})])
    with tap.case('explain reads IPv6, numbers and what has no ports'):
        with control(Explain=lambda p: answer) as server:
            for words in (['mpq0', '17', '[fd00::1]:5', '[fd00::2]:443'],
                          ['mpq0', 'icmpv6', 'fd00::1', '[fd00::2]'],
                          ['mpq0', 'icmp', '10.0.0.1', '10.0.0.2',
                           '--dscp=46']):
                equal(mpqctl('explain', *words).returncode, 0)
        equal([p for _, p in server.calls], [
            {'tunnel': 'mpq0', 'protocol': 17, 'source': 'fd00::1',
             'source-port': 5, 'destination': 'fd00::2',
             'destination-port': 443},
            {'tunnel': 'mpq0', 'protocol': 'icmpv6', 'source': 'fd00::1',
             'destination': 'fd00::2'},
            {'tunnel': 'mpq0', 'protocol': 'icmp', 'source': '10.0.0.1',
             'destination': '10.0.0.2', 'dscp': 46}])
    with tap.case('explain of a flow that was not seen, and of one that waits'):
        unseen = {'class': 'default', 'mode': 'auto', 'state': 'unseen',
                  'paths': ['wan2']}
        with control(Explain=lambda p: unseen):
            contains(mpqctl('explain', *FLOW).stdout,
                     '  class  default, as no rule matches; steering mode auto',
                     '  paths  not seen lately; it would go by wan2\n')
        with control(Explain=lambda p: {**unseen, 'mode': 'active-standby'}):
            contains(mpqctl('explain', *FLOW).stdout, '  paths  may take wan2\n')
        with control(Explain=lambda p: {**answer, 'idle-us': 165314000}):
            contains(mpqctl('explain', *FLOW).stdout, 'last packet 2m45s ago')
        with control(Explain=lambda p: {**unseen, 'paths': []}):
            contains(mpqctl('explain', *FLOW).stdout,
                     '  paths  none can take it now\n')
        with control(Explain=lambda p: {'state': 'pinned', 'paths': ['wan1'],
                                        'reason': 'first-packet'}):
            contains(mpqctl('explain', *FLOW).stdout, 'pinned to wan1\n',
                     'why    its first packet arrives soonest there\n')
        with control(Explain=lambda p: {'state': 'spread', 'paths': [0, 2]}):
            contains(mpqctl('explain', *FLOW).stdout,
                     'spread over path 0, path 2\n')
    with tap.case('explain --json is the reply'):
        with control(Explain=lambda p: answer):
            equal(json.loads(mpqctl('explain', *FLOW, '--json').stdout),
                  answer)
    with tap.case('explain refuses what is no end of a flow'):
        with control() as server:
            for end in ('10.0.0.1:', '10.0.0.1:https', '[fd00::1', '[fd00::1]x',
                        '[fd00::1]:', '10.0.0.1:4430000', 'x' * 99):
                result = mpqctl('explain', 'mpq0', 'tcp', '10.0.0.1:1', end)
                equal((end, result.returncode), (end, 2))
                contains(result.stderr, f"'{end}' is no address and port")
        equal(server.calls, [])
    with tap.case('explain tells why it cannot be told'):
        refusal = Refusal('Refused', message='mpquic-data knows no method')
        with control(Explain=lambda p: refusal):
            result = mpqctl('explain', *FLOW)
        equal((result.returncode, result.stdout), (1, ''))
        contains(result.stderr, 'refused: mpquic-data knows no method')
    with tap.case('explain lets no control character through'):
        hostile = {**answer, 'why': '\x1b[2J\nx', 'paths': ['\x07'],
                   'class': 'a\x1bb', 'rule': '\x1b'}
        with control(Explain=lambda p: hostile):
            text = mpqctl('explain', *FLOW).stdout
        assert '\x1b' not in text and '\x07' not in text, text
        equal(text.splitlines()[3:], ['  why    ?[2J?x'])


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


CHANGES = [
    {'path': "/mpquic:mpquic/tunnel[name='mpq1']/mtu", 'operation': 'replace',
     'old': '1400', 'new': '1380', 'applies': 'live'},
    {'path': "/mpquic:mpquic/path[name='wan7']", 'operation': 'create',
     'applies': 'path'},
    {'path': "/mpquic:mpquic/trust/authority[.='/a']", 'operation': 'delete',
     'old': '/a', 'applies': 'live'},
    {'path': "/mpquic:mpquic/tunnel[name='mpq2']", 'operation': 'delete',
     'old': '{"mpquic:tunnel":[{"name":"mpq2"}]}', 'applies': 'live'},
    {'path': "/mpquic:mpquic/rule[name='b']", 'operation': 'move',
     'after': 'a', 'applies': 'live'},
    {'path': "/mpquic:mpquic/rule[name='c']", 'operation': 'move',
     'after': '', 'applies': 'live'}]
CHANGE_LINES = (
    "~ /mpquic:mpquic/tunnel[name='mpq1']/mtu  1400 -> 1380  [live]\n"
    "+ /mpquic:mpquic/path[name='wan7']  [path]\n"
    "- /mpquic:mpquic/trust/authority[.='/a']  /a  [live]\n"
    "- /mpquic:mpquic/tunnel[name='mpq2']  [live]\n"
    "~ /mpquic:mpquic/rule[name='b']  after a now  [live]\n"
    "~ /mpquic:mpquic/rule[name='c']  first now  [live]\n")


def config_cases(tap):
    path = os.path.join(DIR, 'new.json')
    text = '{"mpquic:mpquic": {}}\n'
    with open(path, 'w', encoding='utf-8') as file:
        file.write(text)
    with tap.case('check sends the file as it is'):
        with control(Check=lambda p: {}) as server:
            result = mpqctl('check', path)
        equal((result.returncode, result.stdout, result.stderr),
              (0, f'{path}: whole and sound\n', ''))
        equal(server.calls, [('Check', {'config': text})])
    with tap.case('check tells hints'):
        with control(Check=lambda p: {'hints': [
                {'path': '/mpquic:mpquic/rule[name=\'s\']',
                 'message': 'it never matches.'}]}):
            equal(mpqctl('check', path).stdout,
                  f'{path}: whole and sound\n'
                  "hint: /mpquic:mpquic/rule[name='s']: it never matches.\n")
    with tap.case('check reads standard input'):
        with control(Check=lambda p: {}) as server:
            equal(mpqctl('check', '-', stdin='{}').returncode, 0)
        equal(server.calls, [('Check', {'config': '{}'})])
    refusal = Refusal('InvalidConfig', message='12 is out of range',
                      path='/mpquic:mpquic/tunnel/mtu', allowed='1280..1500',
                      next='choose one of these')
    with tap.case('a refusal says what, where, allowed and next'):
        with control(Check=lambda p: refusal):
            result = mpqctl('check', path)
        equal((result.returncode, result.stdout), (1, ''))
        equal(result.stderr, 'mpqctl: refused: 12 is out of range\n'
              '  where:    /mpquic:mpquic/tunnel/mtu\n'
              '  allowed:  1280..1500\n'
              '  next:     choose one of these\n')
    with tap.case('allowed values come as a list, too'):
        listed = Refusal('InvalidConfig', message='m', allowed=['a', 'b'])
        with control(Check=lambda p: listed):
            contains(mpqctl('check', path).stderr, '  allowed:  a, b\n')
    with tap.case('a refusal with --json is JSON as well'):
        with control(Check=lambda p: refusal):
            result = mpqctl('check', '--json', path)
        equal(result.returncode, 1)
        equal(json.loads(result.stdout), refusal)
    with tap.case('a file that cannot be read is not sent'):
        with control() as server:
            missing = mpqctl('check', path + '-no')
            binary = mpqctl('load', MPQCTL)
            directory = mpqctl('check', DIR)
        equal((missing.returncode, binary.returncode, directory.returncode),
              (1, 1, 1))
        equal(missing.stderr,
              f'mpqctl: {path}-no: No such file or directory\n')
        contains(directory.stderr, 'Is a directory')
        equal(server.calls, [])
    with tap.case('a file that is not UTF-8 is told, and not sent'):
        latin = os.path.join(DIR, 'latin.json')
        for data, column in ((b'{\n"sch\xe4r": 1}', 5), (b'{\n\xe2\x82', 1),
                             (b'{\n\xc3\xa4\xff}', 3), (b'{\n"\x80"', 2)):
            with open(latin, 'wb') as file:
                file.write(data)
            with control() as server:
                result = mpqctl('load', latin)
            equal((result.returncode, result.stderr, server.calls),
                  (1, f'mpqctl: {latin}: line 2, column {column}: not UTF-8; '
                   'save the file in that encoding\n', []))
        with open(latin, 'wb') as file:
            file.write('{"schär ☃ 🚢"}'.encode())
        with control(Check=lambda p: {}) as server:
            equal(mpqctl('check', latin).returncode, 0)
        equal(server.calls, [('Check', {'config': '{"schär ☃ 🚢"}'})])
    with tap.case('load prints the changes and what next'):
        with control(Load=lambda p: {'changes': CHANGES}) as server:
            result = mpqctl('load', path)
        equal(result.returncode, 0)
        contains(result.stdout, CHANGE_LINES, "'mpqctl commit'")
        equal(server.calls, [('Load', {'config': text})])
    with tap.case('load of what runs says so'):
        with control(Load=lambda p: {'changes': []}):
            contains(mpqctl('load', path).stdout, 'is what runs already')
    with tap.case('diff prints the changes and their cost'):
        with control(Diff=lambda p: {'changes': CHANGES}):
            equal(mpqctl('diff').stdout, CHANGE_LINES)
            equal(json.loads(mpqctl('diff', '--json').stdout),
                  {'changes': CHANGES})
        with control(Diff=lambda p: {'changes': []}):
            contains(mpqctl('diff').stdout, 'no changes')
    with tap.case('commit tells the generation'):
        with control(Commit=lambda p: {'generation': 13, 'changes': CHANGES}):
            result = mpqctl('commit')
        equal(result.stdout, CHANGE_LINES
              + 'generation 13 runs and is kept, 6 changes\n')
    with tap.case('a commit without changes says what it is good for'):
        with control(Commit=lambda p: {'generation': 13, 'changes': []}):
            equal(mpqctl('commit').stdout, 'generation 13 runs and is kept, 0 '
                  'changes; certificates and keys were read anew\n')
    with tap.case('load, diff and commit tell warnings'):
        replies = {'generation': 13, 'changes': CHANGES, 'warnings': [
            {'path': "/mpquic:mpquic/tunnel[name='mpq2']",
             'message': 'lan2 loses its guard.'}]}
        with control(Load=lambda p: replies, Diff=lambda p: replies,
                     Commit=lambda p: replies):
            for words in ('load', path), ('diff',), ('commit',):
                assert mpqctl(*words).stdout.endswith(
                    "\nwarning: /mpquic:mpquic/tunnel[name='mpq2']: lan2 "
                    "loses its guard.\n"), words
                equal(json.loads(mpqctl(*words, '--json').stdout), replies)
    with tap.case('discard'):
        with control(Discard=lambda p: {}) as server:
            equal(mpqctl('discard').returncode, 0)
        equal(server.calls, [('Discard', {})])
    with tap.case('show config prints what can be loaded'):
        config = {'mpquic:mpquic': {'local': {'role': 'edge'}}}
        with control(ShowConfig=lambda p: {'config': config}) as server:
            running = mpqctl('show', 'config')
            candidate = mpqctl('show', 'config', 'candidate', '--json')
            wrong = mpqctl('show', 'config', 'startup')
        equal(json.loads(running.stdout), config)
        equal(json.loads(candidate.stdout), config)
        equal([p for _, p in server.calls],
              [{'which': 'running'}, {'which': 'candidate'}])
        equal(wrong.returncode, 2)
        contains(wrong.stderr, 'allowed are running and candidate')


def operate_cases(tap):
    with tap.case('hold and release a path'):
        with control(PathHold=lambda p: {}, PathRelease=lambda p: {}) as server:
            forever = mpqctl('path', 'hold', 'wan3')
            minute = mpqctl('path', 'hold', 'wan3', '60')
            release = mpqctl('path', 'release', 'wan3')
        equal([r.stdout for r in (forever, minute, release)],
              ['wan3: held until released\n', 'wan3: held for 60 s\n',
               'wan3: released\n'])
        equal(server.calls, [('PathHold', {'path': 'wan3'}),
                             ('PathHold', {'path': 'wan3', 'seconds': 60}),
                             ('PathRelease', {'path': 'wan3'})])
    with tap.case('wrong seconds are refused before anything is asked'):
        with control() as server:
            for seconds in ('0', '86401', '1s', '-1', '', '1.5', ' 5',
                            '99999999999999999999'):
                result = mpqctl('path', 'hold', '--', 'wan3', seconds)
                equal((result.returncode, seconds), (2, seconds))
                contains(result.stderr, '1 to 86400')
        equal(server.calls, [])
    with tap.case('enable and disable a tunnel'):
        with control(TunnelEnable=lambda p: {},
                     TunnelDisable=lambda p: {}) as server:
            equal(mpqctl('tunnel', 'enable', 'mpq1').returncode, 0)
            result = mpqctl('tunnel', 'disable', 'mpq1', '--json')
            equal(json.loads(result.stdout), {})
        equal(server.calls, [('TunnelEnable', {'tunnel': 'mpq1'}),
                             ('TunnelDisable', {'tunnel': 'mpq1'})])
    with tap.case('an unknown name is exit status 1'):
        refusal = Refusal('NotFound', message="no path 'x'", allowed='wan1')
        with control(PathHold=lambda p: refusal):
            result = mpqctl('path', 'hold', 'x')
        equal(result.returncode, 1)
        contains(result.stderr, "no path 'x'", 'allowed:  wan1')


EVENTS = [
    {'time': '2026-11-22T10:00:00Z', 'event': 'path', 'path': 'wan3',
     'tunnel': 'mpq3', 'was': 'up', 'is': 'no-carrier', 'reason': 'cable out'},
    {'time': '2026-11-22T10:00:05Z', 'event': 'path', 'path': 'wan3',
     'tunnel': 'mpq3', 'was': 'connecting', 'is': 'up', 'reason': '',
     'gap-us': 5120000},
    {'time': '2026-11-22T10:00:06Z', 'event': 'tunnel', 'tunnel': 'mpq3',
     'up': True, 'reason': '', 'peer-address': '192.0.2.1:45003'},
    {'time': '2026-11-22T10:00:07Z', 'event': 'restored',
     'what': 'rule 100 \x1b[2J'},
    {'time': '2026-11-22T10:00:08Z', 'event': 'configuration-changed',
     'generation': 13, 'by': 'uid 0'},
    {'time': '2026-11-22T10:00:09Z', 'event': 'refused', 'path': 'l1',
     'peer-address': '192.0.2.66:9', 'reason': 'unknown issuer'},
    {'time': '2026-11-22T10:00:09Z', 'event': 'refused', 'path': 'l1',
     'tunnel': 'mpq3', 'peer-address': '192.0.2.66:8',
     'reason': 'certificate revoked'},
    {'time': '2026-11-22T10:00:10Z', 'event': 'link', 'path': 'wan3',
     'wan': 'usb0', 'is': 'ready', 'reason': '', 'local-address': '192.0.2.7'},
    {'time': '2026-11-22T10:00:11Z', 'event': 'data-plane',
     'is': 'connected'},
    {'time': '2026-11-22T10:00:11Z', 'event': 'path', 'path': 'wan4',
     'tunnel': 'mpq4', 'was': 'no-address', 'is': 'no-address',
     'reason': 'no default route'},
    {'time': '2026-11-22T10:00:12Z', 'event': 'session', 'tunnel': 'mpq0',
     'is': 'up', 'reason': 'wan2 opened it'},
    {'time': '2026-11-22T10:00:13Z', 'event': 'member', 'tunnel': 'mpq0',
     'path': 'wan2', 'was': 'used', 'is': 'silent', 'reason': 'no answer',
     'gap-us': 98000},
    {'time': '2026-11-22T10:00:13Z', 'event': 'member', 'tunnel': 'mpq0',
     'path': '', 'id': 3, 'is': 'tried', 'reason': ''},
    {'time': '2026-11-22T10:00:14Z', 'event': 'steering', 'tunnel': 'mpq0',
     'class': 'bulk', 'what': 'spread', 'reason': 'idle-capacity',
     'flow': '1a2b3c4d', 'from': ['wan1'], 'to': ['wan1', 'wan2'],
     'flow-bps': 18200000, 'one-bps': 20000000, 'all-bps': 58000000,
     'spread-us': 12000},
    {'time': '2026-11-22T10:00:15Z', 'event': 'steering', 'tunnel': 'mpq0',
     'class': 'bulk', 'what': 'avoided', 'reason': 'loss', 'from': ['wan1'],
     'to': [], 'flow-bps': 0, 'one-bps': 0, 'all-bps': 0, 'spread-us': 0},
    {'time': '2026-11-22T10:00:16Z', 'event': 'steering', 'tunnel': 'mpq0',
     'class': 'bulk', 'what': 'trusted', 'reason': 'recovered', 'from': [],
     'to': [1]},
    {'time': '2026-11-22T10:00:17Z', 'event': 'steering', 'tunnel': 'mpq0',
     'class': 'bulk', 'what': 'members', 'reason': 'delay-spread',
     'from': ['wan1', 'wan3'], 'to': ['wan1'], 'spread-us': 250000},
    {'time': '2026-11-22T10:00:17Z', 'event': 'steering', 'tunnel': 'mpq0',
     'class': 'bulk', 'what': 'members', 'reason': 'recovered', 'from': [],
     'to': ['wan1']},
    {'time': '2026-11-22T10:00:17Z', 'event': 'steering', 'tunnel': 'mpq0',
     'class': 'bulk', 'what': 'members', 'reason': 'path-gone',
     'from': ['wan1'], 'to': []},
    {'time': '2026-11-22T10:00:18Z', 'event': 'steering', 'tunnel': 'mpq0',
     'class': 'bulk', 'what': 'dreamt', 'reason': 'of-it', 'to': ['wan1'],
     'from': 'x'},
    {'time': '2026-11-22T10:00:12Z', 'event': 'news', 'number': 3,
     'list': ['a', 'b']}]
EVENT_LINES = [
    '2026-11-22T10:00:00Z  path wan3: up -> no-carrier: cable out',
    '2026-11-22T10:00:05Z  path wan3: connecting -> up (gap 5120 ms)',
    '2026-11-22T10:00:06Z  tunnel mpq3: up to 192.0.2.1:45003',
    '2026-11-22T10:00:07Z  restored what another had deleted: rule 100 ?[2J',
    '2026-11-22T10:00:08Z  configuration: generation 13 runs, by uid 0',
    '2026-11-22T10:00:09Z  path l1: turned 192.0.2.66:9 away: unknown issuer',
    '2026-11-22T10:00:09Z  tunnel mpq3, path l1: turned 192.0.2.66:8 away: '
    'certificate revoked',
    '2026-11-22T10:00:10Z  link usb0 of path wan3: ready with 192.0.2.7',
    '2026-11-22T10:00:11Z  data plane: connected',
    '2026-11-22T10:00:11Z  path wan4: no-address: no default route',
    '2026-11-22T10:00:12Z  tunnel mpq0: session up: wan2 opened it',
    '2026-11-22T10:00:13Z  tunnel mpq0, path wan2: used -> silent: no answer '
    '(gap 98.0 ms)',
    '2026-11-22T10:00:13Z  tunnel mpq0, path 3: tried',
    '2026-11-22T10:00:14Z  tunnel mpq0: class bulk, flow 1a2b3c4d is spread '
    'over wan1, wan2, before by wan1: it fills its path while others are idle '
    '(flow 18.2 Mbit/s, best path 20.0 Mbit/s, all 58.0 Mbit/s, 12.0 ms '
    'apart)',
    '2026-11-22T10:00:15Z  tunnel mpq0: class bulk avoids wan1: it loses too '
    'much',
    '2026-11-22T10:00:16Z  tunnel mpq0: class bulk takes again path 1: it '
    'has recovered',
    '2026-11-22T10:00:17Z  tunnel mpq0: class bulk may spread over wan1, '
    'before over wan1, wan3: delays differ by what order may cost (250 ms apart)',
    '2026-11-22T10:00:17Z  tunnel mpq0: class bulk may spread over wan1: a '
    'path has become usable',
    '2026-11-22T10:00:17Z  tunnel mpq0: class bulk has no path left, before '
    'over wan1: its path is gone, silent or avoided',
    '2026-11-22T10:00:18Z  tunnel mpq0: class bulk dreamt to wan1: of-it',
    '2026-11-22T10:00:12Z  news: number=3 list=a, b']


def events_cases(tap):
    with tap.case('events prints the last ones and ends'):
        with control(Events=lambda p: {'events': EVENTS}):
            result = mpqctl('events')
            lines = mpqctl('events', '--json').stdout.splitlines()
        equal((result.returncode, result.stdout.splitlines()),
              (0, EVENT_LINES))
        equal([json.loads(line) for line in lines], EVENTS)
    with tap.case('events --follow prints them as they come'):
        with control(Events=lambda p: EVENTS[:1]) as server:
            with started('events', '--follow') as process:
                equal(process.stdout.readline(), EVENT_LINES[0] + '\n')
                equal(server.calls, [('Events', {'backlog': True})])
                server.tell(EVENTS[1])
                equal(process.stdout.readline(), EVENT_LINES[1] + '\n')
    with tap.case('events --follow ends with status 3 when the server does'):
        with control(Events=lambda p: EVENTS[:1]):
            process = subprocess.Popen([MPQCTL, 'events', '--follow'],
                                       text=True, env=ENVIRONMENT,
                                       stdout=subprocess.PIPE,
                                       stderr=subprocess.PIPE)
            process.stdout.readline()
        _, error = process.communicate(timeout=10)
        equal(process.returncode, 3)
        contains(error, 'mpquic-control cannot be reached')


def reach_cases(tap):
    with tap.case('nobody there is status 3, and says what to do'):
        for verb in (['status'], ['events'], ['events', '--follow'], ['diff'],
                     ['tunnel', 'run', 'x'], ['path', 'hold', 'x']):
            result = mpqctl(*verb)
            equal((verb, result.returncode), (verb, 3))
            contains(result.stderr, SOCKET, 'No such file or directory',
                     'systemctl start mpquic-control',
                     'mpquic-control --check FILE')
    with tap.case('a socket without a listener is status 3'):
        stale = socket.socket(socket.AF_UNIX)
        stale.bind(SOCKET)
        stale.close()
        result = mpqctl('diff')
        os.unlink(SOCKET)
        equal(result.returncode, 3)
        contains(result.stderr, 'Connection refused')
    with tap.case('a server that hangs up is status 3'):
        with control(Diff=lambda p: None):
            result = mpqctl('diff')
        equal(result.returncode, 3)
        contains(result.stderr, 'closed the connection')
    with tap.case('a server that talks nonsense is status 3'):
        with control(Diff=lambda p: b'nonsense\0'):
            result = mpqctl('diff')
        equal(result.returncode, 3)
        contains(result.stderr, 'Protocol error')
    with tap.case('--socket wins over MPQUIC_SOCKET'):
        with control(Discard=lambda p: {}):
            elsewhere = {'MPQUIC_SOCKET': '/nonexistent'}
            equal(mpqctl('discard', **elsewhere).returncode, 3)
            equal(mpqctl('discard', '--socket', SOCKET, **elsewhere).returncode,
                  0)
            equal(mpqctl(f'--socket={SOCKET}', 'discard',
                         **elsewhere).returncode, 0)
    with tap.case('a socket name that is too long is told'):
        result = mpqctl('diff', '--socket', '/' + 'x' * 200)
        equal(result.returncode, 3)
        contains(result.stderr, 'File name too long')
    with tap.case('who may not call is told who may'):
        if os.geteuid() != 0:
            raise Skip('needs root to become somebody else')
        os.chmod(DIR, 0o755)
        with control(Discard=lambda p: {}):
            os.chmod(SOCKET, 0o600)
            copy = os.path.join(DIR, 'mpqctl')
            shutil.copy(MPQCTL, copy)
            result = subprocess.run([copy, 'discard'], env=ENVIRONMENT,
                                    text=True, capture_output=True, timeout=20,
                                    check=False, user=65534, group=65534)
        equal(result.returncode, 3)
        contains(result.stderr, 'root and members of the group mpquic',
                 'usermod -aG mpquic')


def usage_cases(tap):
    with tap.case('a mistyped verb or option is told the nearest one'):
        for words, said in (
                (['stauts'], "did you mean 'status'?"),
                (['comit'], "did you mean 'commit'?"),
                (['show', 'confg'], "did you mean 'show config'?"),
                (['pth', 'hold', 'x'], "did you mean 'path hold'?"),
                (['path', 'hodl', 'x'], "did you mean 'path hold'?"),
                (['path'], "After 'path' comes: hold, release"),
                (['cert'], "After 'cert' comes: init, issue, show"),
                (['--jsn'], "did you mean '--json'?"),
                (['status', '--wach'], "did you mean '--watch'?"),
                (['zzzzzz'], "unknown verb 'zzzzzz'\n"),
                (['status', '-x'], "unknown option '-x'\n"),
                (['help', 'stat'], "did you mean 'status'?")):
            result = mpqctl(*words)
            equal((words, result.returncode, result.stdout), (words, 2, ''))
            contains(result.stderr, said, "'mpqctl help' lists the verbs")
    with tap.case('wrong arguments are told the usage'):
        for words, said in (
                (['check'], 'usage: mpqctl check FILE'),
                (['path', 'hold'], 'usage: mpqctl path hold NAME [SECONDS]'),
                (['diff', 'x'], "'diff' got 1 argument\nusage: mpqctl diff\n"),
                (['path', 'hold', 'a', '1', '2', '3'], "got 4 arguments"),
                (['diff', '--follow'], "'diff' does not take --follow"),
                (['status', '--json=1'], '--json takes no value'),
                (['status', '--socket'], '--socket needs a value'),
                (['a'] * 20, 'too many arguments'),
                (['--json'] * 20, 'too many options')):
            result = mpqctl(*words)
            equal((words, result.returncode), (words, 2))
            contains(result.stderr, said)
    with tap.case('help of a first word lists what comes after it'):
        result = mpqctl('help', 'path')
        equal((result.returncode, result.stderr), (0, ''))
        equal([line.split()[:2] for line in result.stdout.splitlines()],
              [['path', 'hold'], ['path', 'release']])
    with tap.case('version'):
        equal(mpqctl('version').stdout, mpqctl('--version').stdout)
        assert re.match(r'mpqctl \d+\.\d+\.\d+\n$', mpqctl('version').stdout)


def cert_init(*arguments):
    return mpqctl('cert', 'init', *arguments)


def cert_issue(*arguments):
    return mpqctl('cert', 'issue', *arguments)


def cert_cases(tap):
    pki = os.path.join(DIR, 'pki')
    with tap.case('cert init makes an authority and both ends'):
        result = cert_init(pki, '--edge', 'ship-1.example.net',
                           '--concentrator=hub.example.net')
        equal((result.returncode, result.stderr), (0, ''))
        modes = {name: stat.S_IMODE(os.stat(os.path.join(pki, name)).st_mode)
                 for name in sorted(os.listdir(pki))}
        equal(modes, {'authority.key': 0o600, 'authority.pem': 0o644,
                      'concentrator.key': 0o600, 'concentrator.pem': 0o644,
                      'edge.key': 0o600, 'edge.pem': 0o644})
        contains(result.stdout, f'"certificate": "{pki}/edge.pem"',
                 f'"authority": ["{pki}/authority.pem"]',
                 '"server-name": "hub.example.net"',
                 '"certificate-name": "ship-1.example.net"')
    with tap.case('openssl verifies what cert init made'):
        if not shutil.which('openssl'):
            raise Skip('no openssl')
        for end, purpose in (('edge', 'sslclient'),
                             ('concentrator', 'sslserver')):
            subprocess.run(['openssl', 'verify', '-x509_strict', '-purpose',
                            purpose, '-CAfile', f'{pki}/authority.pem',
                            f'{pki}/{end}.pem'], check=True,
                           capture_output=True)
    with tap.case('cert show tells names, usage, dates and the pin'):
        shown, = json.loads(mpqctl('cert', 'show', '--json',
                                   f'{pki}/concentrator.pem').stdout)
        assert re.match('CN=mpquic authority [0-9a-f]{8}$', shown['issuer'])
        equal((shown['subject'], shown['names'], shown['usage'],
               shown['key'], shown['signed-with']),
              ('CN=hub.example.net', ['hub.example.net'], ['serverAuth'],
               'EC/ECDSA, 256 bits', 'ECDSA-SHA256'))
        assert re.match('[0-9a-f]{64}$', shown['spki-sha256']), shown
        begin, end = (datetime.datetime.fromisoformat(shown[key][:-1])
                      for key in ('not-before', 'not-after'))
        equal((end - begin).days, 731)
        contains(mpqctl('cert', 'show', f'{pki}/authority.pem').stdout,
                 'usage        authority\n')
    with tap.case('cert init never overwrites, and leaves nothing half done'):
        before = {name: open(os.path.join(pki, name), 'rb').read()
                  for name in os.listdir(pki)}
        result = cert_init(pki)
        equal(result.returncode, 1)
        contains(result.stderr, 'nothing is overwritten: give an empty '
                 'directory', 'cert issue')
        equal({name: open(os.path.join(pki, name), 'rb').read()
               for name in os.listdir(pki)}, before)
        partly = os.path.join(DIR, 'partly')
        os.mkdir(partly)
        open(os.path.join(partly, 'edge.pem'), 'w').close()
        equal(cert_init(partly).returncode, 1)
        equal(os.listdir(partly), ['edge.pem'])
        equal(os.path.getsize(os.path.join(partly, 'edge.pem')), 0)
    with tap.case('cert init follows no link'):
        trap = os.path.join(DIR, 'trap')
        os.mkdir(trap)
        os.symlink(os.path.join(DIR, 'target'),
                   os.path.join(trap, 'authority.key'))
        equal(cert_init(trap).returncode, 1)
        assert not os.path.exists(os.path.join(DIR, 'target'))
    with tap.case('cert init refuses wrong names and days'):
        for words, said in ((['--edge', '192.0.2.1'], 'no host name'),
                            (['--edge', '*.example'], 'no host name'),
                            (['--edge', ''], 'no host name'),
                            (['--edge', 'a..b'], 'no host name'),
                            (['--concentrator', '-a'], 'no host name'),
                            (['--concentrator', 'a"b'], 'no host name'),
                            (['--days', '0'], 'allowed are 1 to 3650'),
                            (['--days', '3651'], 'allowed are 1 to 3650'),
                            (['--days', 'x'], 'allowed are 1 to 3650')):
            result = cert_init(os.path.join(DIR, 'never'), *words)
            equal((words, result.returncode), (words, 2))
            contains(result.stderr, said)
        assert not os.path.exists(os.path.join(DIR, 'never'))
    with tap.case('cert issue makes one end more, of the same authority'):
        result = cert_issue(pki, '--edge', 'ship-2.example.net')
        equal((result.returncode, result.stderr), (0, ''))
        contains(result.stdout, f'made {pki}/ship-2.example.net.pem',
                 'certificate-name "ship-2.example.net"')
        equal(cert_issue(pki, '--concentrator', 'hub-2.example.net', '--days',
                         '10').returncode, 0)
        authority, = json.loads(mpqctl('cert', 'show', '--json',
                                       f'{pki}/authority.pem').stdout)
        for name, usage in (('ship-2', 'clientAuth'), ('hub-2', 'serverAuth')):
            path = f'{pki}/{name}.example.net'
            shown, = json.loads(mpqctl('cert', 'show', '--json',
                                       path + '.pem').stdout)
            equal((shown['issuer'], shown['names'], shown['usage']),
                  (authority['subject'], [f'{name}.example.net'], [usage]))
            equal(stat.S_IMODE(os.stat(path + '.key').st_mode), 0o600)
    with tap.case('cert issue never overwrites, and says what it lacks'):
        before = sorted(os.listdir(pki))
        result = cert_issue(pki, '--edge', 'ship-2.example.net')
        equal(result.returncode, 1)
        contains(result.stderr, f'{pki}/ship-2.example.net.key: File exists',
                 'nothing is overwritten: for this end\'s next certificate '
                 'move the old .pem and .key of this name away')
        equal(sorted(os.listdir(pki)), before)
        result = cert_issue(DIR, '--edge', 'ship-2.example.net')
        equal(result.returncode, 1)
        contains(result.stderr, f'{DIR}/authority.pem cannot be read', 'DIR is')
        for words in ([], ['--edge', 'a.b', '--concentrator', 'c.d'],
                      ['--edge', '*.example'],
                      ['--edge', 'a.b', '--days', '0']):
            equal((words, cert_issue(pki, *words).returncode), (words, 2))
    with tap.case('cert issue signs nothing with the key of another'):
        other = os.path.join(DIR, 'other')
        equal(cert_init(other).returncode, 0)
        shutil.copy(f'{pki}/authority.key', f'{other}/authority.key')
        result = cert_issue(other, '--edge', 'ship-3.example.net')
        equal(result.returncode, 1)
        contains(result.stderr, 'not good')
        assert not os.path.exists(f'{other}/ship-3.example.net.pem')
    with tap.case('cert show of garbage is status 1'):
        result = mpqctl('cert', 'show', __file__)
        equal(result.returncode, 1)
        contains(result.stderr, 'BEGIN CERTIFICATE')
        result = mpqctl('cert', 'show', pki + '/none')
        equal((result.returncode, result.stderr),
              (1, f'mpqctl: {pki}/none: No such file or directory\n'))


class Notified:
    """systemd's side of sd_notify."""

    def __init__(self, address):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.settimeout(10)
        self.socket.bind(address)

    def next(self):
        return self.socket.recv(4096).decode()


def tunnel_status(parameters):
    del parameters
    return {'tunnels': [{'name': 'mpq3', 'up': False, 'reason': 'no link',
                         'path': 'wan3'},
                        {'name': 'mpq1', 'up': True}]}


def run_answers():
    return {'TunnelEnable': lambda p: {}, 'TunnelDisable': lambda p: {},
            'Status': tunnel_status, 'Events': lambda p: []}


def run_cases(tap):
    with tap.case('tunnel run tells systemd, follows, and disables at the end'):
        notified = Notified(os.path.join(DIR, 'notify'))
        with control(**run_answers()) as server:
            with started('tunnel', 'run', 'mpq3',
                         NOTIFY_SOCKET=os.path.join(DIR, 'notify')) as process:
                equal(notified.next(), 'READY=1\nSTATUS=mpq3 is enabled')
                equal(process.stdout.readline(), 'tunnel mpq3: down: no link\n')
                equal(notified.next(), 'STATUS=tunnel mpq3: down: no link')
                equal(server.calls[0], ('TunnelEnable', {'tunnel': 'mpq3'}))
                server.tell({**EVENTS[0], 'tunnel': 'mpq1', 'path': 'wan1'})
                server.tell({'event': 'steering', 'tunnel': 'mpq3'})
                server.tell(EVENTS[1])
                server.tell(EVENTS[2])
                line = 'path wan3: connecting -> up (gap 5120 ms)'
                equal(process.stdout.readline(), line + '\n')
                equal(notified.next(), 'STATUS=' + line)
                equal(notified.next(),
                      'STATUS=tunnel mpq3: up to 192.0.2.1:45003')
                process.send_signal(signal.SIGTERM)
                equal(notified.next(), 'STOPPING=1\nSTATUS=disabling mpq3')
                equal(process.wait(10), 0)
            equal(server.calls[-1], ('TunnelDisable', {'tunnel': 'mpq3'}))
        notified.socket.close()
    with tap.case('tunnel run waits out a restart of the server'):
        abstract = f'@mpqctl-test-{os.getpid()}'
        notified = Notified('\0' + abstract[1:])
        with contextlib.ExitStack() as stack:
            server = stack.enter_context(control(**run_answers()))
            process = stack.enter_context(
                started('tunnel', 'run', 'mpq3', NOTIFY_SOCKET=abstract))
            equal(notified.next(), 'READY=1\nSTATUS=mpq3 is enabled')
            process.stdout.readline()
            server.close()
            contains(process.stdout.readline(), 'mpquic-control is away')
            server = stack.enter_context(control(**run_answers()))
            equal(process.stdout.readline(), 'tunnel mpq3: down: no link\n')
            equal([name for name, _ in server.calls], ['Events', 'Status'])
            process.send_signal(signal.SIGINT)
            equal(process.wait(10), 0)
            equal(server.calls[-1], ('TunnelDisable', {'tunnel': 'mpq3'}))
        notified.socket.close()
    with tap.case('tunnel run that cannot disable says so by its exit status'):
        with control(**run_answers()):
            process = subprocess.Popen([MPQCTL, 'tunnel', 'run', 'mpq3'],
                                       text=True, env=ENVIRONMENT,
                                       stdout=subprocess.PIPE,
                                       stderr=subprocess.PIPE)
            process.stdout.readline()
        process.stdout.readline()
        process.terminate()
        _, error = process.communicate(timeout=10)
        equal(process.returncode, 3)
        contains(error, 'cannot be reached')
    with tap.case('tunnel run tells a change that had no event of its own'):
        answers = run_answers()
        state = {'name': 'mpq3', 'up': True, 'reason': ''}
        answers['Status'] = lambda p: {'tunnels': [state]}
        with control(**answers) as server:
            with started('tunnel', 'run', 'mpq3') as process:
                equal(process.stdout.readline(), 'tunnel mpq3: up\n')
                server.tell(EVENTS[4])  # changes nothing of ours: silence
                state.update(up=False, reason='no mpquic-data')
                server.tell({'time': ago(0), 'event': 'data-plane',
                             'is': 'lost'})
                equal(process.stdout.readline(),
                      'tunnel mpq3: down: no mpquic-data\n')
    with tap.case('tunnel run ends when another disables the tunnel'):
        answers = run_answers()
        state = {'name': 'mpq3', 'up': True, 'enabled': True, 'reason': ''}
        answers['Status'] = lambda p: {'tunnels': [state]}
        with control(**answers) as server:
            with started('tunnel', 'run', 'mpq3') as process:
                equal(process.stdout.readline(), 'tunnel mpq3: up\n')
                state.update(up=False, enabled=False, reason='disabled')
                server.tell(EVENTS[4])
                equal(process.stdout.readline(),
                      'tunnel mpq3: down: disabled\n')
                equal(process.wait(10), 0)
        assert 'TunnelDisable' not in dict(server.calls), server.calls
    with tap.case('tunnel run of an unknown tunnel is status 1'):
        refusal = Refusal('NotFound', message="no tunnel 'x'")
        with control(TunnelEnable=lambda p: refusal):
            result = mpqctl('tunnel', 'run', 'x')
        equal(result.returncode, 1)
        contains(result.stderr, "no tunnel 'x'")


def main():
    tap = Tap()
    try:
        for cases in (status_cases, bonded_cases, explain_cases,
                      terminal_cases, width_cases, config_cases,
                      operate_cases, events_cases, reach_cases, usage_cases,
                      cert_cases, run_cases):
            cases(tap)
    finally:
        shutil.rmtree(DIR)
    tap.done()


if __name__ == '__main__':
    main()
