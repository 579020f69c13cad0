#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Sums what meson's test logs (one JSON object a line) say.

Usage: sum.py LOG.json ...

A test that speaks TAP counts by its lines, any other as one. A test that ends
badly without a failed line of its own (a crash, a leak found at exit, too few
lines for its plan, a time-out) counts as one failure: nothing passes by dying.
"""
import json
import os
import re
import sys

LINE = re.compile(r'^(not )?ok\b(.*)$')
SKIP = re.compile(r'#\s*skip', re.IGNORECASE)
TODO = re.compile(r'#\s*todo', re.IGNORECASE)
BAD = ('FAIL', 'ERROR', 'TIMEOUT', 'INTERRUPT', 'UNEXPECTEDPASS')


def count(test):
    """(passed, failed, skipped, failed names) of one entry of a log."""
    passed = failed = skipped = 0
    names = []
    for line in test.get('stdout', '').splitlines():
        match = LINE.match(line)
        if not match:
            continue
        if SKIP.search(line):
            skipped += 1
        elif match.group(1) and not TODO.search(line):
            failed += 1
            names.append(match.group(2).strip())
        else:
            passed += 1
    if test['result'] in BAD and not failed:
        failed += 1
        names.append(test['result'])
    if not passed and not failed and not skipped:
        if test['result'] == 'SKIP':
            skipped = 1
        else:
            passed = 1
    return passed, failed, skipped, names


def main(logs):
    total = [0, 0, 0]
    for log in logs:
        if not os.path.exists(log):  # a suite that has no test (yet)
            continue
        with open(log, encoding='utf-8') as lines:
            for test in map(json.loads, lines):
                *numbers, names = count(test)
                total = [a + b for a, b in zip(total, numbers)]
                for name in names:
                    print(f'FAILED: {test["name"]}: {name}')
    if not total[0] and not total[1]:
        print('FAILED: no test ran')
        total[1] = 1
    print('%d passed, %d failed, %d skipped' % tuple(total))
    return 1 if total[1] else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
