#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""mpqctl tunnel run: a tunnel as a systemd unit.

Usage: test_mpqctl_run.py TOP MPQCTL
"""
import contextlib
import os
import signal
import socket
import subprocess

from called import (
    DIR, ENVIRONMENT, MPQCTL, ago, contains, control, equal, mpqctl, run,
    started)
from fake_control import Refusal


LOST = {'time': '2026-11-22T10:00:00Z', 'event': 'path', 'path': 'wan3',
        'tunnel': 'mpq3', 'was': 'up', 'is': 'no-carrier',
        'reason': 'cable out'}
BACK = {**LOST, 'was': 'connecting', 'is': 'up', 'reason': '',
        'gap-us': 5120000}
UP = {'time': '2026-11-22T10:00:06Z', 'event': 'tunnel', 'tunnel': 'mpq3',
      'up': True, 'reason': '', 'peer-address': '192.0.2.1:45003'}
CHANGED = {'time': '2026-11-22T10:00:08Z', 'event': 'configuration-changed',
           'generation': 13, 'by': 'uid 0'}


class Notified:
    """systemd's side of sd_notify."""

    def __init__(self, address):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.settimeout(10)
        self.socket.bind(address)

    def next(self):
        return self.socket.recv(4096).decode()


def tunnel_status(parameters):
    del parameters
    return {'tunnels': [{'name': 'mpq3', 'up': False, 'reason': 'no link',
                         'path': 'wan3'},
                        {'name': 'mpq1', 'up': True}]}


def run_answers():
    return {'TunnelEnable': lambda p: {}, 'TunnelDisable': lambda p: {},
            'Status': tunnel_status, 'Events': lambda p: []}


def run_cases(tap):
    with tap.case('tunnel run tells systemd, follows, and disables at the end'):
        notified = Notified(os.path.join(DIR, 'notify'))
        with control(**run_answers()) as server:
            with started('tunnel', 'run', 'mpq3',
                         NOTIFY_SOCKET=os.path.join(DIR, 'notify')) as process:
                equal(notified.next(), 'READY=1\nSTATUS=mpq3 is enabled')
                equal(process.stdout.readline(), 'tunnel mpq3: down: no link\n')
                equal(notified.next(), 'STATUS=tunnel mpq3: down: no link')
                equal(server.calls[0], ('TunnelEnable', {'tunnel': 'mpq3'}))
                server.tell({**LOST, 'tunnel': 'mpq1', 'path': 'wan1'})
                server.tell({'event': 'steering', 'tunnel': 'mpq3'})
                server.tell(BACK)
                server.tell(UP)
                line = 'path wan3: connecting -> up (gap 5120 ms)'
                equal(process.stdout.readline(), line + '\n')
                equal(notified.next(), 'STATUS=' + line)
                equal(notified.next(),
                      'STATUS=tunnel mpq3: up to 192.0.2.1:45003')
                process.send_signal(signal.SIGTERM)
                equal(notified.next(), 'STOPPING=1\nSTATUS=disabling mpq3')
                equal(process.wait(10), 0)
            equal(server.calls[-1], ('TunnelDisable', {'tunnel': 'mpq3'}))
        notified.socket.close()
    with tap.case('tunnel run waits out a restart of the server'):
        abstract = f'@mpqctl-test-{os.getpid()}'
        notified = Notified('\0' + abstract[1:])
        with contextlib.ExitStack() as stack:
            server = stack.enter_context(control(**run_answers()))
            process = stack.enter_context(
                started('tunnel', 'run', 'mpq3', NOTIFY_SOCKET=abstract))
            equal(notified.next(), 'READY=1\nSTATUS=mpq3 is enabled')
            process.stdout.readline()
            server.close()
            contains(process.stdout.readline(), 'mpquic-control is away')
            server = stack.enter_context(control(**run_answers()))
            equal(process.stdout.readline(), 'tunnel mpq3: down: no link\n')
            equal([name for name, _ in server.calls], ['Events', 'Status'])
            process.send_signal(signal.SIGINT)
            equal(process.wait(10), 0)
            equal(server.calls[-1], ('TunnelDisable', {'tunnel': 'mpq3'}))
        notified.socket.close()
    with tap.case('tunnel run that cannot disable says so by its exit status'):
        with control(**run_answers()):
            process = subprocess.Popen([MPQCTL, 'tunnel', 'run', 'mpq3'],
                                       text=True, env=ENVIRONMENT,
                                       stdout=subprocess.PIPE,
                                       stderr=subprocess.PIPE)
            process.stdout.readline()
        process.stdout.readline()
        process.terminate()
        _, error = process.communicate(timeout=10)
        equal(process.returncode, 3)
        contains(error, 'cannot be reached')
    with tap.case('tunnel run tells a change that had no event of its own'):
        answers = run_answers()
        state = {'name': 'mpq3', 'up': True, 'reason': ''}
        answers['Status'] = lambda p: {'tunnels': [state]}
        with control(**answers) as server:
            with started('tunnel', 'run', 'mpq3') as process:
                equal(process.stdout.readline(), 'tunnel mpq3: up\n')
                server.tell(CHANGED)  # changes nothing of ours: silence
                state.update(up=False, reason='no mpquic-data')
                server.tell({'time': ago(0), 'event': 'data-plane',
                             'is': 'lost'})
                equal(process.stdout.readline(),
                      'tunnel mpq3: down: no mpquic-data\n')
    with tap.case('tunnel run ends when another disables the tunnel'):
        answers = run_answers()
        state = {'name': 'mpq3', 'up': True, 'enabled': True, 'reason': ''}
        answers['Status'] = lambda p: {'tunnels': [state]}
        with control(**answers) as server:
            with started('tunnel', 'run', 'mpq3') as process:
                equal(process.stdout.readline(), 'tunnel mpq3: up\n')
                state.update(up=False, enabled=False, reason='disabled')
                server.tell(CHANGED)
                equal(process.stdout.readline(),
                      'tunnel mpq3: down: disabled\n')
                equal(process.wait(10), 0)
        assert 'TunnelDisable' not in dict(server.calls), server.calls
    with tap.case('tunnel run of an unknown tunnel is status 1'):
        refusal = Refusal('NotFound', message="no tunnel 'x'")
        with control(TunnelEnable=lambda p: refusal):
            result = mpqctl('tunnel', 'run', 'x')
        equal(result.returncode, 1)
        contains(result.stderr, "no tunnel 'x'")


if __name__ == '__main__':
    run(run_cases)
