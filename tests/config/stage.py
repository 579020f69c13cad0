# SPDX-License-Identifier: Apache-2.0
"""mpquic-control at work, with a stand-in for mpquic-data that remembers what
it is told.

Of a test whose arguments are mpquic-control and make_pki. Everything happens in
a network namespace of its own.
"""
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..'))
# pylint: disable=wrong-import-position
import cases  # noqa: E402
import harness  # noqa: E402
from tap import Tap, skip_all  # noqa: E402

TUNNELS = [f'mpq{n}' for n in range(1, 7)]


def ip(*words):
    done = subprocess.run(['ip', *words], capture_output=True, text=True,
                          check=True)
    return done.stdout


def devices():
    return {d['ifname'] for d in json.loads(ip('-j', 'link'))}


def until(true, what, seconds=10):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f'in vain: {what}'
        time.sleep(0.02)


def equal(is_, wanted, what='value'):
    assert is_ == wanted, f'{what} is {is_}, wanted {wanted}'


class Stage:
    """A folder, certificates, and what runs in it; all of it ends with it."""

    def __init__(self, programs, base=cases.EDGE):
        self.stack = contextlib.ExitStack()
        self.directory = self.stack.enter_context(
            tempfile.TemporaryDirectory())
        self.pki = os.path.join(self.directory, 'pki')
        os.mkdir(self.pki)
        subprocess.run([programs[1], self.pki], check=True)
        self.control = harness.Control(programs[0], self.directory)
        self.base = base
        self.daemon = None
        self.data = None

    def __enter__(self):
        return self

    def finish(self):
        """Ends the daemon, which has to go in peace (no leak, no assertion)."""
        if self.daemon.process.poll() is None:
            status = self.daemon.stop()
            assert status == 0, f'exit status {status}\n{self.daemon.log()}'

    def __exit__(self, *_):
        if self.data:
            self.data.die()
        if self.daemon and self.daemon.process.poll() is None:
            self.daemon.stop()
        subprocess.run([*self.control.arguments(), '--purge', '--runtime-dir',
                        os.path.join(self.directory, 'run')], check=False,
                       capture_output=True)
        self.stack.close()

    def text(self, *changes):
        return harness.changed(self.base, changes, self.pki)

    def lan(self):
        """The interface of the first tunnel's first LAN."""
        tunnel = harness.example(self.base)['mpquic:mpquic']['tunnel'][0]
        return tunnel['lan'][0]['interface']

    def start(self, *changes, text=None):
        """The daemon with an example, changed."""
        self.daemon = self.control.start(
            text=text if text is not None else self.text(*changes))
        return self.daemon

    def restart(self, how=signal.SIGTERM, text=None):
        self.daemon.stop(how)
        self.daemon = self.control.start(text=text)
        return self.daemon

    def connect(self, **options):
        """An mpquic-data that has got everything."""
        self.data = self.daemon.data(**options)
        return self.data

    def settled(self, sockets=6):
        data = self.connect()
        data.wait(lambda: data.applied and len(data.sockets) >= sockets)
        return data

    def operator(self):
        return self.stack.enter_context(
            contextlib.closing(self.daemon.operator()))


def load_and_commit(operator, text):
    changes = operator.call('Load', config=text)['changes']
    return changes, operator.call('Commit')


def one(programs, base, name, test, tap):
    with tap.case(name), Stage(programs, base) as stage:
        try:
            test(stage)
            stage.finish()
        except Exception:
            tap.diag(stage.daemon.log())
            raise


def run(*groups):
    """Each an example of a configuration and [(name, test)]. Words after the
    programs on the command line choose tests by their names."""
    if os.geteuid() != 0 or not harness.own_network():
        skip_all('needs root, to make a network namespace')
    ip('link', 'set', 'lo', 'up')
    tap = Tap()
    wanted = sys.argv[3:]
    for base, tests in groups:
        for name, test in tests:
            if not wanted or any(word in name for word in wanted):
                one(sys.argv[1:3], base, name, test, tap)
    tap.done()
