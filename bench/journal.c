/* journal - how many small results does a journal take in a second?           ranks: 1
 *
 * The same results of 8 bytes by turns in one run: through lib/journal.h, as a hub does it, closing
 * included; through plain inserts into a table of two columns, a transaction for each 1000 rows; and,
 * a thousandth of them, with a transaction for each row.  All three wait until what they wrote is on
 * the disk.  Also: how long nv_journal_add() keeps its caller.
 *
 *     build/bench/journal [--tasks N] [--file FILE] [--rounds N]
 *
 * FILE is made anew each time, and removed; it should be on the disk that is asked about.
 *
 * SPDX-License-Identifier: BSD-3-Clause */
#include "bench.h"
#include "database.h"
#include "journal.h"

#include <unistd.h>

enum way { JOURNAL, ROWS, ROW, WAYS };
enum { MANY = 1000 /* rows of a transaction */, DEAR = 1000 /* of so many rows one is done */ };

static const char *const way_names[WAYS] = {"through the journal", "plain inserts, 1000 at once",
                                            "plain inserts, one at once"};
static const char *const way_keys[WAYS] = {"journal", "inserts_1000", "inserts_1"};

struct journal_bench {
    struct bench bench;
    size_t tasks;
    const char *file;
    char own[512];                       /* the file without --file */
    struct bench_series rate[WAYS], add; /* results a second; nanoseconds */
};

static void remove_file(const struct journal_bench *bench)
{
    static const char *const ends[] = {"", "-wal", "-shm", "-lock"};
    char name[600];
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        snprintf(name, sizeof name, "%s%s", bench->file, ends[i]);
        unlink(name);
    }
}

/* ---------------------------------------------------------------------------------------- ways */

static void fill_journal(struct journal_bench *bench)
{
    static struct nv_error error;
    struct nv_journal_job job = {.program = "bench", .kernels = "square 8 8\n", .ranks = 2};
    struct nv_journal_task task = {.call = 1,
                                   .count = 1,
                                   .state = NAVE_SUCCEEDED,
                                   .attempts = 1,
                                   .engine = 1,
                                   .host = "a-host",
                                   .message = "",
                                   .size = 8};
    struct nv_digest kernel = nv_digest_of("square", 6);
    struct nv_journal *journal;
    double began, spent;
    if (nv_journal_open(bench->file, &job, &error, &journal) != NAVE_OK)
        bench_fail("journal", "opening", error.text);
    nv_journal_call(journal, 1, "map", "square", bench->tasks, 8, 8);
    began = bench_seconds();
    for (uint64_t i = 0; i < bench->tasks; i++) {
        task.index = i;
        task.digest = nv_digest_then(kernel, &i, sizeof i);
        task.started = task.ended = began;
        task.data = &i;
        nv_journal_add(journal, &task);
    }
    spent = bench_seconds() - began;
    if (nv_journal_close(journal, 0, &error) != NAVE_OK)
        bench_fail("journal", "writing", error.text);
    bench_add(&bench->add, 1e9 * spent / (double)bench->tasks);
}

static void must(bool good, const struct nv_database *database)
{
    if (!good)
        bench_fail("journal", "plain inserts", nv_database_why(database));
}

static void fill_table(struct journal_bench *bench, size_t tasks, size_t at_once)
{
    struct nv_database *db = nv_database_open(bench->file, true);
    struct nv_statement *insert;
    if (db == NULL)
        bench_fail("journal", "plain inserts", "no memory");
    must(nv_database_run(db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                             "CREATE TABLE task (id INTEGER PRIMARY KEY, result BLOB)"),
         db);
    insert = nv_statement_new(db, "INSERT INTO task (result) VALUES (?1)");
    must(insert != NULL, db);
    for (uint64_t i = 0; i < tasks; i++) {
        if (i % at_once == 0)
            must(nv_database_run(db, "BEGIN"), db);
        nv_statement_bytes(insert, 1, &i, sizeof i);
        must(nv_statement_run(insert), db);
        if (i % at_once == at_once - 1 || i == tasks - 1)
            must(nv_database_run(db, "COMMIT"), db);
    }
    nv_statement_free(insert);
    nv_database_close(db);
}

static void measure(struct journal_bench *bench, enum way way)
{
    size_t tasks = way == ROW ? 1 + bench->tasks / DEAR : bench->tasks;
    double began;
    remove_file(bench);
    began = bench_seconds();
    if (way == JOURNAL)
        fill_journal(bench);
    else
        fill_table(bench, tasks, way == ROWS ? MANY : 1);
    bench_add(&bench->rate[way], (double)tasks / (bench_seconds() - began));
    remove_file(bench);
}

/* ----------------------------------------------------------------------------------- reporting */

static int run(struct journal_bench *bench)
{
    const char *folder = getenv("TMPDIR");
    if (bench->bench.rank > 0)
        return 0;
    snprintf(bench->own, sizeof bench->own, "%.400s/nave-bench-%ld.journal",
             folder != NULL ? folder : "/tmp", (long)getpid());
    if (bench->file == NULL)
        bench->file = bench->own;
    if (strlen(bench->file) >= sizeof bench->own)
        return bench_complain(&bench->bench, "--file", "the name is too long");
    if (access(bench->file, F_OK) == 0)
        return bench_complain(&bench->bench, "--file", "it is there already");
    for (size_t round = 0; round < bench->bench.rounds; round++)
        for (int way = 0; way < WAYS; way++)
            measure(bench, (enum way)way);
    for (int way = 0; way < WAYS; way++)
        bench_report("journal", way_names[way], "results/s", &bench->rate[way]);
    bench_report("journal", "nv_journal_add() and a digest", "ns", &bench->add);
    if (bench->bench.json != NULL) {
        for (int way = 0; way < WAYS; way++)
            fprintf(bench->bench.json, "%s\"%s_per_s\":%.6g", way == 0 ? "{" : ",", way_keys[way],
                    bench_median(&bench->rate[way]));
        fprintf(bench->bench.json, ",\"add_ns\":%.6g}\n", bench_median(&bench->add));
    }
    return 0;
}

int main(int argc, char **argv)
{
    static struct journal_bench bench = {.tasks = 1000000};
    const struct bench_option options[] = {
        {"--tasks", "N", "in a round (1000000); a thousandth of it one at once",
         .count = &bench.tasks, .least = 1, .most = 1e9},
        {"--file", "FILE", "to write; must not exist (in $TMPDIR)", .word = &bench.file},
    };
    int status;
    bench.bench = (struct bench){.name = "journal",
                                 .about = "how many small results does a journal take in a second?",
                                 .options = options,
                                 .option_count = sizeof options / sizeof *options,
                                 .rounds = 5};
    status = bench_start(&bench.bench, argc, argv);
    if (status >= 0)
        return status;
    return bench_end(&bench.bench, run(&bench));
}
