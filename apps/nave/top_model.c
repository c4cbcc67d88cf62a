#include "top_model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A rate is over so many seconds, or as long as so many tasks take, but no longer than that. */
#define SMOOTH_SECONDS 4.0
#define SMOOTH_TASKS 4.0
#define SMOOTH_MOST 600.0

void top_poll_release(top_poll *poll)
{
    free(poll->engines);
    free(poll->list);
    free(poll->values);
    *poll = (top_poll){0};
}

void top_model_release(top_model *model)
{
    top_poll_release(&model->now);
}

/* A fixed time would make of one task in five minutes a peak and then nothing. */
double top_smooth(double rate, double now, double seconds)
{
    double most = fmax(rate, now);
    double over = most > 0 ? SMOOTH_TASKS / most : SMOOTH_SECONDS;
    over = fmin(fmax(over, SMOOTH_SECONDS), SMOOTH_MOST);
    return rate + (now - rate) * (1 - exp(-seconds / over));
}

static double finished(const top_counts *tasks)
{
    return tasks->succeeded + tasks->failed;
}

/* A kernel's seconds are known when it has returned.  One that works on a task all the time since the
 * last poll has nothing to show for it yet. */
static double use_of(const top_engine *engine, const top_engine *before, double seconds, int paused)
{
    double use = (engine->seconds - before->seconds) / seconds;
    if (engine->done == before->done && engine->tasks > 0 && before->tasks > 0 && !paused)
        return 1;
    return fmin(fmax(use, 0), 1);
}

static void compare_engine(top_engine *engine, const top_engine *before, double seconds, int paused)
{
    engine->rate = before->rate;
    engine->use = before->use;
    if (seconds <= 0)
        return;
    engine->rate =
        top_smooth(before->rate, fmax(engine->done - before->done, 0) / seconds, seconds);
    engine->use = use_of(engine, before, seconds, paused);
}

/* Of an engine that is new, as of all at first, the mean since the job began. */
static void begin_engine(top_engine *engine, double time)
{
    engine->rate = time > 0 ? engine->done / time : 0;
    engine->use = time > 0 ? fmin(fmax(engine->seconds / time, 0), 1) : 0;
}

static void compare_engines(top_poll *now, const top_poll *before)
{
    int paused = strcmp(now->state, "paused") == 0;
    size_t at = 0;
    for (size_t i = 0; i < now->engine_count; i++) {
        top_engine *engine = &now->engines[i];
        while (at < before->engine_count && before->engines[at].rank < engine->rank)
            at++;
        if (at < before->engine_count && before->engines[at].rank == engine->rank)
            compare_engine(engine, &before->engines[at], now->time - before->time, paused);
        else
            begin_engine(engine, now->time);
    }
}

void top_model_take(top_model *model, top_poll *poll)
{
    double seconds = poll->time - model->now.time;
    double done = finished(&poll->tasks) - finished(&model->now.tasks);
    if (model->now.time <= 0)
        model->rate = poll->time > 0 ? done / poll->time : 0;
    else if (seconds > 0)
        model->rate = top_smooth(model->rate, fmax(done, 0) / seconds, seconds);
    compare_engines(poll, &model->now);
    top_poll_release(&model->now);
    model->now = *poll;
    *poll = (top_poll){0};
}

double top_left(const top_model *model)
{
    double tasks = model->now.tasks.waiting + model->now.tasks.running;
    return tasks > 0 && model->rate > 0 && strcmp(model->now.state, "paused") != 0
               ? tasks / model->rate
               : -1;
}

double top_done(const top_counts *tasks)
{
    double done = finished(tasks) + tasks->cancelled;
    double all = done + tasks->waiting + tasks->running;
    return all > 0 ? done / all : 0;
}

static int continues(char byte)
{
    return ((unsigned char)byte & 0xC0) == 0x80;
}

void top_text(char *to, size_t room, const char *from)
{
    size_t size = strlen(from);
    if (size >= room) {
        size = room - 1;
        while (size > 0 && continues(from[size]))
            size--;
    }
    for (size_t i = 0; i < size; i++) {
        unsigned char byte = (unsigned char)from[i];
        to[i] = byte < ' ' || byte == 127 ? '?' : from[i];
    }
    to[size] = '\0';
}
