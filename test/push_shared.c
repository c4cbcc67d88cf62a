/* push_shared - large pushes, which the engines of one node share.
 * ranks: 1 2 4 16
 * SPDX-License-Identifier: BSD-3-Clause */
#ifdef __linux__
#define _GNU_SOURCE
#endif
#include "ranks.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>
#ifdef __linux__
#include <sched.h>
#include <sys/mount.h>
#endif

enum { LARGE = 300001, LARGE_FOR_TWO = (32 << 20) + 3, MOST = 34 << 20 };
static unsigned char bytes[MOST], other[MOST];

/* The least that is shared, whatever the number of engines. */
static size_t large(void)
{
    return ranks.size > 2 ? LARGE : LARGE_FOR_TWO;
}

static void fill(unsigned char *data, size_t size, unsigned seed)
{
    for (size_t i = 0; i < size; i++)
        data[i] = (unsigned char)(i * 13 + i / 4093 + seed);
}

static uint64_t sum_of(const unsigned char *data, size_t size)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < size; i++)
        sum = sum * 31 + data[i];
    return sum;
}

/* ------------------------------------------------------------------------------------- kernels */

/* What a kernel sees of the object "common". */
struct seen {
    int there;
    int segments; /* mappings of segments in this process; -1: not known */
    int named;    /* segments of this process that still have a name */
    uint64_t size, sum;
};

static int count_segments(void)
{
    char line[512];
    FILE *maps = fopen("/proc/self/maps", "r");
    int count = 0;
    if (maps == NULL)
        return -1;
    while (fgets(line, sizeof line, maps) != NULL)
        count += strstr(line, "/nave-") != NULL;
    fclose(maps);
    return count;
}

/* What this process has named and left behind.  Other farms may be at work on this machine. */
static bool left_behind(void)
{
    char ours[32];
    DIR *folder = opendir("/dev/shm");
    const struct dirent *entry;
    bool found = false;
    snprintf(ours, sizeof ours, "nave-%lx-", (unsigned long)getpid());
    while (folder != NULL && (entry = readdir(folder)) != NULL) /* NOLINT(concurrency-mt-unsafe) */
        found = found || strncmp(entry->d_name, ours, strlen(ours)) == 0;
    if (folder != NULL)
        closedir(folder);
    return found;
}

static int look(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    struct seen seen = {.segments = count_segments(), .named = left_behind()};
    size_t size = 0;
    const unsigned char *data = nave_object(task, "common", &size);
    (void)in, (void)in_size;
    seen.there = data != NULL;
    seen.size = size;
    seen.sum = data != NULL ? sum_of(data, size) : 0;
    memcpy(out, &seen, out_size < sizeof seen ? out_size : sizeof seen);
    return 0;
}

/* Changes first, last, and one byte in between in place. */
static int change(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    size_t size;
    unsigned char *data = nave_object(task, "common", &size);
    (void)in, (void)in_size, (void)out, (void)out_size;
    if (data == NULL)
        return 1;
    data[0]++;
    data[size / 2]++;
    data[size - 1]++;
    return 0;
}

/* Replaces it by a part of itself. */
static int shorten(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    const unsigned char *data = nave_object(task, "common", NULL);
    (void)in, (void)in_size, (void)out, (void)out_size;
    return data == NULL || nave_object_set(task, "common", data + 1, 1000) != NAVE_OK;
}

static int set_limit(int which, rlim_t soft)
{
    struct rlimit limit;
    if (getrlimit(which, &limit) != 0)
        return 1;
    limit.rlim_cur = soft < limit.rlim_max ? soft : limit.rlim_max;
    return setrlimit(which, &limit) != 0;
}

/* How large a file this process may write. */
static int limit(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    rlim_t soft = RLIM_INFINITY;
    (void)task, (void)out, (void)out_size;
    memcpy(&soft, in, in_size < sizeof soft ? in_size : sizeof soft);
    return set_limit(RLIMIT_FSIZE, soft);
}

enum { FILES = 256 };
static int filled[FILES], filled_count;
static struct rlimit files_before;

/* This process can open no file until empty(). */
static int fill_files(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    int fd;
    (void)task, (void)in, (void)in_size, (void)out, (void)out_size;
    if (getrlimit(RLIMIT_NOFILE, &files_before) != 0 || set_limit(RLIMIT_NOFILE, FILES) != 0)
        return 1;
    while (filled_count < FILES && (fd = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0)
        filled[filled_count++] = fd;
    return 0;
}

static int empty_files(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    (void)task, (void)in, (void)in_size, (void)out, (void)out_size;
    while (filled_count > 0)
        close(filled[--filled_count]);
    return setrlimit(RLIMIT_NOFILE, &files_before) != 0;
}

#ifdef __linux__

/* This thread is free to change what it sees of the file system.  Root only. */
static bool unshare_files(void)
{
    return unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

/* It has a /dev/shm of its own from here on, of that many bytes, as in another container. */
static int own_shm(size_t size)
{
    char options[64];
    snprintf(options, sizeof options, "size=%zu", size);
    return mount("none", "/dev/shm", "tmpfs", 0, options);
}

static int seclude(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    (void)task, (void)in, (void)in_size, (void)out, (void)out_size;
    return own_shm(MOST) != 0;
}

static int come_back(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    (void)task, (void)in, (void)in_size, (void)out, (void)out_size;
    return umount2("/dev/shm", MNT_DETACH) != 0;
}

#endif

static const nave_kernel kernels[] = {
    NAVE_KERNEL(look),    NAVE_KERNEL(change),     NAVE_KERNEL(shorten),
    NAVE_KERNEL(limit),   NAVE_KERNEL(fill_files), NAVE_KERNEL(empty_files),
#ifdef __linux__
    NAVE_KERNEL(seclude), NAVE_KERNEL(come_back),
#endif
};
static const nave_options opt = {.kernels = kernels,
                                 .kernel_count = sizeof kernels / sizeof *kernels};

/* -------------------------------------------------------------------------------------- checks */

enum { ANY = -1, NONE = 0, SHARED = 1 };

/* All engines of the view have these bytes; `shared`: as a mapping of a segment, as one of their
 * own, or either.  (The maps of a process can be read on Linux only.) */
static void check(nave_view *view, const void *data, size_t size, int shared)
{
    nave_future *future;
    nave_counts counts;
    uint64_t sum = data != NULL ? sum_of(data, size) : 0;
    NEED_OK(nave_apply(view, "look", NULL, 0, sizeof(struct seen), &future));
    nave_count(future, &counts);
    for (size_t j = 0; j < counts.total; j++) {
        const void *result;
        struct seen seen;
        NEED_OK(nave_result(future, j, &result, NULL));
        memcpy(&seen, result, sizeof seen);
        NEED(seen.there == (data != NULL) && seen.size == size && seen.sum == sum);
        NEED(!seen.named);
        NEED(shared == ANY || seen.segments == -1 || seen.segments == shared);
    }
    nave_future_free(future);
}

static void call(nave_view *view, const char *kernel, const void *in, size_t in_size)
{
    nave_future *future;
    NEED_OK(nave_apply(view, kernel, in, in_size, 0, &future));
    NEED_OK(nave_wait(future, -1));
    nave_future_free(future);
}

static void farm(void (*hub)(nave *ctx))
{
    struct ranks_hub call = {hub};
    ranks_crash_openly();
    GIVES(NAVE_OK, nave_run(MPI_COMM_WORLD, &opt, ranks_hub, &call));
    CHECK(count_segments() <= 0);
    CHECK(!left_behind());
}

static int shared_by(size_t engines, size_t size)
{
    return engines > 2 || (engines == 2 && size >= LARGE_FOR_TWO - 3) ? SHARED : NONE;
}

/* Some of the engines, every `step`th from `from` on. */
static nave_view *some(nave *ctx, int from, int step, size_t *n)
{
    int engines[16];
    nave_view *view = NULL;
    *n = 0;
    for (int j = from; j < ranks_engines(); j += step)
        engines[(*n)++] = ranks_engine(j);
    if (*n > 0)
        GIVES(NAVE_OK, nave_direct(ctx, engines, *n, &view));
    return view;
}

/* ------------------------------------------------------------------------------ on one machine */

static void sizes_hub(nave *ctx)
{
    const size_t sizes[] = {262143,  262144,         262145,   1 << 20,
                            1000003, (32 << 20) - 1, 32 << 20, MOST};
    nave_view *views[2];
    fill(bytes, MOST, 1);
    NEED_OK(nave_direct(ctx, NULL, 0, &views[0]));
    NEED_OK(nave_balanced(ctx, NULL, &views[1]));
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) { /* each replaces the one before */
        size_t engines = sizes[i] < 262144 ? 1 : (size_t)ranks_engines();
        NEED_OK(nave_push(views[i % 2], "common", bytes, sizes[i]));
        CHECK(!left_behind());
        check(views[0], bytes, sizes[i], shared_by(engines, sizes[i]));
    }
    NEED_OK(nave_push(views[0], "common", bytes, 0));
    check(views[0], bytes, 0, NONE);
}

static void test_sizes(void **state)
{
    (void)state;
    farm(sizes_hub);
    ranks_agree();
}

/* What one engine changes in place is its own, until it is pushed again. */
static void change_hub(nave *ctx)
{
    size_t n, m, size = large();
    nave_view *all, *even = some(ctx, 0, 2, &n), *odd = some(ctx, 1, 2, &m);
    nave_future *pulled;
    NEED_OK(nave_direct(ctx, NULL, 0, &all));
    fill(bytes, size, 2);
    NEED_OK(nave_push(all, "common", bytes, size));
    memcpy(other, bytes, size);
    other[0]++, other[size / 2]++, other[size - 1]++;
    call(even, "change", NULL, 0);
    check(even, other, size, ANY);
    if (odd != NULL)
        check(odd, bytes, size, ANY);
    NEED_OK(nave_pull(all, "common", &pulled));
    for (size_t j = 0; j < n + m; j++) {
        const void *data;
        size_t got;
        NEED_OK(nave_result(pulled, j, &data, &got));
        NEED(got == size && memcmp(data, j % 2 == 0 ? other : bytes, size) == 0);
    }
    nave_future_free(pulled);
    NEED_OK(nave_push(all, "common", bytes, size));
    check(all, bytes, size, shared_by(n + m, size));
}

static void test_changes_in_place(void **state)
{
    (void)state;
    farm(change_hub);
    ranks_agree();
}

static void replace_hub(nave *ctx)
{
    size_t n, m, size = large();
    nave_view *all, *even = some(ctx, 0, 2, &n), *odd = some(ctx, 1, 2, &m);
    NEED_OK(nave_direct(ctx, NULL, 0, &all));
    fill(bytes, size, 3);
    fill(other, size, 4);
    NEED_OK(nave_push(all, "common", bytes, size));
    NEED_OK(nave_push(even, "common", other, size));
    check(even, other, size, shared_by(n, size));
    if (odd != NULL)
        check(odd, bytes, size, shared_by(n + m, size));
    call(even, "shorten", NULL, 0);
    check(even, other + 1, 1000, NONE);
    NEED_OK(nave_push(all, "common", other, size));
    NEED_OK(nave_scatter(all, "common", bytes, n + m, 100)); /* replaced by memory of their own */
    NEED_OK(nave_push(all, "common", bytes, 100));
    check(all, bytes, 100, NONE);
}

static void test_replace(void **state)
{
    (void)state;
    farm(replace_hub);
    ranks_agree();
}

static void part_hub(nave *ctx)
{
    size_t n, m, size = large();
    nave_view *all, *even = some(ctx, 0, 2, &n), *odd = some(ctx, 1, 2, &m);
    NEED_OK(nave_direct(ctx, NULL, 0, &all));
    fill(bytes, size, 5);
    NEED_OK(nave_push(even, "common", bytes, size));
    check(even, bytes, size, shared_by(n, size));
    if (odd == NULL)
        return;
    check(odd, NULL, 0, NONE);
    CHECK(nave_drop(all, "common") == NAVE_EOBJECT);
    check(all, NULL, 0, NONE); /* those that had it dropped it */
    NEED_OK(nave_push(odd, "common", bytes, size));
    check(odd, bytes, size, shared_by(m, size));
    NEED_OK(nave_drop(odd, "common"));
    check(all, NULL, 0, NONE);
}

static void test_parts_and_drop(void **state)
{
    (void)state;
    farm(part_hub);
    ranks_agree();
}

static void wrong_hub(nave *ctx)
{
    size_t size = large();
    nave_view *all;
    nave_future *future;
    char name[129];
    memset(name, 'n', 128);
    name[128] = '\0';
    NEED_OK(nave_direct(ctx, NULL, 0, &all));
    CHECK(nave_push(all, name, bytes, size) == NAVE_EINVAL);
    CHECK(nave_push(all, "", bytes, size) == NAVE_EINVAL);
    CHECK(nave_push(all, NULL, bytes, size) == NAVE_EINVAL);
    CHECK(nave_push(all, "common", NULL, size) == NAVE_EINVAL);
    CHECK(nave_push(all, "common", bytes, SIZE_MAX) == NAVE_ESIZE);
    CHECK(nave_apply(all, "nave.push", bytes, size, 0, &future) == NAVE_EKERNEL);
    CHECK(nave_map(all, "nave.share", bytes, size / 4, NULL, 0, 4) == NAVE_EKERNEL);
    check(all, NULL, 0, NONE);
    NEED_OK(nave_push(all, name + 1, bytes, size));
    NEED_OK(nave_drop(all, name + 1));
}

static void test_wrong_arguments(void **state)
{
    (void)state;
    farm(wrong_hub);
    ranks_agree();
}

/* -------------------------------------------------------------------- where it is not possible */

/* The hub may write no file of that size: everybody gets the bytes. */
static void hub_limit_hub(nave *ctx)
{
    size_t size = large();
    struct rlimit before;
    nave_view *all;
    NEED_OK(nave_direct(ctx, NULL, 0, &all));
    fill(bytes, size, 6);
    NEED(getrlimit(RLIMIT_FSIZE, &before) == 0 && set_limit(RLIMIT_FSIZE, size - 1) == 0);
    GIVES(NAVE_OK, nave_push(all, "common", bytes, size));
    NEED(setrlimit(RLIMIT_FSIZE, &before) == 0);
    check(all, bytes, size, NONE);
}

static void test_hub_cannot_share(void **state)
{
    (void)state;
    farm(hub_limit_hub);
    ranks_agree();
}

/* Engines that can open no file get the bytes, the others share. */
static void engine_limit_hub(nave *ctx)
{
    size_t n, m, size = large();
    nave_view *all, *even = some(ctx, 0, 2, &n), *odd = some(ctx, 1, 2, &m);
    NEED_OK(nave_direct(ctx, NULL, 0, &all));
    fill(bytes, size, 7);
    if (odd == NULL)
        return;
    call(odd, "fill_files", NULL, 0);
    GIVES(NAVE_OK, nave_push(all, "common", bytes, size));
    call(odd, "empty_files", NULL, 0);
    check(odd, bytes, size, NONE);
    check(even, bytes, size, shared_by(n + m, size));
}

static void test_engines_cannot_join(void **state)
{
    (void)state;
    farm(engine_limit_hub);
    ranks_agree();
}

#ifdef __linux__

/* Whether all ranks could. */
static bool all_can(bool can)
{
    int mine = can, all;
    MPI_Allreduce(&mine, &all, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD);
    return all != 0;
}

/* The hub's node has no room. */
static void full_hub(nave *ctx)
{
    size_t size = large();
    nave_view *all;
    NEED_OK(nave_direct(ctx, NULL, 0, &all));
    fill(bytes, size, 8);
    NEED(own_shm(LARGE / 2) == 0);
    GIVES(NAVE_OK, nave_push(all, "common", bytes, size));
    CHECK(!left_behind());
    CHECK(umount2("/dev/shm", MNT_DETACH) == 0);
    check(all, bytes, size, NONE);
}

static void test_no_room(void **state)
{
    (void)state;
    if (!all_can(unshare_files()))
        skip();
    farm(full_hub);
    ranks_agree();
}

/* Odd ranks do not see what the hub makes, though their host has its name. */
static void apart_hub(nave *ctx)
{
    size_t n, m, size = large();
    nave_view *all, *even = some(ctx, 0, 2, &n), *odd = some(ctx, 1, 2, &m);
    NEED_OK(nave_direct(ctx, NULL, 0, &all));
    fill(bytes, size, 9);
    if (odd == NULL)
        return;
    call(odd, "seclude", NULL, 0);
    GIVES(NAVE_OK, nave_push(all, "common", bytes, size));
    call(odd, "come_back", NULL, 0);
    check(even, bytes, size, shared_by(n + m, size));
    check(odd, bytes, size, NONE);
}

static void test_one_name_for_two(void **state)
{
    (void)state;
    if (!all_can(unshare_files()))
        skip();
    farm(apart_hub);
    ranks_agree();
}

/* --------------------------------------------------------------------------------- many hosts */

static int hosts(void)
{
    return ranks.size < 8 ? 2 : 3;
}

static int host_of(int rank)
{
    return rank % hosts();
}

/* The engines of one host. */
static nave_view *of_host(nave *ctx, int host, size_t *n)
{
    return some(ctx, host, hosts(), n);
}

static int shared_on(int host, size_t engines, size_t size)
{
    return host == 0 ? shared_by(engines, size) : engines > 1 ? SHARED : NONE;
}

static void check_hosts(nave *ctx, const void *data, size_t size, int except)
{
    for (int host = 0; host < hosts(); host++) {
        size_t n;
        nave_view *view = of_host(ctx, host, &n);
        if (view == NULL)
            continue;
        check(view, data, size, host == except ? NONE : shared_on(host, n, size));
        nave_view_free(view);
    }
}

static void hosts_hub(nave *ctx)
{
    size_t n, m, size = LARGE;
    nave_view *all, *even = some(ctx, 0, 2, &n), *odd = some(ctx, 1, 2, &m);
    char name[64];
    NEED_OK(nave_direct(ctx, NULL, 0, &all));
    for (int r = 0; r < ranks.size; r++) {
        snprintf(name, sizeof name, "push-%d", host_of(r));
        NEED(strcmp(nave_host(ctx, r), name) == 0);
    }
    for (unsigned seed = 10; seed < 13; seed++) {
        fill(bytes, size, seed);
        NEED_OK(nave_push(all, "common", bytes, size));
        check_hosts(ctx, bytes, size, -1);
        size = seed == 10 ? MOST : LARGE;
    }
    fill(other, size, 13);
    call(even, "change", NULL, 0);
    if (odd != NULL)
        check(odd, bytes, size, ANY);
    NEED_OK(nave_push(even, "common", other, size));
    check(even, other, size, ANY);
    if (odd != NULL)
        check(odd, bytes, size, ANY);
    NEED_OK(nave_drop(all, "common"));
    check(all, NULL, 0, NONE);
}

/* The first engine of the second host can make no segment: that host's engines get the bytes. */
static void first_hub(nave *ctx)
{
    rlim_t soft = LARGE - 1;
    nave_view *all, *first;
    if (ranks.size < 2)
        return;
    NEED_OK(nave_direct(ctx, NULL, 0, &all));
    NEED_OK(nave_direct(ctx, (int[]){1}, 1, &first));
    fill(bytes, LARGE, 14);
    call(first, "limit", &soft, sizeof soft);
    GIVES(NAVE_OK, nave_push(all, "common", bytes, LARGE));
    soft = RLIM_INFINITY;
    call(first, "limit", &soft, sizeof soft);
    check_hosts(ctx, bytes, LARGE, 1);
}

/* This thread says it is on another host.  Root only. */
static bool move_away(void)
{
    char name[64];
    snprintf(name, sizeof name, "push-%d", host_of(ranks.rank));
    return unshare(CLONE_NEWUTS) == 0 && sethostname(name, strlen(name)) == 0;
}

static void test_many_hosts(void **state)
{
    (void)state;
    if (!all_can(move_away()))
        skip();
    farm(hosts_hub);
    farm(first_hub);
    ranks_agree();
}

#endif

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_changes_in_place),
        cmocka_unit_test(test_replace),
        cmocka_unit_test(test_parts_and_drop),
        cmocka_unit_test(test_wrong_arguments),
        cmocka_unit_test(test_hub_cannot_share),
        cmocka_unit_test(test_engines_cannot_join),
#ifdef __linux__
        cmocka_unit_test(test_no_room),
        cmocka_unit_test(test_one_name_for_two),
        cmocka_unit_test(test_many_hosts), /* the last: the names stay */
#endif
    };
    int failed;
    ranks_init(&argc, &argv);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    MPI_Finalize();
    return failed;
}
