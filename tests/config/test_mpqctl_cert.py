#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""mpqctl cert: certificates for those who have none.

Usage: test_mpqctl_cert.py TOP MPQCTL
"""
import datetime
import json
import os
import re
import shutil
import stat
import subprocess

from called import DIR, contains, equal, mpqctl, run
from tap import Skip


def cert_init(*arguments):
    return mpqctl('cert', 'init', *arguments)


def cert_issue(*arguments):
    return mpqctl('cert', 'issue', *arguments)


def cert_cases(tap):
    pki = os.path.join(DIR, 'pki')
    with tap.case('cert init makes an authority and both ends'):
        result = cert_init(pki, '--edge', 'ship-1.example.net',
                           '--concentrator=hub.example.net')
        equal((result.returncode, result.stderr), (0, ''))
        modes = {name: stat.S_IMODE(os.stat(os.path.join(pki, name)).st_mode)
                 for name in sorted(os.listdir(pki))}
        equal(modes, {'authority.key': 0o600, 'authority.pem': 0o644,
                      'concentrator.key': 0o600, 'concentrator.pem': 0o644,
                      'edge.key': 0o600, 'edge.pem': 0o644})
        contains(result.stdout, f'"certificate": "{pki}/edge.pem"',
                 f'"authority": ["{pki}/authority.pem"]',
                 '"server-name": "hub.example.net"',
                 '"certificate-name": "ship-1.example.net"')
    with tap.case('openssl verifies what cert init made'):
        if not shutil.which('openssl'):
            raise Skip('no openssl')
        for end, purpose in (('edge', 'sslclient'),
                             ('concentrator', 'sslserver')):
            subprocess.run(['openssl', 'verify', '-x509_strict', '-purpose',
                            purpose, '-CAfile', f'{pki}/authority.pem',
                            f'{pki}/{end}.pem'], check=True,
                           capture_output=True)
    with tap.case('cert show tells names, usage, dates and the pin'):
        shown, = json.loads(mpqctl('cert', 'show', '--json',
                                   f'{pki}/concentrator.pem').stdout)
        assert re.match('CN=mpquic authority [0-9a-f]{8}$', shown['issuer'])
        equal((shown['subject'], shown['names'], shown['usage'],
               shown['key'], shown['signed-with']),
              ('CN=hub.example.net', ['hub.example.net'], ['serverAuth'],
               'EC/ECDSA, 256 bits', 'ECDSA-SHA256'))
        assert re.match('[0-9a-f]{64}$', shown['spki-sha256']), shown
        begin, end = (datetime.datetime.fromisoformat(shown[key][:-1])
                      for key in ('not-before', 'not-after'))
        equal((end - begin).days, 731)
        contains(mpqctl('cert', 'show', f'{pki}/authority.pem').stdout,
                 'usage        authority\n')
    with tap.case('cert init never overwrites, and leaves nothing half done'):
        before = {name: open(os.path.join(pki, name), 'rb').read()
                  for name in os.listdir(pki)}
        result = cert_init(pki)
        equal(result.returncode, 1)
        contains(result.stderr, 'nothing is overwritten: give an empty '
                 'directory', 'cert issue')
        equal({name: open(os.path.join(pki, name), 'rb').read()
               for name in os.listdir(pki)}, before)
        partly = os.path.join(DIR, 'partly')
        os.mkdir(partly)
        open(os.path.join(partly, 'edge.pem'), 'w').close()
        equal(cert_init(partly).returncode, 1)
        equal(os.listdir(partly), ['edge.pem'])
        equal(os.path.getsize(os.path.join(partly, 'edge.pem')), 0)
    with tap.case('cert init follows no link'):
        trap = os.path.join(DIR, 'trap')
        os.mkdir(trap)
        os.symlink(os.path.join(DIR, 'target'),
                   os.path.join(trap, 'authority.key'))
        equal(cert_init(trap).returncode, 1)
        assert not os.path.exists(os.path.join(DIR, 'target'))
    with tap.case('cert init refuses wrong names and days'):
        for words, said in ((['--edge', '192.0.2.1'], 'no host name'),
                            (['--edge', '*.example'], 'no host name'),
                            (['--edge', ''], 'no host name'),
                            (['--edge', 'a..b'], 'no host name'),
                            (['--concentrator', '-a'], 'no host name'),
                            (['--concentrator', 'a"b'], 'no host name'),
                            (['--days', '0'], 'allowed are 1 to 3650'),
                            (['--days', '3651'], 'allowed are 1 to 3650'),
                            (['--days', 'x'], 'allowed are 1 to 3650')):
            result = cert_init(os.path.join(DIR, 'never'), *words)
            equal((words, result.returncode), (words, 2))
            contains(result.stderr, said)
        assert not os.path.exists(os.path.join(DIR, 'never'))
    with tap.case('cert issue makes one end more, of the same authority'):
        result = cert_issue(pki, '--edge', 'ship-2.example.net')
        equal((result.returncode, result.stderr), (0, ''))
        contains(result.stdout, f'made {pki}/ship-2.example.net.pem',
                 'certificate-name "ship-2.example.net"')
        equal(cert_issue(pki, '--concentrator', 'hub-2.example.net', '--days',
                         '10').returncode, 0)
        authority, = json.loads(mpqctl('cert', 'show', '--json',
                                       f'{pki}/authority.pem').stdout)
        for name, usage in (('ship-2', 'clientAuth'), ('hub-2', 'serverAuth')):
            path = f'{pki}/{name}.example.net'
            shown, = json.loads(mpqctl('cert', 'show', '--json',
                                       path + '.pem').stdout)
            equal((shown['issuer'], shown['names'], shown['usage']),
                  (authority['subject'], [f'{name}.example.net'], [usage]))
            equal(stat.S_IMODE(os.stat(path + '.key').st_mode), 0o600)
    with tap.case('cert issue never overwrites, and says what it lacks'):
        before = sorted(os.listdir(pki))
        result = cert_issue(pki, '--edge', 'ship-2.example.net')
        equal(result.returncode, 1)
        contains(result.stderr, f'{pki}/ship-2.example.net.key: File exists',
                 'nothing is overwritten: for this end\'s next certificate '
                 'move the old .pem and .key of this name away')
        equal(sorted(os.listdir(pki)), before)
        result = cert_issue(DIR, '--edge', 'ship-2.example.net')
        equal(result.returncode, 1)
        contains(result.stderr, f'{DIR}/authority.pem cannot be read', 'DIR is')
        for words in ([], ['--edge', 'a.b', '--concentrator', 'c.d'],
                      ['--edge', '*.example'],
                      ['--edge', 'a.b', '--days', '0']):
            equal((words, cert_issue(pki, *words).returncode), (words, 2))
    with tap.case('cert issue signs nothing with the key of another'):
        other = os.path.join(DIR, 'other')
        equal(cert_init(other).returncode, 0)
        shutil.copy(f'{pki}/authority.key', f'{other}/authority.key')
        result = cert_issue(other, '--edge', 'ship-3.example.net')
        equal(result.returncode, 1)
        contains(result.stderr, 'not good')
        assert not os.path.exists(f'{other}/ship-3.example.net.pem')
    with tap.case('cert show of garbage is status 1'):
        result = mpqctl('cert', 'show', __file__)
        equal(result.returncode, 1)
        contains(result.stderr, 'BEGIN CERTIFICATE')
        result = mpqctl('cert', 'show', pki + '/none')
        equal((result.returncode, result.stderr),
              (1, f'mpqctl: {pki}/none: No such file or directory\n'))


if __name__ == '__main__':
    run(cert_cases)
