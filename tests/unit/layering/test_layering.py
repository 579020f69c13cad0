#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Who may include whom, and which folder owns which third-party library.

The decision is design's (dataplane/README.md has the picture); this file is
the one place where it is written as rules. It reads #include lines, nothing
else, so it is fast and cannot be fooled by the build.
"""
import os
import re
import sys

TOP = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else
                      os.path.join(os.path.dirname(__file__), '../../..'))
sys.path.insert(0, os.path.join(TOP, 'tests'))
from tap import Tap  # noqa: E402  pylint: disable=wrong-import-position

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')

# Folder: the project's folders that it may include from, beside itself. A
# folder is the one that holds the file, not those below it.
MAY_INCLUDE = {
    'common': (),
    'dataplane/io': ('common',),
    'dataplane/flow': ('common',),
    'dataplane/bond': ('common',),
    'dataplane/masque': ('common',),
    'dataplane/quic': ('common',),
    'dataplane': ('common', 'dataplane/io', 'dataplane/flow',
                  'dataplane/bond', 'dataplane/masque', 'dataplane/quic'),
    'controlplane/netlink': ('common',),
    'controlplane/mpqctl': ('common',),
    'controlplane': ('common', 'controlplane/netlink'),
}

# Prefix of a system header: the folders that may use it.
OWNERS = {
    'ngtcp2/': ('dataplane/quic',),
    'nghttp3/': ('dataplane/masque',),
    'gnutls/': ('dataplane/quic', 'common', 'controlplane/mpqctl'),
    'ev.h': ('dataplane/io', 'controlplane'),
    'libmnl/': ('controlplane/netlink',),
    'nftables/': ('controlplane/netlink',),
    'linux/rtnetlink.h': ('controlplane/netlink',),
    'linux/netlink.h': ('controlplane/netlink',),
    'libyang/': ('controlplane',),
    'json-c/': ('common', 'dataplane', 'controlplane', 'controlplane/mpqctl'),
}

# Pure folders: no clock, no system call. Headers that would give them one.
PURE = ('dataplane/flow', 'dataplane/bond')
IMPURE = ('unistd.h', 'fcntl.h', 'poll.h', 'time.h', 'sys/time.h',
          'sys/socket.h', 'sys/epoll.h', 'sys/timerfd.h', 'sys/ioctl.h',
          'pthread.h', 'signal.h')


def includes(folder):
    """(file, line number, '<' or '"', header) of each include in a folder."""
    for name in sorted(os.listdir(os.path.join(TOP, folder))):
        if not name.endswith(('.c', '.h')):
            continue
        path = os.path.join(folder, name)
        with open(os.path.join(TOP, path), encoding='utf-8') as lines:
            for number, line in enumerate(lines, 1):
                match = INCLUDE.match(line)
                if match:
                    yield path, number, match.group(1), match.group(2)


def own_includes(folder):
    wrong = []
    allowed = (folder,) + MAY_INCLUDE[folder]
    for path, number, mark, header in includes(folder):
        if mark == '"' and os.path.dirname(header) not in allowed:
            wrong.append(f'{path}:{number} includes "{header}"; allowed are '
                         + ', '.join(allowed))
    return wrong


def foreign_includes(prefix):
    wrong = []
    for folder in MAY_INCLUDE:
        if folder in OWNERS[prefix]:
            continue
        for path, number, mark, header in includes(folder):
            if mark == '<' and header.startswith(prefix):
                wrong.append(f'{path}:{number} includes <{header}>, which '
                             'belongs to ' + ', '.join(OWNERS[prefix]))
    return wrong


def impure_includes(folder):
    return [f'{path}:{number} includes <{header}>, but {folder} is pure'
            for path, number, mark, header in includes(folder)
            if mark == '<' and header in IMPURE]


def folders_without_rule():
    """A new folder with sources has to be given its place above."""
    wrong = []
    for top in ('common', 'dataplane', 'controlplane'):
        for path, _, names in os.walk(os.path.join(TOP, top)):
            folder = os.path.relpath(path, TOP)
            if folder not in MAY_INCLUDE and any(
                    name.endswith(('.c', '.h')) for name in names):
                wrong.append(f'{folder} holds sources and has no rule here')
    return wrong


def main():
    tap = Tap()
    for folder in MAY_INCLUDE:
        wrong = own_includes(folder)
        tap.ok(not wrong, f'{folder} includes only what it may',
               '\n'.join(wrong))
    for prefix in OWNERS:
        wrong = foreign_includes(prefix)
        tap.ok(not wrong, f'<{prefix}> is used only by its owner',
               '\n'.join(wrong))
    for folder in PURE:
        wrong = impure_includes(folder)
        tap.ok(not wrong, f'{folder} is pure', '\n'.join(wrong))
    wrong = folders_without_rule()
    tap.ok(not wrong, 'each folder has a rule', '\n'.join(wrong))
    tap.done()


if __name__ == '__main__':
    main()
