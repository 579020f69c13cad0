/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The numbers of SESSION_POLICY's policy, for the two that write and read it;
 * bond/README.md §7 says what they mean.
 *
 *   Policy  { Version (8), Fallback Class (8), Element (..) ... }
 *   Element { Type (8), Length (16), Field (..) ... }
 *   Field   { Type (8), Length (8), Value (..) }
 */
#ifndef MPQ_DATAPLANE_POLICY_WIRE_H
#define MPQ_DATAPLANE_POLICY_WIRE_H

#define MPQ_POLICY_WIRE_VERSION 1

/* An unknown type from here on is skipped, one below it is an error. */
#define MPQ_POLICY_WIRE_OPTIONAL 0x80

enum mpq_policy_wire_element {
	MPQ_POLICY_WIRE_CLASS = 1,
	MPQ_POLICY_WIRE_RULE = 2,
	MPQ_POLICY_WIRE_PATHS = 3,
};

enum mpq_policy_wire_class {
	MPQ_POLICY_WIRE_CLASS_NAME = 1,
	MPQ_POLICY_WIRE_CLASS_MODE = 2,
	MPQ_POLICY_WIRE_CLASS_PRIORITY = 3,
	MPQ_POLICY_WIRE_CLASS_ORDER = 4,
	MPQ_POLICY_WIRE_CLASS_EXCLUDED = 5,
	MPQ_POLICY_WIRE_CLASS_FLAGS = 6,
	MPQ_POLICY_WIRE_CLASS_COPIES = 7,
	MPQ_POLICY_WIRE_CLASS_ORDER_CAP = 8,
	MPQ_POLICY_WIRE_CLASS_REPAIR_DEADLINE = 9,
	MPQ_POLICY_WIRE_CLASS_LOSS_MAX = 10,
	MPQ_POLICY_WIRE_CLASS_RTT_MAX = 11,
	MPQ_POLICY_WIRE_CLASS_RATE_LIMIT = 12,
	MPQ_POLICY_WIRE_CLASS_BURST = 13,
};

#define MPQ_POLICY_WIRE_AVOID_METERED 0x01 /* of FLAGS */

enum mpq_policy_wire_rule {
	MPQ_POLICY_WIRE_RULE_NAME = 1,
	MPQ_POLICY_WIRE_RULE_CLASS = 2,
	MPQ_POLICY_WIRE_RULE_DSCP = 3,
	MPQ_POLICY_WIRE_RULE_PROTOCOL = 4,
	MPQ_POLICY_WIRE_RULE_SOURCE = 5,
	MPQ_POLICY_WIRE_RULE_DESTINATION = 6,
	MPQ_POLICY_WIRE_RULE_SOURCE_PORTS = 7,
	MPQ_POLICY_WIRE_RULE_DESTINATION_PORTS = 8,
};

enum mpq_policy_wire_paths {
	MPQ_POLICY_WIRE_PATHS_METERED = 1,
};

#endif
