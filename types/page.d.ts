/* What scripts find in a page beside the browser's own: Material's globals, Plotly, and what they give each other. */

/** A view's hold on what it drew; each is called when its time comes. */
interface FigureView {
  retheme?(): void;
  resize?(): void;
  purge?(): void;
  focus?(): void;
}

/** Draws into `box`; `file` resolves to a further file of the view, parsed. */
type MountView = (
  box: HTMLElement,
  data: any, // JSON: each view describes its own
  file: (name: string) => Promise<any>,
) => FigureView | void | Promise<FigureView | void>;

/** Those parts of a figure drawn by Plotly that are used here. */
interface Plot extends HTMLElement {
  layout: { width: number; height: number; updatemenus?: PlotMenu[] };
  data: Record<string, any>[];
  _fullData: Record<string, any>[];
  _fullLayout: { font: { color: string } };
}

interface PlotMenu {
  active?: number;
  buttons: { label: string; method?: string; args: unknown[] }[];
}

interface PlotlyLibrary {
  newPlot(box: HTMLElement, data: unknown[], layout: object, config: object): Promise<Plot>;
  purge(plot: HTMLElement): void;
  relayout(plot: HTMLElement, change: object): Promise<unknown>;
  restyle(plot: HTMLElement, change: object, traces?: number[]): Promise<unknown>;
  [method: string]: (plot: any, ...args: any[]) => any; // a figure's buttons name theirs
}

interface Window {
  Plotly: PlotlyLibrary;
  Bokeh: any; // its own types are a package's
  notebookEmbed: { register(name: string, mount: MountView): void };
  /** Material tells of every page, also after instant navigation. */
  document$?: { subscribe(next: () => void): unknown };
  __md_scope: URL;
  __md_hash(text: string): number;
  __md_get(key: string, storage?: Storage, scope?: URL): any;
  __md_set(key: string, value: unknown, storage?: Storage, scope?: URL): void;
  probe: object;
}

/** Not yet among the types that TypeScript brings. */
interface LayoutShift extends PerformanceEntry {
  value: number;
  sources: { node: Node | null }[];
}
