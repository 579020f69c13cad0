# SPDX-License-Identifier: Apache-2.0
"""A lab that was left running (deploy/demo --keep): what has to be known to
end it later. Processes are recorded with the time of their start, so that a
number that the kernel gave to somebody else meanwhile is left alone."""
import contextlib
import json
import os
import shutil
import signal

from netns import run, wait_for

RECORD = '/run/mpquic-lab.json'


def started(pid):
    """When a process was started, in ticks since boot; None: no such one."""
    try:
        with open(f'/proc/{pid}/stat', encoding='ascii') as file:
            return file.read().rsplit(')', 1)[1].split()[19]
    except OSError:
        return None


def write(lab):
    record = {'processes': [[pid, started(pid)] for pid in lab.pids()],
              'namespaces': lab.namespaces, 'directory': lab.directory}
    with open(RECORD, 'w', encoding='utf-8') as file:
        json.dump(record, file)


def exists():
    return os.path.exists(RECORD)


def end():
    """Ends the kept lab. False when there is none."""
    if not exists():
        return False
    with open(RECORD, encoding='utf-8') as file:
        record = json.load(file)
    ours = [pid for pid, since in record['processes']
            if since and started(pid) == since]
    for pid in ours:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not any(map(started, ours)), 5, 'its processes end')
    for name in reversed(record['namespaces']):
        run(['ip', 'netns', 'del', name], check=False)
    shutil.rmtree(record['directory'], ignore_errors=True)
    os.unlink(RECORD)
    return True
