#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The systemd units: sound (systemd-analyze verify), and exposing no more than
they may (systemd-analyze security, offline). No systemd has to run.

Usage: test_units.py TOP BUILD
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

TOP, BUILD = map(os.path.abspath, sys.argv[1:3])
sys.path.insert(0, os.path.join(TOP, 'tests'))
from tap import Tap, skip_all  # noqa: E402  pylint: disable=wrong-import-position

UNITS = os.path.join(BUILD, 'deploy')
EXPOSURE = {'mpquic-data.service': 1.5, 'mpquic-control.service': 2.5,
            'mpquic@1.service': 1.5}
PROGRAMS = {'mpquic-data': 'dataplane/mpquic-data',
            'mpquic-control': 'controlplane/mpquic-control',
            'mpqctl': 'controlplane/mpqctl/mpqctl'}


def analyze(directory, *words):
    return subprocess.run(
        ['systemd-analyze', *words], cwd=directory, text=True, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env=dict(os.environ, SYSTEMD_COLORS='0', SYSTEMD_PAGER='cat'))


def copy_units(directory):
    """The units with the programs of the build in the installed ones' place,
    as verify wants to see that they exist."""
    for name in EXPOSURE:
        with open(os.path.join(UNITS, name.replace('@1', '@')),
                  encoding='utf-8') as file:
            text = file.read()
        text = re.sub(r'^ExecStart=\S*/(\S+)', lambda m: 'ExecStart='
                      + os.path.join(BUILD, PROGRAMS[m.group(1)]), text,
                      flags=re.MULTILINE)
        with open(os.path.join(directory, name), 'w',
                  encoding='utf-8') as file:
            file.write(text)


def check_unit(tap, directory, name, most):
    result = analyze(directory, 'verify', '--man=no', './' + name)
    tap.ok(result.returncode == 0 and not result.stdout.strip(),
           f'{name} is sound', result.stdout)
    result = analyze(directory, 'security', '--offline=yes', './' + name)
    match = re.search(r'exposure level for \S+: ([0-9.]+)', result.stdout)
    exposure = float(match.group(1)) if match else 99.0
    tap.diag(f'{name}: exposure {exposure}')
    tap.ok(exposure <= most, f'{name} is exposed by at most {most}',
           result.stdout)


def check_capabilities(tap, directory):
    with open(os.path.join(directory, 'mpquic-data.service'),
              encoding='utf-8') as file:
        lines = file.read().splitlines()
    tap.ok('CapabilityBoundingSet=' in lines
           and not any(line.startswith('AmbientCapabilities=CAP')
                       for line in lines),
           'mpquic-data.service grants no capability')


def check_independence(tap, directory):
    """A restart of mpquic-control loses no packet: no unit goes with it."""
    for name in EXPOSURE:
        with open(os.path.join(directory, name), encoding='utf-8') as file:
            tied = re.findall(r'^(?:Requires|BindsTo|PartOf)=.*mpquic.*',
                              file.read(), re.MULTILINE)
        tap.ok(not tied, f'{name} is not stopped with another', str(tied))


def check_users(tap):
    result = subprocess.run(
        ['systemd-sysusers', '--dry-run',
         os.path.join(TOP, 'deploy/systemd/mpquic.sysusers')],
        text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        check=False)
    tap.ok(result.returncode == 0, 'mpquic.sysusers is sound', result.stdout)


def main():
    if not shutil.which('systemd-analyze'):
        skip_all('no systemd-analyze: deploy/install-deps test')
    tap = Tap()
    with tempfile.TemporaryDirectory() as directory:
        copy_units(directory)
        for name, most in EXPOSURE.items():
            check_unit(tap, directory, name, most)
        check_capabilities(tap, directory)
        check_independence(tap, directory)
    check_users(tap)
    tap.done()


if __name__ == '__main__':
    main()
