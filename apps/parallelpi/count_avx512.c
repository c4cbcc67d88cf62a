/* count_avx512 - the steps with AVX-512 and its byte permutations (Ice Lake, Zen 4 and later);
 * empty on other machines. */
#ifdef __AVX512BW__

#include "count.h"

#include <immintrin.h>

#define TARGET __attribute__((target("avx512vbmi,avx512vbmi2")))

static int supported(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512vbmi2");
}

/* A bit for each byte that is a separator, found as in count_avx2.c. */
static __mmask64 separators(__m512i bytes)
{
    const __m512i table = _mm512_broadcast_i32x4(
        _mm_setr_epi8(' ', -1, -1, -1, -1, -1, -1, -1, -1, '\t', '\n', -1, -1, '\r', -1, 0));

    return _mm512_cmpeq_epi8_mask(_mm512_shuffle_epi8(table, bytes), bytes);
}

/* Compresses in a register and stores all of it: a compressing store is microcoded on Zen 4.  The
 * last part of a block is masked; a bad byte ends its chunk, and the loop. */
TARGET static size_t compact(const unsigned char *bytes, size_t size, uint8_t *values,
                             size_t *count)
{
    const __m512i zero = _mm512_set1_epi8('0'), nine = _mm512_set1_epi8(9);
    uint8_t *to = values;
    size_t at = 0;

    while (at < size) {
        size_t left = size - at < 64 ? size - at : 64;
        __mmask64 valid = ~(__mmask64)0 >> (64 - left);
        __m512i chunk = _mm512_maskz_loadu_epi8(valid, bytes + at);
        __m512i value = _mm512_sub_epi8(chunk, zero);
        __mmask64 digits = _mm512_mask_cmple_epu8_mask(valid, value, nine);
        __mmask64 bad = valid & ~digits & ~separators(chunk);
        if (bad != 0) {
            left = (size_t)__builtin_ctzll(bad);
            digits &= ((__mmask64)1 << left) - 1;
        }
        _mm512_storeu_si512(to, _mm512_maskz_compress_epi8(digits, value));
        to += __builtin_popcountll(digits);
        at += left;
        if (bad != 0)
            break;
    }
    *count = (size_t)(to - values);
    return at;
}

/* 16 quads at a time out of the 64 bytes that hold them. */
TARGET static void quads(const uint8_t *values, size_t stride, size_t n, uint16_t *to)
{
    const __m512i tens = _mm512_set1_epi16(0x010a), hundreds = _mm512_set1_epi32(0x00010064);
    uint8_t places[64];
    __m512i pick;

    for (size_t i = 0; i < 64; i++)
        places[i] = (uint8_t)(i / 4 * stride + i % 4);
    pick = _mm512_loadu_si512(places);
    for (size_t i = 0; i < n; i += 16, values += 16 * stride) {
        __m512i four = _mm512_permutexvar_epi8(pick, _mm512_loadu_si512(values));
        __m512i sums = _mm512_madd_epi16(_mm512_maddubs_epi16(four, tens), hundreds);
        _mm256_storeu_si256((__m256i *)(void *)(to + i), _mm512_cvtepi32_epi16(sums));
    }
}

const pi_path pi_path_avx512 = {"avx512", supported, compact, quads};

#else
typedef int pi_no_avx512;
#endif
