/* SPDX-License-Identifier: Apache-2.0 */
#include "controlplane/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
	"usage: mpquic-control [OPTION]..\n"
	"The control daemon of mpquic: see mpquic-control(8).\n"
	"\n"
	"  --config FILE      the configuration [/etc/mpquic/mpquic.json]\n"
	"  --state-dir DIR    what has to outlive a restart "
	"[/var/lib/mpquic]\n"
	"  --runtime-dir DIR  the sockets [/run/mpquic]\n"
	"  --yang-dir DIR     where mpquic.yang is [" MPQ_YANG_DIR "]\n"
	"  --data-user NAME   whom mpquic-data runs as [mpquic-data,\n"
	"                     else nobody]\n"
	"  --log-level LEVEL  error, warning, notice, info or\n"
	"                     debug [info]\n"
	"  --check FILE       say whether FILE is sound, change nothing\n"
	"  --purge            remove all that is ours from the kernel\n"
	"  --version          print the version\n"
	"  --help             print this\n";

static const struct option table[] = {
	{"config", required_argument, NULL, 'c'},
	{"state-dir", required_argument, NULL, 's'},
	{"runtime-dir", required_argument, NULL, 'r'},
	{"yang-dir", required_argument, NULL, 'y'},
	{"data-user", required_argument, NULL, 'u'},
	{"log-level", required_argument, NULL, 'l'},
	{"check", required_argument, NULL, 'k'},
	{"purge", no_argument, NULL, 'p'},
	{"version", no_argument, NULL, 'V'},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

void mpq_options_help(void)
{
	(void)fputs(help, stdout);
}

static int parse_level(const char *name, enum mpq_log_level *ret)
{
	static const struct {
		const char *name;
		enum mpq_log_level level;
	} levels[] = {
		{"error", MPQ_LOG_ERROR},   {"warning", MPQ_LOG_WARN},
		{"notice", MPQ_LOG_NOTICE}, {"info", MPQ_LOG_INFO},
		{"debug", MPQ_LOG_DEBUG},
	};
	size_t i;

	for (i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
		if (!strcmp(levels[i].name, name)) {
			*ret = levels[i].level;
			return 0;
		}
	}
	(void)fprintf(stderr,
		      "mpquic-control: --log-level %s: allowed are error, "
		      "warning, notice, info, debug\n",
		      name);
	return -EINVAL;
}

static int take(int option, const char *value, struct mpq_options *o)
{
	switch (option) {
	case 'c':
		o->config = value;
		return 0;
	case 's':
		o->state_dir = value;
		return 0;
	case 'r':
		o->runtime_dir = value;
		return 0;
	case 'y':
		o->yang_dir = value;
		return 0;
	case 'u':
		o->data_user = value;
		return 0;
	case 'l':
		return parse_level(value, &o->log_level);
	case 'k':
		o->action = MPQ_OPTIONS_CHECK;
		o->check = value;
		return 0;
	case 'p':
		o->action = MPQ_OPTIONS_PURGE;
		return 0;
	case 'V':
		o->action = MPQ_OPTIONS_VERSION;
		return 0;
	case 'h':
		o->action = MPQ_OPTIONS_HELP;
		return 0;
	default: /* getopt has said why */
		return -EINVAL;
	}
}

int mpq_options_parse(int argc, char *const argv[], struct mpq_options *ret)
{
	const char *yang = getenv("MPQUIC_YANG_DIR");
	int option, e = 0;

	*ret = (struct mpq_options){
		.config = "/etc/mpquic/mpquic.json",
		.state_dir = "/var/lib/mpquic",
		.runtime_dir = "/run/mpquic",
		.yang_dir = yang ? yang : MPQ_YANG_DIR,
		.log_level = MPQ_LOG_INFO,
	};
	while (!e && (option = getopt_long(argc, argv, "", table, NULL)) >= 0) {
		e = take(option, optarg, ret);
	}
	if (!e && optind < argc) {
		(void)fprintf(stderr,
			      "mpquic-control: \"%s\" is not an option\n",
			      argv[optind]);
		e = -EINVAL;
	}
	if (e) {
		(void)fputs("Try mpquic-control --help.\n", stderr);
	}
	return e;
}
