/*
 * A block of each kind of work, as one thread does it: Winograd's transforms, the products between them, and what lies
 * between the convolutions. What maps are, and who takes which block, is told in kernel.c.
 */

#include <wasm_simd128.h>

typedef v128_t Four;

#ifdef RELAXED
#define MADD(a, b, c) wasm_f32x4_relaxed_madd(a, b, c)
#else
#define MADD(a, b, c) wasm_f32x4_add(wasm_f32x4_mul(a, b), c)
#endif
#define ADD wasm_f32x4_add
#define SUB wasm_f32x4_sub
#define MAX wasm_f32x4_max
#define MIN wasm_f32x4_min
#define ALL(value) wasm_f32x4_const_splat(value)
#define LOAD wasm_v128_load
#define STORE wasm_v128_store
#define INLINE static inline __attribute__((always_inline))

/*
 * Called for each tile or block, and not made part of its caller: browsers put faster code in the place of a function's
 * first one between two calls of it, never within one.
 */
#define CALLED static __attribute__((noinline))

/* Tiles that are transformed together: their filters' numbers are read once for all of them. A multiple of SIX. */
#define TILES 24

/* A tile's places of the input, each way, and of the result. */
#define GIVEN 6
#define MADE 4

/*
 * Numbers between two of the GIVEN x GIVEN matrices of tiles and channels: were their distance a power of two, what is
 * written to all of them at a time would lie in the same few lines of the cache. A line of one lies between them.
 */
#define APART(channels) (TILES * (channels) + 16)

/* What multiply() keeps in registers: so many tiles of so many channels, twelve vectors of the sixteen there are. */
#define SIX 6
#define EIGHT 8

enum { IS_DOUBLED = 1, IS_HALVED = 2, HAS_RELU = 4, IS_CLAMPED = 8 };
enum { CONVOLVE, POINTWISE, HALVE, TO_PLANES, TO_CELLS, ADD_DOUBLED };

typedef struct {
  int kind, flags;
  const float *from;
  int height, width, channels; /* of what is given */
  float *to;
  int made, stored; /* channels: as they are computed, see computed_for(), and as they are stored */
  const float *filters, *bias;
  float *scratch; /* of all threads, one after the other */
  int each;       /* numbers of it for one thread */
  int row, column, step;
} Job;

/* ---- Winograd's transforms of one line ------------------------------------------------------------------------- */

INLINE void transform_given(const Four d[GIVEN], Four made[GIVEN]) {
  const Four a = MADD(d[2], ALL(-4), d[4]), b = MADD(d[1], ALL(-4), d[3]);
  const Four c = SUB(d[4], d[2]), e = SUB(d[3], d[1]);
  made[0] = MADD(d[0], ALL(4), MADD(d[2], ALL(-5), d[4]));
  made[1] = ADD(a, b);
  made[2] = SUB(a, b);
  made[3] = MADD(e, ALL(2), c);
  made[4] = MADD(e, ALL(-2), c);
  made[5] = MADD(d[1], ALL(4), MADD(d[3], ALL(-5), d[5]));
}

INLINE void transform_back(const Four m[GIVEN], Four made[MADE]) {
  const Four a = ADD(m[1], m[2]), b = SUB(m[1], m[2]), c = ADD(m[3], m[4]), e = SUB(m[3], m[4]);
  made[0] = ADD(m[0], ADD(a, c));
  made[1] = MADD(e, ALL(2), b);
  made[2] = MADD(c, ALL(4), a);
  made[3] = ADD(MADD(e, ALL(8), b), m[5]);
}

static void transform_filter(const double g[3], double made[GIVEN]) {
  made[0] = g[0] / 4;
  made[1] = -(g[0] + g[1] + g[2]) / 6;
  made[2] = -(g[0] - g[1] + g[2]) / 6;
  made[3] = g[0] / 24 + g[1] / 12 + g[2] / 6;
  made[4] = g[0] / 24 - g[1] / 12 + g[2] / 6;
  made[5] = g[2];
}

/* ---- Filters, as they lie --------------------------------------------------------------------------------------- */

INLINE int blocks(int length, int size) { return (length + size - 1) / size; }

/* Channels that multiply() makes where so many are wanted; nobody else need know of it. */
INLINE int computed_for(int wanted) { return blocks(wanted, EIGHT) * EIGHT; }

/* Where multiply() looks for the filter between two channels. */
static int place_of(int out, int in, int channels) {
  return (out / EIGHT * channels + in) * EIGHT + out % EIGHT;
}

/* ---- The product that all the time goes into -------------------------------------------------------------------- */

/* (tiles, channels) by packed filters to (tiles, made); tiles are a multiple of SIX. */
CALLED void multiply(const float *given, const float *filters, float *to, int channels, int made, int tiles) {
  for (int out = 0; out < made; out += EIGHT, filters += EIGHT * channels) {
    for (int tile = 0; tile < tiles; tile += SIX) {
      const float *f = filters, *g[SIX];
      Four sum[SIX][2];
      for (int k = 0; k < SIX; k++) {
        g[k] = given + (tile + k) * channels;
        sum[k][0] = sum[k][1] = ALL(0);
      }
      for (int c = 0; c < channels; c += 4, f += 4 * EIGHT) {
#pragma unroll
        for (int part = 0; part < 4; part++) {
          const Four first = LOAD(f + part * EIGHT), second = LOAD(f + part * EIGHT + 4);
          for (int k = 0; k < SIX; k++) {
            const Four value = wasm_v128_load32_splat(g[k] + c + part);
            sum[k][0] = MADD(value, first, sum[k][0]);
            sum[k][1] = MADD(value, second, sum[k][1]);
          }
        }
      }
      for (int k = 0; k < SIX; k++) {
        STORE(to + (tile + k) * made + out, sum[k][0]);
        STORE(to + (tile + k) * made + out + 4, sum[k][1]);
      }
    }
  }
}

/* ---- A block of each kind of work ------------------------------------------------------------------------------- */

INLINE int least(int a, int b) { return a < b ? a : b; }

/* A place beyond the border is that as far within it; what lies beyond the last tile is not used, but is to exist. */
INLINE int mirrored(int place, int length) {
  if (place < 0) place = -place;
  if (place >= length) place = 2 * length - 2 - place;
  return place < 0 ? 0 : place;
}

CALLED void give(const Job *j, float *given, int y, int x, int height, int width) {
  const int shift = j->flags & IS_DOUBLED ? 1 : 0;
  const float *rows[GIVEN];
  int columns[GIVEN];
  for (int k = 0; k < GIVEN; k++) {
    rows[k] = j->from + (mirrored(y - 1 + k, height) >> shift) * j->width * j->channels;
    columns[k] = (mirrored(x - 1 + k, width) >> shift) * j->channels;
  }
  for (int c = 0; c < j->channels; c += 4) {
    Four turned[GIVEN][GIVEN];
    for (int r = 0; r < GIVEN; r++) {
      Four line[GIVEN], made[GIVEN];
      for (int k = 0; k < GIVEN; k++) line[k] = LOAD(rows[r] + columns[k] + c);
      transform_given(line, made);
      for (int k = 0; k < GIVEN; k++) turned[k][r] = made[k];
    }
    for (int k = 0; k < GIVEN; k++) {
      Four made[GIVEN];
      transform_given(turned[k], made);
      for (int r = 0; r < GIVEN; r++) STORE(given + (r * GIVEN + k) * APART(j->channels) + c, made[r]);
    }
  }
}

/* As take(), of `tall` x `wide` places of a tile. */
INLINE void take_as(const Job *j, const float *products, int y, int x, int width, int flags, int tall, int wide) {
  const int is_halved = flags & IS_HALVED;
  const int across = is_halved ? blocks(width, 2) : width;
  for (int c = 0; c < j->stored; c += 4) {
    Four turned[MADE][GIVEN], made[MADE][MADE];
    for (int k = 0; k < GIVEN; k++) {
      Four line[GIVEN], back[MADE];
      for (int r = 0; r < GIVEN; r++) line[r] = LOAD(products + (r * GIVEN + k) * APART(j->made) + c);
      transform_back(line, back);
      for (int r = 0; r < MADE; r++) turned[r][k] = back[r];
    }
    const Four bias = LOAD(j->bias + c);
    for (int r = 0; r < MADE; r++) {
      transform_back(turned[r], made[r]);
      for (int k = 0; k < MADE; k++) {
        made[r][k] = ADD(made[r][k], bias);
        if (flags & (HAS_RELU | IS_CLAMPED)) made[r][k] = MAX(made[r][k], ALL(0));
        if (flags & IS_CLAMPED) made[r][k] = MIN(made[r][k], ALL(1));
      }
    }
    if (is_halved) {
      for (int r = 0; r < tall; r += 2) {
        for (int k = 0; k < wide; k += 2) {
          const int below = least(r + 1, tall - 1), beside = least(k + 1, wide - 1);
          const Four most = MAX(MAX(made[r][k], made[r][beside]), MAX(made[below][k], made[below][beside]));
          STORE(j->to + ((y + r) / 2 * across + (x + k) / 2) * j->stored + c, most);
        }
      }
    } else {
      for (int r = 0; r < tall; r++) {
        for (int k = 0; k < wide; k++) STORE(j->to + ((y + r) * across + x + k) * j->stored + c, made[r][k]);
      }
    }
  }
}

CALLED void take(const Job *j, const float *products, int y, int x, int height, int width) {
  const int tall = least(MADE, height - y), wide = least(MADE, width - x);
  /* Most tiles are whole ones of layers that only have a ReLU: for these nothing is asked place by place. */
  if (tall == MADE && wide == MADE && (j->flags & ~IS_DOUBLED) == HAS_RELU) {
    take_as(j, products, y, x, width, HAS_RELU, MADE, MADE);
  } else {
    take_as(j, products, y, x, width, j->flags, tall, wide);
  }
}

CALLED void convolve(const Job *j, int block, float *scratch) {
  const int by = j->flags & IS_DOUBLED ? 2 : 1;
  const int height = by * j->height, width = by * j->width, across = blocks(width, MADE);
  const int first = block * TILES, last = least(first + TILES, blocks(height, MADE) * across);
  float *products = scratch + GIVEN * GIVEN * APART(j->channels);
  for (int tile = first; tile < last; tile++) {
    give(j, scratch + (tile - first) * j->channels, tile / across * MADE, tile % across * MADE, height, width);
  }
  const int tiles = blocks(last - first, SIX) * SIX; /* what is left of others does no harm */
  for (int k = 0; k < GIVEN * GIVEN; k++) {
    multiply(scratch + k * APART(j->channels), j->filters + k * j->channels * j->made, products + k * APART(j->made),
             j->channels, j->made, tiles);
  }
  for (int tile = first; tile < last; tile++) {
    take(j, products + (tile - first) * j->made, tile / across * MADE, tile % across * MADE, height, width);
  }
}

/* 1 x 1. */
CALLED void pointwise(const Job *j, int block, float *scratch) {
  const int first = block * TILES, places = least(TILES, j->height * j->width - first);
  for (int k = 0; k < places * j->channels; k += 4) STORE(scratch + k, LOAD(j->from + first * j->channels + k));
  float *products = scratch + TILES * j->channels;
  multiply(scratch, j->filters, products, j->channels, j->made, blocks(places, SIX) * SIX);
  for (int place = 0; place < places; place++) {
    for (int c = 0; c < j->stored; c += 4) {
      STORE(j->to + (first + place) * j->stored + c, ADD(LOAD(products + place * j->made + c), LOAD(j->bias + c)));
    }
  }
}

/* The largest of 2 x 2; an odd last row or column counts alone. A block is a row of the result. */
CALLED void halve(const Job *j, int block) {
  const int first = 2 * block, second = least(first + 1, j->height - 1), across = j->width * j->channels;
  float *to = j->to + block * blocks(j->width, 2) * j->channels;
  for (int x = 0; x < j->width; x += 2) {
    const int next = least(x + 1, j->width - 1);
    const float *left = j->from + x * j->channels, *right = j->from + next * j->channels;
    for (int c = 0; c < j->channels; c += 4, to += 4) {
      const Four above = MAX(LOAD(left + first * across + c), LOAD(right + first * across + c));
      const Four below = MAX(LOAD(left + second * across + c), LOAD(right + second * across + c));
      STORE(to, MAX(above, below));
    }
  }
}

/*
 * Every step-th place from (row, column) on to planes of the result, which has as many rows and columns as hold all
 * places of the map: of one that ends within a step the last place counts for those that it has not. A block is a row.
 */
CALLED void to_planes(const Job *j, int block) {
  const int rows = blocks(j->height, j->step), columns = blocks(j->width, j->step);
  const int y = least(block * j->step + j->row, j->height - 1);
  for (int column = 0; column < columns; column++) {
    const int x = least(column * j->step + j->column, j->width - 1);
    const float *place = j->from + (y * j->width + x) * j->channels;
    float *to = j->to + block * columns + column;
    for (int c = 0; c < j->made; c++) to[c * rows * columns] = place[c];
  }
}

/* The way back: planes (made, H, W) to every step-th place of a map; what it has no planes for is 0. */
CALLED void to_cells(const Job *j, int block) {
  const int across = j->width * j->step, area = j->height * j->width;
  for (int x = 0; x < j->width; x++) {
    float *place = j->to + ((block * j->step + j->row) * across + x * j->step + j->column) * j->stored;
    const float *from = j->from + block * j->width + x;
    for (int c = 0; c < j->stored; c++) place[c] = c < j->made ? from[c * area] : 0;
  }
}

/* A map, doubled, is added to one of that size. A block is a row of the latter. */
CALLED void add_doubled(const Job *j, int block) {
  const float *row = j->from + block / 2 * j->width * j->channels;
  float *to = j->to + block * 2 * j->width * j->channels;
  for (int x = 0; x < 2 * j->width; x++) {
    for (int c = 0; c < j->channels; c += 4, to += 4) STORE(to, ADD(LOAD(to), LOAD(row + x / 2 * j->channels + c)));
  }
}
