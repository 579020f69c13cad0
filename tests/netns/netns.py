# SPDX-License-Identifier: Apache-2.0
"""Network namespaces and processes, and their certain end.

A World holds everything that a lab makes: namespaces (their names carry the
pid of the lab, so two labs never meet), processes, a temporary directory.
close() ends each process by its own pid and removes what was made, in reverse
order; it runs on failure, on SIGINT and on SIGTERM too.
"""
import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import tempfile
import time

PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None, use_errno=True)


class Failure(Exception):
    """The lab could not do what it was told; the text says what and why."""


def wait_for(predicate, seconds, what, interval=0.02):
    """Polls until predicate() is true and returns what it returned."""
    end = time.monotonic() + seconds
    while True:
        result = predicate()
        if result:
            return result
        if time.monotonic() > end:
            raise Failure(f'not within {seconds} s: '
                          f'{what() if callable(what) else what}')
        time.sleep(interval)


def run(argv, text=None, check=True, timeout=60):
    """A short command. Its standard output; a Failure tells what it said."""
    result = subprocess.run(argv, input=text, text=True, timeout=timeout,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            check=False)
    if check and result.returncode:
        raise Failure(f'{" ".join(argv)}: exit {result.returncode}: '
                      f'{result.stderr.strip()} {result.stdout.strip()}')
    return result.stdout


class Process:
    """A process of the lab, its log in a file. Ended by its recorded pid."""

    def __init__(self, name, argv, log, env=None, pipes=False, orphan=False):
        def in_child():
            os.setsid()
            if not orphan:  # should the lab die without cleaning up
                LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

        self.name = name
        self.log = log
        with open(log, 'ab') as output:
            # pylint: disable-next=subprocess-popen-preexec-fn
            self.popen = subprocess.Popen(
                argv, env=env, preexec_fn=in_child,
                stdin=subprocess.PIPE if pipes else subprocess.DEVNULL,
                stdout=subprocess.PIPE if pipes else output,
                stderr=output, text=pipes or None,
                bufsize=1 if pipes else -1)
        self.pid = self.popen.pid

    def running(self):
        return self.popen.poll() is None

    def output(self):
        with open(self.log, encoding='utf-8', errors='replace') as log:
            return log.read()

    def wait_for_text(self, text, seconds=10):
        def seen():
            if text in self.output():
                return True
            if not self.running():
                raise Failure(f'{self.name} ended: {self.output()[-2000:]}')
            return False
        wait_for(seen, seconds, f'"{text}" from {self.name}')

    def kill(self, number=signal.SIGKILL):
        """Ends it at once. Returns after it is gone."""
        with contextlib.suppress(ProcessLookupError):
            self.popen.send_signal(number)
        self.popen.wait()

    def stop(self, number=signal.SIGTERM, seconds=10):
        """Asks it to end. Its exit code; a Failure when it does not obey."""
        if self.running():
            self.popen.send_signal(number)
        try:
            return self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Failure(f'{self.name} did not end within {seconds} s of '
                          f'signal {number}') from None


class World:
    def __init__(self, keep=False):
        self.pid = os.getpid()
        self.keep = keep  # leave everything running
        self.namespaces = []
        self.processes = []
        self.directory = tempfile.mkdtemp(prefix=f'mpq{self.pid}-')
        os.chmod(self.directory, 0o755)
        self._signals = {}

    # Namespaces

    def namespace(self, name):
        """Makes one, with lo up, and returns its full name."""
        full = self.full(name)
        run(['ip', 'netns', 'add', full])
        self.namespaces.append(full)
        run(['ip', '-n', full, 'link', 'set', 'lo', 'up'])
        return full

    def full(self, name):
        return f'mpq{self.pid}-{name}'

    def inside(self, name, *argv):
        """The argument vector that runs argv in a namespace."""
        return ['ip', 'netns', 'exec', self.full(name), *argv]

    def run(self, name, *argv, **options):
        return run(self.inside(name, *argv), **options)

    def ip(self, name, *lines, force=False):
        """Several commands of ip at once: 'link set eth0 up', ..."""
        batch = ['-force'] if force else []
        return run(['ip', '-n', self.full(name), *batch, '-batch', '-'],
                   text='\n'.join(lines) + '\n', check=not force)

    def sysctl(self, name, **values):
        """net.ipv4.ip_forward=1 is written net__ipv4__ip_forward=1."""
        words = [f'{key.replace("__", ".")}={value}'
                 for key, value in values.items()]
        self.run(name, 'sysctl', '-qw', *words)

    def nft(self, name, ruleset):
        self.run(name, 'nft', '-f', '-', text=ruleset)

    # Processes

    def start(self, name, label, *argv, **options):
        """Starts argv in a namespace; its log is LABEL.log."""
        log = os.path.join(self.directory, f'{label}.log')
        process = Process(label, self.inside(name, *argv), log,
                          orphan=self.keep, **options)
        self.processes.append(process)
        return process

    def end(self, process):
        """Ends one process for good."""
        with contextlib.suppress(Failure):  # it was killed then
            process.stop(seconds=5)
        self.processes.remove(process)

    def pids(self):
        return [process.pid for process in self.processes
                if process.running()]

    def keep_logs(self, directory):
        os.makedirs(directory, exist_ok=True)
        for name in os.listdir(self.directory):
            if name.endswith('.log'):
                shutil.copy(os.path.join(self.directory, name), directory)

    # The end

    def close(self):
        for process in reversed(self.processes):
            if process.running():
                process.kill()
        self.processes.clear()
        for name in reversed(self.namespaces):
            run(['ip', 'netns', 'del', name], check=False)
        self.namespaces.clear()
        shutil.rmtree(self.directory, ignore_errors=True)

    def _interrupted(self, number, _frame):
        raise SystemExit(128 + number)

    def __enter__(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            self._signals[number] = signal.signal(number, self._interrupted)
        return self

    def __exit__(self, kind, error, trace):
        # A second signal must not stop the cleaning up.
        for number in self._signals:
            signal.signal(number, signal.SIG_IGN)
        if not self.keep or kind:
            self.close()
        for number, handler in self._signals.items():
            signal.signal(number, handler)
