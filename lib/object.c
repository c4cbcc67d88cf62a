/* object - see object.h.  SPDX-License-Identifier: BSD-3-Clause */
#include "object.h"
#include "kernel.h"

#include <stdlib.h>
#include <string.h>

struct nv_object {
    struct nv_object *next;
    void *data;
    size_t size;
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

int nv_objects_set(struct nv_objects *objects, const char *name, void *data, size_t size)
{
    struct nv_object *object;
    if (!nv_name_ok(name)) {
        free(data);
        return NAVE_EINVAL;
    }
    object = *link_of(&objects->first, name);
    if (object == NULL) {
        object = malloc(sizeof *object + strlen(name) + 1);
        if (object == NULL) {
            free(data);
            return NAVE_ENOMEM;
        }
        strcpy(object->name, name);
        object->data = NULL;
        object->next = objects->first;
        objects->first = object;
    }
    free(object->data);
    object->data = data;
    object->size = size;
    return NAVE_OK;
}

int nv_objects_drop(struct nv_objects *objects, const char *name)
{
    struct nv_object **link = link_of(&objects->first, name);
    struct nv_object *object = *link;
    if (object == NULL)
        return NAVE_EOBJECT;
    *link = object->next;
    free(object->data);
    free(object);
    return NAVE_OK;
}

void nv_objects_release(struct nv_objects *objects)
{
    while (objects->first != NULL)
        nv_objects_drop(objects, objects->first->name);
}
