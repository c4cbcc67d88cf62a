/* Cores and how they are shared out, on machines that hwloc makes up; binding, on this one. */
#include "topo.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RANKS_MAX = 128 };

static const char two_packages[] = "package:2 [numa] core:4 pu:2"; /* units 0-7 and 8-15 */

static struct nv_topo_machine *machine(const char *text)
{
    struct nv_topo_machine *m = nv_topo_machine_new(text);
    assert_non_null(m);
    return m;
}

/* The set of a list like "0-3,8". */
static struct nv_topo_cpus set(const char *list)
{
    struct nv_topo_cpus cpus = {{0}};
    while (*list != '\0') {
        char *end;
        long from = strtol(list, &end, 10), to = from;
        if (*end == '-')
            to = strtol(end + 1, &end, 10);
        for (; from <= to; from++)
            cpus.words[from / NV_TOPO_WORD] |= 1ul << from % NV_TOPO_WORD;
        list = *end == ',' ? end + 1 : end;
    }
    return cpus;
}

static bool has(const struct nv_topo_cpus *cpus, int unit)
{
    return cpus->words[unit / NV_TOPO_WORD] >> unit % NV_TOPO_WORD & 1;
}

static void is(const struct nv_topo_cpus *cpus, const char *list)
{
    char *got = nv_topo_list(cpus);
    assert_non_null(got);
    assert_string_equal(got, list);
    free(got);
}

static void fill(struct nv_topo_cpus *sets, int n, const char *list)
{
    for (int i = 0; i < n; i++)
        sets[i] = set(list);
}

/* What n ranks get that may all use `list`, the first of them the hub. */
static void shares_are(const char *text, const char *list, int n, const char *const *expected)
{
    struct nv_topo_machine *m = machine(text);
    struct nv_topo_cpus all[RANKS_MAX], shares[RANKS_MAX];
    fill(all, n, list);
    assert_true(nv_topo_share(m, all, n, 0, shares));
    for (int i = 0; i < n; i++)
        is(&shares[i], expected[i]);
    nv_topo_machine_free(m);
}

/* ------------------------------------------------------------------------------------- the rule */

static void each_gets_neighbouring_cores(void **state)
{
    (void)state;
    shares_are(two_packages, "0-15", 2, (const char *[]){"0-7", "8-15"});
    shares_are(two_packages, "0-15", 4, (const char *[]){"0-3", "4-7", "8-11", "12-15"});
    shares_are(two_packages, "0-15", 8,
               (const char *[]){"0-1", "2-3", "4-5", "6-7", "8-9", "10-11", "12-13", "14-15"});
}

static void no_share_lies_in_two_packages(void **state)
{
    (void)state;
    shares_are(two_packages, "0-15", 3, (const char *[]){"0-3", "4-7", "8-15"});
}

/* As where a kernel counts the second units of all cores after the first. */
static void all_units_of_a_core_go_together(void **state)
{
    (void)state;
    shares_are("package:1 core:4 pu:2(indexes=0,4,1,5,2,6,3,7)", "0-7", 4,
               (const char *[]){"0,4", "1,5", "2,6", "3,7"});
}

static void a_user_who_allows_less_gets_less(void **state)
{
    (void)state;
    shares_are(two_packages, "10-15", 3, (const char *[]){"10-11", "12-13", "14-15"});
    shares_are(two_packages, "0,2,4,6", 2, (const char *[]){"0,2", "4,6"});
}

/* Two cores have two units, two have one: shared out by units, two ranks would be on one core. */
static void cores_count_not_units(void **state)
{
    (void)state;
    shares_are("package:1 core:4 pu:2", "0-3,4,6", 4, (const char *[]){"0-1", "2-3", "4", "6"});
}

static void the_hub_goes_where_most_engines_are(void **state)
{
    (void)state;
    shares_are(two_packages, "0-1,8-15", 5,
               (const char *[]){"8-9", "0-1", "10-11", "12-13", "14-15"});
}

static void a_rank_that_is_not_the_first_can_be_the_hub(void **state)
{
    struct nv_topo_machine *m = machine(two_packages);
    struct nv_topo_cpus all[5], shares[5];
    (void)state;
    fill(all, 5, "0-1,8-15");
    assert_true(nv_topo_share(m, all, 5, 2, shares));
    is(&shares[0], "0-1");
    is(&shares[1], "10-11");
    is(&shares[2], "8-9");
    is(&shares[3], "12-13");
    assert_true(nv_topo_share(m, all, 5, -1, shares));
    is(&shares[0], "0-1");
    is(&shares[1], "8-9");
    nv_topo_machine_free(m);
}

static void too_many_ranks_stay_as_they_are(void **state)
{
    struct nv_topo_machine *m = machine(two_packages);
    struct nv_topo_cpus all[9], shares[9];
    (void)state;
    fill(all, 9, "0-15");
    memset(shares, 7, sizeof shares);
    assert_false(nv_topo_share(m, all, 9, 0, shares));
    assert_true(nv_topo_share(m, all, 8, 0, shares));
    fill(all, 3, "0-3");
    assert_false(nv_topo_share(m, all, 3, 0, shares));
    nv_topo_machine_free(m);
}

static void one_rank_stays_as_it_is(void **state)
{
    struct nv_topo_machine *m = machine(two_packages);
    struct nv_topo_cpus all[1], shares[1];
    (void)state;
    fill(all, 1, "0-15");
    assert_false(nv_topo_share(m, all, 1, 0, shares));
    nv_topo_machine_free(m);
}

static void what_the_launcher_bound_stays_so(void **state)
{
    struct nv_topo_machine *m = machine(two_packages);
    struct nv_topo_cpus all[2] = {set("0-1"), set("2-3")}, shares[2];
    (void)state;
    assert_false(nv_topo_share(m, all, 2, 0, shares));
    all[0] = set("0-15");
    assert_false(nv_topo_share(m, all, 2, 0, shares));
    fill(all, 2, "");
    assert_false(nv_topo_share(m, all, 2, 0, shares));
    nv_topo_machine_free(m);
}

/* On any machine, with any number of ranks: nobody goes without, nothing is given twice or left
 * over, cores stay whole, and shares are equal where that is possible within the packages. */
static void check_shares(const struct nv_topo_machine *m, int n, int units, int pus)
{
    static struct nv_topo_cpus all[RANKS_MAX], shares[RANKS_MAX];
    char list[32];
    int cores = units / pus;
    snprintf(list, sizeof list, "0-%d", units - 1);
    fill(all, n, list);
    assert_true(nv_topo_share(m, all, n, 0, shares));
    for (int unit = 0; unit < units; unit++) {
        int owners = 0;
        for (int i = 0; i < n; i++) {
            owners += has(&shares[i], unit);
            assert_int_equal(has(&shares[i], unit), has(&shares[i], unit / pus * pus));
        }
        assert_int_equal(owners, 1);
    }
    for (int i = 0; i < n; i++) {
        int own = nv_topo_describe(m, &shares[i]).cores;
        assert_true(own > 0);
        if (n == cores || n == 2 || n == 4)
            assert_int_equal(own, cores / n);
    }
}

static void shares_are_a_partition(void **state)
{
    static const struct {
        const char *text;
        int units, pus;
    } machines[] = {
        {"core:4 pu:1", 4, 1},
        {"package:2 core:4 pu:2", 16, 2},
        {"package:2 [numa] core:4 pu:2", 16, 2},
        {"package:2 numa:2 core:8 pu:1", 32, 1},
        {"package:4 core:8 pu:4", 128, 4},
        {"package:2 group:4 core:8 pu:2", 128, 2},
        {"pu:8", 8, 1}, /* no cores are told */
    };
    (void)state;
    for (size_t i = 0; i < sizeof machines / sizeof *machines; i++) {
        struct nv_topo_machine *m = machine(machines[i].text);
        int cores = machines[i].units / machines[i].pus;
        assert_int_equal(nv_topo_machine_cores(m), cores);
        assert_int_equal(nv_topo_units(m), machines[i].units);
        for (int n = 2; n <= cores; n++)
            check_shares(m, n, machines[i].units, machines[i].pus);
        nv_topo_machine_free(m);
    }
}

/* ------------------------------------------------------------------------------ what is so now */

static void a_site_is_described(void **state)
{
    struct nv_topo_machine *m = machine(two_packages);
    static const struct {
        const char *list;
        int cores, bound, package, numa;
    } sites[] = {
        {"0-15", 8, 0, 0, 0}, {"8-15", 4, 1, 1, 1}, {"9", 1, 1, 1, 1},    {"1-2", 2, 1, 0, 0},
        {"6-9", 2, 1, 0, 0},  {"", 0, 0, -1, -1},   {"77", 0, 0, -1, -1}, {"0-20", 8, 0, 0, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof sites / sizeof *sites; i++) {
        struct nv_topo_cpus cpus = set(sites[i].list);
        struct nv_topo_site site = nv_topo_describe(m, &cpus);
        assert_true(nv_topo_same(&site.cpus, &cpus));
        assert_int_equal(site.cores, sites[i].cores);
        assert_int_equal(site.bound, sites[i].bound);
        assert_int_equal(site.package, sites[i].package);
        assert_int_equal(site.numa, sites[i].numa);
    }
    nv_topo_machine_free(m);
}

static void a_machine_is_told_as_text(void **state)
{
    static const char *const texts[][2] = {
        {"package:2 [numa] core:2 pu:2", "0/0:0-1 2-3|1/1:4-5 6-7"},
        {"package:2 core:2 pu:1", "0/0:0 1|1/0:2 3"},
        {"package:1 numa:2 core:2 pu:1", "0/0:0 1|0/1:2 3"},
        {"core:3 pu:2(indexes=0,3,1,4,2,5)", "-1/0:0,3 1,4 2,5"},
        {"pu:2", "-1/0:0 1"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct nv_topo_machine *m = machine(texts[i][0]);
        char *text = nv_topo_text(m);
        assert_non_null(text);
        assert_string_equal(text, texts[i][1]);
        free(text);
        nv_topo_machine_free(m);
    }
}

static void a_text_may_be_long(void **state)
{
    struct nv_topo_machine *m = machine("package:16 core:16 pu:4");
    char *text = nv_topo_text(m);
    (void)state;
    assert_non_null(text);
    assert_non_null(strstr(text, "|15/0:960-963 "));
    assert_string_equal(text + strlen(text) - 10, " 1020-1023");
    free(text);
    nv_topo_machine_free(m);
}

static void lists_are_short(void **state)
{
    static const char *const lists[] = {"", "0", "0-3,8", "63-64", "4095", "0-4095", "1,3,5,4000"};
    (void)state;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        struct nv_topo_cpus cpus = set(lists[i]);
        is(&cpus, lists[i]);
    }
}

static void ranks_on_one_core_are_noticed(void **state)
{
    struct nv_topo_machine *m = machine(two_packages);
    struct nv_topo_cpus sets[4] = {set("0-1"), set("4-5"), set("4"), set("5")};
    struct nv_topo_use use = nv_topo_use_of(m, sets, 4);
    (void)state;
    assert_int_equal(use.crowd, 3);
    assert_int_equal(use.core, 4);
    assert_int_equal(use.cores, 2);
    assert_int_equal(use.idle, 6);

    sets[0] = set("4-7"); /* has another core, too */
    use = nv_topo_use_of(m, sets, 4);
    assert_int_equal(use.crowd, 3);
    assert_int_equal(use.cores, 2);

    fill(sets, 4, "0-15");
    use = nv_topo_use_of(m, sets, 4);
    assert_int_equal(use.crowd, 0);
    assert_int_equal(use.idle, 0);
    assert_int_equal(use.cores, 8);
    nv_topo_machine_free(m);
}

static void nonsense_is_no_machine(void **state)
{
    (void)state;
    assert_null(nv_topo_machine_new("what is this"));
    assert_null(nv_topo_machine_new("pu:0"));
}

/* -------------------------------------------------------------------------------------- binding */

struct here {
    struct nv_topo_machine *machine, *thin;
    struct nv_topo_cpus before;
};

static int come_here(void **state)
{
    static struct here here;
    here.machine = nv_topo_machine_new(NULL);
    if (here.machine == NULL)
        return 0;
    here.thin = nv_topo_machine_thin(nv_topo_units(here.machine));
    here.before = nv_topo_look(here.machine, NV_TOPO_THREAD);
    *state = &here;
    return here.thin == NULL;
}

static int go_back(void **state)
{
    struct here *here = *state;
    bool done = true;
    if (here == NULL)
        return 0;
    if (nv_topo_describe(here->machine, &here->before).cores > 0)
        done = nv_topo_bind(here->thin, &here->before, NV_TOPO_PROCESS);
    nv_topo_machine_free(here->machine);
    nv_topo_machine_free(here->thin);
    return !done;
}

/* The lowest unit of the set that is not `other`; an empty set if there is none. */
static struct nv_topo_cpus one_of(const struct nv_topo_cpus *cpus, const struct nv_topo_cpus *other)
{
    struct nv_topo_cpus one = {{0}};
    for (int unit = 0; unit < NV_TOPO_UNITS; unit++)
        if (has(cpus, unit) && (other == NULL || !has(other, unit))) {
            one.words[unit / NV_TOPO_WORD] = 1ul << unit % NV_TOPO_WORD;
            break;
        }
    return one;
}

/* Systems that do not tell, or cannot bind, are none of our business. */
static _Noreturn void leave(void)
{
    skip();
    abort(); /* skip() does not say that it never returns */
}

static struct here *need_host(void **state)
{
    if (*state == NULL)
        leave();
    return *state;
}

static struct here *need_binding(void **state)
{
    struct here *here = need_host(state);
    if (nv_topo_describe(here->machine, &here->before).cores == 0)
        leave();
    return here;
}

static void a_thin_machine_sees_the_same(void **state)
{
    struct here *here = need_binding(state);
    struct nv_topo_cpus thin = nv_topo_look(here->thin, NV_TOPO_THREAD);
    assert_true(nv_topo_same(&thin, &here->before));
}

struct looker {
    const struct nv_topo_machine *machine;
    struct nv_topo_cpus to; /* where it binds itself; empty: nowhere */
    struct nv_topo_cpus saw;
    pthread_barrier_t *meet; /* NULL: it ends at once */
};

static void *look(void *arg)
{
    struct looker *looker = arg;
    struct nv_topo_cpus none = {{0}};
    if (!nv_topo_same(&looker->to, &none))
        nv_topo_bind(looker->machine, &looker->to, NV_TOPO_THREAD);
    looker->saw = nv_topo_look(looker->machine, NV_TOPO_THREAD);
    if (looker->meet != NULL) {
        pthread_barrier_wait(looker->meet);
        pthread_barrier_wait(looker->meet);
    }
    return NULL;
}

static void threads_follow(void **state)
{
    struct here *here = need_binding(state);
    struct nv_topo_cpus one = one_of(&here->before, NULL), now;
    struct looker looker = {.machine = here->thin};
    pthread_t thread;
    assert_true(nv_topo_bind(here->thin, &one, NV_TOPO_PROCESS));
    now = nv_topo_look(here->machine, NV_TOPO_PROCESS);
    assert_true(nv_topo_same(&now, &one));
    assert_int_equal(pthread_create(&thread, NULL, look, &looker), 0);
    pthread_join(thread, NULL);
    assert_true(nv_topo_same(&looker.saw, &one));

    assert_true(nv_topo_bind(here->thin, &here->before, NV_TOPO_PROCESS));
    now = nv_topo_look(here->machine, NV_TOPO_PROCESS);
    assert_true(nv_topo_same(&now, &here->before));
}

static void threads_that_are_there_already_follow(void **state)
{
    struct here *here = need_binding(state);
    struct nv_topo_cpus one = one_of(&here->before, NULL), process;
    pthread_barrier_t meet;
    struct looker looker = {.machine = here->thin, .meet = &meet};
    pthread_t thread;
    pthread_barrier_init(&meet, NULL, 2);
    assert_int_equal(pthread_create(&thread, NULL, look, &looker), 0);
    pthread_barrier_wait(&meet);
    nv_topo_bind(here->thin, &one, NV_TOPO_PROCESS);
    process = nv_topo_look(here->thin, NV_TOPO_PROCESS);
    nv_topo_bind(here->thin, &here->before, NV_TOPO_PROCESS);
    pthread_barrier_wait(&meet);
    pthread_join(thread, NULL);
    pthread_barrier_destroy(&meet);
    assert_true(nv_topo_same(&process, &one));
}

/* So that whoever binds the process can see that a thread has a place of its own. */
static void threads_that_differ_are_noticed(void **state)
{
    struct here *here = need_binding(state);
    struct nv_topo_cpus one = one_of(&here->before, NULL), none = {{0}}, process;
    struct nv_topo_cpus other = one_of(&here->before, &one);
    pthread_barrier_t meet;
    struct looker looker = {.machine = here->thin, .to = other, .meet = &meet};
    pthread_t thread;
    if (nv_topo_same(&other, &none))
        skip(); /* one unit only */
    pthread_barrier_init(&meet, NULL, 2);
    assert_int_equal(pthread_create(&thread, NULL, look, &looker), 0);
    pthread_barrier_wait(&meet);
    process = nv_topo_look(here->thin, NV_TOPO_PROCESS);
    pthread_barrier_wait(&meet);
    pthread_join(thread, NULL);
    pthread_barrier_destroy(&meet);
    assert_true(nv_topo_same(&looker.saw, &other));
    assert_true(nv_topo_same(&process, &none));
}

static void this_host_has_cores(void **state)
{
    struct here *here = need_host(state);
    assert_true(nv_topo_machine_cores(here->machine) >= 1);
    assert_true(nv_topo_units(here->machine) >= nv_topo_machine_cores(here->machine));
}

int main(void)
{
    const struct CMUnitTest made_up[] = {
        cmocka_unit_test(each_gets_neighbouring_cores),
        cmocka_unit_test(no_share_lies_in_two_packages),
        cmocka_unit_test(all_units_of_a_core_go_together),
        cmocka_unit_test(a_user_who_allows_less_gets_less),
        cmocka_unit_test(cores_count_not_units),
        cmocka_unit_test(the_hub_goes_where_most_engines_are),
        cmocka_unit_test(a_rank_that_is_not_the_first_can_be_the_hub),
        cmocka_unit_test(too_many_ranks_stay_as_they_are),
        cmocka_unit_test(one_rank_stays_as_it_is),
        cmocka_unit_test(what_the_launcher_bound_stays_so),
        cmocka_unit_test(shares_are_a_partition),
        cmocka_unit_test(a_site_is_described),
        cmocka_unit_test(a_machine_is_told_as_text),
        cmocka_unit_test(a_text_may_be_long),
        cmocka_unit_test(lists_are_short),
        cmocka_unit_test(ranks_on_one_core_are_noticed),
        cmocka_unit_test(nonsense_is_no_machine),
    };
    const struct CMUnitTest here[] = {
        cmocka_unit_test(this_host_has_cores),
        cmocka_unit_test(a_thin_machine_sees_the_same),
        cmocka_unit_test(threads_follow),
        cmocka_unit_test(threads_that_are_there_already_follow),
        cmocka_unit_test(threads_that_differ_are_noticed),
    };
    int failed = cmocka_run_group_tests(made_up, NULL, NULL);
    return failed + cmocka_run_group_tests(here, come_here, go_back);
}
