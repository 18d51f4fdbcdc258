/* SPDX-License-Identifier: Apache-2.0 */
/* A pair is replaced in two steps, the key and then the certificate, both by renaming a file that is on disk already. If
 * the power goes between the two, the next start finds a key that fits to the certificate that still waits, and makes the
 * second step. */
#include "role/keyring/identities.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/clock.h"
#include "os/fd.h"

enum { PATH_ROOM = NAME_MAX_BYTES + 16, FILE_MODE = 0600 };

static char key_room[KEY_FILE_MAX + 1], chain_room[CHAIN_MAX + 1], waiting_room[CHAIN_MAX + 1];

struct identity *identities_find(const struct identities *ids, uint32_t number)
{
	for (size_t i = 0; i < IDENTITIES_MAX && number != 0; i++)
		if (ids->all[i].number == number)
			return &ids->all[i];
	return NULL;
}

struct identity *identities_named(const struct identities *ids, str name)
{
	for (size_t i = 0; i < IDENTITIES_MAX; i++) {
		struct identity *id = &ids->all[i];
		if (id->number != 0 && id->replaced == 0 && str_eq(str_of(id->name), name))
			return id;
	}
	return NULL;
}

static void forget(struct identity *id)
{
	EVP_PKEY_free(id->key);
	wipe(id, sizeof *id);
}

void identities_forget(struct identities *ids, int64_t before)
{
	for (size_t i = 0; i < IDENTITIES_MAX; i++)
		if (ids->all[i].number != 0 && ids->all[i].replaced != 0 && ids->all[i].replaced < before)
			forget(&ids->all[i]);
}

/* A free place; or that of the one that was replaced first. */
static struct identity *find_place(struct identities *ids)
{
	struct identity *oldest = NULL;
	for (size_t i = 0; i < IDENTITIES_MAX; i++) {
		struct identity *id = &ids->all[i];
		if (id->number == 0)
			return id;
		if (id->replaced != 0 && (oldest == NULL || id->replaced < oldest->replaced))
			oldest = id;
	}
	if (oldest != NULL)
		forget(oldest);
	return oldest;
}

static bool purpose_of(str name, enum purpose *out)
{
	for (int p = 0; p < PURPOSES; p++) {
		str files = str_of(purpose_files((enum purpose)p));
		if (str_starts(name, files) && (name.n == files.n || name.p[files.n] == '-')) {
			*out = (enum purpose)p;
			return true;
		}
	}
	return false;
}

/* Owns the key. */
static err use(struct identities *ids, const struct identity_files *f, EVP_PKEY *key, enum tls_key kind)
{
	enum purpose purpose;
	struct identity *old = identities_named(ids, f->name), *id = find_place(ids);
	if (id == NULL || !purpose_of(f->name, &purpose) || f->name.n > NAME_MAX_BYTES ||
		f->certificates.n > CHAIN_MAX) {
		EVP_PKEY_free(key);
		return FAIL(LIMIT);
	}
	*id = (struct identity){ .number = ++ids->last_number, .purpose = purpose, .kind = kind, .key = key };
	memcpy(id->name, f->name.p, f->name.n);
	memcpy(id->certificates, f->certificates.p, f->certificates.n);
	id->certificates_length = f->certificates.n;
	if (old != NULL)
		old->replaced = clock_ms();
	return OK;
}

/* ---- files ---- */

static const char *path_of(str name, const char *suffix, char room[PATH_ROOM])
{
	snprintf(room, PATH_ROOM, "%.*s%s", ARG(name), suffix);
	return room;
}

/* ERR_ABSENT, ERR_LIMIT, ERR_SYSTEM. */
static err read_file(const char *path, char *room, size_t size, str *out)
{
	struct buf b = { .p = room, .room = size };
	int fd = openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t n = 1;
	if (fd < 0)
		return errno == ENOENT ? FAIL(ABSENT) : FAIL(SYSTEM);
	while (n > 0 && b.n < b.room) {
		n = read(fd, b.p + b.n, b.room - b.n);
		b.n += n > 0 ? (size_t)n : 0;
	}
	close(fd);
	if (n < 0)
		return FAIL(SYSTEM);
	if (b.n == b.room)
		return FAIL(LIMIT);
	*out = buf_str(&b);
	return OK;
}

static err write_file(const char *path, str content)
{
	unlink(path);
	int fd = openat(AT_FDCWD, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
	if (fd < 0)
		return FAIL(SYSTEM);
	bool written = write(fd, content.p, content.n) == (ssize_t)content.n && fsync(fd) == 0;
	return close(fd) == 0 && written ? OK : FAIL(SYSTEM);
}

static err sync_folder(void)
{
	int fd = openat(AT_FDCWD, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool synced = fd >= 0 && fsync(fd) == 0;
	fd_close(&fd);
	return synced ? OK : FAIL(SYSTEM);
}

static err write_pair(const struct identity_files *f)
{
	char key[PATH_ROOM], fresh_key[PATH_ROOM], chain[PATH_ROOM], fresh_chain[PATH_ROOM];
	path_of(f->name, ".key", key);
	path_of(f->name, ".key.new", fresh_key);
	path_of(f->name, ".crt", chain);
	path_of(f->name, ".crt.new", fresh_chain);
	TRY(write_file(fresh_key, f->key));
	TRY(write_file(fresh_chain, f->certificates));
	TRY(sync_folder());
	if (rename(fresh_key, key) != 0)
		return FAIL(SYSTEM);
	TRY(sync_folder());
	return rename(fresh_chain, chain) == 0 ? sync_folder() : FAIL(SYSTEM);
}

/* ---- at the start ---- */

/* The certificate that fits the key: the one in use, or the one that waits to take its place. */
static err choose_chain(str name, EVP_PKEY *key, str *out, struct buf *reason)
{
	char path[PATH_ROOM], waiting[PATH_ROOM];
	str here, there;
	err e = read_file(path_of(name, ".crt", path), chain_room, sizeof chain_room, &here);
	err w = read_file(path_of(name, ".crt.new", waiting), waiting_room, sizeof waiting_room, &there);
	if (!failed(e) && chain_fits_key(here, key)) {
		*out = here;
	} else if (!failed(w) && chain_fits_key(there, key) && rename(waiting, path) == 0) {
		*out = there;
	} else {
		buf_addf(reason,
			failed(e) ? "keys/%s cannot be read" : "keys/%s does not belong to the private key beside it",
			path);
		return failed(e) ? e : FAIL(DENIED);
	}
	unlink(waiting);
	return OK;
}

static err load(struct identities *ids, str name, struct buf *reason)
{
	char path[PATH_ROOM], waiting[PATH_ROOM];
	struct identity_files f = { .name = name };
	enum purpose purpose;
	enum tls_key kind;
	EVP_PKEY *key = NULL;
	if (!purpose_of(name, &purpose)) {
		buf_addf(reason, "keys/%.*s.key is for no known purpose", ARG(name));
		return FAIL(UNSUPPORTED);
	}
	err e = read_file(path_of(name, ".key", path), key_room, sizeof key_room, &f.key);
	if (!failed(e))
		e = key_read(f.key, &key, &kind);
	wipe(key_room, sizeof key_room);
	if (failed(e)) {
		buf_addf(reason, "keys/%s cannot be used: %s", path, err_text(e));
		return e;
	}
	e = choose_chain(name, key, &f.certificates, reason);
	if (failed(e)) {
		EVP_PKEY_free(key);
		return e;
	}
	unlink(path_of(name, ".key.new", waiting));
	return use(ids, &f, key, kind);
}

err identities_load(struct identities *ids, void (*complain)(void *to, str name, str reason), void *to)
{
	DIR *folder = opendir(".");
	if (folder == NULL)
		return FAIL(SYSTEM);
	for (struct dirent *d = readdir(folder); d != NULL; d = readdir(folder)) {
		char room[PATH_ROOM + 200];
		struct buf reason = BUF_ON(room);
		str name = str_of(d->d_name);
		if (!str_ends(name, S(".key")) || name.n - 4 > NAME_MAX_BYTES)
			continue;
		name.n -= 4;
		if (failed(load(ids, name, &reason)))
			complain(to, name, reason.n > 0 ? buf_str(&reason) : S("there are too many keys"));
	}
	closedir(folder);
	return OK;
}

/* ---- later ---- */

static err check(
	const struct identity_files *f, const char *hostname, EVP_PKEY **key, enum tls_key *kind, struct buf *reason)
{
	err e = key_read(f->key, key, kind);
	if (failed(e)) {
		buf_add(reason, e.code == ERR_SYNTAX
					? S("the private key cannot be read: it must be in PEM, without a pass phrase")
					: S("such a private key is not used here: RSA with 2048 bits or more, ECDSA on "
					    "P-256 or P-384, or Ed25519"));
		return e;
	}
	e = chain_check(f->certificates, *key, hostname, reason);
	if (failed(e))
		EVP_PKEY_free(*key);
	return e;
}

err identities_install(
	struct identities *ids, const struct identity_files *files, const char *hostname, struct buf *reason)
{
	EVP_PKEY *key;
	enum tls_key kind;
	TRY(check(files, hostname, &key, &kind, reason));
	if (identities_named(ids, files->name) == NULL && find_place(ids) == NULL) {
		EVP_PKEY_free(key);
		buf_addf(reason, "there are %d certificates already", IDENTITIES_MAX);
		return FAIL(LIMIT);
	}
	err e = write_pair(files);
	if (failed(e)) {
		buf_addf(reason, "the files cannot be written: %s", strerror(errno));
		EVP_PKEY_free(key);
		return e;
	}
	e = use(ids, files, key, kind);
	if (failed(e))
		buf_add(reason, S("there is no place for it until the next start"));
	return e;
}

err identities_remove(struct identities *ids, str name, struct buf *reason)
{
	char path[PATH_ROOM];
	struct identity *id = identities_named(ids, name);
	if (id == NULL) {
		buf_add(reason, S("there is no such certificate"));
		return FAIL(ABSENT);
	}
	/* The key first: a certificate alone is nothing. */
	if (unlink(path_of(name, ".key", path)) != 0 || unlink(path_of(name, ".crt", path)) != 0 ||
		failed(sync_folder())) {
		buf_addf(reason, "keys/%s cannot be removed: %s", path, strerror(errno));
		return FAIL(SYSTEM);
	}
	id->replaced = clock_ms();
	return OK;
}
