/* SPDX-License-Identifier: Apache-2.0 */
/* Makes the function that takes a received frame apart and calls on_<message>(). Include it after
 *
 *     #define CONVERSATION "ipc/receiver_directory.def"      (again; conversation.h comes first)
 *     #define HEAR         session_hear                      the name of the function
 *     #define HEAR_PEER    struct session                    what on_<message> gets as its first argument; void makes
 *                                                            the function fit into a peer_kind (peer.h)
 *     #define HEARD_forth  HEAR_CASE                         we listen to what A says ...
 *     #define HEARD_back   HEAR_NOT                          ... and would be surprised by what only we say
 *
 *     static err on_auth_start(struct session *s, const struct msg_auth_start *m, uint32_t tag);
 *
 * A missing on_<message> does not compile. The function returns ERR_SYNTAX for a message that is not declared for this
 * direction or not as declared, ERR_LIMIT for one that comes too often, and otherwise what on_<message> returned; whoever
 * calls it ends the channel on any failure. on_<message> owns the descriptors of its message, also when it fails. */
#ifndef SIEGEL_HEAR_TYPES
#define SIEGEL_HEAR_TYPES
#define HEAR_CASE(message, often)                                                     \
	case MSG_##message: {                                                         \
		struct msg_##message m_;                                              \
		if ((often) > 0 && ++counts->of[MSG_##message] > (uint32_t)(often)) { \
			frame_drop(f);                                                \
			return FAIL(LIMIT);                                           \
		}                                                                     \
		TRY(msg_get_##message(f, &m_));                                       \
		return on_##message(peer, &m_, f->tag);                               \
	}
#define HEAR_NOT(message, often)
#define HEARD_inside(message, often)
#endif

#if !defined(HEARD_forth) || !defined(HEARD_back)
#error "say which side is heard"
#endif

static err HEAR(HEAR_PEER *peer, struct hear_counts *counts, struct frame *f)
{
	(void)counts;
	switch (f->number) {
#define FIELD(message, type, name, bound)
#define END(message)
#define MESSAGE(message, no, who, often) HEARD_##who(message, often)
#include CONVERSATION
#undef MESSAGE
#undef FIELD
#undef END
	default:
		frame_drop(f);
		return FAIL(SYNTAX);
	}
}
#undef HEAR
#undef HEAR_PEER
#undef HEARD_forth
#undef HEARD_back
#undef CONVERSATION
