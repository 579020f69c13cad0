#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Wrong certificates over the wire, in both directions: each is refused, with
a reason of its own, and the tunnel that is up loses no packet meanwhile
(criterion f). The wrong end is an mpquic-data that this test tells what to be
(rogue.py): mpquic-control would not let such certificates pass.
"""
import json
import shutil

import labtest
from lab import BASE_PORT, EDGE_NAME, Lab, SERVER_NAME, VPS
from netns import wait_for
from pki import Pki
from rogue import Rogue

CORE = '192.0.2.1'

# What the one sentence has to contain, whatever else it says.
REASONS = {
    'expired': ('expired',),
    'not-yet-valid': ('not valid before', 'not yet valid', 'not before'),
    'rsa-1024': ('1024',),
    'rsa-2048': ('2048',),
    'sha-1': ('SHA1', 'SHA-1', 'sha1'),
    'revoked': ('revoked',),
    'is-a-ca': ('CA', 'authority'),
    'wrong-ca': ('issue', 'authority', 'trust'),
    'wrong-name': ('nobody.example',),
    'wrong-usage': ('usage', 'client', 'server'),
    'self-signed': ('issue', 'authority', 'trust', 'self'),
    'bad-signature': ('signature',),
}


def certificates(lab):
    pki = Pki(lab.directory + '/pki')
    for name in ('ca', 'rogue'):
        pki.authority(name)
    pki.leaf('edge', 'ca', 'client', EDGE_NAME)
    pki.leaf('concentrator', 'ca', 'server', SERVER_NAME)
    cases = pki.wrong_ones('client', EDGE_NAME)
    assert pki.wrong_ones('server', SERVER_NAME) == cases
    pki.revoke(['client-revoked', 'server-revoked'], 'ca', 'crl')
    shutil.copy(pki.path('ca'), pki.path('authority'))
    return pki, cases


def trust(pki, name, key=None):
    return {'certificate-pem': pki.text(name),
            'private-key-pem': pki.text(key or name, 'key'),
            'authority-pem': pki.text('ca')}


def configure(lab, pki):
    """The edge's second path leads to the rogue; the first is a good one."""
    lab.pki = pki.directory
    edge, vps = lab.edge_config(), lab.vps_config()
    edge['mpquic:mpquic']['path'][1]['remote']['address'] = CORE
    for config in (edge, vps):
        config['mpquic:mpquic']['trust']['revocation-list'] = [pki.path('crl')]
    lab.edge.configure(edge)
    lab.vps.configure(vps)
    lab.vps.start()
    lab.edge.start()


def refusals(node):
    """Reasons of all events of peers turned away."""
    _, text, _ = node.mpqctl('events', '--json')
    events = [json.loads(line) for line in text.splitlines() if line.strip()]
    return [e.get('reason', '') for e in events if e.get('event') == 'refused']


def fits(case, reason):
    return any(word in reason for word in REASONS[case])


def dialled_by_rogue(tap, lab, pki, case):
    with tap.case(f'the concentrator refuses an edge\'s: {case}'):
        seen = len(refusals(lab.vps))
        rogue = Rogue(lab, 'core')
        try:
            reply = rogue.dial(trust(pki, f'client-{case}'), device='vps0',
                               local=CORE, remote=VPS, port=BASE_PORT + 1,
                               server_name=SERVER_NAME)
            assert 'error' not in reply, reply
            new = wait_for(lambda: refusals(lab.vps)[seen:], 10,
                           lambda: f'a refusal; the rogue says '
                                   f'{rogue.messages[-2:]}')
            assert fits(case, new[0]), new
            tap.diag(f'{case}: {new[0]}')
        finally:
            rogue.end()


def dialled_by_edge(tap, lab, pki, case):
    with tap.case(f'the edge refuses a concentrator\'s: {case}'):
        lab.edge.mpqctl('path', 'hold', 'wan2')
        rogue = Rogue(lab, 'core')
        try:
            reply = rogue.listen(trust(pki, f'server-{case}'),
                                 port=BASE_PORT + 2, peer=EDGE_NAME)
            assert 'error' not in reply, reply
            lab.edge.mpqctl('path', 'release', 'wan2')
            lab.edge.wait_for_state('wan2', 'refused', seconds=10)
            reason = lab.edge.reason('wan2')
            assert fits(case, reason), reason
            tap.diag(f'{case}: {reason}')
        finally:
            rogue.end()


def mismatched(tap, lab, pki):
    with tap.case('a key of another certificate is refused before use'):
        rogue = Rogue(lab, 'core')
        try:
            reply = rogue.dial(trust(pki, 'edge', key='concentrator'),
                               device='vps0', local=CORE, remote=VPS,
                               port=BASE_PORT + 1, server_name=SERVER_NAME)
            assert 'error' in reply, reply
            assert 'key' in reply['parameters']['message'], reply
        finally:
            rogue.end()


def good_one_passes(tap, lab, pki):
    with tap.case('with a good certificate the rogue would get in'):
        rogue = Rogue(lab, 'core')
        try:
            lab.edge.mpqctl('path', 'hold', 'wan2')
            reply = rogue.listen(trust(pki, 'concentrator'),
                                 port=BASE_PORT + 2, peer=EDGE_NAME)
            assert 'error' not in reply, reply
            lab.edge.mpqctl('path', 'release', 'wan2')
            lab.edge.wait_for_state('wan2', 'up', seconds=10)
        finally:
            rogue.end()


def main():
    build, tap = labtest.begin()
    if not shutil.which('certtool'):
        labtest.skip_all('no certtool: deploy/install-deps test')
    with Lab(build, wans=2) as lab:
        lab.wait_for_addresses()
        pki, cases = certificates(lab)
        configure(lab, pki)
        lab.start_echo()
        with tap.case('the good tunnel comes up'):
            lab.edge.wait_for_state('wan1', 'up')
        stream = lab.stream(1, pps=200)
        stream.flowing()
        first = stream.position()
        good_one_passes(tap, lab, pki)
        for case in cases:
            dialled_by_rogue(tap, lab, pki, case)
        for case in cases:
            dialled_by_edge(tap, lab, pki, case)
        mismatched(tap, lab, pki)
        with tap.case('the good tunnel has lost no packet meanwhile'):
            report = stream.settled(first, stream.position())
            assert report['lost'] == 0, report
        with tap.case('the daemons end cleanly'):
            lab.edge.stop()
            lab.vps.stop()
    tap.done()


if __name__ == '__main__':
    main()
