/* virtual_events - the clock of bench/virtual.h, and the lines that messages stand in.
 *
 * Invariants.  Events come in the order of their times, and of two at one time the one that was
 * added first.  A line is in the order of arrival.
 */
#ifndef BENCH_VIRTUAL_EVENTS_H
#define BENCH_VIRTUAL_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

enum virtual_kind { VIRTUAL_RUN, VIRTUAL_DONE, VIRTUAL_RECALL, VIRTUAL_RETURNED };

struct virtual_message {
    enum virtual_kind kind;
    bool opens; /* begins a frame */
    int engine; /* the receiver's number of the sender; of the scheduler */
    uint64_t job, first, count;
    uint64_t base; /* what to add to `first` for the number of the task */
    uint64_t asked_first, asked_count;
    double seconds, at;
};

/* A line of messages in the order of their arrival. */
struct virtual_line {
    struct virtual_message *messages;
    size_t first, count, room; /* room: a power of two */
};

enum virtual_event_kind { HUB_WAKES, ENGINE_WAKES };

struct virtual_event {
    double at;
    uint64_t order;
    enum virtual_event_kind kind;
    int who;
};

/* A heap of four children each. */
struct virtual_clock {
    struct virtual_event *heap;
    size_t events, room;
    uint64_t order;
};

/* A bench can do nothing without. */
static inline void *virtual_memory(void *memory)
{
    if (memory == NULL)
        abort();
    return memory;
}

static inline bool virtual_before(const struct virtual_event *a, const struct virtual_event *b)
{
    return a->at < b->at || (a->at <= b->at && a->order < b->order);
}

static inline void virtual_add_event(struct virtual_clock *clock, double at,
                                     enum virtual_event_kind kind, int who)
{
    struct virtual_event event = {at, clock->order++, kind, who};
    size_t place = clock->events++;
    if (place == clock->room) {
        clock->room = place == 0 ? 1024 : 2 * place;
        clock->heap =
            virtual_memory(realloc(clock->heap, clock->room * sizeof(struct virtual_event)));
    }
    for (; place > 0 && virtual_before(&event, &clock->heap[(place - 1) / 4]);
         place = (place - 1) / 4)
        clock->heap[place] = clock->heap[(place - 1) / 4];
    clock->heap[place] = event;
}

/* There must be one. */
static inline struct virtual_event virtual_take_event(struct virtual_clock *clock)
{
    struct virtual_event first = clock->heap[0], last = clock->heap[--clock->events];
    size_t place = 0;
    for (;;) {
        size_t child = 4 * place + 1, best = child;
        for (size_t c = child + 1; c < child + 4 && c < clock->events; c++)
            if (virtual_before(&clock->heap[c], &clock->heap[best]))
                best = c;
        if (child >= clock->events || !virtual_before(&clock->heap[best], &last))
            break;
        clock->heap[place] = clock->heap[best];
        place = best;
    }
    clock->heap[place] = last;
    return first;
}

/* --------------------------------------------------------------------------------------- lines */

static inline struct virtual_message *virtual_first(const struct virtual_line *line)
{
    return line->count > 0 ? &line->messages[line->first] : NULL;
}

static inline void virtual_drop(struct virtual_line *line)
{
    line->first = (line->first + 1) & (line->room - 1);
    line->count--;
}

static inline void virtual_grow(struct virtual_line *line)
{
    size_t room = line->room == 0 ? 4 : 2 * line->room;
    struct virtual_message *messages = virtual_memory(malloc(room * sizeof *messages));
    for (size_t i = 0; i < line->count; i++)
        messages[i] = line->messages[(line->first + i) & (line->room - 1)];
    free(line->messages);
    *line = (struct virtual_line){messages, 0, line->count, room};
}

/* Messages of two senders may overtake each other on their way. */
static inline void virtual_put(struct virtual_line *line, const struct virtual_message *message)
{
    size_t i;
    if (line->count == line->room)
        virtual_grow(line);
    for (i = line->count++; i > 0; i--) {
        struct virtual_message *before = &line->messages[(line->first + i - 1) & (line->room - 1)];
        if (before->at <= message->at)
            break;
        line->messages[(line->first + i) & (line->room - 1)] = *before;
    }
    line->messages[(line->first + i) & (line->room - 1)] = *message;
}

#endif
