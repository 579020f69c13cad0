#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The sources are as clang-format 14 writes them (.clang-format).

Other versions of clang-format write some lines differently, so only 14 counts;
where it is not installed the test is skipped.
"""
import os
import shutil
import subprocess
import sys

TOP = os.path.abspath(sys.argv[1])
sys.path.insert(0, os.path.join(TOP, 'tests'))
from tap import Tap, skip_all  # noqa: E402  pylint: disable=wrong-import-position

PROGRAM = 'clang-format-14'


def sources(folder):
    for path, _, names in os.walk(os.path.join(TOP, folder)):
        for name in sorted(names):
            if name.endswith(('.c', '.h')):
                yield os.path.join(path, name)


def main():
    if not shutil.which(PROGRAM):
        skip_all(f'no {PROGRAM}: deploy/install-deps test')
    tap = Tap()
    for folder in ('common', 'controlplane', 'dataplane', 'tests'):
        files = list(sources(folder))
        result = subprocess.run(
            [PROGRAM, '--style=file', '--dry-run', '-Werror'] + files,
            cwd=TOP, text=True, stderr=subprocess.PIPE, check=False)
        tap.ok(not files or result.returncode == 0,
               f'{folder} is formatted', result.stderr[-4000:])
    tap.done()


if __name__ == '__main__':
    main()
