/* SPDX-License-Identifier: BSD-3-Clause */
/* flood.c - records from several threads, one per vCPU in turn, as fast as the kernel takes them. */
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lab.h"

enum { THREADS_MAX = 64, TEXT_MAX = 900 };

static long count, bytes;
static pthread_barrier_t start;

static void *flood(void *arg)
{
	long thread = (long)arg;
	cpu_set_t cpus;
	char text[TEXT_MAX + 2];
	int fd = kmsg_open();

	CPU_ZERO(&cpus);
	CPU_SET(thread % sysconf(_SC_NPROCESSORS_ONLN), &cpus);
	sched_setaffinity(0, sizeof(cpus), &cpus);
	pthread_barrier_wait(&start);
	for (long n = 0; n < count; n++) {
		int len = snprintf(text, sizeof(text), "flood %ld %ld ", thread, n);

		if (len < bytes) {
			memset(text + len, 'x', bytes - len);
			len = (int)bytes;
		}
		text[len] = '\n';
		if (kmsg_put(fd, text, len + 1))
			return "write failed";
	}
	return NULL;
}

int flood_main(int argc, char **argv)
{
	pthread_t id[THREADS_MAX];
	long threads;
	int ret = 0;

	if (argc != 3 && argc != 4) {
		fprintf(stderr, "usage: lab flood THREADS COUNT [BYTES]\n");
		return 2;
	}
	threads = number(argv[1], 1, THREADS_MAX, "THREADS");
	count = number(argv[2], 0, INT_MAX, "COUNT");
	bytes = argc == 4 ? number(argv[3], 0, TEXT_MAX, "BYTES") : 0;
	pthread_barrier_init(&start, NULL, (unsigned int)threads);
	for (long t = 0; t < threads; t++)
		if (pthread_create(&id[t], NULL, flood, (void *)t)) {
			fprintf(stderr, "lab: cannot start thread %ld\n", t);
			return 2;
		}
	for (long t = 0; t < threads; t++) {
		void *failed;

		pthread_join(id[t], &failed);
		ret |= failed ? 2 : 0;
	}
	return ret;
}
