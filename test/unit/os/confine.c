/* SPDX-License-Identifier: Apache-2.0 */
/* Every deed of deeds.def by every role of os/roles.def, in processes that confine themselves as the roles do: with the
 * newest Landlock and with ABI 2, which guards neither truncate() nor signals nor sockets. */
#include "os/confine.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <pthread.h>
#include <unistd.h>

#include <sqlite3.h>

#include "check.h"
#include "os/landlock.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

enum { NOBODY = 65534, OWN_NAME_MAX = 64 };

/* How the process ended that tried. */
enum outcome { DONE, REFUSED, KILLED, BROKEN };
static const char *const outcome_texts[] = { "it was done", "it was refused", "it ended the process",
	"the test broke" };

/* ---- the place of the deeds; set up anew for each, since some destroy it ---- */

static char top[] = "/tmp/siegel-confine-XXXXXX";
static int listener, tcp, own, pair[2];
static pid_t victim;
static struct sockaddr_in listening;

static struct sockaddr_in anywhere = { .sin_family = AF_INET };
static char room[4096], letter[] = "x";
static socklen_t room_size = sizeof room;
static struct iovec span = { room, 16 }, one_letter = { letter, 1 };
static struct msghdr opening = {
	.msg_name = &listening, .msg_namelen = sizeof listening, .msg_iov = &one_letter, .msg_iovlen = 1
};
static struct linger lingering = { 1, 3600 };
static struct sock_filter pass_all = { BPF_RET | BPF_K, 0, 0, 0x7fff0000 };
static struct sock_fprog filter = { 1, &pass_all };
static const char *const no_words[] = { NULL };
static struct rlimit limit = { 64, 64 };
static cpu_set_t every_processor;
static struct sched_param no_priority;
static _Alignas(4096) char page[4096];

static void need(bool good, const char *what)
{
	if (good)
		return;
	perror(what);
	exit(1);
}

static void make_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT, 0600);
	need(fd >= 0 && write(fd, "data", 4) == 4 && fchown(fd, geteuid() == 0 ? NOBODY : geteuid(), (gid_t)-1) == 0,
		path);
	close(fd);
}

static void make_folder(const char *name)
{
	need(mkdir(name, 0700) == 0 || errno == EEXIST, name);
	need(geteuid() != 0 || chown(name, NOBODY, NOBODY) == 0, name);
}

static void make_files(void)
{
	static const char *const files[] = { "home/own", "other/theirs", "other/second", "other/third",
		"other/fourth" };
	static const char *const traces[] = { "home/mine", "home/linked", "home/pointing", "home/pipe", "other/renamed",
		"other/own", "other/new", "home/store", "home/store-wal", "home/store-shm" };
	need(chdir(top) == 0, top);
	make_folder("home");
	make_folder("other");
	for (size_t i = 0; i < COUNT(traces); i++)
		unlink(traces[i]);
	rmdir("home/folder");
	for (size_t i = 0; i < COUNT(files); i++)
		make_file(files[i]);
	need(chdir("home") == 0, "home");
}

static void make_sockets(void)
{
	socklen_t length = sizeof listening;
	listening = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	need(listener >= 0 && tcp >= 0 && bind(listener, (struct sockaddr *)&listening, sizeof listening) == 0, "bind");
	need(listen(listener, 16) == 0 && getsockname(listener, (struct sockaddr *)&listening, &length) == 0, "listen");
	need(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0, "socketpair");
}

static void become_ordinary(void)
{
	if (geteuid() == 0)
		need(setresgid(NOBODY, NOBODY, NOBODY) == 0 && setresuid(NOBODY, NOBODY, NOBODY) == 0, "setresuid");
}

static void start_victim(void)
{
	victim = fork();
	need(victim >= 0, "fork");
	if (victim > 0)
		return;
	become_ordinary();
	prctl(PR_SET_DUMPABLE, 1);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;)
		pause();
}

static void end_victim(void)
{
	kill(victim, SIGKILL);
	waitpid(victim, NULL, 0);
}

static void prepare(void)
{
	make_files();
	make_sockets();
	setpgid(0, 0); /* "signal all" means this group */
	own = open("own", O_RDONLY | O_CLOEXEC);
	need(own >= 0, "own");
	become_ordinary();
	CPU_ZERO(&every_processor);
	CPU_SET(0, &every_processor);
}

/* ---- deeds ---- */

enum { MARKS = -100000, VICTIM, TCP, LISTENER, OWN, PAIR };

#define P(pointer) (long)(pointer)

struct deed {
	const char *name;
	unsigned needs;
	bool free;
	long call[7];
};

static const struct deed deeds[] = {
#define DEED(name, needs, free, ...) { name, (needs), free, { __VA_ARGS__ } },
#include "os/deeds.def"
#undef DEED
};

static long meaning(long argument)
{
	return argument == VICTIM     ? victim
	       : argument == TCP      ? tcp
	       : argument == LISTENER ? listener
	       : argument == OWN      ? own
	       : argument == PAIR     ? pair[0]
				      : argument;
}

static bool do_deed(const void *what)
{
	const long *c = ((const struct deed *)what)->call;
	return syscall(c[0], meaning(c[1]), meaning(c[2]), meaning(c[3]), meaning(c[4]), meaning(c[5]),
		       meaning(c[6])) >= 0;
}

/* ---- what must work ---- */

static void *thread(void *to)
{
	char stack[1000];
	return getrandom(stack, sizeof stack, 0) == sizeof stack ? to : NULL;
}

static bool threads(const void *unused)
{
	pthread_t all[8];
	pthread_attr_t small;
	void *ended;
	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 256 << 10);
	for (size_t i = 0; i < COUNT(all); i++)
		if (pthread_create(&all[i], &small, thread, all) != 0)
			return false;
	for (size_t i = 0; i < COUNT(all); i++)
		if (pthread_join(all[i], &ended) != 0 || ended != all)
			return false;
	return unused == NULL;
}

static bool memory(const void *unused)
{
	enum { LARGE = 8 << 20 };
	char *p = malloc(LARGE);
	if (p == NULL)
		return false;
	p[LARGE - 1] = 1;
	p = realloc(p, 2 * LARGE);
	free(p);
	return p != NULL && unused == NULL;
}

/* A descriptor over a pair, as all channels do it. */
static bool descriptors(const void *unused)
{
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { .head = { CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS } };
	struct msghdr m = {
		.msg_iov = &one_letter, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control
	};
	struct timeval patience = { 1, 0 };
	int ends[2], fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	memcpy(CMSG_DATA(&control.head), &fd, sizeof fd);
	return unused == NULL && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0 &&
	       setsockopt(ends[1], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0 &&
	       sendmsg(ends[0], &m, MSG_NOSIGNAL) == 1 && recvmsg(ends[1], &m, MSG_CMSG_CLOEXEC) == 1 &&
	       send(ends[0], "y", 1, MSG_NOSIGNAL) == 1 && recv(ends[1], room, 1, MSG_DONTWAIT) == 1 &&
	       shutdown(ends[0], SHUT_WR) == 0;
}

static bool waiting(const void *unused)
{
	struct epoll_event e = { .events = EPOLLIN };
	int set = epoll_create1(EPOLL_CLOEXEC);
	struct timespec soon = { 0, 1000 };
	return unused == NULL && set >= 0 && fcntl(pair[0], F_SETFL, O_RDWR | O_NONBLOCK) == 0 &&
	       epoll_ctl(set, EPOLL_CTL_ADD, pair[0], &e) == 0 && write(pair[1], "z", 1) == 1 &&
	       epoll_wait(set, &e, 1, 1000) == 1 && nanosleep(&soon, NULL) == 0;
}

static bool accepting(const void *unused)
{
	return unused == NULL && accept4(listener, NULL, NULL, SOCK_CLOEXEC) < 0 && errno == EAGAIN;
}

static bool sealed(const void *unused)
{
	int fd = memfd_create("body", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	return unused == NULL && fd >= 0 && pwrite(fd, "body", 4, 0) == 4 &&
	       fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE) == 0 && write(fd, "x", 1) < 0;
}

static bool store(const void *unused)
{
	sqlite3 *db = NULL;
	bool good = sqlite3_open("store", &db) == SQLITE_OK &&
		    sqlite3_exec(db,
			    "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE t(x); BEGIN;"
			    "INSERT INTO t VALUES(zeroblob(300000)); COMMIT; DELETE FROM t; PRAGMA "
			    "wal_checkpoint(TRUNCATE);"
			    "VACUUM",
			    NULL, NULL, NULL) == SQLITE_OK;
	return unused == NULL && sqlite3_close(db) == SQLITE_OK && good;
}

static bool home_files(const void *unused)
{
	struct stat s;
	int fd = open("fresh", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	return unused == NULL && fd >= 0 && write(fd, "x", 1) == 1 && fsync(fd) == 0 && ftruncate(fd, 0) == 0 &&
	       stat("fresh", &s) == 0 && rename("fresh", "older") == 0 && unlink("older") == 0;
}

static const struct {
	const char *name;
	unsigned needs;
	bool (*run)(const void *unused);
} works[] = {
	{ "threads", MAY_WORK, threads },
	{ "memory", MAY_WORK, memory },
	{ "waiting", MAY_WORK, waiting },
	{ "descriptors over channels", MAY_TALK, descriptors },
	{ "accepting", MAY_ACCEPT, accepting },
	{ "sealed memory", MAY_MEMFD, sealed },
	{ "files at home", MAY_FILES, home_files },
	{ "SQLite at home", MAY_FILES, store },
};

/* ---- trying ---- */

static const struct confinement *role; /* NULL: without confinement */
static unsigned landlock_abi;

/* The kernel's table of descriptors has room already, so that no thread waits for it (fd_reserve). */
static bool has_room(int status)
{
	char text[4096] = "";
	struct rlimit files;
	if (getrlimit(RLIMIT_NOFILE, &files) != 0)
		return false;
	rlim_t n = files.rlim_cur < 4096 ? files.rlim_cur : 4096;
	const char *line = read(status, text, sizeof text - 1) > 0 ? strstr(text, "FDSize:") : NULL;
	return line != NULL && strtoul(line + strlen("FDSize:"), NULL, 10) >= n;
}

static void try_and_exit(bool (*run)(const void *), const void *what)
{
	struct confined in_force;
	prepare();
	int home = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int status = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	if (role != NULL &&
		failed(confine(role, (role->may & MAY_FILES) != 0 ? home : -1, landlock_abi, false, &in_force)))
		_exit(BROKEN);
	if (role != NULL && !has_room(status))
		_exit(BROKEN);
	_exit(run(what) ? DONE : REFUSED);
}

static enum outcome try(bool (*run)(const void *), const void *what)
{
	int status;
	pid_t child = fork();
	if (child == 0)
		try_and_exit(run, what);
	if (child < 0 || waitpid(child, &status, 0) != child)
		return BROKEN;
	if (WIFSIGNALED(status))
		return WTERMSIG(status) == SIGSYS ? KILLED : BROKEN;
	return WEXITSTATUS(status) <= REFUSED ? (enum outcome)WEXITSTATUS(status) : BROKEN;
}

static void deed_fails(const struct deed *d, enum outcome got)
{
	bool allowed = d->needs != 0 && (role->may & d->needs) != 0;
	if (allowed ? got == DONE : got == KILLED || (got == REFUSED && d->free))
		return;
	fail_msg("%s, Landlock %u: %s: %s", role->role, landlock_abi, d->name, outcome_texts[got]);
}

static void try_role(const char *name)
{
	role = confinement_of(str_of(name));
	assert_non_null(role);
	for (size_t i = 0; i < COUNT(deeds); i++)
		deed_fails(&deeds[i], try(do_deed, &deeds[i]));
	for (size_t i = 0; i < COUNT(works); i++)
		if ((role->may & works[i].needs) != 0) {
			enum outcome got = try(works[i].run, NULL);
			if (got != DONE)
				fail_msg("%s, Landlock %u: %s: %s", name, landlock_abi, works[i].name,
					outcome_texts[got]);
		}
}

static void try_roles(void)
{
#define ROLE(name, permissions, mebibytes, files, threads, priority) try_role(#name);
#include "os/roles.def"
#undef ROLE
}

static void newest_landlock_test(void **state)
{
	(void)state;
	landlock_abi = 99;
	try_roles();
}

static void landlock_2_test(void **state)
{
	(void)state;
	landlock_abi = 2;
	try_roles();
}

/* The deeds are real ones: without confinement they are done. */
static void unconfined_test(void **state)
{
	(void)state;
	role = NULL;
	for (size_t i = 0; i < COUNT(deeds); i++) {
		enum outcome got = try(do_deed, &deeds[i]);
		if (deeds[i].free && got != DONE)
			fail_msg("unconfined: %s: %s", deeds[i].name, outcome_texts[got]);
	}
	for (size_t i = 0; i < COUNT(works); i++)
		if (try(works[i].run, NULL) != DONE)
			fail_msg("unconfined: %s failed", works[i].name);
}

static void never_together_test(void **state)
{
	(void)state;
#define ROLE(name, permissions, mebibytes, files, threads, priority)                          \
	if (((permissions)&MAY_ACCEPT) != 0 && ((permissions) & (MAY_HALT | MAY_FILES)) != 0) \
		fail_msg("%s takes connections and may do what such a role may not", #name);
#include "os/roles.def"
#undef ROLE
}

static void limits_of(const struct confinement *c, bool *good)
{
	struct rlimit files, core, size, data;
	*good = getrlimit(RLIMIT_NOFILE, &files) == 0 && getrlimit(RLIMIT_CORE, &core) == 0 &&
		getrlimit(RLIMIT_FSIZE, &size) == 0 && getrlimit(RLIMIT_DATA, &data) == 0 &&
		files.rlim_max <= c->files_max && core.rlim_max == 0 && data.rlim_max <= c->memory_max &&
		(size.rlim_max == 0) == ((c->may & (MAY_FILES | MAY_MEMFD)) == 0);
}

static bool has_limits(const void *unused)
{
	bool good;
	(void)unused;
	limits_of(role, &good);
	return good;
}

static void limits_test(void **state)
{
	(void)state;
	landlock_abi = 99;
#define ROLE(name, permissions, mebibytes, files, threads, priority) \
	role = confinement_of(S(#name));                             \
	assert_int_equal(try(has_limits, NULL), DONE);
#include "os/roles.def"
#undef ROLE
}

static void remove_place(void)
{
	char command[OWN_NAME_MAX];
	make_files();
	unlink("own");
	need(chdir("../other") == 0, "other");
	unlink("theirs");
	unlink("second");
	unlink("third");
	unlink("fourth");
	need(chdir("/") == 0, "/");
	snprintf(command, sizeof command, "%s/home", top);
	rmdir(command);
	snprintf(command, sizeof command, "%s/other", top);
	rmdir(command);
	rmdir(top);
}

int main(void)
{
	if (SANITIZED) {
		printf("skipped: sanitizers need what is forbidden here\n");
		return 77;
	}
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(never_together_test),
		cmocka_unit_test(unconfined_test),
		cmocka_unit_test(limits_test),
		cmocka_unit_test(newest_landlock_test),
		cmocka_unit_test(landlock_2_test),
	};
	if (landlock_offered() == 0) {
		printf("skipped: this kernel has no Landlock\n");
		return 77;
	}
	need(mkdtemp(top) != NULL && chmod(top, 0755) == 0 &&
			chown(top, geteuid() == 0 ? NOBODY : geteuid(), (gid_t)-1) == 0,
		top);
	start_victim();
	int failures = cmocka_run_group_tests(tests, NULL, NULL);
	end_victim();
	remove_place();
	return failures;
}
