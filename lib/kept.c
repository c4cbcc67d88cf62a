/* kept - see kept.h.  SPDX-License-Identifier: BSD-3-Clause */
#include "kept.h"

#include <stdlib.h>
#include <string.h>

enum { ROOM_LEAST = 64 };

struct nv_kept_input {
    struct nv_kept_input *next;
    uint64_t index;
    size_t size;
    _Alignas(16) unsigned char data[];
};

/* Numbers are neighbours as a rule, which spreads them well enough. */
static struct nv_kept_input **link_of(const struct nv_kept *kept, uint64_t index)
{
    struct nv_kept_input **link = &kept->heads[index & (kept->room - 1)];
    while (*link != NULL && (*link)->index != index)
        link = &(*link)->next;
    return link;
}

static bool grow(struct nv_kept *kept)
{
    struct nv_kept more = {.room = kept->room == 0 ? ROOM_LEAST : 2 * kept->room};
    more.heads = calloc(more.room, sizeof(struct nv_kept_input *));
    if (more.heads == NULL)
        return false;
    for (size_t i = 0; i < kept->room; i++)
        while (kept->heads[i] != NULL) {
            struct nv_kept_input *input = kept->heads[i];
            struct nv_kept_input **head = &more.heads[input->index & (more.room - 1)];
            kept->heads[i] = input->next;
            input->next = *head;
            *head = input;
        }
    more.count = kept->count;
    free(kept->heads);
    *kept = more;
    return true;
}

bool nv_kept_put(struct nv_kept *kept, uint64_t index, const void *data, size_t size)
{
    struct nv_kept_input *input;
    if (kept->count == kept->room && !grow(kept))
        return false;
    input = aligned_alloc(16, (sizeof *input + size + 16) / 16 * 16);
    if (input == NULL)
        return false;
    *input = (struct nv_kept_input){.index = index, .size = size};
    if (size > 0)
        memcpy(input->data, data, size);
    input->data[size] = 0;
    input->next = kept->heads[index & (kept->room - 1)];
    kept->heads[index & (kept->room - 1)] = input;
    kept->count++;
    return true;
}

const void *nv_kept_get(const struct nv_kept *kept, uint64_t index, size_t *size)
{
    const struct nv_kept_input *input = kept->count > 0 ? *link_of(kept, index) : NULL;
    if (input == NULL)
        return NULL;
    *size = input->size;
    return input->data;
}

void nv_kept_drop(struct nv_kept *kept, uint64_t index)
{
    struct nv_kept_input **link = kept->count > 0 ? link_of(kept, index) : NULL;
    struct nv_kept_input *input = link != NULL ? *link : NULL;
    if (input == NULL)
        return;
    *link = input->next;
    free(input);
    kept->count--;
}

void nv_kept_release(struct nv_kept *kept)
{
    for (size_t i = 0; i < kept->room; i++)
        while (kept->heads[i] != NULL) {
            struct nv_kept_input *input = kept->heads[i];
            kept->heads[i] = input->next;
            free(input);
        }
    free(kept->heads);
    *kept = (struct nv_kept){0};
}
