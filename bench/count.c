/* count - how fast are the sequences of k digits counted?
 *
 * Each path of counting beside a plain loop over the bytes and beside a copy of the memory, in one
 * run: reading from the page cache in pieces included ("read"), and from memory.  GB/s of file
 * bytes on one core, minimum, median and maximum of the rounds.
 *
 * usage: count [mebibytes] [rounds] [seed] */
#include "parallelpi/count.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { PIECE = 128 * 1024, MAX_ROUNDS = 101 };

typedef struct workload {
    int file;             /* the same bytes as `bytes` */
    unsigned char *bytes; /* size + PI_SLACK */
    size_t size;
    unsigned char *buffer;
    uint64_t *counts;
    int k;
    int from_file;
    const pi_path *path;
} workload;

typedef uint64_t work(workload *w);

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static const unsigned char *piece_at(workload *w, size_t at, size_t size)
{
    if (!w->from_file)
        return w->bytes + at;
    if (pread(w->file, w->buffer, size, (off_t)at) != (ssize_t)size) {
        perror("count: read");
        exit(1);
    }
    return w->buffer;
}

static size_t piece_size(const workload *w, size_t at)
{
    return w->size - at < PIECE ? w->size - at : PIECE;
}

/* A counter a mebibyte, as in the program. */
static uint64_t count_by_path(workload *w)
{
    static pi_counter counter;
    const size_t range = 1024 * 1024;

    for (size_t begin = 0; begin < w->size; begin += range) {
        size_t end = w->size - begin < range ? w->size : begin + range;
        pi_counter_init(&counter, w->path, w->k, w->counts);
        for (size_t at = begin; at < end; at += PIECE) {
            size_t size = piece_size(w, at);
            pi_counter_feed(&counter, piece_at(w, at, size), size);
        }
        pi_counter_finish(&counter);
    }
    return w->counts[0];
}

/* What one would write first, a byte at a time; k is a constant to the compiler. */
static inline uint64_t count_bytes(workload *w, uint32_t k, uint32_t modulus)
{
    uint32_t number = 0, digit = 0, seen = 0;

    for (size_t at = 0; at < w->size; at += PIECE) {
        size_t size = piece_size(w, at);
        const unsigned char *bytes = piece_at(w, at, size);
        for (size_t i = 0; i < size; i++) {
            uint32_t before = k == 1 ? 0 : k == 2 ? digit : number % (modulus / 10);
            if (bytes[i] < '0' || bytes[i] > '9')
                continue;
            digit = (uint32_t)bytes[i] - '0';
            number = before * 10 + digit;
            if (++seen >= k)
                w->counts[number]++;
        }
    }
    return w->counts[0];
}

static uint64_t count_by_bytes(workload *w)
{
    switch (w->k) {
    case 1:
        return count_bytes(w, 1, 10);
    case 2:
        return count_bytes(w, 2, 100);
    case 3:
        return count_bytes(w, 3, 1000);
    default:
        return count_bytes(w, 4, 10000);
    }
}

static uint64_t copy(workload *w)
{
    uint64_t sum = 0;

    for (size_t at = 0; at < w->size; at += PIECE) {
        size_t size = piece_size(w, at);
        const unsigned char *bytes = piece_at(w, at, size);
        if (!w->from_file)
            memcpy(w->buffer, bytes, size);
        sum += w->buffer[at % size];
    }
    return sum;
}

static void measure(const char *what, const char *layout, work *run, workload *w, int rounds)
{
    double rate[MAX_ROUNDS] = {0};
    volatile uint64_t sink;

    for (int i = 0; i < rounds; i++) {
        double start = now();
        sink = run(w);
        rate[i] = (double)w->size / (now() - start) / 1e9;
    }
    (void)sink;
    qsort(rate, (size_t)rounds, sizeof *rate, ascending);
    printf("%-8s k=%d %-7s %-6s %6.2f %6.2f %6.2f GB/s\n", what, w->k, layout,
           w->from_file ? "read" : "memory", rate[0], rate[rounds / 2], rate[rounds - 1]);
    printf("{\"bench\":\"count\",\"what\":\"%s\",\"k\":%d,\"layout\":\"%s\",\"from\":\"%s\","
           "\"unit\":\"GB/s\",\"min\":%.3f,\"median\":%.3f,\"max\":%.3f}\n",
           what, w->k, layout, w->from_file ? "read" : "memory", rate[0], rate[rounds / 2],
           rate[rounds - 1]);
    fflush(stdout);
}

/* Random digits: all in one line, or in tens and lines of a hundred. */
static void fill(workload *w, int grouped, uint64_t seed)
{
    size_t digits = 0;

    for (size_t at = 0; at < w->size; at++) {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        if (grouped && at % 11 == 10)
            w->bytes[at] = digits % 100 == 0 ? '\n' : ' ';
        else
            w->bytes[at] = (unsigned char)('0' + (seed >> 32) % 10), digits++;
    }
    if (pwrite(w->file, w->bytes, w->size, 0) != (ssize_t)w->size) {
        perror("count: write");
        exit(1);
    }
}

static void measure_layout(workload *w, const char *layout, int rounds)
{
    const pi_path *path;

    for (w->from_file = 0; w->from_file < 2; w->from_file++) {
        w->k = 0;
        measure("copy", layout, copy, w, rounds);
        for (w->k = 1; w->k <= 4; w->k++) {
            measure("bytes", layout, count_by_bytes, w, rounds);
            for (size_t i = 0; (path = pi_path_at(i)) != NULL; i++) {
                w->path = path;
                if (path->supported())
                    measure(path->name, layout, count_by_path, w, rounds);
            }
        }
    }
}

static void measure_layouts(workload *w, int rounds, uint64_t seed)
{
    for (int grouped = 0; grouped < 2; grouped++) {
        fill(w, grouped, seed | 1);
        measure_layout(w, grouped ? "grouped" : "plain", rounds);
    }
}

/* The word of the command line at `place`, or what it is without. */
static uint64_t word(int argc, char **argv, int place, uint64_t otherwise)
{
    return argc > place ? strtoull(argv[place], NULL, 0) : otherwise;
}

int main(int argc, char **argv)
{
    uint64_t rounds = word(argc, argv, 2, 7), seed = word(argc, argv, 3, 20);
    workload w = {.size = (size_t)word(argc, argv, 1, 32) << 20};
    char name[] = "/tmp/nave-count-XXXXXX";
    int ready;

    if (rounds < 1 || rounds > MAX_ROUNDS || w.size == 0) {
        fprintf(stderr, "usage: count [mebibytes] [rounds: 1 to %d] [seed]\n", MAX_ROUNDS);
        return 2;
    }
    w.file = mkstemp(name);
    unlink(name);
    w.bytes = malloc(w.size + PI_SLACK);
    w.buffer = malloc(PIECE + PI_SLACK);
    w.counts = calloc(pi_power10(4), sizeof *w.counts);
    ready = w.file >= 0 && w.bytes != NULL && w.buffer != NULL && w.counts != NULL;
    if (ready)
        measure_layouts(&w, (int)rounds, seed);
    else
        perror("count");
    free(w.bytes);
    free(w.buffer);
    free(w.counts);
    if (w.file >= 0)
        close(w.file);
    return ready ? 0 : 1;
}
