/* Exact evaluation of tree ensembles on binned features: each feature value is replaced by the number of thresholds
 * below it, a table gives for each such bin the leaves of eight trees that are still possible, the tables' masks are
 * combined by AND, and the lowest bit left is the leaf (QuickScorer family: Lucchese et al., SIGIR 2015). Columns of few
 * bins share a table, of all their combinations.
 *
 * Plain C with vector extensions, no intrinsics. The walk is compiled once for each vector width; who calls chooses.
 */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { TREES = 8, LEAVES = 64, TILE = 64, STRIDE = 16 };

typedef struct {
    int32_t trees, blocks, used, groups;
    const int32_t *starts;      /* [blocks + 1] a block's first table */
    const int32_t *tables;      /* [tables] the group of columns that a table is about */
    const int64_t *rows;        /* [tables] a table's first row in `masks` */
    const uint64_t *masks;      /* [rows, TREES] leaves that remain, by bin; aligned to 64 bytes */
    const double *leaves;       /* [blocks, TREES, LEAVES] */
    const int32_t *sources;     /* [used] place of a used column in the matrix */
    const int32_t *members;     /* [used] the group that it belongs to */
    const int32_t *steps;       /* [used] what one of its bins counts in the group's */
    const int32_t *categories;  /* [used] how many codes it knows; 0 for numbers */
    const int32_t *edges;       /* [used] how many thresholds it has */
    const int64_t *places;      /* [used] where they begin, followed by at least one infinity up to a whole stride */
    const float *thresholds;
} Forest;

typedef struct {
    const float *values;
    ptrdiff_t row, column;      /* how far it is to the next one */
} Matrix;

/* How many of `count` rising edges are below each value: first in strides, then by halves. */
static void bin_numbers(const float *values, const float *edges, int32_t count, uint16_t *bins)
{
    int32_t below[TILE] = {0}, stride = count < 2 * STRIDE ? 1 : STRIDE;
    for (int32_t e = stride - 1; e < count; e += stride)
        for (int i = 0; i < TILE; i++)
            below[i] += (values[i] > edges[e]) * stride;
    for (int32_t half = stride / 2; half; half /= 2)
        for (int i = 0; i < TILE; i++)
            below[i] += (values[i] > edges[below[i] + half - 1]) * half;
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

/* Where in each group's tables the masks of a tile's rows are: [groups, TILE], counted in masks. */
static inline __attribute__((always_inline)) void
bin_tile(const Forest *forest, const Matrix *matrix, size_t first, size_t some, uint16_t *bins)
{
    float values[TILE] = {0};
    uint16_t found[TILE];
    memset(bins, 0, (size_t)forest->groups * TILE * sizeof *bins);
    for (int32_t k = 0; k < forest->used; k++) {
        const float *from = matrix->values + (ptrdiff_t)first * matrix->row + forest->sources[k] * matrix->column;
        for (size_t i = 0; i < some; i++)
            values[i] = from[(ptrdiff_t)i * matrix->row];
        if (forest->categories[k])
            bin_codes(values, forest->categories[k], found);
        else
            bin_numbers(values, forest->thresholds + forest->places[k], forest->edges[k], found);
        uint16_t *group = bins + forest->members[k] * TILE, step = (uint16_t)(forest->steps[k] * TREES);
        for (int i = 0; i < TILE; i++)
            group[i] = (uint16_t)(group[i] + found[i] * step);
    }
}

/* The sum of each row's leaves, in the order of the trees, so that doubles round as LightGBM's do. */
#define WALK(NAME, BYTES, TARGET)                                                                                      \
    TARGET static void NAME(const Forest *forest, const Matrix *matrix, size_t count, uint16_t *bins, double *sums)    \
    {                                                                                                                  \
        typedef uint64_t Vector __attribute__((vector_size(BYTES)));                                                   \
        enum { PARTS = TREES * 8 / BYTES };                                                                            \
        Vector left[TILE][PARTS];                                                                                      \
        for (size_t first = 0; first < count; first += TILE)                                                           \
            bin_tile(forest, matrix, first, count - first < TILE ? count - first : TILE,                               \
                     bins + first * (size_t)forest->groups);                                                           \
        memset(sums, 0, count * sizeof *sums);                                                                         \
        for (int32_t block = 0; block < forest->blocks; block++) {                                                     \
            const double *leaves = forest->leaves + (size_t)block * TREES * LEAVES;                                    \
            int32_t begin = forest->starts[block], end = forest->starts[block + 1];                                    \
            int32_t trees = forest->trees - block * TREES < TREES ? forest->trees - block * TREES : TREES;             \
            for (size_t first = 0; first < count; first += TILE) {                                                     \
                const uint16_t *tile = bins + first * (size_t)forest->groups;                                          \
                size_t some = count - first < TILE ? count - first : TILE;                                             \
                memset(left, 0xff, sizeof left);                                                                       \
                for (int32_t t = begin; t < end; t += 2) {                                                             \
                    int32_t next = t + 1 < end ? t + 1 : t;                                                            \
                    const uint64_t *one = forest->masks + forest->rows[t] * TREES;                                     \
                    const uint64_t *other = forest->masks + forest->rows[next] * TREES;                                \
                    const uint16_t *bin = tile + forest->tables[t] * TILE, *side = tile + forest->tables[next] * TILE; \
                    for (int i = 0; i < TILE; i++)                                                                     \
                        for (int p = 0; p < PARTS; p++)                                                                \
                            left[i][p] &= ((const Vector *)(one + bin[i]))[p] & ((const Vector *)(other + side[i]))[p]; \
                }                                                                                                      \
                for (size_t i = 0; i < some; i++) {                                                                    \
                    uint64_t alive[TREES];                                                                             \
                    memcpy(alive, left[i], sizeof alive);                                                              \
                    double sum = sums[first + i];                                                                      \
                    for (int32_t t = 0; t < trees; t++)                                                                \
                        sum += leaves[t * LEAVES + __builtin_ctzll(alive[t])];                                         \
                    sums[first + i] = sum;                                                                             \
                }                                                                                                      \
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

/* Raw scores of `count` rows; `bins` [count up to the next whole tile, forest->groups] is room to work in. */
void rightpack_score(const Forest *forest, int width, const Matrix *matrix, size_t count, uint16_t *bins, double *sums)
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
