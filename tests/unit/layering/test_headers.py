#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Each header compiles alone, as the first line of a file.

Usage: test_headers.py TOP CC [CFLAG ...]
"""
import os
import subprocess
import sys

TOP = os.path.abspath(sys.argv[1])
sys.path.insert(0, os.path.join(TOP, 'tests'))
from tap import Tap  # noqa: E402  pylint: disable=wrong-import-position

FLAGS = ['-std=gnu11', '-D_GNU_SOURCE', '-Wall', '-Wextra', '-Werror',
         '-fsyntax-only', '-x', 'c', '-I', TOP]


def headers():
    for folder in ('common', 'dataplane', 'controlplane', 'tests'):
        for path, _, names in os.walk(os.path.join(TOP, folder)):
            for name in sorted(names):
                if name.endswith('.h'):
                    yield os.path.relpath(os.path.join(path, name), TOP)


def main():
    tap = Tap()
    compiler = sys.argv[2:]
    for header in sorted(headers()):
        result = subprocess.run(compiler + FLAGS + ['-'], text=True,
                                input=f'#include "{header}"\nint mpq_unused;\n',
                                stderr=subprocess.PIPE, check=False)
        tap.ok(result.returncode == 0, f'{header} compiles alone',
               result.stderr)
    tap.done()


if __name__ == '__main__':
    main()
