/* The flagship in TensorFlow.js, for comparison: the same weights, the same layers, its WebAssembly backend.

   Weights are turned once, so that no product needs `transposeB`: fused with a bias, that gives wrong numbers on this
   backend. */
import { readWeights, unpacked } from "/assets/live/model.js";

const { tf } = window;
const HEADS = 4;
const GRID = 8;

export async function load() {
  tf.wasm.setWasmPaths("/peers/tfjs/");
  await tf.setBackend("wasm");
  await tf.ready();
  const { tensors } = readWeights(
    await unpacked(await (await fetch("/assets/live/flagship.safetensors.gz")).arrayBuffer()),
  );
  const weights = {};
  for (const [name, { shape, values }] of Object.entries(tensors)) {
    const read = tf.tensor(values, shape);
    weights[name] = shape.length === 2 ? tf.transpose(read) : read;
  }
  const angles = rotary();

  const linear = (name, x) => tf.add(tf.matMul(x, weights[`${name}.weight`]), weights[`${name}.bias`]);

  function layerNorm(name, x) {
    const centred = tf.sub(x, tf.mean(x, -1, true));
    const variance = tf.mean(tf.square(centred), -1, true);
    const normal = tf.mul(centred, tf.rsqrt(tf.add(variance, 1e-5)));
    return tf.add(tf.mul(normal, weights[`${name}.weight`]), weights[`${name}.bias`]);
  }

  const split = (x) => tf.transpose(tf.reshape(x, [64, HEADS, 32]), [1, 0, 2]);

  function rotate(x) {
    const [first, second] = tf.split(x, 2, -1);
    const turned = [
      tf.sub(tf.mul(first, angles.cosine), tf.mul(second, angles.sine)),
      tf.add(tf.mul(first, angles.sine), tf.mul(second, angles.cosine)),
    ];
    return tf.concat(turned, -1);
  }

  function attend(name, x, context) {
    const query = rotate(split(linear(`${name}.query`, x)));
    const key = rotate(split(linear(`${name}.key`, context)));
    const value = split(linear(`${name}.value`, context));
    const scores = tf.mul(tf.matMul(query, tf.transpose(key, [0, 2, 1])), 1 / Math.sqrt(32));
    const mixed = tf.transpose(tf.matMul(tf.softmax(scores), value), [1, 0, 2]);
    return linear(`${name}.output`, tf.reshape(mixed, [64, 128]));
  }

  function feedForward(name, x) {
    const hidden = linear(`${name}.expand`, x);
    const bent = tf.mul(tf.mul(hidden, 0.5), tf.add(tf.erf(tf.mul(hidden, Math.SQRT1_2)), 1));
    return linear(`${name}.contract`, bent);
  }

  const thought = (name, x) =>
    tf.add(x, feedForward(`${name}.feed_forward`, layerNorm(`${name}.feed_forward_norm`, x)));

  function patchify(image) {
    const cut = tf.transpose(tf.reshape(image, [3, GRID, 16, GRID, 16]), [1, 3, 0, 2, 4]);
    return tf.reshape(cut, [64, 768]);
  }

  function pass(pixels) {
    const patches = patchify(tf.tensor(pixels, [3, 128, 128]));
    let memory = linear("encoder_embedding.project", patches);
    for (const name of ["encoder.0", "encoder.1"]) {
      const seen = layerNorm(`${name}.attention_norm`, memory);
      memory = thought(name, tf.add(memory, attend(`${name}.attention`, seen, seen)));
    }
    memory = layerNorm("encoder_norm", memory);
    let queries = linear("decoder_embedding.project", patches);
    for (const name of ["decoder.0", "decoder.1"]) {
      const asking = layerNorm(`${name}.cross_attention_norm`, queries);
      queries = thought(name, tf.add(queries, attend(`${name}.cross_attention`, asking, memory)));
    }
    const tokens = layerNorm("decoder_norm", queries);
    const colours = tf.reshape(linear("paint.colours", tokens), [64, 3, 4]);
    const masks = tf.reshape(tf.sigmoid(linear("paint.masks", tokens)), [64, 4, 256]);
    const painted = tf.reshape(tf.matMul(colours, masks), [GRID, GRID, 3, 16, 16]);
    return tf.transpose(painted, [2, 0, 3, 1, 4]);
  }

  return (pixels) => tf.tidy(() => pass(pixels).dataSync());
}

function rotary() {
  const angle = (patch, pair) => (pair < 8 ? Math.floor(patch / GRID) : patch % GRID) * 100 ** (-(pair % 8) / 8);
  const angles = Array.from({ length: 64 * 16 }, (_, i) => angle(Math.floor(i / 16), i % 16));
  const shaped = (bend) => tf.tensor(angles.map(bend), [1, 64, 16]);
  return { cosine: shaped(Math.cos), sine: shaped(Math.sin) };
}
