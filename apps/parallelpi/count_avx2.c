/* count_avx2 - the steps with AVX2; empty on other machines. */
#ifdef __AVX2__

#include "count.h"

#include <immintrin.h>

static int supported(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

/* A bit for each byte that is a separator.  A byte is one when the table, looked up by its low four
 * bits, gives just this byte; the other entries cannot be met by a byte of their place. */
static uint32_t separators(__m256i bytes)
{
    const __m256i table =
        _mm256_setr_epi8(' ', -1, -1, -1, -1, -1, -1, -1, -1, '\t', '\n', -1, -1, '\r', -1, 0, ' ',
                         -1, -1, -1, -1, -1, -1, -1, -1, '\t', '\n', -1, -1, '\r', -1, 0);

    return (uint32_t)_mm256_movemask_epi8(
        _mm256_cmpeq_epi8(_mm256_shuffle_epi8(table, bytes), bytes));
}

/* Stores the runs of values between the set bits of `gaps`, one behind the other: each by a store
 * of 32 bytes, whose surplus the next one overwrites.  `from` are the bytes of the mask. */
static uint8_t *store_runs(const unsigned char *from, uint32_t gaps, uint8_t *to)
{
    const __m256i zero = _mm256_set1_epi8('0');
    uint32_t start = 0;

    for (; gaps != 0; gaps &= gaps - 1) {
        uint32_t end = (uint32_t)__builtin_ctz(gaps);
        __m256i run = _mm256_loadu_si256((const __m256i *)(const void *)(from + start));
        _mm256_storeu_si256((__m256i *)(void *)to, _mm256_sub_epi8(run, zero));
        to += end - start;
        start = end + 1;
    }
    if (start < 32) {
        __m256i run = _mm256_loadu_si256((const __m256i *)(const void *)(from + start));
        _mm256_storeu_si256((__m256i *)(void *)to, _mm256_sub_epi8(run, zero));
        to += 32 - start;
    }
    return to;
}

/* Takes 32 bytes while 64 are left, for the runs are loaded beyond their ends; plain C does the
 * rest, and finds the place of a bad byte. */
static size_t compact(const unsigned char *bytes, size_t size, uint8_t *values, size_t *count)
{
    const __m256i zero = _mm256_set1_epi8('0'), nine = _mm256_set1_epi8(9);
    uint8_t *to = values;
    size_t at = 0, rest;

    for (; at + 64 <= size; at += 32) {
        __m256i chunk = _mm256_loadu_si256((const __m256i *)(const void *)(bytes + at));
        __m256i value = _mm256_sub_epi8(chunk, zero);
        __m256i digit = _mm256_cmpeq_epi8(_mm256_min_epu8(value, nine), value);
        uint32_t gaps = ~(uint32_t)_mm256_movemask_epi8(digit);
        if (gaps == 0) {
            _mm256_storeu_si256((__m256i *)(void *)to, value);
            to += 32;
        } else if ((gaps & ~separators(chunk)) == 0) {
            to = store_runs(bytes + at, gaps, to);
        } else {
            break;
        }
    }
    at += pi_path_plain.compact(bytes + at, size - at, to, &rest);
    *count = (size_t)(to - values) + rest;
    return at;
}

/* Four quads out of 16 bytes, in each half. */
static __m256i quads_of(const uint8_t *low, const uint8_t *high, __m256i pick)
{
    const __m256i tens = _mm256_set1_epi16(0x010a), hundreds = _mm256_set1_epi32(0x00010064);
    __m256i values = _mm256_inserti128_si256(
        _mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)low)),
        _mm_loadu_si128((const __m128i *)(const void *)high), 1);

    values = _mm256_shuffle_epi8(values, pick);
    return _mm256_madd_epi16(_mm256_maddubs_epi16(values, tens), hundreds);
}

static __m256i pick_of(size_t stride)
{
    uint8_t pick[32];

    for (size_t i = 0; i < 32; i++)
        pick[i] = (uint8_t)(i % 16 / 4 * stride + i % 4);
    return _mm256_loadu_si256((const __m256i *)(const void *)pick);
}

/* 16 quads at a time.  Packing puts the halves of its arguments in turn, hence their order. */
static void quads(const uint8_t *values, size_t stride, size_t n, uint16_t *to)
{
    const __m256i pick = pick_of(stride);
    const size_t step = 4 * stride;

    for (size_t i = 0; i < n; i += 16, values += 4 * step) {
        __m256i even = quads_of(values, values + 2 * step, pick);
        __m256i odd = quads_of(values + step, values + 3 * step, pick);
        _mm256_storeu_si256((__m256i *)(void *)(to + i), _mm256_packus_epi32(even, odd));
    }
}

const pi_path pi_path_avx2 = {"avx2", supported, compact, quads};

#else
typedef int pi_no_avx2;
#endif
