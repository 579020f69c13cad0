#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""mpqctl against a stand-in for mpquic-control: how it is called, and its verbs
but for status, cert and tunnel run.

Usage: test_mpqctl.py TOP MPQCTL
"""
import json
import os
import re
import shutil
import socket
import subprocess

from called import (
    DIR, ENVIRONMENT, MPQCTL, SOCKET, ago, contains, control, equal, mpqctl,
    run, started)
from fake_control import Refusal
from tap import Skip


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


if __name__ == '__main__':
    run(explain_cases, config_cases, operate_cases, events_cases, reach_cases,
        usage_cases)
