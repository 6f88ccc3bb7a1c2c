/* The inner loops of online i-vector extraction: Gaussian selection, the statistics of each period, and after each
 * period some conjugate-gradient steps from the last i-vector. Called through native.py; the plain forms of select,
 * accumulate and follow are in gmm.py, ivector.py and estimation.py, and the tests hold them against these.
 */
#include <math.h>
#include <stdint.h>
#include <string.h>

/* scores: (frames, gauss); min_post: (frames,); chosen, posteriors: (frames, most), zero where a frame has fewer, best
 * first; values: (frames,). Returns the number of frames before one that has no finite likelihood. */
long select_gaussians(const float *scores, const float *min_post, long frames, long gauss, long most, int64_t *chosen,
                      float *posteriors, float *values)
{
    for (long t = 0; t < frames; t++, scores += gauss, chosen += most, posteriors += most) {
        float best = -INFINITY, sum = 0;
        for (long g = 0; g < gauss; g++) {
            if (isnan(scores[g]))
                return t;
            best = scores[g] > best ? scores[g] : best;
        }
        if (!isfinite(best))
            return t;
        float cutoff = best + logf(min_post[t]), total = 0;
        long count = 0;
        for (long g = 0; g < gauss; g++) {
            float score = scores[g];
            if (!(score > cutoff || score == best) || (count == most && score <= posteriors[most - 1]))
                continue;
            long place = count < most ? count++ : most - 1;
            for (; place > 0 && posteriors[place - 1] < score; place--) {
                posteriors[place] = posteriors[place - 1];
                chosen[place] = chosen[place - 1];
            }
            posteriors[place] = score;
            chosen[place] = g;
        }
        for (long k = 0; k < count; k++)
            sum += posteriors[k] = expf(posteriors[k] - best);
        for (long k = 0; k < count; k++) {
            if (k > 0 && posteriors[k] < min_post[t] * sum)
                posteriors[k] = 0;
            total += posteriors[k];
        }
        for (long k = 0; k < count; k++)
            posteriors[k] /= total;
        values[t] = best + logf(total);
    }
    return frames;
}

/* features: (frames, dim); chosen, posteriors: (frames, most); period: (frames,), which one a frame belongs to;
 * projections: (gauss, dim, size). Adds to occupancy (periods, gauss) and linear (periods, size). slots: (periods,
 * gauss), zero; sums: (frames * most, dim), anything. */
void accumulate(const float *features, const int64_t *chosen, const float *posteriors, const int64_t *period,
                const double *projections, long frames, long most, long periods, long gauss, long dim, long size,
                double *occupancy, double *linear, int64_t *slots, double *sums)
{
    long used = 0;
    for (long t = 0; t < frames; t++, features += dim)
        for (long k = 0; k < most; k++) {
            double weight = posteriors[t * most + k];
            if (weight == 0.0)
                continue;
            long cell = period[t] * gauss + chosen[t * most + k];
            if (!slots[cell]) {
                memset(sums + used * dim, 0, dim * sizeof *sums);
                slots[cell] = ++used;
            }
            occupancy[cell] += weight;
            double *sum = sums + (slots[cell] - 1) * dim;
            for (long d = 0; d < dim; d++)
                sum[d] += weight * features[d];
        }
    for (long g = 0; g < gauss; g++, projections += dim * size)
        for (long p = 0; p < periods; p++)
            if (slots[p * gauss + g]) {
                const double *sum = sums + (slots[p * gauss + g] - 1) * dim;
                double *target = linear + p * size;
                for (long d = 0; d < dim; d++)
                    for (long i = 0; i < size; i++)
                        target[i] += sum[d] * projections[d * size + i];
            }
}

static double dot(const double *a, const double *b, long size)
{
    double sum = 0;
    for (long i = 0; i < size; i++)
        sum += a[i] * b[i];
    return sum;
}

/* y = matrix x; the matrix is symmetric, so its rows are its columns. */
static void multiply(const double *restrict matrix, const double *restrict x, double *restrict y, long size)
{
    memset(y, 0, size * sizeof *y);
    long j = 0;
    for (; j + 4 <= size; j += 4) {
        const double *a = matrix + j * size, *b = a + size, *c = b + size, *d = c + size;
        for (long i = 0; i < size; i++)
            y[i] += x[j] * a[i] + x[j + 1] * b[i] + x[j + 2] * c[i] + x[j + 3] * d[i];
    }
    for (; j < size; j++)
        for (long i = 0; i < size; i++)
            y[i] += x[j] * matrix[j * size + i];
}

/* Steps from guess towards matrix x = target; whether x is better than the guess. work: (3, size). */
static int solve(const double *matrix, const double *target, const double *guess, double *x, long size,
                 long iterations, double *work)
{
    double *residual = work, *direction = work + size, *product = work + 2 * size;
    memcpy(x, guess, size * sizeof *x);
    multiply(matrix, x, residual, size);
    for (long i = 0; i < size; i++) {
        residual[i] -= target[i];
        direction[i] = -residual[i];
    }
    double now = dot(residual, residual, size), first = now, reference = now;
    for (long k = 0; k < iterations && k < size + 5; k++) {
        multiply(matrix, direction, product, size);
        double curvature = dot(direction, product, size);
        if (curvature == 0.0)
            break;
        double alpha = -dot(direction, residual, size) / curvature;
        for (long i = 0; i < size; i++) {
            x[i] += alpha * direction[i];
            residual[i] += alpha * product[i];
        }
        double following = dot(residual, residual, size);
        if (following < 1e-4 * reference || following > 1e4 * reference) {
            multiply(matrix, x, residual, size);
            for (long i = 0; i < size; i++)
                residual[i] -= target[i];
            following = reference = dot(residual, residual, size);
        }
        if (following <= 2.2250738585072014e-308)
            break;
        for (long i = 0; i < size; i++)
            direction[i] = direction[i] * (following / now) - residual[i];
        now = following;
    }
    return now <= first + 1e-10 * dot(target, target, size) && isfinite(dot(x, x, size));
}

static double prior_scale(double num_frames, double max_count)
{
    return max_count > 0 ? fmax(num_frames, max_count) / max_count : 1.0;
}

/* occupancy: (periods, gauss); terms: (periods, size), what each adds to linear; wanted: (periods,), after which an
 * i-vector is due, written to rows one after another; precisions: (gauss, packed), as precision is; work: (4 + size,
 * size). num_frames, linear, precision and ivector are brought up to date. Returns the number of periods done, negative
 * where the last one's i-vector is still to be found by other means. */
long follow(const double *occupancy, const double *terms, const uint8_t *wanted, const double *precisions, long periods,
            long gauss, long size, long iterations, double max_count, double prior_offset, double *num_frames,
            double *linear, double *precision, double *ivector, double *rows, double *work)
{
    long packed = size * (size + 1) / 2;
    double *matrix = work + 4 * size;
    for (long p = 0; p < periods; p++, occupancy += gauss, terms += size) {
        double before = prior_scale(*num_frames, max_count);
        for (long i = 0; i < size; i++)
            linear[i] += terms[i];
        for (long g = 0; g < gauss; g++) {
            double share = occupancy[g];
            if (share == 0.0)
                continue;
            *num_frames += share;
            for (long i = 0; i < packed; i++)
                precision[i] += share * precisions[g * packed + i];
        }
        double change = prior_scale(*num_frames, max_count) - before;
        linear[0] += change * prior_offset;
        for (long i = 0; i < size; i++)
            precision[i * (i + 3) / 2] += change;
        if (!wanted[p])
            continue;
        if (*num_frames <= 0) {
            memset(ivector, 0, size * sizeof *ivector);
            ivector[0] = prior_offset;
        } else {
            for (long i = 0, k = 0; i < size; i++)
                for (long j = 0; j <= i; j++, k++)
                    matrix[i * size + j] = matrix[j * size + i] = precision[k];
            if (ivector[0] == 0.0)
                ivector[0] = prior_offset;
            if (!solve(matrix, linear, ivector, work, size, iterations, work + size))
                return -(p + 1);
            memcpy(ivector, work, size * sizeof *ivector);
        }
        memcpy(rows, ivector, size * sizeof *rows);
        rows += size;
    }
    return periods;
}
