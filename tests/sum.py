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
DETAILS = 12
DETAIL_LENGTH = 600
BAD = ('FAIL', 'ERROR', 'TIMEOUT', 'INTERRUPT', 'UNEXPECTEDPASS')


def read_tap(text):
    """(passed, skipped, [[name of a failed one, its comments ..], ..])"""
    passed = skipped = 0
    failed = []
    told = None  # where comments belong that follow
    for line in text.splitlines():
        match = LINE.match(line)
        if not match:
            if line.startswith('#') and told and len(told) <= DETAILS:
                told.append(line[:DETAIL_LENGTH])
            continue
        told = None
        if SKIP.search(line):
            skipped += 1
        elif match.group(1) and not TODO.search(line):
            told = [match.group(2).strip()]
            failed.append(told)
        else:
            passed += 1
    return passed, skipped, failed


def count(test):
    """(passed, failed, skipped, what to say of the failed) of a log's entry."""
    text = test.get('stdout', '')
    passed, skipped, failed = read_tap(text)
    if test['result'] in BAD and not failed:
        end = text.splitlines() + test.get('stderr', '').splitlines()
        failed.append([test['result'], *end[-DETAILS:]])
    if not passed and not failed and not skipped:
        if test['result'] == 'SKIP':
            skipped = 1
        else:
            passed = 1
    return passed, len(failed), skipped, failed


def main(logs):
    total = [0, 0, 0]
    for log in logs:
        if not os.path.exists(log):  # a suite that has no test (yet)
            continue
        with open(log, encoding='utf-8') as lines:
            for test in map(json.loads, lines):
                *numbers, failed = count(test)
                total = [a + b for a, b in zip(total, numbers)]
                for name, *details in failed:
                    print(f'FAILED: {test["name"]}: {name}')
                    for line in details:
                        print(f'    {line}')
    if not total[0] and not total[1]:
        print('FAILED: no test ran')
        total[1] = 1
    print('%d passed, %d failed, %d skipped' % tuple(total))
    return 1 if total[1] else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
