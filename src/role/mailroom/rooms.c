/* SPDX-License-Identifier: Apache-2.0 */
#include "role/mailroom/rooms.h"

enum { ROOMS_BUDGET = 64 << 20, WAITING_BUDGET = 16 << 10 };

void rooms_init(struct rooms *r) { *r = (struct rooms){ .arena = arena_new("rooms", ROOMS_BUDGET) }; }

static struct room **bucket_of(struct rooms *r, uint64_t account) { return &r->bucket[account % ROOM_BUCKETS]; }

struct room *room_find(struct rooms *r, uint64_t account)
{
	for (struct room *room = *bucket_of(r, account); room != NULL; room = room->next)
		if (room->account == account)
			return room;
	return NULL;
}

struct room *room_get(struct rooms *r, uint64_t account)
{
	struct room *room = room_find(r, account);
	if (room != NULL)
		return room;
	if (r->count == ROOMS_MAX)
		return NULL;
	room = r->free;
	if (room != NULL)
		r->free = room->next;
	else if ((room = NEW(r->arena, struct room, 1)) == NULL)
		return NULL;
	*room = (struct room){ .account = account, .next = *bucket_of(r, account) };
	room->last = &room->first;
	*bucket_of(r, account) = room;
	r->count++;
	return room;
}

void room_drop(struct rooms *r, struct room *room)
{
	struct room **at = bucket_of(r, room->account);
	while (*at != room)
		at = &(*at)->next;
	*at = room->next;
	room->next = r->free;
	r->free = room;
	r->count--;
}

err room_wait(struct room *room, struct peer *greeter, const struct msg_admit *admit)
{
	if (room->waiting_count == WAITING_MAX)
		return FAIL(LIMIT);
	struct arena *a = arena_new("waiting session", WAITING_BUDGET);
	struct waiting *w = NEW(a, struct waiting, 1);
	*w = (struct waiting){ .arena = a, .greeter = greeter, .admit = *admit };
	w->admit.protocol = arena_copy(a, admit->protocol);
	w->admit.login = arena_copy(a, admit->login);
	w->admit.session = arena_copy(a, admit->session);
	w->admit.client = arena_copy(a, admit->client);
	w->admit.tag = arena_copy(a, admit->tag);
	w->admit.unread = arena_copy(a, admit->unread);
	if (arena_spent(a)) {
		arena_free(&a);
		return FAIL(LIMIT);
	}
	*room->last = w;
	room->last = &w->next;
	room->waiting_count++;
	return OK;
}

struct waiting *room_next_waiting(struct room *room)
{
	struct waiting *w = room->first;
	if (w == NULL)
		return NULL;
	room->first = w->next;
	if (room->first == NULL)
		room->last = &room->first;
	room->waiting_count--;
	return w;
}

void waiting_free(struct waiting *w)
{
	struct arena *a = w->arena; /* it holds w itself */
	arena_free(&a);
}
