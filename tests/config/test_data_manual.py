#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""mpquic-data's help and its man page say the same; what it refuses, it
explains.

Usage: test_data_manual.py TOP MPQUIC-DATA
"""
import os
import re
import shutil
import subprocess
import sys

TOP, PROGRAM = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
sys.path.insert(0, os.path.join(TOP, 'tests'))
from tap import Skip, Tap  # noqa: E402

MANUAL = os.path.join(TOP, 'dataplane', 'mpquic-data.8')


def run(*words):
    return subprocess.run([PROGRAM, *words], text=True, capture_output=True,
                          check=False, timeout=20)


def help_options():
    """{('s', 'socket'): True} for each option: whether it takes a value."""
    found = re.findall(r'^  -(\w), --([\w-]+)( [A-Z]+)?', run('--help').stdout,
                       re.M)
    return {(short, long): bool(value) for short, long, value in found}


def manual_options():
    with open(MANUAL, encoding='utf-8') as file:
        found = re.findall(r'^\.It Fl (\w)( Ar \w+)? , Fl -([\w-]+)'
                           r'( Ar \w+)?$', file.read(), re.M)
    return {(short, long): bool(value) and bool(again)
            for short, value, long, again in found}


def main():
    tap = Tap()
    with tap.case('help and man page have the same options'):
        found, wanted = manual_options(), help_options()
        assert found == wanted, f'man: {found}\nhelp: {wanted}'
        assert len(wanted) > 3, wanted
    with tap.case('help and version end with 0 and nothing on stderr'):
        for word in '--help', '--version', '-h', '-V':
            result = run(word)
            assert result.returncode == 0 and result.stdout, result
            assert not result.stderr, result
    with tap.case('what is not understood ends with 2 and is named'):
        for words in (['--nonsense'], ['nonsense'], ['--log-level', 'loud'],
                      ['--socket']):
            result = run(*words)
            assert result.returncode == 2, result
            assert words[-1].lstrip('-') in result.stderr, result
    with tap.case('the man page has no formatting errors'):
        if not shutil.which('mandoc'):
            raise Skip('no mandoc: deploy/install-deps test')
        result = subprocess.run(['mandoc', '-T', 'lint', '-W', 'warning',
                                 MANUAL], text=True, capture_output=True,
                                check=False)
        assert result.returncode == 0, result.stdout
    tap.done()


if __name__ == '__main__':
    main()
