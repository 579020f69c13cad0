#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Wrong configurations are refused, each with its own reason, and those that
are given to the running daemon leave it as it was.

    test_refusals.py MPQUIC_CONTROL MAKE_PKI
"""
import fcntl
import os
import struct
import subprocess
import sys
import tempfile
import termios
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..'))
# pylint: disable=wrong-import-position
import cases  # noqa: E402
import harness  # noqa: E402
import wire  # noqa: E402
from tap import Tap  # noqa: E402


def all_cases(pki):
    """(name, text, sentence) of each."""
    yield from cases.SYNTAX
    for name, base, changes, sentence in cases.CASES:
        yield name, harness.changed(base, changes, pki), sentence


def compare(tap, name, said, sentence):
    tap.ok(said == sentence, name, f'said:   {said}\nwanted: {sentence}')


def check_each(tap, control, pki):
    for name, text, sentence in all_cases(pki):
        status, said = control.check(text)
        said = harness.plain(said, pki)
        if status != 1:
            said = f'exit status {status}, {said}'
        compare(tap, f'check refuses {name}', said, sentence)


def check_examples(tap, control, pki):
    for name in cases.EXAMPLES:
        status, said = control.check(
            harness.text_of(harness.example(name), pki))
        hints = [line for line in said.splitlines()
                 if line.startswith('hint:')
                 and 'there is no device' not in line]  # here, of course
        tap.ok(status == 0 and not hints, f'the example {name} is sound', said)
    sentences = [sentence for _, _, sentence in all_cases(pki)]
    tap.ok(len(set(sentences)) == len(sentences), 'no two reasons are alike',
           '\n'.join(s for s in sentences if sentences.count(s) > 1))


def left_in(pipe):
    """Bytes that were not read yet."""
    return struct.unpack('i', fcntl.ioctl(pipe, termios.FIONREAD, b'....'))[0]


def check_pipe(tap, control, pki):
    """One whose writer takes its time."""
    text = harness.text_of(harness.example(cases.EDGE), pki).encode()
    with subprocess.Popen(
            [*control.arguments(), '--check', '/dev/stdin'], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT) as process:
        pipe = process.stdin
        pipe.write(text[:100])
        pipe.flush()
        end = time.monotonic() + 10
        while left_in(pipe) and time.monotonic() < end:
            time.sleep(0.001)
        said = process.communicate(text[100:])[0].decode()
        tap.ok(process.returncode == 0, 'what comes by a pipe is sound', said)


def load(operator, text):
    try:
        return f'taken: {operator.call("Load", config=text)}'
    except wire.Refused as refused:
        return refused.text()


def load_each(tap, control, pki):
    daemon = control.start(
        text=harness.text_of(harness.example(cases.EDGE), pki))
    data = daemon.data()
    operator = daemon.operator()
    data.wait(lambda: len(data.applied) == 1 and len(data.sockets) == 6)
    before = operator.call('ShowConfig', which='running')
    for name, text, sentence in all_cases(pki):
        # The cases are bytes, JSON carries text: what is no UTF-8 cannot be
        # sent at all.
        try:
            text = text.encode('latin-1').decode()
        except UnicodeDecodeError:
            continue
        compare(tap, f'the daemon refuses {name}',
                harness.plain(load(operator, text), pki), sentence)
    tap.ok(operator.call('ShowConfig', which='running') == before,
           'the running configuration is untouched')
    tap.ok(operator.call('Diff')['changes'] == [],
           'no candidate is left behind')
    tap.ok(operator.call('Status')['generation'] == 1,
           'the generation is untouched')
    tap.ok(len(data.applied) == 1 and len(data.sockets) == 6,
           'mpquic-data was told nothing')
    data.cut()
    tap.ok(daemon.stop() == 0, 'the daemon ends in peace', daemon.log())


def main():
    tap = Tap()
    with tempfile.TemporaryDirectory() as directory:
        pki = os.path.join(directory, 'pki')
        os.mkdir(pki)
        subprocess.run([sys.argv[2], pki], check=True)
        control = harness.Control(sys.argv[1], directory)
        check_examples(tap, control, pki)
        check_pipe(tap, control, pki)
        check_each(tap, control, pki)
        if os.geteuid() == 0 and harness.own_network():
            load_each(tap, control, pki)
        else:
            tap.skip('the daemon refuses them all', 'needs root')
    tap.done()


if __name__ == '__main__':
    main()
