# SPDX-License-Identifier: Apache-2.0
"""The lab: a site with six WANs, its concentrator, and what lies between, in
network namespaces of one machine.

   lan1 .. lan6                                 a modem and its provider
   172.16.N.2       +------+ wanN        lan0 +------+
   fd00:16:N::2     |      |==================| ispN |--+
    eth0 ---- lanN  |      |    (linkemu)     +------+  |
                    | edge |  DHCP, SLAAC      NAT if   |   +------+
              .1    |      |  from ispN's      N is odd +---| core |
             ::1    | mpqN |  dnsmasq                   |   +------+
                    +------+                            |      |
                       :          (the other five) -----+      | 192.0.2.1
                       :                                       |
                       :  10.200.N.1/30   QUIC to 192.0.2.2:4500N
                       :                                       |
                       :............ mpqN .2 .............. +-----+      +------+
                                                            | vps |------| host |
                                                            +-----+      +------+
                                                      203.0.113.1   203.0.113.2

 WAN N:        100.64.N.0/24 behind NAT (odd), 198.19.N.0/24 routed (even);
               2001:db8:N::/64; the ISP is .1 and ::1
 ispN - core:  198.18.N.0/24, core .1, isp .2; 2001:db8:100:N::/64
 core - vps:   192.0.2.0/24, core .1, vps .2; 2001:db8:fe::/64
 vps - host:   203.0.113.0/24, vps .1, host .2; 2001:db8:ff::/64
 tunnels:      10.200.N.0/30 and fd00:200:N::/64, edge .1, vps .2

A clear packet of a LAN would find its way to `host` by a WAN, and back: a leak
is not hidden by the lab's own routing.

Everything is made and removed by World (netns.py); waiting is polling with a
bound. Times are seconds of CLOCK_MONOTONIC.
"""
import contextlib
import json
import os
import random
import time

from netns import Failure, World, run, wait_for
from node import Node
from traffic import Capture, Emulator, Stream

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
WANS = 6
BASE_PORT = 45000
VPS = '192.0.2.2'
VPS6 = '2001:db8:fe::2'
HOST = '203.0.113.2'
HOST6 = '2001:db8:ff::2'
SERVER_NAME = 'vps.example'
EDGE_NAME = 'edge.example'
ECHO_PORT = 7007
UNPLUGS = ('gone', 'carrier', 'address', 'hole')

# Quick IPv6: no waiting for duplicate addresses that cannot be, addresses of
# the provider's side kept while a link is down.
SYSCTLS = {'net__ipv6__conf__default__accept_dad': 0,
           'net__ipv6__conf__default__router_solicitation_delay': 0,
           'net__ipv6__conf__default__keep_addr_on_down': 1,
           'net__ipv4__conf__all__rp_filter': 0,
           'net__ipv4__conf__default__rp_filter': 0}
FORWARDING = {'net__ipv4__ip_forward': 1, 'net__ipv6__conf__all__forwarding': 1}
# What a provider gets from the site. `quic`: what it should. `clear`: packets
# from or to addresses that belong inside the tunnels: never. `other`: none of
# these, nor what a WAN itself needs (DHCP, neighbour and router discovery, MLD).
# That one is 0 while nothing is unplugged; a router whose WAN has just lost its
# address forwards what still arrives for it, by the main table.
INNER4 = '172.16.0.0/12, 10.200.0.0/16, 203.0.113.0/24'
INNER6 = 'fd00::/8, 2001:db8:ff::/64'
WATCH = f'''table inet watch {{
	counter quic {{ }}
	counter clear {{ }}
	counter other {{ }}
	set seen4 {{
		type ipv4_addr . ipv4_addr . inet_proto
		size 256
		flags dynamic
	}}
	set seen6 {{
		type ipv6_addr . ipv6_addr . inet_proto
		size 256
		flags dynamic
	}}
	chain clear {{
		counter name clear
		update @seen4 {{ ip saddr . ip daddr . meta l4proto }}
		update @seen6 {{ ip6 saddr . ip6 daddr . meta l4proto }}
		accept
	}}
	chain in {{
		type filter hook prerouting priority -350
		iifname != "lan0" accept
		ip saddr {{ {INNER4} }} jump clear
		ip daddr {{ {INNER4} }} jump clear
		ip6 saddr {{ {INNER6} }} jump clear
		ip6 daddr {{ {INNER6} }} jump clear
		udp dport {BASE_PORT + 1}-{BASE_PORT + WANS} counter name quic accept
		udp dport 67 accept
		icmpv6 type {{ 130-137, 143 }} accept
		counter name other
	}}
}}
'''
OFFLOADS = ('tso', 'gso', 'gro', 'tx', 'rx', 'sg', 'tx-udp-segmentation')


class Lab(World):
    """A context manager. wans: how many; emulate: {N: linkemu shape} for WANs
    that get an emulator; build: where the programs were built."""

    def __init__(self, build, *, wans=WANS, emulate=None, schedule=None,
                 keep=False, real_time=False):
        super().__init__(keep=keep)
        self.build = build
        self.wans = list(range(1, wans + 1))
        self.lans = self.wans
        self.emulate = emulate or {}
        self.schedule = schedule
        self.real_time = real_time
        self.emulator = None
        self.dhcp_servers = {}
        self.dhcp_clients = {}
        self.macs = {}
        self.streams = []
        self.captures = 0
        self.edge = Node(self, 'edge')
        self.vps = Node(self, 'vps')

    def __enter__(self):
        super().__enter__()
        try:
            self._build_topology()
        except BaseException as error:
            self.__exit__(type(error), error, None)
            raise
        return self

    def program(self, *path):
        """A program of the build, e.g. ('tests/netns/probe', 'probe')."""
        full = os.path.join(self.build, *path)
        if not os.access(full, os.X_OK):
            raise Failure(f'{full} is not built')
        return full

    def sanitized(self):
        """The programs are slower and larger than they are for users."""
        with open(self.program('dataplane', 'mpquic-data'), 'rb') as file:
            return b'__asan_init' in file.read()

    # Topology

    def _build_topology(self):
        names = ['edge', 'core', 'vps', 'host']
        names += [f'isp{n}' for n in self.wans]
        names += [f'lan{n}' for n in self.lans]
        if self.emulate:
            names.append('emu')
        for name in names:
            self.namespace(name)
            self.sysctl(name, **SYSCTLS)
        for name in names:
            if name in ('edge', 'core', 'vps') or name.startswith('isp'):
                self.sysctl(name, **FORWARDING)
        # A router that listens to router advertisements on its WANs.
        self.sysctl('edge', net__ipv6__conf__default__accept_ra=2)
        self._cable('core', 'vps0', 'vps', 'eth0')
        self._cable('vps', 'inet0', 'host', 'eth0')
        self._build_far_side()
        for n in self.lans:
            self._build_lan(n)
        for n in self.wans:
            self._build_isp(n)
        self._start_emulator()
        for n in self.wans:
            self.dhcp_server(n)
        for n in self.wans:
            self.dhcp_client(n)

    def _cable(self, a, device_a, b, device_b):
        self.ip(a, f'link add {device_a} type veth peer name {device_b} '
                   f'netns {self.full(b)}', f'link set {device_a} up')
        self.ip(b, f'link set {device_b} up')

    def _build_far_side(self):
        self.ip('core', 'addr add 192.0.2.1/24 dev vps0',
                'addr add 2001:db8:fe::1/64 dev vps0',
                'route add 203.0.113.0/24 via 192.0.2.2',
                'route add 2001:db8:ff::/64 via 2001:db8:fe::2')
        self.ip('vps', f'addr add {VPS}/24 dev eth0',
                f'addr add {VPS6}/64 dev eth0',
                'addr add 203.0.113.1/24 dev inet0',
                'addr add 2001:db8:ff::1/64 dev inet0',
                'route add default via 192.0.2.1',
                'route add default via 2001:db8:fe::1')
        self.ip('host', f'addr add {HOST}/24 dev eth0',
                f'addr add {HOST6}/64 dev eth0',
                'route add default via 203.0.113.1',
                'route add default via 2001:db8:ff::1')

    def _build_lan(self, n):
        self._cable('edge', f'lan{n}', f'lan{n}', 'eth0')
        self.ip('edge', f'addr add 172.16.{n}.1/24 dev lan{n}',
                f'addr add fd00:16:{n}::1/64 dev lan{n}')
        self.ip(f'lan{n}', f'addr add 172.16.{n}.2/24 dev eth0',
                f'addr add fd00:16:{n}::2/64 dev eth0',
                f'route add default via 172.16.{n}.1',
                f'route add default via fd00:16:{n}::1')

    def _build_isp(self, n):
        isp = f'isp{n}'
        self._cable(isp, 'up0', 'core', isp)
        self.ip('core', f'addr add 198.18.{n}.1/24 dev {isp}',
                f'addr add 2001:db8:100:{n}::1/64 dev {isp}',
                f'route add 198.19.{n}.0/24 via 198.18.{n}.2',
                f'route add 2001:db8:{n}::/64 via 2001:db8:100:{n}::2')
        self.ip(isp, f'addr add 198.18.{n}.2/24 dev up0',
                f'addr add 2001:db8:100:{n}::2/64 dev up0',
                f'route add default via 198.18.{n}.1',
                f'route add default via 2001:db8:100:{n}::1')
        self.nft(isp, 'table inet hole { chain in { type filter hook '
                 'prerouting priority -400; }; chain out { type filter hook '
                 'postrouting priority 400; }; }\n')
        if self.natted(n):
            self.map_ports(n, 20000)
        self.nft(isp, WATCH)
        self.plug_cable(n)

    def natted(self, n):
        return n % 2 == 1

    def network(self, n):
        """The first three bytes of WAN n's IPv4 network."""
        return f'100.64.{n}' if self.natted(n) else f'198.19.{n}'

    def plug_cable(self, n):
        """The device wanN and the provider's end of it, with a new MAC
        address, as a new modem has."""
        isp = f'isp{n}'
        mac = '02:%02x:%02x:%02x:%02x:%02x' % (
            n, *(random.randrange(256) for _ in range(4)))
        if n in self.emulate:
            self.ip('edge', f'link add wan{n} address {mac} type veth peer '
                    f'name a{n} netns {self.full("emu")}')
            if n not in self.macs:  # the first time: this end stays
                self.ip(isp, 'link add lan0 type veth peer name '
                        f'b{n} netns {self.full("emu")}')
                self._switch_offloads_off(isp, 'lan0')
            self.ip('emu', f'link set a{n} up', f'link set b{n} up')
            self._switch_offloads_off('edge', f'wan{n}')
        else:
            self.ip('edge', f'link add wan{n} address {mac} type veth peer '
                    f'name lan0 netns {self.full(isp)}')
        self.macs[n] = mac
        self.ip(isp, f'addr replace {self.network(n)}.1/24 dev lan0',
                f'addr replace 2001:db8:{n}::1/64 dev lan0',
                'link set lan0 up')
        self.ip('edge', f'link set wan{n} up')

    def _switch_offloads_off(self, name, device):
        for feature in OFFLOADS:
            self.run(name, 'ethtool', '-K', device, feature, 'off',
                     check=False)

    def _start_emulator(self):
        if self.emulate:
            links = {str(n): (f'a{n}', f'b{n}', shape)
                     for n, shape in self.emulate.items()}
            self.emulator = Emulator(
                self, 'emu', self.program('tests/netns/linkemu/linkemu'),
                links, schedule=self.schedule, real_time=self.real_time)
            for n in self.emulate:
                wait_for(lambda n=n: self.emulator.attached(n), 5,
                         f'linkemu has the devices of WAN {n}')

    # DHCP

    def dhcp_server(self, n, address=None):
        """Provider n gives out `address` (the last byte) or a range."""
        isp, network = f'isp{n}', self.network(n)
        if n in self.dhcp_servers:
            self.end(self.dhcp_servers.pop(n))
        first, last = (address, address) if address else (10, 99)
        leases = os.path.join(self.directory, f'{isp}.leases')
        with contextlib.suppress(FileNotFoundError):
            os.unlink(leases)
        server = self.start(
            isp, f'{isp}-dhcp-{time.monotonic_ns()}', 'dnsmasq',
            '--keep-in-foreground', '--conf-file=/dev/null', '--port=0',
            '--interface=lan0', '--bind-dynamic', '--user=root', '--no-ping',
            '--dhcp-authoritative', '--pid-file=', '--log-facility=-',
            f'--dhcp-leasefile={leases}',
            f'--dhcp-range={network}.{first},{network}.{last},2m',
            f'--dhcp-option=option:router,{network}.1',
            '--enable-ra', f'--dhcp-range=2001:db8:{n}::,ra-only,64')
        self.dhcp_servers[n] = server
        server.wait_for_text('DHCP, IP range')

    def dhcp_client(self, n, device=None):
        """Starts WAN n's DHCP client on the edge."""
        stamp = os.path.join(self.directory, f'wan{n}.leases')
        env = dict(os.environ, LAB_METRIC=str(1000 + n), LAB_STAMP=stamp)
        self.dhcp_clients[n] = self.start(
            'edge', f'wan{n}-dhcp', 'udhcpc', '-f', '-i', device or f'wan{n}',
            '-s', os.path.join(HERE, 'udhcpc.script'), '-T', '1', '-t', '10',
            '-A', '1', env=env)

    def stop_dhcp_client(self, n):
        if n in self.dhcp_clients:
            self.end(self.dhcp_clients.pop(n))

    def leases(self, n):
        """[(address, time it was set)], oldest first."""
        offset = time.time() - time.monotonic()
        try:
            with open(os.path.join(self.directory, f'wan{n}.leases'),
                      encoding='ascii') as lines:
                return [(address, float(at) - offset)
                        for address, at in map(str.split, lines)]
        except FileNotFoundError:
            return []

    def address(self, n):
        """WAN n's IPv4 address at the edge, or None."""
        words = self.run('edge', 'ip', '-4', '-br', 'addr', 'show', 'dev',
                         f'wan{n}', check=False).split()
        return words[2].split('/')[0] if len(words) > 2 else None

    def wait_for_addresses(self, seconds=20):
        for n in self.wans:
            wait_for(lambda n=n: self.address(n), seconds,
                     f'wan{n} has an address by DHCP')

    # Trouble

    def unplug(self, n, how='gone'):
        """gone: the device vanishes; carrier: the cable is out of the modem;
        address: the lease is lost; hole: all packets vanish silently."""
        if how == 'gone':
            self.stop_dhcp_client(n)
            self.ip('edge', f'link del wan{n}')
        elif how == 'carrier':
            self._far_end(n, 'down')
        elif how == 'address':
            self.stop_dhcp_client(n)
            self.run('edge', 'ip', '-4', 'addr', 'flush', 'dev', f'wan{n}')
        elif how == 'hole':
            self.hole(n, True)
        else:
            raise ValueError(f'{how}: allowed are {UNPLUGS}')
        return time.monotonic()

    def replug(self, n, how='gone', address=None):
        """Undoes unplug(). address: the last byte of the address that it gets
        now. Returns when the WAN was usable again."""
        before = len(self.leases(n))
        if how == 'hole':
            self.hole(n, False)
            return time.monotonic()
        if how == 'gone':
            self.plug_cable(n)
            if n in self.emulate:
                wait_for(lambda: self.emulator.attached(n), 5,
                         f'linkemu has the devices of WAN {n}')
        elif how == 'carrier':
            self._far_end(n, 'up')
            if not address:
                return time.monotonic()
            self.stop_dhcp_client(n)
        if address or (how == 'gone' and n not in self.emulate):
            self.dhcp_server(n, address)
        self.dhcp_client(n)
        wait_for(lambda: len(self.leases(n)) > before, 15,
                 f'wan{n} has an address again')
        return self.leases(n)[-1][1]

    def _far_end(self, n, state):
        name, device = (('emu', f'a{n}') if n in self.emulate
                        else (f'isp{n}', 'lan0'))
        self.ip(name, f'link set {device} {state}')

    def hole(self, n, there):
        if n in self.emulate:
            self.emulator.set(str(n), hole=int(there))
        elif there:
            self.nft(f'isp{n}', 'add rule inet hole in iifname lan0 drop\n'
                     'add rule inet hole out oifname lan0 drop\n')
        else:
            self.nft(f'isp{n}', 'flush table inet hole\n')

    def rename(self, device, to):
        self.ip('edge', f'link set {device} down',
                f'link set {device} name {to}', f'link set {to} up')

    def map_ports(self, n, first):
        """ISP n's NAT maps to ports from `first` on from now on."""
        self.nft(f'isp{n}', 'table ip nat {}\ndelete table ip nat\n'
                 'table ip nat { chain out { type nat hook postrouting '
                 'priority srcnat; meta l4proto udp oifname up0 masquerade to '
                 f':{first}-{first + 9999} ; oifname up0 masquerade; }}; }}\n')

    def rebind(self, n, first):
        """ISP n's NAT forgets its mappings and takes other ports, as CGNATs
        do in the middle of a connection's life."""
        self.map_ports(n, first)
        self.run(f'isp{n}', 'python3', os.path.join(HERE, 'conntrack.py'))

    def counted(self, name):
        """Packets that each provider has counted as 'clear', 'other' or
        'quic': {N: n}.
        A hole (unplug) swallows before this counts."""
        result = {}
        for n in self.wans:
            text = self.run(f'isp{n}', 'nft', '-j', 'list', 'counter', 'inet',
                            'watch', name)
            for entry in json.loads(text)['nftables']:
                if 'counter' in entry:
                    result[n] = entry['counter']['packets']
        return result

    def in_clear(self):
        """How many packets of the site went out by any WAN in clear so far."""
        return sum(self.counted('clear').values())

    def seen_in_clear(self):
        """Whose they were: {N: [[from, to, protocol], ...]}."""
        result = {}
        for n in self.wans:
            for family in '46':
                text = self.run(f'isp{n}', 'nft', '-j', 'list', 'set', 'inet',
                                'watch', f'seen{family}')
                for entry in json.loads(text)['nftables']:
                    for element in entry.get('set', {}).get('elem', []):
                        result.setdefault(n, []).append(element['concat'])
        return result

    # Daemons

    def start_daemons(self, **config):
        """Certificates, configurations, both daemons on both ends."""
        self.certificates()
        self.vps.configure(self.vps_config(**config))
        self.edge.configure(self.edge_config(**config))
        for node in (self.vps, self.edge):
            node.start()

    def certificates(self):
        """Both ends' certificates and the CA, by mpqctl."""
        self.pki = os.path.join(self.directory, 'pki')
        run([self.program('controlplane/mpqctl/mpqctl'), 'cert', 'init',
             self.pki, '--concentrator', SERVER_NAME, '--edge', EDGE_NAME])

    def trust(self, who):
        return {'certificate': f'{self.pki}/{who}.pem',
                'private-key': f'{self.pki}/{who}.key',
                'authority': [f'{self.pki}/authority.pem']}

    def edge_config(self, outer=4):
        return {'mpquic:mpquic': {
            'local': {'role': 'edge', 'name': 'ship'},
            'trust': self.trust('edge'),
            'path': [{'name': f'wan{n}', 'wan': f'wan{n}',
                      'remote': {'address': VPS if outer == 4 else VPS6,
                                 'port': BASE_PORT + n,
                                 'server-name': SERVER_NAME}}
                     for n in self.wans],
            'tunnel': [{'name': f'mpq{n}', 'path': [f'wan{n}'],
                        'address': [{'ip': f'10.200.{n}.1',
                                     'prefix-length': 30},
                                    {'ip': f'fd00:200:{n}::1',
                                     'prefix-length': 64}],
                        'lan': [{'interface': f'lan{n}',
                                 'prefix': [f'172.16.{n}.0/24',
                                            f'fd00:16:{n}::/64']}]}
                       for n in self.wans]}}

    def vps_config(self, outer=4):
        del outer  # its listeners are for both families
        return {'mpquic:mpquic': {
            'local': {'role': 'concentrator', 'name': 'vps'},
            'trust': self.trust('concentrator'),
            'peer': [{'name': 'ship', 'certificate-name': EDGE_NAME}],
            'path': [{'name': f'port{n}',
                      'listen': {'address': '::', 'port': BASE_PORT + n}}
                     for n in self.wans],
            'tunnel': [{'name': f'mpq{n}', 'path': [f'port{n}'],
                        'peer': 'ship',
                        'address': [{'ip': f'10.200.{n}.2',
                                     'prefix-length': 30},
                                    {'ip': f'fd00:200:{n}::2',
                                     'prefix-length': 64}],
                        'assign': [f'10.200.{n}.1/32',
                                   f'fd00:200:{n}::1/128'],
                        'remote-prefix': [f'172.16.{n}.0/24',
                                          f'fd00:16:{n}::/64']}
                       for n in self.wans]}}

    # Traffic

    def start_echo(self):
        """An echo of probe's streams on `host`."""
        echo = self.start('host', 'echo', self.program('tests/netns/probe',
                                                       'probe'),
                          'echo', str(ECHO_PORT))
        echo.wait_for_text('ready')

    def stream(self, n, address=HOST, pps=200, size=400):
        """From LAN n to `host`, and its echo."""
        stream = Stream(self, self.program('tests/netns/probe', 'probe'),
                        f'lan{n}', address, port=ECHO_PORT, pps=pps,
                        size=size, label=f'stream-{n}-{len(self.streams)}')
        self.streams.append(stream)
        return stream

    def capture(self, name, device, expression=''):
        self.captures += 1
        return Capture(self, name, device,
                       f'capture-{self.captures}-{name}-{device}', expression)

    def ping(self, name, address, count=3, size=56, seconds=None):
        """How many of `count` came back, at 20 a second."""
        text = self.run(name, 'ping', '-c', str(count), '-i', '0.05', '-W',
                        '2', '-s', str(size), '-n', '-q', address, check=False,
                        timeout=seconds or 60)
        for line in text.splitlines():
            if 'received' in line:
                return int(line.split(',')[1].split()[0])
        return 0
