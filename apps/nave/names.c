#include "names.h"
#include "nearest.h"

#include <stdio.h>
#include <string.h>

static const struct {
    unsigned kind;
    const char *list; /* in the answer to `status`, that of objects to `objects` */
} lists[] = {{NAMES_VALUES, "steer"},
             {NAMES_PUBLISHED, "published"},
             {NAMES_COMMANDS, "commands"},
             {NAMES_OBJECTS, "objects"}};

enum { LISTS = sizeof lists / sizeof *lists };

/* Both answers, or NULL where there is none; to be deleted. */
typedef struct known {
    cJSON *status, *objects;
} known;

static known ask(remote *r, unsigned kinds)
{
    return (known){remote_ask(r, remote_request("status"), 0),
                   kinds & NAMES_OBJECTS ? remote_ask(r, remote_request("objects"), 0) : NULL};
}

static void release(known *k)
{
    cJSON_Delete(k->status);
    cJSON_Delete(k->objects);
}

static const cJSON *list_of(const known *k, size_t i)
{
    return remote_list(lists[i].kind == NAMES_OBJECTS ? k->objects : k->status, lists[i].list);
}

static const char *name_of(const cJSON *item)
{
    return cJSON_IsString(item) ? item->valuestring : remote_text(item, "name");
}

unsigned names_kinds(remote *r, const char *name)
{
    known k = ask(r, NAMES_OBJECTS);
    unsigned kinds = 0;
    const cJSON *item;
    for (size_t i = 0; i < LISTS; i++) {
        cJSON_ArrayForEach (item, list_of(&k, i)) {
            kinds |= strcmp(name_of(item), name) == 0 ? lists[i].kind : 0;
        }
    }
    release(&k);
    return kinds;
}

int names_any(remote *r, unsigned kinds)
{
    known k = ask(r, kinds);
    int any = 0;
    for (size_t i = 0; i < LISTS; i++)
        any = any || (kinds & lists[i].kind && cJSON_GetArraySize(list_of(&k, i)) > 0);
    release(&k);
    return any;
}

/* "; did you mean 'NAME'?", or "". */
static void suggest(remote *r, const char *name, unsigned kinds, char *text, size_t room)
{
    known k = ask(r, kinds);
    struct nv_nearest near = nv_nearest_to(name);
    const cJSON *item;
    for (size_t i = 0; i < LISTS; i++) {
        cJSON_ArrayForEach (item, list_of(&k, i)) {
            if (kinds & lists[i].kind)
                nv_nearest_try(&near, name_of(item));
        }
    }
    text[0] = '\0';
    if (near.best != NULL && strcmp(near.best, name) != 0)
        snprintf(text, room, "; did you mean '%s'?", near.best);
    release(&k);
}

int names_failed(remote *r, const char *verb, int rc, const char *name, unsigned kinds)
{
    char words[1024], hint[256] = "";
    snprintf(words, sizeof words, "%s", nave_client_error(r->client));
    if (rc == NAVE_EOBJECT)
        suggest(r, name, kinds, hint, sizeof hint);
    return remote_fail(r, verb, rc, "%s%s", words, hint);
}

int names_unknown(remote *r, const char *verb, const char *name, unsigned kinds)
{
    char hint[256] = "";
    suggest(r, name, kinds, hint, sizeof hint);
    return remote_fail(r, verb, NAVE_EOBJECT, "nothing is published as '%s'%s", name, hint);
}

int names_no_value(remote *r, const char *verb, const char *name)
{
    char hint[256] = "";
    if (names_kinds(r, name) & NAMES_PUBLISHED)
        return remote_fail(r, verb, NAVE_EOBJECT, "'%s' is an array: nave pull, nave watch", name);
    suggest(r, name, NAMES_VALUES, hint, sizeof hint);
    return remote_fail(r, verb, NAVE_EOBJECT, "there is no value '%s'%s", name, hint);
}
