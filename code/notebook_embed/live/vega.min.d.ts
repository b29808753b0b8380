/* What vega.js takes of the bundle; its own types are packages'. */
export const compile: (spec: object) => { spec: object };
export const expressionInterpreter: unknown;
export const Handler: new (options: object) => { call: unknown };
export const loader: () => object;
export const parse: (spec: object, config?: object, options?: object) => unknown;
export const View: new (runtime: unknown, options: object) => { finalize(): void; runAsync(): Promise<unknown> };
