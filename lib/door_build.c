/* door_build - kernels that come from outside as C: compiled here, shipped to all engines, added to the job.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "door_parts.h"
#include "compile.h"
#include "plugin.h"

#include <stdlib.h>
#include <string.h>

enum { BUILDS_MOST = 4, MESSAGES_MOST = 32 * 1024 };

struct nv_build {
    struct nv_compile *compile;
    char *messages; /* of the compiler, once it has ended */
    const nave_kernel *kernels;
    uint64_t *ids;
    size_t count;
    nave_future *future; /* the loading on all engines */
};

void nv_build_free(struct nv_build *build)
{
    if (build == NULL)
        return;
    nv_compile_free(build->compile);
    free(build->messages);
    free(build->ids);
    free(build);
}

/* The plug-in's names get ids: those of kernels of an earlier plug-in their own again. */
static int name_kernels(struct nv_door *door, struct nv_build *build)
{
    nave *ctx = door->hub->ctx;
    int rc = nv_kernels_check(build->kernels, build->count, &ctx->error);
    if (rc != NAVE_OK)
        return rc;
    build->ids = calloc(build->count + 1, sizeof *build->ids);
    if (build->ids == NULL)
        return nv_why(door->why, NAVE_ENOMEM, "no memory for kernels");
    for (size_t i = 0; i < build->count && rc == NAVE_OK; i++)
        rc = nv_kernels_name(&ctx->kernels, &build->kernels[i], &build->ids[i], door->why);
    return rc;
}

/* The input of nave.plugin. */
static char *pack(const struct nv_build *build, const char *plugin, size_t size, size_t *total)
{
    size_t head = (1 + build->count) * sizeof(uint64_t);
    uint64_t count = build->count;
    char *bytes = malloc(head + size);
    *total = head + size;
    if (bytes == NULL)
        return NULL;
    memcpy(bytes, &count, sizeof count);
    memcpy(bytes + sizeof count, build->ids, build->count * sizeof *build->ids);
    memcpy(bytes + head, plugin, size);
    return bytes;
}

static int ship(struct nv_door *door, struct nv_later *later, const char *plugin, size_t size)
{
    struct nv_build *build = later->build;
    size_t total;
    char *input;
    int rc = nv_plugin_load(plugin, size, &build->kernels, &build->count, door->why);
    if (rc == NAVE_OK && build->count == 0)
        rc = nv_why(door->why, NAVE_ECOMPILE, "it has no kernels");
    if (rc == NAVE_OK)
        rc = name_kernels(door, build);
    if (rc != NAVE_OK)
        return rc;
    input = pack(build, plugin, size, &total);
    if (input == NULL)
        return nv_why(door->why, NAVE_ENOMEM, "no memory for the plug-in");
    return nv_door_start(door, NULL, 0, NV_KERNEL_PLUGIN, "", input, total, &later->future);
}

/* The compiler has ended: its words go out in any case. */
static int compiled(struct nv_door *door, struct nv_later *later, bool well)
{
    struct nv_build *build = later->build;
    size_t size = 0;
    char *plugin;
    int rc;
    build->messages = nv_compile_messages(build->compile);
    if (build->messages != NULL && strlen(build->messages) > MESSAGES_MOST)
        build->messages[MESSAGES_MOST] = '\0';
    if (!well)
        return nv_why(door->why, NAVE_ECOMPILE, "the compiler does not accept it");
    plugin = nv_compile_plugin(build->compile, &size);
    rc = plugin != NULL ? ship(door, later, plugin, size)
                        : nv_why(door->why, NAVE_ECOMPILE, "the compiler has made no file");
    free(plugin);
    nv_compile_free(build->compile);
    build->compile = NULL;
    return rc == NAVE_OK ? NV_LATER : rc;
}

/* It is loaded everywhere: from now on clients can name its kernels. */
static int loaded(struct nv_door *door, struct nv_later *later, struct nv_answer *answer)
{
    nave *ctx = door->hub->ctx;
    struct nv_build *build = later->build;
    cJSON *names;
    int rc = nv_door_outcome(door, later->future);
    if (rc != NAVE_OK)
        return rc;
    names = cJSON_AddArrayToObject(answer->object, "kernels");
    for (size_t i = 0; i < build->count; i++) {
        nv_kernels_everywhere(&ctx->kernels, (size_t)build->ids[i], door->hub->engines, ctx->size);
        cJSON_AddItemToArray(names, cJSON_CreateString(build->kernels[i].name));
        nv_door_event(door, "kernel", "'%s'", build->kernels[i].name);
    }
    return NAVE_OK;
}

static int advance(struct nv_door *door, struct nv_later *later, struct nv_answer *answer)
{
    struct nv_build *build = later->build;
    bool well;
    if (later->future != NULL)
        return later->future->complete ? loaded(door, later, answer) : NV_LATER;
    return nv_compile_ended(build->compile, &well) ? compiled(door, later, well) : NV_LATER;
}

/* The compiler's words are an answer of their own form: `messages`, also when it failed. */
static int look_for_build(struct nv_door *door, struct nv_later *later, struct nv_answer *answer)
{
    int rc = advance(door, later, answer);
    const char *messages = later->build->messages;
    if (rc == NV_LATER)
        return rc;
    cJSON_AddStringToObject(answer->object, "messages", messages != NULL ? messages : "");
    door->builds--;
    if (rc != NAVE_OK && messages != NULL && messages[0] != '\0') {
        cJSON_AddStringToObject(answer->object, "failed", door->reason);
        return NAVE_OK;
    }
    return rc;
}

int nv_serve_compile(struct nv_door *door, struct nv_letter *letter, struct nv_answer *answer)
{
    const char *file = "plugin.c";
    struct nv_build *build;
    struct nv_later *later;
    int rc = nv_request_text(&letter->request, "file", &file, door->why);
    (void)answer;
    if (rc != NAVE_OK)
        return rc;
    if (!door->plugins)
        return nv_why(door->why, NAVE_EDENIED,
                      "the job does not take kernels from outside "
                      "(nave_options.allow_plugins, NAVE_PLUGINS=1)");
    if (letter->data == NULL || door->builds >= BUILDS_MOST)
        return nv_why(door->why, NAVE_ESTATE, "no source, or the compiler is busy");
    build = calloc(1, sizeof *build);
    if (build == NULL)
        return nv_why(door->why, NAVE_ENOMEM, "no memory for kernels");
    rc = nv_compile_begin(file, letter->data, letter->data_size, door->why, &build->compile);
    later = rc == NAVE_OK ? nv_door_later(door, letter, -1, look_for_build) : NULL;
    if (later == NULL) {
        nv_build_free(build);
        return rc != NAVE_OK ? rc : NAVE_ENOMEM;
    }
    later->build = build;
    door->builds++;
    return NV_LATER;
}
