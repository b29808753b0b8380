// The inner loops of the live model, in AssemblyScript; `make vendor` compiles them twice: into kernel.wasm,
// and into kernel-fused.wasm for browsers that multiply and add in one instruction (relaxed SIMD).
//
// Sixteen bytes hold four numbers, and one instruction works on all of them. Matrices are laid out as
// assets/theme/assets/live/products.js says; addresses are in bytes, strides in numbers.

/**
 * c [rows, columns] = a [rows, inner] b [inner, columns] + bias [columns].
 *
 * b comes in panels of eight columns. Rows must be a multiple of 4, columns of 8: four rows by eight
 * columns are summed up in registers. bias 0 stands for none.
 */
export function multiply(
  a: usize,
  aStride: i32,
  b: usize,
  bias: usize,
  c: usize,
  cStride: i32,
  rows: i32,
  inner: i32,
  columns: i32,
): void {
  const aStep: usize = (<usize>aStride) << 2;
  const cStep: usize = (<usize>cStride) << 2;
  for (let column = 0; column < columns; column += 8) {
    const panel: usize = b + ((<usize>(column * inner)) << 2);
    let left = f32x4.splat(0);
    let right = f32x4.splat(0);
    if (bias != 0) {
      left = v128.load(bias + ((<usize>column) << 2));
      right = v128.load(bias + ((<usize>column) << 2), 16);
    }
    for (let row = 0; row < rows; row += 4) {
      let r0: usize = a + <usize>row * aStep;
      let r1: usize = r0 + aStep;
      let r2: usize = r1 + aStep;
      let r3: usize = r2 + aStep;
      let s00 = left,
        s01 = right,
        s10 = left,
        s11 = right,
        s20 = left,
        s21 = right,
        s30 = left,
        s31 = right;
      let at: usize = panel;
      const end: usize = panel + ((<usize>inner) << 5);
      while (at < end) {
        const b0 = v128.load(at);
        const b1 = v128.load(at, 16);
        const v0 = v128.load32_splat(r0);
        s00 = fused(v0, b0, s00);
        s01 = fused(v0, b1, s01);
        const v1 = v128.load32_splat(r1);
        s10 = fused(v1, b0, s10);
        s11 = fused(v1, b1, s11);
        const v2 = v128.load32_splat(r2);
        s20 = fused(v2, b0, s20);
        s21 = fused(v2, b1, s21);
        const v3 = v128.load32_splat(r3);
        s30 = fused(v3, b0, s30);
        s31 = fused(v3, b1, s31);
        at += 32;
        r0 += 4;
        r1 += 4;
        r2 += 4;
        r3 += 4;
      }
      let to: usize = c + <usize>row * cStep + ((<usize>column) << 2);
      v128.store(to, s00);
      v128.store(to, s01, 16);
      to += cStep;
      v128.store(to, s10);
      v128.store(to, s11, 16);
      to += cStep;
      v128.store(to, s20);
      v128.store(to, s21, 16);
      to += cStep;
      v128.store(to, s30);
      v128.store(to, s31, 16);
    }
  }
}

/** a b + c, rounded once where that is one instruction. */
function fused(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, c);
  return f32x4.add(f32x4.mul(a, b), c);
}

function next(sum: v128, square: v128, factor: f32): v128 {
  return fused(sum, square, f32x4.splat(factor));
}

/** x = x (1 + erf(x / root 2)) / 2, with the error function of products.js; length a multiple of 4. */
export function gelu(x: usize, length: i32): void {
  const end: usize = x + ((<usize>length) << 2);
  for (; x < end; x += 16) {
    const v = v128.load(x);
    const t = f32x4.min(f32x4.splat(4), f32x4.max(f32x4.splat(-4), f32x4.mul(v, f32x4.splat(0.70710677))));
    const s = f32x4.mul(t, t);
    let p = f32x4.splat(-2.72614225801306e-10);
    p = next(p, s, 2.77068142495902e-8);
    p = next(p, s, -2.10102402082508e-6);
    p = next(p, s, -5.69250639462346e-5);
    p = next(p, s, -7.34990630326855e-4);
    p = next(p, s, -2.9545998085402e-3);
    p = next(p, s, -1.60960333262415e-2);
    let q = f32x4.splat(-1.45660718464996e-5);
    q = next(q, s, -2.13374055278905e-4);
    q = next(q, s, -1.68282697438203e-3);
    q = next(q, s, -7.37332916720468e-3);
    q = next(q, s, -1.42647390514189e-2);
    const erf = f32x4.div(f32x4.mul(t, p), q);
    v128.store(x, f32x4.mul(f32x4.mul(v, f32x4.splat(0.5)), f32x4.add(f32x4.splat(1), erf)));
  }
}

/**
 * e^x for x of -87 ... 88: 2^n e^r, r within half of log 2, by the polynomial of the Cephes library.
 */
function power(v: v128): v128 {
  const x = f32x4.min(f32x4.splat(88), f32x4.max(f32x4.splat(-87), v));
  const n = f32x4.nearest(f32x4.mul(x, f32x4.splat(1.44269504088896341)));
  let r = f32x4.sub(x, f32x4.mul(n, f32x4.splat(0.693359375)));
  r = f32x4.sub(r, f32x4.mul(n, f32x4.splat(-2.1219444e-4)));
  let p = f32x4.splat(1.98756915e-4);
  p = next(p, r, 1.3981999507e-3);
  p = next(p, r, 8.3334519073e-3);
  p = next(p, r, 4.1665795894e-2);
  p = next(p, r, 1.6666665459e-1);
  p = next(p, r, 5.0000001201e-1);
  p = f32x4.add(f32x4.add(f32x4.mul(f32x4.mul(p, r), r), r), f32x4.splat(1));
  const exponent = i32x4.shl(i32x4.add(i32x4.trunc_sat_f32x4_s(n), i32x4.splat(127)), 23);
  return f32x4.mul(p, exponent);
}

/** x = e^x; length a multiple of 4. */
export function exponential(x: usize, length: i32): void {
  const end: usize = x + ((<usize>length) << 2);
  for (; x < end; x += 16) v128.store(x, power(v128.load(x)));
}

/** x = 1 / (1 + e^-x); length a multiple of 4. */
export function sigmoid(x: usize, length: i32): void {
  const end: usize = x + ((<usize>length) << 2);
  const one = f32x4.splat(1);
  for (; x < end; x += 16) {
    v128.store(x, f32x4.div(one, f32x4.add(one, power(f32x4.neg(v128.load(x))))));
  }
}
