/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/vouched.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "cli/cli.h"
#include "record/harmless.h"
#include "util/cleanup.h"

int vouched_load(struct vouched *v, const char *name, struct verify_options *opt, struct vkey *pin, struct err *e)
{
	int r = v->file ? policy_load(v->file, &v->policy, e) : 0;

	if (r || !v->file)
		return r;
	v->none = v->policy.quorum < 0;
	if (opt->pin || !v->policy.n_logs)
		return 0;
	for (unsigned i = 0; i < v->policy.n_logs; i++) {
		if (!vkey_is_of(&v->policy.log[i].key, name))
			continue;
		*pin = v->policy.log[i].key;
		opt->pin = pin;
		return 0;
	}
	return err_set(e, ENOENT, "%.200s knows no log of the name '%.80s'", v->file, name);
}

void vouched_look(struct vouched *v, const char *dir, const struct verify_sum *s)
{
	_cleanup_fd_ int d = v->file && !v->none ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	if (d >= 0 && s->has_key)
		quorum_find(d, &v->policy, &s->key, &v->quorum);
}

uint64_t vouched_size(const struct vouched *v)
{
	return v->file && !v->none ? v->quorum.covered : 0;
}

bool vouched_finding(const struct vouched *v)
{
	return v->file && !v->none && (!v->quorum.covered || v->quorum.forks || v->quorum.wrong);
}

const char *vouched_why(const struct vouched *v)
{
	return v->quorum.forks ? "what was cosigned is another history than this" :
		v->quorum.wrong ? "what is kept as cosignatures proves nothing" :
		"the quorum of the policy has cosigned none of it";
}

void vouched_print(const struct vouched *v, const char *name)
{
	time_t t = (time_t)v->quorum.time;
	char when[32] = "?";
	struct tm tm;

	if (!v->file)
		return;
	printf("%s: ", name);
	if (v->none)
		fputs("the policy wants no cosignature", stdout);
	else if (!v->quorum.covered)
		fputs("not cosigned by a quorum", stdout);
	else if (gmtime_r(&t, &tm) && strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm))
		printf("cosigned by a quorum up to record %" PRIu64 ", last at %s", v->quorum.covered - 1, when);
	if (v->quorum.forks || v->quorum.wrong) {
		fputs("; ", stdout);
		harmless_put(stdout, span_of(v->quorum.why.text), false, HARMLESS_ONE_LINE);
	}
	putchar('\n');
}

void vouched_json(const struct vouched *v)
{
	if (!v->file || v->none)
		return;
	printf(",\"cosigned\":%" PRIu64 ",\"cosigned_at\":%" PRIu64 ",\"cosigned_wrong\":%u", v->quorum.covered,
		v->quorum.time, v->quorum.forks + v->quorum.wrong);
	if (v->quorum.forks || v->quorum.wrong) {
		fputs(",\"cosigned_why\":", stdout);
		cli_json_string(v->quorum.why.text);
	}
}

void vouched_free(struct vouched *v)
{
	policy_free(&v->policy);
}
