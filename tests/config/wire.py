# SPDX-License-Identifier: Apache-2.0
"""The two sockets of mpquic-control as their other ends see them: an operator's
tool, and an mpquic-data that remembers what it was told."""
import array
import contextlib
import json
import os
import socket
import threading
import time

CONTROL = 'mpquic.control.'
DATA = 'mpquic.data.'


class Refused(Exception):
    """An error reply; `parameters` hold message, path, allowed, next."""

    def __init__(self, error, parameters):
        super().__init__(f'{error}: {parameters}')
        self.error = error
        self.parameters = parameters

    def text(self):
        """As --check would print it."""
        p = self.parameters
        lines = [f'{p["path"]}: {p["message"]}' if p.get('path')
                 else p['message']]
        lines += [f'  {key}: {p[key]}' for key in ('allowed', 'next')
                  if p.get(key)]
        return '\n'.join(lines)


class Line:
    """Messages of JSON and a NUL byte each; descriptors beside them."""

    def __init__(self, path, seconds=10):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(seconds)
        self.buffer = b''
        self.fds = []
        end = time.monotonic() + seconds
        while True:
            try:
                self.socket.connect(path)
                return
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.02)

    def send(self, message):
        self.socket.sendall(json.dumps(message).encode() + b'\0')

    def receive(self):
        """(message, descriptors)"""
        while b'\0' not in self.buffer:
            data, ancillary, _, _ = self.socket.recvmsg(
                65536, socket.CMSG_SPACE(256 * 4))
            if not data:
                raise EOFError
            self.buffer += data
            for level, kind, payload in ancillary:
                if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                    fds = array.array('i')
                    fds.frombytes(payload)
                    self.fds.extend(fds)
        text, _, self.buffer = self.buffer.partition(b'\0')
        message = json.loads(text)
        count = len(message.get('descriptors', []))
        fds, self.fds = self.fds[:count], self.fds[count:]
        return message, fds

    def close(self):
        self.socket.close()


class Operator:
    """A client of control.sock."""

    def __init__(self, directory):
        self.line = Line(os.path.join(directory, 'control.sock'))

    def call(self, method, **parameters):
        self.line.send({'method': CONTROL + method, 'parameters': parameters})
        reply, _ = self.line.receive()
        if 'error' in reply:
            raise Refused(reply['error'], reply['parameters'])
        return reply['parameters']

    def close(self):
        self.line.close()


class FakeData(threading.Thread):
    """An mpquic-data: says Hello, takes everything (or refuses Apply), and
    keeps what it got as a real one would."""

    def __init__(self, directory, *, refuse=None, silent=False, kept=None):
        super().__init__(daemon=True)
        self.path = os.path.join(directory, 'data.sock')
        self.refuse = refuse    # a message: each Apply is refused with it
        self.silent = silent    # never answers an Apply
        self.applied = []       # snapshots
        self.sockets = []       # parameters of Socket calls
        self.held = []
        self.explained = None   # the reply to Explain; None: not known
        self.asked = []         # parameters of Explain
        self.tuns = kept.tuns if kept else {}
        self.listeners = kept.listeners if kept else {}
        self.links = kept.links if kept else {}
        self.generation = kept.generation if kept else 0
        self.line = None
        self.start()
        self.wait(lambda: self.line is not None)

    def wait(self, true, seconds=10):
        end = time.monotonic() + seconds
        while not true():
            if time.monotonic() > end:
                raise AssertionError('mpquic-data waits in vain: '
                                     f'applied {len(self.applied)}, '
                                     f'sockets {self.sockets}')
            time.sleep(0.02)

    def hello(self, line):
        paths = [{'name': name, **link} for name, link in self.links.items()]
        paths += [{'name': name, 'link': 'listening', 'local-address': address}
                  for name, (address, _) in self.listeners.items()]
        message = {'method': DATA + 'Hello', 'parameters': {
            'protocol': 1, 'version': 'test', 'pid': os.getpid(),
            'generation': self.generation, 'paths': paths}}
        if self.tuns:
            message['descriptors'] = [{'tun': name} for name in self.tuns]
        socket.send_fds(line.socket, [json.dumps(message).encode() + b'\0'],
                        list(self.tuns.values()))

    def take(self, message, fds):
        labels = message.get('descriptors', [])
        for label, fd in zip(labels, fds):
            if self.refuse and 'path' not in label:
                os.close(fd)
            elif 'tun' in label:
                self.tuns[label['tun']] = fd
            elif 'listen' in label:
                with socket.socket(fileno=os.dup(fd)) as s:
                    host, port, *_ = s.getsockname()
                address = f'[{host}]:{port}' if ':' in host \
                    else f'{host}:{port}'
                if label['listen'] in self.listeners:
                    os.close(self.listeners[label['listen']][1])
                self.listeners[label['listen']] = (address, fd)
            else:
                os.close(fd)

    def answer(self, message):
        """The reply's members; None: silence."""
        p = message['parameters']
        method = message['method'].removeprefix(DATA)
        if method == 'Apply':
            if self.refuse:
                return {'error': DATA + 'Refused', 'parameters': {
                    'path': 'tunnels/0', 'message': self.refuse}}
            self.applied.append(p['snapshot'])
            self.generation = p['snapshot']['generation']
            return None if self.silent else {
                'parameters': {'generation': self.generation}}
        if method == 'Socket':
            self.sockets.append(p)
            self.links[p['path']] = {
                key: p[key] for key in ('link', 'device-index',
                                        'local-address')}
        if method == 'Hold':
            self.held.append((p['path'], p['held']))
        if method == 'Explain':
            self.asked.append(p)
            return {'parameters': self.explained} if self.explained else {
                'error': DATA + 'Refused', 'parameters': {
                    'message': 'mpquic-data knows no method "Explain"'}}
        if method == 'Status':
            why = 'held until it is released'
            members = [{'path': path, 'id': number, 'age-us': 7000000,
                        'reason': why if (path, True) in self.held else ''}
                       for number, path in enumerate(('wan1', 'wan2'))]
            return {'parameters': {'generation': self.generation,
                                   'paths': [
                                       {'name': path, 'state': 'held',
                                        'reason': why}
                                       for path, held in self.held if held],
                                   'tunnels': [{
                                       'name': 'mpq1', 'up': True,
                                       'age-us': 5000000,
                                       'session': {'state': 'up',
                                                   'members': members}}],
                                   'listeners': []}}
        return {'parameters': {}}

    def event(self, **parameters):
        self.line.send({'method': DATA + 'Event', 'oneway': True,
                        'parameters': parameters})

    def run(self):
        line = Line(self.path)
        self.hello(line)
        self.line = line
        try:
            while True:
                message, fds = line.receive()
                self.take(message, fds)
                if 'method' in message:
                    reply = self.answer(message)
                    if reply is not None:
                        line.send(reply)
        except (EOFError, OSError, TimeoutError):
            pass

    def cut(self):
        """Ends the connection; descriptors stay open, as of a live process
        whose mpquic-control died."""
        with contextlib.suppress(OSError):
            self.line.socket.shutdown(socket.SHUT_RDWR)
        self.join(10)
        self.line.close()

    def close_all(self):
        for fd in [*self.tuns.values(),
                   *(fd for _, fd in self.listeners.values())]:
            os.close(fd)
        self.tuns, self.listeners, self.links = {}, {}, {}

    def die(self):
        """As killed: everything that it held is closed."""
        self.cut()
        self.close_all()
