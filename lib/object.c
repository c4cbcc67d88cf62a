/* object - see object.h.  SPDX-License-Identifier: BSD-3-Clause */
#include "object.h"
#include "kernel.h"

#include <stdlib.h>
#include <string.h>

struct nv_object {
    struct nv_object *next;
    void *data;
    size_t size;
    uint64_t serial;
    bool mapped;               /* from a segment, not from malloc */
    struct nv_segment segment; /* whose name is to be taken away; or "" */
    char name[];
};

/* The link that points to the object, or the one at the end of the list. */
static struct nv_object **link_of(struct nv_object **link, const char *name)
{
    while (*link != NULL && strcmp((*link)->name, name) != 0)
        link = &(*link)->next;
    return link;
}

void *nv_objects_find(const struct nv_objects *objects, const char *name, size_t *size)
{
    static char nothing; /* an object of no bytes is there all the same */
    struct nv_object *object = objects->first;
    while (object != NULL && strcmp(object->name, name) != 0)
        object = object->next;
    if (object == NULL)
        return NULL;
    if (size != NULL)
        *size = object->size;
    return object->data != NULL ? object->data : &nothing;
}

static void unname(struct nv_object *object)
{
    nv_segment_unlink(&object->segment);
    object->segment.name[0] = '\0';
}

static void free_data(struct nv_object *object)
{
    unname(object);
    if (object->mapped)
        nv_segment_unmap(object->data, object->size);
    else
        free(object->data);
    object->data = NULL;
    object->size = 0;
    object->mapped = false;
}

/* The object of that name without its bytes, made if need be. */
static int make_room(struct nv_objects *objects, const char *name, struct nv_object **out)
{
    struct nv_object *object;
    if (!nv_name_ok(name))
        return NAVE_EINVAL;
    object = *link_of(&objects->first, name);
    if (object == NULL) {
        object = calloc(1, sizeof *object + strlen(name) + 1);
        if (object == NULL)
            return NAVE_ENOMEM;
        strcpy(object->name, name);
        object->next = objects->first;
        objects->first = object;
    }
    free_data(object);
    object->serial = ++objects->version;
    *out = object;
    return NAVE_OK;
}

uint64_t nv_objects_serial(const struct nv_objects *objects, const char *name)
{
    const struct nv_object *object = objects->first;
    while (object != NULL && strcmp(object->name, name) != 0)
        object = object->next;
    return object != NULL ? object->serial : 0;
}

void *nv_objects_take(struct nv_objects *objects, const char *name, size_t *size)
{
    struct nv_object *object = *link_of(&objects->first, name);
    void *data;
    if (object == NULL || object->mapped)
        return NULL;
    data = object->data;
    *size = object->size;
    object->data = NULL;
    nv_objects_drop(objects, name);
    return data;
}

int nv_objects_set(struct nv_objects *objects, const char *name, void *data, size_t size)
{
    struct nv_object *object;
    int rc = make_room(objects, name, &object);
    if (rc != NAVE_OK) {
        free(data);
        return rc;
    }
    object->data = data;
    object->size = size;
    return NAVE_OK;
}

int nv_objects_set_mapped(struct nv_objects *objects, const char *name, void *data,
                          const struct nv_segment *segment, bool owns)
{
    struct nv_object *object;
    int rc = make_room(objects, name, &object);
    if (rc != NAVE_OK) {
        nv_segment_unmap(data, segment->size);
        if (owns)
            nv_segment_unlink(segment);
        return rc;
    }
    object->data = data;
    object->size = (size_t)segment->size;
    object->mapped = true;
    if (owns)
        object->segment = *segment;
    return NAVE_OK;
}

void nv_objects_unname(struct nv_objects *objects, const char *name)
{
    struct nv_object *object = *link_of(&objects->first, name);
    if (object != NULL)
        unname(object);
}

int nv_objects_drop(struct nv_objects *objects, const char *name)
{
    struct nv_object **link = link_of(&objects->first, name);
    struct nv_object *object = *link;
    if (object == NULL)
        return NAVE_EOBJECT;
    *link = object->next;
    objects->version++;
    free_data(object);
    free(object);
    return NAVE_OK;
}

void nv_objects_release(struct nv_objects *objects)
{
    while (objects->first != NULL)
        nv_objects_drop(objects, objects->first->name);
}
