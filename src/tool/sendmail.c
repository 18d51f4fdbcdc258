/* SPDX-License-Identifier: Apache-2.0 */
/* It runs with the rights of whoever called it, and keeps no message: what the server does not take is not sent, and the
 * exit status says so. */
#include "tool/sendmail.h"

#include "tool/client.h"
#include "tool/letter.h"
#include "tool/mailq.h"
#include "tool/relay.h"
#include "tool/run.h"
#include "tool/submit.h"

#include "role/supervisor/ports.h"

#include "base/utf8.h"
#include "os/fd.h"
#include "os/random.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#define USUAL_SOCKET "/run/siegel/submit"

enum { BUDGET = 64 << 20, NAME_ROOM = 256, ENTRY_ROOM = 16384, MESSAGE_MAX = 1 << 30 };

enum mode { SEND, SPEAK_SMTP, LIST_QUEUE, MAKE_ALIASES, RUN_QUEUE };

struct wishes {
	enum mode mode;
	const char *conf, *sender, *full_name, *notify, *returned, *envid;
	bool reads_recipients, ignores_dots;
	char **recipients; /* the operands, ended by NULL */
};

static const char *program = "sendmail";

static int __attribute__((format(printf, 2, 3))) complain(int status, const char *format, ...)
{
	va_list list;
	va_start(list, format);
	fprintf(stderr, "%s: ", program);
	vfprintf(stderr, format, list);
	fputc('\n', stderr);
	va_end(list);
	return status;
}

/* ---- the command line ---- */

static bool choose_mode(struct wishes *w, const char *letters)
{
	switch (letters[0]) {
	case 'm':
		w->mode = SEND;
		return true;
	case 's':
		w->mode = SPEAK_SMTP;
		return true;
	case 'p':
		w->mode = LIST_QUEUE;
		return true;
	case 'i':
		w->mode = MAKE_ALIASES;
		return true;
	default:
		(void)complain(EX_USAGE, "-b%s is not for users: siegel serve runs the server", letters);
		return false;
	}
}

static bool take_option(struct wishes *w, int option, const char *value)
{
	switch (option) {
	case 'b':
		return choose_mode(w, value);
	case 'q':
		w->mode = RUN_QUEUE;
		return true;
	case 'I':
		w->mode = MAKE_ALIASES;
		return true;
	case 'f':
	case 'r':
		w->sender = value;
		return true;
	case 'F':
		w->full_name = value;
		return true;
	case 'C':
		w->conf = value;
		return true;
	case 'N':
		w->notify = value;
		return true;
	case 'R':
		w->returned = value;
		return true;
	case 'V':
		w->envid = value;
		return true;
	case 't':
		w->reads_recipients = true;
		return true;
	case 'i':
		w->ignores_dots = true;
		return true;
	case 'o':
		w->ignores_dots = w->ignores_dots || str_eq(str_of(value), S("i"));
		return true;
	case '?':
		(void)complain(
			EX_USAGE, "there is no option -%c, or its value is missing; see siegel-sendmail(8)", optopt);
		return false;
	default:
		return true; /* what other programs knew, and changes nothing here */
	}
}

static bool take_options(int argc, char **argv, struct wishes *w)
{
	int option;
	opterr = 0;
	optind = 1;
	while ((option = getopt(argc, argv, "A:B:C:F:GIL:N:O:R:UV:X:b:d::e:f:h:imno:p:q::r:tvx")) != -1)
		if (!take_option(w, option, optarg))
			return false;
	w->recipients = argv + optind;
	return true;
}

/* ---- where the server is ---- */

static str socket_of(const struct wishes *w, struct arena *a)
{
	const char *named = getenv("SIEGEL_SUBMIT");
	static struct conf conf;
	struct supervisor_setup setup;
	const struct call call = { .conf_path = w->conf, .arena = a };
	if (named != NULL && *named != '\0')
		return str_of(named);
	if (w->conf == NULL)
		return S(USUAL_SOCKET);
	if (failed(call_open(&call, MISTAKES_TOLD, &conf, &setup)))
		return NO_STR;
	struct buf b = buf_in(a, strlen(setup.folders.run_path) + sizeof "/" PORTS_SUBMIT);
	buf_addf(&b, "%s/%s", setup.folders.run_path, PORTS_SUBMIT);
	buf_byte(&b, '\0');
	return b.lost ? NO_STR : str_of(b.p);
}

/* ---- the message ---- */

/* All of standard input, in memory that may be swapped out. */
static bool read_input(str *out)
{
	static char room[64 << 10];
	size_t size = 0;
	int fd = memfd_create("message", MFD_CLOEXEC);
	ssize_t n = 1;
	while (fd >= 0 && n > 0 && size <= MESSAGE_MAX) {
		n = read(STDIN_FILENO, room, sizeof room);
		if (n < 0 && errno == EINTR) {
			n = 1;
			continue;
		}
		for (ssize_t done = 0, put = 1; done < n && put > 0; done += put)
			n = (put = write(fd, room + done, (size_t)(n - done))) > 0 ? n : -1;
		size += n > 0 ? (size_t)n : 0;
	}
	char *text = size > 0 ? mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0) : NULL;
	fd_close(&fd);
	if (n < 0 || size > MESSAGE_MAX || text == MAP_FAILED)
		return false;
	*out = size > 0 ? str_from(text, size) : S("");
	return true;
}

/* Up to a dot on a line of its own, which ends what somebody types. */
static str before_dot(str input)
{
	str rest = input, line;
	while (str_word(&rest, '\n', &line))
		if (str_eq(line, S(".")) || str_eq(line, S(".\r")))
			return str_from(input.p, (size_t)(line.p - input.p));
	return input;
}

static bool is_eight_bit(str text)
{
	for (size_t i = 0; i < text.n; i++)
		if ((unsigned char)text.p[i] >= 0x80)
			return true;
	return false;
}

/* ---- who sends ---- */

struct person {
	char name[NAME_ROOM], full_name[NAME_ROOM];
};

static void who_calls(struct person *p)
{
	static char room[ENTRY_ROOM];
	struct passwd found, *entry = NULL;
	if (getpwuid_r(getuid(), &found, room, sizeof room, &entry) != 0 || entry == NULL) {
		snprintf(p->name, sizeof p->name, "uid-%u", getuid());
		p->full_name[0] = '\0';
		return;
	}
	str words = str_of(entry->pw_gecos), head;
	if (!str_cut(&words, ',', &head))
		head = words;
	snprintf(p->name, sizeof p->name, "%s", entry->pw_name);
	snprintf(p->full_name, sizeof p->full_name, "%.*s", ARG(head));
}

/* ---- the conversation ---- */

/* RFC 3463: what a refusal is to the program that called us. */
static int status_of(const struct submit *s)
{
	str text = str_of(s->text);
	if (s->code < 500) /* 0: there was no reply */
		return EX_TEMPFAIL;
	return str_starts(text, S("5.7.")) ? EX_NOPERM : str_starts(text, S("5.1.1")) ? EX_NOUSER : EX_UNAVAILABLE;
}

static int refused(const struct submit *s, str about)
{
	int status = status_of(s);
	return complain(status, "%.*s%s%s; the message was not sent%s", ARG(about), about.n > 0 ? ": " : "", s->text,
		status == EX_TEMPFAIL ? ", and is kept nowhere: try again later" : "");
}

struct sending {
	const struct wishes *wishes;
	struct arena *arena;
	struct submit submit;
	struct letter letter;
	str sender;
	str *recipients;
	size_t count;
};

static bool say_mail(struct sending *x, bool eight_bit, bool utf8)
{
	const struct wishes *w = x->wishes;
	return submit_say(&x->submit, "MAIL FROM:<%.*s> SIZE=%zu%s%s%s%s%s%s", ARG(x->sender),
		       x->letter.header.n + x->letter.body.n, eight_bit ? " BODY=8BITMIME" : "",
		       utf8 ? " SMTPUTF8" : "", w->returned != NULL ? " RET=" : "",
		       w->returned != NULL ? w->returned : "", w->envid != NULL ? " ENVID=" : "",
		       w->envid != NULL ? w->envid : "") == 250;
}

static bool say_rcpt(struct sending *x, str recipient)
{
	const char *notify = x->wishes->notify;
	return submit_say(&x->submit, "RCPT TO:<%.*s>%s%s", ARG(recipient), notify != NULL ? " NOTIFY=" : "",
		       notify != NULL ? notify : "") == 250;
}

/* All recipients or none: who is told that something failed will send the message again. */
static int talk(struct sending *x)
{
	const str parts[] = { x->letter.header, x->letter.body };
	bool utf8 = is_eight_bit(x->letter.header) && str_is_utf8(x->letter.header);
	if (!say_mail(x, is_eight_bit(parts[0]) || is_eight_bit(parts[1]), utf8 || is_eight_bit(x->sender)))
		return refused(&x->submit, x->sender);
	for (size_t i = 0; i < x->count; i++)
		if (!say_rcpt(x, x->recipients[i]))
			return refused(&x->submit, x->recipients[i]);
	if (submit_message(&x->submit, parts, 2) != 250)
		return refused(&x->submit, NO_STR);
	return EX_OK;
}

static bool gather_recipients(struct sending *x)
{
	char **operand = x->wishes->recipients;
	x->recipients = NEW(x->arena, str, 2 * LETTER_RECIPIENTS_MAX);
	for (; *operand != NULL && x->count < LETTER_RECIPIENTS_MAX; operand++) {
		str rest = str_of(*operand), word;
		while (str_word(&rest, ',', &word) && x->count < LETTER_RECIPIENTS_MAX)
			if (str_trim(word).n > 0)
				x->recipients[x->count++] =
					letter_complete(str_trim(word), str_of(x->submit.domain), x->arena);
	}
	for (size_t i = 0; i < x->letter.count; i++)
		x->recipients[x->count++] = x->letter.recipients[i];
	return *operand == NULL && !arena_spent(x->arena);
}

/* -f without brackets or with; "<>" and "" are the null path. */
static str sender_of(const struct wishes *w, str own, str domain, struct arena *a)
{
	str given = str_of(w->sender);
	if (w->sender == NULL)
		return own;
	if (str_starts(given, S("<")) && str_ends(given, S(">")))
		given = str_slice(given, 1, given.n - 1);
	return letter_complete(given, domain, a);
}

static err write_letter(struct sending *x, const struct person *who, str own, str input)
{
	char unique[40];
	struct buf b = BUF_ON(unique);
	struct tm here;
	time_t now = time(NULL);
	uint64_t number = random_number();
	localtime_r(&now, &here);
	buf_addf(&b, "%lld.", (long long)now);
	buf_hex(&b, &number, sizeof number);
	const struct letter_wish wish = { .sender = x->sender.n > 0 ? x->sender : own,
		.full_name = str_of(x->wishes->full_name != NULL ? x->wishes->full_name : who->full_name),
		.domain = str_of(x->submit.domain),
		.unique = buf_str(&b),
		.now = now,
		.minutes_east = (int)(here.tm_gmtoff / 60),
		.reads_recipients = x->wishes->reads_recipients };
	return letter_make(input, &wish, x->arena, &x->letter);
}

static int deliver(struct sending *x, str input)
{
	struct person who;
	str domain = str_of(x->submit.domain);
	who_calls(&who);
	str own = letter_complete(str_of(who.name), domain, x->arena);
	x->sender = sender_of(x->wishes, own, domain, x->arena);
	if (failed(write_letter(x, &who, own, input)))
		return complain(EX_DATAERR, "%s; the message was not sent", x->letter.wrong);
	if (!gather_recipients(x))
		return complain(EX_DATAERR, "there are too many recipients; the message was not sent");
	if (x->count == 0)
		return complain(EX_USAGE, "nobody is named to send to; the message was not sent");
	return talk(x);
}

static int send_message(const struct wishes *w, const char *path, struct arena *a)
{
	struct sending x = { .wishes = w, .arena = a };
	str input;
	int status;
	if (*w->recipients == NULL && !w->reads_recipients)
		return complain(EX_USAGE, "nobody is named to send to: give addresses, or -t");
	if (!read_input(&input))
		return complain(EX_IOERR, "the message cannot be read, or is too large");
	if (!w->ignores_dots)
		input = before_dot(input);
	if (submit_begin(&x.submit, path))
		status = deliver(&x, input);
	else
		status = refused(&x.submit, NO_STR);
	submit_end(&x.submit);
	return status;
}

static int speak_smtp(const char *path)
{
	struct submit s = { .io = NULL };
	int fd = submit_connect(&s, path);
	if (fd < 0)
		return complain(EX_TEMPFAIL, "%s", s.text);
	return relay_bytes(fd) ? EX_OK : EX_IOERR;
}

static int say_aliases(void)
{
	puts("Aliases are kept in the directory of Siegel and hold at once; siegel alias list shows them.\n"
	     "To take over those of a file: siegel alias import /etc/aliases");
	return EX_OK;
}

bool sendmail_is_meant(const char *name)
{
	str path = str_of(name);
	size_t slash = str_find_last(path, '/');
	str base = slash == STR_NONE ? path : str_after(path, slash + 1);
	return str_eq(base, S("sendmail")) || str_eq(base, S("mailq")) || str_eq(base, S("newaliases"));
}

static enum mode mode_of_name(str name)
{
	return str_ends(name, S("mailq")) ? LIST_QUEUE : str_ends(name, S("newaliases")) ? MAKE_ALIASES : SEND;
}

int sendmail_run(int argc, char **argv, const char *conf)
{
	struct wishes w = { .mode = mode_of_name(str_of(argv[0])), .conf = conf };
	struct arena *a = arena_new("sendmail", BUDGET);
	if (w.conf == NULL && getenv("SIEGEL_CONF") != NULL)
		w.conf = getenv("SIEGEL_CONF");
	if (!take_options(argc, argv, &w))
		return EX_USAGE;
	if (w.mode == MAKE_ALIASES)
		return say_aliases();
	if (w.mode == RUN_QUEUE)
		return EX_OK; /* the server does, by itself */
	str path = socket_of(&w, a);
	if (path.p == NULL)
		return EX_CONFIG;
	if (w.mode == LIST_QUEUE)
		return mailq_run(path.p, a);
	return w.mode == SPEAK_SMTP ? speak_smtp(path.p) : send_message(&w, path.p, a);
}

int run_sendmail(const struct call *call)
{
	int argc = 0;
	while (call->raw[argc] != NULL)
		argc++;
	return sendmail_run(argc, call->raw, call->conf_is_given ? call->conf_path : NULL);
}
