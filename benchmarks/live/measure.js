/* What benchmarks/live.py runs in the page. */

/* Make `run`: each way to paint image n, by its name. */
export async function setUp() {
  const scene = await import("/assets/live/scene.js");
  const { Network, readWeights, roomFor, unpacked } = await import("/assets/live/model.js");
  const { fastProducts, plainProducts } = await import("/assets/live/products.js");
  const bytes = async (url) => (await fetch(url)).arrayBuffer();
  const weights = readWeights(await unpacked(await bytes("/assets/live/flagship.safetensors.gz")));
  const by = async (kernel) => {
    const { instance } = await WebAssembly.instantiateStreaming(fetch(`/assets/live/${kernel}`));
    return new Network(fastProducts(instance.exports, roomFor(weights)), weights, {});
  };
  const fast = await by("kernel-fused.wasm");
  const unfused = await by("kernel.wasm");
  const plain = new Network(plainProducts(), weights, {});
  const images = new Uint8Array(await bytes("/images.bin"));
  const size = 3 * scene.SIZE * scene.SIZE;
  const image = (n) => images.slice(n * size, (n + 1) * size);
  const pixels = (n) => Float32Array.from(image(n), (v) => v / 255);
  const hidden = (n) => Array.from({ length: 64 }, (_, patch) => patch === n);
  const tensorflow = await (await import("/tensorflow.js")).load();
  const ort = await import("/peers/ort/ort.wasm.min.mjs");
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmPaths = {
    wasm: "/peers/ort/ort-wasm-simd-threaded.wasm",
    mjs: "/peers/ort/ort-wasm-simd-threaded.mjs",
  };
  const session = await ort.InferenceSession.create("/flagship.onnx", { executionProviders: ["wasm"] });
  window.run = {
    ours: (n) => fast.run(image(n)).painted,
    mask: (n) => fast.run(image(0), { hidden: hidden(n) }).painted,
    unfused: (n) => unfused.run(image(n)).painted,
    plain: (n) => plain.run(image(n)).painted,
    onnx: async (n) => {
      const given = { image: new ort.Tensor("float32", pixels(n), [1, 3, 128, 128]) };
      return (await session.run(given)).painted.data;
    },
    tensorflow: (n) => tensorflow(pixels(n)),
  };
}

/* Drag a shape, a step a frame; then time single steps, from the key to the pixels. */
export async function drag(steps) {
  const shape = document.querySelector("[data-shape='0']");
  const view = document.querySelector(".nb-figure__view");
  const tasks = [];
  new PerformanceObserver((list) => tasks.push(...list.getEntries().map((e) => e.duration))).observe({
    type: "longtask",
  });
  const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
  const waits = [];
  const { left, top, width } = document.querySelector(".lab__canvas").getBoundingClientRect();
  const fire = (type, x, y) =>
    shape.dispatchEvent(
      new PointerEvent(type, {
        bubbles: true,
        clientX: left + (x * width) / 128,
        clientY: top + (y * width) / 128,
        pointerId: 1,
      }),
    );
  SVGElement.prototype.setPointerCapture = () => {};
  SVGElement.prototype.releasePointerCapture = () => {};
  let posts = 0;
  const post = Worker.prototype.postMessage;
  Worker.prototype.postMessage = function (message) {
    posts += 1;
    return post.call(this, message);
  };
  fire("pointerdown", 25, 27);
  for (let step = 0; step < steps; step++) {
    fire("pointermove", 25 + 8 * Math.sin(step / 9), 27 + 8 * Math.cos(step / 7));
    await frame();
  }
  fire("pointerup", 25, 27);
  // One step at a time: from the event to the frame that shows its answer.
  for (let step = 0; step < 60; step++) {
    while (view.dataset.state !== view.dataset.wanted) await frame();
    const answered = new Promise((resolve) => {
      const watch = new MutationObserver(() => {
        if (view.dataset.state !== view.dataset.wanted) return;
        watch.disconnect();
        resolve(performance.now());
      });
      watch.observe(view, { attributes: true });
    });
    const start = performance.now();
    shape.dispatchEvent(new KeyboardEvent("keydown", { key: step % 2 ? "ArrowUp" : "ArrowDown", bubbles: true }));
    waits.push((await answered) - start);
  }
  await new Promise((resolve) => setTimeout(resolve, 300));
  return { longest_task: Math.max(0, ...tasks), posts, steps, waits };
}

/* Paint some images one after another. */
export async function paint(name, from, passes) {
  for (let n = from; n < from + passes; n++) await window.run[name](n % 16);
}
