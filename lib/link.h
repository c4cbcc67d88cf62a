/* link - the mail between the loop of a rank and the engine beside it, which may be two threads.
 *
 * Two boxes, one each way.  Mail comes out of a box in the order in which it was put in; only the
 * end that it is for takes it out.  To look into an empty box costs one load.
 */
#ifndef NV_LINK_H
#define NV_LINK_H

#include <stdbool.h>

/* The head of anything that can be sent, which embeds it. */
struct nv_mail {
    struct nv_mail *next;
};

enum nv_end { NV_LOOP_END = 0, NV_ENGINE_END = 1 };

struct nv_link;

/* NULL: out of memory.  Mail that is still in it stays the caller's. */
struct nv_link *nv_link_new(void);
void nv_link_free(struct nv_link *link);

/* For the other end.  From one thread at a time for each end. */
void nv_link_put(struct nv_link *link, enum nv_end to, struct nv_mail *mail);

/* The oldest mail for this end, or NULL. */
struct nv_mail *nv_link_take(struct nv_link *link, enum nv_end end);

#endif
