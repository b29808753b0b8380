/* The way to the worker and back: at most one scene is under way, and the newest one waits. */

/** @typedef {import("./worker.js").Answer} Answer */
/** @typedef {import("./worker.js").Request} Request */

/**
 * @typedef {object} Ends What stands at the near end of the way.
 * @property {() => {request: Request, scene: string}} newest what is to be painted, and what it is called
 * @property {(answer: Answer, scene: string) => void} answered
 * @property {() => void} failed
 */

/** @param {Ends} ends */
export function makeQueue({ newest, answered, failed }) {
  /** @type {Worker | null} */
  let worker = null;
  let under = ""; // the scene that is under way
  let waiting = false;

  function start() {
    const made = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
    made.addEventListener("message", ({ data }) => arrived(data));
    made.addEventListener("error", () => {
      // Its script, or one that it imports, did not come: it never answers, so the next scene gets another one.
      made.terminate();
      worker = null;
      arrived(null);
    });
    return made;
  }

  /** @param {Answer | null} answer none from a worker that is lost */
  function arrived(answer) {
    const scene = under;
    under = "";
    if (waiting) ask(); // whatever became of the one before it
    if (answer && !answer.error) answered(answer, scene);
    else failed();
  }

  function ask() {
    waiting = under !== "";
    if (waiting) return;
    const { request, scene } = newest();
    under = scene;
    worker ??= start();
    worker.postMessage(request);
  }

  return { ask, end: () => worker?.terminate() };
}
