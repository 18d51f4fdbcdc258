/* SPDX-License-Identifier: Apache-2.0 */
/* What a single setting's type and bounds cannot say: grammar of texts, and settings that contradict each other. */
#pragma once
#include "conf/conf.h"

/* Called for each mistake; setting is the one to change. */
typedef void conf_complain(void *to, const struct conf_setting *setting, str text);
/* How many there were. */
size_t conf_check(const struct conf *conf, conf_complain *fn, void *to);

/* "200000-299999". ERR_SYNTAX: not that, empty, or not user numbers. */
err conf_uids(str text, uint32_t *first, uint32_t *last);

/* The services and their standard ports. */
struct conf_service {
	const char *name;
	uint16_t port;
};
enum { CONF_SERVICES = 6 };
extern const struct conf_service conf_services[CONF_SERVICES];
/* NULL: there is no such service. */
const struct conf_service *conf_service_find(str name);

/* "192.0.2.53", "2001:db8::1", "127.0.0.1@5300"; port is meant where none is named. ERR_SYNTAX, ERR_LIMIT. */
err conf_endpoint(str text, uint16_t port, struct address *address, uint16_t *out_port);
