# SPDX-License-Identifier: Apache-2.0
"""Kinds of links that a site bonds: twenty sets of them, and some more, as
shapes and schedules for linkemu.

Rates are in Mbit/s of layer 3, round-trip times in ms. Sets of more than
150 Mbit/s are scaled down, as both ends, the emulator and the load share one
machine; `scale` tells by how much. What changes over time repeats after
`period` seconds, so that each measurement of that length sees the same link.
"""
import random
from dataclasses import dataclass, field

QUEUE_MS = 100
HOLE_BEFORE_S = 7  # the hand-over is in the middle of a period
STEP_S = 0.5


@dataclass
class Link:
    """One WAN. rate_up None: as down. rate and rate_up are means over a
    period where `changes` has others."""
    rate: float
    rtt: float
    rate_up: float = None
    queue: float = QUEUE_MS
    loss: float = 0       # percent, each direction
    jitter: float = 0     # ms, each direction
    more: str = ''
    changes: list = field(default_factory=list)  # [(seconds, words)]

    def up(self):
        return self.rate if self.rate_up is None else self.rate_up

    def shape(self):
        words = [f'down.rate={self.rate}M', f'up.rate={self.up()}M',
                 f'delay={self.rtt / 2}ms', f'queue={self.queue}ms']
        if self.loss:
            words.append(f'loss={self.loss}%')
        if self.jitter:
            words.append(f'jitter={self.jitter}ms')
        if self.more:
            words.append(self.more)
        return ','.join(words)


@dataclass
class Profile:
    name: str
    links: list
    number: int = 0       # among the twenty; 0: not one of them
    scale: float = 1
    period: float = 0
    distinct: list = None  # links of which one stands for those like it

    def rates(self, down):
        return [link.rate if down else link.up() for link in self.links]

    def emulate(self):
        return {n: link.shape() for n, link in enumerate(self.links, 1)}

    def alone(self):
        """The WANs worth measuring alone."""
        return self.distinct or list(range(1, len(self.links) + 1))

    def schedule(self):
        """The text of linkemu's schedule, '' where nothing changes."""
        lines = sorted((at, f'{n} {words}')
                       for n, link in enumerate(self.links, 1)
                       for at, words in link.changes)
        if not lines:
            return ''
        return ''.join(f'{at:.3f}s {text}\n' for at, text in lines) \
            + f'repeat {self.period}s\n'


def handovers(number, at=HOLE_BEFORE_S, hole_ms=150):
    """A satellite's: every 15 s silence, another delay and another rate. Two
    of them a period, so that it goes there and back."""
    rng = random.Random(number)
    near, far = rng.uniform(15, 20), rng.uniform(33, 40)
    changes = []
    for when, delay, rate in ((at, far, 0.9), (at + 15, near, 1.1)):
        changes += [(when, 'both hole=1'),
                    (when + hole_ms / 1000, 'both hole=0'),
                    (when + hole_ms / 1000, f'both delay={delay:.1f}ms'),
                    (when + hole_ms / 1000, ('rate', rate)),
                    (when + hole_ms / 1000, 'both burst=0.01:0.3'),
                    (when + 1, 'both burst=0:0')]
    return changes


def leo(rate, number, at=HOLE_BEFORE_S):
    link = Link(rate, 34, rate_up=rate / 5, loss=1)
    for when, words in handovers(number, at):
        if isinstance(words, tuple):
            link.changes += [(when, f'down rate={rate * words[1]:.2f}M'),
                             (when, f'up rate={rate / 5 * words[1]:.2f}M')]
        else:
            link.changes.append((when, words))
    return link


def walking(number, low, high, seconds, **more):
    """A cell whose rate wanders; it ends where it began."""
    rng = random.Random(number)
    steps = int(seconds / STEP_S)
    rate, rates = (low + high) / 2, []
    for _ in range(steps):
        rate = min(high, max(low, rate + rng.uniform(-0.2, 0.2) * (high - low)))
        rates.append(rate)
    mean = sum(rates) / steps
    return Link(mean, 60, jitter=20, queue=500, changes=[
        (i * STEP_S, f'both rate={rate:.2f}M')
        for i, rate in enumerate(rates)], **more)


def decaying(rate, rtt, seconds):
    """Down to next to nothing by half each half second, silence in all but
    name for a while, and back at once."""
    changes, total = [(0, f'both rate={rate}M')], 0
    steps = int(seconds / STEP_S)
    for i in range(steps):
        if i < steps // 5 or i >= steps * 3 // 4:
            now = rate
        else:
            now = max(0.01, rate / 2 ** (i - steps // 5 + 1))
        total += now
        changes.append((i * STEP_S, f'both rate={now:.4f}M'))
    return Link(total / steps, rtt, changes=changes[1:])


def bursts(percent, length):
    """Gilbert-Elliott: `percent` lost, in runs of `length` packets."""
    end = 1 / length
    begin = end * percent / (100 - percent)
    return f'burst={begin:.5f}:{end:.4f}'


HET3 = (50, 30), (20, 60), (10, 120)
TWENTY = [
    Profile('2x20', [Link(20, 40)] * 2, distinct=[1]),
    Profile('6x20', [Link(20, 40)] * 6, distinct=[1]),
    Profile('2x50', [Link(50, 25)] * 2, scale=1 / 2, distinct=[1]),
    Profile('fast+slow', [Link(75, 10), Link(20, 30)], scale=1 / 4),
    Profile('het3', [Link(*link) for link in HET3]),
    Profile('2x20-l1', [Link(20, 40, loss=1)] * 2, distinct=[1]),
    Profile('2x50-one-l1', [Link(50, 40), Link(50, 40, loss=1)]),
    Profile('2x50-one-jitter', [Link(50, 20), Link(50, 20, jitter=10)]),
    Profile('near+far', [Link(50, 20), Link(50, 80)]),
    Profile('50+5', [Link(50, 30), Link(5, 30)]),
    Profile('geo', [Link(50, 30), Link(50, 300)]),
    Profile('leo+lte', [leo(100, 12), Link(30, 60, jitter=15, rate_up=10)],
            period=30),
    Profile('2xleo', [leo(60, 13), leo(60, 14, at=HOLE_BEFORE_S + 4)],
            scale=3 / 5, period=30),
    Profile('2xlte', [walking(14, 5, 40, 10), walking(15, 5, 40, 10)],
            period=10),
    Profile('fibre+lte', [Link(100, 8), Link(30, 60, jitter=15, rate_up=10)],
            scale=1 / 3),
    Profile('bloated', [Link(20, 40, queue=2000), Link(20, 40, queue=50)]),
    Profile('2x20-one-bursts', [Link(20, 40),
                                Link(20, 40, more=bursts(5, 10))]),
    Profile('2x20-one-l30', [Link(20, 40), Link(20, 40, loss=30)]),
    Profile('asymmetric', [Link(100, 40, rate_up=10),
                           Link(25, 60, rate_up=5)], scale=1 / 2),
    Profile('decaying', [Link(20, 40), decaying(20, 40, 20)], period=20),
]
for _number, _profile in enumerate(TWENTY, 1):
    _profile.number = _number
MORE = [
    Profile('1x20', [Link(20, 40)]),
    Profile('het3-l1', [Link(*link, loss=1) for link in HET3]),
    # As leo+lte, without its hand-overs: what they cost is the ratio.
    Profile('leo+lte-still', [Link(100, 50, rate_up=20, loss=1),
                              Link(30, 60, jitter=15, rate_up=10)]),
]
PROFILES = {profile.name: profile for profile in TWENTY + MORE}
