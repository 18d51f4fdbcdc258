/* SPDX-License-Identifier: Apache-2.0 */
/* Makes the function ANY(frame), which decodes a frame as the message of the file SPOKEN that its number names, whoever
 * may say it, and writes it again. */
#define CONVERSATION SPOKEN
#include "ipc/conversation.h"

static void ANY(struct frame *f)
{
	switch (f->number) {
#define MESSAGE(message, no, who, often)                       \
	case (no): {                                           \
		struct msg_##message m_;                       \
		if (!understood(msg_get_##message(f, &m_), f)) \
			return;
#define FIELD(message, type, name, bound) check_##type(m_.name);
#define END(message)                                \
	same(msg_put_##message(&again, 0, &m_), f); \
	break;                                      \
	}
#include SPOKEN
#undef MESSAGE
#undef FIELD
#undef END
	default:
		frame_drop(f);
	}
}
#undef ANY
#undef SPOKEN
