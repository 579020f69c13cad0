#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""mpquic-control between mpquic-data, the kernel and those who watch: restarts
of either side, devices, sockets, holds, status and events.

    test_daemon_data.py MPQUIC_CONTROL MAKE_PKI [WORD ..]
"""
import os
import re
import signal
import socket
import time

import cases
import wire
from stage import TUNNELS, devices, equal, ip, load_and_commit, run, until


def adopts_after_a_restart(how):
    def adopts(stage):
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
    return adopts


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


EDGE = [
    ('adopts a running mpquic-data after its own restart',
     adopts_after_a_restart(signal.SIGTERM)),
    ('adopts a running mpquic-data after its own death',
     adopts_after_a_restart(signal.SIGKILL)),
    ('keeps the devices while mpquic-data is dead',
     keeps_devices_without_data),
    ('makes a deleted device anew and hands it over',
     makes_deleted_devices_anew),
    ('restores a rule that another deletes', restores_rules),
    ('follows a WAN through unplug, renumbering and renaming', follows_a_wan),
    ('passes holds on, also to a new mpquic-data', passes_holds_on),
    ('tells how long a hold lasts', tells_how_long_a_hold_lasts),
    ('composes the status with and without mpquic-data', composes_status),
    ('streams events and keeps the last 256', tells_events),
    ('turns away the 33rd client, garbage and unknown methods', turns_away),
    ('judges by credentials, not file modes', judges_by_credentials),
    ('serves the other tunnels when a name is taken', serves_what_it_can),
    ('passes over events that are too long', takes_no_flood),
]
BOND = [
    ('moves a path of a bonded tunnel without touching a socket',
     moves_a_path),
    ('names no single path of a bond while mpquic-data is away',
     names_no_path_of_a_lone_bond),
    ('asks mpquic-data what becomes of a flow', explains),
]
VPS = [
    ('hands listeners over, and only those that are new',
     hands_listeners_over),
    ('serves the other listeners when a port is taken',
     serves_the_ports_that_it_can),
    ('tells a port that is taken by itself', tells_a_port_of_its_own),
]


if __name__ == '__main__':
    run((cases.EDGE, EDGE), (cases.BOND, BOND), (cases.VPS, VPS))
