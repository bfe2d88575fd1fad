/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * check_proof.c - logvisor check-proof FILE [--vkey KEY]: verify a proof without the ledger, and show the
 * record it is for.
 */
#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/vkey.h"
#include "ledger/file.h"
#include "ledger/proof.h"
#include "record/harmless.h"
#include "util/cleanup.h"

int check_proof_main(int argc, char **argv)
{
	static const struct option options[] = {
		{"vkey", required_argument, NULL, 'k'}, {NULL, 0, NULL, 0},
	};
	_cleanup_free_ char *text = NULL;
	const struct vkey *key;
	bool pinned = false;
	struct proof proof;
	struct vkey pin;
	struct err e;
	size_t n;
	int c, r;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c != 'k')
			return cli_usage(argv[0]);
		if (cli_vkey(optarg, &pin, &e))
			return cli_fail(&e);
		pinned = true;
	}
	if (optind + 1 != argc)
		return cli_usage(argv[0]);
	r = file_load(AT_FDCWD, argv[optind], PROOF_MAX, &text, &n);
	if (r)
		return cli_failf("%s: %s", argv[optind], r == -EFBIG ? "too long for a proof" :
			strerror(-r));
	r = proof_parse(text, n, &proof, &e);
	if (r) {
		proof_free(&proof);
		return cli_failf("%s: %s", argv[optind], e.text);
	}
	r = proof_check(&proof, pinned ? &pin : NULL, &e);
	if (r) {
		printf("%s: NOT PROVEN: %s\n", argv[optind], e.text);
		proof_free(&proof);
		return EXIT_FINDING;
	}
	key = pinned ? &pin : &proof.vkey;
	printf("%s: proven: record %" PRIu64 " of the %" PRIu64 " signed by %s+%08" PRIx32 "%s\n",
		argv[optind], proof.index, proof.checkpoint.size, key->name, key->id, pinned ? "" :
		" (key NOT pinned: it came with the proof; give --vkey to know who signed)");
	harmless_put(stdout, proof.leaf, false, HARMLESS_ONE_LINE);
	putchar('\n');
	proof_free(&proof);
	return EXIT_OK;
}
