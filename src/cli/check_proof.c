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

enum { OPT_VKEY = OPTION_LONG };

static const struct cli_option options[] = {
	{OPT_VKEY, "vkey", "KEY|FILE", "the ledger's verifier key"},
	{0, NULL, NULL, NULL},
};

static int check_proof_main(int argc, char **argv)
{
	_cleanup_free_ char *text = NULL;
	const struct vkey *key;
	bool pinned = false;
	struct proof proof;
	struct vkey pin;
	struct err e;
	size_t n;
	int c, r;

	option_begin();
	while ((c = option_next(argc, argv, &check_proof_command, &r)) != OPTION_END) {
		if (c == OPTION_STOP)
			return r;
		if (cli_vkey(optarg, &pin, &e))
			return cli_fail(&e);
		pinned = true;
	}
	if (!cli_operands(&check_proof_command, argc, argv))
		return EXIT_TROUBLE;
	r = file_load(AT_FDCWD, argv[optind], PROOF_MAX, &text, &n);
	if (r)
		return cli_failf("%s: %s", argv[optind], r == -EFBIG ? "too long for a proof" :
			file_strerror(r));
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

const struct command check_proof_command = {
	.name = "check-proof",
	.main = check_proof_main,
	.description = "check a proof without the ledger",
	.options = options,
	.notes = "Needs no ledger. Prints the record that is proven.\n",
	.operands = {"FILE"},
};
