/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What mpquic-control and mpquic-data say to each other: the one description,
 * read by both. Framing: common/frame.h. mpquic-control listens (a Unix stream
 * socket, by default MPQ_SOUTHBOUND_SOCKET), mpquic-data connects and, when the
 * connection is lost, forwards on with what it has and tries again every
 * MPQ_SOUTHBOUND_RETRY_MS. Each checks the other's SO_PEERCRED.
 *
 * A message with "method" is a call, one without is the reply to the oldest
 * call not yet answered: {"parameters": {..}}, or {"error": "..",
 * "parameters": {"path": "tunnels/0/mtu", "message": "a sentence"}}. Calls with
 * "oneway": true get no reply. Durations are in microseconds ("-us"), counters
 * are numbers.
 *
 * mpquic-data calls:
 *
 * Hello   first on each connection. parameters: {"protocol": 1, "version",
 *         "pid", "generation" (0: no configuration yet), "paths": [..]}, of
 *         which each is {"name", "link", "device-index", "local-address"} as
 *         Socket told it, or at a concentrator {"name", "link": "listening",
 *         "local-address": "[::]:45001"}; descriptors: one {"tun": "mpq1"} for
 *         each TUN device that it has, so that a restarted mpquic-control
 *         holds them again
 * Event   oneway: {"event": "path", "path", "tunnel", "was", "is", "reason",
 *         "gap-us"?}, {"event": "tunnel", "tunnel", "up", "reason",
 *         "peer-address"}, {"event": "refused", "path", "tunnel"? (that it
 *         had), "peer-address", "reason"} (a peer that we turned away);
 *         of bonded tunnels {"event": "session", "tunnel", "is": "up" |
 *         "down", "reason"}, {"event": "member", "tunnel", "path", "id", "was",
 *         "is", "reason", "gap-us"?}, and {"event": "steering", "tunnel",
 *         "class", "what", "reason", "flow"?, "from": [path], "to": [path],
 *         "flow-bps"?, "one-bps", "all-bps", "spread-us"}, which is a struct
 *         mpq_steer_event: "what" and "reason" as dataplane/bond/steer.h names
 *         them, "flow" as Explain tells it, absent when it is of the whole
 *         class; at a concentrator, paths of a session are numbers;
 *         at most 4096 bytes each
 *
 * mpquic-control calls:
 *
 * Apply   a whole snapshot, never an edit; mpquic-data compares and changes
 *         only what differs. Refused as a whole or taken as a whole.
 *         parameters: {"snapshot": S}; descriptors: {"tun": name} for each
 *         tunnel that mpquic-data has no TUN for, or whose device was deleted,
 *         and {"listen": path} for each new or changed listener.
 *         reply: {"generation"}
 *     S = {"generation": n, "role": "edge" | "concentrator",
 *          "secret": 64 hex digits (tokens, resets; kept over restarts),
 *          "trust": {"certificate-pem", "private-key-pem", "authority-pem"?,
 *              "crl-pem"?, "peer-pins": [hex], "profile": "high" | "medium",
 *              "cipher": "auto" | "aes-gcm" | "chacha20-poly1305"},
 *          "peers": [{"name", "certificate-name"?, "pins": [hex]}],
 *          "paths": [{"name", "enabled", "metered"?: bool (edge),
 *              "wan", "remote-address", "remote-port", "server-name"
 *                                     (edge), or
 *              "listen-address", "listen-port"
 *                                     (concentrator)}],
 *          "classes": [{"name", "mode": "auto" | "smallest-delay" |
 *              "load-balancing" | "priority-based" | "active-standby" |
 *              "redundant", "priority": 0 .. 7 (7 goes first), "order": [path],
 *              "excluded": [path], "avoid-metered": bool, "copies" (0: all),
 *              "order-cap-us" (0: no order), "repair-deadline-us" (0: nothing
 *              is sent again), "loss-max-ppm", "rtt-max-us", "rate-limit-bps"
 *              (0: none)}] (edge; at most 8, of which the one named "default"
 *              is for what is not said otherwise, and always there),
 *          "rules": [{"name", "class", "dscp": [n], "protocol": n, "source":
 *              [prefix], "destination": [prefix], "source-ports": ["80",
 *              "5000-5010"], "destination-ports": [..]}] (edge; at most 64, the
 *              first that matches decides; what is absent matches all),
 *          "tunnels": [{"name", "enabled", "paths": [1 to 8 names], "peer"?,
 *              "default-class"? (edge: of what no rule matches),
 *              "accept-policy": bool (concentrator: the edge's classes and
 *              rules hold for the way down too), "mtu",
 *              "queue-delay-us", "addresses": ["10.200.1.1/30"],
 *              "lan-prefixes": [..] (edge: allowed destinations inside, the
 *                  device's own addresses among them; none: all),
 *              "remote-prefixes": [..], "assign": [..] (concentrator)}]}
 *         A path belongs to at most one tunnel at the edge; at a concentrator
 *         a listener serves one tunnel for each peer. A tunnel of one path is
 *         plain CONNECT-IP; one of several is bonded: its paths form a session
 * Socket  the state of an edge path's link: {"path", "link": "no-link" |
 *         "no-carrier" | "no-address" | "ready", "reason", "device-index",
 *         "local-address": "192.0.2.5"}; descriptors when ready: two of
 *         {"path": name}, UDP sockets bound to the WAN with different local
 *         ports (one for the connection, one for its successor). Replaces the
 *         ones before
 * Hold    {"path", "held": bool}
 * Status  {} -> {"generation", "paths": [..], "tunnels": [..],
 *         "listeners": [..]}: see dataplane/telemetry.c, where it is written
 *     path: {"name", "tunnel", "state", "reason", "age-us", "local-address",
 *         "peer-address", "rtt-us", "rtt-min-us", "rtt-var-us", "loss-ppm",
 *         "cwnd-bytes", "mtu-bytes", "narrow-bytes"? (the largest inner packet
 *         that it carries, where that is less than the tunnel's MTU),
 *         "connects", "in-packets", "in-bytes", "out-packets", "out-bytes",
 *         "in-drops", "out-drops", "lost", "spurious"}, packets being inner
 *         ones
 *     tunnel: {"name", "up", "reason", "age-us", "path" (of a bonded one its
 *         first), "peer", "peer-address", "queue-packets", "queue-us",
 *         "in-packets", .., "drops": {reason: n}, "session"? (bonded)}
 *     session: {"state": "up" | "down" | "not open",
 *         "members": [{"path" (at a concentrator ""), "id", "state"
 *             (dataplane/session.h), "reason", "age-us", "usable", "metered",
 *             "rtt-us", "rtt-min-us", "capacity-bps"? (the link's, see
 *             dataplane/bond/capacity.h), "capacity-proven"?,
 *             "capacity-age-us"?, "expected-bps" (steering's guess, just now),
 *             "congested", and, when known, of what we send, as the peer
 *             tells it,
 *             "one-way-offset-us" (over the quickest path), "jitter-us",
 *             "queueing-us", "loss-ppm", "out-rate-bps", and of what we get
 *             the same with "in-" before it, "in-reorder-packets", "heard-us";
 *             "queue-packets", "queue-us" (ours), "out-packets", "out-bytes",
 *             "in-packets", "in-bytes", "repaired", "probes", "out-parities",
 *             "in-parities", "restored" (by these, of what came in)}],
 *         "classes": [{"name", "mode", "priority", "out-packets", "out-bytes",
 *             "dropped" (over the rate, too big for a path, or after too long
 *             in a queue: of a redundant class each copy for itself, while
 *             another may have come), "over-rate", "queue-packets", "queue-us",
 *             "repaired", "repairs-expired", "copies" (made),
 *             "copies-withheld", "flows-pinned", "flows-moved",
 *             "flows-spread", "flows-gathered", and of what came
 *             in "delivered", "held", "late", "duplicate", "holes-early",
 *             "holes-timeout", "waited-us", "waited-max-us"}],
 *         "rules": [{"name", "class", "packets", "bytes"}] (the last, named "",
 *             is what no rule matched), "counters": {..}}: out is what this end
 *         sends, path numbers are those of the wire
 *     listener: {"name", "local-address", "connections",
 *         "drops": {reason: n}}
 * Explain what becomes of a flow that leaves by a tunnel here: {"tunnel",
 *         "protocol": n, "source", "source-port", "destination",
 *         "destination-port" (addresses as text; ports 0 where there are none),
 *         "dscp": n}
 *         reply: {"rule"? (absent: none matches), "class", "mode", "state":
 *         "unseen" (no such flow lately) | "pinned" | "spread", "paths": [..]
 *         (those that it takes; unseen: that it would), "reason"? (as of a
 *         steering event), "age-us"? (since then), "idle-us"? (since its last
 *         packet), "bps"?, "flow": 8 hex digits, "why": a sentence}
 *
 * mpquic-data starts without any configuration and gets all of it by Hello ->
 * Apply -> Socket.
 */
#ifndef MPQ_COMMON_SOUTHBOUND_H
#define MPQ_COMMON_SOUTHBOUND_H

#define MPQ_SOUTHBOUND_PROTOCOL 1
#define MPQ_SOUTHBOUND_SOCKET   "/run/mpquic/data.sock"
#define MPQ_SOUTHBOUND_RETRY_MS 100

#define MPQ_SOUTHBOUND_HELLO       "mpquic.data.Hello"
#define MPQ_SOUTHBOUND_EVENT       "mpquic.data.Event"
#define MPQ_SOUTHBOUND_APPLY       "mpquic.data.Apply"
#define MPQ_SOUTHBOUND_SOCKET_CALL "mpquic.data.Socket"
#define MPQ_SOUTHBOUND_HOLD        "mpquic.data.Hold"
#define MPQ_SOUTHBOUND_STATUS      "mpquic.data.Status"
#define MPQ_SOUTHBOUND_EXPLAIN     "mpquic.data.Explain"

#define MPQ_SOUTHBOUND_REFUSED "mpquic.data.Refused"

#endif
