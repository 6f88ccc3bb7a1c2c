/* The parts of the network for which a general tensor library is many times slower than the processor: the first
 * convolution with its pooling (one input channel), pooling with a residual, batch normalisation with activation and
 * dropout in one pass, and the recurrence of a GRU. Compiled and called by native.py; checked against torch in tests.
 *
 * Maps are (B, H, W, C) with the channels last; C is a multiple of 16. Parallel loops divide the work by clip or in
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
typedef uint8_t byte16 __attribute__((vector_size(16), aligned(1)));
#define LANES 16

static inline vec load(const float *p) { return *(const vec *)p; }
static inline void store(float *p, vec v) { *(vec *)p = v; }
static inline vec zero(void) { return (vec){0}; }

/* bfloat16 <-> float, rounding to nearest even. */
static inline vec load_half(const uint16_t *p)
{
    uvec wide = __builtin_convertvector(*(const half16 *)p, uvec);
    return (vec)(wide << 16);
}

static inline void store_half(uint16_t *p, vec v)
{
    uvec bits = (uvec)v;
    bits += 0x7fff + ((bits >> 16) & 1);
    *(half16 *)p = __builtin_convertvector(bits >> 16, half16);
}

static inline vec choose(ivec mask, vec a, vec b) { return (vec)(((ivec)a & mask) | ((ivec)b & ~mask)); }

/* Where a takes b's place in a maximum: it is greater, or not a number (which then stays: nothing is greater). */
static inline ivec beats(vec a, vec b) { return (a > b) | (a != a); }

/* Where a value passes a ReLU: above zero, or not a number. */
static inline ivec passes(vec v) { return ~(v <= 0); }

/* ---- first convolution, 7x7, stride (2, 1), and max pooling (4, 2) ---------------------------------------------- */

enum { K = 7, TAPS = K * K, PH = 4, PW = 2, CELLS = PH * PW, STEP = 2 };

/* x: (B, rows, cols) padded input; weight: (49, C); out: (B, H, W, C) bfloat16; index: (B, H, W, C), 0..7.
 * Cell r * 2 + s of pooled (i, j) is the convolution at row 2 * (4 i + r), column 2 j + s of the padded input. */
void first_forward(const float *x, const float *weight, uint16_t *out, uint8_t *index,
                   long batch, long rows, long cols, long height, long width, long channels)
{
#pragma omp parallel for collapse(2) schedule(static)
    for (long b = 0; b < batch; b++)
        for (long i = 0; i < height; i++) {
            const float *top = x + (b * rows + i * PH * STEP) * cols;
            for (long j = 0; j < width; j++) {
                const float *corner = top + j * PW;
                long at = ((b * height + i) * width + j) * channels;
                for (long c = 0; c < channels; c += 2 * LANES) {
                    vec low[CELLS], high[CELLS];
                    for (int p = 0; p < CELLS; p++) low[p] = high[p] = zero();
                    const float *w = weight + c;
                    for (int kr = 0; kr < K; kr++)
#pragma GCC unroll 7
                        for (int kt = 0; kt < K; kt++, w += channels) {
                            vec w0 = load(w), w1 = load(w + LANES);
                            const float *from = corner + kr * cols + kt;
#pragma GCC unroll 8
                            for (int p = 0; p < CELLS; p++) {
                                float value = from[(p / PW) * STEP * cols + p % PW];
                                low[p] += value * w0;
                                high[p] += value * w1;
                            }
                        }
                    ivec which0 = {0}, which1 = {0};
                    vec best0 = low[0], best1 = high[0];
                    for (int p = 1; p < CELLS; p++) {
                        ivec more0 = beats(low[p], best0), more1 = beats(high[p], best1);
                        which0 = (which0 & ~more0) | (more0 & p);
                        which1 = (which1 & ~more1) | (more1 & p);
                        best0 = choose(more0, low[p], best0);
                        best1 = choose(more1, high[p], best1);
                    }
                    store_half(out + at + c, best0);
                    store_half(out + at + c + LANES, best1);
                    *(byte16 *)(index + at + c) = __builtin_convertvector(which0, byte16);
                    *(byte16 *)(index + at + c + LANES) = __builtin_convertvector(which1, byte16);
                }
            }
        }
}

/* grad: (B, H, W, C) bfloat16; weight_by_channel: (C, 64), a channel's 49 taps as 7 rows of 8 (the eighth zero), 8 more
 * zeros; partial: (B, 49, C), every clip's gradient of the weights; grad_x: (B, rows, cols) or NULL, zeroed by the
 * caller. Only one cell of each window has a gradient, so this is an eighth of a convolution's work. */
void first_backward(const float *x, const float *weight_by_channel, const uint16_t *grad, const uint8_t *index,
                    float *partial, float *grad_x, long batch, long rows, long cols, long height, long width,
                    long channels)
{
#pragma omp parallel for schedule(static)
    for (long b = 0; b < batch; b++) {
        float *sums = partial + b * TAPS * channels;
        memset(sums, 0, sizeof(float) * TAPS * channels);
        for (long i = 0; i < height; i++)
            for (long j = 0; j < width; j++) {
                const float *corner = x + (b * rows + i * PH * STEP) * cols + j * PW;
                long at = ((b * height + i) * width + j) * channels;
                /* candidate[k][p]: the input that tap k met in cell p (twice, to fill a register) */
                float candidate[TAPS][LANES] __attribute__((aligned(64)));
                for (int kr = 0; kr < K; kr++)
                    for (int kt = 0; kt < K; kt++)
                        for (int p = 0; p < CELLS; p++)
                            candidate[kr * K + kt][p] = corner[(kr + (p / PW) * STEP) * cols + kt + p % PW];
                for (long c = 0; c < channels; c += LANES) {
                    vec g = load_half(grad + at + c);
                    ivec which = __builtin_convertvector(*(const byte16 *)(index + at + c), ivec);
#pragma GCC unroll 7
                    for (int k = 0; k < TAPS; k++) {
                        vec met = __builtin_shuffle(load(candidate[k]), which);
                        float *sum = sums + k * channels + c;
                        store(sum, load(sum) + met * g);
                    }
                }
                if (!grad_x) continue;
                vec cells[CELLS][4];
                memset(cells, 0, sizeof cells);
                for (long c = 0; c < channels; c++) {
                    uint32_t bits = (uint32_t)grad[at + c] << 16;
                    float g;
                    memcpy(&g, &bits, sizeof g);
                    vec *cell = cells[index[at + c]];
                    const float *w = weight_by_channel + c * 64;
                    for (int q = 0; q < 4; q++) cell[q] += g * load(w + q * LANES);
                }
                float *to = grad_x + (b * rows + i * PH * STEP) * cols + j * PW;
                for (int p = 0; p < CELLS; p++) {
                    const float *from = (const float *)cells[p];
                    for (int kr = 0; kr < K; kr++)
                        for (int kt = 0; kt < K; kt++)
                            to[(kr + (p / PW) * STEP) * cols + kt + p % PW] += from[kr * 8 + kt];
                }
            }
    }
}

/* ---- (x + residual), max pooled over `pool` rows ----------------------------------------------------------------- */

/* x, residual (or NULL): (B, H, W, C) bfloat16 -> out, index: (B, H / pool, W, C). Rows that fill no window are left out. */
void pool_forward(const uint16_t *x, const uint16_t *residual, uint16_t *out, uint8_t *index,
                  long batch, long height, long width, long channels, long pool)
{
    long pooled = height / pool, line = width * channels;
#pragma omp parallel for collapse(2) schedule(static)
    for (long b = 0; b < batch; b++)
        for (long i = 0; i < pooled; i++) {
            long from = (b * height + i * pool) * line, to = (b * pooled + i) * line;
            for (long k = 0; k < line; k += LANES) {
                vec best = load_half(x + from + k);
                if (residual) best += load_half(residual + from + k);
                ivec which = {0};
                for (long r = 1; r < pool; r++) {
                    vec next = load_half(x + from + r * line + k);
                    if (residual) next += load_half(residual + from + r * line + k);
                    ivec more = beats(next, best);
                    which = (which & ~more) | (more & (int32_t)r);
                    best = choose(more, next, best);
                }
                store_half(out + to + k, best);
                *(byte16 *)(index + to + k) = __builtin_convertvector(which, byte16);
            }
        }
}

/* grad: (B, H / pool, W, C) bfloat16 -> grad_x: (B, H, W, C) bfloat16, all of it written. */
void pool_backward(const uint16_t *grad, const uint8_t *index, uint16_t *grad_x,
                   long batch, long height, long width, long channels, long pool)
{
    long pooled = height / pool, line = width * channels;
#pragma omp parallel for collapse(2) schedule(static)
    for (long b = 0; b < batch; b++)
        for (long i = 0; i < pooled + (height % pool != 0); i++) {
            long to = (b * height + i * pool) * line, from = (b * pooled + i) * line;
            if (i == pooled) {
                memset(grad_x + to, 0, sizeof(uint16_t) * line * (height % pool));
                continue;
            }
            for (long k = 0; k < line; k += LANES) {
                uvec g = __builtin_convertvector(*(const half16 *)(grad + from + k), uvec);
                ivec which = __builtin_convertvector(*(const byte16 *)(index + from + k), ivec);
                for (long r = 0; r < pool; r++)
                    *(half16 *)(grad_x + to + r * line + k) =
                        __builtin_convertvector(g & (uvec)(which == (int32_t)r), half16);
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

/* Sums and sums of squares of x: (N, C) bfloat16 by channel, in CHUNKS parts: partial (CHUNKS, 2, C). */
void channel_sums(const uint16_t *x, float *partial, long count, long channels)
{
#pragma omp parallel for schedule(static)
    for (long part = 0; part < CHUNKS; part++) {
        float *sums = partial + part * 2 * channels;
        memset(sums, 0, sizeof(float) * 2 * channels);
        long last = count * (part + 1) / CHUNKS;
        for (long c = 0; c < channels; c += LANES) {
            vec total = zero(), squares = zero();
            for (long n = count * part / CHUNKS; n < last; n++) {
                vec v = load_half(x + n * channels + c);
                total += v;
                squares += v * v;
            }
            store(sums + c, total);
            store(sums + channels + c, squares);
        }
    }
}

/* out = dropout(relu(x * scale + shift)); dropped where hash(position, seed) < threshold, the others times keep_scale. */
void norm_forward(const uint16_t *x, const float *scale, const float *shift, uint16_t *out,
                  long count, long channels, uint32_t seed, uint32_t threshold, float keep_scale)
{
#pragma omp parallel for schedule(static)
    for (long part = 0; part < CHUNKS; part++) {
        long last = count * (part + 1) / CHUNKS;
        for (long n = count * part / CHUNKS; n < last; n++)
            for (long c = 0; c < channels; c += LANES) {
                long at = n * channels + c;
                vec v = load_half(x + at) * load(scale + c) + load(shift + c);
                ivec keep = passes(v);
                if (threshold) keep &= (ivec)(hash((uint32_t)at + COUNT + seed) >= threshold);
                store_half(out + at, (vec)((ivec)(v * keep_scale) & keep));
            }
    }
}

/* From the gradient of norm_forward's output, by channel, the sums of dz and of dz * x: partial (CHUNKS, 2, C), where
 * dz is the gradient at the normalisation's output. An output above zero was neither cut off nor dropped. */
void norm_backward_sums(const uint16_t *x, const uint16_t *out, const uint16_t *grad, float *partial,
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
                vec dz = (vec)((ivec)(load_half(grad + at) * keep_scale) & passes(load_half(out + at)));
                total += dz;
                products += dz * load_half(x + at);
            }
            store(sums + c, total);
            store(sums + channels + c, products);
        }
    }
}

/* grad_x = dz * a + x * b + c, coefficients by channel. */
void norm_backward(const uint16_t *x, const uint16_t *out, const uint16_t *grad, const float *a, const float *b,
                   const float *c0, uint16_t *grad_x, long count, long channels, float keep_scale)
{
#pragma omp parallel for schedule(static)
    for (long part = 0; part < CHUNKS; part++) {
        long last = count * (part + 1) / CHUNKS;
        for (long n = count * part / CHUNKS; n < last; n++)
            for (long c = 0; c < channels; c += LANES) {
                long at = n * channels + c;
                vec dz = (vec)((ivec)(load_half(grad + at) * keep_scale) & passes(load_half(out + at)));
                store_half(grad_x + at, dz * load(a + c) + load_half(x + at) * load(b + c) + load(c0 + c));
            }
    }
}

/* ---- GRU recurrence ------------------------------------------------------------------------------------------------ */

/* e^x to 2 ulp for -87 < x < 88, clamped outside: reduction to 2^n * e^r, polynomial of degree 6 (after Cephes). */
static inline float fast_exp(float x)
{
    x = x > 88.0f ? 88.0f : x;
    x = x < -87.0f ? -87.0f : x;
    float n = rintf(x * 1.44269504f);
    float r = x - n * 0.693359375f + n * 2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    union { int32_t i; float f; } power = {((int32_t)n + 127) << 23};
    return p * power.f;
}

static inline float sigmoid(float x) { return 1.0f / (1.0f + fast_exp(-x)); }
static inline float tanh_of(float x) { return 2.0f * sigmoid(2.0f * x) - 1.0f; }

enum { MOST = 512 };

/* Gates in torch's order r, z, n. gates: (B, T, D, 3H), the input's part with its bias; weight: (D, H, 3H), transposed
 * hidden weights; bias: (D, 3H); out: (B, T, D, H). kept: (B, T, D, 4H): r, z, n and the hidden part of n, for the
 * backward pass. Direction 1 runs from the end. H <= 512. */
void gru_forward(const float *gates, const float *weight, const float *bias, float *out, float *kept,
                 long batch, long steps, long directions, long hidden)
{
#pragma omp parallel for collapse(2) schedule(static)
    for (long b = 0; b < batch; b++)
        for (long d = 0; d < directions; d++) {
            const float *w = weight + d * hidden * 3 * hidden, *bias_d = bias + d * 3 * hidden;
            float state[MOST], sum[3 * MOST];
            memset(state, 0, sizeof state);
            for (long s = 0; s < steps; s++) {
                long t = d ? steps - 1 - s : s;
                long at = (b * steps + t) * directions + d;
                const float *in = gates + at * 3 * hidden;
                float *keep = kept + at * 4 * hidden, *h = out + at * hidden;
                memcpy(sum, bias_d, sizeof(float) * 3 * hidden);
                for (long j = 0; j < hidden; j++) {
                    const float *row = w + j * 3 * hidden;
                    float value = state[j];
                    for (long k = 0; k < 3 * hidden; k++) sum[k] += value * row[k];
                }
                for (long k = 0; k < hidden; k++) {
                    float r = sigmoid(in[k] + sum[k]), z = sigmoid(in[hidden + k] + sum[hidden + k]);
                    float n = tanh_of(in[2 * hidden + k] + r * sum[2 * hidden + k]);
                    keep[k] = r;
                    keep[hidden + k] = z;
                    keep[2 * hidden + k] = n;
                    keep[3 * hidden + k] = sum[2 * hidden + k];
                    state[k] = n + z * (state[k] - n);
                }
                memcpy(h, state, sizeof(float) * hidden);
            }
        }
}

/* grad: (B, T, D, H), of the output. weight: (D, 3H, H), torch's own layout. grad_gates, grad_hidden: (B, T, D, 3H), of
 * the input's part and of the hidden part of the gates. previous: (B, T, D, H), the state each step began with. */
void gru_backward(const float *grad, const float *out, const float *kept, const float *weight, float *grad_gates,
                  float *grad_hidden, float *previous, long batch, long steps, long directions, long hidden)
{
#pragma omp parallel for collapse(2) schedule(static)
    for (long b = 0; b < batch; b++)
        for (long d = 0; d < directions; d++) {
            const float *w = weight + d * 3 * hidden * hidden;
            float state_grad[MOST], none[MOST];
            memset(state_grad, 0, sizeof state_grad);
            memset(none, 0, sizeof none);
            for (long s = steps - 1; s >= 0; s--) {
                long t = d ? steps - 1 - s : s;
                long at = (b * steps + t) * directions + d;
                const float *before = s ? out + (at + (d ? directions : -directions)) * hidden : none;
                const float *keep = kept + at * 4 * hidden;
                float *gi = grad_gates + at * 3 * hidden, *gh = grad_hidden + at * 3 * hidden;
                memcpy(previous + at * hidden, before, sizeof(float) * hidden);
                for (long k = 0; k < hidden; k++) {
                    float r = keep[k], z = keep[hidden + k], n = keep[2 * hidden + k], m = keep[3 * hidden + k];
                    float g = state_grad[k] + grad[at * hidden + k];
                    float dn = g * (1 - z) * (1 - n * n), dz = g * (before[k] - n) * z * (1 - z);
                    float dr = dn * m * r * (1 - r);
                    gi[k] = gh[k] = dr;
                    gi[hidden + k] = gh[hidden + k] = dz;
                    gi[2 * hidden + k] = dn;
                    gh[2 * hidden + k] = dn * r;
                    state_grad[k] = g * z;
                }
                for (long q = 0; q < 3 * hidden; q++) {
                    const float *row = w + q * hidden;
                    float value = gh[q];
                    for (long k = 0; k < hidden; k++) state_grad[k] += value * row[k];
                }
            }
        }
}
