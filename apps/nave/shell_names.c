#include "shell_names.h"

#include <stdlib.h>
#include <string.h>

const char *const shell_builtins[] = {"help", "history", "exit", "quit", NULL};

static void add(shell_names *names, const char *name)
{
    if (names->count == names->room) {
        size_t room = names->room > 0 ? names->room * 2 : 32;
        char **larger = realloc(names->names, room * sizeof *larger);
        if (larger == NULL)
            return;
        names->names = larger;
        names->room = room;
    }
    names->names[names->count] = strdup(name);
    names->count += names->names[names->count] != NULL;
}

void shell_names_release(shell_names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->names[i]);
    free(names->names);
    *names = (shell_names){0};
}

static void add_verbs(shell_names *names)
{
    for (size_t i = 0; i < remote_verb_count; i++)
        add(names, remote_verbs[i].name);
    for (size_t i = 0; shell_builtins[i] != NULL; i++)
        add(names, shell_builtins[i]);
}

/* Of a list of names, or of objects that have one. */
static void add_list(shell_names *names, remote *r, const char *request, const char *list)
{
    cJSON *answer = remote_ask(r, remote_request(request), 0);
    const cJSON *item;
    cJSON_ArrayForEach (item, remote_list(answer, list)) {
        add(names, cJSON_IsString(item) ? item->valuestring : remote_text(item, "name"));
    }
    cJSON_Delete(answer);
}

void shell_names_find(shell_names *names, remote *r, const char *verb)
{
    static const struct {
        const char *verb, *request, *list;
    } known[] = {
        {"submit", "kernels", "kernels"}, {"pull", "status", "published"},
        {"pull", "objects", "objects"},   {"push", "objects", "objects"},
        {"drop", "objects", "objects"},   {"set", "status", "steer"},
        {"get", "status", "steer"},       {"watch", "status", "steer"},
        {"watch", "status", "published"}, {"command", "status", "commands"},
    };
    if (verb[0] == '\0' || strcmp(verb, "help") == 0)
        add_verbs(names);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i].verb, verb) == 0)
            add_list(names, r, known[i].request, known[i].list);
}
