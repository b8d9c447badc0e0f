/*
 * What the page without a server computes in WebAssembly: 3 x 3 convolutions with a reflected border by Winograd's
 * F(4 x 4, 3 x 3) (Lavin & Gray 2016, section 4.3), and what lies between them.
 *
 * A map lies in memory place by place, all channels of a place together (H, W, C), C a multiple of 4, so that a vector
 * of four numbers is always of four channels, and nothing need be shuffled. What goes into a convolution is doubled,
 * and what comes out of it halved, on the way: neither is ever stored.
 *
 * Work is cut into blocks, which the threads take one after the other: see share().
 */

#include "kernel-blocks.h"

#define EXPORT(name) __attribute__((export_name(#name)))

static Job job;
static int count, left, finished; /* blocks: of the job, to be taken, done */
static int begun;                 /* jobs so far, by which threads know that there is another one */

/* ---- Threads ---------------------------------------------------------------------------------------------------- */

/* Take blocks of the job as long as there are any. */
static void share(int thread) {
  for (;;) {
    /* Once one is taken, the job is not over until that is done, and stays as it is. */
    const int block = __atomic_fetch_sub(&left, 1, __ATOMIC_SEQ_CST) - 1;
    if (block < 0) return;
    const Job mine = job;
    float *scratch = mine.scratch + thread * mine.each;
    switch (mine.kind) {
      case CONVOLVE: convolve(&mine, block, scratch); break;
      case POINTWISE: pointwise(&mine, block, scratch); break;
      case HALVE: halve(&mine, block); break;
      case TO_PLANES: to_planes(&mine, block); break;
      case TO_CELLS: to_cells(&mine, block); break;
      case ADD_DOUBLED: add_doubled(&mine, block); break;
    }
    const int all = count;
    if (__atomic_add_fetch(&finished, 1, __ATOMIC_SEQ_CST) == all) __builtin_wasm_memory_atomic_notify(&finished, 1);
  }
}

/* Do a job, with the threads that there are; one that is late, or was never started, is not waited for. */
static void run(int number, int threads) {
  count = number;
  __atomic_store_n(&finished, 0, __ATOMIC_SEQ_CST);
  __atomic_store_n(&left, number, __ATOMIC_SEQ_CST);
  if (threads > 1) {
    __atomic_fetch_add(&begun, 1, __ATOMIC_SEQ_CST);
    __builtin_wasm_memory_atomic_notify(&begun, threads - 1);
  }
  share(0);
  for (int done; (done = __atomic_load_n(&finished, __ATOMIC_SEQ_CST)) != number;) {
    __builtin_wasm_memory_atomic_wait32(&finished, done, -1);
  }
}

/* What a thread other than the first does for as long as it lives. Its stack is set before, see kernel.js. */
EXPORT(serve) void serve(int thread) {
  for (;;) {
    const int seen = __atomic_load_n(&begun, __ATOMIC_SEQ_CST);
    share(thread);
    __builtin_wasm_memory_atomic_wait32(&begun, seen, -1);
  }
}

/* ---- Filters, once --------------------------------------------------------------------------------------------- */

/* Numbers that pack() has room for. */
EXPORT(packed_of) int packed_of(int out, int side, int channels) {
  return (side == 1 ? 1 : GIVEN * GIVEN) * channels * computed_for(out);
}

/*
 * Filters (O, I, 3, 3) to GIVEN x GIVEN matrices of `channels` x those that are computed, or (O, I, 1, 1) to one; what
 * the paddings of both counts belong to stays as it is, and is to be 0.
 */
EXPORT(pack) void pack(const float *filters, int out, int in, int side, float *to, int channels) {
  const int made = computed_for(out);
  for (int o = 0; o < out; o++) {
    for (int i = 0; i < in; i++, filters += side * side) {
      float *place = to + place_of(o, i, channels);
      if (side == 1) {
        *place = *filters;
        continue;
      }
      double lines[3][GIVEN], both[GIVEN];
      for (int r = 0; r < 3; r++) {
        const double line[3] = {filters[3 * r], filters[3 * r + 1], filters[3 * r + 2]};
        transform_filter(line, lines[r]);
      }
      for (int c = 0; c < GIVEN; c++) {
        const double line[3] = {lines[0][c], lines[1][c], lines[2][c]};
        transform_filter(line, both);
        for (int r = 0; r < GIVEN; r++) place[(r * GIVEN + c) * channels * made] = (float)both[r];
      }
    }
  }
}

/* ---- What JavaScript calls; all have `threads` threads, and `stored` is a multiple of four ------------------------ */

/* Numbers that convolve() and pointwise() need of scratch for each thread. */
EXPORT(scratch_of) int scratch_of(int channels, int stored) {
  return GIVEN * GIVEN * (APART(channels) + APART(computed_for(stored)));
}

EXPORT(convolve) void run_convolve(const float *from, int height, int width, int channels, float *to, int stored,
                                   const float *filters, const float *bias, int flags, float *scratch, int threads) {
  const int by = flags & IS_DOUBLED ? 2 : 1;
  const int tiles = blocks(by * height, MADE) * blocks(by * width, MADE);
  job = (Job){.kind = CONVOLVE, .flags = flags, .from = from, .height = height, .width = width, .channels = channels,
              .to = to, .made = computed_for(stored), .stored = stored, .filters = filters, .bias = bias,
              .scratch = scratch, .each = scratch_of(channels, stored)};
  run(blocks(tiles, TILES), threads);
}

EXPORT(pointwise) void run_pointwise(const float *from, int height, int width, int channels, float *to, int stored,
                                     const float *filters, const float *bias, float *scratch, int threads) {
  job = (Job){.kind = POINTWISE, .from = from, .height = height, .width = width, .channels = channels, .to = to,
              .made = computed_for(stored), .stored = stored, .filters = filters, .bias = bias, .scratch = scratch,
              .each = scratch_of(channels, stored)};
  run(blocks(height * width, TILES), threads);
}

EXPORT(halve) void run_halve(const float *from, int height, int width, int channels, float *to, int threads) {
  job = (Job){.kind = HALVE, .from = from, .height = height, .width = width, .channels = channels, .to = to};
  run(blocks(height, 2), threads);
}

EXPORT(to_planes) void run_to_planes(const float *from, int height, int width, int channels, float *to, int made,
                                     int row, int column, int step, int threads) {
  job = (Job){.kind = TO_PLANES, .from = from, .height = height, .width = width, .channels = channels, .to = to,
              .made = made, .row = row, .column = column, .step = step};
  run(blocks(height, step), threads);
}

EXPORT(to_cells) void run_to_cells(const float *from, int made, int height, int width, float *to, int stored, int row,
                                   int column, int step, int threads) {
  job = (Job){.kind = TO_CELLS, .from = from, .height = height, .width = width, .to = to, .made = made,
              .stored = stored, .row = row, .column = column, .step = step};
  run(height, threads);
}

EXPORT(add_doubled) void run_add_doubled(const float *from, int height, int width, int channels, float *to,
                                         int threads) {
  job = (Job){.kind = ADD_DOUBLED, .from = from, .height = height, .width = width, .channels = channels, .to = to};
  run(2 * height, threads);
}
