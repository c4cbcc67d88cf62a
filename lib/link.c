/* link - see link.h.  SPDX-License-Identifier: BSD-3-Clause */
#include "link.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

struct box {
    pthread_mutex_t lock;
    struct nv_mail *first, **end; /* under the lock */
    atomic_bool filled;           /* a hint, so that a look at an empty box needs no lock */
    struct nv_mail *taken;        /* the taker's alone */
    char apart[64];               /* the two boxes share no cache line */
};

struct nv_link {
    struct box boxes[2];
};

struct nv_link *nv_link_new(void)
{
    struct nv_link *link = calloc(1, sizeof *link);
    if (link == NULL)
        return NULL;
    for (int end = 0; end < 2; end++) {
        struct box *box = &link->boxes[end];
        if (pthread_mutex_init(&box->lock, NULL) != 0) {
            if (end == 1)
                pthread_mutex_destroy(&link->boxes[0].lock);
            free(link);
            return NULL;
        }
        box->end = &box->first;
        atomic_init(&box->filled, false);
    }
    return link;
}

void nv_link_free(struct nv_link *link)
{
    if (link == NULL)
        return;
    for (int end = 0; end < 2; end++)
        pthread_mutex_destroy(&link->boxes[end].lock);
    free(link);
}

void nv_link_put(struct nv_link *link, enum nv_end to, struct nv_mail *mail)
{
    struct box *box = &link->boxes[to];
    mail->next = NULL;
    pthread_mutex_lock(&box->lock);
    *box->end = mail;
    box->end = &mail->next;
    atomic_store_explicit(&box->filled, true, memory_order_release);
    pthread_mutex_unlock(&box->lock);
}

/* All that there is at once, so that a row of mail costs one lock. */
static void empty(struct box *box)
{
    if (!atomic_load_explicit(&box->filled, memory_order_acquire))
        return;
    pthread_mutex_lock(&box->lock);
    box->taken = box->first;
    box->first = NULL;
    box->end = &box->first;
    atomic_store_explicit(&box->filled, false, memory_order_relaxed);
    pthread_mutex_unlock(&box->lock);
}

struct nv_mail *nv_link_take(struct nv_link *link, enum nv_end end)
{
    struct box *box = &link->boxes[end];
    struct nv_mail *mail;
    if (box->taken == NULL)
        empty(box);
    mail = box->taken;
    if (mail != NULL)
        box->taken = mail->next;
    return mail;
}
