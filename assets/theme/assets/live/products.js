/* Products of matrices, where a model spends its time: by WebAssembly where the page may run it, by
   plain JavaScript where not. Both work on the same layout, so that the model need not know which. */

/**
 * Rows of numbers in memory; row i begins at `data[i * stride]`.
 *
 * @typedef {object} Matrix
 * @property {Float32Array} data
 * @property {number} rows
 * @property {number} columns
 * @property {number} stride
 */

/**
 * The right factor of a product: its columns in panels of eight, each [inner, 8], the last one filled
 * up with zeros. What is multiplied together then lies together.
 *
 * @typedef {object} Panels
 * @property {Float32Array} data
 * @property {number} inner
 * @property {number} columns
 */

/**
 * @typedef {object} Products
 * @property {string} name
 * @property {(length: number) => Float32Array} allocate numbers that hold anything
 * @property {() => number} mark
 * @property {(mark: number) => void} release everything allocated since the mark
 * @property {(a: Matrix, b: Panels, bias: Float32Array | null, c: Matrix) => void} multiply c = a b + bias
 * @property {(x: Float32Array) => void} gelu in place, as the two that follow; a multiple of four numbers
 * @property {(x: Float32Array) => void} exponential
 * @property {(x: Float32Array) => void} sigmoid
 */

/**
 * The functions of kernel.wasm; numbers are addresses in bytes, or counts.
 *
 * @typedef {object} Kernel
 * @property {WebAssembly.Memory} memory
 * @property {(a: number, aStride: number, b: number, bias: number, c: number, cStride: number, rows: number,
 *   inner: number, columns: number) => void} multiply
 * @property {(x: number, length: number) => void} gelu
 * @property {(x: number, length: number) => void} exponential
 * @property {(x: number, length: number) => void} sigmoid
 */

export const PANEL = 8; // columns that are worked on together
export const BLOCK = 4; // rows that are worked on together
const FIRST = 1024; // no address is 0
const PAGE = 65536; // bytes in which WebAssembly's memory grows

/** @param {number} number */
export const wholePanels = (number) => Math.ceil(number / PANEL) * PANEL;

/**
 * @param {Products} products
 * @param {number} rows
 * @param {number} columns
 * @returns {Matrix}
 */
export function matrix(products, rows, columns) {
  const stride = wholePanels(columns);
  return { data: products.allocate(rows * stride), rows, columns, stride };
}

/**
 * Take some columns of a matrix, in place.
 *
 * @param {Matrix} of
 * @param {number} from
 * @param {number} columns
 * @returns {Matrix}
 */
export const columnsOf = (of, from, columns) => ({ ...of, data: of.data.subarray(from), columns });

/**
 * Lay a right factor out in panels: entry (k, j) is taken from `values[from + k * down + j * across]`.
 *
 * @param {Products} products
 * @param {number} inner
 * @param {number} columns
 * @param {Float32Array} values
 * @param {{from?: number, down: number, across: number}} steps
 * @returns {Panels}
 */
export function panels(products, inner, columns, values, { from = 0, down, across }) {
  const data = products.allocate(inner * wholePanels(columns));
  let at = 0;
  for (let first = 0; first < columns; first += PANEL) {
    for (let k = 0; k < inner; k++) {
      const row = from + k * down;
      for (let column = first; column < first + PANEL; column++) {
        data[at++] = column < columns ? values[row + column * across] : 0;
      }
    }
  }
  return { data, inner, columns };
}

/**
 * Use a compiled kernel, and its memory for every number.
 *
 * @param {Kernel} kernel
 * @param {number} room numbers that are to be allocated at most
 * @returns {Products}
 */
export function fastProducts({ memory, multiply, gelu, exponential, sigmoid }, room) {
  const missing = FIRST + 4 * room - memory.buffer.byteLength;
  if (missing > 0) memory.grow(Math.ceil(missing / PAGE));
  let next = FIRST;
  return {
    name: "WebAssembly",
    allocate(length) {
      const view = new Float32Array(memory.buffer, next, length);
      next += 16 * Math.ceil(length / 4);
      return view;
    },
    mark: () => next,
    release(mark) {
      next = mark;
    },
    multiply: (a, b, bias, c) =>
      multiply(
        a.data.byteOffset,
        a.stride,
        b.data.byteOffset,
        bias ? bias.byteOffset : 0,
        c.data.byteOffset,
        c.stride,
        a.rows,
        b.inner,
        wholePanels(b.columns),
      ),
    gelu: (x) => gelu(x.byteOffset, x.length),
    exponential: (x) => exponential(x.byteOffset, x.length),
    sigmoid: (x) => sigmoid(x.byteOffset, x.length),
  };
}

/**
 * Do without WebAssembly.
 *
 * @returns {Products}
 */
export function plainProducts() {
  return {
    name: "JavaScript",
    allocate: (length) => new Float32Array(length),
    mark: () => 0,
    release: () => {},
    multiply(a, b, bias, c) {
      const half = PANEL / 2;
      for (let column = 0; column < wholePanels(b.columns); column += half) {
        const from = (column - (column % PANEL)) * b.inner + (column % PANEL);
        for (let row = 0; row < a.rows; row += BLOCK) {
          block(a, row, b, from, bias, c, column);
        }
      }
    },
    gelu(x) {
      for (let i = 0; i < x.length; i++) x[i] = 0.5 * x[i] * (1 + erf(x[i] * Math.SQRT1_2));
    },
    exponential(x) {
      for (let i = 0; i < x.length; i++) x[i] = Math.exp(x[i]);
    },
    sigmoid(x) {
      for (let i = 0; i < x.length; i++) x[i] = 1 / (1 + Math.exp(-x[i]));
    },
  };
}

/**
 * Four rows by four columns of a product, in sixteen local numbers.
 *
 * @param {Matrix} a
 * @param {number} row
 * @param {Panels} b
 * @param {number} from
 * @param {Float32Array | null} bias
 * @param {Matrix} c
 * @param {number} column
 */
function block(a, row, b, from, bias, c, column) {
  const x = a.data;
  const y = b.data;
  let a0 = row * a.stride;
  let a1 = (row + 1) * a.stride;
  let a2 = (row + 2) * a.stride;
  let a3 = (row + 3) * a.stride;
  const s0 = bias ? bias[column] : 0;
  const s1 = bias ? bias[column + 1] : 0;
  const s2 = bias ? bias[column + 2] : 0;
  const s3 = bias ? bias[column + 3] : 0;
  let c00 = s0,
    c01 = s1,
    c02 = s2,
    c03 = s3;
  let c10 = s0,
    c11 = s1,
    c12 = s2,
    c13 = s3;
  let c20 = s0,
    c21 = s1,
    c22 = s2,
    c23 = s3;
  let c30 = s0,
    c31 = s1,
    c32 = s2,
    c33 = s3;
  for (let end = from + PANEL * b.inner; from < end; from += PANEL) {
    const b0 = y[from];
    const b1 = y[from + 1];
    const b2 = y[from + 2];
    const b3 = y[from + 3];
    const r0 = x[a0++];
    c00 += r0 * b0;
    c01 += r0 * b1;
    c02 += r0 * b2;
    c03 += r0 * b3;
    const r1 = x[a1++];
    c10 += r1 * b0;
    c11 += r1 * b1;
    c12 += r1 * b2;
    c13 += r1 * b3;
    const r2 = x[a2++];
    c20 += r2 * b0;
    c21 += r2 * b1;
    c22 += r2 * b2;
    c23 += r2 * b3;
    const r3 = x[a3++];
    c30 += r3 * b0;
    c31 += r3 * b1;
    c32 += r3 * b2;
    c33 += r3 * b3;
  }
  const z = c.data;
  let to = row * c.stride + column;
  z[to] = c00;
  z[to + 1] = c01;
  z[to + 2] = c02;
  z[to + 3] = c03;
  to += c.stride;
  z[to] = c10;
  z[to + 1] = c11;
  z[to + 2] = c12;
  z[to + 3] = c13;
  to += c.stride;
  z[to] = c20;
  z[to + 1] = c21;
  z[to + 2] = c22;
  z[to + 3] = c23;
  to += c.stride;
  z[to] = c30;
  z[to + 1] = c31;
  z[to + 2] = c32;
  z[to + 3] = c33;
}

/**
 * The error function as a ratio of polynomials, good to the last digits of a float32 on -4 ... 4; beyond,
 * it is 1 to all of them. The factors are those of the Eigen and XLA libraries. The ratio is rounded as
 * the kernel's is: in more digits it goes beyond 1 at the ends, and 1 + erf would be of the wrong sign.
 *
 * @param {number} value
 */
export function erf(value) {
  const x = Math.min(4, Math.max(-4, value));
  const s = x * x;
  let above = -2.72614225801306e-10 * s + 2.77068142495902e-8;
  above = above * s - 2.10102402082508e-6;
  above = above * s - 5.69250639462346e-5;
  above = above * s - 7.34990630326855e-4;
  above = above * s - 2.9545998085402e-3;
  above = above * s - 1.60960333262415e-2;
  let below = -1.45660718464996e-5 * s - 2.13374055278905e-4;
  below = below * s - 1.68282697438203e-3;
  below = below * s - 7.37332916720468e-3;
  below = below * s - 1.42647390514189e-2;
  return Math.fround((x * above) / below);
}
