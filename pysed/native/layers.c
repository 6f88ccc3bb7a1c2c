/* The parts of the network for which a general tensor library is many times slower than the processor: the first
 * convolution with its pooling (few input channels), filters over a frame of which the maximum is kept, pooling with a
 * residual, batch normalisation with activation and dropout in one pass, and the recurrence of a GRU. Compiled and
 * called by pysed/networks/compiled_layers.py; checked against torch in tests.
 *
 * Maps are (B, H, W, C) with the channels last; C is a multiple of 16. Their values are bfloat16, or float32 where
 * FLOAT32_MAPS is defined: both are compiled. Parallel loops divide the work by clip or in
 * equal chunks whose number does not depend on the threads, and partial sums are added in order: the result does not
 * depend on the number of threads.
 */
#include <math.h>
#include <stdint.h>
#include <string.h>

typedef float vec __attribute__((vector_size(64), aligned(4)));
typedef int32_t ivec __attribute__((vector_size(64), aligned(4)));
typedef uint16_t half16 __attribute__((vector_size(32), aligned(2)));
typedef uint32_t uvec __attribute__((vector_size(64), aligned(4)));
typedef float oct __attribute__((vector_size(32), aligned(4)));
typedef uint8_t byte16 __attribute__((vector_size(16), aligned(1)));
#define LANES 16

static inline vec load(const float *p) { return *(const vec *)p; }
static inline void store(float *p, vec v) { *(vec *)p = v; }
static inline vec zero(void) { return (vec){0}; }

#ifdef FLOAT32_MAPS
typedef float map;
static inline float widened(map value) { return value; }
static inline vec load_map(const map *p) { return load(p); }
static inline void store_map(map *p, vec v) { store(p, v); }
#else
typedef uint16_t map; /* bfloat16; rounding to nearest even */

static inline float widened(map value)
{
    union { uint32_t i; float f; } bits = {(uint32_t)value << 16};
    return bits.f;
}

static inline vec load_map(const map *p)
{
    uvec wide = __builtin_convertvector(*(const half16 *)p, uvec);
    return (vec)(wide << 16);
}

static inline void store_map(map *p, vec v)
{
    uvec bits = (uvec)v;
    bits += 0x7fff + ((bits >> 16) & 1);
    *(half16 *)p = __builtin_convertvector(bits >> 16, half16);
}
#endif

static inline vec choose(ivec mask, vec a, vec b) { return (vec)(((ivec)a & mask) | ((ivec)b & ~mask)); }

/* Where a takes b's place in a maximum: it is greater, or not a number (which then stays: nothing is greater). */
static inline ivec beats(vec a, vec b) { return (a > b) | (a != a); }

/* Where a value passes a ReLU: above zero, or not a number. */
static inline ivec passes(vec v) { return ~(v <= 0); }

/* ---- first convolution, of few channels, and max pooling -------------------------------------------------------- */

/* K x K taps, every STEP-th row, pooled over PH x PW cells; each shape is compiled with its own numbers. Padded columns
 * are 9 - K - PW more than the convolution needs: whole vectors of eight are added to a row of its gradient. A plane is
 * an input channel: P of them, `plane` values apart. */
#define SHAPE const int K, const int STEP, const int PH, const int PW
enum { MOST_TAPS = 49, MOST_CELLS = 8, MOST_ROWS = 13 };
#define INLINE static inline __attribute__((always_inline))

/* x: (B, P, rows, cols) padded input; weight: (P * K * K, C); out: (B, H, W, C); index: (B, H, W, C), the cell.
 * Cell r * PW + s of pooled (i, j) is the convolution at row STEP * (PH i + r), column PW j + s of the padded input. */
INLINE void first_forward_row(SHAPE, const float *top, const float *weight, map *out, uint8_t *index, long planes,
                              long plane, long cols, long width, long channels)
{
    for (long j = 0; j < width; j++) {
        const float *corner = top + j * PW;
        long at = j * channels;
        for (long c = 0; c < channels; c += 2 * LANES) {
            vec low[MOST_CELLS], high[MOST_CELLS];
            for (int p = 0; p < PH * PW; p++) low[p] = high[p] = zero();
            const float *w = weight + c;
            for (long in = 0; in < planes; in++)
                for (int kr = 0; kr < K; kr++)
#pragma GCC unroll 7
                    for (int kt = 0; kt < K; kt++, w += channels) {
                        vec w0 = load(w), w1 = load(w + LANES);
                        const float *from = corner + in * plane + kr * cols + kt;
#pragma GCC unroll 8
                        for (int p = 0; p < PH * PW; p++) {
                            float value = from[(p / PW) * STEP * cols + p % PW];
                            low[p] += value * w0;
                            high[p] += value * w1;
                        }
                    }
            ivec which0 = {0}, which1 = {0};
            vec best0 = low[0], best1 = high[0];
            for (int p = 1; p < PH * PW; p++) {
                ivec more0 = beats(low[p], best0), more1 = beats(high[p], best1);
                which0 = (which0 & ~more0) | (more0 & p);
                which1 = (which1 & ~more1) | (more1 & p);
                best0 = choose(more0, low[p], best0);
                best1 = choose(more1, high[p], best1);
            }
            store_map(out + at + c, best0);
            store_map(out + at + c + LANES, best1);
            *(byte16 *)(index + at + c) = __builtin_convertvector(which0, byte16);
            *(byte16 *)(index + at + c + LANES) = __builtin_convertvector(which1, byte16);
        }
    }
}

/* Of one plane of a clip. grad: (H, W, C); weight_by_channel: (C, P, 64), a channel's taps as K rows of 8 and zeros, from
 * this plane on; sums: (K * K, C), the gradient of the weights; grad_x: (rows, cols) or NULL, zeroed by the caller. Only
 * one cell of each window has a gradient, so this is a fraction of a convolution's work. */
INLINE void first_backward_plane(SHAPE, const float *x, const float *weight_by_channel, const map *grad,
                                 const uint8_t *index, float *sums, float *grad_x, long planes, long cols, long height,
                                 long width, long channels)
{
    memset(sums, 0, sizeof(float) * K * K * channels);
    for (long i = 0; i < height; i++)
        for (long j = 0; j < width; j++) {
            const float *corner = x + i * PH * STEP * cols + j * PW;
            long at = (i * width + j) * channels;
            /* candidate[k][p]: the input that tap k met in cell p */
            float candidate[MOST_TAPS][LANES] __attribute__((aligned(64)));
            for (int kr = 0; kr < K; kr++)
                for (int kt = 0; kt < K; kt++)
                    for (int r = 0; r < PH; r++) /* the cells of a row at once */
                        memcpy(candidate[kr * K + kt] + r * PW, corner + (kr + r * STEP) * cols + kt, sizeof(float) * PW);
            for (long c = 0; c < channels; c += LANES) {
                vec g = load_map(grad + at + c);
                ivec which = __builtin_convertvector(*(const byte16 *)(index + at + c), ivec);
#pragma GCC unroll 7
                for (int k = 0; k < K * K; k++) {
                    vec met = __builtin_shuffle(load(candidate[k]), which);
                    float *sum = sums + k * channels + c;
                    store(sum, load(sum) + met * g);
                }
            }
            if (!grad_x) continue;
            vec cells[MOST_CELLS][4];
            memset(cells, 0, sizeof cells);
            for (long c = 0; c < channels; c++) {
                float g = widened(grad[at + c]);
                vec *cell = cells[index[at + c]];
                const float *w = weight_by_channel + c * planes * 64;
                for (int q = 0; q < (8 * K + LANES - 1) / LANES; q++) cell[q] += g * load(w + q * LANES);
            }
            /* The cells' kernels, laid over each other: rows of eight, those past the taps zero, and room for a shift. */
            float patch[MOST_ROWS][16];
            memset(patch, 0, sizeof patch);
            for (int p = 0; p < PH * PW; p++)
                for (int kr = 0; kr < K; kr++)
                    *(oct *)(patch[kr + (p / PW) * STEP] + p % PW) += *(const oct *)((const float *)cells[p] + kr * 8);
            float *to = grad_x + i * PH * STEP * cols + j * PW;
            for (int r = 0; r < STEP * (PH - 1) + K; r++) *(oct *)(to + r * cols) += *(const oct *)patch[r];
        }
}

/* NAME_forward and NAME_backward of a shape; the latter's partial: (B, P, K * K, C), every clip's gradient of the
 * weights. */
#define FIRST(NAME, K, STEP, PH, PW)                                                                                     \
    void NAME##_forward(const float *x, const float *weight, map *out, uint8_t *index, long batch, long planes,          \
                        long rows, long cols, long height, long width, long channels)                                    \
    {                                                                                                                    \
        _Pragma("omp parallel for collapse(2) schedule(static)")                                                         \
        for (long b = 0; b < batch; b++)                                                                                 \
            for (long i = 0; i < height; i++) {                                                                          \
                long at = (b * height + i) * width * channels;                                                           \
                first_forward_row(K, STEP, PH, PW, x + (b * planes * rows + i * PH * STEP) * cols, weight, out + at,     \
                                  index + at, planes, rows * cols, cols, width, channels);                               \
            }                                                                                                            \
    }                                                                                                                    \
    void NAME##_backward(const float *x, const float *weight_by_channel, const map *grad, const uint8_t *index,          \
                         float *partial, float *grad_x, long batch, long planes, long rows, long cols, long height,      \
                         long width, long channels)                                                                      \
    {                                                                                                                    \
        _Pragma("omp parallel for collapse(2) schedule(static)")                                                         \
        for (long b = 0; b < batch; b++)                                                                                 \
            for (long in = 0; in < planes; in++) {                                                                       \
                long at = b * height * width * channels, from = b * planes + in;                                         \
                first_backward_plane(K, STEP, PH, PW, x + from * rows * cols, weight_by_channel + in * 64, grad + at,    \
                                     index + at, partial + from * K * K * channels,                                      \
                                     grad_x ? grad_x + from * rows * cols : NULL, planes, cols, height, width,           \
                                     channels);                                                                          \
            }                                                                                                            \
    }

FIRST(first7, 7, 2, 4, 2)
FIRST(first5, 5, 1, 5, 1)

/* ---- filters over the bins of a frame, the highest place of each --------------------------------------------------- */

enum { BINS = 32, PLACES = 8 };

/* x: (N, F) frames; weight: (32, C); out: (N, C), the maximum over places i of the sum of weight[k] * x[i + k]; index:
 * (N, C), that place. There are F - 31 of them, 8 to 256: eight at a time, at the end the last eight. */
void filter_forward(const float *x, const float *weight, float *out, uint8_t *index,
                    long count, long bins, long channels)
{
    long places = bins - BINS + 1;
#pragma omp parallel for schedule(static)
    for (long n = 0; n < count; n++)
        for (long c = 0; c < channels; c += 2 * LANES) {
            vec best0 = zero() - INFINITY, best1 = best0;
            ivec which0 = {0}, which1 = {0};
            for (long first = 0; first < places; first += PLACES) {
                long from = first + PLACES <= places ? first : places - PLACES;
                vec low[PLACES], high[PLACES];
                for (int p = 0; p < PLACES; p++) low[p] = high[p] = zero();
                for (int k = 0; k < BINS; k++) {
                    vec w0 = load(weight + k * channels + c), w1 = load(weight + k * channels + c + LANES);
                    const float *at = x + n * bins + from + k;
#pragma GCC unroll 8
                    for (int p = 0; p < PLACES; p++) {
                        float value = at[p];
                        low[p] += value * w0;
                        high[p] += value * w1;
                    }
                }
                for (int p = 0; p < PLACES; p++) {
                    ivec more0 = beats(low[p], best0), more1 = beats(high[p], best1);
                    which0 = (which0 & ~more0) | (more0 & (int32_t)(from + p));
                    which1 = (which1 & ~more1) | (more1 & (int32_t)(from + p));
                    best0 = choose(more0, low[p], best0);
                    best1 = choose(more1, high[p], best1);
                }
            }
            store(out + n * channels + c, best0);
            store(out + n * channels + c + LANES, best1);
            *(byte16 *)(index + n * channels + c) = __builtin_convertvector(which0, byte16);
            *(byte16 *)(index + n * channels + c + LANES) = __builtin_convertvector(which1, byte16);
        }
}

/* grad: (B, T, C) -> partial: (B, C, 32), every clip's gradient of the weights. */
void filter_backward(const float *x, const float *grad, const uint8_t *index, float *partial,
                     long batch, long steps, long bins, long channels)
{
#pragma omp parallel for schedule(static)
    for (long b = 0; b < batch; b++) {
        float *sums = partial + b * channels * BINS;
        memset(sums, 0, sizeof(float) * channels * BINS);
        for (long n = b * steps; n < (b + 1) * steps; n++)
            for (long c = 0; c < channels; c++) {
                float g = grad[n * channels + c], *sum = sums + c * BINS;
                const float *met = x + n * bins + index[n * channels + c];
                store(sum, load(sum) + g * load(met));
                store(sum + LANES, load(sum + LANES) + g * load(met + LANES));
            }
    }
}

/* ---- (x + residual), max pooled over `pool` rows ----------------------------------------------------------------- */

/* x, residual (or NULL): (B, H, W, C) -> out, index: (B, H / pool, W, C). Rows that fill no window are left out. */
void pool_forward(const map *x, const map *residual, map *out, uint8_t *index,
                  long batch, long height, long width, long channels, long pool)
{
    long pooled = height / pool, line = width * channels;
#pragma omp parallel for collapse(2) schedule(static)
    for (long b = 0; b < batch; b++)
        for (long i = 0; i < pooled; i++) {
            long from = (b * height + i * pool) * line, to = (b * pooled + i) * line;
            for (long k = 0; k < line; k += LANES) {
                vec best = load_map(x + from + k);
                if (residual) best += load_map(residual + from + k);
                ivec which = {0};
                for (long r = 1; r < pool; r++) {
                    vec next = load_map(x + from + r * line + k);
                    if (residual) next += load_map(residual + from + r * line + k);
                    ivec more = beats(next, best);
                    which = (which & ~more) | (more & (int32_t)r);
                    best = choose(more, next, best);
                }
                store_map(out + to + k, best);
                *(byte16 *)(index + to + k) = __builtin_convertvector(which, byte16);
            }
        }
}

/* grad: (B, H / pool, W, C) -> grad_x: (B, H, W, C), all of it written. */
void pool_backward(const map *grad, const uint8_t *index, map *grad_x,
                   long batch, long height, long width, long channels, long pool)
{
    long pooled = height / pool, line = width * channels;
#pragma omp parallel for collapse(2) schedule(static)
    for (long b = 0; b < batch; b++)
        for (long i = 0; i < pooled + (height % pool != 0); i++) {
            long to = (b * height + i * pool) * line, from = (b * pooled + i) * line;
            if (i == pooled) {
                memset(grad_x + to, 0, sizeof(map) * line * (height % pool));
                continue;
            }
            for (long k = 0; k < line; k += LANES) {
                vec g = load_map(grad + from + k);
                ivec which = __builtin_convertvector(*(const byte16 *)(index + from + k), ivec);
                for (long r = 0; r < pool; r++)
                    store_map(grad_x + to + r * line + k, choose(which == (int32_t)r, g, zero()));
            }
        }
}

/* ---- batch normalisation, ReLU, dropout -------------------------------------------------------------------------- */

/* A 32-bit hash of position and seed (lowbias32, C. Wellons, public domain): the dropout of a position. */
static inline uvec hash(uvec n)
{
    n ^= n >> 16;
    n *= 0x7feb352dU;
    n ^= n >> 15;
    n *= 0x846ca68bU;
    n ^= n >> 16;
    return n;
}

static const uvec COUNT = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
#define CHUNKS 64

/* Sums and sums of squares of x: (N, C) by channel, in CHUNKS parts: partial (CHUNKS, 2, C). */
void channel_sums(const map *x, float *partial, long count, long channels)
{
#pragma omp parallel for schedule(static)
    for (long part = 0; part < CHUNKS; part++) {
        float *sums = partial + part * 2 * channels;
        memset(sums, 0, sizeof(float) * 2 * channels);
        long last = count * (part + 1) / CHUNKS;
        for (long c = 0; c < channels; c += LANES) {
            vec total = zero(), squares = zero();
            for (long n = count * part / CHUNKS; n < last; n++) {
                vec v = load_map(x + n * channels + c);
                total += v;
                squares += v * v;
            }
            store(sums + c, total);
            store(sums + channels + c, squares);
        }
    }
}

/* out = dropout(relu(x * scale + shift)), without the relu unless asked for; dropped where hash(position, seed) <
 * threshold, the others times keep_scale. */
void norm_forward(const map *x, const float *scale, const float *shift, map *out,
                  long count, long channels, long relu, uint32_t seed, uint32_t threshold, float keep_scale)
{
#pragma omp parallel for schedule(static)
    for (long part = 0; part < CHUNKS; part++) {
        long last = count * (part + 1) / CHUNKS;
        for (long n = count * part / CHUNKS; n < last; n++)
            for (long c = 0; c < channels; c += LANES) {
                long at = n * channels + c;
                vec v = load_map(x + at) * load(scale + c) + load(shift + c);
                ivec keep = relu ? passes(v) : ~(ivec){0};
                if (threshold) keep &= (ivec)(hash((uint32_t)at + COUNT + seed) >= threshold);
                store_map(out + at, (vec)((ivec)(v * keep_scale) & keep));
            }
    }
}

/* From the gradient of norm_forward's output, by channel, the sums of dz and of dz * x: partial (CHUNKS, 2, C), where
 * dz is the gradient at the normalisation's output. An output that is not zero was neither cut off nor dropped. */
void norm_backward_sums(const map *x, const map *out, const map *grad, float *partial,
                        long count, long channels, float keep_scale)
{
#pragma omp parallel for schedule(static)
    for (long part = 0; part < CHUNKS; part++) {
        float *sums = partial + part * 2 * channels;
        long last = count * (part + 1) / CHUNKS;
        for (long c = 0; c < channels; c += LANES) {
            vec total = zero(), products = zero();
            for (long n = count * part / CHUNKS; n < last; n++) {
                long at = n * channels + c;
                vec dz = (vec)((ivec)(load_map(grad + at) * keep_scale) & (load_map(out + at) != 0));
                total += dz;
                products += dz * load_map(x + at);
            }
            store(sums + c, total);
            store(sums + channels + c, products);
        }
    }
}

/* grad_x = dz * a + x * b + c, coefficients by channel. */
void norm_backward(const map *x, const map *out, const map *grad, const float *a, const float *b,
                   const float *c0, map *grad_x, long count, long channels, float keep_scale)
{
#pragma omp parallel for schedule(static)
    for (long part = 0; part < CHUNKS; part++) {
        long last = count * (part + 1) / CHUNKS;
        for (long n = count * part / CHUNKS; n < last; n++)
            for (long c = 0; c < channels; c += LANES) {
                long at = n * channels + c;
                vec dz = (vec)((ivec)(load_map(grad + at) * keep_scale) & (load_map(out + at) != 0));
                store_map(grad_x + at, dz * load(a + c) + load_map(x + at) * load(b + c) + load(c0 + c));
            }
    }
}

/* ---- GRU recurrence ------------------------------------------------------------------------------------------------ */

/* e^x to 2 ulp for -87 < x < 88, clamped outside: reduction to 2^n * e^r, polynomial of degree 6 (after Cephes). */
static inline vec exponential(vec x)
{
    vec most = zero() + 88.0f, half = zero() + 0.5f;
    x = choose(x > most, most, x);
    x = choose(x < -87.0f, zero() - 87.0f, x);
    vec y = x * 1.44269504f;
    ivec n = __builtin_convertvector(y + choose(y < 0, -half, half), ivec);
    vec whole = __builtin_convertvector(n, vec);
    vec r = x - whole * 0.693359375f + whole * 2.12194440e-4f;
    vec p = zero() + 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    return p * (vec)((n + 127) << 23);
}

static inline vec sigmoid(vec x) { return 1.0f / (1.0f + exponential(-x)); }
static inline vec tanh_of(vec x) { return 2.0f * sigmoid(2.0f * x) - 1.0f; }

/* The first `count` values alone, where a line ends within a register. */
static inline vec load_some(const float *p, long count)
{
    if (count >= LANES) return load(p);
    vec v = zero();
    memcpy(&v, p, sizeof(float) * count);
    return v;
}

static inline void store_some(float *p, vec v, long count)
{
    if (count >= LANES) store(p, v);
    else memcpy(p, &v, sizeof(float) * count);
}

enum { MOST = 512, ROWS = 4, WIDE = 2 * LANES, LINE = 3 * MOST + LANES };

/* sums (count, columns) += values (count, rows) * weight (rows, columns); lines of `sums` and `values` lie LINE
 * apart, columns is a multiple of 32. Four clips at once load every weight once and keep their sums in registers. */
static void add_products(float *sums, const float *values, const float *weight, long count, long rows, long columns)
{
    for (long k = 0; count == ROWS && k < columns; k += WIDE) {
        vec low[ROWS], high[ROWS];
        for (int i = 0; i < ROWS; i++) {
            low[i] = load(sums + i * LINE + k);
            high[i] = load(sums + i * LINE + k + LANES);
        }
        for (long j = 0; j < rows; j++) {
            vec w0 = load(weight + j * columns + k), w1 = load(weight + j * columns + k + LANES);
#pragma GCC unroll 4
            for (int i = 0; i < ROWS; i++) {
                low[i] += values[i * LINE + j] * w0;
                high[i] += values[i * LINE + j] * w1;
            }
        }
        for (int i = 0; i < ROWS; i++) {
            store(sums + i * LINE + k, low[i]);
            store(sums + i * LINE + k + LANES, high[i]);
        }
    }
    for (long i = 0; count < ROWS && i < count; i++)
        for (long j = 0; j < rows; j++) {
            float value = values[i * LINE + j];
            for (long k = 0; k < columns; k++) sums[i * LINE + k] += value * weight[j * columns + k];
        }
}

/* Gates in torch's order r, z, n. gates: (B, T, D, 3H), the input's part with its bias; weight: (D, H, P), transposed
 * hidden weights, zeros up to P, the next multiple of 32; bias: (D, 3H); out: (B, T, D, H). kept: (B, T, D, 4H): r, z, n
 * and the hidden part of n, for the backward pass. Direction 1 runs from the end. H <= 512. */
void gru_forward(const float *gates, const float *weight, const float *bias, float *out, float *kept,
                 long batch, long steps, long directions, long hidden, long columns)
{
#pragma omp parallel for collapse(2) schedule(static)
    for (long first = 0; first < batch; first += ROWS)
        for (long d = 0; d < directions; d++) {
            long count = batch - first < ROWS ? batch - first : ROWS;
            float state[ROWS][LINE], sum[ROWS][LINE];
            memset(state, 0, sizeof state);
            memset(sum, 0, sizeof sum);
            for (long s = 0; s < steps; s++) {
                long t = d ? steps - 1 - s : s;
                for (long i = 0; i < count; i++)
                    memcpy(sum[i], bias + d * 3 * hidden, sizeof(float) * 3 * hidden);
                add_products(sum[0], state[0], weight + d * hidden * columns, count, hidden, columns);
                for (long i = 0; i < count; i++) {
                    long at = ((first + i) * steps + t) * directions + d;
                    const float *in = gates + at * 3 * hidden, *by_state = sum[i];
                    float *keep = kept + at * 4 * hidden, *h = state[i];
                    for (long k = 0; k < hidden; k += LANES) {
                        long left = hidden - k;
                        vec m = load(by_state + 2 * hidden + k), last = load(h + k);
                        vec r = sigmoid(load_some(in + k, left) + load(by_state + k));
                        vec z = sigmoid(load_some(in + hidden + k, left) + load(by_state + hidden + k));
                        vec n = tanh_of(load_some(in + 2 * hidden + k, left) + r * m);
                        store_some(keep + k, r, left);
                        store_some(keep + hidden + k, z, left);
                        store_some(keep + 2 * hidden + k, n, left);
                        store_some(keep + 3 * hidden + k, m, left);
                        store_some(h + k, n + z * (last - n), left);
                    }
                    memcpy(out + at * hidden, h, sizeof(float) * hidden);
                }
            }
        }
}

/* grad: (B, T, D, H), of the output. weight: (D, 3H, P), torch's own layout, zeros up to P, the next multiple of 32.
 * grad_gates, grad_hidden: (B, T, D, 3H), of the input's part and of the hidden part of the gates. previous:
 * (B, T, D, H), the state each step began with. */
void gru_backward(const float *grad, const float *out, const float *kept, const float *weight, float *grad_gates,
                  float *grad_hidden, float *previous, long batch, long steps, long directions, long hidden,
                  long columns)
{
#pragma omp parallel for collapse(2) schedule(static)
    for (long first = 0; first < batch; first += ROWS)
        for (long d = 0; d < directions; d++) {
            long count = batch - first < ROWS ? batch - first : ROWS;
            float state_grad[ROWS][LINE], hidden_grad[ROWS][LINE], none[MOST];
            memset(state_grad, 0, sizeof state_grad);
            memset(none, 0, sizeof none);
            for (long s = steps - 1; s >= 0; s--) {
                long t = d ? steps - 1 - s : s;
                for (long i = 0; i < count; i++) {
                    long at = ((first + i) * steps + t) * directions + d;
                    const float *before = s ? out + (at + (d ? directions : -directions)) * hidden : none;
                    const float *keep = kept + at * 4 * hidden;
                    float *gi = grad_gates + at * 3 * hidden, *gh = hidden_grad[i], *gs = state_grad[i];
                    memcpy(previous + at * hidden, before, sizeof(float) * hidden);
                    for (long k = 0; k < hidden; k += LANES) {
                        long left = hidden - k;
                        vec r = load_some(keep + k, left), z = load_some(keep + hidden + k, left);
                        vec n = load_some(keep + 2 * hidden + k, left), m = load_some(keep + 3 * hidden + k, left);
                        vec g = load_some(gs + k, left) + load_some(grad + at * hidden + k, left);
                        vec dz = g * (load_some(before + k, left) - n) * z * (1 - z);
                        vec dn = g * (1 - z) * (1 - n * n), dr = dn * m * r * (1 - r);
                        store_some(gi + k, dr, left);
                        store_some(gi + hidden + k, dz, left);
                        store_some(gi + 2 * hidden + k, dn, left);
                        store_some(gh + k, dr, left);
                        store_some(gh + hidden + k, dz, left);
                        store_some(gh + 2 * hidden + k, dn * r, left);
                        store_some(gs + k, g * z, left);
                    }
                    memcpy(grad_hidden + at * 3 * hidden, gh, sizeof(float) * 3 * hidden);
                }
                add_products(state_grad[0], hidden_grad[0], weight + d * 3 * hidden * columns, count, 3 * hidden,
                             columns);
            }
        }
}
