/* Drives the scheduler by bytes: each asks for an event, the next ones say which.  All that it
 * sends is held against the model, which aborts at the first promise that is not kept. */
#include "sched_asked.h"

#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct bytes {
    const uint8_t *at, *end;
};

static unsigned take(struct bytes *bytes)
{
    return bytes->at < bytes->end ? *bytes->at++ : 0;
}

static double costs[MODEL_TASKS]; /* falling, with nothing at the end */

static void choose_policy(struct model *model, struct bytes *bytes, struct nv_job_spec *spec)
{
    unsigned policy = take(bytes);
    spec->placing = (enum nv_placing)((policy & 15) % (NV_LOCALITY + 1));
    spec->priority = (int)(policy >> 4 & 3) - 1;
    spec->costs = policy >> 6 & 1 ? costs : NULL;
    if (spec->placing == NV_LOCALITY && policy >> 7)
        spec->near = model->sets[take(bytes) % MODEL_SETS];
}

static void add_job(struct model *model, struct bytes *bytes)
{
    static const uint64_t sizes[] = {1, 3, 16, 1000};
    int named[MODEL_ENGINES];
    unsigned kind = take(bytes), wish = take(bytes);
    uint64_t total = take(bytes) * (kind & 1 ? 4 : 1);
    struct nv_job_spec spec = {.kernel = kind >> 1 & 3,
                               .count = total,
                               .max_chunk = sizes[kind >> 3 & 3],
                               .chunk = wish & 7,
                               .window = wish >> 3 & 3};
    if (kind >> 5 & 1) {
        unsigned first = take(bytes), count = take(bytes);
        spec.named_count = 1 + count % (unsigned)model->engine_count;
        spec.named = named;
        for (size_t j = 0; j < spec.named_count; j++)
            named[j] = (int)((first + j) % (unsigned)model->engine_count);
    } else {
        spec.engines = model->sets[take(bytes) % MODEL_SETS];
        spec.open = kind >> 6 & 1;
    }
    if (spec.open)
        spec.count = take(bytes);
    else
        spec.block = wish >> 5;
    choose_policy(model, bytes, &spec);
    model_add(model, &spec, total);
}

static void answer(struct model *model, struct bytes *bytes)
{
    static const double times[] = {0, 1e-9, 1e-6, 1e-4, 1e-3, 5e-3, 1, 1e9};
    int number = (int)(take(bytes) % (unsigned)model->engine_count);
    unsigned how = take(bytes);
    struct model_engine *engine = &model->engines[number];
    if (engine->count == 0)
        return;
    size_t c = how & 8 ? take(bytes) % engine->count : 0;
    uint64_t skip = engine->capacity > 1 && how & 64 ? take(bytes) % engine->chunks[c].left : 0;
    uint64_t row = model_row(engine, c) - skip;
    uint64_t count = how & 16 ? 1 + take(bytes) % row : row;
    model_answer_within(model, number, c, skip, count,
                        how & 32 ? -1 : times[how & 7] * (double)count);
}

/* What an engine was asked for comes back, some of it or all, before anything is asked anew. */
static void recall(struct model *model, struct bytes *bytes, double *now)
{
    unsigned how = take(bytes);
    for (int e = 0; e < model->engine_count && how & 1; e++)
        if (model->engines[e].asked)
            model_return(model, e, model_can_return(model, e) / (1 + (how >> 1 & 3)));
    model_drain(model);
    *now += 1e-4 * (double)(1 << (how >> 3 & 15));
    model_recall(model, *now);
}

static void change_engine(struct model *model, struct bytes *bytes, int number)
{
    unsigned how = take(bytes);
    if (how & 1)
        model_engine_add(model, number, 1 + (how >> 1) % MODEL_CAPACITY);
    else if (how & 2)
        model_engine_hold(model, number, how >> 2 & 1);
    else
        model_engine_last(model, number);
}

static void event(struct model *model, struct bytes *bytes, double *now)
{
    unsigned what = take(bytes);
    int number = (int)(take(bytes) % MODEL_JOBS);
    switch (what % 8) {
    case 0:
        add_job(model, bytes);
        break;
    case 1:
        model_cancel(model, number);
        model_reap(model, &model->jobs[number]);
        break;
    case 2:
        if (model->jobs[number].live && model->jobs[number].spec.open)
            model_extend(model, number, model->jobs[number].answered + take(bytes));
        break;
    case 3:
        change_engine(model, bytes, number % model->engine_count);
        break;
    case 4:
        recall(model, bytes, now);
        break;
    default:
        answer(model, bytes);
    }
    if (what & 8) /* or not yet: then two events come together */
        model_drain(model);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct model model;
    struct bytes bytes = {data, data + size};
    unsigned engines = take(&bytes);
    double now = 0;
    for (size_t t = 0; t < MODEL_TASKS; t++)
        costs[t] = t < MODEL_TASKS / 2 ? 1 / (1.0 + (double)t) : 0;
    model_init(&model, 1 + (int)(engines % MODEL_ENGINES), take(&bytes));
    while (bytes.at < bytes.end && model.broken == NULL)
        event(&model, &bytes, &now);
    model_drain(&model);
    model_release(&model);
    if (model.broken != NULL) {
        fprintf(stderr, "sched_model.h:%d: %s\n", model.line, model.broken);
        abort();
    }
    return 0;
}
