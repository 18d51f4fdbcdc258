/* SPDX-License-Identifier: Apache-2.0 */
/* Turns a conversation file into C. Include it after
 *
 *     #define CONVERSATION "ipc/receiver_directory.def"
 *
 * and for every MESSAGE of the file there are
 *
 *     enum            MSG_<message>
 *     struct          msg_<message>            the fields; strings are views, descriptors are owned
 *     msg_put_…       writes it into a frame
 *     msg_get_…       reads it from a frame: ERR_SYNTAX unless it is exactly as declared
 *     msg_send_…      writes and sends it; as channel_send()
 *     msg_expect_…    receives the next frame, which must be this message; as channel_receive()
 *     msg_add_…       appends it to records        msg_next_…   reads it from records
 *
 * The files are named after the two who talk, A_B.def: "forth" is what A says, "back" what B says, "inside" what stands
 * only inside a field of type records. The last column says how often a message may come on one channel (0: any number).
 * The included macros are undefined again, so that a file can take part in several conversations. */
#ifndef SIEGEL_CONVERSATION_TYPES
#define SIEGEL_CONVERSATION_TYPES
#include "base/buf.h"
#include "ipc/channel.h"
#define IPC_INLINE static inline __attribute__((unused))
#endif

#define FIELD(message, type, name, bound)
#define END(message)
enum {
#define MESSAGE(message, no, who, often) MSG_##message = (no),
#include CONVERSATION
#undef MESSAGE
};
#define MESSAGE(message, no, who, often) _Static_assert((no) > 0 && (no) < IPC_NUMBERS, #message);
#include CONVERSATION
#undef MESSAGE
#undef FIELD
#undef END

#define MESSAGE(message, no, who, often) struct msg_##message {
#define FIELD(message, type, name, bound) ipc_##type name;
#define END(message)  \
	char no_more; \
	}             \
	;
#include CONVERSATION
#undef MESSAGE
#undef FIELD
#undef END

#define MESSAGE(message, no, who, often)                                                               \
	IPC_INLINE err msg_put_##message(struct frame *f, uint32_t tag, const struct msg_##message *m) \
	{                                                                                              \
		(void)m;                                                                               \
		frame_begin(f, MSG_##message, tag);
#define FIELD(message, type, name, bound) frame_put_##type(f, m->name, (bound));
#define END(message)         \
	return frame_end(f); \
	}
#include CONVERSATION
#undef MESSAGE
#undef FIELD
#undef END

#define MESSAGE(message, no, who, often)                                             \
	IPC_INLINE err msg_get_##message(struct frame *f, struct msg_##message *out) \
	{                                                                            \
		struct msg_##message m = { .no_more = 0 };
#define FIELD(message, type, name, bound) frame_get_##type(f, &m.name, (bound));
#define END(message)         \
	TRY(frame_close(f)); \
	*out = m;            \
	return OK;           \
	}
#include CONVERSATION
#undef MESSAGE
#undef FIELD
#undef END

#define FIELD(message, type, name, bound)
#define END(message)
#define MESSAGE(message, no, who, often)                                                                           \
	IPC_INLINE err msg_send_##message(struct channel *c, uint32_t tag, const struct msg_##message *m)          \
	{                                                                                                          \
		TRY(msg_put_##message(c->out, tag, m));                                                            \
		return channel_send(c);                                                                            \
	}                                                                                                          \
	IPC_INLINE err msg_expect_##message(struct channel *c, struct msg_##message *out)                          \
	{                                                                                                          \
		TRY(channel_receive(c));                                                                           \
		if (c->in->number == MSG_##message)                                                                \
			return msg_get_##message(c->in, out);                                                      \
		frame_drop(c->in);                                                                                 \
		return FAIL(SYNTAX);                                                                               \
	}                                                                                                          \
	IPC_INLINE err msg_add_##message(struct buf *to, struct frame *scratch, const struct msg_##message *m)     \
	{                                                                                                          \
		TRY(msg_put_##message(scratch, 0, m));                                                             \
		return records_add(to, scratch);                                                                   \
	}                                                                                                          \
	/* False at the end and after a failure, which is left in *e; views are of scratch. */                     \
	IPC_INLINE bool msg_next_##message(str *records, struct frame *scratch, struct msg_##message *out, err *e) \
	{                                                                                                          \
		if (!records_next(records, scratch))                                                               \
			return false;                                                                              \
		scratch->bad = scratch->bad || scratch->number != MSG_##message;                                   \
		*e = msg_get_##message(scratch, out);                                                              \
		return !failed(*e);                                                                                \
	}
#include CONVERSATION
#undef MESSAGE
#undef FIELD
#undef END
#undef CONVERSATION
