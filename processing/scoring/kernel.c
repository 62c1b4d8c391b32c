/* Exact evaluation of tree ensembles on binned features: each feature value is replaced by the number of thresholds
 * below it, a table gives for each such bin the leaves of eight trees that are still possible, the tables' masks are
 * combined by AND, and the lowest bit left is the leaf (QuickScorer family: Lucchese et al., SIGIR 2015).
 *
 * Plain C with vector extensions, no intrinsics. The walk is compiled once for each vector width; who calls chooses.
 */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { TREES = 8, LEAVES = 64, TILE = 64 };

typedef struct {
    int32_t trees, blocks, columns, used;
    const int32_t *starts;      /* [blocks + 1] a block's first table */
    const int32_t *features;    /* [tables] the used column that a table is about */
    const int64_t *rows;        /* [tables] a table's first row in `masks` */
    const uint64_t *masks;      /* [rows, TREES] leaves that remain, by bin; aligned to 64 bytes */
    const double *leaves;       /* [blocks, TREES, LEAVES] */
    const int32_t *sources;     /* [used] place of a used column in the matrix */
    const int32_t *categories;  /* [used] how many codes it knows; 0 for numbers */
    const int64_t *places;      /* [used + 1] where its thresholds begin */
    const float *thresholds;
} Forest;

static void bin_numbers(const float *values, const float *edges, int32_t count, uint16_t *bins)
{
    int32_t below[TILE] = {0};
    for (int32_t e = 0; e < count; e++)
        for (int i = 0; i < TILE; i++)
            below[i] += values[i] > edges[e];
    for (int i = 0; i < TILE; i++)
        bins[i] = (uint16_t)(values[i] == values[i] ? below[i] : count + 1);
}

/* Codes from 0 up; what is no known code, or missing, gets a bin of its own. */
static void bin_codes(const float *values, int32_t categories, uint16_t *bins)
{
    for (int i = 0; i < TILE; i++) {
        float code = values[i];
        int known = code > -1 && code < (float)categories;
        bins[i] = (uint16_t)(known ? (int32_t)code : code == code ? categories : categories + 1);
    }
}

static inline __attribute__((always_inline)) void
bin_tiles(const Forest *forest, const float *matrix, size_t count, uint16_t *bins)
{
    float values[TILE];
    uint16_t found[TILE];
    for (size_t first = 0; first < count; first += TILE) {
        size_t some = count - first < TILE ? count - first : TILE;
        for (int32_t k = 0; k < forest->used; k++) {
            const float *from = matrix + first * (size_t)forest->columns + (size_t)forest->sources[k];
            for (size_t i = 0; i < TILE; i++)
                values[i] = i < some ? from[i * (size_t)forest->columns] : 0;
            if (forest->categories[k])
                bin_codes(values, forest->categories[k], found);
            else
                bin_numbers(values, forest->thresholds + forest->places[k],
                            (int32_t)(forest->places[k + 1] - forest->places[k]), found);
            for (size_t i = 0; i < some; i++)
                bins[(first + i) * (size_t)forest->used + (size_t)k] = found[i];
        }
    }
}

/* The sum of each row's leaves, in the order of the trees, so that doubles round as LightGBM's do. */
#define WALK(NAME, BYTES, TARGET)                                                                                      \
    TARGET static void NAME(const Forest *forest, const float *matrix, size_t count, uint16_t *bins, double *sums)     \
    {                                                                                                                  \
        typedef uint64_t Vector __attribute__((vector_size(BYTES)));                                                   \
        enum { PARTS = TREES * 8 / BYTES };                                                                            \
        bin_tiles(forest, matrix, count, bins);                                                                        \
        memset(sums, 0, count * sizeof *sums);                                                                         \
        for (int32_t block = 0; block < forest->blocks; block++) {                                                     \
            const double *leaves = forest->leaves + (size_t)block * TREES * LEAVES;                                    \
            int32_t first = forest->starts[block], end = forest->starts[block + 1];                                    \
            int32_t trees = forest->trees - block * TREES < TREES ? forest->trees - block * TREES : TREES;             \
            for (size_t i = 0; i < count; i++) {                                                                       \
                const uint16_t *row = bins + i * (size_t)forest->used;                                                 \
                Vector left[PARTS];                                                                                    \
                for (int p = 0; p < PARTS; p++)                                                                        \
                    left[p] = ~(Vector){0};                                                                            \
                for (int32_t t = first; t < end; t++) {                                                                \
                    const Vector *mask = (const Vector *)(forest->masks                                                \
                                                          + (size_t)(forest->rows[t] + row[forest->features[t]])       \
                                                                * TREES);                                              \
                    for (int p = 0; p < PARTS; p++)                                                                    \
                        left[p] &= mask[p];                                                                            \
                }                                                                                                      \
                uint64_t alive[TREES];                                                                                 \
                memcpy(alive, left, sizeof alive);                                                                     \
                double sum = sums[i];                                                                                  \
                for (int32_t t = 0; t < trees; t++)                                                                    \
                    sum += leaves[t * LEAVES + __builtin_ctzll(alive[t])];                                             \
                sums[i] = sum;                                                                                         \
            }                                                                                                          \
        }                                                                                                              \
    }

WALK(walk_16, 16, )
#ifdef __x86_64__
WALK(walk_32, 32, __attribute__((target("avx2,bmi"))))
WALK(walk_64, 64, __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,bmi"))))
#endif

/* The widest vectors that this processor has: 16 (SSE2, NEON), 32 (AVX2) or 64 bytes (AVX-512). */
int rightpack_width(void)
{
#ifdef __x86_64__
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq")
        && __builtin_cpu_supports("avx512vl"))
        return 64;
    if (__builtin_cpu_supports("avx2"))
        return 32;
#endif
    return 16;
}

/* Raw scores of `count` rows of `matrix` [count, columns]; `bins` [count, forest->used] is room to work in. */
void rightpack_score(const Forest *forest, int width, const float *matrix, size_t count, uint16_t *bins, double *sums)
{
#ifdef __x86_64__
    if (width == 64) {
        walk_64(forest, matrix, count, bins, sums);
        return;
    }
    if (width == 32) {
        walk_32(forest, matrix, count, bins, sums);
        return;
    }
#endif
    (void)width;
    walk_16(forest, matrix, count, bins, sums);
}

/* Probabilities from raw scores, in place, by the formula and the C library's exp that LightGBM uses. */
void rightpack_chances(double *scores, size_t count)
{
    for (size_t i = 0; i < count; i++)
        scores[i] = 1.0f / (1.0f + exp(-1.0 * scores[i]));
}
