# SPDX-License-Identifier: Apache-2.0
"""One end of mpquic in the lab: its files, its two daemons, its mpqctl.

mpquic-data is started as `nobody`, without any capability and with no way to
gain one: what it can do, it can do by the descriptors that it is handed.
mpquic-control is started with the capabilities that its systemd unit grants.
"""
import json
import os
import re
import shutil
import signal
import subprocess

from netns import Failure, wait_for

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
NOBODY = 65534
CONTROL_CAPABILITIES = '-all,+net_admin,+chown'
SANITIZER = re.compile(r'ERROR: AddressSanitizer|ERROR: LeakSanitizer'
                       r'|runtime error:')


class Node:
    def __init__(self, lab, name, label=None):
        self.lab = lab
        self.name = name          # the namespace
        self.label = label or name
        self.control = None
        self.data = None
        self.starts = 0
        self.directory = os.path.join(lab.directory, self.label)

    def path(self, name):
        return os.path.join(self.directory, name)

    def socket(self):
        return self.path('run/control.sock')

    def configure(self, config):
        """Writes the configuration that the next start of mpquic-control
        reads."""
        for name in ('state', 'run', 'bin'):
            os.makedirs(self.path(name), exist_ok=True)
        self.write_config(config)

    def write_config(self, config, name='mpquic.json'):
        with open(self.path(name), 'w', encoding='utf-8') as file:
            json.dump(config, file, indent=1)
        return self.path(name)

    # Daemons

    def start(self):
        self.start_control()
        self.start_data()

    def start_control(self):
        self.starts += 1
        self.control = self.lab.start(
            self.name, f'{self.label}-control', 'setpriv',
            '--bounding-set=' + CONTROL_CAPABILITIES, '--no-new-privs',
            self.lab.program('controlplane/mpquic-control'),
            '--config', self.path('mpquic.json'),
            '--state-dir', self.path('state'),
            '--runtime-dir', self.path('run'),
            '--yang-dir', os.path.join(TOP, 'yang'),
            '--data-user', 'nobody')

    def start_data(self):
        """A copy that `nobody` may execute, wherever the build is."""
        program = self.path('bin/mpquic-data')
        if not os.path.exists(program):
            shutil.copy(self.lab.program('dataplane/mpquic-data'), program)
        self.data = self.lab.start(
            self.name, f'{self.label}-data', 'setpriv',
            f'--reuid={NOBODY}', f'--regid={NOBODY}', '--clear-groups',
            '--inh-caps=-all', '--ambient-caps=-all', '--bounding-set=-all',
            '--no-new-privs', program, '--socket', self.path('run/data.sock'))

    def kill_control(self):
        self.control.kill(signal.SIGKILL)

    def kill_data(self):
        self.data.kill(signal.SIGKILL)

    def stop(self):
        """Ends both as an operator would. A Failure when one of them ends
        badly, or its log has a complaint of a sanitizer."""
        for process in (self.data, self.control):
            if process and process.running():
                code = process.stop()
                if code:
                    raise Failure(f'{process.name} ended with {code}: '
                                  f'{process.output()[-3000:]}')
        self.check_logs()

    def check_logs(self):
        for process in (self.data, self.control):
            match = process and SANITIZER.search(process.output())
            if match:
                raise Failure(f'{process.name}: '
                              f'{process.output()[match.start():][:3000]}')

    # mpqctl

    def mpqctl(self, *words, check=True, timeout=20):
        """(exit code, standard output, standard error)"""
        argv = self.lab.inside(
            self.name, self.lab.program('controlplane/mpqctl/mpqctl'), *words,
            '--socket', self.socket())
        result = subprocess.run(argv, text=True, capture_output=True,
                                timeout=timeout, check=False)
        if check and result.returncode:
            raise Failure(f'mpqctl {" ".join(words)}: exit '
                          f'{result.returncode}: {result.stderr}'
                          f'{result.stdout}')
        return result.returncode, result.stdout, result.stderr

    def status(self):
        """What mpquic-control says of itself, {} while it does not answer."""
        code, text, _ = self.mpqctl('status', '--json', check=False)
        if code or not text.strip():
            return {}
        return json.loads(text)

    def states(self):
        """{path: state}"""
        return {path['name']: path['state']
                for path in self.status().get('paths', [])}

    def reason(self, path):
        for entry in self.status().get('paths', []):
            if entry['name'] == path:
                return entry.get('reason')
        return None

    def wait_for_state(self, path, *states, seconds=15):
        def reached():
            for process in (self.control, self.data):
                if not process.running():
                    raise Failure(f'{process.name} ended: '
                                  f'{process.output()[-3000:]}')
            return self.states().get(path) in states
        wait_for(reached, seconds,
                 lambda: f'{self.label}: {path} is {" or ".join(states)}: '
                         f'{self.states().get(path)}, {self.reason(path)}',
                 interval=0.05)

    def wait_for_all_up(self, seconds=20):
        for n in self.lab.wans:
            self.wait_for_state(f'wan{n}', 'up', seconds=seconds)

    # What the kernel knows

    def resident_kib(self, process):
        with open(f'/proc/{process.pid}/status', encoding='ascii') as lines:
            for line in lines:
                if line.startswith('VmRSS:'):
                    return int(line.split()[1])
        return 0

    def descriptors(self, process):
        return len(os.listdir(f'/proc/{process.pid}/fd'))
