/* chaos - twenty thousand tasks, some of which crash, hang, leave or fail, in a job that is killed again
 * and again, and that loses engines and goes on: in the end each is accounted for once, and all results
 * are those of a serial run.
 * timeout: 400
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * Without arguments the test, which starts itself under mpirun as the job.  CHAOS_SEED in the
 * environment: another number, other moments. */
#include "nave.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#if defined(__SANITIZE_ADDRESS__)
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif

enum { TASKS = 20000, SUMS = 3000, KILLS = 6 };
enum fate { GOOD, CRASH, LEAVE, HANG, FAIL, FATES };

static uint64_t mix(uint64_t z)
{
    z += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

static enum fate fate_of(uint64_t x)
{
    uint64_t random = mix(x);
    return random % 100 == 0 ? (enum fate)(1 + random / 100 % (FATES - 1)) : GOOD;
}

static uint64_t answer_to(uint64_t x)
{
    for (int i = 0; i < 10000; i++)
        x = mix(x);
    return x;
}

static double term(uint64_t x)
{
    double sum = 0;
    for (uint64_t i = 1; i <= 20000; i++)
        sum += 1.0 / (double)(i + x);
    return sum;
}

/* ------------------------------------------------------------------------------------- the job */

static int fated(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    uint64_t x;
    (void)in_size, (void)out_size;
    memcpy(&x, in, sizeof x);
    switch (fate_of(x)) {
    case CRASH:
        abort();
    case LEAVE:
        exit(3);
    case HANG:
        for (;;)
            pause();
    case FAIL:
        return nave_fail(task, "fated");
    default:
        x = answer_to(x);
        memcpy(out, &x, sizeof x);
        return 0;
    }
}

static int add_term(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    double sum = term(nave_task_index(task));
    (void)in, (void)in_size, (void)out_size;
    memcpy(out, &sum, sizeof sum);
    return 0;
}

static const nave_kernel kernels[] = {NAVE_KERNEL(fated), NAVE_KERNEL(add_term)};

/* What the job leaves behind at its end. */
struct report {
    int codes[TASKS];
    uint64_t answers[TASKS];
    uint64_t singles[100];
    double sum;
};

static int apply_some(nave *ctx, nave_view *view, struct report *report)
{
    nave_future *futures[100];
    (void)ctx;
    for (uint64_t i = 0; i < 100; i++)
        if (nave_apply(view, "fated", &(uint64_t){1000000 + i}, 8, 8, &futures[i]) != NAVE_OK)
            return 1;
    for (uint64_t i = 0; i < 100; i++) {
        const void *data = NULL;
        int rc = nave_result(futures[i], 0, &data, NULL);
        if (rc == NAVE_OK)
            memcpy(&report->singles[i], data, 8);
        else if (rc != NAVE_ETASK)
            return 1;
        nave_future_free(futures[i]);
    }
    return 0;
}

/* The farm is open, and may lose engines from now on. */
static void tell_open(const char *folder)
{
    char name[300];
    FILE *file;
    snprintf(name, sizeof name, "%s/open", folder);
    file = fopen(name, "w");
    if (file != NULL)
        fclose(file);
}

static int hub(nave *ctx, void *arg)
{
    static struct report report;
    static uint64_t in[TASKS];
    nave_view *view, *plain;
    nave_future *future;
    char name[300];
    FILE *file;
    int rc;
    tell_open(arg);
    for (uint64_t i = 0; i < TASKS; i++)
        in[i] = i;
    nave_balanced(ctx, &(nave_policy){.guard = 1, .time_limit = 0.1}, &view);
    nave_balanced(ctx, NULL, &plain);
    rc = nave_map_start(view, "fated", in, 8, report.answers, 8, TASKS, &future);
    if (rc != NAVE_OK || nave_wait(future, -1) != NAVE_ETASK)
        return 1;
    for (size_t i = 0; i < TASKS; i++) {
        nave_record record;
        if (nave_task_record(future, i, &record) != NAVE_OK)
            return 1;
        report.codes[i] = record.state == NAVE_SUCCEEDED ? 0 : record.code;
    }
    nave_future_free(future);
    if (nave_map_reduce(plain, "add_term", NULL, 0, SUMS, &report.sum, 1, MPI_DOUBLE, MPI_SUM) !=
            NAVE_OK ||
        apply_some(ctx, view, &report) != 0)
        return 1;
    snprintf(name, sizeof name, "%s/report", (const char *)arg);
    file = fopen(name, "wb");
    return file != NULL && fwrite(&report, sizeof report, 1, file) == 1 && fclose(file) == 0 ? 0
                                                                                             : 1;
}

/* Each rank tells its number, to be killed by. */
static void tell_pid(const char *folder, int rank)
{
    char name[300];
    FILE *file;
    snprintf(name, sizeof name, "%s/pid.%d", folder, rank);
    file = fopen(name, "w");
    if (file == NULL)
        return;
    fprintf(file, "%ld\n", (long)getpid());
    fclose(file);
}

static int run_job(char **argv)
{
    char journal[300];
    int rank, rc;
    nave_options opt = {.kernels = kernels,
                        .kernel_count = 2,
                        .log = nave_log_stderr,
                        .program = "chaos",
                        .journal = journal};
    MPI_Init(NULL, NULL);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    snprintf(journal, sizeof journal, "%s/farm.db", argv[2]);
    tell_pid(argv[2], rank);
    rc = nave_run(MPI_COMM_WORLD, &opt, hub, argv[2]);
    nave_finalize();
    return rc != 0;
}

/* ------------------------------------------------------------------------------------ the test */

static const char *self;
static char folder[200];

static void nap(double seconds)
{
    struct timespec time = {(time_t)seconds, (long)((seconds - (time_t)seconds) * 1e9)};
    while (nanosleep(&time, &time) != 0)
        continue;
}

static pid_t start_job(int ranks)
{
    const char *source = getenv("NAVE_SRC");
    char launcher[300], number[16];
    pid_t pid;
    snprintf(launcher, sizeof launcher, "%s/test/mpirun", source != NULL ? source : ".");
    snprintf(number, sizeof number, "%d", ranks);
    pid = fork();
    if (pid == 0) {
        int log = open("/dev/null", O_WRONLY);
        dup2(log, STDERR_FILENO);
        dup2(log, STDOUT_FILENO);
        execl(launcher, launcher, "-np", number, self, "job", folder, (char *)NULL);
        _exit(127);
    }
    return pid;
}

/* The process of a rank, 0: it has not told. */
static pid_t pid_of(int rank)
{
    char name[300];
    char line[32] = "";
    FILE *file;
    snprintf(name, sizeof name, "%s/pid.%d", folder, rank);
    file = fopen(name, "r");
    if (file == NULL)
        return 0;
    if (fgets(line, sizeof line, file) == NULL)
        line[0] = '\0';
    fclose(file);
    return (pid_t)strtol(line, NULL, 10);
}

/* Whatever was killed, nothing of the job is left. */
static void end_rest(pid_t launcher, int ranks)
{
    kill(launcher, SIGKILL);
    waitpid(launcher, NULL, 0);
    for (int rank = 0; rank < ranks; rank++) {
        pid_t pid = pid_of(rank);
        char name[300];
        if (pid > 0)
            kill(pid, SIGKILL);
        while (pid > 0 && kill(pid, 0) == 0)
            nap(0.01);
        snprintf(name, sizeof name, "%s/pid.%d", folder, rank);
        unlink(name);
    }
}

static void kill_at_random(uint64_t seed)
{
    static const int sizes[] = {2, 4, 3, 1};
    int ranks = sizes[seed % 4], which = (int)(mix(seed) % (uint64_t)(ranks + 1)) - 1;
    pid_t launcher = start_job(ranks), victim;
    nap(0.7 + (double)(mix(seed * 7) % 1500) * 1e-3);
    victim = which < 0 ? launcher : pid_of(which);
    if (victim > 0)
        kill(victim, SIGKILL);
    nap(which > 0 ? 0.6 : 0.1); /* without an engine the job goes on */
    end_rest(launcher, ranks);
}

static void remove_from(const char *what)
{
    char name[300];
    snprintf(name, sizeof name, "%s/%s", folder, what);
    unlink(name);
}

/* A rank that dies before ends the job.  Gives up after a minute; then the report will be missing. */
static void await_open(void)
{
    char name[300];
    snprintf(name, sizeof name, "%s/open", folder);
    for (int i = 0; i < 6000 && access(name, F_OK) != 0; i++)
        nap(0.01);
}

/* The job goes to its end, while so many of its engines are killed. */
static int finish_job(int ranks, int deaths)
{
    int status = 0;
    pid_t launcher;
    remove_from("report");
    remove_from("open");
    launcher = start_job(ranks);
    await_open();
    for (int rank = 1; rank <= deaths; rank++) {
        pid_t victim;
        nap(0.8);
        victim = pid_of(rank);
        if (victim > 0)
            kill(victim, SIGKILL);
    }
    while (waitpid(launcher, &status, 0) < 0 && errno == EINTR)
        continue;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void check_report(void)
{
    static const int codes[FATES] = {0, NAVE_ECRASH, NAVE_ECRASH, NAVE_ETIMEDOUT, NAVE_ETASK};
    static struct report report;
    char name[300];
    double sum = 0;
    FILE *file;
    snprintf(name, sizeof name, "%s/report", folder);
    file = fopen(name, "rb");
    assert_non_null(file);
    assert_int_equal(fread(&report, sizeof report, 1, file), 1);
    fclose(file);
    for (uint64_t i = 0; i < TASKS; i++) {
        assert_int_equal(report.codes[i], codes[fate_of(i)]);
        assert_int_equal(report.answers[i], fate_of(i) == GOOD ? answer_to(i) : 0);
    }
    for (uint64_t i = 0; i < 100; i++) {
        bool good = fate_of(1000000 + i) == GOOD;
        assert_int_equal(report.singles[i], good ? answer_to(1000000 + i) : 0);
    }
    for (uint64_t i = 0; i < SUMS; i++)
        sum += term(i);
    assert_memory_equal(&sum, &report.sum, sizeof sum);
}

static void all_is_accounted_for(void **state)
{
    const char *text = getenv("CHAOS_SEED");
    uint64_t seed = text != NULL ? strtoul(text, NULL, 10) * KILLS : 0;
    (void)state;
    for (int i = 0; i < KILLS; i++)
        kill_at_random(++seed);
    assert_int_equal(finish_job(4, 2), 0);
    check_report();
}

/* All of it is in the journal now. */
static void nothing_is_run_twice(void **state)
{
    (void)state;
    assert_int_equal(finish_job(2, 0), 0);
    check_report();
}

static int make_folder(void **state)
{
    const char *parent = getenv("TMPDIR");
    (void)state;
    snprintf(folder, sizeof folder, "%s/chaos.XXXXXX", parent != NULL ? parent : "/tmp");
    return mkdtemp(folder) != NULL ? 0 : -1;
}

static int remove_folder(void **state)
{
    static const char *const names[] = {"farm.db",      "farm.db-wal", "farm.db-shm",
                                        "farm.db-lock", "report",      "open"};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        remove_from(names[i]);
    for (int rank = 0; rank < 4; rank++) {
        char name[300];
        snprintf(name, sizeof name, "%s/pid.%d", folder, rank);
        unlink(name);
    }
    return rmdir(folder);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_is_accounted_for),
        cmocka_unit_test(nothing_is_run_twice),
    };
    self = argv[0];
    setenv("OMPI_MCA_orte_enable_recovery", "1", 1); /* as mpirun --enable-recovery */
    if (SANITIZED) {
        puts("the job is an MPI program, of which sanitizers report MPI's own leaks");
        return 77;
    }
    if (argc == 3 && strcmp(argv[1], "job") == 0)
        return run_job(argv);
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
