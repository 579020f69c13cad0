# SPDX-License-Identifier: Apache-2.0
"""A lab with one bonded tunnel over all WANs and, on the same links, one plain
tunnel each to compare with.

   lan0 --- edge === mpq0: wan1 .. wanN to the listeners 45001 .. 4500N
   lanN --- edge === mpqN: oneN over WAN N to the listener 4501N

Path names: wanN of the bonded tunnel, oneN of the plain ones. LAN 0 is
172.16.0.0/24 and fd00:16:0::/64; the rest is as in lab.py.
"""
import os
import tempfile
import time

from lab import BASE_PORT, EDGE_NAME, SERVER_NAME, VPS, Lab
from netns import wait_for

BONDED = 0
ALONE_PORT = BASE_PORT + 10


def _tunnel(n, paths):
    return {'name': f'mpq{n}', 'path': paths,
            'address': [{'ip': f'10.200.{n}.1', 'prefix-length': 30},
                        {'ip': f'fd00:200:{n}::1', 'prefix-length': 64}],
            'lan': [{'interface': f'lan{n}',
                     'prefix': [f'172.16.{n}.0/24', f'fd00:16:{n}::/64']}]}


def _far_tunnel(n, paths):
    return {'name': f'mpq{n}', 'path': paths, 'peer': 'edge',
            'address': [{'ip': f'10.200.{n}.2', 'prefix-length': 30},
                        {'ip': f'fd00:200:{n}::2', 'prefix-length': 64}],
            'assign': [f'10.200.{n}.1/32', f'fd00:200:{n}::1/128'],
            'remote-prefix': [f'172.16.{n}.0/24', f'fd00:16:{n}::/64']}


def _dial(name, n, port):
    return {'name': name, 'wan': f'wan{n}',
            'remote': {'address': VPS, 'port': port,
                       'server-name': SERVER_NAME}}


def _listen(name, port):
    return {'name': name, 'listen': {'port': port}}


class BondLab(Lab):
    """bonded: the WANs of mpq0, in order (default: all); alone: those that
    have a plain tunnel too."""

    def __init__(self, build, *, wans, bonded=None, alone=(), schedule='',
                 **options):
        self.schedule_text = schedule
        super().__init__(build, wans=wans, **options)
        self.bonded = list(self.wans) if bonded is None else list(bonded)
        self.alone = list(alone)
        self.lans = [BONDED] + self.alone
        self.classes, self.rules = [], []
        if schedule:
            descriptor, self.schedule = tempfile.mkstemp(dir=self.directory)
            with os.fdopen(descriptor, 'w', encoding='ascii') as file:
                file.write(schedule)

    # Configurations; `classes` and `rules` may be changed and written again.

    def edge_config(self, outer=4):
        del outer
        content = {
            'local': {'role': 'edge', 'name': 'ship'},
            'trust': self.trust('edge'),
            'path': [_dial(f'wan{n}', n, BASE_PORT + n) for n in self.bonded]
            + [_dial(f'one{n}', n, ALONE_PORT + n) for n in self.alone],
            'tunnel': ([_tunnel(BONDED, [f'wan{n}' for n in self.bonded])]
                       if self.bonded else [])
            + [_tunnel(n, [f'one{n}']) for n in self.alone]}
        if self.classes:
            content['class'] = self.classes
        if self.rules:
            content['rule'] = self.rules
        return {'mpquic:mpquic': content}

    def vps_config(self, outer=4):
        del outer
        bonded = self.wans if self.bonded else []
        return {'mpquic:mpquic': {
            'local': {'role': 'concentrator', 'name': 'vps'},
            'trust': self.trust('concentrator'),
            'peer': [{'name': 'edge', 'certificate-name': EDGE_NAME}],
            'path': [_listen(f'in{n}', BASE_PORT + n) for n in bonded]
            + [_listen(f'alone{n}', ALONE_PORT + n) for n in self.alone],
            'tunnel': ([_far_tunnel(BONDED, [f'in{n}' for n in bonded])]
                       if self.bonded else [])
            + [_far_tunnel(n, [f'alone{n}']) for n in self.alone]}}

    def recommit(self):
        """The edge's configuration as it is now, loaded and committed while
        all runs, and in force at both ends. Seconds that the commit took."""
        self.edge.mpqctl('load', self.edge.write_config(self.edge_config(),
                                                        'next.json'))
        begun = time.monotonic()
        self.edge.mpqctl('commit')
        took = time.monotonic() - begun
        for node in (self.edge, self.vps):
            wait_for(lambda node=node: self.in_force(node), 5,
                     lambda node=node: f'{node.label} has the classes '
                     f'{self.classes} and rules {self.rules}: '
                     f'{self.tunnel(node=node).get("session")}', interval=0.05)
        return took

    def in_force(self, node):
        session = self.tunnel(node=node).get('session', {})
        return (
            [c['name'] for c in self.classes]
            == [c['name'] for c in session.get('classes', [])
                if c['name'] != 'default']
            and [r['name'] for r in self.rules]
            == [r['name'] for r in session.get('rules', []) if r['name']])

    def paths(self):
        return [f'wan{n}' for n in self.bonded] + [f'one{n}'
                                                   for n in self.alone]

    def come_up(self, seconds=20):
        """Addresses, daemons, and every path up."""
        self.wait_for_addresses()
        self.start_daemons()
        self.wait_for_paths(seconds)

    def wait_for_paths(self, seconds=20):
        for path in self.paths():
            self.edge.wait_for_state(path, 'up', seconds=seconds)

    def member(self, n, node=None):
        """What the session says of WAN n's path."""
        members = self.tunnel(node=node).get('session', {}).get('members', [])
        number = self.bonded.index(n)
        return next((m for m in members if m['id'] == number), {})

    def wait_for_member(self, n, seconds=20):
        """Both ends use it: it is not on probation any more."""
        for node in (self.edge, self.vps):
            wait_for(lambda node=node:
                     self.member(n, node).get('state') == 'used', seconds,
                     lambda node=node: f'{node.label} uses path {n}: '
                     f'{self.member(n, node)}', interval=0.05)

    def begin_anew(self):
        """The edge's daemons, and so the session: nobody remembers earlier
        failures, after which probation is longer each time."""
        self.edge.stop()
        self.edge.start()
        self.wait_for_paths()
        for n in self.bonded:
            self.wait_for_member(n)

    def tunnel(self, n=BONDED, node=None):
        """What `mpqctl status --json` says of a tunnel."""
        for entry in (node or self.edge).status().get('tunnels', []):
            if entry['name'] == f'mpq{n}':
                return entry
        return {}

    def path(self, name):
        for entry in self.edge.status().get('paths', []):
            if entry['name'] == name:
                return entry
        return {}

    def lan_address(self, n=BONDED, family=4):
        return f'172.16.{n}.2' if family == 4 else f'fd00:16:{n}::2'

    def wait_for_traffic(self, n=BONDED, seconds=10):
        wait_for(lambda: self.ping(f'lan{n}', '203.0.113.2', 1) == 1, seconds,
                 f'an answer through mpq{n}')
