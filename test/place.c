/* ranks: 1 2 4 16
 *
 * Where the ranks of a farm are: on one host, and as if on several (this program has its own
 * MPI_Comm_split_type, which finds as many hosts as a test says). */
#include "place.h"
#include "ranks.h"
#include "topo.h"

static int hosts_made_up; /* rank r is on host r mod this; 0: the truth */

int MPI_Comm_split_type(MPI_Comm comm, int type, int key, MPI_Info info, MPI_Comm *part)
{
    if (hosts_made_up == 0)
        return PMPI_Comm_split_type(comm, type, key, info, part);
    return PMPI_Comm_split(comm, ranks.rank % hosts_made_up, key, part);
}

static struct {
    struct nv_topo_machine *machine;
    struct nv_topo_cpus before;
} here;

static struct nv_topo_cpus now(void)
{
    return nv_topo_look(here.machine, NV_TOPO_PROCESS);
}

static bool free_again(void)
{
    struct nv_topo_cpus cpus = now();
    return nv_topo_same(&cpus, &here.before);
}

/* The ranks are all on this machine, whatever hosts they are on in a test. */
static int cores(void)
{
    return here.machine != NULL ? nv_topo_describe(here.machine, &here.before).cores : 0;
}

static bool is_list_of(const char *list, const struct nv_topo_cpus *cpus)
{
    char *own = nv_topo_list(cpus);
    bool same = own != NULL && strcmp(own, list) == 0;
    free(own);
    return same;
}

/* --------------------------------------------------------------------------------------- checks */

static void check_one(const nave_place *place, int rank, int hosts, const nave_place *first)
{
    CHECK(place->rank == rank);
    CHECK(place->engine == 1);
    CHECK(place->subhub == 0);
    CHECK(place->node == rank % hosts);
    CHECK(place->pid > 0);
    CHECK(strlen(place->host) > 0);
    CHECK(strcmp(place->machine, first->machine) == 0);
    CHECK(place->cores >= 0 && (place->cores == 0) == (place->cpus[0] == '\0'));
    for (const nave_place *other = first; other < place; other++)
        CHECK(other->pid != place->pid);
}

/* Of ranks on one host, either all are bound, to different cores, or none is. */
static void check_bound(const nave_place *list, int hosts, bool expected)
{
    for (int rank = 0; rank < ranks.size; rank++) {
        CHECK(list[rank].bound == expected);
        for (int other = rank % hosts; other < rank; other += hosts)
            CHECK((strcmp(list[rank].cpus, list[other].cpus) == 0) != expected);
    }
}

/* Opens, checks, closes.  `may`: there is no reason against binding but want of cores. */
static void check_all(MPI_Comm comm, int hosts, bool may)
{
    static struct nv_error error;
    int on_host = (ranks.size + hosts - 1) / hosts;
    bool bound = may && on_host > 1 && on_host <= cores() && ranks.size % hosts == 0;
    struct nv_places *places = NULL;
    nave_place *list;
    struct nv_topo_cpus mine;
    hosts_made_up = hosts > 1 ? hosts : 0;
    NEED_OK(nv_places_open(comm, &error, &places));
    list = nv_places_list(places);
    mine = now();
    CHECK((list != NULL) == (ranks.rank == 0));
    for (int rank = 0; list != NULL && rank < ranks.size; rank++)
        check_one(&list[rank], rank, hosts, list);
    if (list != NULL)
        check_bound(list, hosts, bound);
    if (list != NULL && cores() > 0)
        CHECK(is_list_of(list[0].cpus, &mine));
    CHECK(nv_topo_same(&mine, &here.before) == !bound);
    MPI_Barrier(MPI_COMM_WORLD);
    nv_places_close(places);
    CHECK(free_again());
}

/* ---------------------------------------------------------------------------------------- tests */

static void ranks_of_one_host_are_bound(void **state)
{
    (void)state;
    check_all(MPI_COMM_WORLD, 1, true);
    check_all(MPI_COMM_WORLD, 1, true); /* and again */
    ranks_agree();
}

static void hosts_decide_for_themselves(void **state)
{
    (void)state;
    for (int hosts = 2; hosts <= 4; hosts++)
        if (hosts <= ranks.size && ranks.size % hosts == 0)
            check_all(MPI_COMM_WORLD, hosts, true);
    ranks_agree();
}

/* hwloc takes the machine from HWLOC_SYNTHETIC: the host of rank r has r mod 3 + 1 packages. */
static void hosts_may_be_different_machines(void **state)
{
    static const char *const texts[] = {"0/0:0", "0/0:0|1/0:1", "0/0:0|1/0:1|2/0:2"};
    static struct nv_error error;
    struct nv_places *places = NULL;
    char text[64];
    (void)state;
    hosts_made_up = ranks.size;
    snprintf(text, sizeof text, "package:%d core:1 pu:1", ranks.rank % 3 + 1);
    setenv("HWLOC_SYNTHETIC", text, 1);
    GIVES(NAVE_OK, nv_places_open(MPI_COMM_WORLD, &error, &places));
    for (int rank = 0; places != NULL && ranks.rank == 0 && rank < ranks.size; rank++) {
        const nave_place *place = &nv_places_list(places)[rank];
        CHECK(place->node == rank);
        CHECK(strcmp(place->machine, texts[rank % 3]) == 0);
    }
    nv_places_close(places);
    unsetenv("HWLOC_SYNTHETIC");
    ranks_agree();
}

/* Of two hosts, that of the last rank says nothing that we can use. */
static void check_unknown(const char *variable, const char *value)
{
    static struct nv_error error;
    struct nv_places *places = NULL;
    int unknown = (ranks.size - 1) % 2;
    hosts_made_up = 2;
    if (ranks.rank % 2 == unknown)
        setenv(variable, value, 1);
    GIVES(NAVE_OK, nv_places_open(MPI_COMM_WORLD, &error, &places));
    for (int rank = 0; places != NULL && ranks.rank == 0 && rank < ranks.size; rank++) {
        const nave_place *place = &nv_places_list(places)[rank];
        CHECK(place->rank == rank);
        CHECK(place->pid > 0);
        if (rank % 2 == unknown) {
            CHECK(place->cores == 0 && place->package == -1 && place->numa == -1);
            CHECK(*place->cpus == '\0' && *place->machine == '\0' && !place->bound);
        } else if (cores() > 0) {
            CHECK(*place->cpus != '\0' && *place->machine != '\0');
        }
    }
    MPI_Barrier(MPI_COMM_WORLD);
    nv_places_close(places);
    unsetenv(variable);
    CHECK(free_again());
}

static void a_host_that_is_not_known_is_no_failure(void **state)
{
    (void)state;
    check_unknown("HWLOC_COMPONENTS", "stop");                /* hwloc fails */
    check_unknown("HWLOC_SYNTHETIC", "pu:2(indexes=0,5000)"); /* more than there is room for */
    ranks_agree();
}

static void the_user_can_forbid_it(void **state)
{
    (void)state;
    if (ranks.rank == ranks.size - 1)
        setenv("NAVE_BIND", "none", 1); /* one is enough */
    check_all(MPI_COMM_WORLD, 1, false);
    unsetenv("NAVE_BIND");
    setenv("NAVE_BIND", "yes", 1);
    check_all(MPI_COMM_WORLD, 1, true);
    unsetenv("NAVE_BIND");
    ranks_agree();
}

/* Other ranks, of which this farm knows nothing, need cores too. */
static void a_part_of_the_world_is_not_bound(void **state)
{
    static struct nv_error error;
    struct nv_places *places = NULL;
    MPI_Comm part;
    (void)state;
    hosts_made_up = 0;
    MPI_Comm_split(MPI_COMM_WORLD, ranks.rank % 2, 0, &part);
    GIVES(NAVE_OK, nv_places_open(part, &error, &places));
    CHECK(ranks.size == 1 || free_again());
    MPI_Barrier(MPI_COMM_WORLD);
    nv_places_close(places);
    MPI_Comm_free(&part);
    CHECK(free_again());
    ranks_agree();
}

static void a_second_farm_leaves_the_binding_of_the_first(void **state)
{
    static struct nv_error error;
    struct nv_places *first = NULL, *second = NULL;
    struct nv_topo_cpus bound, then;
    (void)state;
    hosts_made_up = 0;
    GIVES(NAVE_OK, nv_places_open(MPI_COMM_WORLD, &error, &first));
    bound = now();
    MPI_Barrier(MPI_COMM_WORLD);
    GIVES(NAVE_OK, nv_places_open(MPI_COMM_WORLD, &error, &second));
    then = now();
    CHECK(nv_topo_same(&bound, &then));
    nv_places_close(second);
    then = now();
    CHECK(nv_topo_same(&bound, &then));
    nv_places_close(first);
    CHECK(free_again());
    ranks_agree();
}

static struct {
    int lines;
    char last[256];
} log_of;

static void log_line(void *arg, int level, const char *line)
{
    (void)arg;
    log_of.lines += level == NAVE_LOG_WARNING;
    snprintf(log_of.last, sizeof log_of.last, "%s", line);
}

static void warn(const char *expected)
{
    static struct nv_error error = {.log = log_line};
    struct nv_places *places = NULL;
    NEED_OK(nv_places_open(MPI_COMM_WORLD, &error, &places));
    log_of.lines = 0;
    log_of.last[0] = '\0';
    if (ranks.rank == 0)
        nv_places_warn(places, &error);
    if (ranks.rank == 0 && expected == NULL)
        CHECK(log_of.lines == 0);
    else if (ranks.rank == 0)
        ranks_check(log_of.lines == 1 && strstr(log_of.last, expected) != NULL, __FILE__, __LINE__,
                    "%d lines: %s", log_of.lines, log_of.last);
    nv_places_close(places);
}

static void bad_places_get_a_line(void **state)
{
    struct nv_topo_cpus one = {{0}};
    char words[64];
    (void)state;
    hosts_made_up = 0;
    if (cores() == 0)
        skip();
    snprintf(words, sizeof words, "%d ranks share the %d cores of ", ranks.size, cores());
    warn(ranks.size > cores() ? words : NULL);

    for (int unit = 0; one.words[0] == 0 && unit < NV_TOPO_WORD; unit++)
        one.words[0] = here.before.words[0] & 1ul << unit;
    nv_topo_bind(here.machine, &one, NV_TOPO_PROCESS);
    MPI_Barrier(MPI_COMM_WORLD);
    snprintf(words, sizeof words, "%d ranks are bound to one core of ", ranks.size);
    warn(cores() > 1 && ranks.size > 1 ? words : NULL);
    nv_topo_bind(here.machine, &here.before, NV_TOPO_PROCESS);
    ranks_agree();
}

static void nothing_is_closed_quietly(void **state)
{
    (void)state;
    nv_places_close(NULL);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranks_of_one_host_are_bound),
        cmocka_unit_test(hosts_decide_for_themselves),
        cmocka_unit_test(hosts_may_be_different_machines),
        cmocka_unit_test(a_host_that_is_not_known_is_no_failure),
        cmocka_unit_test(the_user_can_forbid_it),
        cmocka_unit_test(a_part_of_the_world_is_not_bound),
        cmocka_unit_test(a_second_farm_leaves_the_binding_of_the_first),
        cmocka_unit_test(bad_places_get_a_line),
        cmocka_unit_test(nothing_is_closed_quietly),
    };
    int failed;
    ranks_init(&argc, &argv);
    unsetenv("NAVE_BIND");
    here.machine = nv_topo_machine_new(NULL);
    if (here.machine != NULL)
        here.before = now();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    nv_topo_machine_free(here.machine);
    MPI_Finalize();
    return failed;
}
