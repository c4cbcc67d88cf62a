/* guests - places at the door: who gets one, who has to go, and descriptors whose numbers are used again.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "guests.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static struct nv_peer peer(int number, int fd, enum nv_role role)
{
    struct nv_peer peer = {.size = 2, .role = role, .fd = fd};
    peer.id[0] = (unsigned char)number;
    peer.id[1] = (unsigned char)(number >> 8);
    return peer;
}

static int set_up(void **state)
{
    *state = calloc(1, sizeof(struct nv_guests));
    return *state == NULL;
}

static int tear_down(void **state)
{
    free(*state);
    return 0;
}

/* A client comes, and says something.  Its place; one whose peer is of no bytes: it gets none. */
static struct nv_guest *come(struct nv_guests *guests, int number, enum nv_role role, double now)
{
    struct nv_peer p = peer(number, number, role);
    struct nv_guest *guest;
    assert_int_equal(nv_guests_come(guests, number), -1);
    guest = nv_guests_word(guests, &p, now);
    assert_non_null(guest);
    return guest;
}

static void a_client_stays_for_as_long_as_its_connection(void **state)
{
    struct nv_guests *guests = *state;
    struct nv_peer one = peer(1, 7, NV_CONTROL);
    struct nv_guest *guest;
    unsigned visit;
    assert_null(nv_guests_word(guests, &one, 0)); /* it has gone before it was heard */
    nv_guests_come(guests, 7);
    assert_int_equal(guests->count, 0);
    guest = nv_guests_word(guests, &one, 0);
    assert_int_equal(guests->count, 1);
    assert_ptr_equal(nv_guests_word(guests, &one, 1000), guest);
    visit = guest->visit;
    nv_guests_end(guests, 8);
    assert_int_equal(guest->visit, visit);
    nv_guests_end(guests, 7);
    assert_int_not_equal(guest->visit, visit);
    assert_int_equal(guests->count, 0);
    assert_null(nv_guests_word(guests, &one, 1001));
}

static void who_says_good_bye_may_come_again(void **state)
{
    struct nv_guests *guests = *state;
    struct nv_guest *guest = come(guests, 3, NV_READONLY, 0);
    struct nv_peer again = peer(3, 3, NV_READONLY);
    unsigned visit = guest->visit;
    guest->asked = 5;
    nv_guests_leave(guests, guest);
    nv_guests_leave(guests, guest);
    assert_int_equal(guests->count, 0);
    assert_ptr_equal(nv_guests_word(guests, &again, 1), guest);
    assert_int_equal(guests->count, 1);
    assert_int_equal(guest->asked, 0);
    assert_int_not_equal(guest->visit, visit);
}

static void numbers_of_descriptors_are_used_again(void **state)
{
    struct nv_guests *guests = *state;
    struct nv_guest *first = come(guests, 5, NV_CONTROL, 0);
    struct nv_peer late = peer(6, 5, NV_CONTROL), next = peer(7, 5, NV_READONLY);
    unsigned visit = first->visit;
    assert_int_equal(nv_guests_come(guests, 5), -1); /* the end was missed */
    assert_int_not_equal(first->visit, visit);
    assert_int_equal(guests->count, 0);
    /* A word that was left by a connection in between is taken for this one's, until it speaks. */
    assert_int_equal(nv_guests_word(guests, &late, 1)->peer.role, NV_CONTROL);
    assert_int_equal(nv_guests_word(guests, &next, 2)->peer.role, NV_READONLY);
    assert_int_equal(guests->count, 1);
}

static void who_only_looks_never_has_all_places(void **state)
{
    struct nv_guests *guests = *state;
    struct nv_guest *guest;
    for (int i = 0; i < NV_LOOKERS_MAX; i++)
        assert_int_not_equal(come(guests, i, NV_READONLY, 0)->peer.size, 0);
    assert_int_equal(come(guests, 500, NV_READONLY, 1)->peer.size, 0);
    for (int i = NV_LOOKERS_MAX; i < NV_CLIENTS_MAX; i++)
        assert_int_not_equal(come(guests, i, NV_CONTROL, 2)->peer.size, 0);
    assert_int_equal(come(guests, 501, NV_CONTROL, 3)->peer.size, 0);
    assert_int_equal(guests->count, NV_CLIENTS_MAX);
    /* Who has been idle for long gives way, unless an answer is awaited. */
    for (int i = 0; i < NV_CONNECTIONS_MAX; i++)
        guests->places[i].asked = guests->places[i].peer.size > 0;
    assert_int_equal(come(guests, 502, NV_CONTROL, 100)->peer.size, 0);
    for (int i = 0; i < NV_CONNECTIONS_MAX; i++)
        guests->places[i].asked = 0;
    guest = come(guests, 503, NV_READONLY, 100);
    assert_int_not_equal(guest->peer.size, 0);
    assert_int_not_equal(come(guests, 504, NV_CONTROL, 100)->peer.size, 0);
    assert_int_equal(guests->count, NV_CLIENTS_MAX);
}

static void connections_that_say_nothing_give_way(void **state)
{
    struct nv_guests *guests = *state;
    struct nv_guest *client = come(guests, 0, NV_CONTROL, 0);
    for (int fd = 1; fd < NV_CONNECTIONS_MAX; fd++)
        assert_int_equal(nv_guests_come(guests, fd), -1);
    assert_int_equal(nv_guests_come(guests, 1000), 1);
    assert_int_equal(nv_guests_come(guests, 1001), 2);
    nv_guests_end(guests, 1); /* as it was told: nobody's */
    nv_guests_end(guests, 50);
    assert_int_equal(nv_guests_come(guests, 1002), -1);
    assert_int_equal(nv_guests_come(guests, 1003), 3);
    assert_int_not_equal(client->peer.size, 0);
    assert_int_equal(guests->connections, NV_CONNECTIONS_MAX);
    nv_guests_end(guests, 0);
    nv_guests_end(guests, 0);
    assert_int_equal(guests->connections, NV_CONNECTIONS_MAX - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_client_stays_for_as_long_as_its_connection, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(who_says_good_bye_may_come_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(numbers_of_descriptors_are_used_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_only_looks_never_has_all_places, set_up, tear_down),
        cmocka_unit_test_setup_teardown(connections_that_say_nothing_give_way, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
