/* SPDX-License-Identifier: Apache-2.0 */
/* siegel tls install|remove|list|rotate. Certificate and key come as open files, which nobody on the way reads. */
#include <sys/stat.h>
#include <unistd.h>

#include "base/chars.h"
#include "role/keyring/keyring.h"

enum { LINE_ROOM = 2048, REASON_ROOM = 600, OTHERS_ANY = 077 };

static char key_room[KEY_FILE_MAX], chain_room[CHAIN_MAX];

/* ---- which one ---- */

/* A host name in lower case behind "tls-"; without one the server's own. */
static bool name_of(struct admin *a, str host, struct buf *out)
{
	buf_add(out, S("tls"));
	if (host.p == NULL)
		return true;
	buf_byte(out, '-');
	bool good = host.n > 0 && host.n <= NAME_MAX_BYTES - 4 && host.p[0] != '.' && host.p[0] != '-';
	for (size_t i = 0; good && i < host.n; i++) {
		char c = ascii_lower(host.p[i]);
		good = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
		       (c == '.' && host.p[i - 1] != '.');
		buf_byte(out, c);
	}
	if (!good || out->lost)
		admin_refuse(a, "\"%.*s\" is no host name", ARG(host));
	return good && !out->lost;
}

/* ---- install ---- */

static err read_whole(int fd, char *room, size_t size, str *out)
{
	size_t n = 0;
	ssize_t got = 1;
	while (got > 0 && n < size) {
		got = pread(fd, room + n, size - n, (off_t)n);
		n += got > 0 ? (size_t)got : 0;
	}
	if (got < 0)
		return FAIL(SYSTEM);
	*out = str_from(room, n);
	return n < size ? OK : FAIL(LIMIT);
}

/* A file that is secret may be open to its owner only. */
static bool take_file(struct admin *a, int fd, bool secret, char *room, size_t size, str *out)
{
	const char *what = secret ? "private key" : "certificate";
	struct stat st;
	if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		admin_refuse(a, "the %s is not a file", what);
		return false;
	}
	if (secret && (st.st_mode & OTHERS_ANY) != 0) {
		admin_refuse(a, "the file of the private key can be read by others; \"chmod 600\" repairs that");
		return false;
	}
	if (!failed(read_whole(fd, room, size, out)))
		return true;
	admin_refuse(a, "the %s cannot be read, or is too large", what);
	return false;
}

static err install(struct keyring *k, struct identity_files *files, str host, struct buf *reason)
{
	char room[256];
	struct buf hostname = BUF_ON(room);
	buf_add(&hostname, host.p != NULL ? host : k->service->conf->server.hostname);
	buf_byte(&hostname, '\0');
	if (hostname.lost)
		return FAIL(LIMIT);
	TRY(identities_install(&k->identities, files, room, reason));
	keyring_changed(k);
	return OK;
}

static void verb_install(struct admin *a)
{
	static const char *const known[] = { "host", NULL };
	struct keyring *k = a->role;
	char name[NAME_MAX_BYTES + 1], room[REASON_ROOM];
	struct buf written = BUF_ON(name), reason = BUF_ON(room);
	struct identity_files files = { .name = NO_STR };
	str host = admin_word(a, S("host"));
	if (admin_refused_words(a, known) || !name_of(a, host, &written) ||
		!take_file(a, a->files[0], false, chain_room, sizeof chain_room, &files.certificates) ||
		!take_file(a, a->files[1], true, key_room, sizeof key_room, &files.key))
		return;
	files.name = buf_str(&written);
	err e = install(k, &files, host, &reason);
	wipe(key_room, sizeof key_room);
	if (failed(e))
		admin_refuse(a, "%.*s", ARG(reason.n > 0 ? buf_str(&reason) : str_of(err_text(e))));
	else
		admin_done(a);
}

static void verb_remove(struct admin *a)
{
	static const char *const known[] = { "host", NULL };
	struct keyring *k = a->role;
	char name[NAME_MAX_BYTES + 1], room[REASON_ROOM];
	struct buf written = BUF_ON(name), reason = BUF_ON(room);
	str host = admin_word(a, S("host"));
	if (admin_refused_words(a, known) || !name_of(a, host.p != NULL ? host : S(""), &written))
		return;
	if (failed(identities_remove(&k->identities, buf_str(&written), &reason))) {
		admin_refuse(a, "%.*s", ARG(buf_str(&reason)));
		return;
	}
	keyring_changed(k);
	admin_done(a);
}

/* ---- list, rotate ---- */

static void write_identity(struct admin *a, const struct identity *id)
{
	struct chain_facts facts;
	char room[LINE_ROOM], kind[40];
	struct buf line = BUF_ON(room), described = BUF_ON(kind);
	if (failed(chain_look(identity_certificates(id), &facts)))
		return;
	key_describe(id->key, id->kind, &described);
	struct json j = json_begin(&line);
	json_text(&j, "name", str_of(id->name));
	json_text(&j, "hosts", str_of(facts.hosts));
	json_text(&j, "key", buf_str(&described));
	json_text(&j, "expires", str_of(facts.expires));
	json_text(&j, "issuer", facts.signed_by_itself ? S("itself") : str_of(facts.issuer));
	json_text(&j, "fingerprint", str_of(facts.fingerprint));
	json_end(&j);
	IGNORE(admin_line(a, buf_str(&line))); /* a caller who has gone needs no list */
}

static const char *const no_words[] = { NULL };

static void verb_list(struct admin *a)
{
	const struct keyring *k = a->role;
	if (admin_refused_words(a, no_words))
		return;
	const struct identity *own = identities_named(&k->identities, S("tls"));
	if (own != NULL)
		write_identity(a, own);
	for (size_t i = 0; i < IDENTITIES_MAX; i++) {
		const struct identity *id = &k->identities.all[i];
		if (id != own && id->number != 0 && id->replaced == 0)
			write_identity(a, id);
	}
	admin_done(a);
}

static void verb_rotate(struct admin *a)
{
	if (admin_refused_words(a, no_words))
		return;
	keyring_rotate(a->role);
	admin_done(a);
}

const struct admin_verb keyring_verbs[] = {
	{ "tls install", verb_install },
	{ "tls remove", verb_remove },
	{ "tls list", verb_list },
	{ "tls rotate", verb_rotate },
	{ NULL, NULL },
};
