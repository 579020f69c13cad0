# SPDX-License-Identifier: Apache-2.0
"""An mpquic-data that is told by us, in mpquic-control's place, what to be:
with certificates that mpquic-control would not let pass, for instance. Speaks
common/southbound.h."""
import ctypes
import fcntl
import json
import os
import select
import socket
import struct
import time

from netns import Failure, LIBC
from node import NOBODY

CLONE_NEWNET = 0x40000000
TUNSETIFF = 0x400454ca
IFF_TUN, IFF_NO_PI, IFF_VNET_HDR = 0x0001, 0x1000, 0x4000


class inside:  # pylint: disable=invalid-name
    """with inside(namespace): this process is in it."""

    def __init__(self, full):
        self.full = full

    def _enter(self, path):
        with open(path, 'rb') as file:
            if LIBC.setns(file.fileno(), CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), f'setns {path}')

    def __enter__(self):
        self.home = os.open('/proc/self/ns/net', os.O_RDONLY)
        self._enter(f'/run/netns/{self.full}')

    def __exit__(self, *_):
        self._enter(f'/proc/self/fd/{self.home}')
        os.close(self.home)


def open_tun(full, name):
    with inside(full):
        fd = os.open('/dev/net/tun', os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(fd, TUNSETIFF, struct.pack(
            '16sH22x', name.encode(), IFF_TUN | IFF_NO_PI | IFF_VNET_HDR))
    return fd


def open_wan(full, device):
    """A socket for IPv4 bound to a device, as mpquic-control makes them; and
    the device's number."""
    with inside(full):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE,
                     device.encode())
        s.bind(('', 0))
        return s, socket.if_nametoindex(device)


def open_listener(full, port):
    """A socket for both families."""
    with inside(full):
        s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        s.bind(('::', port))
    return s


class Rogue:
    """One mpquic-data of a namespace and our conversation with it."""

    runs = 0

    def __init__(self, lab, name):
        Rogue.runs += 1
        self.lab = lab
        self.full = lab.full(name)
        self.buffer = b''
        self.messages = []
        path = os.path.join(lab.directory, f'rogue-{Rogue.runs}.sock')
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path)
        os.chown(path, NOBODY, NOBODY)
        listener.listen()
        listener.settimeout(10)
        self.process = lab.start(
            name, f'rogue-{Rogue.runs}', 'setpriv', f'--reuid={NOBODY}',
            f'--regid={NOBODY}', '--clear-groups',
            lab.edge.path('bin/mpquic-data'), '--socket', path)
        self.socket, _ = listener.accept()
        listener.close()
        hello = self.next(lambda m: 'method' in m)
        assert hello['method'].endswith('.Hello'), hello
        self.send({'parameters': {}})

    def send(self, message, fds=()):
        data = json.dumps(message).encode() + b'\0'
        socket.send_fds(self.socket, [data], list(fds))

    def next(self, wanted, seconds=10):
        """The next message that is wanted, others are kept in messages."""
        end = time.monotonic() + seconds
        while True:
            while b'\0' in self.buffer:
                text, self.buffer = self.buffer.split(b'\0', 1)
                message = json.loads(text)
                self.messages.append(message)
                if wanted(message):
                    return message
            if not select.select([self.socket], [], [],
                                 max(0, end - time.monotonic()))[0]:
                raise Failure(f'mpquic-data did not say it: {self.messages}')
            # Hello hands descriptors of TUN devices over; a new one has none.
            data, fds, _, _ = socket.recv_fds(self.socket, 65536, 16)
            for fd in fds:
                os.close(fd)
            if not data:
                raise Failure(f'mpquic-data ended: {self.process.output()}')
            self.buffer += data

    def call(self, method, parameters, labels=(), fds=()):
        """The reply to one call: its parameters, or its error."""
        message = {'method': f'mpquic.data.{method}', 'parameters': parameters}
        if labels:
            message['descriptors'] = list(labels)
        self.send(message, fds)
        return self.next(lambda m: 'method' not in m)

    def dial(self, trust, *, device, local, remote, port, server_name):
        """Be an edge with these certificates."""
        tun = open_tun(self.full, 'rogue0')
        snapshot = self._snapshot('edge', trust)
        snapshot['paths'] = [{
            'name': 'wan', 'enabled': True, 'wan': device,
            'remote-address': remote, 'remote-port': port,
            'server-name': server_name}]
        snapshot['tunnels'] = [self._tunnel('wan', lan_prefixes=[])]
        reply = self.call('Apply', {'snapshot': snapshot},
                          [{'tun': 'rogue0'}], [tun])
        os.close(tun)
        if 'error' in reply:
            return reply
        sockets = [open_wan(self.full, device) for _ in range(2)]
        reply = self.call('Socket', {
            'path': 'wan', 'link': 'ready', 'reason': '',
            'device-index': sockets[0][1], 'local-address': local},
            [{'path': 'wan'}] * 2, [s.fileno() for s, _ in sockets])
        for s, _ in sockets:
            s.close()
        return reply

    def listen(self, trust, *, port, peer):
        """Be a concentrator with these certificates."""
        tun = open_tun(self.full, 'rogue0')
        listener = open_listener(self.full, port)
        snapshot = self._snapshot('concentrator', trust)
        snapshot['peers'] = [{'name': 'ship', 'certificate-name': peer,
                              'pins': []}]
        snapshot['paths'] = [{'name': 'port', 'enabled': True,
                              'listen-address': '::', 'listen-port': port}]
        snapshot['tunnels'] = [dict(
            self._tunnel('port'), peer='ship',
            **{'remote-prefixes': ['172.16.0.0/16'],
               'assign': ['10.200.2.1/32']})]
        reply = self.call('Apply', {'snapshot': snapshot},
                          [{'tun': 'rogue0'}, {'listen': 'port'}],
                          [tun, listener.fileno()])
        listener.close()
        os.close(tun)
        return reply

    def _snapshot(self, role, trust):
        return {'generation': 1, 'role': role, 'secret': '5a' * 32,
                'trust': dict({'peer-pins': [], 'profile': 'medium',
                               'cipher': 'auto'}, **trust),
                'peers': [], 'paths': [], 'tunnels': []}

    def _tunnel(self, path, lan_prefixes=None):
        tunnel = {'name': 'rogue0', 'enabled': True, 'paths': [path],
                  'mtu': 1400, 'queue-delay-us': 15000,
                  'addresses': ['10.250.0.1/30'], 'remote-prefixes': [],
                  'assign': []}
        if lan_prefixes is not None:
            tunnel['lan-prefixes'] = lan_prefixes
        return tunnel

    def end(self):
        self.socket.close()
        self.lab.end(self.process)
