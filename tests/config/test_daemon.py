#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""mpquic-control and its configuration: commits, refusals, what it starts with,
what it keeps.

    test_daemon.py MPQUIC_CONTROL MAKE_PKI [WORD ..]
"""
import os
import signal
import subprocess

import cases
import harness
import wire
from stage import TUNNELS, devices, equal, ip, load_and_commit, run, until


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


EDGE = [
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
    ('makes commits wait for one another', commits_one_after_another),
    ('purges everything of its own', purges),
]
BOND = [
    ('changes classes and rules without touching a socket', changes_policy),
]


if __name__ == '__main__':
    run((cases.EDGE, EDGE), (cases.BOND, BOND))
