# SPDX-License-Identifier: Apache-2.0
"""What goes through a bonded tunnel while its paths fail and return, and what
each link carries of it."""
import time

import flows
from bonding import BONDED

PPS = 100
BULK_BYTES = 1200
SAMPLE = 0.05


class Traffic:
    """Flows of 100 packets a second both ways, several, so that some are on
    the path that dies; and a load of that many Mbit/s beside them."""

    def __init__(self, lab, count, mbps=0):
        self.lab = lab
        self.flows = [flows.OneWay(lab, BONDED, down=down, pps=PPS, size=200)
                      for down in (False, True) for _ in range(count)]
        pps = mbps * 1e6 / 8 / (BULK_BYTES + flows.HEADERS)
        self.load = [flows.OneWay(lab, BONDED, down=down, pps=pps,
                                  size=BULK_BYTES)
                     for down in (False, True)] if mbps else []

    def flowing(self):
        for flow in self.flows + self.load:
            flow.flowing(10)

    def pace(self, pps):
        for flow in self.flows:
            flow.pace(pps)

    def positions(self):
        return [flow.position() for flow in self.flows]

    def since(self, positions, ends=None):
        ends = ends or self.positions()
        return [flow.settled(first, end, seconds=1)
                for flow, first, end in zip(self.flows, positions, ends)]

    def stop(self):
        for flow in self.flows + self.load:
            flow.stop()


class Watch:
    """What a link carries, from the emulator, in both directions together."""

    def __init__(self, lab, n):
        self.lab, self.n = lab, str(n)
        self.bytes, self.at = self._now()

    def _now(self):
        link = self.lab.emulator.statistics()['links'][self.n]
        return (link['up']['received-bytes'] + link['down']['received-bytes'],
                time.monotonic())

    def mbps(self):
        """Since it was last asked."""
        count, at = self._now()
        rate = (count - self.bytes) * 8 / (at - self.at) / 1e6
        self.bytes, self.at = count, at
        return rate

    def reaches(self, mbps, since, seconds):
        """Seconds since `since` until it carries that much; None: never."""
        while time.monotonic() < since + seconds:
            time.sleep(SAMPLE)
            if self.mbps() >= mbps:
                return time.monotonic() - since
        return None
