# SPDX-License-Identifier: Apache-2.0
"""TAP for tests in Python: names are sentences, a plan comes at the end.

    from tap import Tap
    tap = Tap()
    tap.ok(value == 3, 'counts_to_three', f'it was {value}')
    with tap.case('does_not_raise'):
        ...
    tap.done()

A check that fails does not end the file; an exception inside a case fails
that case and tells where it came from.
"""
import contextlib
import sys
import traceback


class Skip(Exception):
    """Raised in a case that cannot be tried here; says why."""


class Tap:
    def __init__(self):
        self.count = 0
        self.failed = 0

    def diag(self, text):
        for line in str(text).splitlines():
            print('# ' + line, flush=True)

    def ok(self, good, name, detail=''):
        self.count += 1
        if not good:
            self.failed += 1
        print(f'{"ok" if good else "not ok"} {self.count} - {name}', flush=True)
        if detail and not good:
            self.diag(detail)
        return good

    def skip(self, name, why):
        self.count += 1
        print(f'ok {self.count} - {name} # SKIP {why}', flush=True)

    @contextlib.contextmanager
    def case(self, name):
        try:
            yield
        except Skip as why:
            self.skip(name, why)
        except Exception as error:  # pylint: disable=broad-except
            if isinstance(error, AssertionError):
                self.ok(False, name, str(error) or traceback.format_exc())
            else:
                self.ok(False, name, traceback.format_exc())
        else:
            self.ok(True, name)

    def done(self):
        print(f'1..{self.count}', flush=True)
        sys.exit(1 if self.failed else 0)


def skip_all(why):
    print(f'1..0 # SKIP {why}', flush=True)
    sys.exit(0)
