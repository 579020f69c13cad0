#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""mpqctl's help, its man page and its completion say the same.

Usage: test_mpqctl_manual.py TOP MPQCTL
"""
import os
import re
import shutil
import subprocess
import sys

TOP, MPQCTL = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
sys.path.insert(0, os.path.join(TOP, 'tests'))
from tap import Skip, Tap  # noqa: E402

FOLDER = os.path.join(TOP, 'controlplane', 'mpqctl')
MANUAL = os.path.join(FOLDER, 'mpqctl.1')


def help_of(*words):
    return subprocess.run([MPQCTL, 'help', *words], text=True, check=True,
                          capture_output=True).stdout


def help_verbs():
    """{'path hold': 'NAME [SECONDS]'} as 'mpqctl help' lists them."""
    part = help_of().split('Verbs:\n')[1].split('\n\n')[0]
    verbs = {}
    for line in part.splitlines():
        head = re.split('  +', line.strip())[0]
        verb = re.match('[a-z]+( [a-z]+)?', head).group(0)
        verbs[verb] = head[len(verb):].strip()
    return verbs


def help_options(*words):
    return set(re.findall(r'^  (--[a-z]+)', help_of(*words), re.M))


def manual():
    with open(MANUAL, encoding='utf-8') as file:
        text = file.read()
    return re.sub(r'\\f[BIR]', '', text).replace(r'\-', '-')


def manual_section(name):
    return manual().split(f'.SH {name}\n')[1].split('\n.SH ')[0]


def manual_verbs():
    """{'path hold': ('NAME [SECONDS]', {'--json'})}"""
    verbs = {}
    for head in re.findall(r'^\.TP\n(.*)$', manual_section('VERBS'), re.M):
        options = set(re.findall('--[a-z]+', head))
        bare = re.sub(r' \[--[a-z]+( [A-Z]+)?\]', '', head)
        verb = re.match('[a-z]+( [a-z]+)?', bare).group(0)
        verbs[verb] = (bare[len(verb):].strip(), options)
    return verbs


def manual_options():
    return set(re.findall(r'^\.TP\n(--[a-z]+)', manual_section('OPTIONS'),
                          re.M))


def completions(*words):
    script = (f'PATH="{os.path.dirname(MPQCTL)}:$PATH"; '
              f'. "{FOLDER}/mpqctl.bash"; COMP_WORDS=(mpqctl "$@"); '
              'COMP_CWORD=$#; _mpqctl; printf "%s\\n" "${COMPREPLY[@]}"')
    result = subprocess.run(['bash', '-c', script, 'bash', *words], text=True,
                            check=True, capture_output=True, cwd='/')
    return set(result.stdout.split())


def main():
    tap = Tap()
    verbs = help_verbs()
    with tap.case('help and man page have the same verbs and arguments'):
        found = {verb: head for verb, (head, _) in manual_verbs().items()}
        assert found == verbs, f'man: {found}\nhelp: {verbs}'
        assert len(verbs) > 10, verbs
    general = help_options()
    for verb in verbs:
        with tap.case(f'help and man page have the same options of {verb}'):
            found = manual_verbs()[verb][1]
            wanted = help_options(*verb.split()) - general
            assert found == wanted, f'man: {found}\nhelp: {wanted}'
    with tap.case('the man page explains every option'):
        wanted = set(general)
        for verb in verbs:
            wanted |= help_options(*verb.split())
        assert manual_options() == wanted, manual_options() ^ wanted
    with tap.case('the exit statuses are the same'):
        section = manual_section('EXIT STATUS')
        found = set(re.findall(r'^\.B (\d)', section, re.M))
        line = help_of().split('Exit status: ')[1]
        assert found == set(re.findall(r'\b(\d) ', line)), (found, line)
    with tap.case('the man page has no formatting errors'):
        if not shutil.which('man') and not shutil.which('groff'):
            raise Skip('neither man nor groff')
        command = (['groff', '-man', '-ww', '-z', '-Tutf8', MANUAL]
                   if shutil.which('groff') else
                   ['man', '--warnings', '-E', 'UTF-8', '-l', '-Tutf8', '-Z',
                    MANUAL])
        result = subprocess.run(command, text=True, capture_output=True,
                                check=False)
        assert result.stderr == '' and result.returncode == 0, result.stderr
    with tap.case('completion knows the verbs'):
        firsts = {verb.split()[0] for verb in verbs}
        assert completions('') == firsts, completions('')
        assert completions('path', '') == {'hold', 'release'}
        assert completions('st') == {'status'}
        assert completions('status', '--w') == {'--watch'}
    tap.done()


if __name__ == '__main__':
    main()
