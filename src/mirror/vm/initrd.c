/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * initrd.c - what the log VM boots: the measured image, with this instance's configuration in front of it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ledger/file.h"
#include "mirror/vm/vm.h"
#include "util/cleanup.h"

#define IMAGE_MAX (256 << 20)  /* bytes of kernel or initramfs */
#define CONFIG_FILE (1 << 20)  /* of one file of the configuration */
#define CONFIG_DEPTH 6
#define BLOCK 512              /* what an archive is padded to */

/* Where the image's file is. */
static int load(const char *image, const char *name, size_t max, char **data, size_t *n, struct err *e)
{
	_cleanup_fd_ int d = open(image, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = d < 0 ? -errno : file_load(d, name, max, data, n);

	return r ? err_set(e, -r, "the log VM's image, %.200s/%s: %s; 'make logvm' builds it, --image says where it is",
		image, name, file_strerror(r)) : 0;
}

int vm_measure(const char *image, char hex[VM_MEASURE + 1], struct err *e)
{
	static const char *const parts[] = {"vmlinuz", "initramfs"};
	_cleanup_free_ char *said = NULL;
	unsigned char sum[EVP_MAX_MD_SIZE];
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	unsigned len = 0;
	size_t n = 0;
	int r = c && EVP_DigestInit_ex(c, EVP_sha256(), NULL) ? 0 : err_set(e, ENOMEM, "out of memory");

	for (unsigned i = 0; i < 2 && !r; i++) {
		char *data = NULL;

		r = load(image, parts[i], IMAGE_MAX, &data, &n, e);
		if (!r)
			EVP_DigestUpdate(c, data, n);
		free(data);
	}
	if (!r && (!EVP_DigestFinal_ex(c, sum, &len) || len * 2 != VM_MEASURE))
		r = err_set(e, EIO, "SHA-256 failed");
	EVP_MD_CTX_free(c);
	for (unsigned i = 0; !r && i < len; i++)
		snprintf(hex + 2 * i, 3, "%02x", sum[i]);
	if (!r)
		r = load(image, "measure", 4096, &said, &n, e);
	if (!r && (n < VM_MEASURE || memcmp(said, hex, VM_MEASURE)))
		r = err_set(e, EBADMSG, "the log VM's image in %.200s is not what was built: its SHA-256 is %s, its file "
			"'measure' says %.*s", image, hex, VM_MEASURE, said);
	return r;
}

/* One member of the archive. @name without a leading slash. */
static int member(FILE *out, const char *name, mode_t mode, const char *data, size_t n)
{
	static const char zeros[4];
	size_t len = strlen(name) + 1;

	/* "newc": magic, then inode, mode, uid, gid, links, mtime, size, device, node, name's length, check sum. */
	fprintf(out, "070701%08x%08x%08x%08x%08x%08x%08zx%08x%08x%08x%08x%08zx%08x", 0, (unsigned)mode, 0, 0, 1, 0, n,
		0, 0, 0, 0, len, 0);
	fwrite(name, 1, len, out);
	fwrite(zeros, 1, (4 - (110 + len) % 4) % 4, out);
	if (n)
		fwrite(data, 1, n, out);
	fwrite(zeros, 1, (4 - n % 4) % 4, out);
	return ferror(out) ? -EIO : 0;
}

static int put_dir(FILE *out, int parent, const char *name, const char *path, unsigned depth, struct err *e);

static int put_one(FILE *out, int dir, const char *name, const char *path, unsigned depth, struct err *e)
{
	_cleanup_free_ char *data = NULL;
	struct stat st;
	size_t n;
	int r;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW))
		return err_set(e, errno, "%.200s: %s", path, strerror(errno));
	if (S_ISDIR(st.st_mode))
		return put_dir(out, dir, name, path, depth + 1, e);
	r = file_load(dir, name, CONFIG_FILE, &data, &n);
	if (!r)
		r = member(out, path, S_IFREG | (st.st_mode & 0700), data, n);
	if (data)
		explicit_bzero(data, n);
	return r ? err_set(e, -r, "the log VM's configuration, %.200s: %s", path, file_strerror(r)) : 0;
}

/* What the mirror does not need to serve stays on the host: who can sign certificates, and the clients' keys. */
static int wanted(const struct dirent *d)
{
	return strcmp(d->d_name, ".") && strcmp(d->d_name, "..") && strcmp(d->d_name, "ca-key.pem") &&
		strcmp(d->d_name, "clients");
}

static int put_dir(FILE *out, int parent, const char *name, const char *path, unsigned depth, struct err *e)
{
	_cleanup_fd_ int dir = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	struct dirent **found = NULL;
	char below[512];
	int n, r;

	if (dir < 0)
		return err_set(e, errno, "%.200s: %s", path, strerror(errno));
	if (depth > CONFIG_DEPTH)
		return err_set(e, ELOOP, "%.200s: more directories in each other than a configuration has", path);
	r = member(out, path, S_IFDIR | 0700, NULL, 0);
	n = scandirat(dir, ".", &found, wanted, alphasort);
	for (int i = 0; i < n; i++) {
		if (!r && snprintf(below, sizeof(below), "%s/%s", path, found[i]->d_name) >= (int)sizeof(below))
			r = err_set(e, ENAMETOOLONG, "%.200s: too long a name", path);
		if (!r)
			r = put_one(out, dir, found[i]->d_name, below, depth, e);
		free(found[i]);
	}
	free(found);
	return n < 0 ? err_set(e, errno, "%.200s: %s", path, strerror(errno)) : r;
}

int vm_write_initrd(int dir, const char *image, struct err *e)
{
	_cleanup_free_ char *body = NULL;
	int fd = openat(dir, "initrd.new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	_cleanup_file_ FILE *out = fd < 0 ? NULL : fdopen(fd, "w");
	size_t n = 0;
	int r;

	if (!out)
		return err_set(e, errno, "the log VM's directory: cannot write 'initrd.new': %s", strerror(errno));
	r = load(image, "initramfs", IMAGE_MAX, &body, &n, e);
	if (r)
		return r;
	/* The kernel takes archives one behind the other, an unpacked one in front as for early microcode. */
	r = put_dir(out, dir, "config", "config", 0, e);
	if (r)
		return r;
	r = member(out, "TRAILER!!!", 0, NULL, 0);
	for (long at = ftell(out); !r && at % BLOCK; at++)
		fputc(0, out);
	fwrite(body, 1, n, out);
	if (r || fflush(out) || ferror(out) || renameat(dir, "initrd.new", dir, "initrd"))
		return err_set(e, errno ? errno : EIO, "the log VM's directory: cannot write 'initrd': %s", strerror(errno));
	return 0;
}
