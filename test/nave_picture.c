/* What `nave topo` prints of machines that are not here: pictures, tables, JSON. */
#include "nave-farm/hosts.h"
#include "nave-farm/machine.h"
#include "nave-farm/picture.h"
#include "nave-farm/roster.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RANKS_MAX = 4096, NAME = 32 };

static const char two_packages[] = "0/0:0,8 1,9 2,10 3,11|1/1:4,12 5,13 6,14 7,15";

static nave_place places[RANKS_MAX];
static char names[RANKS_MAX][NAME];

static void place(int rank, int node, const char *cores, const char *cpus, int bound)
{
    places[rank] = (nave_place){.rank = rank,
                                .engine = 1,
                                .host = names[node],
                                .node = node,
                                .machine = cores,
                                .cpus = cpus,
                                .bound = bound,
                                .cores = 1,
                                .pid = 1000 + rank};
}

/* Ranks in order over hosts n001, n002, ..., four on each. */
static void four_on_each(int n)
{
    static const char *const cpus[] = {"0-1,8-9", "2-3,10-11", "4-5,12-13", "6-7,14-15"};
    for (int rank = 0; rank < 4 * n; rank++) {
        snprintf(names[rank / 4], NAME, "n%03d", rank / 4 + 1);
        place(rank, rank / 4, two_packages, cpus[rank % 4], 1);
    }
}

/* The caller frees it. */
static char *picture(size_t n)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    hosts all;
    assert_non_null(out);
    assert_int_equal(hosts_read(&all, places, n), 0);
    assert_int_equal(picture_draw(out, &all), 0);
    hosts_release(&all);
    fclose(out);
    return text;
}

static void draws(size_t n, const char *expected)
{
    char *text = picture(n);
    assert_string_equal(text, expected);
    free(text);
}

static void has(size_t n, const char *expected)
{
    char *text = picture(n);
    if (strstr(text, expected) == NULL)
        fail_msg("\"%s\" is not in:\n%s", expected, text);
    free(text);
}

static size_t count(const char *text, const char *word)
{
    size_t n = 0;
    for (; (text = strstr(text, word)) != NULL; text++)
        n++;
    return n;
}

/* ------------------------------------------------------------------------------------- pictures */

static void ranks_are_in_their_cores(void **state)
{
    (void)state;
    four_on_each(1);
    draws(4, "n001: 2 packages, 8 cores, 16 CPUs; ranks 0*,1-3\n"
             "+- package 0 ------------------+\n"
             "| NUMA 0   [0*] [0*] [1 ] [1 ] |\n"
             "+- package 1 ------------------+\n"
             "| NUMA 1   [2 ] [2 ] [3 ] [3 ] |\n"
             "+------------------------------+\n"
             "\n");
}

static void ranks_without_a_core_stand_below(void **state)
{
    (void)state;
    strcpy(names[0], "here");
    place(0, 0, two_packages, "0-15", 0);
    place(1, 0, two_packages, "3", 1);
    place(2, 0, two_packages, "0-15", 0);
    place(3, 0, two_packages, "99", 1);
    draws(4, "here: 2 packages, 8 cores, 16 CPUs; ranks 0*,1-3\n"
             "+- package 0 --------------+\n"
             "| NUMA 0   [ ] [ ] [ ] [1] |\n"
             "+- package 1 --------------+\n"
             "| NUMA 1   [ ] [ ] [ ] [ ] |\n"
             "+--------------------------+\n"
             "not bound: 0*,2\n"
             "on other cores: 3\n"
             "\n");
}

static void what_is_not_known_is_not_drawn(void **state)
{
    static const char *const texts[] = {"", "?", "0/0", "0/0:", "0/0:1 ", "0/0:1;2", "0:1", "|||"};
    (void)state;
    strcpy(names[0], "here");
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        machine m;
        assert_int_equal(machine_read(&m, texts[i]), 0);
        machine_release(&m);
    }
    place(0, 0, "", "", 0);
    draws(1, "here: cores not known; rank 0*\nnot bound: 0*\n\n");
    place(0, 0, "0:1", "0", 1);
    draws(1, "here: cores not known; rank 0*\non other cores: 0*\n\n");
    place(0, 0, "-1/-1:0 1", "0", 1);
    draws(1, "here: 1 package, 2 cores, 2 CPUs; rank 0*\n"
             "+--------------+\n"
             "| [0*] [  ]    |\n"
             "+--------------+\n"
             "\n");
}

static void many_ranks_on_a_core_are_counted(void **state)
{
    (void)state;
    strcpy(names[0], "here");
    for (int rank = 0; rank < 200; rank++)
        place(rank, 0, "0/0:0 1", rank % 2 == 0 ? "0" : "1", 1);
    has(200, "| NUMA 0   [100 ranks] [100 ranks] |\n");
    for (int rank = 0; rank < 200; rank++)
        place(rank, 0, "0/0:0 1", rank < 100 ? "0" : "1", 1);
    has(200, "| NUMA 0   [0*,1-99] [100-199] |\n");
}

/* 256 cores in two packages; wherever the ranks are, lines fit a terminal and boxes are closed. */
static void long_rows_are_broken(void **state)
{
    char *text, cpus[256][8], *cores = calloc(1, 4096);
    (void)state;
    strcpy(names[0], "here");
    for (int core = 0; core < 256; core++)
        sprintf(cores + strlen(cores), "%s%s%d", core == 128 ? "|" : "",
                core % 128 > 0 ? " "
                : core == 0    ? "0/0:"
                               : "1/1:",
                core);
    for (int rank = 0; rank < 256; rank++) {
        sprintf(cpus[rank], "%d", rank);
        place(rank, 0, cores, cpus[rank], 1);
    }
    text = picture(256);
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        assert_true(strlen(line) <= 80);
        if (line[0] == '|')
            assert_int_equal(line[strlen(line) - 1], '|');
    }
    free(text);
    has(256, "| NUMA 1   [128] ");
    has(256, " [255] ");
    free(cores);
}

static void hosts_alike_are_drawn_once(void **state)
{
    char *text;
    (void)state;
    four_on_each(1000);
    text = picture(4000);
    assert_int_equal(count(text, "package 0"), 1);
    free(text);
    has(4000, "n002-n1000 (999 hosts): same as n001; ranks 4-3999\n");
    strcpy(names[500], "other.place.org");
    has(4000, "n002-n500,other.place.org,n502-n1000 (999 hosts): same as n001; ranks 4-3999\n");
}

static void hosts_that_differ_are_drawn(void **state)
{
    char *text;
    (void)state;
    four_on_each(6);
    places[9].cpus = "0";
    places[17].cpus = "0";
    places[20].machine = places[21].machine = places[22].machine = places[23].machine = "0/0:0";
    text = picture(24);
    assert_int_equal(count(text, "- package 0 -"), 3);
    free(text);
    has(24, "n002,n004 (2 hosts): same as n001; ranks 4-7,12-15\n");
    has(24, "n005 (1 host): same as n003; ranks 16-19\n");
    has(24, "\nn006: 1 package, 1 core, 1 CPU; ranks 20-23\n");
}

static void hosts_with_fewer_ranks_differ(void **state)
{
    (void)state;
    four_on_each(3);
    has(10, "n002 (1 host): same as n001; ranks 4-7\n");
    has(10, "\nn003: 2 packages, 8 cores, 16 CPUs; ranks 8,9\n");
    for (int rank = 4; rank < 10; rank++)
        places[rank - 2] = places[rank], places[rank - 2].rank = rank - 2;
    has(8, "\nn002: 2 packages, 8 cores, 16 CPUs; ranks 2-5\n");
    has(8, "n003 (1 host): same as n001; ranks 6,7\n");
}

/* Rank r on host r mod 3, as `mpirun --map-by node` does. */
static void ranks_may_take_turns_on_hosts(void **state)
{
    (void)state;
    for (int node = 0; node < 3; node++)
        snprintf(names[node], NAME, "c%d.site.org", node + 9);
    for (int rank = 0; rank < 6; rank++)
        place(rank, rank % 3, "0/0:0 1", rank < 3 ? "0" : "1", 1);
    has(6, "c9.site.org: 1 package, 2 cores, 2 CPUs; ranks 0*,3\n");
    has(6, "c10.site.org-c11.site.org (2 hosts): same as c9.site.org; ranks 1,2,4,5\n");
}

/* ------------------------------------------------------------------------------- table and JSON */

static char *printed(size_t n, void (*print)(FILE *out, const hosts *all))
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    hosts all;
    assert_non_null(out);
    assert_int_equal(hosts_read(&all, places, n), 0);
    print(out, &all);
    hosts_release(&all);
    fclose(out);
    return text;
}

static void json(FILE *out, const hosts *all)
{
    assert_int_equal(roster_json(out, all), 0);
}

static void the_table_has_a_line_for_each(void **state)
{
    char *text;
    (void)state;
    four_on_each(1);
    places[0].engine = 0;
    places[2].subhub = places[3].subhub = 2;
    places[3].package = places[3].numa = -1;
    places[3].bound = 0;
    text = printed(4, roster_table);
    assert_string_equal(
        text, " rank  role             host  CPUs       cores  package  NUMA  bound   process\n"
              "    0  hub              n001  0-1,8-9        1        0     0    yes      1000\n"
              "    1  engine           n001  2-3,10-11      1        0     0    yes      1001\n"
              "    2  sub-hub, engine  n001  4-5,12-13      1        0     0    yes      1002\n"
              "    3  engine           n001  6-7,14-15      1        ?     ?     no      1003\n");
    free(text);
}

static int number(const cJSON *object, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    assert_true(cJSON_IsNumber(item));
    return item->valueint;
}

static const char *word(const cJSON *object, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    assert_true(cJSON_IsString(item));
    return item->valuestring;
}

static void json_has_all_of_it(void **state)
{
    char *text;
    cJSON *object, *third, *item;
    (void)state;
    four_on_each(3);
    places[0].engine = 0;
    text = printed(12, json);
    object = cJSON_Parse(text);
    assert_non_null(object);
    assert_string_equal(word(object, "version"), NAVE_VERSION);
    assert_int_equal(number(object, "ranks"), 12);
    assert_int_equal(number(object, "engines"), 11);
    item = cJSON_GetObjectItem(object, "hosts");
    assert_int_equal(cJSON_GetArraySize(item), 3);
    third = cJSON_GetArrayItem(item, 2);
    assert_string_equal(word(third, "host"), "n003");
    assert_int_equal(number(third, "packages"), 2);
    assert_int_equal(number(third, "cores"), 8);
    assert_int_equal(number(third, "cpus"), 16);
    assert_int_equal(cJSON_GetArrayItem(cJSON_GetObjectItem(third, "ranks"), 1)->valueint, 9);
    item = cJSON_GetObjectItem(object, "places");
    assert_int_equal(cJSON_GetArraySize(item), 12);
    item = cJSON_GetArrayItem(item, 9);
    assert_int_equal(number(item, "rank"), 9);
    assert_int_equal(number(item, "node"), 2);
    assert_int_equal(number(item, "pid"), 1009);
    assert_string_equal(word(item, "cpus"), "2-3,10-11");
    assert_true(cJSON_IsTrue(cJSON_GetObjectItem(item, "bound")));
    assert_true(cJSON_IsFalse(cJSON_GetObjectItem(item, "hub")));
    cJSON_Delete(object);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranks_are_in_their_cores),
        cmocka_unit_test(ranks_without_a_core_stand_below),
        cmocka_unit_test(what_is_not_known_is_not_drawn),
        cmocka_unit_test(many_ranks_on_a_core_are_counted),
        cmocka_unit_test(long_rows_are_broken),
        cmocka_unit_test(hosts_alike_are_drawn_once),
        cmocka_unit_test(hosts_that_differ_are_drawn),
        cmocka_unit_test(hosts_with_fewer_ranks_differ),
        cmocka_unit_test(ranks_may_take_turns_on_hosts),
        cmocka_unit_test(the_table_has_a_line_for_each),
        cmocka_unit_test(json_has_all_of_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
