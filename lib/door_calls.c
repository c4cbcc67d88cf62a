/* door_calls - calls that come from outside: submit, wait, result, cancel, forget.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "door_parts.h"
#include "signature.h"
#include "view.h"

#include <stdlib.h>
#include <string.h>

enum {
    BYTES_MOST = 1 << 30, /* of inputs and results of all calls from outside */
    TASK_BYTES = 64,      /* that a task is counted with besides them */
    TASKS_MOST = 10000000,
    MORE_MOST = 4096 /* results that come along with one */
};

/* -------------------------------------------------------------------------------------- submitting */

/* What a client asks to be run. */
struct order_form {
    const char *kernel;
    uint64_t count, in_size, out_size, memory;
    nave_policy policy;
    int each;
    int *engines;
    size_t engine_count;
};

static int read_policy(const struct nv_request *request, struct order_form *form, struct nv_why why)
{
    nave_policy *policy = &form->policy;
    int rc = nv_request_integer(request, "priority", &policy->priority, why);
    if (rc == NAVE_OK)
        rc = nv_request_integer(request, "retries", &policy->retries, why);
    if (rc == NAVE_OK)
        rc = nv_request_truth(request, "guard", &policy->guard, why);
    if (rc == NAVE_OK)
        rc = nv_request_real(request, "time_limit", 0, &policy->time_limit, why);
    if (rc == NAVE_OK)
        rc = nv_request_natural(request, "memory_limit", SIZE_MAX, &form->memory, why);
    policy->memory_limit = (size_t)form->memory;
    return rc;
}

static int read_form(const struct nv_letter *letter, struct order_form *form, struct nv_why why)
{
    const struct nv_request *request = &letter->request;
    int rc;
    *form = (struct order_form){.count = 1};
    rc = nv_request_name(request, "kernel", &form->kernel, why);
    if (rc == NAVE_OK)
        rc = nv_request_natural(request, "count", TASKS_MOST, &form->count, why);
    if (rc == NAVE_OK)
        rc = nv_request_natural(request, "in_size", SIZE_MAX, &form->in_size, why);
    if (rc == NAVE_OK)
        rc = nv_request_natural(request, "out_size", BYTES_MOST, &form->out_size, why);
    if (rc == NAVE_OK)
        rc = nv_request_truth(request, "each", &form->each, why);
    if (rc == NAVE_OK)
        rc = read_policy(request, form, why);
    if (rc == NAVE_OK)
        rc = nv_request_ranks(request, "engines", &form->engines, &form->engine_count, why);
    if (rc != NAVE_OK)
        return rc;
    if (form->each)
        form->count = 1;
    if (form->in_size > 0 ? letter->data_size / form->in_size != form->count ||
                                letter->data_size % form->in_size != 0
                          : letter->data_size > 0)
        return nv_why(why, NAVE_ESIZE, "inputs of %zu bytes in all, not %llu times %llu",
                      letter->data_size, (unsigned long long)form->count,
                      (unsigned long long)form->in_size);
    return NAVE_OK;
}

/* The sizes are those of the kernel's signature, if it has one: it does not look. */
static int check_sizes(const struct nv_door *door, struct order_form *form)
{
    const struct nv_kernels *kernels = &door->hub->ctx->kernels;
    int id = nv_kernels_find(kernels, form->kernel), rc = NAVE_OK;
    struct nv_signature signature;
    if (id < NV_KERNEL_OWN || kernels->signatures[id] == NULL)
        return NAVE_OK; /* the call will tell of a kernel that is not there */
    rc = nv_signature_parse(kernels->signatures[id], &signature, door->why.text, door->why.room);
    if (rc != NAVE_OK)
        return rc;
    if (form->out_size == 0 && !signature.out.open)
        form->out_size = signature.out.size;
    if (!nv_signature_fits(&signature.in, (size_t)form->in_size))
        rc = nv_why(door->why, NAVE_ESIZE, "'%s' takes %zu byte%s%s, not %llu (%s)", form->kernel,
                    signature.in.size, signature.in.size == 1 ? "" : "s",
                    signature.in.open ? " and more" : "", (unsigned long long)form->in_size,
                    kernels->signatures[id]);
    else if (!signature.out.open && form->out_size != signature.out.size)
        rc = nv_why(door->why, NAVE_ESIZE, "'%s' gives %zu byte%s, not %llu (%s)", form->kernel,
                    signature.out.size, signature.out.size == 1 ? "" : "s",
                    (unsigned long long)form->out_size, kernels->signatures[id]);
    nv_signature_release(&signature);
    return rc;
}

static int make_view(struct nv_door *door, const struct order_form *form, nave_view **view)
{
    nave *ctx = door->hub->ctx;
    nave_policy policy = form->policy;
    int rc;
    if (form->each) {
        rc = nv_view_direct(ctx, form->engines, form->engine_count, &policy, view);
    } else {
        policy.engines = form->engines;
        policy.engine_count = form->engine_count;
        rc = nave_balanced(ctx, &policy, view);
    }
    if (rc == NAVE_OK)
        (*view)->outside = true;
    return rc;
}

/* The letter's bytes become the call's inputs. */
static int begin(struct nv_door *door, struct nv_letter *letter, const struct order_form *form,
                 nave_future **future)
{
    struct nv_future_spec spec = {.kernel = form->kernel, .count = form->count};
    int rc = make_view(door, form, &spec.view);
    if (rc != NAVE_OK)
        return rc;
    spec.input = (struct nv_input){.kind = form->each ? NV_IN_SHARED : NV_IN_ARRAY,
                                   .base = letter->data,
                                   .size = (size_t)form->in_size,
                                   .owned = letter->data};
    letter->data = NULL;
    spec.output = (struct nv_output){
        .kind = NV_OUT_KEEP, .size = (size_t)form->out_size, .budget = &door->budget};
    if (form->each)
        spec.count = spec.view->count;
    rc = nv_future_begin(&spec, future);
    nave_view_free(spec.view);
    return rc;
}

/* Whether there is room for what the call will leave; its bytes. */
static int weigh(struct nv_door *door, const struct nv_letter *letter,
                 const struct order_form *form, uint64_t *bytes)
{
    uint64_t tasks = form->each ? door->hub->engines->count : form->count;
    *bytes = letter->data_size + tasks * (form->out_size + TASK_BYTES);
    door->budget.most = BYTES_MOST;
    if (form->out_size <= BYTES_MOST / (tasks + 1) && door->budget.used + *bytes <= BYTES_MOST)
        return NAVE_OK;
    return nv_why(door->why, NAVE_ENOMEM,
                  "calls from outside hold %llu bytes, %d at most: let finished ones be forgotten "
                  "(nave forget)",
                  (unsigned long long)door->budget.used, BYTES_MOST);
}

static int start(struct nv_door *door, struct nv_letter *letter, const struct order_form *form,
                 struct nv_answer *answer)
{
    struct nv_outside *call;
    uint64_t bytes;
    int rc = weigh(door, letter, form, &bytes);
    if (rc != NAVE_OK)
        return rc;
    call = calloc(1, sizeof *call);
    if (call == NULL)
        return nv_why(door->why, NAVE_ENOMEM, "no memory for a call");
    rc = begin(door, letter, form, &call->future);
    if (rc != NAVE_OK) {
        free(call);
        return rc;
    }
    call->bytes = bytes;
    call->next = door->outside;
    door->outside = call;
    door->budget.used += bytes;
    door->untold++;
    nv_door_event(door, "submit", "call %llu: %llu task%s of '%s'",
                  (unsigned long long)call->future->number, (unsigned long long)call->future->count,
                  call->future->count == 1 ? "" : "s", form->kernel);
    cJSON_AddNumberToObject(answer->object, "call", (double)call->future->number);
    return NAVE_OK;
}

int nv_serve_submit(struct nv_door *door, struct nv_letter *letter, struct nv_answer *answer)
{
    struct order_form form;
    int rc = read_form(letter, &form, door->why);
    if (rc == NAVE_OK && door->stopping)
        rc = nv_why(door->why, NAVE_EDRAINED, "the farm is to end; no more tasks are begun");
    if (rc == NAVE_OK)
        rc = check_sizes(door, &form);
    if (rc == NAVE_OK)
        rc = start(door, letter, &form, answer);
    free(form.engines);
    return rc;
}

/* ------------------------------------------------------------------------------------ what becomes */

bool nv_door_has(const struct nv_door *door, const nave_future *future)
{
    const struct nv_outside *call = door != NULL ? door->outside : NULL;
    while (call != NULL && call->future != future)
        call = call->next;
    return call != NULL;
}

void nv_outside_drain(struct nv_door *door)
{
    for (struct nv_outside *call = door->outside; call != NULL; call = call->next)
        nv_future_drain(call->future);
}

void nv_outside_look(struct nv_door *door)
{
    for (struct nv_outside *call = door->outside; call != NULL && door->untold > 0;
         call = call->next) {
        const struct nv_ledger *ledger = &call->future->ledger;
        if (call->told || !call->future->complete)
            continue;
        call->told = true;
        door->untold--;
        door->fetched = nv_hub_time(door->hub); /* whoever waits may fetch now */
        nv_door_event(door, "complete", "call %llu: %llu succeeded, %llu failed, %llu cancelled",
                      (unsigned long long)call->future->number,
                      (unsigned long long)ledger->succeeded, (unsigned long long)ledger->failed,
                      (unsigned long long)ledger->cancelled);
    }
}

void nv_outside_release(struct nv_door *door)
{
    while (door->outside != NULL) {
        struct nv_outside *call = door->outside;
        door->outside = call->next;
        free(call); /* its future goes with the farm */
    }
}

static int look_for_call(struct nv_door *door, struct nv_later *later, struct nv_answer *answer)
{
    nave_future *future = nv_door_call(door, later->call);
    if (future == NULL)
        return NAVE_EINVAL;
    if (!future->complete && !nv_later_over(door, later))
        return NV_LATER;
    nv_show_call(door, future, answer->object);
    return NAVE_OK;
}

int nv_serve_wait(struct nv_door *door, struct nv_letter *letter, struct nv_answer *answer)
{
    uint64_t number = 0;
    double seconds = 0;
    nave_future *future;
    struct nv_later *later;
    int rc = nv_request_natural(&letter->request, "call", UINT64_MAX, &number, door->why);
    if (rc == NAVE_OK)
        rc = nv_request_real(&letter->request, "seconds", 0, &seconds, door->why);
    if (rc != NAVE_OK)
        return rc;
    future = nv_door_call(door, number);
    if (future == NULL)
        return NAVE_EINVAL;
    door->fetched = nv_hub_time(door->hub);
    if (future->complete || seconds == 0) {
        nv_show_call(door, future, answer->object);
        return NAVE_OK;
    }
    later = nv_door_later(door, letter, seconds, look_for_call);
    if (later == NULL)
        return NAVE_ENOMEM;
    later->call = number;
    return NV_LATER;
}

/* --------------------------------------------------------------------------------------- results */

/* Results that lie in the program's own array. */
static void find_in_array(const nave_future *future, nave_record *record)
{
    if (record->state != NAVE_SUCCEEDED || record->data != NULL ||
        future->output.kind != NV_OUT_ARRAY || future->output.base == NULL)
        return;
    record->size = future->output.size;
    record->data = future->output.base + record->index * future->output.size;
}

/* Whether a task has a result; which is then in the record. */
static bool find_result(const nave_future *future, uint64_t index, nave_record *record)
{
    if (nv_ledger_state(&future->ledger, index) != NAVE_SUCCEEDED ||
        nv_ledger_was_read(&future->ledger, index))
        return false;
    nv_ledger_record(&future->ledger, index, record);
    find_in_array(future, record);
    return record->data != NULL || record->size == 0;
}

/* The sizes of the results behind one, as many as `limit` bytes have room for; how many bytes they are. */
static size_t list_more(const nave_future *future, uint64_t index, uint64_t count, uint64_t limit,
                        cJSON *sizes)
{
    size_t total = 0;
    nave_record record;
    for (uint64_t i = index + 1; i <= index + count && i < future->count; i++) {
        if (!find_result(future, i, &record) || record.size > limit - total)
            break;
        total += record.size;
        cJSON_AddItemToArray(sizes, cJSON_CreateNumber((double)record.size));
    }
    return total;
}

/* A result and those behind it, one after the other. */
static int give_many(struct nv_door *door, const nave_future *future, const nave_record *record,
                     uint64_t count, uint64_t limit, struct nv_answer *answer)
{
    cJSON *sizes = cJSON_AddArrayToObject(answer->object, "more");
    size_t more = list_more(future, record->index, count, limit - record->size, sizes);
    int listed = cJSON_GetArraySize(sizes);
    char *at = malloc(record->size + more + 1);
    if (at == NULL)
        return nv_why(door->why, NAVE_ENOMEM, "no memory for %zu bytes", record->size + more);
    answer->data = at;
    answer->size = record->size + more;
    for (int i = 0; i <= listed; i++) {
        nave_record one;
        if (find_result(future, record->index + (uint64_t)i, &one) && one.size > 0)
            at = (char *)memcpy(at, one.data, one.size) + one.size;
    }
    return NAVE_OK;
}

/* The bytes of a result, of a piece of it, or of it and some behind it. */
static int give_bytes(struct nv_door *door, const struct nv_letter *letter,
                      const nave_future *future, const nave_record *record,
                      struct nv_answer *answer)
{
    uint64_t offset = 0, limit = NV_PIECE_MAX, more = 0;
    int rc = nv_request_natural(&letter->request, "offset", UINT64_MAX, &offset, door->why);
    if (rc == NAVE_OK)
        rc = nv_request_natural(&letter->request, "limit", NV_PIECE_MAX, &limit, door->why);
    if (rc == NAVE_OK)
        rc = nv_request_natural(&letter->request, "more", MORE_MOST, &more, door->why);
    if (rc != NAVE_OK)
        return rc;
    cJSON_AddNumberToObject(answer->object, "size", (double)record->size);
    if (more > 0 && offset == 0 && record->state == NAVE_SUCCEEDED && record->size <= limit)
        return give_many(door, future, record, more, limit, answer);
    return nv_answer_bytes(door, answer, record->data, record->size, offset, limit);
}

static int give_result(struct nv_door *door, const struct nv_letter *letter, nave_future *future,
                       uint64_t index, struct nv_answer *answer)
{
    nave_record record;
    size_t output_size;
    const char *output = nv_kept_get(&future->outputs, index, &output_size);
    if (nv_ledger_was_read(&future->ledger, index))
        return nv_why(door->why, NAVE_EINVAL, "the program has read that result, and it is gone");
    nv_ledger_record(&future->ledger, index, &record);
    find_in_array(future, &record);
    cJSON_AddStringToObject(answer->object, "state", nv_show_state(record.state));
    cJSON_AddStringToObject(answer->object, "kernel",
                            door->hub->ctx->kernels.names[future->kernel]);
    if (record.state == NAVE_FAILED) {
        cJSON_AddNumberToObject(answer->object, "task_code", record.code);
        cJSON_AddStringToObject(answer->object, "message", record.message);
        cJSON_AddNumberToObject(answer->object, "engine", record.engine);
    }
    if (output != NULL)
        cJSON_AddStringToObject(answer->object, "output", output);
    return give_bytes(door, letter, future, &record, answer);
}

static int look_for_result(struct nv_door *door, struct nv_later *later, struct nv_answer *answer)
{
    nave_future *future = nv_door_call(door, later->call);
    if (future == NULL)
        return NAVE_EINVAL;
    if (nv_ledger_state(&future->ledger, later->index) <= NAVE_RUNNING && !future->complete &&
        !nv_later_over(door, later))
        return NV_LATER;
    return give_result(door, later->letter, future, later->index, answer);
}

int nv_serve_result(struct nv_door *door, struct nv_letter *letter, struct nv_answer *answer)
{
    uint64_t call, index;
    double seconds = 0;
    nave_future *future;
    struct nv_later *later;
    int rc = nv_request_task(&letter->request, &call, &index, door->why);
    if (rc == NAVE_OK)
        rc = nv_request_real(&letter->request, "seconds", 0, &seconds, door->why);
    if (rc != NAVE_OK)
        return rc;
    future = nv_door_call(door, call);
    if (future == NULL)
        return NAVE_EINVAL;
    door->fetched = nv_hub_time(door->hub);
    if (index >= future->count || future->fold != NULL)
        return nv_why(door->why, NAVE_EINVAL,
                      future->fold != NULL ? "call %llu is a reduction; its tasks have no results"
                                           : "call %llu has no such task",
                      (unsigned long long)call);
    if (nv_ledger_state(&future->ledger, index) > NAVE_RUNNING || seconds == 0)
        return give_result(door, letter, future, index, answer);
    later = nv_door_later(door, letter, seconds, look_for_result);
    if (later == NULL)
        return NAVE_ENOMEM;
    later->call = call;
    later->index = index;
    return NV_LATER;
}

/* --------------------------------------------------------------------------------- cancel, forget */

/* How many of a call's tasks run on to their end.  Not all that an engine has: it runs one at a time, and drops the
 * rest; guarded ones end with their process. */
static uint64_t run_on(const nave_future *future)
{
    uint64_t engines = future->hub->engines->count;
    nave_counts counts;
    nave_count(future, &counts);
    if (future->complete || future->view->policy.guard)
        return 0;
    return counts.running < engines ? counts.running : engines;
}

int nv_serve_cancel(struct nv_door *door, struct nv_letter *letter, struct nv_answer *answer)
{
    uint64_t number = 0;
    nave_future *future;
    int rc = nv_request_natural(&letter->request, "call", UINT64_MAX, &number, door->why);
    if (rc != NAVE_OK)
        return rc;
    future = nv_door_call(door, number);
    if (future == NULL)
        return NAVE_EINVAL;
    nv_door_event(door, "cancel", "call %llu", (unsigned long long)number);
    rc = nave_cancel(future);
    if (rc == NAVE_OK)
        cJSON_AddNumberToObject(answer->object, "running", (double)run_on(future));
    return rc;
}

int nv_serve_forget(struct nv_door *door, struct nv_letter *letter, struct nv_answer *answer)
{
    uint64_t number = 0;
    struct nv_outside **link = &door->outside, *call;
    int rc = nv_request_natural(&letter->request, "call", UINT64_MAX, &number, door->why);
    (void)answer;
    if (rc != NAVE_OK)
        return rc;
    while (*link != NULL && (*link)->future->number != number)
        link = &(*link)->next;
    call = *link;
    if (call == NULL)
        return nv_why(door->why, NAVE_EINVAL, "call %llu did not come from outside, or is gone",
                      (unsigned long long)number);
    if (!call->future->complete)
        return nv_why(door->why, NAVE_ESTATE, "call %llu is not complete; cancel it first",
                      (unsigned long long)number);
    door->budget.used -= call->bytes + call->future->beyond;
    nave_future_free(call->future);
    *link = call->next;
    door->untold -= !call->told;
    free(call);
    return NAVE_OK;
}
