# SPDX-License-Identifier: Apache-2.0
"""Traffic with exact accounts, captures, and the link emulator's remote
control."""
import json
import os
import select
import signal
import socket
import time

from netns import Failure, run, wait_for


class Stream:
    """Numbered packets and their echo (tests/netns/probe), sent at a pace
    until stopped. Positions in it are packet numbers."""

    def __init__(self, world, program, namespace, address, *, port, pps=200,
                 size=400, label='stream'):
        self.address = address
        self.process = world.start(namespace, label, program, 'send', address,
                                   str(port), str(pps), str(size), pipes=True)
        self.world = world

    def ask(self, line):
        pipe = self.process.popen
        pipe.stdin.write(line + '\n')
        pipe.stdin.flush()
        if not select.select([pipe.stdout], [], [], 30)[0]:
            raise Failure(f'{self.process.name} does not answer "{line}"')
        answer = pipe.stdout.readline()
        if not answer:
            raise Failure(f'{self.process.name} ended: '
                          f'{self.process.output()}')
        return json.loads(answer)

    def position(self):
        """The number of the next packet to be sent."""
        return self.ask('now')['next']

    def report(self, first=0, end=None):
        """What became of packets first..end-1; see probe/record.h."""
        return self.ask(f'report {first} {end}' if end is not None
                        else f'report {first}')

    def pace(self, pps):
        self.ask(f'pace {pps}')

    def settled(self, first=0, end=None, seconds=2):
        """As report(), after the last echo had its time: at most `seconds`,
        less when nothing is missing."""
        end = self.position() if end is None else end
        deadline = time.monotonic() + seconds
        while True:
            report = self.report(first, end)
            if not report['lost'] or time.monotonic() > deadline:
                return report
            time.sleep(0.05)

    def flowing(self, count=5, seconds=10):
        """Waits until `count` packets sent from now on came back; the time
        (CLOCK_MONOTONIC) of the first echo."""
        first = self.position()
        report = wait_for(
            lambda: (lambda r: r['received'] >= count and r)(
                self.report(first)),
            seconds, f'an echo from {self.address}')
        return report['first-echo']

    def stop(self):
        self.world.end(self.process)


class Capture:
    """tcpdump on a device, into a file; counted by filters afterwards."""

    def __init__(self, world, namespace, device, label, expression=''):
        self.file = os.path.join(world.directory, f'{label}.pcap')
        self.world = world
        words = [expression] if expression else []
        self.process = world.start(
            namespace, label, 'tcpdump', '-i', device, '-w', self.file, '-U',
            '-n', '-s', '128', '-B', '16384', '--immediate-mode', '-Z', 'root',
            *words)
        self.process.wait_for_text('listening on')

    def stop(self):
        """Ends the capture. Packets that the kernel dropped are a Failure:
        a capture with holes proves nothing."""
        if self.process.running():
            self.process.stop(signal.SIGINT)
        for line in self.process.output().splitlines():
            if 'dropped by kernel' in line and not line.startswith('0 '):
                raise Failure(f'{self.process.name}: {line}')
        return self

    def lines(self, expression='', limit=10):
        words = [expression] if expression else []
        text = run(['tcpdump', '-n', '-r', self.file, *words])
        return text.splitlines()[:limit]

    def count(self, expression=''):
        words = [expression] if expression else []
        return len(run(['tcpdump', '-n', '-r', self.file,
                        *words]).splitlines())


class Emulator:
    """The remote control of linkemu."""

    def __init__(self, world, namespace, program, links, *, schedule=None,
                 seed=1, real_time=False):
        """links: {name: (first device, second device, shape)}"""
        self.path = os.path.join(world.directory, 'linkemu.sock')
        words = ['-c', self.path, '-S', str(seed)]
        if real_time:
            words.append('-r')
        if schedule:
            words += ['-s', schedule]
        for name, (first, second, shape) in links.items():
            words += ['-l', f'{name}:{first}:{second}'
                      + (f',{shape}' if shape else '')]
        self.process = world.start(namespace, 'linkemu', program, *words)
        self.socket = None
        wait_for(self._connect, 10, 'linkemu listens')

    def _connect(self):
        if not self.process.running():
            raise Failure(f'linkemu: {self.process.output()}')
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            self.socket.connect(self.path)
        except OSError:
            self.socket.close()
            return False
        self.socket.settimeout(10)
        return True

    def ask(self, text):
        self.socket.send(text.encode())
        answer = json.loads(self.socket.recv(1 << 18))
        if 'error' in answer:
            raise Failure(f'linkemu: {text}: {answer["error"]}')
        return answer

    def set(self, link, direction='both', **shape):
        words = ' '.join(f'{key}={value}' for key, value in shape.items())
        self.ask(f'set {link} {direction} {words}')

    def statistics(self):
        return self.ask('statistics')

    def missed(self):
        """Frames that the emulator itself lost, or had to leave out: its
        links were not what they were set to."""
        return sum(way['missed'] + way['no-memory'] + way['oversized']
                   for link in self.statistics()['links'].values()
                   for way in (link['up'], link['down']))

    def attached(self, link):
        """Both devices of the link are there and opened."""
        both = self.statistics()['links'][str(link)]
        return both['up']['attached'] and both['down']['attached']
