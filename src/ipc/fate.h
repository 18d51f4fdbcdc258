/* SPDX-License-Identifier: Apache-2.0 */
/* What `directory` says of a recipient elsewhere whose domain became ours: directory_queue.def, readdressed. */
#pragma once

enum fate {
	FATE_HERE,      /* these accounts get it */
	FATE_LATER,     /* nobody, or it cannot be said: the domain is new, and its people may still be missing */
	FATE_ELSEWHERE, /* it is none of ours (any more) */
};
