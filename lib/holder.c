/* holder - see holder.h.  SPDX-License-Identifier: BSD-3-Clause */
#include "holder.h"

#include <stdlib.h>
#include <string.h>

struct nv_holder {
    struct nv_holder *next;
    struct nv_set *engines;
    char name[];
};

struct nv_set *nv_holders_of(struct nv_holders *holders, const char *name, size_t engines)
{
    struct nv_holder *holder = holders->first;
    while (holder != NULL && strcmp(holder->name, name) != 0)
        holder = holder->next;
    if (holder != NULL)
        return holder->engines;
    holder = malloc(sizeof *holder + strlen(name) + 1);
    if (holder == NULL)
        return NULL;
    holder->engines = nv_set_new(engines);
    if (holder->engines == NULL) {
        free(holder);
        return NULL;
    }
    strcpy(holder->name, name);
    holder->next = holders->first;
    holders->first = holder;
    return holder->engines;
}

void nv_holders_note(struct nv_holders *holders, const char *name, size_t engines, size_t engine,
                     bool holds)
{
    struct nv_set *set = nv_holders_of(holders, name, engines);
    if (set != NULL && holds)
        nv_set_add(set, engine);
    else if (set != NULL)
        nv_set_remove(set, engine);
}

void nv_holders_each(const struct nv_holders *holders,
                     void (*each)(void *arg, const char *name, const struct nv_set *engines),
                     void *arg)
{
    for (struct nv_holder *holder = holders->first; holder != NULL; holder = holder->next)
        each(arg, holder->name, holder->engines);
}

void nv_holders_lose(struct nv_holders *holders, size_t engine)
{
    for (struct nv_holder *holder = holders->first; holder != NULL; holder = holder->next)
        nv_set_remove(holder->engines, engine);
}

void nv_holders_release(struct nv_holders *holders)
{
    while (holders->first != NULL) {
        struct nv_holder *holder = holders->first;
        holders->first = holder->next;
        free(holder->engines);
        free(holder);
    }
}
