/*
 * FLINT, which does the arithmetic; its headers are named here only.  arb, its numbers with bounds
 * for their error, was a library of its own before version 3.
 */
#ifndef PIDIGITS_NUMBERS_H
#define PIDIGITS_NUMBERS_H

#include <flint/flint.h>
#include <flint/ulong_extras.h>
#if __FLINT_RELEASE >= 30000
#include <flint/arb.h>
#else
#include <arb.h>
#endif
#if __FLINT_RELEASE >= 20900
#include <flint/thread_support.h>
#endif

/* f(i, arg) for i = 0 .. n-1 on FLINT's threads; before version 2.9 it lends none. */
static inline void numbers_each(void f(slong i, void *arg), void *arg, slong n)
{
#if __FLINT_RELEASE >= 20900
    flint_parallel_do(f, arg, n, flint_get_num_threads(), FLINT_PARALLEL_STRIDED);
#else
    for (slong i = 0; i < n; i++) {
        f(i, arg);
    }
#endif
}

#endif
