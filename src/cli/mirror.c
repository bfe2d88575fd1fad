/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * mirror.c - logvisor mirror init|add|revoke|list|run: the log VM's side. init and add make and change a
 * configuration (mirror/server/setup.h), run serves by it (mirror_run.c).
 */
#include "cli/mirror.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/vkey.h"
#include "ledger/seal.h"
#include "mirror/server/config.h"
#include "mirror/server/setup.h"
#include "util/cleanup.h"

#define CONFIG_DIR "/etc/logvisor-mirror"
#define STORE_DIR "/var/lib/logvisor-mirror"

enum { CONFIG = OPTION_LONG, LISTEN, KEY_NAME, HOST, VKEY, ORIGIN, DAYS, RENEW, FINGERPRINT, OTHERS };

static const struct cli_option options[] = {
	{CONFIG, "config", "DIR", "keys, certificates and rights (" CONFIG_DIR ")"},
	{OPTION_STORE, "store", "DIR", "run, list: where the ledgers are (" STORE_DIR ")"},
	{LISTEN, "listen", "WHERE", "run: https://HOST:PORT, vsock://:PORT, unix:///PATH or\n"
		"http://127.0.0.1:PORT; may be given several times"},
	{KEY_NAME, "name", "NAME", "init: of the mirror's key (else the host's name)"},
	{HOST, "host", "HOST", "init: a name or address that clients use; may be given several\n"
		"times"},
	{VKEY, "vkey", "KEY|FILE", "add: the log's verifier key; one more if it has one"},
	{ORIGIN, "origin", "ORIGIN", "add: the log's name (else the key's, else NAME)"},
	{DAYS, "days", "N", "init, add: how long a certificate is valid (3650)"},
	{RENEW, "renew", NULL, "init, add: make a new certificate"},
	{FINGERPRINT, "fingerprint", "SHA256", "revoke: of this certificate only"},
	{OTHERS, "others", NULL, "revoke: of all but the newest, in CONFIG/clients/NAME"},
	{0, NULL, NULL, NULL},
};

static int init(const struct mirror_options *o)
{
	struct setup_init q = {.dir = o->config, .name = o->key_name, .n_hosts = o->n_hosts, .days = o->days,
		.renew = o->renew};
	char path[4200];
	_cleanup_file_ FILE *f = NULL;
	char vkey[NOTE_VKEY_MAX + 2] = "";
	struct err e;

	memcpy(q.host, o->host, sizeof(o->host));
	if (setup_init(&q, &e))
		return cli_fail(&e);
	snprintf(path, sizeof(path), "%s/vkey", o->config);
	f = fopen(path, "re");
	if (!f || !fgets(vkey, sizeof(vkey), f))
		return cli_failf("%s: cannot be read", path);
	printf("%s", vkey);
	return EXIT_OK;
}

static int add(const struct mirror_options *o, const char *name)
{
	struct setup_add q = {.dir = o->config, .name = name, .origin = o->origin, .days = o->days, .renew = o->renew};
	const bool elsewhere = strcmp(o->config, CONFIG_DIR) != 0;
	struct setup_added done;
	struct vkey vkey;
	struct err e;

	if (o->vkey && cli_vkey(o->vkey, &vkey, &e))
		return cli_fail(&e);
	q.vkey = o->vkey ? &vkey : NULL;
	if (setup_add(&q, &done, &e))
		return cli_fail(&e);
	if (!done.keys)
		cli_failf("%s: no key of its log is known yet, so nothing is taken; 'logvisor mirror add %s --vkey KEY%s%s' "
			"makes it known", name, name, elsewhere ? " --config " : "", elsewhere ? o->config : "");
	printf("%s\n", done.clients);
	return EXIT_OK;
}

static int take_away(const struct mirror_options *o, const char *name)
{
	const struct setup_revoke q = {.dir = o->config, .name = name, .fingerprint = o->fingerprint, .others = o->others};
	struct err e;
	unsigned n;

	if (o->fingerprint && o->others)
		return cli_failf("mirror revoke: --fingerprint and --others exclude each other");
	if (setup_revoke(&q, &n, &e))
		return cli_fail(&e);
	if (!n && o->fingerprint)
		return cli_failf("%s: no such certificate has rights", name);
	printf("%s: %u certificate%s without rights now\n", name, n, n == 1 ? "" : "s");
	return EXIT_OK;
}

/* A line each: name, origin, keys, certificates, records cosigned. */
static int list(const struct mirror_options *o)
{
	_cleanup_fd_ int dir = open(o->config, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct rights *v;
	struct err e;
	size_t n;

	if (dir < 0)
		return cli_failf("%s: %s", o->config, strerror(errno));
	if (rights_load(dir, &v, &n, &e)) {
		free(v);
		return cli_fail(&e);
	}
	for (size_t i = 0; i < n; i++) {
		char path[4200];
		uint64_t size = 0;

		snprintf(path, sizeof(path), "%s/%s", o->store, v[i].conf.name);
		seal_size(path, &size);
		printf("%s\torigin %s\tkeys %zu\tclients %zu\tcosigned %" PRIu64 "\n", v[i].conf.name, v[i].conf.origin,
			v[i].conf.n_keys, v[i].n_clients, size);
	}
	free(v);
	return EXIT_OK;
}

static int days_of(const char *text, int *out)
{
	char *end;
	long n = strtol(text, &end, 10);

	if (*end || end == text || n < -36500 || n > 36500 || n == 0)
		return cli_failf("mirror: '%.40s' is not a number of days", text);
	*out = (int)n;
	return EXIT_OK;
}

/* One option into @o. EXIT_OK or EXIT_TROUBLE. */
static int take(int c, struct mirror_options *o)
{
	switch (c) {
	case CONFIG:
		o->config = optarg;
		return EXIT_OK;
	case OPTION_STORE:
		o->store = optarg;
		return EXIT_OK;
	case LISTEN:
		if (o->n_listen == MIRROR_LISTEN_MAX)
			return cli_failf("mirror: no more than %d places to listen at", MIRROR_LISTEN_MAX);
		o->listen[o->n_listen++] = optarg;
		return EXIT_OK;
	case KEY_NAME:
		o->key_name = optarg;
		return EXIT_OK;
	case HOST:
		if (o->n_hosts == MIRROR_HOSTS_MAX)
			return cli_failf("mirror: no more than %d hosts", MIRROR_HOSTS_MAX);
		o->host[o->n_hosts++] = optarg;
		return EXIT_OK;
	case VKEY:
		o->vkey = optarg;
		return EXIT_OK;
	case ORIGIN:
		o->origin = optarg;
		return EXIT_OK;
	case DAYS:
		return days_of(optarg, &o->days);
	case RENEW:
		o->renew = true;
		return EXIT_OK;
	case OTHERS:
		o->others = true;
		return EXIT_OK;
	default:
		o->fingerprint = optarg;
		return EXIT_OK;
	}
}

static const struct {
	const char *name;
	int (*plain)(const struct mirror_options *o);
	int (*named)(const struct mirror_options *o, const char *name);
} actions[] = {
	{"init", init, NULL},
	{"add", NULL, add},
	{"revoke", NULL, take_away},
	{"list", list, NULL},
	{"run", mirror_run, NULL},
};

static int mirror_main(int argc, char **argv)
{
	struct mirror_options o = {.config = CONFIG_DIR, .store = STORE_DIR, .days = SETUP_DAYS};
	int c, r;

	option_begin();
	while ((c = option_next(argc, argv, &mirror_command, &r)) != OPTION_END) {
		if (c == OPTION_STOP)
			return r;
		r = take(c, &o);
		if (r)
			return r;
	}
	if (optind == argc)
		return cli_failf("mirror: what to do is missing: init, add, revoke, list or run; 'logvisor help mirror' tells "
			"more");
	for (unsigned i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		int more = argc - optind - 1, want = actions[i].named ? 1 : 0;

		if (strcmp(argv[optind], actions[i].name) != 0)
			continue;
		if (more < want)
			return cli_failf("mirror %s: NAME is missing", argv[optind]);
		if (more > want)
			return cli_failf("mirror %s: '%.80s' is one argument too many", argv[optind], argv[optind + want + 1]);
		return want ? actions[i].named(&o, argv[optind + 1]) : actions[i].plain(&o);
	}
	return cli_failf("mirror: '%.40s' is none of init, add, revoke, list, run", argv[optind]);
}

const struct command mirror_command = {
	.name = "mirror",
	.main = mirror_main,
	.description = "keep the ledgers of other hosts (the log VM's side)",
	.options = options,
	.usage = "init | add NAME | revoke NAME | list | run",
	.notes = "init makes keys and certificates, and prints the mirror's verifier key; add makes a certificate\n"
		 "and rights for the log of VM NAME, and prints the directory to give to its host; revoke takes\n"
		 "the rights of certificates away; run serves. Each may be done again: what is there stays.\n",
};
