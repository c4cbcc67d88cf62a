/* door_steer - what is asked of the job as a whole: values, commands, pause, resume, stop.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "door_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int look_for_order(struct nv_door *door, struct nv_later *later, struct nv_answer *answer)
{
    struct nv_order *order = later->order;
    int rc = nv_steer_look(door->hub->ctx->steer, order, door->why);
    if (rc != NAVE_OK)
        return rc > 0 ? NV_LATER : rc;
    cJSON_AddNumberToObject(answer->object, "step", (double)order->step);
    if (order->kind == NV_ORDER_COMMAND)
        cJSON_AddNumberToObject(answer->object, "result", order->code);
    if (order->rc != NAVE_OK)
        return nv_why(door->why, order->rc, "'%s': %s", order->name, nave_strerror(order->rc));
    return NAVE_OK;
}

static int give_order(struct nv_door *door, struct nv_letter *letter, enum nv_order_kind kind,
                      const char *name, const char *text)
{
    struct nv_steer *steer = door->hub->ctx->steer;
    struct nv_later *later;
    int rc = nv_steer_check(steer, kind, name, text, door->why);
    if (rc != NAVE_OK)
        return rc;
    later = nv_door_later(door, letter, -1, look_for_order); /* before anything is ordered */
    if (later == NULL)
        return NAVE_ENOMEM;
    later->order = nv_steer_order(steer, kind, name, text, 0);
    if (later->order == NULL)
        return nv_door_not_later(door, later,
                                 nv_why(door->why, NAVE_ENOMEM, "no memory for an order"));
    nv_door_event(door, kind == NV_ORDER_SET ? "set" : "command", "%s%s%s", name,
                  kind == NV_ORDER_SET ? " = " : " ", text);
    return NV_LATER;
}

/* The value may be a text, a number or a truth; it is taken as a text. */
static int read_value(const struct nv_request *request, char *text, size_t room, struct nv_why why)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(request->body, "value");
    if (cJSON_IsString(item) && strlen(item->valuestring) < room)
        strcpy(text, item->valuestring);
    else if (cJSON_IsNumber(item))
        snprintf(text, room, "%.17g", item->valuedouble);
    else if (cJSON_IsBool(item))
        snprintf(text, room, "%d", cJSON_IsTrue(item));
    else
        return nv_why(why, NAVE_EINVAL, "\"value\" has to be a number, a text, or true or false");
    return NAVE_OK;
}

int nv_serve_set(struct nv_door *door, struct nv_letter *letter, struct nv_answer *answer)
{
    char text[NV_TEXT_MAX];
    const char *name;
    int rc = nv_request_name(&letter->request, "name", &name, door->why);
    (void)answer;
    if (rc == NAVE_OK)
        rc = read_value(&letter->request, text, sizeof text, door->why);
    return rc == NAVE_OK ? give_order(door, letter, NV_ORDER_SET, name, text) : rc;
}

int nv_serve_command(struct nv_door *door, struct nv_letter *letter, struct nv_answer *answer)
{
    const char *name, *text = "";
    int rc = nv_request_name(&letter->request, "name", &name, door->why);
    (void)answer;
    if (rc == NAVE_OK)
        rc = nv_request_text(&letter->request, "text", &text, door->why);
    return rc == NAVE_OK ? give_order(door, letter, NV_ORDER_COMMAND, name, text) : rc;
}

int nv_serve_pause(struct nv_door *door, struct nv_letter *letter, struct nv_answer *answer)
{
    (void)letter, (void)answer;
    if (!door->paused)
        nv_door_event(door, "pause", "no task begins");
    door->paused = true;
    nv_sched_pause(door->hub->sched, true);
    return NAVE_OK;
}

int nv_serve_resume(struct nv_door *door, struct nv_letter *letter, struct nv_answer *answer)
{
    (void)letter, (void)answer;
    if (door->paused)
        nv_door_event(door, "resume", "tasks begin again");
    door->paused = false;
    nv_sched_pause(door->hub->sched, false);
    door->hub->placing = true;
    return NAVE_OK;
}

/* What is to become of tasks, as it is before that. */
static void tell_tasks(const struct nv_hub *hub, cJSON *object)
{
    nave_counts all;
    nv_show_counts(hub, &all);
    cJSON_AddNumberToObject(object, "running", (double)all.running);
    cJSON_AddNumberToObject(
        object, "waiting",
        (double)(all.total - all.running - all.succeeded - all.failed - all.cancelled));
}

/* Of a paused job, too: it would never end. */
int nv_serve_stop(struct nv_door *door, struct nv_letter *letter, struct nv_answer *answer)
{
    tell_tasks(door->hub, answer->object);
    if (!door->stopping)
        nv_door_event(door, "stop", "the farm is to end");
    door->stopping = true;
    nv_hub_drain(door->hub, "it was stopped from outside");
    return nv_serve_resume(door, letter, answer);
}
