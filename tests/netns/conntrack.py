#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Flushes this namespace's connection tracking: what `conntrack -F` does, by
one netlink message (IPCTNL_MSG_CT_DELETE without a tuple)."""
import socket
import struct
import sys

NETLINK_NETFILTER = 12
DELETE = 1 << 8 | 2  # NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_DELETE
REQUEST_ACK = 1 | 4

with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER) as s:
    s.send(struct.pack('=IHHIIBBH', 20, DELETE, REQUEST_ACK, 1, 0, 0, 0, 0))
    error = struct.unpack_from('=IHHIIi', s.recv(4096))[5]
sys.exit(f'conntrack.py: error {error}' if error else 0)
