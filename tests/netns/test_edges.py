#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Many edges at one concentrator, all by the same port: each is known by its
certificate, has a tunnel of its own and no way into another's."""
import shutil

import labtest
from lab import BASE_PORT, HOST, Lab, SERVER_NAME, VPS
from netns import wait_for
from node import Node
from pki import Pki

EDGES = 8
PPS = 100


class Site:
    """An edge with one WAN, straight at the core, and a LAN of one address on
    its own loopback."""

    def __init__(self, lab, k):
        self.lab, self.k, self.name = lab, k, f'site{k}'
        lab.namespace(self.name)
        lab.sysctl(self.name, net__ipv4__ip_forward=1)
        lab.ip(self.name, f'link add wan1 type veth peer name site{k} netns '
               f'{lab.full("core")}', 'link set wan1 up',
               f'addr add 198.18.{100 + k}.2/24 dev wan1',
               f'route add default via 198.18.{100 + k}.1',
               f'addr add 172.17.{k}.1/32 dev lo')
        lab.ip('core', f'addr add 198.18.{100 + k}.1/24 dev site{k}',
               f'link set site{k} up')
        self.node = Node(lab, self.name)

    def certificate_name(self):
        return f'site{self.k}.example'

    def config(self, pki):
        return {'mpquic:mpquic': {
            'local': {'role': 'edge', 'name': self.name},
            'trust': {'certificate': pki.path(self.name),
                      'private-key': pki.path(self.name, 'key'),
                      'authority': [pki.path('ca')]},
            'path': [{'name': 'wan1', 'wan': 'wan1',
                      'remote': {'address': VPS, 'port': BASE_PORT + 1,
                                 'server-name': SERVER_NAME}}],
            'tunnel': [{'name': 'mpq1', 'path': ['wan1'],
                        'address': [{'ip': f'10.201.{self.k}.1',
                                     'prefix-length': 30}]}]}}

    def tunnel_at_vps(self):
        return {'name': f'mpq{10 + self.k}', 'path': ['port1'],
                'peer': self.name,
                'address': [{'ip': f'10.201.{self.k}.2',
                             'prefix-length': 30}],
                'assign': [f'10.201.{self.k}.1/32'],
                'remote-prefix': [f'172.17.{self.k}.0/24']}


def configure(lab, sites):
    pki = Pki(lab.directory + '/pki')
    pki.authority('ca')
    pki.leaf('concentrator', 'ca', 'server', SERVER_NAME)
    shutil.copy(pki.path('ca'), pki.path('authority'))
    for site in sites:
        pki.leaf(site.name, 'ca', 'client', site.certificate_name())
    lab.pki = pki.directory
    config = lab.vps_config()
    top = config['mpquic:mpquic']
    top['peer'] = [{'name': s.name, 'certificate-name': s.certificate_name()}
                   for s in sites]
    top['tunnel'] = [site.tunnel_at_vps() for site in sites]
    lab.vps.configure(config)
    lab.vps.start()
    for site in sites:
        site.node.configure(site.config(pki))
        site.node.start()


def ping_from(lab, site, source, address):
    text = lab.run(site.name, 'ping', '-c', '3', '-i', '0.05', '-W', '1', '-n',
                   '-q', '-I', source, address, check=False)
    return ' 3 received' in text


def isolation(tap, lab, sites):
    one, other = sites[0], sites[1]
    lab.ip(one.name, f'route add {HOST}/32 dev mpq1')
    with tap.case('a site\'s own prefix passes'):
        assert ping_from(lab, one, f'172.17.{one.k}.1', HOST)
    with tap.case('another site\'s address as a source does not'):
        stolen = f'172.17.{other.k}.1'
        lab.ip(one.name, f'addr add {stolen}/32 dev lo')
        capture = lab.capture('vps', 'inet0', f'src {stolen}')
        assert not ping_from(lab, one, stolen, HOST)
        assert capture.stop().count() == 0, capture.lines()
        lab.ip(one.name, f'addr del {stolen}/32 dev lo')


def main():
    build, tap = labtest.begin()
    with Lab(build, wans=1) as lab:
        sites = [Site(lab, k) for k in range(1, EDGES + 1)]
        configure(lab, sites)
        with tap.case(f'{EDGES} edges come up by one port'):
            for site in sites:
                site.node.wait_for_state('wan1', 'up')
        with tap.case('each reaches the concentrator, and is reached'):
            for site in sites:
                for where, address in ((site.name, f'10.201.{site.k}.2'),
                                       ('vps', f'10.201.{site.k}.1')):
                    got = lab.ping(where, address)
                    assert got == 3, (where, address, got, site.node.status(),
                                      lab.vps.status())
        isolation(tap, lab, sites)
        with tap.case('one that is killed takes nobody along'):
            sites[0].node.kill_data()
            sites[0].node.kill_control()
            for site in sites[1:]:
                assert lab.ping(site.name, f'10.201.{site.k}.2') == 3, site.k
            sites[0].node.start()
            sites[0].node.wait_for_state('wan1', 'up')
            wait_for(lambda: lab.ping(sites[0].name, '10.201.1.2') == 3, 10,
                     'the killed one is back')
        with tap.case('the daemons end cleanly'):
            for site in sites:
                site.node.stop()
            lab.vps.stop()
    tap.done()


if __name__ == '__main__':
    main()
