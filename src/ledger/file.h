/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * file.h - whole reads and writes, and the atomic replacement of a small file, over util/io.h.
 * All return 0 (or a count) or a negative errno; none retries after an error other than EINTR.
 */
#ifndef LOGVISOR_LEDGER_FILE_H
#define LOGVISOR_LEDGER_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Open regular file @name below @dir for reading, or (made if need be) for reading and writing. No link
 * is followed, and neither waits, whatever stands there: -ELOOP for a link, -EISDIR, -EMEDIUMTYPE for
 * anything else that is no regular file. file_strerror() has the words.
 */
int file_open(int dir, const char *name);
int file_create(int dir, const char *name);

/* Does -@error say that there is no such regular file, rather than that it could not be read? */
bool file_absent(int error);

/* strerror() of @error (its sign does not matter), in the words of file_open(). */
const char *file_strerror(int error);

/* Write all @n bytes at @off. */
int file_pwrite(int fd, const void *buf, size_t n, uint64_t off);

/* Read up to @n bytes at @off; fewer only at the end of the file. Returns how many. */
long file_pread(int fd, void *buf, size_t n, uint64_t off);

/*
 * The whole of file @name, of at most @max bytes, allocated and NUL-terminated beyond *n.
 * -ENOENT, -EFBIG, -ENOMEM, ...
 */
int file_load(int dir, const char *name, size_t max, char **data, size_t *n);

/*
 * Replace @name so that after a crash it holds either the old bytes or the new: write @name.new,
 * fdatasync, rename, fsync the directory.
 */
int file_replace(int dir, const char *name, const void *data, size_t n, mode_t mode);

/* Size in bytes of an open file, or -errno. */
int64_t file_size(int fd);

#endif
