/* Plain loops as a C programmer writes them; the compiler's options make the difference. */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#define LOOPS(T, S, SQRT)                                                                                               \
  void triad_##S(T *restrict a, const T *restrict b, const T *restrict c, T q, size_t n) {                             \
    for (size_t i = 0; i < n; i++) a[i] = b[i] + q * c[i];                                                             \
  }                                                                                                                    \
  void stencil_##S(T *restrict out, const T *restrict u, size_t nx, size_t ny, size_t z0, size_t z1, T c0, T c1) {     \
    for (size_t z = z0; z < z1; z++)                                                                                   \
      for (size_t y = 1; y + 1 < ny; y++)                                                                              \
        for (size_t x = 1; x + 1 < nx; x++) {                                                                          \
          size_t i = (z * ny + y) * nx + x;                                                                            \
          out[i] = c0 * u[i] + c1 * (u[i - 1] + u[i + 1] + u[i - nx] + u[i + nx] + u[i - nx * ny] + u[i + nx * ny]);   \
        }                                                                                                              \
  }                                                                                                                    \
  void dist_##S(T *restrict out, const T *restrict points, size_t dim, size_t n) {                                     \
    for (size_t i = 0; i < n; i++) {                                                                                   \
      T sum = 0;                                                                                                       \
      for (size_t c = 0; c < dim; c++) sum += points[i * dim + c] * points[i * dim + c];                               \
      out[i] = SQRT(sum);                                                                                              \
    }                                                                                                                  \
  }                                                                                                                    \
  void csr_##S(T *restrict y, const uint32_t *p, const uint32_t *columns, const T *values, const T *x, size_t from,    \
               size_t to) {                                                                                            \
    for (size_t r = from; r < to; r++) {                                                                               \
      T sum = 0;                                                                                                       \
      for (size_t i = p[r]; i < p[r + 1]; i++) sum += values[i] * x[columns[i]];                                       \
      y[r] = sum;                                                                                                      \
    }                                                                                                                  \
  }                                                                                                                    \
  void coo_##S(T *restrict y, const uint32_t *rows, const uint32_t *columns, const T *values, const T *x, size_t from, \
               size_t to) {                                                                                            \
    for (size_t i = from; i < to; i++) y[rows[i]] += values[i] * x[columns[i]];                                        \
  }
LOOPS(float, f32, sqrtf)
LOOPS(double, f64, sqrt)

/* Points inside the quarter circle. */
uint32_t count_f32(const float *restrict x, const float *restrict y, size_t n) {
  uint32_t count = 0;
  for (size_t i = 0; i < n; i++) count += x[i] * x[i] + y[i] * y[i] < 1.0f;
  return count;
}
