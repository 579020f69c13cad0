/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What operators' tools say to mpquic-control: framing of common/frame.h,
 * calls and replies in the shape of varlink.org. {"method", "parameters",
 * "more"?} -> {"parameters", "continues"?} or {"error", "parameters":
 *{"message", "path"?, "allowed"?, "next"?}}: what is wrong, where, what is
 *allowed, what to do next. Root and the group `mpquic` may call.
 *
 *  Status	  {} -> {"version", "role", "name", "generation", "data-plane":
 *		  {"connected", "pid", "restarts"}, "tunnels": [..], "paths":
 *[..], "listeners": [..], "certificate": {"subject", "not-after"}, "alarms":
 *[{"what", "message"}]}; as mpquic-data's Status, with "since" (RFC 3339) for
 *"age-us", and a path's "wan". Check	  {"config": "JSON text"} -> {} : whole
 *and sound, nothing touched Load	  {"config": "JSON text"} -> {"changes":
 *[..]}: becomes the candidate
 *  Diff	  {} -> {"changes": [{"path", "operation": "create" | "delete" |
 *		  "replace", "old"?, "new"?, "applies": "live" | "path" | ..}]}
 *  Commit	  {} -> {"generation", "changes": [..]}
 *  Discard	  {} -> {}: the candidate is running again
 *  ShowConfig	  {"which": "running" | "candidate"} -> {"config": object}
 *  PathHold	  {"path", "seconds"?} -> {}
 *  PathRelease	  {"path"} -> {}
 *  TunnelEnable  {"tunnel"} -> {} : a commit of tunnel/enabled, kept
 *  TunnelDisable {"tunnel"} -> {}
 *  Events	  {} -> {"events": [{"time" (RFC 3339), "event", ...}]}: the
 *last MPQ_NORTHBOUND_BACKLOG of them, oldest first: the data plane's events and
 *"restored", "configuration-changed", "data-plane", "link". With "more": true
 *-> a stream of such events as they come, each one a reply {"parameters":
 *event, "continues": true}; first the last ones when "parameters": {"backlog":
 *true}
 */
#ifndef MPQ_COMMON_NORTHBOUND_H
#define MPQ_COMMON_NORTHBOUND_H

#define MPQ_NORTHBOUND_SOCKET "/run/mpquic/control.sock"
#define MPQ_NORTHBOUND_PREFIX "mpquic.control." /* "mpquic.control.Status" */

#define MPQ_NORTHBOUND_BACKLOG 64

#define MPQ_NORTHBOUND_INVALID   "mpquic.control.InvalidConfig"
#define MPQ_NORTHBOUND_NOT_FOUND "mpquic.control.NotFound"
#define MPQ_NORTHBOUND_REFUSED   "mpquic.control.Refused"
#define MPQ_NORTHBOUND_INTERNAL  "mpquic.control.Internal"

#endif
