/* SPDX-License-Identifier: Apache-2.0 */
#include "os/confine.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os/fd.h"
#include "os/landlock.h"
#include "os/seccomp_programs.h"

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

enum {
	SERVERS_MAX = 8,       /* on one machine, with the same system users */
	FILES_RESERVED = 4096, /* 32 KiB of the kernel's; who has more open has them for long */
};

static const struct confinement roles[] = {
#define ROLE(name, permissions, mebibytes, files, threads, priority) \
	{ #name, (permissions), (size_t)(mebibytes) << 20, files, threads, priority },
#include "os/roles.def"
#undef ROLE
};

const struct confinement *confinement_of(str role)
{
	for (size_t i = 0; i < sizeof roles / sizeof *roles; i++)
		if (str_eq(role, str_of(roles[i].role)))
			return &roles[i];
	return NULL;
}

/* A limit above the one in force cannot be had by an ordinary user; then that one stays. */
static err set_limit(enum __rlimit_resource what, rlim_t value)
{
	struct rlimit now;
	if (getrlimit(what, &now) != 0)
		return FAIL(SYSTEM);
	if (now.rlim_max != RLIM_INFINITY && value > now.rlim_max)
		value = now.rlim_max;
	struct rlimit wanted = { value, value };
	return setrlimit(what, &wanted) == 0 ? OK : FAIL(SYSTEM);
}

static err reserve_files(void)
{
	struct rlimit now;
	if (getrlimit(RLIMIT_NOFILE, &now) != 0)
		return FAIL(SYSTEM);
	return fd_reserve(now.rlim_cur < FILES_RESERVED ? (unsigned)now.rlim_cur : FILES_RESERVED);
}

/* As much below the rest of the server as the row says, down to the lowest that there is. */
static err lower_priority(int by)
{
	errno = 0;
	int now = getpriority(PRIO_PROCESS, 0);
	if (now == -1 && errno != 0)
		return FAIL(SYSTEM);
	return by == 0 || setpriority(PRIO_PROCESS, 0, now + by) == 0 ? OK : FAIL(SYSTEM);
}

static err set_limits(const struct confinement *c, bool own_user)
{
	TRY(set_limit(RLIMIT_CORE, 0));
	TRY(set_limit(RLIMIT_NOFILE, c->files_max));
	TRY(reserve_files());
	if ((c->may & (MAY_FILES | MAY_MEMFD)) == 0)
		TRY(set_limit(RLIMIT_FSIZE, 0));
	/* The kernel counts threads by user: where roles share one, this would count its other processes too, and the servers
	 * that run side by side on one machine share the users of the roles. */
	if (own_user)
		TRY(set_limit(RLIMIT_NPROC, (rlim_t)c->threads_max * SERVERS_MAX));
	if (c->memory_max > 0 && !SANITIZED)
		TRY(set_limit(RLIMIT_DATA, c->memory_max));
	return lower_priority(c->nice);
}

static const struct seccomp_program *program_of(const char *role)
{
	for (const struct seccomp_program *p = seccomp_programs; p->role != NULL; p++)
		if (str_eq(str_of(p->role), str_of(role)))
			return p;
	return NULL;
}

/* ERR_UNSUPPORTED: the kernel has no seccomp filters. */
static err seccomp_confine(const char *role)
{
	static struct sock_filter code[4096];
	const struct seccomp_program *program = program_of(role);
	if (program == NULL || program->length > sizeof code / sizeof *code)
		return FAIL(SYSTEM);
	for (size_t i = 0; i < program->length; i++) {
		code[i] = program->code[i];
		if (code[i].k == SECCOMP_SELF)
			code[i].k = (uint32_t)getpid();
	}
	struct sock_fprog filter = { (unsigned short)program->length, code };
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) == 0)
		return OK;
	return errno == ENOSYS || errno == EINVAL ? FAIL(UNSUPPORTED) : FAIL(SYSTEM);
}

err confine(const struct confinement *c, int home, unsigned landlock_max, bool own_user, struct confined *out)
{
	struct confined done = { 0, false };
	TRY(set_limits(c, own_user));
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
		return FAIL(SYSTEM);
	if (SANITIZED) {
		*out = done;
		return OK;
	}
	unsigned abi = landlock_offered();
	if (abi > landlock_max)
		abi = landlock_max;
	if (abi > 0)
		TRY(landlock_confine(home, abi, (c->may & MAY_CONNECT) != 0));
	done.landlock = abi;
	err e = seccomp_confine(c->role);
	done.seccomp = !failed(e);
	if (failed(e) && e.code != ERR_UNSUPPORTED)
		return e;
	*out = done;
	return abi == 0 || failed(e) ? FAIL(UNSUPPORTED) : OK;
}
