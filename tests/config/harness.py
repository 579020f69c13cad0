# SPDX-License-Identifier: Apache-2.0
"""Configurations for the tests: the examples, with the test's certificates and
with changes, and mpquic-control to judge them."""
import contextlib
import copy
import ctypes
import json
import os
import re
import signal
import subprocess

import wire
from cases import GONE

CLONE_NEWNET = 0x40000000

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))


def own_network():
    """Makes this process, and what it starts, live in a network namespace of
    its own, which ends with it. False: not allowed to."""
    return ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) == 0


def plain(text, pki):
    """What was printed, without what differs from run to run."""
    text = text.removeprefix('mpquic-control: ').rstrip('\n')
    text = text.replace(pki, '@')
    return re.sub(r'the clock here says [^.]*', 'the clock here says NOW',
                  text)


def example(name):
    """A file of configs/, as a tree."""
    path = os.path.join(TOP, 'configs', f'{name}.json')
    with open(path, encoding='utf-8') as file:
        return json.load(file)


def change(tree, where, value):
    """Changes the node `where` ("path/0/wan") below mpquic:mpquic."""
    *way, last = where.split('/')
    node = tree['mpquic:mpquic']
    for step in way:
        node = node[int(step)] if isinstance(node, list) else node[step]
    if isinstance(node, list):
        last = int(last)
    if value is GONE:
        del node[last]
    else:
        node[last] = copy.deepcopy(value)


def text_of(tree, pki):
    """As JSON, its files being those of the folder `pki`."""
    return (json.dumps(tree, indent=1)
            .replace('"/etc/mpquic/', f'"{pki}/').replace('"@/', f'"{pki}/'))


def changed(base, changes, pki):
    """The text of an example with changes."""
    tree = example(base)
    for where, value in changes:
        change(tree, where, value)
    return text_of(tree, pki)


class Control:
    """mpquic-control as a command."""

    def __init__(self, program, directory):
        self.program = program
        self.directory = directory

    def arguments(self):
        """What every start of it needs to run from the build tree."""
        return [self.program, '--yang-dir', os.path.join(TOP, 'yang')]

    def check(self, text):
        """(exit status, what it prints) of --check on a file of that text."""
        path = os.path.join(self.directory, 'check.json')
        with open(path, 'wb') as file:
            file.write(text.encode('latin-1'))
        done = subprocess.run([*self.arguments(), '--check', path],
                              capture_output=True, text=True, timeout=30,
                              check=False)
        return done.returncode, done.stdout + done.stderr

    def start(self, **options):
        """The daemon, in its own folders below the directory."""
        return Daemon(self, **options)


class Daemon:
    """A running mpquic-control."""

    def __init__(self, control, text=None, log=None):
        self.directory = control.directory
        self.runtime = os.path.join(control.directory, 'run')
        self.config = os.path.join(control.directory, 'mpquic.json')
        self.log_path = log or os.path.join(control.directory, 'log')
        if text is not None:
            with open(self.config, 'w', encoding='utf-8') as file:
                file.write(text)
        # A socket file of the one before would be taken for this one's.
        for name in ('control.sock', 'data.sock'):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(os.path.join(self.runtime, name))
        with open(self.log_path, 'ab') as log_file:
            self.process = subprocess.Popen(
                [*control.arguments(), '--config', self.config,
                 '--state-dir', os.path.join(control.directory, 'state'),
                 '--runtime-dir', self.runtime, '--data-user', 'root'],
                stderr=log_file, stdin=subprocess.DEVNULL)

    def operator(self):
        return wire.Operator(self.runtime)

    def data(self, **options):
        return wire.FakeData(self.runtime, **options)

    def log(self):
        with open(self.log_path, encoding='utf-8') as file:
            return file.read()

    def wait(self):
        """Its exit status, when it ends by itself."""
        return self.process.wait(timeout=20)

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        return self.process.wait(timeout=20)
