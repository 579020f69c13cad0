/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What operators' tools say to mpquic-control: framing of common/frame.h, calls
 * and replies in the shape of varlink.org. Root and the group `mpquic` may
 * call.
 *
 *   {"method", "parameters", "more"?} -> {"parameters", "continues"?}, or
 *   {"error", "parameters": {"message", "path"?, "allowed"?, "next"?}}:
 *       what is wrong, where, what is allowed, what to do next
 *
 * Status        {} -> {"version", "role", "name", "generation",
 *               "data-plane": {"connected", "pid"?, "restarts", "since"?},
 *               "tunnels": [..], "paths": [..], "listeners": [..],
 *               "guards": {"leak-lan1": {"packets", "bytes"}},
 *               "certificate": {"subject", "not-before", "not-after"},
 *               "alarms": [{"what", "message"}]};
 *               tunnels, paths and listeners as mpquic-data's Status, with
 *               "since" (RFC 3339) for each "age-us"; while mpquic-data is
 *               away, their names, states and reasons alone
 * Explain       {"tunnel", "protocol": name or number, "source",
 *               "destination", with TCP and UDP "source-port" and
 *               "destination-port", "dscp"?: name or number} ->
 *               mpquic-data's answer, with "since" for "age-us"
 * Check         {"config": "JSON text"} -> {"hints": [{"path", "message"}]}:
 *               whole and sound, nothing touched; hints: what can hardly be
 *               meant, devices that are not there
 * Load          {"config": "JSON text"} -> {"changes", "warnings", "hints"}:
 *               becomes the candidate
 * Diff          {} -> {"changes": [{"path", "operation": "create" | "delete" |
 *               "replace" | "move", "old"?, "new"?, "after"? (a move: the
 *               name that is before it now, "": none), "applies": "live" |
 *               "path" | "session" | "tunnel" | "restart"}], "warnings":
 *               [{"path", "message"}]: what may not be expected of the change}
 * Commit        {} -> {"generation", "changes", "warnings"}; without a
 *               candidate, certificates and keys are read anew
 * Discard       {} -> {}: the candidate is running again
 * ShowConfig    {"which": "running" | "candidate"} -> {"config": object}
 * PathHold      {"path", "seconds"?} -> {}
 * PathRelease   {"path"} -> {}
 * TunnelEnable  {"tunnel"} -> {}: a commit of tunnel/enabled, kept
 * TunnelDisable {"tunnel"} -> {}
 * Events        {} -> {"events": [{"time" (RFC 3339), "event", ..}]}: the last
 *               MPQ_NORTHBOUND_BACKLOG of them, oldest first: those of
 *               mpquic-data (southbound.h), and
 *               "restored" {"what"}, "data-plane" {"is", "pid"},
 *               "configuration-changed" {"generation", "by", "changes"},
 *               "link" {"path", "wan", "is", "reason", "local-address"}.
 *               With "more": true a stream of them as they come, each a reply
 *               {"parameters": event, "continues": true}; first the last ones
 *               when "parameters": {"backlog": true}
 *
 * Calls that commit wait for one another.
 */
#ifndef MPQ_COMMON_NORTHBOUND_H
#define MPQ_COMMON_NORTHBOUND_H

#define MPQ_NORTHBOUND_SOCKET "/run/mpquic/control.sock"
#define MPQ_NORTHBOUND_PREFIX "mpquic.control." /* "mpquic.control.Status" */

#define MPQ_NORTHBOUND_BACKLOG 256

#define MPQ_NORTHBOUND_INVALID   "mpquic.control.InvalidConfig"
#define MPQ_NORTHBOUND_NOT_FOUND "mpquic.control.NotFound"
#define MPQ_NORTHBOUND_REFUSED   "mpquic.control.Refused"
#define MPQ_NORTHBOUND_INTERNAL  "mpquic.control.Internal"

#endif
