# SPDX-License-Identifier: Apache-2.0
"""What the demonstration puts on the screen: chapters, what held and what did
not, bars and sparklines; colour and redrawing only on a terminal."""
import sys

TTY = sys.stdout.isatty()
DRAWS = 'utf' in (sys.stdout.encoding or '').lower()
FULL, EMPTY = ('█', '·') if DRAWS else ('#', '.')
LEVELS = '▁▂▃▄▅▆▇█' if DRAWS else '_.-=*#'
THERE, GONE = ('━', '·') if DRAWS else ('=', '.')


def paint(code, text):
    return f'\033[{code}m{text}\033[0m' if TTY else text


def bold(text):
    return paint('1', text)


def green(text):
    return paint('32', text)


def red(text):
    return paint('31', text)


def dim(text):
    return paint('2', text)


def bar(value, most, width=40):
    return FULL * max(1, round(width * value / max(most, 1e-9)))


def spark(values, most):
    """A character each, as high as the value."""
    top = len(LEVELS) - 1
    return ''.join(LEVELS[min(top, round(top * v / max(most, 1e-9)))]
                   for v in values)


class Show:
    """What stands on the screen, and whether all held."""

    def __init__(self):
        self.failed = []
        self.number = 0
        self.drawn = 0

    def chapter(self, title):
        self.number += 1
        self.drawn = 0
        print(f'\n{bold(f"{self.number}. {title}")}', flush=True)

    def say(self, text=''):
        print(('   ' + text).rstrip(), flush=True)

    def command(self, words):
        self.say(dim('# ') + bold(words))

    def check(self, good, text):
        print(f'   {green("held") if good else red("FAILED")}  {text}',
              flush=True)
        if not good:
            self.failed.append(text)

    def draw(self, lines):
        """A picture that replaces the one before where that is possible."""
        if TTY and self.drawn:
            sys.stdout.write(f'\033[{self.drawn}A\033[J')
        for line in lines:
            print('   ' + line)
        self.drawn = len(lines)
        sys.stdout.flush()

    def verdict(self, seconds):
        """The exit code."""
        if not self.failed:
            print(f'\n{green(bold("All held"))}, in {seconds:.0f} s.')
            return 0
        print(f'\n{red(bold("Not all held:"))}')
        for text in self.failed:
            print(f'  {text}')
        return 1
