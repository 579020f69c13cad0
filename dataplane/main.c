/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mpquic-data: sheds what privilege it was started with, then connects to
 * mpquic-control and does as it is told. It opens nothing but that socket.
 */
#include "common/log.h"
#include "common/southbound.h"
#include "dataplane/control.h"

#include <errno.h>
#include <getopt.h>
#include <grp.h>
#include <malloc.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

struct options {
	const char *socket_path;
	const char *user;
};

static const struct option long_options[] = {
	{"socket", required_argument, NULL, 's'},
	{"user", required_argument, NULL, 'u'},
	{"log-level", required_argument, NULL, 'l'},
	{"version", no_argument, NULL, 'V'},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

static void print_help(void)
{
	(void)printf(
		"Usage: mpquic-data [OPTION]...\n"
		"Forwards packets between TUN devices and QUIC paths, as "
		"mpquic-control tells it.\n\n"
		"  -s, --socket PATH      mpquic-control's socket "
		"(default " MPQ_SOUTHBOUND_SOCKET ")\n"
		"  -u, --user NAME        become this user when started as "
		"root (default: mpquic-data, else nobody)\n"
		"  -l, --log-level LEVEL  error, warning, notice, info or "
		"debug (default info)\n"
		"  -V, --version          print the version\n"
		"  -h, --help             print this\n\n"
		"See mpquic-data(8).\n");
}

static int set_log_level(const char *name)
{
	static const struct {
		const char *name;
		enum mpq_log_level level;
	} levels[] = {
		{"error", MPQ_LOG_ERROR},   {"warning", MPQ_LOG_WARN},
		{"notice", MPQ_LOG_NOTICE}, {"info", MPQ_LOG_INFO},
		{"debug", MPQ_LOG_DEBUG},
	};

	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
		if (strcmp(levels[i].name, name) == 0) {
			mpq_log_set_level(levels[i].level);
			return 0;
		}
	}
	(void)fprintf(stderr,
		      "mpquic-data: unknown log level \"%s\": use error, "
		      "warning, notice, info or debug\n",
		      name);
	return -EINVAL;
}

/* 0: run; 1: done; -EINVAL: told why. */
static int read_options(int argc, char **argv, struct options *ret)
{
	int c;

	while ((c = getopt_long(argc, argv, "s:u:l:Vh", long_options, NULL)) !=
	       -1) {
		switch (c) {
		case 's':
			ret->socket_path = optarg;
			break;
		case 'u':
			ret->user = optarg;
			break;
		case 'l':
			if (set_log_level(optarg) < 0) {
				return -EINVAL;
			}
			break;
		case 'V':
			(void)printf("mpquic-data %s\n", MPQ_VERSION);
			return 1;
		case 'h':
			print_help();
			return 1;
		default:
			return -EINVAL;
		}
	}
	if (optind < argc) {
		(void)fprintf(stderr,
			      "mpquic-data: unexpected argument \"%s\"; "
			      "see mpquic-data --help\n",
			      argv[optind]);
		return -EINVAL;
	}
	return 0;
}

static const struct passwd *find_user(const char *name)
{
	const struct passwd *pw = getpwnam(name != NULL ? name : "mpquic-data");

	return pw == NULL && name == NULL ? getpwnam("nobody") : pw;
}

/* Becomes an ordinary user, for good; harmless when that is what we are. */
static int shed_privileges(const char *user)
{
	const struct passwd *pw;

	if (geteuid() == 0) {
		pw = find_user(user);
		if (pw == NULL || pw->pw_uid == 0) {
			mpq_log_error("user \"%s\" does not exist or is root: "
				      "name an unprivileged one with --user",
				      user != NULL ? user : "nobody");
			return -EINVAL;
		}
		if (setgroups(0, NULL) < 0 || setgid(pw->pw_gid) < 0 ||
		    setuid(pw->pw_uid) < 0) {
			mpq_log_error("cannot become user %s: %s", pw->pw_name,
				      strerror(errno));
			return -errno;
		}
	}
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	return 0;
}

static int run(const struct options *options)
{
	struct mpq_engine engine;
	struct mpq_control control;
	int r = mpq_engine_init(&engine, &mpq_control_events, &control);

	if (r == 0) {
		r = mpq_control_start(&control, &engine, options->socket_path);
	}
	if (r < 0) {
		mpq_log_error("cannot start: %s", strerror(-r));
		return r;
	}
	r = mpq_loop_run(engine.loop);
	mpq_log_info("stopping: closing all connections");
	mpq_control_stop(&control);
	mpq_engine_finish(&engine);
	return r;
}

/* Tables are as large as they may have to be, and cost what was ever in use:
 * pages that nobody touched. Unless they are of the heap, from which glibc
 * takes ever larger pieces once as large a one was freed, and clears them. */
static void keep_tables_sparse(void)
{
	(void)mallopt(M_MMAP_THRESHOLD, 128 * 1024);
}

int main(int argc, char **argv)
{
	struct options options = {.socket_path = MPQ_SOUTHBOUND_SOCKET};
	int r = read_options(argc, argv, &options);

	keep_tables_sparse();
	if (r != 0) {
		return r < 0 ? 2 : 0;
	}
	if (shed_privileges(options.user) < 0) {
		return 1;
	}
	return run(&options) < 0 ? 1 : 0;
}
