# SPDX-License-Identifier: Apache-2.0
"""mpqctl as it is called, with a stand-in for mpquic-control beside it.

Of a test whose arguments are the source tree and mpqctl.
"""
import contextlib
import datetime
import os
import shutil
import subprocess
import sys
import tempfile
import time

TOP, MPQCTL = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
sys.path.insert(0, os.path.join(TOP, 'tests'))
from fake_control import FakeControl  # noqa: E402
from tap import Tap  # noqa: E402

DIR = tempfile.mkdtemp(prefix='mpqctl-test-')
SOCKET = os.path.join(DIR, 'control.sock')
ENVIRONMENT = {'PATH': os.environ['PATH'], 'TERM': 'xterm', 'LC_ALL': 'C.UTF-8',
               'MPQUIC_SOCKET': SOCKET}
for name in ('ASAN_OPTIONS', 'UBSAN_OPTIONS', 'LSAN_OPTIONS'):
    if name in os.environ:
        ENVIRONMENT[name] = os.environ[name]


def ago(seconds):
    """And half a second: time() may be a tick behind what now() says."""
    then = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(
        seconds=seconds + 0.5)
    return then.strftime('%Y-%m-%dT%H:%M:%SZ')


def mpqctl(*arguments, stdin=None, **environment):
    return subprocess.run([MPQCTL, *arguments], text=True, input=stdin,
                          capture_output=True, timeout=20, check=False,
                          env={**ENVIRONMENT, **environment})


@contextlib.contextmanager
def control(**answers):
    server = FakeControl(SOCKET, answers)
    try:
        yield server
    finally:
        server.close()


@contextlib.contextmanager
def started(*arguments, **environment):
    """mpqctl that stays; ended by its pid."""
    process = subprocess.Popen([MPQCTL, *arguments], text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               env={**ENVIRONMENT, **environment})
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def wait_until(question, what, seconds=10):
    end = time.monotonic() + seconds
    while not question():
        assert time.monotonic() < end, f'in {seconds} s not: {what}'
        time.sleep(0.02)


def equal(found, wanted):
    assert found == wanted, f'found:  {found!r}\nwanted: {wanted!r}'


def contains(text, *parts):
    for part in parts:
        assert part in text, f'{part!r} is not in:\n{text}'


def run(*groups):
    """Each a function of the tap, with cases of its own."""
    tap = Tap()
    try:
        for cases in groups:
            cases(tap)
    finally:
        shutil.rmtree(DIR)
    tap.done()
