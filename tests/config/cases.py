# SPDX-License-Identifier: Apache-2.0
"""What is changed in a good configuration, and what is said about it.

A case: (name, base, changes, sentence). `base` is a file of configs/. A change
is (where, value): "path/0/wan" names a node below "mpquic:mpquic", "-" at the
end of it a new list entry; the value GONE removes it. `sentence` is all that
--check prints, line by line: the path, what is wrong, what would be allowed,
what to do next. @ stands for the folder with the test's certificates.
"""

GONE = object()

EDGE = 'edge-six-wans'
VPS = 'concentrator'
TWO = 'concentrator-two-edges'
BOND = 'edge-bonded'
BOND_VPS = 'concentrator-bonded'
EXAMPLES = (EDGE, VPS, TWO, BOND, BOND_VPS)

# Changes of the text, not of the tree: (name, text, sentence).
SYNTAX = [
    ('an empty file', '',
     'this is not JSON: line 1, column 1: the text ends too early'),
    ('not JSON at all', 'role = edge\n',
     'this is not JSON: line 1, column 1: unexpected character'),
    ('a comma too many', '{\n  "mpquic:mpquic": {\n    "local": {},\n  }\n}',
     'this is not JSON: line 4, column 3: unexpected character'),
    ('a text that ends too early', '{"mpquic:mpquic": {"local":',
     'this is not JSON: line 1, column 28: the text ends too early'),
    ('more text after the end', '{}\n{}',
     'this is not JSON: line 2, column 1: unexpected character'),
    ('a list in place of an object', '[]',
     'expected an object {"mpquic:mpquic": ..}, found an array [..].'),
    ('another model', '{"openvpn:openvpn": {}}',
     '/: there is no "openvpn:openvpn" here.\n'
     '  allowed: mpquic:mpquic'),
    ('no module name', '{"mpquic": {}}',
     '/: there is no "mpquic" here.\n'
     '  allowed: mpquic:mpquic'),
    ('an object without content', '{}',
     '/: "mpquic:mpquic" is missing.'),
    ('a byte order mark', '\xef\xbb\xbf{"mpquic:mpquic": {}}',
     'this is not JSON: line 1, column 1: a byte order mark\n'
     '  next: save the file as UTF-8 without one'),
    ('bytes that are not UTF-8',
     '{"mpquic:mpquic": {"local": {"name": "\xff"}}}',
     'this is not JSON: line 1, column 39: invalid utf-8 string'),
    ('nested too deeply', '{"mpquic:mpquic": ' + '[' * 40 + ']' * 40 + '}',
     'this is not JSON: line 1, column 34: nesting too deep'),
    ('nothing but null', 'null',
     'expected an object {"mpquic:mpquic": ..}, found null.'),
    ('NaN', '{"mpquic:mpquic": {"path": [{"name": "wan1", "metered": NaN}]}}',
     "/mpquic:mpquic/path[name='wan1']/metered: expected true or false, "
     'found NaN, which is no JSON.'),
    ('a number that no double holds',
     '{"mpquic:mpquic": {"tunnel": [{"name": "mpq1", "mtu": 1e999}]}}',
     "/mpquic:mpquic/tunnel[name='mpq1']/mtu: expected a whole number, "
     'found an infinite number.\n  allowed: 1280..1500 bytes'),
]

CASES = [
    # -- the model: what is there, and of which type
    ('an unknown member', EDGE, [('locale', {'role': 'edge'})],
     '/mpquic:mpquic: there is no "locale" here.\n'
     '  allowed: local, trust, peer, path, tunnel, class, rule'),
    ('a misspelt member', EDGE, [('path/0/wann', 'enp7s3')],
     '/mpquic:mpquic/path[name=\'wan1\']: there is no "wann" here.\n'
     '  allowed: name, wan, remote, listen, description, enabled, '
     'metered'),
    ('no role', EDGE, [('local/role', GONE)],
     '/mpquic:mpquic/local: "role" is missing.\n'
     '  allowed: edge, concentrator'),
    ('an unknown role', EDGE, [('local/role', 'server')],
     '/mpquic:mpquic/local/role: "server" is not a value of role.\n'
     '  allowed: edge, concentrator'),
    ('no trust', EDGE, [('trust', GONE)],
     '/mpquic:mpquic: "trust" is missing.'),
    ('a number as a string', EDGE, [('path/0/remote/port', '45001')],
     "/mpquic:mpquic/path[name='wan1']/remote/port: expected a whole "
     'number, found a string.\n  allowed: 1..65535'),
    ('a string as a number', EDGE, [('path/0/remote/server-name', 7)],
     "/mpquic:mpquic/path[name='wan1']/remote/server-name: expected a "
     'string, found a number.'),
    ('a boolean as a string', EDGE, [('path/0/enabled', 'yes')],
     "/mpquic:mpquic/path[name='wan1']/enabled: expected true or "
     'false, found a string.'),
    ('a fraction', EDGE, [('path/0/remote/port', 450.5)],
     "/mpquic:mpquic/path[name='wan1']/remote/port: expected a whole "
     'number, found a fraction.\n  allowed: 1..65535'),
    ('null', EDGE, [('path/0/wan', None)],
     "/mpquic:mpquic/path[name='wan1']/wan: expected a string, found "
     'null.\n'
     '  next: remove the member, or the entry: what is not set is left out'),
    ('an exponent', EDGE, [('path/0/remote/port', 4e4)],
     "/mpquic:mpquic/path[name='wan1']/remote/port: expected a whole "
     'number, found a number with a point or an exponent.\n'
     '  allowed: 1..65535'),
    ('a number that 64 bits do not hold', EDGE,
     [('path/0/remote/port', 10 ** 30)],
     "/mpquic:mpquic/path[name='wan1']/remote/port: this number is out of "
     'range.\n  allowed: 1..65535'),
    ('one that is as far below', EDGE, [('tunnel/0/mtu', -10 ** 30)],
     "/mpquic:mpquic/tunnel[name='mpq1']/mtu: this number is out of range.\n"
     '  allowed: 1280..1500 bytes'),
    ('an object as a list', EDGE, [('path', {'name': 'wan1'})],
     '/mpquic:mpquic/path: expected an array [..] of objects, found an'
     ' object {..}.'),
    ('a string as a list', EDGE, [('tunnel/0/path', 'wan1')],
     "/mpquic:mpquic/tunnel[name='mpq1']/path: expected an array [..],"
     ' found a string.'),
    ('a list entry that is no object', EDGE, [('path/0', 'wan1')],
     '/mpquic:mpquic/path[1]: expected an object {..}, found a string.'),
    ('a list as an object', EDGE, [('path/0/remote', ['192.0.2.1'])],
     "/mpquic:mpquic/path[name='wan1']/remote: expected an object "
     '{..}, found an array [..].'),
    ('an entry without its name', EDGE, [('path/0/name', GONE)],
     '/mpquic:mpquic/path[1]: this entry has no "name", which tells '
     'the entries of path apart.'),
    ('a name with a space', EDGE, [('path/0/name', 'wan 1')],
     '/mpquic:mpquic/path[name=\'wan 1\']/name: "wan 1" is refused: A '
     "name starts with a letter or digit and goes on with those, '.', "
     "'_' and '-'."),
    ('an empty name', EDGE, [('path/0/name', '')],
     '/mpquic:mpquic/path[name=\'\']/name: "" is refused: A name has 1 '
     'to 32 characters.'),
    ('a name that is too long', EDGE, [('path/0/name', 'w' * 33)],
     "/mpquic:mpquic/path[name='wwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwww']/name:"
     ' "wwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwww" is refused: A name has 1 to'
     ' 32 characters.'),
    ('two paths of one name', EDGE, [('path/1/name', 'wan1')],
     "/mpquic:mpquic/path[name='wan1']: two entries of path have this "
     'name.'),
    ('port 0', EDGE, [('path/0/remote/port', 0)],
     "/mpquic:mpquic/path[name='wan1']/remote/port: 0 is out of range.\n"
     '  allowed: 1..65535'),
    ('port 65536', EDGE, [('path/0/remote/port', 65536)],
     "/mpquic:mpquic/path[name='wan1']/remote/port: 65536 is out of "
     'range.\n'
     '  allowed: 1..65535'),
    ('a negative port', EDGE, [('path/0/remote/port', -1)],
     "/mpquic:mpquic/path[name='wan1']/remote/port: -1 is out of "
     'range.\n'
     '  allowed: 1..65535'),
    ('no port', EDGE, [('path/0/remote/port', GONE)],
     '/mpquic:mpquic/path[name=\'wan1\']/remote: "port" is missing.\n'
     '  allowed: 1..65535'),
    ('no server name', EDGE, [('path/0/remote/server-name', GONE)],
     '/mpquic:mpquic/path[name=\'wan1\']/remote: "server-name" is '
     'missing.\n'
     '  allowed: a domain name, such as concentrator.example'),
    ('a server name that is none', EDGE,
     [('path/0/remote/server-name', 'not a name')],
     '/mpquic:mpquic/path[name=\'wan1\']/remote/server-name: "not a '
     'name" cannot be used here.\n'
     '  allowed: a domain name, such as concentrator.example'),
    ('a host name as an address', EDGE,
     [('path/0/remote/address', 'concentrator.example')],
     "/mpquic:mpquic/path[name='wan1']/remote/address: "
     '"concentrator.example" cannot be used here.\n'
     '  allowed: an IPv4 or IPv6 address, such as 192.0.2.1 or '
     '2001:db8::1'),
    ('an address with too large a number', EDGE,
     [('path/0/remote/address', '192.0.2.256')],
     '/mpquic:mpquic/path[name=\'wan1\']/remote/address: "192.0.2.256" '
     'cannot be used here.\n'
     '  allowed: an IPv4 or IPv6 address, such as 192.0.2.1 or '
     '2001:db8::1'),
    ('an address with its prefix length', EDGE,
     [('path/0/remote/address', '192.0.2.1/24')],
     '/mpquic:mpquic/path[name=\'wan1\']/remote/address: "192.0.2.1/24" '
     'cannot be used here.\n'
     '  allowed: an IPv4 or IPv6 address, such as 192.0.2.1 or '
     '2001:db8::1'),
    ('an address with a zone', EDGE,
     [('path/0/remote/address', 'fe80::1%eth0')],
     '/mpquic:mpquic/path[name=\'wan1\']/remote/address: "fe80::1%eth0" '
     'cannot be used here.\n'
     '  allowed: an IPv4 or IPv6 address, such as 192.0.2.1 or '
     '2001:db8::1'),
    ('an interface name that is too long', EDGE,
     [('path/0/wan', 'enp0s20f0u1u2i4x')],
     '/mpquic:mpquic/path[name=\'wan1\']/wan: "enp0s20f0u1u2i4x" is '
     'refused: An interface name has 1 to 15 characters.'),
    ('an interface name with a slash', EDGE, [('path/0/wan', 'wan/1')],
     '/mpquic:mpquic/path[name=\'wan1\']/wan: "wan/1" is refused: An '
     "interface name has letters, digits, '.', '_' and '-', as rules "
     'can carry them.'),
    ('a tunnel name that is too long', EDGE,
     [('tunnel/0/name', 'mpquic-tunnel-01')],
     "/mpquic:mpquic/tunnel[name='mpquic-tunnel-01']/name: "
     '"mpquic-tunnel-01" is refused: An interface name has 1 to 15 '
     'characters.'),
    ('a tunnel name that the kernel would number', EDGE,
     [('tunnel/0/name', 'mpq%d')],
     '/mpquic:mpquic/tunnel[name=\'mpq%d\']/name: "mpq%d" is refused: An'
     " interface name has letters, digits, '.', '_' and '-', as rules "
     'can carry them.'),
    ('an MTU that is too small for IPv6', EDGE, [('tunnel/0/mtu', 1279)],
     "/mpquic:mpquic/tunnel[name='mpq1']/mtu: 1279 is out of range.\n"
     '  allowed: 1280..1500 bytes'),
    ('an MTU that is too large', EDGE, [('tunnel/0/mtu', 9000)],
     "/mpquic:mpquic/tunnel[name='mpq1']/mtu: 9000 is out of range.\n"
     '  allowed: 1280..1500 bytes'),
    ('a queue without delay', EDGE, [('tunnel/0/queue-delay', 0)],
     "/mpquic:mpquic/tunnel[name='mpq1']/queue-delay: 0 is out of "
     'range.\n'
     '  allowed: 1..1000 milliseconds'),
    ('the routing table main', EDGE, [('tunnel/0/table', 254)],
     "/mpquic:mpquic/tunnel[name='mpq1']/table: 254 is out of range.\n"
     '  allowed: 1..252, 256..4294967295'),
    ('a prefix with host bits', EDGE,
     [('tunnel/0/lan/0/prefix', ['172.16.1.1/30'])],
     "/mpquic:mpquic/tunnel[name='mpq1']/lan[interface='lan1']/prefix[1]:"
     ' 172.16.1.1/30 has bits set beyond its prefix length: the '
     'network is 172.16.1.0/30.\n'
     '  allowed: 172.16.1.0/30'),
    ('an IPv6 prefix with host bits', EDGE,
     [('tunnel/0/lan/0/prefix', ['fd00:16:1::1/64'])],
     "/mpquic:mpquic/tunnel[name='mpq1']/lan[interface='lan1']/prefix[1]:"
     ' fd00:16:1::1/64 has bits set beyond its prefix length: the '
     'network is fd00:16:1::/64.\n'
     '  allowed: fd00:16:1::/64'),
    ('a prefix without a length', EDGE,
     [('tunnel/0/lan/0/prefix', ['172.16.1.0'])],
     "/mpquic:mpquic/tunnel[name='mpq1']/lan[interface='lan1']/prefix[1]:"
     ' "172.16.1.0" cannot be used here.\n'
     '  allowed: an IPv4 or IPv6 prefix, such as 172.16.1.0/24 or '
     '2001:db8::/64'),
    ('a prefix length that is too long', EDGE,
     [('tunnel/0/lan/0/prefix', ['172.16.1.0/33'])],
     "/mpquic:mpquic/tunnel[name='mpq1']/lan[interface='lan1']/prefix[1]:"
     ' "172.16.1.0/33" cannot be used here.\n'
     '  allowed: an IPv4 or IPv6 prefix, such as 172.16.1.0/24 or '
     '2001:db8::/64'),
    ('an address without a prefix length', EDGE,
     [('tunnel/0/address/0/prefix-length', GONE)],
     "/mpquic:mpquic/tunnel[name='mpq1']/address[ip='10.200.1.1']: "
     '"prefix-length" is missing.\n'
     '  allowed: 0..128'),
    ('a WAN without a remote', EDGE, [('path/0/remote', GONE)],
     "/mpquic:mpquic/path[name='wan1']: A path with a wan needs a "
     'remote.'),
    ('a remote without a WAN', EDGE, [('path/0/wan', GONE)],
     "/mpquic:mpquic/path[name='wan1']: A path with a remote needs a "
     'wan.'),
    ('a path that leads nowhere', EDGE,
     [('path/0/wan', GONE), ('path/0/remote', GONE)],
     "/mpquic:mpquic/path[name='wan1']: one of these is needed here.\n"
     '  allowed: wan, remote, listen'),
    ('a WAN that listens', EDGE, [('path/0/listen', {'port': 45001})],
     '/mpquic:mpquic/path[name=\'wan1\']: "wan" and "listen" exclude '
     'each other: give one of them.'),
    ('a tunnel without a path', EDGE, [('tunnel/0/path', [])],
     "/mpquic:mpquic/tunnel[name='mpq1']/path: there are 0 entries "
     'here, which is too few.\n'
     '  allowed: 1 to 8'),
    ('a tunnel over nine paths', EDGE,
     [('tunnel/0/path', [f'wan{n}' for n in range(1, 10)])],
     "/mpquic:mpquic/tunnel[name='mpq1']/path: there are 9 entries "
     'here, which is too many.\n'
     '  allowed: 1 to 8'),
    ('a path twice in a tunnel', EDGE,
     [('tunnel/0/path', ['wan1', 'wan2', 'wan1'])],
     "/mpquic:mpquic/tunnel[name='mpq1']/path[3]: \"wan1\" is here "
     'twice.'),
    ('a tunnel over an unknown path', EDGE, [('tunnel/0/path', ['wan9'])],
     "/mpquic:mpquic/tunnel[name='mpq1']/path[.='wan9']: there is no "
     'path named "wan9".\n'
     '  allowed: wan1, wan2, wan3, wan4, wan5, wan6'),
    ('a tunnel of an unknown peer', VPS, [('tunnel/0/peer', 'ship-9')],
     "/mpquic:mpquic/tunnel[name='mpq1']/peer: there is no peer named "
     '"ship-9".\n'
     '  allowed: ship-1'),
    ('a prefix twice', EDGE,
     [('tunnel/0/lan/0/prefix', ['172.16.1.0/30', '172.16.1.0/30'])],
     "/mpquic:mpquic/tunnel[name='mpq1']/lan[interface='lan1']/prefix[2]:"
     ' "172.16.1.0/30" is here twice.'),
    ('a peer that nothing identifies', VPS,
     [('peer/0/certificate-name', GONE)],
     "/mpquic:mpquic/peer[name='ship-1']: A peer needs a "
     'certificate-name or a spki-sha256.'),

    ('more paths than there can be', EDGE,
     [('path', [{'name': f'wan{n}', 'wan': f'wan{n}', 'remote': {
         'address': '192.0.2.1', 'port': 45000,
         'server-name': 'concentrator.example'}} for n in range(17)])],
     '/mpquic:mpquic/path: there are 17 entries here, which is too '
     'many.\n'
     '  allowed: 0 to 16'),

    ('a list of prefixes without end', EDGE,
     [('tunnel/0/lan/0/prefix', ['172.16.1.0/30'] * 100000)],
     "/mpquic:mpquic/tunnel[name='mpq1']/lan[interface='lan1']/prefix:"
     ' there are 100000 entries here, which is too many.\n'
     '  allowed: 0 to 32'),

    # -- roles
    ('an edge that listens', EDGE,
     [('path/0', {'name': 'wan1', 'listen': {'port': 45001}})],
     "/mpquic:mpquic/path[name='wan1']/listen: listen is a setting of "
     'a concentrator, and this end is an edge.'),
    ('a concentrator that dials', VPS,
     [('path/0', {'name': 'port1', 'wan': 'eth0', 'remote': {
         'address': '192.0.2.1', 'port': 45001,
         'server-name': 'concentrator.example'}})],
     "/mpquic:mpquic/path[name='port1']/wan: wan is a setting of an "
     'edge, and this end is a concentrator.'),
    ('an edge without WANs', EDGE, [('path', GONE), ('tunnel', GONE)],
     '/mpquic:mpquic/path: there is no path: an edge needs a WAN.'),
    ('a concentrator without listeners', VPS,
     [('path', GONE), ('tunnel', GONE)],
     '/mpquic:mpquic/path: there is no path: a concentrator has to '
     'listen.'),
    ('a concentrator without peers', VPS,
     [('peer', GONE), ('tunnel', GONE)],
     '/mpquic:mpquic/peer: there is no peer: a concentrator has to '
     'know the edges that it serves.'),
    ('an edge with peers', EDGE,
     [('peer', [{'name': 'vps', 'certificate-name': 'vps.example'}])],
     "/mpquic:mpquic/peer[name='vps']: peer is a setting of a "
     'concentrator, and this end is an edge.'),
    ('an edge that assigns addresses', EDGE,
     [('tunnel/0/assign', ['10.200.1.1/32'])],
     "/mpquic:mpquic/tunnel[name='mpq1']/assign: assign is a setting "
     'of a concentrator, and this end is an edge.'),
    ('an edge with remote prefixes', EDGE,
     [('tunnel/0/remote-prefix', ['172.16.1.0/30'])],
     "/mpquic:mpquic/tunnel[name='mpq1']/remote-prefix: remote-prefix "
     'is a setting of a concentrator, and this end is an edge.'),
    ('a concentrator with LANs', VPS,
     [('tunnel/0/lan', [{'interface': 'lan1'}])],
     "/mpquic:mpquic/tunnel[name='mpq1']/lan: lan is a setting of an "
     'edge, and this end is a concentrator.'),
    ('a concentrator with a LAN table', VPS, [('tunnel/0/table', 1001)],
     "/mpquic:mpquic/tunnel[name='mpq1']/table: table is a setting of "
     'an edge, and this end is a concentrator.'),
    ('a tunnel that is nobody\'s', VPS, [('tunnel/0/peer', GONE)],
     "/mpquic:mpquic/tunnel[name='mpq1']: a concentrator's tunnel "
     'needs a peer: whose is it?\n'
     '  allowed: ship-1'),

    # -- two that cannot both be
    ('one path for two tunnels', EDGE, [('tunnel/1/path', ['wan1'])],
     "/mpquic:mpquic/tunnel[name='mpq2']/path: path wan1 carries "
     'tunnel mpq1 already, and a path carries one.\n'
     '  next: add a path with the same wan and another port of the '
     'concentrator'),
    ('one peer twice on a listener', VPS, [('tunnel/1/path', ['port1'])],
     "/mpquic:mpquic/tunnel[name='mpq2']/path: peer ship-1 has tunnel "
     'mpq1 on path port1 already: one a peer and listener.'),
    ('one interface for two LANs', EDGE,
     [('tunnel/1/lan/0/interface', 'lan1')],
     "/mpquic:mpquic/tunnel[name='mpq2']/lan[interface='lan1']: lan1 "
     'is a LAN of tunnel mpq1 already.'),
    ('one table for two tunnels', EDGE,
     [('tunnel/0/table', 1000), ('tunnel/1/table', 1000)],
     "/mpquic:mpquic/tunnel[name='mpq2']/table: routing table 1000 is "
     "tunnel mpq1's already."),
    ('one address for two tunnels', EDGE,
     [('tunnel/1/address/0/ip', '10.200.1.1')],
     "/mpquic:mpquic/tunnel[name='mpq2']/address: 10.200.1.1/30 "
     'overlaps with what tunnel mpq1 has: packets would have two ways.'),
    ('one network for two tunnels', EDGE,
     [('tunnel/1/address/0/ip', '10.200.1.2')],
     "/mpquic:mpquic/tunnel[name='mpq2']/address: 10.200.1.2/30 "
     'overlaps with what tunnel mpq1 has: packets would have two ways.'),
    ('LAN prefixes that overlap', EDGE,
     [('tunnel/1/lan/0/prefix', ['172.16.0.0/16'])],
     "/mpquic:mpquic/tunnel[name='mpq2']/lan[interface='lan2']/prefix:"
     ' 172.16.0.0/16 overlaps with what tunnel mpq1 has: packets would'
     ' have two ways.'),
    ('sites that overlap', TWO,
     [('tunnel/6/remote-prefix', ['172.16.0.0/12'])],
     "/mpquic:mpquic/tunnel[name='e2mpq1']/remote-prefix: "
     '172.16.0.0/12 overlaps with what tunnel e1mpq1 has: packets '
     'would have two ways.'),
    ('one address for two edges', TWO,
     [('tunnel/6/assign', ['10.200.1.1/32'])],
     "/mpquic:mpquic/tunnel[name='e2mpq1']/assign: 10.200.1.1/32 "
     'overlaps with what tunnel e1mpq1 has: packets would have two '
     'ways.'),
    ('one port for two listeners', VPS, [('path/1/listen/port', 45001)],
     "/mpquic:mpquic/path[name='port2']/listen/port: port 45001 is "
     'already taken by path port1.'),
    ('a port of :: for another listener', VPS,
     [('path/2/listen', {'address': '192.0.2.1', 'port': 45001})],
     "/mpquic:mpquic/path[name='port3']/listen/port: port 45001 is "
     'already taken by path port1.'),
    ('the same way twice', EDGE,
     [('path/1/wan', 'enp7s3'), ('path/1/remote/port', 45001)],
     "/mpquic:mpquic/path[name='wan2']/remote/port: path wan1 already "
     'leads from enp7s3 to this address and port.\n'
     '  next: give it another WAN, or another port of the concentrator'),
    ('one certificate name for two peers', TWO,
     [('peer/1/certificate-name', 'SHIP-1.example')],
     "/mpquic:mpquic/peer[name='ship-2']/certificate-name: "
     'SHIP-1.example is peer ship-1 already: a certificate has to tell'
     ' who is who.'),
    ('one public key for two peers', TWO,
     [('peer/0/spki-sha256', ['ab' * 32]),
      ('peer/1/spki-sha256', ['cd' * 32, 'ab' * 32])],
     "/mpquic:mpquic/peer[name='ship-2']/spki-sha256: peer ship-1 has "
     'the same public key.'),

    ('one path of two bonded tunnels', EDGE,
     [('tunnel/0/path', ['wan1', 'wan3']),
      ('tunnel/1/path', ['wan2', 'wan3']), ('tunnel/2', GONE)],
     "/mpquic:mpquic/tunnel[name='mpq2']/path: path wan3 carries "
     'tunnel mpq1 already, and a path carries one.\n'
     '  next: add a path with the same wan and another port of the '
     'concentrator'),
    ('one peer twice on a listener of many', BOND_VPS,
     [('tunnel', [{'name': 'a', 'peer': 'ship-1', 'path': ['port1', 'port2']},
                  {'name': 'b', 'peer': 'ship-1',
                   'path': ['port3', 'port2']}])],
     "/mpquic:mpquic/tunnel[name='b']/path: peer ship-1 has tunnel a on "
     'path port2 already: one a peer and listener.'),

    # -- classes
    ('an unknown steering mode', BOND,
     [('class/0/steering-mode', 'fastest')],
     "/mpquic:mpquic/class[name='critical']/steering-mode: \"fastest\" is "
     'not a value of steering-mode.\n'
     '  allowed: auto, smallest-delay, load-balancing, priority-based, '
     'active-standby, redundant, balanced, priority, failover'),
    ('a priority of 8', BOND, [('class/0/priority', 8)],
     "/mpquic:mpquic/class[name='critical']/priority: 8 is out of range.\n"
     '  allowed: 0..7'),
    ('an order cap of 2 seconds', BOND, [('class/1/order-cap', 2000)],
     "/mpquic:mpquic/class[name='interactive']/order-cap: 2000 is out of "
     'range.\n'
     '  allowed: 0..1000 milliseconds'),
    ('one copy', BOND, [('class/0/copies', 1)],
     "/mpquic:mpquic/class[name='critical']/copies: 1 is out of range.\n"
     '  allowed: 2..8'),
    ('copies of a class that sends none', BOND, [('class/1/copies', 2)],
     "/mpquic:mpquic/class[name='interactive']/copies: only a class of "
     "steering-mode redundant sends copies, and this one's is "
     'smallest-delay.\n'
     '  next: take it away, or make the class redundant'),
    ('a preferred path that there is not', BOND,
     [('class/2/prefer', ['wan1', 'wan9'])],
     "/mpquic:mpquic/class[name='bulk']/prefer[.='wan9']: there is no path "
     'named "wan9".\n'
     '  allowed: wan1, wan2, wan3, wan4, wan5, wan6'),
    ('a path that is preferred and excluded', BOND,
     [('class/2/prefer', ['wan1', 'wan2']), ('class/2/exclude', ['wan2'])],
     "/mpquic:mpquic/class[name='bulk']/exclude: path wan2 is preferred by "
     'this class, and excluded from it.\n'
     '  next: take it from one of the two'),
    ('a class that excludes all paths', BOND,
     [('class/2/exclude', [f'wan{n}' for n in range(1, 7)])],
     "/mpquic:mpquic/class[name='bulk']/exclude: all paths of tunnel mpq0 "
     'are excluded: traffic of this class could not leave.\n'
     '  next: leave it one of them'),
    ('eight classes beside the default one', BOND,
     [('class', [{'name': f'class-{n}'} for n in range(8)]), ('rule', GONE)],
     '/mpquic:mpquic/class: there are 8 classes here, and "default" is '
     'always one more.\n'
     '  allowed: 8 in all'),
    ('nine classes', BOND,
     [('class', [{'name': f'class-{n}'} for n in range(9)]), ('rule', GONE)],
     '/mpquic:mpquic/class: there are 9 entries here, which is too many.\n'
     '  allowed: 0 to 8'),
    ('a tunnel of an unknown class', BOND,
     [('tunnel/0/default-class', 'quick')],
     "/mpquic:mpquic/tunnel[name='mpq0']/default-class: there is no class "
     'named "quick".\n'
     '  allowed: default, critical, interactive, bulk'),
    ('a rate limit as a string', BOND, [('class/0/rate-limit', '2000')],
     "/mpquic:mpquic/class[name='critical']/rate-limit: expected a whole "
     'number, found a string.\n  allowed: 8..100000000 kbit/s'),
    ('a mode of a tunnel', BOND, [('tunnel/0/steering-mode', 'auto')],
     "/mpquic:mpquic/tunnel[name='mpq0']: there is no \"steering-mode\" "
     'here.\n  allowed: name, description, enabled, path, peer, address, mtu, '
     'queue-delay, default-class, accept-policy, table, lan, remote-prefix, '
     'assign\n  next: it is a setting of class: put it there'),
    ('a LAN of a rule', BOND, [('rule/0/lan', 'lan1')],
     "/mpquic:mpquic/rule[name='control']: there is no \"lan\" here.\n"
     '  allowed: name, description, enabled, class, dscp, protocol, '
     'lan-interface, source, destination, source-port, destination-port\n'
     '  next: perhaps lan-interface is meant'),

    # -- rules
    ('a rule without a class', BOND, [('rule/0/class', GONE)],
     '/mpquic:mpquic/rule[name=\'control\']: "class" is missing.\n'
     '  allowed: the name of a class'),
    ('a rule of an unknown class', BOND, [('rule/0/class', 'urgent')],
     "/mpquic:mpquic/rule[name='control']/class: there is no class named "
     '"urgent".\n'
     '  allowed: default, critical, interactive, bulk'),
    ('a code point by a name that it has not', BOND,
     [('rule/0/dscp', ['cs8'])],
     "/mpquic:mpquic/rule[name='control']/dscp[1]: \"cs8\" cannot be used "
     'here.\n'
     '  allowed: a number from 0 to 63, cs0 to cs7, af11 to af43, ef, va, '
     'or le'),
    ('code point 64', BOND, [('rule/0/dscp', [48, 64])],
     "/mpquic:mpquic/rule[name='control']/dscp[2]: 64 is out of range.\n"
     '  allowed: a number from 0 to 63, cs0 to cs7, af11 to af43, ef, va, '
     'or le'),
    ('a code point in quotes', BOND, [('rule/0/dscp', ['46'])],
     "/mpquic:mpquic/rule[name='control']/dscp[1]: expected a number "
     'without quotes, found a string.'),
    ('a protocol that is a list', BOND, [('rule/2/protocol', ['udp'])],
     "/mpquic:mpquic/rule[name='video-calls']/protocol: expected a number "
     'or a string, found an array [..].'),
    ('an unknown protocol', BOND, [('rule/2/protocol', 'quic')],
     "/mpquic:mpquic/rule[name='video-calls']/protocol: \"quic\" cannot be "
     'used here.\n'
     '  allowed: tcp, udp, icmp, icmpv6, gre, esp, sctp, or a number from '
     '0 to 255'),
    ('ports of a protocol that has none', BOND,
     [('rule/2/protocol', 'icmp')],
     "/mpquic:mpquic/rule[name='video-calls']/destination-port: only TCP "
     'and UDP have ports.\n'
     '  next: make the protocol tcp or udp, or leave it out for both'),
    ('a range of ports that runs backwards', BOND,
     [('rule/2/source-port', ['90-80'])],
     "/mpquic:mpquic/rule[name='video-calls']/source-port: \"90-80\" is no "
     'range of ports.\n'
     '  allowed: a first and a last port, 0 to 65535'),
    ('a range of ports that is too long', BOND,
     [('rule/2/destination-port', ['60000-70000'])],
     "/mpquic:mpquic/rule[name='video-calls']/destination-port: "
     '"60000-70000" is no range of ports.\n'
     '  allowed: a first and a last port, 0 to 65535'),
    ('port 70000 in a rule', BOND, [('rule/2/destination-port', [70000])],
     "/mpquic:mpquic/rule[name='video-calls']/destination-port[1]: "
     '70000 is out of range.\n'
     '  allowed: a port such as 443, or a range such as "5000-5010"'),
    ('a port in quotes', BOND, [('rule/2/destination-port', ['443'])],
     "/mpquic:mpquic/rule[name='video-calls']/destination-port[1]: expected "
     'a number without quotes, found a string.'),
    ('a port by name', BOND, [('rule/2/destination-port', ['https'])],
     "/mpquic:mpquic/rule[name='video-calls']/destination-port[1]: "
     '"https" cannot be used here.\n'
     '  allowed: a port such as 443, or a range such as "5000-5010"'),
    ('nine destinations', BOND,
     [('rule/4/destination', [f'10.{n}.0.0/16' for n in range(9)])],
     "/mpquic:mpquic/rule[name='backups']/destination: there are 9 entries "
     'here, which is too many.\n'
     '  allowed: 0 to 8'),
    ('a destination with host bits', BOND,
     [('rule/4/destination', ['198.51.100.1/24'])],
     "/mpquic:mpquic/rule[name='backups']/destination[1]: 198.51.100.1/24 "
     'has bits set beyond its prefix length: the network is '
     '198.51.100.0/24.\n'
     '  allowed: 198.51.100.0/24'),
    ('sources and destinations that never meet', BOND,
     [('rule/4/source', ['fd00::/8'])],
     "/mpquic:mpquic/rule[name='backups']/destination: sources are of one "
     'IP version here and destinations of the other: no packet can match.'),
    ('a rule of a LAN that there is not', BOND,
     [('rule/5/lan-interface', 'lan3')],
     "/mpquic:mpquic/rule[name='guests']/lan-interface: lan3 is no LAN of a "
     'tunnel.\n'
     '  allowed: lan1, lan2'),
    ('a rule of a LAN without prefixes', BOND,
     [('tunnel/0/lan/1/prefix', GONE)],
     "/mpquic:mpquic/rule[name='guests']/lan-interface: lan2 is told by its "
     'prefixes, and none is configured.\n'
     "  next: give tunnel[name='mpq0']/lan[interface='lan2'] its prefixes"),
    ('a rule of a LAN with nine prefixes', BOND,
     [('tunnel/0/lan/1/prefix', [f'172.17.{n}.0/24' for n in range(9)])],
     "/mpquic:mpquic/rule[name='guests']/lan-interface: lan2 has 9 prefixes,"
     ' more than a rule holds.\n'
     '  allowed: at most 8'),
    ('a rule of a LAN and of sources', BOND,
     [('rule/5/source', ['172.16.2.0/25'])],
     "/mpquic:mpquic/rule[name='guests']/lan-interface: the rule names "
     'sources as well, which tell the LAN already.\n'
     '  next: take one of the two away'),
    ('65 rules', BOND,
     [('rule', [{'name': f'r{n}', 'class': 'bulk'} for n in range(65)])],
     '/mpquic:mpquic/rule: there are 65 entries here, which is too many.\n'
     '  allowed: 0 to 64'),
    ('more rules than one capsule holds', BOND,
     [('rule', [{'name': f'rule-{n}', 'class': 'bulk',
                 'destination': [f'2001:db8:{n:x}:{i:x}::/64'
                                 for i in range(8)]} for n in range(30)])],
     '/mpquic:mpquic/rule: classes and rules are 5862 bytes in all, more '
     'than can be told to the concentrator at once.\n'
     '  allowed: at most 4096\n'
     '  next: make prefixes wider, names shorter, or rules fewer'),

    # -- what an edge tells its concentrator
    ('a concentrator with classes', BOND_VPS, [('class', [{'name': 'bulk'}])],
     "/mpquic:mpquic/class[name='bulk']: class is a setting of an edge, and "
     'this end is a concentrator.\n'
     '  next: leave it to the edges: they tell theirs, and '
     'tunnel/accept-policy takes them'),
    ('a concentrator with rules', BOND_VPS,
     [('rule', [{'name': 'voice', 'class': 'default', 'dscp': ['ef']}])],
     "/mpquic:mpquic/rule[name='voice']: rule is a setting of an edge, and "
     'this end is a concentrator.\n'
     '  next: leave it to the edges: they tell theirs, and '
     'tunnel/accept-policy takes them'),
    ('a metered listener', BOND_VPS, [('path/0/metered', True)],
     "/mpquic:mpquic/path[name='port1']/metered: metered is a setting of an "
     'edge, and this end is a concentrator.'),
    ('a concentrator with a default class', BOND_VPS,
     [('tunnel/0/default-class', 'bulk')],
     "/mpquic:mpquic/tunnel[name='mpq0']/default-class: default-class is a "
     'setting of an edge, and this end is a concentrator.'),
    ('an edge that refuses policy', BOND,
     [('tunnel/0/accept-policy', False)],
     "/mpquic:mpquic/tunnel[name='mpq0']/accept-policy: accept-policy is a "
     'setting of a concentrator, and this end is an edge.'),

    # -- addresses and devices that cannot work
    ('a WAN that is a LAN as well', EDGE,
     [('tunnel/0/lan/0/interface', 'enp7s3')],
     "/mpquic:mpquic/tunnel[name='mpq1']/lan[interface='enp7s3']: "
     'enp7s3 is the WAN of path wan1: it cannot be a LAN as well.'),
    ('a LAN that is a tunnel', EDGE,
     [('tunnel/0/lan/0/interface', 'mpq2')],
     "/mpquic:mpquic/tunnel[name='mpq1']/lan[interface='mpq2']: mpq2 "
     'is a tunnel of this configuration, not a LAN.'),
    ('a WAN that is a tunnel', EDGE, [('path/0/wan', 'mpq1')],
     "/mpquic:mpquic/path[name='wan1']/wan: mpq1 is a tunnel of this "
     'configuration: it cannot carry itself.'),
    ('the loopback device as a WAN', EDGE, [('path/0/wan', 'lo')],
     "/mpquic:mpquic/path[name='wan1']/wan: the loopback device is no "
     'WAN.'),
    ('the loopback device as a LAN', EDGE,
     [('tunnel/0/lan/0/interface', 'lo')],
     "/mpquic:mpquic/tunnel[name='mpq1']/lan[interface='lo']: the "
     'loopback device is no LAN.'),
    ('a tunnel named all', EDGE, [('tunnel/0/name', 'all')],
     '/mpquic:mpquic/tunnel[name=\'all\']/name: "all" has a meaning of '
     'its own to the kernel.'),
    ('a remote of 0.0.0.0', EDGE,
     [('path/0/remote/address', '0.0.0.0')],
     "/mpquic:mpquic/path[name='wan1']/remote/address: 0.0.0.0 is the "
     'unspecified address: no concentrator can be reached there.'),
    ('a multicast remote', EDGE,
     [('path/0/remote/address', '224.0.0.1')],
     "/mpquic:mpquic/path[name='wan1']/remote/address: 224.0.0.1 is a "
     'multicast address: no concentrator can be reached there.'),
    ('a link-local remote', EDGE, [('path/0/remote/address', 'fe80::1')],
     "/mpquic:mpquic/path[name='wan1']/remote/address: fe80::1 is a "
     'link-local address: no concentrator can be reached there.'),
    ('a loopback address for a tunnel', EDGE,
     [('tunnel/0/address/0/ip', '127.0.0.1')],
     "/mpquic:mpquic/tunnel[name='mpq1']/address[ip='127.0.0.1']: "
     '127.0.0.1/30 is a loopback address: no device can have it.'),
    ('an IPv6 prefix length on an IPv4 address', EDGE,
     [('tunnel/0/address/0/prefix-length', 64)],
     "/mpquic:mpquic/tunnel[name='mpq1']/address[ip='10.200.1.1']: the"
     ' prefix length 64 is too long for an IPv4 address.\n'
     '  allowed: 0..32'),
    ('the network\'s own address', EDGE,
     [('tunnel/0/address/0/ip', '10.200.1.0')],
     "/mpquic:mpquic/tunnel[name='mpq1']/address[ip='10.200.1.0']: "
     "10.200.1.0/30 is the network's own address, not a host's."),
    ('the network\'s broadcast address', EDGE,
     [('tunnel/0/address/0/ip', '10.200.1.3')],
     "/mpquic:mpquic/tunnel[name='mpq1']/address[ip='10.200.1.3']: "
     "10.200.1.3/30 is the network's broadcast address, not a host's."),
    ('everything behind one site', VPS,
     [('tunnel/0/remote-prefix', ['0.0.0.0/0'])],
     "/mpquic:mpquic/tunnel[name='mpq1']/remote-prefix: 0.0.0.0/0 is "
     "everything: the concentrator's own traffic would go into the "
     'tunnel.\n'
     "  next: name the site's own prefixes"),
    ('an assignment of this end\'s address', VPS,
     [('tunnel/0/assign', ['10.200.1.0/30'])],
     "/mpquic:mpquic/tunnel[name='mpq1']/assign: 10.200.1.0/30 holds "
     "this end's own address: it cannot be the edge's too."),
    ('more prefixes than a tunnel can watch', EDGE,
     [('tunnel/0/lan/0/prefix',
       [f'172.20.{n}.0/24' for n in range(32)])],
     "/mpquic:mpquic/tunnel[name='mpq1']/lan: the tunnel has 33 "
     'addresses and LAN prefixes in all.\n'
     '  allowed: at most 32'),
    ('a device name that rules cannot carry', EDGE,
     [('tunnel/0/lan/0/interface', 'lan"1')],
     '/mpquic:mpquic/tunnel[name=\'mpq1\']/lan[interface=\'lan"1\']/interface:'
     ' "lan"1" is refused: An interface name has letters, digits, \'.\','
     " '_' and '-', as rules can carry them."),

    # -- certificates
    ('verification switched off', EDGE, [('trust/authority', GONE)],
     '/mpquic:mpquic/trust: Name an authority, a peer-pin, or both: '
     'verification cannot be skipped.'),
    ('a file name without its folder', EDGE,
     [('trust/certificate', 'edge.pem')],
     '/mpquic:mpquic/trust/certificate: "edge.pem" is refused: Give '
     "the file's whole path, starting with '/'."),
    ('a certificate that is not there', EDGE,
     [('trust/certificate', '@/nowhere.pem')],
     '/mpquic:mpquic/trust/certificate: cannot read @/nowhere.pem: No '
     'such file or directory.\n'
     '  next: put it there; mpqctl cert init makes certificates where there '
     'are none'),
    ('a folder as a certificate', EDGE, [('trust/certificate', '@/')],
     '/mpquic:mpquic/trust/certificate: @/ is not a file.'),
    ('a certificate that is none', EDGE,
     [('trust/certificate', '@/garbage.pem')],
     '/mpquic:mpquic/trust/certificate: @/garbage.pem: the certificate'
     ' is not readable (No certificate was found.); wanted is PEM, '
     '-----BEGIN CERTIFICATE-----.'),
    ('an empty certificate', EDGE, [('trust/certificate', '@/empty.pem')],
     '/mpquic:mpquic/trust/certificate: @/empty.pem: the certificate '
     'is not readable (No certificate was found.); wanted is PEM, '
     '-----BEGIN CERTIFICATE-----.'),
    ('a key that is none', EDGE, [('trust/private-key', '@/garbage.key')],
     '/mpquic:mpquic/trust/private-key: @/garbage.key: the private key'
     ' is not readable (The requested data were not available.); '
     'wanted is PEM without a password.'),
    ('a key that everybody may read', EDGE,
     [('trust/private-key', '@/open.key')],
     '/mpquic:mpquic/trust/private-key: @/open.key holds a private key'
     ' that every user of this machine may read (mode 0644).\n'
     '  next: chmod 600 @/open.key'),
    ('the key of another certificate', EDGE,
     [('trust/private-key', '@/concentrator.key')],
     '/mpquic:mpquic/trust/private-key: @/concentrator.key does not '
     'belong to @/edge.pem: the private key belongs to another '
     'certificate than that of CN=edge-1.'),
    ('an authority that is none', EDGE,
     [('trust/authority', ['@/authority.pem', '@/garbage.pem'])],
     '/mpquic:mpquic/trust/authority: @/garbage.pem: the authority is '
     'not readable (No certificate was found.); wanted is PEM, '
     '-----BEGIN CERTIFICATE-----.'),
    ('a leaf as an authority', EDGE,
     [('trust/authority', ['@/edge.pem'])],
     '/mpquic:mpquic/trust/authority: @/edge.pem: CN=edge-1 is not an '
     'authority (CA:FALSE); give the certificate that signed it, or '
     'pin its key instead.'),
    ('a revocation list that is none', EDGE,
     [('trust/revocation-list', ['@/garbage.pem'])],
     '/mpquic:mpquic/trust/revocation-list: @/garbage.pem: the '
     'revocation list is not readable (Base64 decoding error.); wanted'
     ' is PEM, -----BEGIN X509 CRL-----.'),
    ('a revocation list without an authority', EDGE,
     [('trust/authority', GONE), ('trust/peer-pin', ['ab' * 32]),
      ('trust/revocation-list', ['@/revoked.crl'])],
     '/mpquic:mpquic/trust/revocation-list: a revocation list needs '
     'the authority that signed it, and there is none.'),
    ('a pin that is none', EDGE, [('trust/peer-pin', ['abc'])],
     '/mpquic:mpquic/trust/peer-pin[1]: "abc" is refused: A pin is the'
     ' SHA-256 of a public key in 64 lower-case hexadecimal digits.'),
    ('an expired certificate', EDGE,
     [('trust/certificate', '@/expired.pem'),
      ('trust/private-key', '@/expired.key')],
     '/mpquic:mpquic/trust/certificate: @/expired.pem: certificate of '
     'CN=edge expired on 2021-01-01 00:00 UTC, and the clock here says'
     ' NOW.'),
    ('a certificate from the future', EDGE,
     [('trust/certificate', '@/not-yet.pem'),
      ('trust/private-key', '@/not-yet.key')],
     '/mpquic:mpquic/trust/certificate: @/not-yet.pem: certificate of '
     'CN=edge is not valid before 2098-01-01 00:00 UTC, and the clock '
     'here says NOW.'),
    ('a certificate of another authority', EDGE,
     [('trust/certificate', '@/stranger.pem'),
      ('trust/private-key', '@/stranger.key')],
     '/mpquic:mpquic/trust/certificate: @/stranger.pem: the chain ends'
     ' at issuer CN=another authority, wanted is CN=test authority.'),
    ('a server\'s certificate at the edge', EDGE,
     [('trust/certificate', '@/concentrator.pem'),
      ('trust/private-key', '@/concentrator.key')],
     '/mpquic:mpquic/trust/certificate: @/concentrator.pem: '
     'certificate of CN=concentrator has an extended key usage for '
     "something else, wanted is clientAuth (it is the edge's)."),
    ('a client\'s certificate at the concentrator', VPS,
     [('trust/certificate', '@/edge.pem'),
      ('trust/private-key', '@/edge.key')],
     '/mpquic:mpquic/trust/certificate: @/edge.pem: certificate of '
     'CN=edge-1 has an extended key usage for something else, wanted '
     "is serverAuth (it is the concentrator's)."),
    ('an authority\'s certificate as our own', EDGE,
     [('trust/certificate', '@/a-ca.pem'),
      ('trust/private-key', '@/a-ca.key')],
     '/mpquic:mpquic/trust/certificate: @/a-ca.pem: certificate of '
     "CN=edge is an authority's (CA:TRUE), wanted is one of its own "
     'for the edge.'),
    ('RSA of 1024 bits', EDGE,
     [('trust/certificate', '@/rsa-1024.pem'),
      ('trust/private-key', '@/rsa-1024.key')],
     '/mpquic:mpquic/trust/certificate: @/rsa-1024.pem: certificate of'
     ' CN=edge has an RSA key of 1024 bits, profile high wants 3072 or'
     ' more, or P-256 or Ed25519.'),
    ('RSA of 2048 bits where 3072 are wanted', EDGE,
     [('trust/certificate', '@/rsa-2048.pem'),
      ('trust/private-key', '@/rsa-2048.key')],
     '/mpquic:mpquic/trust/certificate: @/rsa-2048.pem: certificate of'
     ' CN=edge has an RSA key of 2048 bits, profile high wants 3072 or'
     ' more, or P-256 or Ed25519.'),
    ('a signature with SHA-1', EDGE,
     [('trust/certificate', '@/sha1.pem'),
      ('trust/private-key', '@/sha1.key')],
     '/mpquic:mpquic/trust/certificate: @/sha1.pem: certificate of '
     'CN=edge is signed with ECDSA-SHA1, wanted is SHA-256 or better.'),
    ('a revoked certificate', EDGE,
     [('trust/certificate', '@/revoked.pem'),
      ('trust/private-key', '@/revoked.key'),
      ('trust/revocation-list', ['@/revoked.crl'])],
     '/mpquic:mpquic/trust/certificate: @/revoked.pem: certificate of '
     'CN=revoked is in the revocation list of its authority.'),
]
