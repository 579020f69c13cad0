#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""mpquic-control at work, with a stand-in for mpquic-data that remembers what
it is told: commits, refusals, restarts of either side, what others delete.

    test_daemon.py MPQUIC_CONTROL MAKE_PKI

Everything happens in a network namespace of the test's own.
"""
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..'))
# pylint: disable=wrong-import-position
import cases  # noqa: E402
import harness  # noqa: E402
import wire  # noqa: E402
from tap import Tap, skip_all  # noqa: E402

TUNNELS = [f'mpq{n}' for n in range(1, 7)]


def ip(*words):
    done = subprocess.run(['ip', *words], capture_output=True, text=True,
                          check=True)
    return done.stdout


def devices():
    return {d['ifname'] for d in json.loads(ip('-j', 'link'))}


def until(true, what, seconds=10):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f'in vain: {what}'
        time.sleep(0.02)


def equal(is_, wanted, what='value'):
    assert is_ == wanted, f'{what} is {is_}, wanted {wanted}'


class Stage:
    """A folder, certificates, and what runs in it; all of it ends with it."""

    def __init__(self, programs, base=cases.EDGE):
        self.stack = contextlib.ExitStack()
        self.directory = self.stack.enter_context(
            tempfile.TemporaryDirectory())
        self.pki = os.path.join(self.directory, 'pki')
        os.mkdir(self.pki)
        subprocess.run([programs[1], self.pki], check=True)
        self.control = harness.Control(programs[0], self.directory)
        self.base = base
        self.daemon = None
        self.data = None

    def __enter__(self):
        return self

    def finish(self):
        """Ends the daemon, which has to go in peace (no leak, no assertion)."""
        if self.daemon.process.poll() is None:
            status = self.daemon.stop()
            assert status == 0, f'exit status {status}\n{self.daemon.log()}'

    def __exit__(self, *_):
        if self.data:
            self.data.die()
        if self.daemon and self.daemon.process.poll() is None:
            self.daemon.stop()
        subprocess.run([*self.control.arguments(), '--purge', '--runtime-dir',
                        os.path.join(self.directory, 'run')], check=False,
                       capture_output=True)
        self.stack.close()

    def text(self, *changes):
        return harness.changed(self.base, changes, self.pki)

    def lan(self):
        """The interface of the first tunnel's first LAN."""
        tunnel = harness.example(self.base)['mpquic:mpquic']['tunnel'][0]
        return tunnel['lan'][0]['interface']

    def start(self, *changes, text=None):
        """The daemon with an example, changed."""
        self.daemon = self.control.start(
            text=text if text is not None else self.text(*changes))
        return self.daemon

    def restart(self, how=signal.SIGTERM, text=None):
        self.daemon.stop(how)
        self.daemon = self.control.start(text=text)
        return self.daemon

    def connect(self, **options):
        """An mpquic-data that has got everything."""
        self.data = self.daemon.data(**options)
        return self.data

    def settled(self, sockets=6):
        data = self.connect()
        data.wait(lambda: data.applied and len(data.sockets) >= sockets)
        return data

    def operator(self):
        return self.stack.enter_context(
            contextlib.closing(self.daemon.operator()))


def load_and_commit(operator, text):
    changes = operator.call('Load', config=text)['changes']
    return changes, operator.call('Commit')


def commits(stage):
    stage.start()
    data = stage.settled()
    o = stage.operator()
    changes, reply = load_and_commit(
        o, stage.text(('tunnel/0/queue-delay', 20)))
    equal(changes, [{
        'path': "/mpquic:mpquic/tunnel[name='mpq1']/queue-delay",
        'operation': 'replace', 'old': '15', 'new': '20',
        'applies': 'live'}], 'changes')
    equal(reply, {'generation': 2, 'changes': changes, 'warnings': []},
          'reply')
    equal(data.applied[-1]['generation'], 2, 'generation of mpquic-data')
    equal(data.applied[-1]['tunnels'][0]['queue-delay-us'], 20000, 'delay')
    equal(o.call('Diff'), {'changes': [], 'warnings': []}, 'candidate')
    equal(len(data.sockets), 6, 'sockets after a change of policy')


def discards(stage):
    stage.start()
    o = stage.operator()
    o.call('Load', config=stage.text(('local/name', 'ship-2')))
    equal(len(o.call('Diff')['changes']), 1, 'changes')
    equal(o.call('ShowConfig', which='candidate')['config']['mpquic:mpquic']
          ['local']['name'], 'ship-2', 'candidate')
    o.call('Discard')
    equal(o.call('Diff'), {'changes': [], 'warnings': []}, 'changes')


def alarms_about_a_lan_that_is_a_port(stage):
    stage.start()
    stage.settled()
    o = stage.operator()
    lan = stage.lan()

    def alarms():
        return [a['message'] for a in o.call('Status')['alarms']
                if a['what'] == 'lan']
    ip('link', 'add', lan, 'type', 'veth', 'peer', 'name', 'beyond')
    ip('link', 'add', 'name', 'bridge0', 'type', 'bridge')
    try:
        equal(alarms(), [], 'alarms')
        ip('link', 'set', lan, 'master', 'bridge0')
        until(lambda: len(alarms()) == 1, 'an alarm')
        said, = alarms()
        assert said.startswith(f'{lan}, a LAN of tunnel mpq1, is a port of '
                               'bridge0'), said
        ip('link', 'set', lan, 'nomaster')
        until(lambda: alarms() == [], 'no alarm any more')
    finally:
        ip('link', 'del', lan)
        ip('link', 'del', 'bridge0')


def hints_at_missing_devices(stage):
    stage.start()
    o = stage.operator()
    part = harness.example(stage.base)['mpquic:mpquic']
    text = stage.text(('path', part['path'][:1]),
                      ('tunnel', part['tunnel'][:1]))
    wan = part['path'][0]['wan']
    lan = stage.lan()

    def hints():
        return [h['path'] for h in o.call('Check', config=text)['hints']]
    equal(hints(), ["/mpquic:mpquic/path[name='wan1']/wan",
                    f"/mpquic:mpquic/tunnel[name='mpq1']/lan[interface='{lan}'"
                    ']'], 'hints')
    ip('link', 'add', wan, 'type', 'veth', 'peer', 'name', lan)
    try:
        until(lambda: hints() == [], 'devices are seen')
    finally:
        ip('link', 'del', wan)


def warns_of_a_lost_guard(stage):
    stage.start()
    o = stage.operator()
    replies = [o.call('Load', config=stage.text(('tunnel/5', cases.GONE))),
               o.call('Diff'), o.call('Commit')]
    for reply in replies:
        where = [(w['path'], w['message'][:5]) for w in reply['warnings']]
        equal(where, [("/mpquic:mpquic/tunnel[name='mpq6']", 'lan6 ')],
              'warnings')
    equal(o.call('Diff')['warnings'], [], 'warnings without a candidate')


def renews_one_path(stage):
    stage.start()
    data = stage.settled()
    load_and_commit(stage.operator(),
                    stage.text(('path/2/remote/port', 45103)))
    data.wait(lambda: len(data.sockets) == 7)
    equal(data.sockets[-1]['path'], 'wan3', 'path')


def takes_back_what_data_refuses(stage):
    stage.start()
    data = stage.settled()
    o = stage.operator()
    before = ip('rule'), devices(), o.call('ShowConfig', which='running')
    data.refuse = 'no such thing'
    o.call('Load', config=stage.text(
        ('tunnel/0/name', 'fresh1'), ('tunnel/0/lan/0/interface', 'lan9')))
    try:
        o.call('Commit')
        raise AssertionError('committed')
    except wire.Refused as refused:
        equal(refused.error, 'mpquic.control.Refused', 'error')
        equal(refused.parameters['message'],
              'mpquic-data refuses it: tunnels/0: no such thing', 'message')
    until(lambda: devices() == before[1], 'the new device is gone')
    equal((ip('rule'), devices(), o.call('ShowConfig', which='running')),
          before, 'state')
    equal(o.call('Status')['generation'], 1, 'generation')
    equal(len(o.call('Diff')['changes']), 2, 'the candidate stays')
    equal(sorted(os.listdir(os.path.join(stage.directory, 'state'))),
          ['generation-000000001.json', 'secret'], 'files')


def gives_up_on_a_silent_data_plane(stage):
    stage.start()
    data = stage.settled()
    o = stage.operator()
    data.silent = True
    o.call('Load', config=stage.text(('local/name', 'ship-2')))
    try:
        o.call('Commit')
        raise AssertionError('committed')
    except wire.Refused as refused:
        equal(refused.parameters['message'], 'mpquic-data does not answer.',
              'message')
    data.wait(lambda: len(data.applied) == 3)
    equal([s['generation'] for s in data.applied], [1, 2, 1], 'told')


def adopts_after_a_restart(how):
    def run(stage):
        stage.start()
        data = stage.settled()
        secret = data.applied[0]['secret']
        stage.restart(how)
        data.cut()
        again = stage.connect(kept=data)
        again.wait(lambda: again.applied)
        o = stage.operator()
        o.call('Status')
        equal(again.applied[0]['generation'], 1, 'generation')
        equal(again.applied[0]['secret'], secret, 'secret')
        equal(again.sockets, [], 'sockets')
        equal(sorted(again.tuns), TUNNELS, 'devices')
        assert set(TUNNELS) <= devices()
        equal(o.call('Status')['data-plane']['restarts'], 0, 'restarts')
    return run


def keeps_devices_without_data(stage):
    stage.start()
    stage.settled().die()
    time.sleep(0.1)
    assert set(TUNNELS) <= devices()
    data = stage.settled()
    equal(sorted(data.tuns), TUNNELS, 'devices')


def makes_deleted_devices_anew(stage):
    stage.start()
    data = stage.settled()
    o = stage.operator()
    until(lambda: '10.200.2.1' in ip('addr'), 'the address')
    old = data.tuns.pop('mpq2')
    ip('link', 'delete', 'mpq2')
    os.close(old)
    data.wait(lambda: 'mpq2' in data.tuns)
    until(lambda: 'mpq2' in devices() and '10.200.2.1' in ip('addr'),
          'the device and its address')
    events = o.call('Events')['events']
    assert any(e['event'] == 'restored' and e['what'] == 'device mpq2'
               for e in events), events


def restores_rules(stage):
    stage.start()
    o = stage.operator()
    until(lambda: 'iif lan3' in ip('rule'), 'the rule')
    ip('rule', 'delete', 'iif', 'lan3', 'table', '1003')
    until(lambda: 'iif lan3' in ip('rule'), 'the rule again')
    events = o.call('Events')['events']
    equal([e['what'] for e in events if e['event'] == 'restored'],
          ['rule iif lan3 table 1003 (IPv4)'], 'restored')


def switches_tunnels(stage):
    stage.start()
    data = stage.settled()
    o = stage.operator()
    o.call('Load', config=stage.text(('local/name', 'ship-2')))
    o.call('TunnelDisable', tunnel='mpq4')
    equal(data.applied[-1]['tunnels'][3]['enabled'], False, 'enabled')
    equal([c['path'] for c in o.call('Diff')['changes']],
          ['/mpquic:mpquic/local/name'], 'the candidate follows')
    # The file has not changed, so what was committed after it counts.
    stage.restart(signal.SIGKILL)
    o = stage.operator()
    equal(o.call('Status')['generation'], 2, 'generation')
    running = o.call('ShowConfig', which='running')['config']
    equal(running['mpquic:mpquic']['tunnel'][3]['enabled'], False, 'enabled')
    o.call('TunnelEnable', tunnel='mpq4')
    running = o.call('ShowConfig', which='running')['config']
    equal(running['mpquic:mpquic']['tunnel'][3]['enabled'], True, 'enabled')
    try:
        o.call('TunnelEnable', tunnel='mpq9')
        raise AssertionError('enabled')
    except wire.Refused as refused:
        equal(refused.error, 'mpquic.control.NotFound', 'error')


def takes_an_edited_file(stage):
    stage.start()
    stage.operator()
    stage.restart(text=stage.text(('local/name', 'ship-2')))
    status = stage.operator().call('Status')
    equal((status['generation'], status['name']), (2, 'ship-2'), 'status')
    assert 'loses its guard' not in stage.daemon.log(), stage.daemon.log()


def warns_of_a_guard_lost_by_an_edited_file(stage):
    stage.start()
    stage.operator()
    stage.restart(text=stage.text(('tunnel/5', cases.GONE)))
    stage.operator()
    told = [line for line in stage.daemon.log().splitlines()
            if 'loses its guard' in line]
    equal(len(told), 1, 'warnings in the log')
    assert "tunnel[name='mpq6']: lan6 " in told[0], told


def keeps_the_last_good_one(stage):
    stage.start()
    stage.operator()
    stage.restart(text=stage.text(('path/0/remote/port', 0)))
    status = stage.operator().call('Status')
    equal(status['generation'], 1, 'generation')
    alarms = [a['message'] for a in status['alarms']
              if a['what'] == 'configuration']
    assert len(alarms) == 1 and 'port: 0 is out of range' in alarms[0], alarms
    # A damaged generation is passed over, too.
    stage.operator().call('TunnelDisable', tunnel='mpq1')
    with open(os.path.join(stage.directory, 'state',
                           'generation-000000002.json'), 'w',
              encoding='ascii') as file:
        file.write('{"generation": 2, "conf')
    stage.restart(signal.SIGKILL)
    equal(stage.operator().call('Status')['generation'], 1, 'generation')


def starts_with_an_expired_certificate(stage):
    stage.start()
    stage.operator()
    stage.daemon.stop()
    for suffix in ('pem', 'key'):
        os.replace(os.path.join(stage.pki, f'expired.{suffix}'),
                   os.path.join(stage.pki, f'edge.{suffix}'))
    stage.daemon = stage.control.start()
    o = stage.operator()
    assert any('our certificate expired on 2021-01-01' in a['message']
               for a in o.call('Status')['alarms']), o.call('Status')
    o.call('TunnelDisable', tunnel='mpq1')
    try:
        o.call('Commit')
        raise AssertionError('committed')
    except wire.Refused as refused:
        assert 'expired on 2021' in refused.parameters['message'], refused


def reads_certificates_anew(stage):
    stage.start()
    data = stage.settled()
    for suffix in ('pem', 'key'):
        os.replace(os.path.join(stage.pki, f'renewed.{suffix}'),
                   os.path.join(stage.pki, f'edge.{suffix}'))
    before = data.applied[-1]['trust']['certificate-pem']
    equal(stage.operator().call('Commit')['changes'], [], 'changes')
    assert data.applied[-1]['trust']['certificate-pem'] != before
    equal(len(data.sockets), 6, 'sockets')


def ends_without_any_good_one(stage):
    daemon = stage.start(('local/role', 'server'))
    equal(daemon.wait(), 1, 'exit status')
    assert '/mpquic:mpquic/local/role: "server" is not a value of role.\n' \
        '  allowed: edge, concentrator' in daemon.log(), daemon.log()


def starts_once_only(stage):
    stage.start()
    stage.operator()
    done = subprocess.run(
        [*stage.control.arguments(), '--config', stage.daemon.config,
         '--state-dir', os.path.join(stage.directory, 'other'),
         '--runtime-dir', stage.daemon.runtime],
        capture_output=True, text=True, timeout=20, check=False)
    equal(done.returncode, 1, 'exit status')
    assert 'another mpquic-control runs here' in done.stderr, done.stderr
    stage.operator().call('Status')


def keeps_ten_generations(stage):
    stage.start()
    o = stage.operator()
    for n in range(12):
        load_and_commit(o, stage.text(('local/name', f'ship-{n}')))
    kept = sorted(name for name in os.listdir(
        os.path.join(stage.directory, 'state'))
        if name.startswith('generation'))
    equal(len(kept), 10, 'generations')
    equal(kept[-1], 'generation-000000013.json', 'newest')
    for name in [*kept, 'secret']:
        mode = os.stat(os.path.join(stage.directory, 'state', name)).st_mode
        equal(mode & 0o777, 0o600, f'mode of {name}')


def follows_a_wan(stage):
    stage.start(('path/0/wan', 'wan1'))
    data = stage.settled()

    def last(path='wan1'):
        return [s for s in data.sockets if s['path'] == path][-1]

    equal(last()['link'], 'no-link', 'link')
    ip('link', 'add', 'wan1', 'type', 'veth', 'peer', 'name', 'isp1')
    data.wait(lambda: last()['link'] == 'no-carrier')
    ip('link', 'set', 'wan1', 'up')
    ip('link', 'set', 'isp1', 'up')
    data.wait(lambda: last()['link'] == 'no-address')
    ip('addr', 'add', '198.51.100.2/24', 'dev', 'wan1')
    ip('route', 'add', 'default', 'via', '198.51.100.1', 'dev', 'wan1')
    data.wait(lambda: last()['link'] == 'ready')
    equal(last()['local-address'], '198.51.100.2', 'address')
    equal(last()['device-index'], socket.if_nametoindex('wan1'), 'index')
    # Renumbered: what a DHCP client does with another lease.
    ip('addr', 'delete', '198.51.100.2/24', 'dev', 'wan1')
    data.wait(lambda: last()['link'] == 'no-address')
    ip('addr', 'add', '203.0.113.7/24', 'dev', 'wan1')
    ip('route', 'add', 'default', 'via', '203.0.113.1', 'dev', 'wan1')
    data.wait(lambda: last()['local-address'] == '203.0.113.7')
    equal(last()['link'], 'ready', 'link')
    # Renamed away, and back.
    ip('link', 'set', 'wan1', 'name', 'modem')
    data.wait(lambda: last()['link'] == 'no-link')
    ip('link', 'set', 'modem', 'name', 'wan1')
    data.wait(lambda: last()['link'] != 'no-link')
    ip('link', 'delete', 'wan1')
    data.wait(lambda: last()['link'] == 'no-link')
    equal({s['path'] for s in data.sockets[6:]}, {'wan1'},
          'paths that were told anything')


def passes_holds_on(stage):
    stage.start()
    data = stage.settled()
    o = stage.operator()
    o.call('PathHold', path='wan1')
    o.call('PathHold', path='wan2', seconds=1)
    data.wait(lambda: ('wan2', False) in data.held)
    equal(data.held, [('wan1', True), ('wan2', True), ('wan2', False)],
          'held')
    data.die()
    data = stage.settled()
    data.wait(lambda: data.held)
    equal(data.held, [('wan1', True)], 'held again')
    o.call('PathRelease', path='wan1')
    equal(data.held[-1], ('wan1', False), 'released')


def told(operator):
    return [(e['event'], e['path'], e['reason'])
            for e in operator.call('Events')['events']
            if e['event'] in ('path', 'member')]


def tells_how_long_a_hold_lasts(stage):
    stage.start()
    data = stage.settled()
    o = stage.operator()
    o.call('PathHold', path='wan1')
    o.call('PathHold', path='wan2', seconds=600)
    reasons = {p['name']: p['reason'] for p in o.call('Status')['paths']}
    equal(reasons['wan1'], 'held until it is released', 'for good')
    assert re.match('held for (600|59[0-9]) s more$', reasons['wan2']), reasons
    session = o.call('Status')['tunnels'][0]['session']
    members = {m['path']: m['reason'] for m in session['members']}
    equal(members['wan1'], 'held until it is released', 'a member, for good')
    assert re.match('held for (600|59[0-9]) s more$', members['wan2']), members
    for kind in ('path', 'member'):
        for path in ('wan1', 'wan2'):
            data.event(event=kind, path=path, was='up', **{
                'is': 'held', 'reason': 'held until it is released'})
    until(lambda: len(told(o)) == 4, 'events')
    for kind, path, reason in told(o):
        if path == 'wan1':
            equal(reason, 'held until it is released', f'{kind}, for good')
        else:
            assert re.match('held for (600|59[0-9]) s more$', reason), reason


def composes_status(stage):
    stage.start()
    o = stage.operator()
    lone = o.call('Status')
    equal(lone['data-plane']['connected'], False, 'connected')
    equal(lone['paths'][0]['state'], 'no-link', 'state')
    equal([a['what'] for a in lone['alarms']], ['data-plane'], 'alarms')
    stage.settled()
    status = o.call('Status')
    equal(status['data-plane']['connected'], True, 'connected')
    equal(status['tunnels'][0]['name'], 'mpq1', 'tunnel')
    assert 'since' in status['tunnels'][0] and \
        'age-us' not in status['tunnels'][0], status['tunnels']
    member = status['tunnels'][0]['session']['members'][0]
    assert 'since' in member and 'age-us' not in member, member
    equal(status['certificate']['subject'], 'CN=edge-1', 'subject')
    equal(status['alarms'], [], 'alarms')


def tells_events(stage):
    stage.start()
    data = stage.settled()
    stream = stage.operator()
    stream.line.send({'method': 'mpquic.control.Events', 'more': True,
                      'parameters': {'backlog': True}})
    first, _ = stream.line.receive()
    equal(first['continues'], True, 'continues')
    data.event(event='path', path='wan1', was='connecting', **{'is': 'up'})
    while first['parameters']['event'] != 'path':
        first, _ = stream.line.receive()
    equal(first['parameters']['is'], 'up', 'state')
    for _ in range(280):
        data.event(event='path', path='wan2', was='up', **{'is': 'down'})
    o = stage.operator()
    until(lambda: len(o.call('Events')['events']) == 256, 'the backlog')


def turns_away(stage):
    stage.start()
    operators = [stage.operator() for _ in range(32)]
    for o in operators:
        o.call('Diff')
    extra = stage.operator()
    try:
        extra.call('Diff')
        raise AssertionError('33 clients')
    except (EOFError, OSError):
        pass
    operators[0].line.socket.sendall(b'not JSON\0')
    try:
        operators[0].line.receive()
        raise AssertionError('garbage was answered')
    except (EOFError, OSError):
        pass
    operators[1].line.send({'method': 'org.varlink.service.GetInfo'})
    reply, _ = operators[1].line.receive()
    equal(reply['error'], 'mpquic.control.InvalidConfig', 'error')
    try:
        operators[2].call('Frobnicate')
        raise AssertionError('answered')
    except wire.Refused as refused:
        equal(refused.error, 'mpquic.control.NotFound', 'error')
    operators[3].call('Status')


def judges_by_credentials(stage):
    stage.start()
    stage.operator().call('Diff')
    for name in ('control.sock', 'data.sock'):
        os.chmod(os.path.join(stage.daemon.runtime, name), 0o666)
    os.chmod(stage.directory, 0o755)
    for name in ('control.sock', 'data.sock'):
        child = os.fork()
        if child == 0:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
            line = wire.Line(os.path.join(stage.daemon.runtime, name))
            try:
                line.send({'method': 'mpquic.control.Diff'})
                line.receive()
            except (EOFError, OSError):
                os._exit(0)
            os._exit(1)
        equal(os.waitpid(child, 0)[1], 0, f'status of a stranger at {name}')
    assert 'neither root nor of the group mpquic' in stage.daemon.log()
    assert 'is not mpquic-data: turned away' in stage.daemon.log()


def purges(stage):
    stage.start()
    stage.operator()
    until(lambda: 'iif lan6' in ip('rule'), 'the rules')
    stage.daemon.stop()
    assert 'iif lan6' in ip('rule'), 'guards outlive the daemon'
    done = subprocess.run(
        [*stage.control.arguments(), '--purge', '--runtime-dir',
         stage.daemon.runtime], capture_output=True, text=True, check=False)
    equal((done.returncode, done.stderr), (0, ''), 'purge')
    assert 'proto 98' not in ip('rule'), ip('rule')
    equal(ip('route', 'show', 'table', 'all', 'proto', '98'), '', 'routes')


def commits_one_after_another(stage):
    stage.start()
    data = stage.settled()
    operators = [stage.operator() for _ in TUNNELS]
    for o, tunnel in zip(operators, TUNNELS):
        o.line.send({'method': 'mpquic.control.TunnelDisable',
                     'parameters': {'tunnel': tunnel}})
    gone = stage.operator()
    gone.line.send({'method': 'mpquic.control.TunnelEnable',
                    'parameters': {'tunnel': 'mpq1'}})
    gone.close()
    for o in operators:
        equal(o.line.receive()[0], {'parameters': {}}, 'reply')
    equal([t['enabled'] for t in data.applied[-1]['tunnels'][1:]],
          [False] * 5, 'enabled')
    before = operators[0].call('Status')['generation']
    operators[0].call('TunnelDisable', tunnel='mpq2')
    equal(operators[0].call('Status')['generation'], before,
          'generation after a call that changes nothing')


def serves_what_it_can(stage):
    ip('link', 'add', 'mpq2', 'type', 'veth', 'peer', 'name', 'other2')
    try:
        stage.start()
        data = stage.settled()
        equal([t['name'] for t in data.applied[-1]['tunnels']],
              [t for t in TUNNELS if t != 'mpq2'], 'tunnels')
        equal([a['message'] for a in stage.operator().call('Status')['alarms']
               if a['what'] == 'device'],
              ['there is a device mpq2 that is not a tunnel of ours.'],
              'alarms')
    finally:
        ip('link', 'delete', 'mpq2')
    data.wait(lambda: sorted(data.tuns) == TUNNELS)
    data.wait(lambda: len(data.applied[-1]['tunnels']) == 6)
    until(lambda: stage.operator().call('Status')['alarms'] == [],
          'the alarm goes')


def takes_no_flood(stage):
    stage.start()
    data = stage.settled()
    data.event(event='path', reason='x' * 5000)
    data.event(event='path', reason='short')
    o = stage.operator()
    until(lambda: any(e.get('reason') == 'short'
                      for e in o.call('Events')['events']), 'the event')
    assert not any(e.get('reason', '').startswith('xxx')
                   for e in o.call('Events')['events'])


def serves_the_ports_that_it_can(stage):
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as taken:
        taken.bind(('::', 45003))
        stage.start()
        data = stage.settled(sockets=0)
        equal(sorted(data.listeners), [f'port{n}' for n in (1, 2, 4, 5, 6)],
              'listeners')
        equal([p['enabled'] for p in data.applied[-1]['paths']],
              [True, True, False, True, True, True], 'enabled')
        equal([a['message'] for a in stage.operator().call('Status')['alarms']
               if a['what'] == 'device'],
              ['[::]:45003 is in use by another program.'], 'alarms')
    data.wait(lambda: 'port3' in data.listeners)


def tells_a_port_of_its_own(stage):
    stage.start()
    stage.settled(sockets=0)
    try:
        load_and_commit(stage.operator(), stage.text(
            ('path/0/name', 'first'), ('tunnel/0/path', ['first'])))
        raise AssertionError('committed')
    except wire.Refused as refused:
        equal(refused.text(),
              "/mpquic:mpquic/path[name='first']/listen: path port1 of the "
              'running configuration still has port 45001.\n'
              '  next: commit once without path first', 'refusal')


def hands_listeners_over(stage):
    stage.start()
    data = stage.settled(sockets=0)
    equal({name: address for name, (address, _) in data.listeners.items()},
          {f'port{n}': f'[::]:{45000 + n}' for n in range(1, 7)}, 'listeners')
    stage.restart(signal.SIGKILL)
    data.cut()
    again = stage.connect(kept=data)
    again.wait(lambda: again.applied)
    o = stage.operator()
    held = data.listeners['port1'][1]
    load_and_commit(o, stage.text(('path/5/listen/port', 45106)))
    equal(again.listeners['port6'][0], '[::]:45106', 'the moved one')
    equal(again.listeners['port1'][1], held, 'descriptor of another')
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as taken:
        taken.bind(('::', 45107))
        try:
            load_and_commit(o, stage.text(('path/5/listen/port', 45107)))
            raise AssertionError('committed')
        except wire.Refused as refused:
            equal(refused.parameters['message'],
                  '[::]:45107 is in use by another program.', 'message')
    equal(o.call('Status')['generation'], 2, 'generation')


def moves_a_path(stage):
    stage.start()
    data = stage.settled()
    equal(data.applied[-1]['tunnels'][0]['paths'],
          [f'wan{n}' for n in range(1, 7)], 'paths')
    o = stage.operator()
    changes, _ = load_and_commit(o, stage.text(
        ('tunnel/0/path', ['wan6', 'wan1', 'wan2'])))
    equal({c['applies'] for c in changes}, {'live'}, 'costs')
    equal(data.applied[-1]['tunnels'][0]['paths'], ['wan6', 'wan1', 'wan2'],
          'paths')
    equal(len(data.sockets), 6, 'sockets')


def names_no_path_of_a_lone_bond(stage):
    stage.start()
    o = stage.operator()
    tunnel = o.call('Status')['tunnels'][0]
    assert 'path' not in tunnel, tunnel


def changes_policy(stage):
    stage.start()
    data = stage.settled()
    equal([c['name'] for c in data.applied[-1]['classes']],
          ['default', 'critical', 'interactive', 'bulk'], 'classes')
    changes, _ = load_and_commit(stage.operator(), stage.text(
        ('class/0/copies', 2), ('rule/0/dscp', ['ef']),
        ('rule/1', {'name': 'voice', 'class': 'bulk', 'protocol': 'tcp'})))
    equal({c['applies'] for c in changes}, {'live'}, 'costs')
    is_ = data.applied[-1]
    equal((is_['classes'][1]['copies'], is_['rules'][0]['dscp'],
           is_['rules'][1]['protocol']), (2, [46], 6), 'policy')
    equal(len(data.sockets), 6, 'sockets')


FLOW = {'tunnel': 'mpq0', 'protocol': 'tcp', 'source': '10.1.0.5',
        'source-port': 40000, 'destination': '192.0.2.9',
        'destination-port': 443}


def explains(stage):
    stage.start()
    o = stage.operator()

    def refused(**changes):
        flow = {key: value for key, value in {**FLOW, **changes}.items()
                if value is not None}
        try:
            o.call('Explain', **flow)
        except wire.Refused as refusal:
            return refusal.text()
        raise AssertionError(f'{flow} was not refused')

    assert 'mpquic-data is not connected.' in refused()
    data = stage.settled()
    for changes, said in (
            ({'tunnel': 'mpq9'}, 'there is no tunnel named "mpq9"'),
            ({'tunnel': None}, 'parameter tunnel'),
            ({'protocol': 'quic'}, '"quic" is no protocol.'),
            ({'protocol': 256}, '"256" is no protocol.'),
            ({'protocol': None}, 'is no protocol.'),
            ({'dscp': 'cs9'}, '"cs9" is no dscp.'),
            ({'dscp': 64}, '"64" is no dscp.'),
            ({'dscp': [1]}, 'is no dscp.'),
            ({'source': 'ship'}, '"ship" is no address.'),
            ({'destination': '192.0.2.0/24'}, '"192.0.2.0/24" is no address'),
            ({'source': 'fd00::1'}, 'are of different IP versions'),
            ({'source-port': None}, 'told by both its ports'),
            ({'destination-port': 65536}, 'told by both its ports'),
            ({'protocol': 'icmp'}, 'only TCP and UDP have ports'),
            ({}, 'mpquic-data knows no method "Explain"')):
        assert said in refused(**changes), refused(**changes)
    data.asked.clear()
    data.explained = {'class': 'bulk', 'state': 'pinned', 'paths': ['wan2'],
                      'age-us': 5000000}
    reply = o.call('Explain', **FLOW, dscp='ef')
    equal((reply['paths'], 'since' in reply, 'age-us' in reply),
          (['wan2'], True, False), 'reply')
    o.call('Explain', tunnel='mpq0', protocol=1, source='fd00::1',
           destination='fd00::2')
    equal(data.asked, [
        {**FLOW, 'protocol': 6, 'dscp': 46},
        {'tunnel': 'mpq0', 'protocol': 1, 'source': 'fd00::1',
         'source-port': 0, 'destination': 'fd00::2', 'destination-port': 0,
         'dscp': 0}], 'asked')


BOND_TESTS = [
    ('moves a path of a bonded tunnel without touching a socket',
     moves_a_path),
    ('names no single path of a bond while mpquic-data is away',
     names_no_path_of_a_lone_bond),
    ('changes classes and rules without touching a socket', changes_policy),
    ('asks mpquic-data what becomes of a flow', explains),
]
EDGE_TESTS = [
    ('commits a change of policy without touching a socket', commits),
    ('discards a candidate', discards),
    ('hints at devices that are not there', hints_at_missing_devices),
    ('alarms about a LAN that is the port of a bridge',
     alarms_about_a_lan_that_is_a_port),
    ('warns of LANs that lose their guard', warns_of_a_lost_guard),
    ('renews the sockets of the path that changed, and no other',
     renews_one_path),
    ('takes everything back when mpquic-data refuses',
     takes_back_what_data_refuses),
    ('gives up on a silent mpquic-data and tells it the old state',
     gives_up_on_a_silent_data_plane),
    ('adopts a running mpquic-data after its own restart',
     adopts_after_a_restart(signal.SIGTERM)),
    ('adopts a running mpquic-data after its own death',
     adopts_after_a_restart(signal.SIGKILL)),
    ('keeps the devices while mpquic-data is dead',
     keeps_devices_without_data),
    ('makes a deleted device anew and hands it over',
     makes_deleted_devices_anew),
    ('restores a rule that another deletes', restores_rules),
    ('switches tunnels, which a restart does not forget', switches_tunnels),
    ('takes an edited file at the next start', takes_an_edited_file),
    ('warns of a guard that an edited file takes away',
     warns_of_a_guard_lost_by_an_edited_file),
    ('keeps the last good generation when the file is bad',
     keeps_the_last_good_one),
    ('starts with a certificate that has expired since',
     starts_with_an_expired_certificate),
    ('reads certificates anew at a commit without changes',
     reads_certificates_anew),
    ('ends when there is no good configuration at all',
     ends_without_any_good_one),
    ('refuses to run twice in one folder', starts_once_only),
    ('keeps ten generations, readable by root alone', keeps_ten_generations),
    ('follows a WAN through unplug, renumbering and renaming', follows_a_wan),
    ('passes holds on, also to a new mpquic-data', passes_holds_on),
    ('tells how long a hold lasts', tells_how_long_a_hold_lasts),
    ('composes the status with and without mpquic-data', composes_status),
    ('streams events and keeps the last 256', tells_events),
    ('turns away the 33rd client, garbage and unknown methods', turns_away),
    ('judges by credentials, not file modes', judges_by_credentials),
    ('makes commits wait for one another', commits_one_after_another),
    ('serves the other tunnels when a name is taken', serves_what_it_can),
    ('passes over events that are too long', takes_no_flood),
    ('purges everything of its own', purges),
]
VPS_TESTS = [
    ('hands listeners over, and only those that are new',
     hands_listeners_over),
    ('serves the other listeners when a port is taken',
     serves_the_ports_that_it_can),
    ('tells a port that is taken by itself', tells_a_port_of_its_own),
]


def main():
    if os.geteuid() != 0 or not harness.own_network():
        skip_all('needs root, to make a network namespace')
    ip('link', 'set', 'lo', 'up')
    tap = Tap()
    wanted = sys.argv[3:]
    for base, tests in ((cases.EDGE, EDGE_TESTS), (cases.BOND, BOND_TESTS),
                        (cases.VPS, VPS_TESTS)):
        for name, run in tests:
            if wanted and not any(word in name for word in wanted):
                continue
            with tap.case(name), Stage(sys.argv[1:3], base) as stage:
                try:
                    run(stage)
                    stage.finish()
                except Exception:
                    tap.diag(stage.daemon.log())
                    raise
    tap.done()


if __name__ == '__main__':
    main()
