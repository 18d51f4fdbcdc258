/* SPDX-License-Identifier: Apache-2.0 */
/* Runs at build time: turns roles.def and calls.def into one seccomp program per role, as C. libseccomp sorts the calls
 * into a tree; the running processes need neither the library nor the time. SELF becomes a mark that confine() replaces
 * with the process' number. */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "os/confine.h"
#include "os/seccomp_programs.h"

#define SELF SECCOMP_SELF
#define TYPE_BITS 0xf /* of a socket's type; the rest are flags */
#define THREAD_FLAGS                                                                                       \
	(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SYSVSEM | CLONE_SIGHAND | CLONE_THREAD | CLONE_SETTLS | \
		CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID)

static const struct call {
	unsigned permission;
	const char *name;
	int number;
	uint32_t action;
	unsigned conditions; /* how many of them all hold */
	struct scmp_arg_cmp condition[2];
} calls[] = {
#define CALL(permission, label, call, argument, compare, a, b) \
	{ MAY_##permission, #label, SCMP_SYS(call), SCMP_ACT_ALLOW, 1, { { argument, compare, a, b } } },
#define CALL_BOTH(permission, label, call, one, another) \
	{ MAY_##permission, #label, SCMP_SYS(call), SCMP_ACT_ALLOW, 2, { one, another } },
#define IF(argument, compare, a, b)     \
	{                               \
		argument, compare, a, b \
	}
#define CALL_ANY(permission, call) { MAY_##permission, #call, SCMP_SYS(call), SCMP_ACT_ALLOW, 0, { { 0 } } },
#define CALL_ERRNO(permission, call, error) \
	{ MAY_##permission, #call, SCMP_SYS(call), SCMP_ACT_ERRNO(error), 0, { { 0 } } },
#include "os/calls.def"
};

static void must(int result, const char *role, const char *what)
{
	if (result == 0)
		return;
	fprintf(stderr, "gen_seccomp: %s: %s: %s\n", role, what, strerror(-result));
	exit(1);
}

/* A call allowed outright needs no rows with conditions, and libseccomp refuses both. */
static int allowed_outright(unsigned may, int number)
{
	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
		if ((calls[i].permission & may) != 0 && calls[i].number == number && calls[i].conditions == 0)
			return 1;
	return 0;
}

static int added_before(unsigned may, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if ((calls[i].permission & may) != 0 && calls[i].number == calls[at].number && calls[i].conditions == 0)
			return 1;
	return 0;
}

static void add_calls(scmp_filter_ctx filter, const char *role, unsigned may)
{
	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
		const struct call *c = &calls[i];
		if ((c->permission & may) == 0)
			continue;
		if (c->conditions == 0 ? !added_before(may, i) : !allowed_outright(may, c->number))
			must(seccomp_rule_add_array(filter, c->action, c->number, c->conditions, c->condition), role,
				c->name);
	}
}

static void write_program(const char *role, unsigned may)
{
	static struct sock_filter code[4096];
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	if (filter == NULL)
		exit(1);
	must(seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2), role, "optimize");
	add_calls(filter, role, may);
	FILE *f = tmpfile();
	if (f == NULL)
		exit(1);
	must(seccomp_export_bpf(filter, fileno(f)), role, "export");
	rewind(f);
	size_t length = fread(code, sizeof *code, sizeof code / sizeof *code, f);
	fclose(f);
	seccomp_release(filter);
	printf("static const struct sock_filter %s_code[] = {\n", role);
	for (size_t i = 0; i < length; i++)
		printf("\t{ 0x%x, %u, %u, 0x%xu },\n", code[i].code, code[i].jt, code[i].jf, code[i].k);
	printf("};\n\n");
}

int main(void)
{
	printf("/* Made by os/gen_seccomp.c from roles.def and calls.def. */\n#include \"os/seccomp_programs.h\"\n\n");
#define ROLE(role, permissions, memory, files, threads, priority) write_program(#role, permissions);
#include "os/roles.def"
#undef ROLE
	printf("const struct seccomp_program seccomp_programs[] = {\n");
#define ROLE(role, permissions, memory, files, threads, priority) \
	printf("\t{ \"%s\", %s_code, sizeof %s_code / sizeof *%s_code },\n", #role, #role, #role, #role);
#include "os/roles.def"
#undef ROLE
	printf("\t{ NULL, NULL, 0 },\n};\n");
	return 0;
}
