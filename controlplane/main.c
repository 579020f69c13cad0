/* SPDX-License-Identifier: Apache-2.0 */
/* mpquic-control: reads the command line and does what it says. */
#include "common/log.h"
#include "controlplane/daemon.h"
#include "controlplane/hints.h"
#include "controlplane/options.h"
#include "controlplane/startup.h"
#include "controlplane/version.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int complain(int e, const struct mpq_refusal *r)
{
	char text[2048];

	(void)fprintf(stderr, "mpquic-control: %s\n",
		      e == -ENOMEM ? "out of memory"
				   : mpq_refusal_format(r, text, sizeof(text)));
	return EXIT_FAILURE;
}

static const char *text_of(struct json_object *o, const char *key)
{
	return json_object_get_string(json_object_object_get(o, key));
}

static bool device_exists(void *context, const char *interface)
{
	const struct if_nameindex *device = context;

	while (device->if_name && strcmp(device->if_name, interface)) {
		device++;
	}
	return device->if_name;
}

static void print_hints(const struct mpq_config *c)
{
	struct json_object *list = mpq_hints_new(c), *o;
	struct if_nameindex *devices = if_nameindex();

	if (devices) {
		mpq_hints_of_devices(c, device_exists, devices, list);
		if_freenameindex(devices);
	}
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		o = json_object_array_get_idx(list, i);
		(void)printf("hint: %s: %s\n", text_of(o, "path"),
			     text_of(o, "message"));
	}
	json_object_put(list);
}

static int check_text(const struct mpq_options *o, const char *text, size_t len,
		      struct mpq_refusal *r)
{
	struct mpq_schema *schema = NULL;
	struct mpq_version *v = NULL;
	int e = mpq_schema_new(&schema, o->yang_dir, r);

	if (!e) {
		e = mpq_version_new(&v, schema, text, len, time(NULL), false,
				    r);
	}
	if (!e) {
		(void)printf("%s is sound\n", o->check);
		print_hints(v->config);
	}
	mpq_version_free(v);
	mpq_schema_free(schema);
	return e;
}

static int check(const struct mpq_options *o)
{
	struct mpq_refusal r;
	char *text = NULL;
	size_t len = 0;
	int e = mpq_startup_read(o->check, &text, &len, &r);

	if (!e) {
		e = check_text(o, text, len, &r);
	}
	free(text);
	if (e) {
		return complain(e, &r);
	}
	return EXIT_SUCCESS;
}

static int run(const struct mpq_options *o)
{
	struct mpq_daemon d;
	struct mpq_refusal r;
	int e = mpq_daemon_start(&d, o, &r);

	if (!e) {
		mpq_daemon_run(&d);
	}
	mpq_daemon_stop(&d);
	return e ? complain(e, &r) : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	struct mpq_options o;
	struct mpq_refusal r;
	int e;

	if (mpq_options_parse(argc, argv, &o)) {
		return 2;
	}
	mpq_log_set_level(o.log_level);
	switch (o.action) {
	case MPQ_OPTIONS_HELP:
		mpq_options_help();
		return EXIT_SUCCESS;
	case MPQ_OPTIONS_VERSION:
		(void)puts("mpquic-control " MPQ_VERSION);
		return EXIT_SUCCESS;
	case MPQ_OPTIONS_CHECK:
		return check(&o);
	case MPQ_OPTIONS_PURGE:
		e = mpq_daemon_purge(&o, &r);
		return e ? complain(e, &r) : EXIT_SUCCESS;
	case MPQ_OPTIONS_RUN:
		break;
	}
	return run(&o);
}
