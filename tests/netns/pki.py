# SPDX-License-Identifier: Apache-2.0
"""Certificates as they should not be, made by certtool (gnutls-bin)."""
import os

from netns import run

PAST = '"2020-01-01 00:00:00 UTC"'
LONG_AGO = '"2021-01-01 00:00:00 UTC"'
FAR_AHEAD = '"2098-01-01 00:00:00 UTC"'
FARTHER = '"2099-01-01 00:00:00 UTC"'


class Pki:
    """Files of a directory; names without their .pem and .key."""

    def __init__(self, directory):
        self.directory = directory
        os.makedirs(directory, exist_ok=True)
        self.serial = 1000

    def path(self, name, suffix='pem'):
        return os.path.join(self.directory, f'{name}.{suffix}')

    def text(self, name, suffix='pem'):
        with open(self.path(name, suffix), encoding='ascii') as file:
            return file.read()

    def _template(self, name, lines):
        self.serial += 1
        with open(self.path(name, 'cfg'), 'w', encoding='ascii') as file:
            file.write('\n'.join([f'serial = {self.serial}', *lines]) + '\n')
        return self.path(name, 'cfg')

    def key(self, name, kind):
        words = {'p256': ['ecdsa', '--curve', 'secp256r1'],
                 'rsa1024': ['rsa', '--bits', '1024'],
                 'rsa2048': ['rsa', '--bits', '2048']}[kind]
        run(['certtool', '--generate-privkey', '--key-type', *words,
             '--outfile', self.path(name, 'key')])

    def authority(self, name):
        self.key(name, 'p256')
        template = self._template(name, [
            f'cn = "{name}"', 'ca', 'cert_signing_key', 'crl_signing_key',
            'expiration_days = 3650'])
        run(['certtool', '--generate-self-signed', '--load-privkey',
             self.path(name, 'key'), '--template', template, '--outfile',
             self.path(name)])

    # pylint: disable-next=too-many-arguments
    def leaf(self, name, issuer, usage, host, *, key='p256', dates=None,
             sign_hash='SHA256', lines=()):
        """usage: 'client' or 'server'; dates: (from, to); issuer None: signed
        by itself."""
        self.key(name, key)
        dates = dates or (PAST, FAR_AHEAD)
        template = self._template(name, [
            f'cn = "{name}"', f'dns_name = "{host}"', 'signing_key',
            f'tls_www_{usage}', f'activation_date = {dates[0]}',
            f'expiration_date = {dates[1]}', *lines])
        words = (['--generate-self-signed'] if issuer is None else
                 ['--generate-certificate', '--load-ca-certificate',
                  self.path(issuer), '--load-ca-privkey',
                  self.path(issuer, 'key')])
        run(['certtool', *words, '--load-privkey', self.path(name, 'key'),
             '--template', template, '--hash', sign_hash, '--outfile',
             self.path(name)])

    def revoke(self, names, issuer, to):
        template = self._template(to, [
            'crl_next_update = 3650', 'crl_number = 1'])
        with open(self.path('revoked'), 'w', encoding='ascii') as file:
            file.write(''.join(map(self.text, names)))
        run(['certtool', '--generate-crl', '--load-ca-certificate',
             self.path(issuer), '--load-ca-privkey', self.path(issuer, 'key'),
             '--load-certificate', self.path('revoked'), '--template',
             template, '--outfile', self.path(to)])

    def wrong_ones(self, usage, host):
        """The names of the cases; the files are called USAGE-CASE."""
        other = 'server' if usage == 'client' else 'client'
        make = {
            'expired': dict(dates=(PAST, LONG_AGO)),
            'not-yet-valid': dict(dates=(FAR_AHEAD, FARTHER)),
            'rsa-1024': dict(key='rsa1024'),
            'rsa-2048': dict(key='rsa2048'),
            'sha-1': dict(sign_hash='SHA1'),
            'revoked': {},
            'is-a-ca': dict(lines=('ca', 'cert_signing_key')),
        }
        for case, options in make.items():
            self.leaf(f'{usage}-{case}', 'ca', usage, host, **options)
        self.leaf(f'{usage}-wrong-ca', 'rogue', usage, host)
        self.leaf(f'{usage}-wrong-name', 'ca', usage, 'nobody.example')
        self.leaf(f'{usage}-wrong-usage', 'ca', other, host)
        self.leaf(f'{usage}-self-signed', None, usage, host)
        self.leaf(f'{usage}-bad-signature', 'ca', usage, host)
        self._spoil(f'{usage}-bad-signature')
        return list(make) + ['wrong-ca', 'wrong-name', 'wrong-usage',
                             'self-signed', 'bad-signature']

    def _spoil(self, name):
        """Changes the last bytes of the signature."""
        der = self.path(name, 'der')
        run(['certtool', '--certificate-info', '--outder', '--infile',
             self.path(name), '--outfile', der])
        with open(der, 'rb') as file:
            data = bytearray(file.read())
        data[-3] ^= 0x55
        with open(der, 'wb') as file:
            file.write(data)
        run(['certtool', '--certificate-info', '--inder', '--infile', der,
             '--outfile', self.path(name)], check=False)
