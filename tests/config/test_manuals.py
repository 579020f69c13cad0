#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The man pages mpquic-control(8) and mpquic.json(5) and the README of the
model say what the program and the model do.

    test_manuals.py MPQUIC_CONTROL MAKE_PKI
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..'))
# pylint: disable=wrong-import-position
import harness  # noqa: E402
from tap import Skip, Tap  # noqa: E402

TOP = harness.TOP
MODEL = os.path.join(TOP, 'yang', 'mpquic.yang')


def read(*words):
    with open(os.path.join(TOP, *words), encoding='utf-8') as file:
        return file.read()


def plain(roff):
    return re.sub(r'\\f[BIR]', '', roff).replace(r'\-', '-')


def options_of_help(program):
    text = subprocess.run([program, '--help'], capture_output=True, text=True,
                          check=True).stdout
    return dict(re.findall(r'^  (--[a-z-]+)(?: ([A-Z]+))?', text, re.M))


def options_of_manual():
    section = plain(read('controlplane', 'mpquic-control.8')).split(
        '.SH OPTIONS\n')[1].split('\n.SH ')[0]
    return dict(re.findall(r'^\.TP\n(--[a-z-]+)(?: ([A-Z]+))?$', section,
                           re.M))


def leaves_of_model():
    """{'path/remote/port': 'path'}: what a change of each leaf costs; keys,
    which are their entry's names, are not among them."""
    text = read('yang', 'mpquic.yang')
    text = text[text.index('container mpquic {'):]
    text = re.sub(r'"[^"]*"', '""', text)
    leaves, way, key, last = {}, [], set(), None
    for kind, name, one, key_name, applies, close in re.findall(
            r'(\w[\w-]*) ([\w-]+) (?=\{)'
            r'|(error-message|description|pattern|range|length)[^;{]*[;{]'
            r'|\bkey ([\w-]+);'
            r'|mpq:applies (\w+);'
            r'|([{}])', text):
        del one
        if kind:
            last = (kind, name)
        elif key_name:
            key.add('/'.join([n for _, n in way[1:] if n] + [key_name]))
        elif applies:
            here = '/'.join(n for _, n in way[1:] if n)
            if way[-1][0] in ('leaf', 'leaf-list'):
                leaves[here] = applies
        elif close == '{':
            kind, name = last or ('', '')
            data = kind in ('container', 'list', 'leaf', 'leaf-list')
            way.append((kind, name if data else ''))
            last = None
        elif close == '}':
            way.pop()
            if not way:
                break
    return {leaf: cost for leaf, cost in leaves.items() if leaf not in key}


def leaves_of_manual():
    """The same, of mpquic.json(5): of each heading, the whole name first, its
    sisters after it, its children in brackets."""
    leaves = {}
    for head in re.findall(r'^\.TP\n(\\fB.*)$',
                           read('yang', 'mpquic.json.5'), re.M):
        for part in re.findall(r'\\fB[^(]*\([^)]*\)', head):
            outside, inside = part.split('(', 1)
            names = re.findall(r'\\fB([a-z0-9/-]+)\\fR', outside)
            children = re.findall(r'\\fB([a-z0-9/-]+)\\fR', inside)
            costs = re.findall(r'\\fI(\w+)\\fR', inside)
            parent = names[0].rsplit('/', 1)[0]
            for name in [names[0]] + [f'{parent}/{n}' for n in names[1:]]:
                for leaf in [f'{name}/{c}' for c in children] or [name]:
                    leaves[leaf] = costs[-1] if costs else None
    return leaves


def example_of_manual():
    section = plain(read('yang', 'mpquic.json.5')).split('.SH EXAMPLE\n')[1]
    return section.split('.EX\n')[1].split('.EE\n')[0]


def main():
    tap = Tap()
    with tap.case('help and man page have the same options'):
        wanted = options_of_help(sys.argv[1])
        assert len(wanted) > 8, wanted
        assert options_of_manual() == wanted, (options_of_manual(), wanted)
    with tap.case('the man page tells every leaf and what its change costs'):
        model, manual = leaves_of_model(), leaves_of_manual()
        assert len(model) > 25, model
        keys = {'tunnel/address/ip', 'tunnel/lan/interface'}
        manual = {leaf: cost for leaf, cost in manual.items()
                  if leaf not in keys}
        assert manual == model, (
            f'only in one: {set(manual.items()) ^ set(model.items())}')
    with tap.case('the example of the man page is sound'), \
            tempfile.TemporaryDirectory() as directory:
        subprocess.run([sys.argv[2], directory], check=True)
        status, said = harness.Control(sys.argv[1], directory).check(
            example_of_manual().replace('"/etc/mpquic/', f'"{directory}/'))
        assert status == 0, said
    with tap.case('the README shows the tree of the model'):
        if not shutil.which('yanglint'):
            raise Skip('no yanglint')
        tree = subprocess.run(['yanglint', '-f', 'tree', MODEL],
                              capture_output=True, text=True,
                              check=True).stdout.strip()
        assert tree in read('yang', 'README.md'), tree
    with tap.case('each man page of the README is installed'):
        pages = {('controlplane/mpqctl', 'mpqctl.1'),
                 ('controlplane', 'mpquic-control.8'),
                 ('dataplane', 'mpquic-data.8'), ('yang', 'mpquic.json.5')}
        named = set(re.findall('`man ([a-z.-]+)`', read('README.md')))
        assert {name.rsplit('.', 1)[0] for _, name in pages} == named, named
        for folder, name in pages:
            assert os.path.exists(os.path.join(TOP, folder, name)), name
            assert f"install_man('{name}')" in read(folder, 'meson.build'), name
    for page in (('controlplane', 'mpquic-control.8'),
                 ('yang', 'mpquic.json.5')):
        with tap.case(f'{page[1]} has no formatting errors'):
            if not shutil.which('mandoc'):
                raise Skip('no mandoc')
            said = subprocess.run(
                ['mandoc', '-T', 'lint', '-W', 'warning',
                 os.path.join(TOP, *page)],
                capture_output=True, text=True, check=False).stdout
            said = [line for line in said.splitlines()
                    if 'missing date' not in line]
            assert not said, '\n'.join(said)
    tap.done()


if __name__ == '__main__':
    main()
