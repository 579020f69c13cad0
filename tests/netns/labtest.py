# SPDX-License-Identifier: Apache-2.0
"""What every test of this folder begins with: the arguments, and whether this
machine can run a lab at all."""
import os
import shutil
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]

# pylint: disable=wrong-import-position
from tap import Tap, skip_all  # noqa: E402

PROGRAMS = ('ip', 'nft', 'dnsmasq', 'udhcpc', 'tcpdump', 'ethtool', 'ping',
            'setpriv')


def missing():
    """Why no lab can run here, or None."""
    if os.geteuid() != 0:
        return 'needs root (network namespaces, TUN devices)'
    if not os.path.exists('/dev/net/tun'):
        return 'no /dev/net/tun: the kernel module tun is not there'
    for name in PROGRAMS:
        if not shutil.which(name):
            return f'no {name}: run deploy/install-deps lab'
    return None


def begin():
    """(build directory, Tap). Skips the whole file where no lab can run."""
    if len(sys.argv) < 2:
        sys.exit(f'usage: {sys.argv[0]} BUILD-DIRECTORY')
    os.environ['PATH'] += ':/usr/sbin:/sbin'
    why = missing()
    if why:
        skip_all(why)
    return os.path.abspath(sys.argv[1]), Tap()


def long_form():
    """Whether to run the long forms of the issue's criteria."""
    return os.environ.get('MPQUIC_SOAK') == '1'
