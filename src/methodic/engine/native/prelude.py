"""The C++ that every program starts with: elementary functions, and a product of matrices.

The functions have no branches, so that loops over them become vectors. Their error is below 2 units
in the last place where torch's is (exp, log), and below 2·10⁻⁷ for the others.
"""

PRELUDE = r"""
#include <stdint.h>
#include <string.h>
#define INFINITY __builtin_inff()  // <math.h> takes the compiler longer than many a step does
#define NAN __builtin_nanf("")
#if defined(__AVX512F__)
constexpr int W = 16, REGISTERS = 32;
#elif defined(__AVX__)
constexpr int W = 8, REGISTERS = 16;
#else
constexpr int W = 4, REGISTERS = 32;
#endif
typedef float vec __attribute__((vector_size(W * 4), aligned(4)));
// A call that the compiler leaves in a loop keeps it from becoming vectors.
#define INLINE static inline __attribute__((always_inline))

INLINE float larger(float a, float b) { return (a > b) | (a != a) ? a : b; }
INLINE float smaller(float a, float b) { return (a < b) | (a != a) ? a : b; }
INLINE int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }
INLINE int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

INLINE float from_bits(int32_t i) { float x; memcpy(&x, &i, 4); return x; }
INLINE int32_t to_bits(float x) { int32_t i; memcpy(&i, &x, 4); return i; }

INLINE float exp_(float x) {
  float c = x > 89.0f ? 89.0f : x;
  c = c < -87.3f ? -87.3f : c;
  float n = __builtin_rintf(c * 1.44269504f);
  float r = __builtin_fmaf(n, -0.693359375f, c);
  r = __builtin_fmaf(n, 2.12194440e-4f, r);
  float p = 1.9875691500e-4f;
  p = __builtin_fmaf(p, r, 1.3981999507e-3f);
  p = __builtin_fmaf(p, r, 8.3334519073e-3f);
  p = __builtin_fmaf(p, r, 4.1665795894e-2f);
  p = __builtin_fmaf(p, r, 1.6666665459e-1f);
  p = __builtin_fmaf(p, r, 5.0000001201e-1f);
  p = __builtin_fmaf(p * r, r, r) + 1.0f;
  int32_t k = (int32_t)n, half = k >> 1;  // 2^128 is no float, though p·2^128 may be one
  float y = p * from_bits((half + 127) << 23) * from_bits((k - half + 127) << 23);
  y = x < -87.3f ? 0.0f : y;
  return x != x ? x : y;
}

INLINE float log_(float x) {
  int32_t i = to_bits(x);
  int32_t e = ((i - 0x3f3504f3) >> 23);
  float m = from_bits(i - (e << 23)) - 1.0f;
  float z = m * m, k = (float)e;
  float p = 7.0376836292e-2f;
  p = __builtin_fmaf(p, m, -1.1514610310e-1f);
  p = __builtin_fmaf(p, m, 1.1676998740e-1f);
  p = __builtin_fmaf(p, m, -1.2420140846e-1f);
  p = __builtin_fmaf(p, m, 1.4249322787e-1f);
  p = __builtin_fmaf(p, m, -1.6668057665e-1f);
  p = __builtin_fmaf(p, m, 2.0000714765e-1f);
  p = __builtin_fmaf(p, m, -2.4999993993e-1f);
  p = __builtin_fmaf(p, m, 3.3333331174e-1f);
  float y = p * m * z;
  y = __builtin_fmaf(k, -2.12194440e-4f, y);
  y = __builtin_fmaf(z, -0.5f, y) + m;
  y = __builtin_fmaf(k, 0.693359375f, y);
  y = x == 0.0f ? -INFINITY : y;
  y = x == INFINITY ? x : y;
  return x < 0.0f || x != x ? NAN : y;
}

INLINE float log1p_(float x) {
  float u = 1.0f + x;
  float y = log_(u) - ((u - 1.0f) - x) / u;
  return u == INFINITY || u == 0.0f ? log_(u) : y;
}

INLINE float expm1_(float x) {
  float small = x * (1.0f + x * (0.5f + x * (1.6666667e-1f
      + x * (4.1666668e-2f + x * 8.3333e-3f))));
  return __builtin_fabsf(x) < 0.08f ? small : exp_(x) - 1.0f;
}

INLINE float sigmoid_(float x) { return 1.0f / (1.0f + exp_(-x)); }

INLINE float tanh_(float x) {
  float a = __builtin_fabsf(x), z = x * x;
  float t = exp_(-2.0f * a);
  float y = __builtin_copysignf((1.0f - t) / (1.0f + t), x);
  float s = x * (1.0f + z * (-3.3333334e-1f + z * (1.3333334e-1f + z * (-5.3968254e-2f
      + z * 2.1869488e-2f))));
  return a < 0.2f ? s : y;
}

// x·tanh(log(1 + eˣ)) and its slope, by one exponential: the tanh is n/(n + 2), n = eˣ·(eˣ + 2).
INLINE float mish_(float x) {
  float e = exp_(smaller(x, 20.0f)), n = e * (e + 2.0f);
  return x * (n / (n + 2.0f));
}
INLINE float mish_slope_(float x) {
  float c = smaller(x, 20.0f), e = exp_(c), n = e * (e + 2.0f), y = 1.0f / (n + 2.0f);
  return y * (n + c * 4.0f * e * (e + 1.0f) * y);
}

INLINE float erf_(float x) {
  float a = __builtin_fabsf(x), t = 1.0f / (1.0f + 0.3275911f * a), z = x * x;
  float p = t * (0.254829592f + t * (-0.284496736f + t * (1.421413741f + t * (-1.453152027f
      + t * 1.061405429f))));
  float y = __builtin_copysignf(1.0f - p * exp_(-z), x);
  float s = x * (1.1283792f + z * (-3.7612639e-1f + z * (1.1283792e-1f + z * (-2.6866170e-2f
      + z * (5.2239776e-3f + z * (-8.5483270e-4f + z * (1.2055333e-4f + z * -1.4925651e-5f)))))));
  return a < 0.9f ? s : y;
}

// sin(x + n quarter turns), by the quarter turn that is nearest to x. Beyond some thousand turns
// the rest of the division by a quarter turn loses digits, which x itself has lost.
INLINE float turned(float x, int32_t n) {
  float q = __builtin_rintf(x * 0.636619772f);
  float r = __builtin_fmaf(q, -1.5703125f, x);
  r = __builtin_fmaf(q, -4.837512969970703e-4f, r);
  r = __builtin_fmaf(q, -7.549789954891882e-8f, r);
  float z = r * r;
  float s = __builtin_fmaf(z, -1.9515295891e-4f, 8.3321608736e-3f);
  s = __builtin_fmaf(s, z, -1.6666654611e-1f);
  s = __builtin_fmaf(s * z, r, r);
  float c = __builtin_fmaf(z, 2.443315711809948e-5f, -1.388731625493765e-3f);
  c = __builtin_fmaf(c, z, 4.166664568298827e-2f);
  c = __builtin_fmaf(c, z * z, __builtin_fmaf(z, -0.5f, 1.0f));
  float m = q - 4.0f * __builtin_floorf(q * 0.25f);
  int32_t k = ((int32_t)m + n) & 3;
  float y = (k & 1) ? c : s;
  y = (k & 2) ? -y : y;
  return x - x == 0.0f ? y : NAN;
}
INLINE float sin_(float x) { return turned(x, 0); }
INLINE float cos_(float x) { return turned(x, 1); }

INLINE vec load(const float* p) { return *(const vec*)p; }
INLINE void store(float* p, vec v) { *(vec*)p = v; }

// R rows and V vectors of columns of C = A·B; TAIL columns of the last vector are kept.
template <int R, int V, int TAIL, int K, int AI, int AK, int BK, int CI>
static inline void block(const float* a, const float* b, float* c) {
  vec sum[R][V];
#pragma GCC unroll 32
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) sum[r][v] = vec{};
  for (int k = 0; k < K; ++k) {
    vec row[V];
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) row[v] = load(b + k * BK + v * W);
#pragma GCC unroll 32
    for (int r = 0; r < R; ++r) {
      float x = a[r * AI + k * AK];
#pragma GCC unroll 8
      for (int v = 0; v < V; ++v) sum[r][v] += x * row[v];
    }
  }
#pragma GCC unroll 32
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 8
    for (int v = 0; v < V - (TAIL < W); ++v) store(c + r * CI + v * W, sum[r][v]);
    if (TAIL < W) {
      float last[W];
      store(last, sum[r][V - 1]);
      for (int j = 0; j < TAIL; ++j) c[r * CI + (V - 1) * W + j] = last[j];
    }
  }
}

template <int I, int R, int V, int TAIL, int K, int AI, int AK, int BK, int CI>
static inline void rows(const float* a, const float* b, float* c) {
  constexpr int WHOLE = I / R * R, REST = I - WHOLE;
  for (int i = 0; i < WHOLE; i += R)
    block<R, V, TAIL, K, AI, AK, BK, CI>(a + i * AI, b, c + i * CI);
  if constexpr (REST > 0)
    block<REST, V, TAIL, K, AI, AK, BK, CI>(a + WHOLE * AI, b, c + WHOLE * CI);
}

constexpr int rows_at_once(int vectors) {
  int r = (REGISTERS - 2 - vectors) / vectors;
  return r > 14 ? 14 : r;
}

// C [I, J] = A [I, K] · B [K, J], by strides; room: K · (J rounded up to 16) if B isn't plain.
template <int I, int J, int K, int AI, int AK, int BK, int BJ>
__attribute__((noinline))
static void product(const float* a, const float* b, float* c, float* room) {
  constexpr bool PACK = J % 16 != 0 || BJ != 1;
  constexpr int JP = (J + 15) / 16 * 16, S = PACK ? JP : BK;
  if constexpr (PACK) {
    constexpr int T = 16;  // in tiles, so that a line of the cache is fetched once
    for (int kk = 0; kk < K; kk += T)
      for (int jj = 0; jj < JP; jj += T)
        for (int k = kk; k < (kk + T < K ? kk + T : K); ++k)
          for (int j = jj; j < jj + T; ++j)
            room[k * JP + j] = j < J ? b[k * BK + j * BJ] : 0.0f;
    b = room;
  }
  constexpr int MOST = REGISTERS == 32 ? 4 : 2, WIDE = MOST * W;
  constexpr int WHOLE = J / WIDE * WIDE, REST = J - WHOLE;
  for (int j = 0; j < WHOLE; j += WIDE)
    rows<I, rows_at_once(MOST), MOST, W, K, AI, AK, S, J>(a, b + j, c + j);
  if constexpr (REST > 0) {
    constexpr int V = (REST + W - 1) / W, TAIL = REST - (V - 1) * W;
    rows<I, rows_at_once(V), V, TAIL, K, AI, AK, S, J>(a, b + WHOLE, c + WHOLE);
  }
}
"""
